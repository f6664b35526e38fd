//! Projections that read one input: `y = x W' + b`, several beside each other, with their low-rank adaptations.

use super::binding::Bound;
use super::buffers::Buffers;
use super::matrix::{Matrix, MatrixMut, product};
use super::simd::vectorised;

/// Rows of which bias gradients are added up before they go into the sum.
const BLOCK_ROWS: usize = 256;

/// One projection, a stretch of a stored tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Slot of the stored tensor.
    pub weight: usize,
    /// Where it begins in the tensor.
    pub offset: usize,
    /// From one stored row to the next.
    pub stride: usize,
    /// Whether the tensor is stored as `(inputs, outputs)`.
    pub transposed: bool,
    /// Number of outputs.
    pub outputs: usize,
    /// Its first output among those of the stored tensor.
    pub stored_output: usize,
    /// Its first column in a row of `y`.
    pub column: usize,
    /// Slot of the bias, and where it begins.
    pub bias: Option<(usize, usize)>,
}

/// Projections that read one input and write rows of one matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Width of `x`.
    pub inputs: usize,
    /// Width of `y`.
    pub width: usize,
    /// The parts of `y`.
    pub pieces: Vec<Piece>,
}

/// A low-rank adaptation of one stored tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LowRank {
    /// Slot of `A`, `(rank, inputs)`.
    pub a: usize,
    /// Slot of `B`, `(outputs, rank)`.
    pub b: usize,
    /// Inner width.
    pub rank: usize,
    /// `alpha / rank`.
    pub scale: f32,
}

impl Piece {
    /// `(outputs, inputs)`.
    fn matrix<'a>(&self, values: &'a [f32], inputs: usize) -> Matrix<'a> {
        let values = values.get(self.offset..).unwrap_or_default();
        if self.transposed {
            Matrix::strided(values, inputs, self.outputs, self.stride).transposed()
        } else {
            Matrix::strided(values, self.outputs, inputs, self.stride)
        }
    }

    /// The rows of `B` of its outputs, `(outputs, rank)`.
    fn outputs_of<'a>(&self, b: &'a [f32], rank: usize) -> Matrix<'a> {
        Matrix::new(b.get(self.stored_output * rank..).unwrap_or_default(), self.outputs, rank)
    }
}

impl Projection {
    /// Whether any of its weights is trained, so that the backward pass reads `x`.
    pub fn reads_input(&self, bound: &Bound<'_>) -> bool {
        self.pieces.iter().any(|piece| bound.trained(piece.weight) || bound.low_rank(piece.weight).is_some())
    }

    /// `y = x W' + b + scale (x A') B'`, added to what `y` holds where `accumulate` says so.
    pub fn forward(
        &self,
        bound: &Bound<'_>,
        x: &[f32],
        y: &mut [f32],
        accumulate: bool,
        buffers: &mut Buffers,
        lanes: usize,
    ) {
        let rows = x.len() / self.inputs;
        let x = Matrix::new(x, rows, self.inputs);
        for piece in &self.pieces {
            let mut part = MatrixMut::new(y, rows, self.width).columns(piece.column, piece.outputs);
            let weight = piece.matrix(bound.values(piece.weight), self.inputs);
            product(part.reborrow(), accumulate, x, weight.transposed(), 1.0, lanes);
            if let Some(low) = bound.low_rank(piece.weight) {
                let narrow = self.narrow(bound, low, x, rows, buffers, lanes);
                let b = piece.outputs_of(bound.values(low.b), low.rank);
                let narrow_x = Matrix::new(&narrow, rows, low.rank);
                product(part.reborrow(), true, narrow_x, b.transposed(), low.scale, lanes);
                buffers.give(narrow);
            }
            if let Some((slot, start)) = piece.bias {
                let bias = bound.values(slot).get(start..start + piece.outputs).unwrap_or_default();
                for row in 0..rows {
                    part.row(row).iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                }
            }
        }
    }

    /// `x A'`.
    fn narrow(
        &self,
        bound: &Bound<'_>,
        low: LowRank,
        x: Matrix<'_>,
        rows: usize,
        buffers: &mut Buffers,
        lanes: usize,
    ) -> Vec<f32> {
        let mut narrow = buffers.take(rows * low.rank);
        let a = Matrix::new(bound.values(low.a), low.rank, self.inputs);
        product(MatrixMut::new(&mut narrow, rows, low.rank), false, x, a.transposed(), 1.0, lanes);
        narrow
    }

