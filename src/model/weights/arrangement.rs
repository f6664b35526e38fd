//! How a file format lays out a tensor that the network wants as Hugging Face checkpoints have it.

use crate::model::kernels::Values;

/// What was done to a tensor on its way into the file, to be undone when it is read. Rows are outputs of a projection;
/// a vector's entries are rows of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrangement {
    /// Nothing.
    AsStored,
    /// Of each head's rows, the halves that are rotated together were interleaved: rows `0, d/2, 1, d/2 + 1, ...`.
    Interleaved {
        /// Number of heads.
        heads: usize,
    },
    /// Rows that were query, key and value of each head in turn were sorted: all queries, then all keys, then all values.
    ByPart {
        /// Number of heads.
        heads: usize,
    },
    /// Rows and columns were exchanged.
    Transposed,
    /// One was added to every value.
    UnitOffset,
}

impl Arrangement {
    /// Whether a tensor of this shape, as the file has it, can have been arranged so.
    pub(crate) fn fits(self, shape: &[usize]) -> bool {
        let divides = |parts: Option<usize>| {
            parts.is_some_and(|parts| parts > 0 && shape.first().is_some_and(|rows| rows.is_multiple_of(parts)))
        };
        match self {
            Self::AsStored | Self::UnitOffset => true,
            Self::Interleaved { heads } => divides(heads.checked_mul(2)),
            Self::ByPart { heads } => divides(heads.checked_mul(3)),
            Self::Transposed => shape.len() == 2,
        }
    }

    /// The shape that the network wants, of a tensor that the file has in `shape`.
    pub(crate) fn undone_shape(self, shape: &[usize]) -> Vec<usize> {
        match self {
            Self::Transposed => shape.iter().rev().copied().collect(),
            _ => shape.to_vec(),
        }
    }

    /// The values in the order that the network wants; `shape` is the file's. Blocks move as whole rows; turned or shifted
    /// ones become `f32`.
    pub(crate) fn undo(self, values: Values, shape: &[usize]) -> Values {
        let rows = shape.first().copied().unwrap_or(1).max(1);
        let width = values.len() / rows;
        match self {
            Self::AsStored => values,
            Self::UnitOffset => {
                let mut values = values.into_single();
                for value in &mut values {
                    *value -= 1.0;
                }
                Values::Single(values)
            }
            Self::Interleaved { heads } => {
                let half = rows / heads / 2;
                picked(
                    values,
                    width,
                    (0..rows).map(|row| {
                        let (head, within) = (row / (2 * half), row % (2 * half));
                        head * 2 * half + within % half * 2 + within / half
                    }),
                )
            }
            Self::ByPart { heads } => {
                let head_rows = rows / heads / 3;
                picked(
                    values,
                    width,
                    (0..rows).map(|row| {
                        let (head, within) = (row / (3 * head_rows), row % (3 * head_rows));
                        within / head_rows * heads * head_rows + head * head_rows + within % head_rows
                    }),
                )
            }
            Self::Transposed => match values {
                Values::Single(values) => Values::Single(turned(&values, width)),
                Values::Bfloat16(values) => Values::Bfloat16(turned(&values, width)),
                Values::Float16(values) => Values::Float16(turned(&values, width)),
                Values::Quantized(blocks) => Values::Single(turned(&blocks.to_f32(), width)),
            },
        }
    }
}

/// These rows of `width` values, in this order.
fn picked(values: Values, width: usize, rows: impl Iterator<Item = usize>) -> Values {
    fn of<T: Copy>(values: &[T], width: usize, rows: impl Iterator<Item = usize>) -> Vec<T> {
        let mut all = Vec::with_capacity(values.len());
        for row in rows {
            all.extend_from_slice(values.get(row * width..(row + 1) * width).unwrap_or_default());
        }
        all
    }
    match values {
        Values::Single(values) => Values::Single(of(&values, width, rows)),
        Values::Bfloat16(values) => Values::Bfloat16(of(&values, width, rows)),
        Values::Float16(values) => Values::Float16(of(&values, width, rows)),
        Values::Quantized(blocks) if blocks.inputs() == width => Values::Quantized(blocks.picked(rows)),
        // A vector that is one row of blocks.
        Values::Quantized(blocks) => Values::Single(of(&blocks.to_f32(), width, rows)),
    }
}

/// Rows of `width` values, turned into columns.
pub(super) fn turned<T: Copy>(values: &[T], width: usize) -> Vec<T> {
    (0..width).flat_map(|column| values.iter().skip(column).step_by(width.max(1)).copied()).collect()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn rows_of(values: &Values) -> Vec<f32> {
        values.clone().into_single()
    }

    /// Arranges as llama.cpp's converter describes it, by reshaping and swapping axes.
    #[test]
    fn what_conversion_does_is_undone() {
        let original: Vec<f32> = (0..24_u8).map(f32::from).collect();
        // Two heads of six rows, width 2: reshape (2, 2, 3, 2), swap the middle axes.
        let mut interleaved = Vec::new();
        for head in 0..2 {
            for i in 0..3 {
                for half in 0..2 {
                    let row = head * 6 + half * 3 + i;
                    interleaved.extend_from_slice(&original[row * 2..row * 2 + 2]);
                }
            }
        }
        let arrangement = Arrangement::Interleaved { heads: 2 };
        assert_eq!(rows_of(&arrangement.undo(Values::Single(interleaved), &[12, 2])), original);
        // Two heads of three parts of two rows: reshape (2, 3, 2, 2), parts first.
        let mut by_part = Vec::new();
        for part in 0..3 {
            for head in 0..2 {
                for i in 0..2 {
                    let row = head * 6 + part * 2 + i;
                    by_part.extend_from_slice(&original[row * 2..row * 2 + 2]);
                }
            }
        }
        let arrangement = Arrangement::ByPart { heads: 2 };
        assert_eq!(rows_of(&arrangement.undo(Values::Single(by_part), &[12, 2])), original);
        let turned = (0..2_usize).flat_map(|column| (0..12).map(move |row| row * 2 + column));
        let turned = turned.map(|at| original[at]).collect();
        assert_eq!(rows_of(&Arrangement::Transposed.undo(Values::Single(turned), &[2, 12])), original);
        let shifted = original.iter().map(|value| value + 1.0).collect();
        assert_eq!(rows_of(&Arrangement::UnitOffset.undo(Values::Single(shifted), &[24])), original);
    }

    #[test]
    fn shapes_that_the_heads_do_not_divide_do_not_fit() {
        assert!(Arrangement::Interleaved { heads: 2 }.fits(&[12, 2]));
        assert!(!Arrangement::Interleaved { heads: 5 }.fits(&[12, 2]));
        assert!(!Arrangement::Interleaved { heads: usize::MAX }.fits(&[12, 2]));
        assert!(!Arrangement::Interleaved { heads: 0 }.fits(&[12, 2]));
        assert!(!Arrangement::ByPart { heads: 1 }.fits(&[]));
        assert!(!Arrangement::Transposed.fits(&[12]));
    }
}
