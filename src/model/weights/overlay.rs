//! Changes that an adapter makes to tensors at the moment they are read.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::arrangement::turned;
use crate::digest::Digest;

/// `W + L R`, with `L` of shape `(rows, rank)` and `R` `(rank, columns)` of a tensor of `rows` times `columns` values.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    left: Vec<f32>,
    right: Vec<f32>,
    rank: usize,
    columns: usize,
}

impl LowRank {
    /// `scale * B A`, where `down` is `A` of shape `(rank, inputs)` and `up` is `B` of shape `(outputs, rank)`, for a
    /// tensor stored as `(outputs, inputs)`, or as `(inputs, outputs)` where `transposed`. `None` where the lengths of
    /// `down` and `up` are not multiples of the rank.
    pub fn new(down: &[f32], up: &[f32], rank: usize, scale: f32, transposed: bool) -> Option<Self> {
        if rank == 0 || !down.len().is_multiple_of(rank) || !up.len().is_multiple_of(rank) {
            return None;
        }
        let (inputs, outputs) = (down.len() / rank, up.len() / rank);
        let (mut left, right, columns) = if transposed {
            (turned(down, inputs), turned(up, rank), outputs)
        } else {
            (up.to_vec(), down.to_vec(), inputs)
        };
        for value in &mut left {
            *value *= scale;
        }
        Some(Self { left, right, rank, columns })
    }

    /// Adds the product to a tensor's values, row by row.
    fn add_to(&self, values: &mut [f32]) {
        if self.columns == 0 {
            return;
        }
        values.par_chunks_exact_mut(self.columns).zip(self.left.par_chunks_exact(self.rank)).for_each(
            |(row, factors)| {
                for (factor, right) in factors.iter().zip(self.right.chunks_exact(self.columns)) {
                    for (value, right) in row.iter_mut().zip(right) {
                        *value += factor * right;
                    }
                }
            },
        );
    }
}

/// What happens to one stored tensor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Values that stand for the stored ones.
    pub replacement: Option<Vec<f32>>,
    /// What is added to them.
    pub low_rank: Option<LowRank>,
}

impl Change {
    /// The changed values; `stored` is asked for only where nothing replaces them.
    pub(super) fn apply<E>(&self, stored: impl FnOnce() -> Result<Vec<f32>, E>) -> Result<Vec<f32>, E> {
        let mut values = match &self.replacement {
            Some(values) => values.clone(),
            None => stored()?,
        };
        if let Some(low_rank) = &self.low_rank {
            low_rank.add_to(&mut values);
        }
        Ok(values)
    }
}

/// All changes to the tensors of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// By stored name.
    pub changes: BTreeMap<String, Change>,
    /// Content hash of the files that the changes come from.
    pub digest: Digest,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `A` is 2 x 3, `B` is 4 x 2; the product by hand, scaled by 2.
    const DOWN: [f32; 6] = [1.0, 2.0, 3.0, -1.0, 0.0, 1.0];
    const UP: [f32; 8] = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, -1.0];
    const PRODUCT: [f32; 12] = [2.0, 4.0, 6.0, -2.0, 0.0, 2.0, 0.0, 4.0, 8.0, 6.0, 8.0, 10.0];

    #[test]
    fn the_product_of_both_factors_is_added_in_either_layout() {
        let low_rank = LowRank::new(&DOWN, &UP, 2, 2.0, false);
        let mut values = vec![10.0; 12];
        low_rank.unwrap().add_to(&mut values);
        assert_eq!(values, PRODUCT.map(|value| value + 10.0));
        let mut values = vec![0.0; 12];
        LowRank::new(&DOWN, &UP, 2, 2.0, true).unwrap().add_to(&mut values);
        assert_eq!(values, turned(&PRODUCT, 3));
    }

    #[test]
    fn lengths_that_are_no_multiple_of_the_rank_are_refused() {
        assert_eq!(LowRank::new(&DOWN, &UP, 4, 1.0, false), None);
        assert_eq!(LowRank::new(&DOWN, &UP, 0, 1.0, false), None);
    }
}