    /// `dW += dy' x`, `db += sum(dy)`, `dB += scale dy' (x A')`, `dA += scale (dy B)' x`, of what is trained; frozen
    /// weights cost nothing. `x` may be empty where [`Self::reads_input`] says no.
    pub fn backward_weights(
        &self,
        bound: &Bound<'_>,
        x: &[f32],
        dy: &[f32],
        gradients: &mut [Vec<f32>],
        buffers: &mut Buffers,
        lanes: usize,
    ) {
        let rows = dy.len() / self.width;
        for piece in &self.pieces {
            let d = part(dy, rows, self.width, piece);
            if let Some((slot, start)) = piece.bias.filter(|(slot, _)| bound.trained(*slot))
                && let Some(db) = gradients.get_mut(slot).and_then(|db| db.get_mut(start..start + piece.outputs))
            {
                add_columns(dy, self.width, piece.column, db);
            }
            if bound.trained(piece.weight)
                && let Some(dw) = gradients.get_mut(piece.weight)
            {
                let x = Matrix::new(x, rows, self.inputs);
                let dw = dw.get_mut(piece.offset..).unwrap_or_default();
                if piece.transposed {
                    let target = MatrixMut::strided(dw, self.inputs, piece.outputs, piece.stride);
                    product(target, true, x.transposed(), d, 1.0, lanes);
                } else {
                    let target = MatrixMut::strided(dw, piece.outputs, self.inputs, piece.stride);
                    product(target, true, d.transposed(), x, 1.0, lanes);
                }
            }
            if let Some(low) = bound.low_rank(piece.weight) {
                let x = Matrix::new(x, rows, self.inputs);
                let narrow = self.narrow(bound, low, x, rows, buffers, lanes);
                if let Some(db) = gradients.get_mut(low.b) {
                    let start = piece.stored_output * low.rank;
                    let target = db.get_mut(start..).unwrap_or_default();
                    let target = MatrixMut::new(target, piece.outputs, low.rank);
                    product(target, true, d.transposed(), Matrix::new(&narrow, rows, low.rank), low.scale, lanes);
                }
                buffers.give(narrow);
                let d_narrow = narrowed_gradient(bound, piece, low, d, rows, buffers, lanes);
                if let Some(da) = gradients.get_mut(low.a) {
                    let target = MatrixMut::new(da, low.rank, self.inputs);
                    product(target, true, Matrix::new(&d_narrow, rows, low.rank).transposed(), x, 1.0, lanes);
                }
                buffers.give(d_narrow);
            }
        }
    }

    /// `dx = dy W + scale (dy B) A`, added to what `dx` holds where `accumulate` says so.
    pub fn backward_input(
        &self,
        bound: &Bound<'_>,
        dy: &[f32],
        dx: &mut [f32],
        accumulate: bool,
        buffers: &mut Buffers,
        lanes: usize,
    ) {
        let rows = dy.len() / self.width;
        let mut target = MatrixMut::new(dx, rows, self.inputs);
        for (index, piece) in self.pieces.iter().enumerate() {
            let d = part(dy, rows, self.width, piece);
            let weight = piece.matrix(bound.values(piece.weight), self.inputs);
            product(target.reborrow(), accumulate || index > 0, d, weight, 1.0, lanes);
            if let Some(low) = bound.low_rank(piece.weight) {
                let d_narrow = narrowed_gradient(bound, piece, low, d, rows, buffers, lanes);
                let a = Matrix::new(bound.values(low.a), low.rank, self.inputs);
                product(target.reborrow(), true, Matrix::new(&d_narrow, rows, low.rank), a, 1.0, lanes);
                buffers.give(d_narrow);
            }
        }
    }
}

/// A piece's columns of `dy`.
fn part<'a>(dy: &'a [f32], rows: usize, width: usize, piece: &Piece) -> Matrix<'a> {
    Matrix::strided(dy.get(piece.column..).unwrap_or_default(), rows, piece.outputs, width)
}

/// `scale dy B`.
fn narrowed_gradient(
    bound: &Bound<'_>,
    piece: &Piece,
    low: LowRank,
    d: Matrix<'_>,
    rows: usize,
    buffers: &mut Buffers,
    lanes: usize,
) -> Vec<f32> {
    let mut d_narrow = buffers.take(rows * low.rank);
    let b = piece.outputs_of(bound.values(low.b), low.rank);
    product(MatrixMut::new(&mut d_narrow, rows, low.rank), false, d, b, low.scale, lanes);
    d_narrow
}

/// Adds the column sums of a stretch of columns, a block of rows at a time.
fn add_columns(dy: &[f32], width: usize, column: usize, sums: &mut [f32]) {
    let mut block = vec![0.0; sums.len()];
    for rows in dy.chunks(BLOCK_ROWS * width) {
        block.fill(0.0);
        add_rows(rows, width, column, &mut block);
        sums.iter_mut().zip(&block).for_each(|(sum, block)| *sum += block);
    }
}

vectorised! {
    fn add_rows(rows: &[f32], width: usize, column: usize, sums: &mut [f32]) {
        for row in rows.chunks_exact(width) {
            let row = row.get(column..).unwrap_or_default();
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    }
}
