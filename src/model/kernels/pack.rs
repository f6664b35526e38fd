//! Operands in the order in which the micro-kernel reads them.

use half::bf16;

use super::{LANES, ROWS, Values};

/// An element of a panel.
pub(super) trait Element: Copy + Default {
    /// Sixteen of them as the kernels compute with them.
    fn widened(lanes: &[Self; LANES]) -> [f32; LANES];
}

impl Element for f32 {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn widened(lanes: &[Self; LANES]) -> [f32; LANES] {
        *lanes
    }
}

impl Element for bf16 {
    /// Shifts only: a vector instruction or two for all sixteen.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn widened(lanes: &[Self; LANES]) -> [f32; LANES] {
        let mut wide = [0.0; LANES];
        for (wide, lane) in wide.iter_mut().zip(lanes) {
            *wide = f32::from_bits(u32::from(lane.to_bits()) << 16);
        }
        wide
    }
}

/// The panels of a matrix, one after another.
#[derive(Debug, Clone)]
pub(super) enum Panels {
    Single(Vec<[f32; LANES]>),
    Half(Vec<[bf16; LANES]>),
}

/// A weight matrix of shape `(outputs, inputs)` as panels of sixteen outputs: panel `j` holds, for each input `k`, the
/// sixteen weights of outputs `16 j .. 16 j + 16`, zeros beyond the last.
#[derive(Debug, Clone)]
pub struct PackedMatrix {
    inputs: usize,
    outputs: usize,
    panels: Panels,
    bias: Option<Vec<f32>>,
}

impl PackedMatrix {
    /// Packs parts that are stacked one below the other, each `(rows, inputs)` in row-major order with its own bias. Parts
    /// that are all of two bytes stay so.
    ///
    /// # Panics
    ///
    /// If a part's length is not a multiple of `inputs`, or a bias has not one value a row.
    pub fn stack(inputs: usize, parts: Vec<(Values, Option<Vec<f32>>)>) -> Self {
        let rows_of = |weight: &Values| weight.len() / inputs.max(1);
        let outputs = parts.iter().map(|(weight, _)| rows_of(weight)).sum::<usize>();
        let mut bias = parts.iter().any(|(_, bias)| bias.is_some()).then(|| vec![0.0; outputs]);
        let mut row = 0;
        for (weight, part_bias) in &parts {
            assert!(weight.len() == rows_of(weight) * inputs, "weights do not fill their rows");
            if let (Some(bias), Some(part)) = (&mut bias, part_bias) {
                bias[row..row + rows_of(weight)].copy_from_slice(part);
            }
            row += rows_of(weight);
        }
        let all_half = parts.iter().all(|(weight, _)| matches!(weight, Values::Bfloat16(_)));
        let weights = parts.into_iter().map(|(weight, _)| weight);
        let panels = if all_half {
            let half = weights.map(|weight| if let Values::Bfloat16(values) = weight { values } else { Vec::new() });
            Panels::Half(packed(inputs, outputs, half))
        } else {
            Panels::Single(packed(inputs, outputs, weights.map(Values::into_single)))
        };
        Self { inputs, outputs, panels, bias }
    }

    /// Width of what it is multiplied with.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Width of the product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes that the weights take.
    pub fn bytes(&self) -> usize {
        match &self.panels {
            Panels::Single(panels) => size_of_val(panels.as_slice()),
            Panels::Half(panels) => size_of_val(panels.as_slice()),
        }
    }

    /// The weights of one output, copied to `into` (one value an input).
    pub fn copy_row(&self, output: usize, into: &mut [f32]) {
        let range = output / LANES * self.inputs..(output / LANES + 1) * self.inputs;
        match &self.panels {
            Panels::Single(panels) => {
                into.iter_mut().zip(&panels[range]).for_each(|(value, column)| *value = column[output % LANES]);
            }
            Panels::Half(panels) => {
                into.iter_mut()
                    .zip(&panels[range])
                    .for_each(|(value, column)| *value = column[output % LANES].to_f32());
            }
        }
    }

    /// Number of panels.
    pub fn panel_count(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    pub(super) fn panels(&self) -> &Panels {
        &self.panels
    }

    /// What the chains of a panel start from: the bias, or zeros.
    pub(super) fn panel_bias(&self, index: usize) -> [f32; LANES] {
        let mut start = [0.0; LANES];
        if let Some(bias) = &self.bias {
            for (value, bias) in start.iter_mut().zip(&bias[index * LANES..]) {
                *value = *bias;
            }
        }
        start
    }
}

/// Row-major parts as panels.
fn packed<T: Element>(inputs: usize, outputs: usize, parts: impl Iterator<Item = Vec<T>>) -> Vec<[T; LANES]> {
    let mut panels = vec![[T::default(); LANES]; outputs.div_ceil(LANES) * inputs];
    let mut row = 0;
    for weight in parts {
        for values in weight.chunks_exact(inputs.max(1)) {
            let panel = &mut panels[row / LANES * inputs..][..inputs];
            for (column, value) in panel.iter_mut().zip(values) {
                column[row % LANES] = *value;
            }
            row += 1;
        }
    }
    panels
}

/// Rows of activations in blocks of six: a block holds, for each input `k`, the values of its rows.
/// The last block is as narrow as the rows that are left.
#[derive(Debug)]
pub struct PackedRows {
    inputs: usize,
    rows: usize,
    values: Vec<f32>,
}

impl PackedRows {
    /// Packs `rows` rows of `inputs` values.
    pub fn new(x: &[f32], inputs: usize) -> Self {
        let rows = x.len() / inputs.max(1);
        if rows == 1 {
            return Self { inputs, rows, values: x.to_vec() };
        }
        let mut values = vec![0.0; rows * inputs];
        let blocks = x.chunks(ROWS * inputs).zip(values.chunks_mut(ROWS * inputs));
        for (from, to) in blocks {
            interleave(from, inputs, to);
        }
        Self { inputs, rows, values }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of blocks.
    pub fn block_count(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    /// Rows in a block.
    pub(super) fn block_rows(&self, block: usize) -> usize {
        (self.rows - block * ROWS).min(ROWS)
    }

    /// The values of a block, `inputs` times its rows.
    pub(super) fn block(&self, block: usize) -> &[f32] {
        &self.values[block * ROWS * self.inputs..][..self.block_rows(block) * self.inputs]
    }
}

/// Turns rows of `inputs` values into `inputs` groups of one value a row.
fn interleave(from: &[f32], inputs: usize, to: &mut [f32]) {
    let rows = from.len() / inputs;
    for (m, row) in from.chunks_exact(inputs).enumerate() {
        for (group, value) in to.chunks_exact_mut(rows).zip(row) {
            group[m] = *value;
        }
    }
}
