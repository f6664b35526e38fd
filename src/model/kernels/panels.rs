//! The panels of a matrix in the type that its weights are stored in, and how they widen to `f32`.

use rayon::prelude::*;

use super::quantized::GroupedPanels;
use super::{LANES, Values};

/// Panels of sixteen outputs, one after another: for each input, the sixteen weights of a panel's outputs.
#[derive(Debug, Clone)]
pub(super) enum Panels {
    Single(Vec<[f32; LANES]>),
    /// Bits of bfloat16.
    Bfloat16(Vec<[u16; LANES]>),
    /// Bits of IEEE half precision; all finite.
    Float16(Vec<[u16; LANES]>),
    Grouped(GroupedPanels),
}

/// Which numbers of a stored tensor are a matrix, and in which order.
#[derive(Clone, Copy)]
pub enum Layout<'a> {
    /// Row-major, one output a row: output `i` is the stored row `source(i)`.
    Rows {
        /// Rows of the matrix.
        count: usize,
        /// Where each is stored.
        source: &'a (dyn Fn(usize) -> usize + Sync),
    },
    /// One output a column: row-major with one input a row.
    Columns {
        /// Columns of the stored tensor.
        width: usize,
        /// The column of the first output.
        start: usize,
        /// Columns of the matrix.
        count: usize,
    },
}

impl Layout<'_> {
    /// Outputs.
    pub fn count(&self) -> usize {
        match self {
            Self::Rows { count, .. } | Self::Columns { count, .. } => *count,
        }
    }
}

impl Panels {
    /// Packs what a layout selects, without widening anything; panels are made by all threads.
    ///
    /// # Panics
    ///
    /// If the layout reaches outside of the values.
    pub fn new(values: &Values, inputs: usize, layout: Layout<'_>) -> Self {
        match values {
            Values::Single(values) => Self::Single(packed(values, inputs, layout, |value| value)),
            Values::Bfloat16(values) => Self::Bfloat16(packed(values, inputs, layout, half::bf16::to_bits)),
            Values::Float16(values) => Self::Float16(packed(values, inputs, layout, half::f16::to_bits)),
            Values::Quantized(rows) => {
                if let Layout::Rows { count, source } = layout
                    && rows.inputs() == inputs
                    && let Some(panels) = GroupedPanels::new(rows, count, source)
                {
                    return Self::Grouped(panels);
                }
                Self::Single(packed(&rows.to_f32(), inputs, layout, |value| value))
            }
        }
    }

    /// Bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Single(panels) => size_of_val(panels.as_slice()),
            Self::Bfloat16(panels) | Self::Float16(panels) => size_of_val(panels.as_slice()),
            Self::Grouped(panels) => panels.bytes(),
        }
    }

    /// Whether a stretch needs no room to be widened in.
    pub fn are_single(&self) -> bool {
        matches!(self, Self::Single(_))
    }

    /// The weights of a panel of `inputs` inputs for a stretch of them, widened in `room` (as long as the stretch)
    /// where they are not `f32`. Of grouped weights, a stretch begins at a multiple of sixteen, and ends at one.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub fn stretch<'a>(
        &'a self,
        inputs: usize,
        panel: usize,
        start: usize,
        end: usize,
        room: &'a mut [[f32; LANES]],
    ) -> &'a [[f32; LANES]] {
        let place = panel * inputs + start..panel * inputs + end;
        match self {
            Self::Single(panels) => return &panels[place],
            Self::Bfloat16(panels) => {
                for (to, lanes) in room.iter_mut().zip(&panels[place]) {
                    for l in 0..LANES {
                        to[l] = f32::from_bits(u32::from(lanes[l]) << 16);
                    }
                }
            }
            Self::Float16(panels) => {
                for (to, lanes) in room.iter_mut().zip(&panels[place]) {
                    for l in 0..LANES {
                        to[l] = widened_half(lanes[l]);
                    }
                }
            }
            Self::Grouped(panels) => panels.widen(panel, start, room),
        }
        room
    }

    /// The weights of one output, one an input.
    pub fn copy_row(&self, inputs: usize, output: usize, into: &mut [f32]) {
        let (panel, lane) = (output / LANES, output % LANES);
        if let Self::Single(panels) = self {
            let columns = &panels[panel * inputs..(panel + 1) * inputs];
            into.iter_mut().zip(columns).for_each(|(value, column)| *value = column[lane]);
            return;
        }
        let mut room = [[0.0; LANES]; 4 * LANES];
        for (part, into) in into[..inputs].chunks_mut(room.len()).enumerate() {
            let start = part * room.len();
            let columns = self.stretch(inputs, panel, start, start + into.len(), &mut room[..into.len()]);
            into.iter_mut().zip(columns).for_each(|(value, column)| *value = column[lane]);
        }
    }
}

/// A finite number of half precision, exactly, in operations that a compiler makes vectors of.
#[inline(always)]
#[allow(clippy::inline_always)]
fn widened_half(bits: u16) -> f32 {
    /// Difference of the exponents' offsets.
    const OFFSET: u32 = (127 - 15) << 23;
    /// The smallest normal number, `2^-14`.
    const SMALLEST: u32 = (127 - 14) << 23;
    let magnitude = u32::from(bits & 0x7FFF) << 13;
    let normal = f32::from_bits(magnitude + OFFSET);
    // A subnormal's mantissa on top of `2^-14`, less that: exact.
    let subnormal = f32::from_bits(magnitude + SMALLEST) - f32::from_bits(SMALLEST);
    let size = if magnitude < 1 << 23 { subnormal } else { normal };
    f32::from_bits(size.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// All panels in order, zeros beyond the last output.
fn packed<V: Copy + Sync, T: Copy + Default + Send>(
    values: &[V],
    inputs: usize,
    layout: Layout<'_>,
    bits: impl Fn(V) -> T + Sync,
) -> Vec<[T; LANES]> {
    let outputs = layout.count();
    let mut panels = vec![[T::default(); LANES]; outputs.div_ceil(LANES) * inputs];
    panels.par_chunks_mut(inputs.max(1)).enumerate().for_each(|(panel, columns)| {
        let first = panel * LANES;
        let lanes = (outputs - first).min(LANES);
        match layout {
            Layout::Rows { source, .. } => {
                let row = |lane: usize| &values[source(first + lane) * inputs..][..inputs];
                // Sixteen rows side by side: reads and writes are both sequential.
                let rows: [&[V]; LANES] = std::array::from_fn(|lane| row(lane.min(lanes - 1)));
                for (k, column) in columns.iter_mut().enumerate() {
                    for lane in 0..lanes {
                        column[lane] = bits(rows[lane][k]);
                    }
                }
            }
            Layout::Columns { width, start, .. } => {
                for (k, column) in columns.iter_mut().enumerate() {
                    let stored = &values[k * width + start + first..][..lanes];
                    column.iter_mut().zip(stored).for_each(|(to, value)| *to = bits(*value));
                }
            }
        }
    });
    panels
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    /// Against the conversion of the `half` crate.
    #[test]
    fn every_finite_number_of_half_precision_widens_exactly() {
        for bits in 0..=u16::MAX {
            let expected = f16::from_bits(bits);
            if expected.is_finite() {
                assert_eq!(widened_half(bits).to_bits(), expected.to_f32().to_bits(), "{bits:#06x}");
            }
        }
    }
}
