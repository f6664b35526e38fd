//! Operands in the order in which the micro-kernel reads them.

use rayon::prelude::*;

use super::panels::{Layout, Panels};
use super::{LANES, PARALLEL_WORK, ROWS, Values};

/// A weight matrix of shape `(outputs, inputs)` as panels of sixteen outputs: panel `j` holds, for each input `k`, the
/// sixteen weights of outputs `16 j .. 16 j + 16`, zeros beyond the last. Weights stay in the type that they come in.
#[derive(Debug, Clone)]
pub struct PackedMatrix {
    inputs: usize,
    outputs: usize,
    segments: Vec<Segment>,
    bias: Option<Vec<f32>>,
}

/// Panels of one type, the first of which is the matrix's panel `first`.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub first: usize,
    pub count: usize,
    pub panels: Panels,
}

impl PackedMatrix {
    /// Packs parts that are stacked one below the other, each `(rows, inputs)` in row-major order with its own bias. A
    /// part is freed as soon as it is packed.
    ///
    /// # Panics
    ///
    /// If a part's length is not a multiple of `inputs`, or a bias has not one value a row.
    pub fn stack(inputs: usize, parts: Vec<(Values, Option<Vec<f32>>)>) -> Self {
        let rows_of = |weight: &Values| weight.len() / inputs.max(1);
        let mut packer = MatrixPacker::new(inputs, parts.iter().map(|(weight, _)| rows_of(weight)).sum());
        for (weight, bias) in parts {
            let rows = rows_of(&weight);
            assert!(weight.len() == rows * inputs, "weights do not fill their rows");
            packer.push(&weight, Layout::Rows { count: rows, source: &|row| row }, bias.as_deref());
        }
        packer.finish()
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
        self.segments.iter().map(|segment| segment.panels.bytes()).sum()
    }

    /// The weights of one output, copied to `into` (one value an input).
    pub fn copy_row(&self, output: usize, into: &mut [f32]) {
        let panel = output / LANES;
        if let Some(segment) = self.segments.iter().rev().find(|segment| segment.first <= panel) {
            segment.panels.copy_row(self.inputs, output - segment.first * LANES, into);
        }
    }

    /// Number of panels.
    pub fn panel_count(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
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

/// Packs a matrix part by part, so that no more than one part need exist unpacked.
#[derive(Debug)]
pub struct MatrixPacker {
    matrix: PackedMatrix,
    rows: usize,
    /// Rows of parts that do not end where a panel does, widened, until a panel's end is reached.
    loose: Vec<f32>,
}

impl MatrixPacker {
    /// A packer of `outputs` rows of `inputs` values.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { matrix: PackedMatrix { inputs, outputs, segments: Vec::new(), bias: None }, rows: 0, loose: Vec::new() }
    }

    /// Adds the rows that a layout selects below those that are there.
    ///
    /// # Panics
    ///
    /// If there are more rows than announced, the layout reaches outside of the values, or the bias has not one value a
    /// row.
    pub fn push(&mut self, values: &Values, layout: Layout<'_>, bias: Option<&[f32]>) {
        let (inputs, outputs, count) = (self.matrix.inputs, self.matrix.outputs, layout.count());
        assert!(count <= outputs - self.rows, "more rows than announced");
        if let Some(part) = bias {
            self.matrix.bias.get_or_insert_with(|| vec![0.0; outputs])[self.rows..self.rows + count]
                .copy_from_slice(part);
        }
        let first = self.rows / LANES;
        self.rows += count;
        let ends = self.rows.is_multiple_of(LANES) || self.rows == outputs;
        if self.loose.is_empty() && ends {
            self.add(first, Panels::new(values, inputs, layout));
            return;
        }
        let start = self.loose.len();
        let panels = Panels::new(values, inputs, layout);
        self.loose.resize(start + count * inputs, 0.0);
        for (output, row) in self.loose[start..].chunks_mut(inputs.max(1)).enumerate() {
            panels.copy_row(inputs, output, row);
        }
        if ends {
            let loose = Values::Single(std::mem::take(&mut self.loose));
            let rows = loose.len() / inputs.max(1);
            let panels = Panels::new(&loose, inputs, Layout::Rows { count: rows, source: &|row| row });
            self.add((self.rows - rows) / LANES, panels);
        }
    }

    fn add(&mut self, first: usize, panels: Panels) {
        let count = self.rows.div_ceil(LANES) - first;
        if count > 0 {
            self.matrix.segments.push(Segment { first, count, panels });
        }
    }

    /// The matrix.
    ///
    /// # Panics
    ///
    /// If there are fewer rows than announced.
    pub fn finish(self) -> PackedMatrix {
        assert!(self.rows == self.matrix.outputs, "fewer rows than announced");
        self.matrix
    }
}

/// Rows of activations in blocks of six: a block holds, for each input `k`, the values of its rows.
/// The last block is as narrow as the rows that are left.
#[derive(Debug, Default)]
pub struct PackedRows {
    inputs: usize,
    rows: usize,
    /// At least `rows * inputs`.
    values: Vec<f32>,
}

impl PackedRows {
    /// Packs the rows of `x`, of `inputs` values each.
    pub fn new(x: &[f32], inputs: usize) -> Self {
        let mut packed = Self::default();
        packed.fill(x.len() / inputs.max(1), inputs, |row, values| {
            values.copy_from_slice(&x[row * inputs..][..inputs]);
        });
        packed
    }

