//! Memory that a forward pass on the fused path uses, kept for the next one.

use rayon::prelude::*;

use crate::model::kernels::{self, Isa, PARALLEL_WORK, PackedMatrix, PackedRows};

/// Multiply-adds that cost as much as a value of a norm, of a rotary embedding or of a copy from a weight panel.
pub const VALUE_COST: usize = 8;

/// Buffers kept; a pass has fewer in use at one time.
const KEPT: usize = 8;

/// Buffers that are not in use.
#[derive(Debug, Default)]
pub struct Workspace {
    vacant: Vec<Vec<f32>>,
    /// What is multiplied next.
    packed: PackedRows,
}

impl Workspace {
    /// `x W^T + b`; `row` writes a row of `x`.
    pub fn product(
        &mut self,
        isa: Isa,
        weights: &PackedMatrix,
        rows: usize,
        row: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Vec<f32> {
        self.packed.fill(rows, weights.inputs(), row);
        let mut y = self.take(rows * weights.outputs());
        kernels::linear_into(isa, &self.packed, weights, &mut y);
        y
    }

    /// A buffer of this many values; what is in it is left over. One that had the same use before is preferred, so that
    /// nothing is cleared or asked of the system again.
    pub fn take(&mut self, length: usize) -> Vec<f32> {
        let fits = |buffer: &&(usize, usize, usize)| buffer.1 == length || buffer.2 >= length;
        let sizes = self.vacant.iter().enumerate().map(|(at, buffer)| (at, buffer.len(), buffer.capacity()));
        let sizes = sizes.collect::<Vec<_>>();
        let best = sizes.iter().filter(fits).min_by_key(|(_, len, capacity)| (*len != length, *capacity));
        let largest = sizes.iter().max_by_key(|(_, _, capacity)| *capacity);
        let at = best.or(largest).map(|(at, ..)| *at);
        let mut buffer = at.map(|at| self.vacant.swap_remove(at)).unwrap_or_default();
        if buffer.capacity() < length {
            // Nothing of the old contents is worth copying.
            buffer = Vec::new();
        }
        buffer.resize(length, 0.0);
        buffer
    }

    /// Takes a buffer back.
    pub fn give(&mut self, buffer: Vec<f32>) {
        if self.vacant.len() < KEPT {
            self.vacant.push(buffer);
        }
    }
}

/// Calls `work` with the number and the values of every row of a matrix, on several threads where `cost_each`, a row's
/// cost in multiply-adds, makes it worth it.
pub fn each_row(x: &mut [f32], width: usize, cost_each: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let rows = x.len() / width.max(1);
    if rows * cost_each < PARALLEL_WORK || rayon::current_num_threads() == 1 {
        x.chunks_exact_mut(width.max(1)).enumerate().for_each(|(row, values)| work(row, values));
        return;
    }
    let together = (PARALLEL_WORK / 4).div_ceil(cost_each.max(1));
    let rows = x.par_chunks_exact_mut(width.max(1)).enumerate().with_min_len(together);
    rows.for_each(|(row, values)| work(row, values));
}
