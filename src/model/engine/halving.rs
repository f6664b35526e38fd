//! Going on when memory does not suffice for a batch.

use std::ops::Range;

use crate::model::decoder::{Batch, DecoderError};

/// Computes the states of some rows of a batch.
pub(super) type Forward<'a, E> = &'a mut dyn FnMut(&Batch, &[usize]) -> Result<Vec<f32>, E>;

/// Runs a batch through `forward`; where that runs out of memory, in pieces of half as many rows, a quarter, down to one. A batch of more
/// than `limit` rows is not tried whole.
///
/// The pieces are in order, so that rows still follow what they continue; a piece that failed is computed anew, which
/// writes the same keys and values to the same places. `limit` is the number of rows that fitted, for the batches to come.
pub(super) fn halving<E>(
    batch: &Batch,
    rows: &[usize],
    limit: &mut usize,
    forward: Forward<'_, E>,
    out_of_memory: &dyn Fn(&E) -> bool,
) -> Result<Vec<f32>, E> {
    let count = batch.tokens.len();
    if count == 0 {
        return Ok(Vec::new());
    }
    if count <= *limit {
        match forward(batch, rows) {
            Err(error) if out_of_memory(&error) && count > 1 => *limit = count.div_ceil(2),
            other => return other,
        }
    }
    *limit = (*limit).max(1);
    let mut states: Vec<Option<Vec<f32>>> = vec![None; rows.len()];
    let mut first = 0;
    while first < count {
        let range = first..(first + *limit).min(count);
        let (places, named) = named(rows, &range);
        match forward(&batch.piece(range.clone()), &named) {
            Ok(found) => {
                let width = found.len() / named.len().max(1);
                for (place, state) in places.into_iter().zip(found.chunks_exact(width.max(1))) {
                    if let Some(slot) = states.get_mut(place) {
                        *slot = Some(state.to_vec());
                    }
                }
                first = range.end;
            }
            Err(error) if out_of_memory(&error) && range.len() > 1 => *limit = range.len().div_ceil(2),
            Err(error) => return Err(error),
        }
    }
    Ok(states.into_iter().flatten().flatten().collect())
}

/// Which of the named rows lie in a range: their places among the named, and their numbers in the range.
fn named(rows: &[usize], range: &Range<usize>) -> (Vec<usize>, Vec<usize>) {
    let inside = rows.iter().enumerate().filter(|(_, row)| range.contains(row));
    inside.map(|(place, row)| (place, row - range.start)).unzip()
}

/// Whether a device ran out of memory. On the CPU nothing reports that.
pub(super) fn out_of_memory(error: &DecoderError) -> bool {
    let DecoderError::Tensor(error) = error else { return false };
    let text = error.to_string().to_lowercase();
    text.contains("out of memory") || text.contains("out_of_memory")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_precision_loss)]
mod tests {
    use super::*;
    use crate::model::decoder::Forest;

    fn batch() -> Batch {
        let (mut forest, mut batch) = (Forest::default(), Batch::default());
        let trunk = forest.branch(None);
        forest.append(trunk, &[1, 2, 3, 4, 5], &mut batch);
        let branch = forest.branch(Some(trunk));
        forest.append(branch, &[6, 7], &mut batch);
        batch
    }

    /// A device that holds `memory` rows; its states are token, position, and the row once more.
    fn device(memory: usize, seen: &mut Vec<u32>) -> impl FnMut(&Batch, &[usize]) -> Result<Vec<f32>, String> {
        move |batch, rows| {
            if batch.tokens.len() > memory {
                return Err("CUDA_ERROR_OUT_OF_MEMORY".to_owned());
            }
            seen.extend(&batch.tokens);
            let covered = batch.appends.iter().map(|append| append.rows).sum::<usize>();
            assert_eq!(covered, batch.tokens.len());
            for append in &batch.appends {
                assert_eq!(batch.positions[append.first_row], append.start);
            }
            Ok(rows.iter().flat_map(|row| [batch.tokens[*row] as f32, batch.positions[*row] as f32]).collect())
        }
    }

    #[test]
    fn a_batch_that_does_not_fit_is_computed_in_pieces_with_the_same_result() {
        let rows = [6, 0, 4, 4, 5];
        for memory in 1..8 {
            let (mut seen, mut limit) = (Vec::new(), 512);
            let mut forward = device(memory, &mut seen);
            let states = halving(&batch(), &rows, &mut limit, &mut forward, &|error| error.contains("OUT_OF_MEMORY"));
            drop(forward);
            assert_eq!(states.unwrap(), [7.0, 6.0, 1.0, 0.0, 5.0, 4.0, 5.0, 4.0, 6.0, 5.0]);
            assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7], "each token once, in order");
            assert!(if memory < 7 { limit <= memory } else { limit == 512 }, "{memory}: {limit}");
        }
    }

    #[test]
    fn one_row_that_does_not_fit_and_other_faults_are_errors() {
        let fail = |text: &'static str| {
            let mut calls = 0;
            let mut forward = |_: &Batch, _: &[usize]| {
                calls += 1;
                Err::<Vec<f32>, _>(text)
            };
            let result = halving(&batch(), &[0], &mut 512, &mut forward, &|error| error.contains("memory"));
            (result.unwrap_err(), calls)
        };
        assert_eq!(fail("out of memory"), ("out of memory", 4));
        assert_eq!(fail("no such device"), ("no such device", 1));
    }

    #[test]
    fn the_errors_that_devices_report_are_known() {
        let error = |text: &str| DecoderError::Tensor(candle_core::Error::Msg(text.to_owned()));
        assert!(out_of_memory(&error("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")")));
        assert!(!out_of_memory(&error("shape mismatch")));
        assert!(!out_of_memory(&DecoderError::IncompleteForest));
    }
}