    /// Packs `rows` rows of `inputs` values instead of what was there, in the same memory. `row(r, values)` writes all
    /// values of row `r`; rows are made on several threads where there are many.
    pub fn fill(&mut self, rows: usize, inputs: usize, row: impl Fn(usize, &mut [f32]) + Sync) {
        let length = rows * inputs;
        (self.rows, self.inputs) = (rows, inputs);
        if self.values.capacity() < length {
            self.values = Vec::new();
        }
        if self.values.len() < length {
            self.values.resize(length, 0.0);
        }
        if length == 0 {
            return;
        }
        if rows == 1 {
            row(0, &mut self.values[..length]);
            return;
        }
        let size = ROWS * inputs;
        let block = |made: &mut Vec<f32>, (block, to): (usize, &mut [f32])| {
            made.resize(size, 0.0);
            let made = &mut made[..to.len()];
            for (m, values) in made.chunks_exact_mut(inputs).enumerate() {
                row(block * ROWS + m, values);
            }
            interleave(made, inputs, to);
        };
        let values = &mut self.values[..length];
        if length * 8 < PARALLEL_WORK || rayon::current_num_threads() == 1 {
            let mut made = Vec::new();
            values.chunks_mut(size).enumerate().for_each(|blocks| block(&mut made, blocks));
        } else {
            let together = (PARALLEL_WORK / 32).div_ceil(size);
            let blocks = values.par_chunks_mut(size).enumerate().with_min_len(together);
            blocks.for_each_init(Vec::new, block);
        }
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
    if let (Ok(rows), (groups, [])) = (rows_of(from, inputs), to.as_chunks_mut::<ROWS>()) {
        // Read side by side, written in one stream.
        for (k, group) in groups.iter_mut().enumerate() {
            for m in 0..ROWS {
                group[m] = rows[m][k];
            }
        }
        return;
    }
    for (m, row) in from.chunks_exact(inputs).enumerate() {
        for (group, value) in to.chunks_exact_mut(rows).zip(row) {
            group[m] = *value;
        }
    }
}

/// The rows of a full block.
fn rows_of(from: &[f32], inputs: usize) -> Result<[&[f32]; ROWS], ()> {
    if from.len() != ROWS * inputs {
        return Err(());
    }
    Ok(std::array::from_fn(|m| &from[m * inputs..(m + 1) * inputs]))
}
