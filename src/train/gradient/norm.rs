//! Normalization of rows, or of parts of rows.

// Parts are checked against the row's width where a norm is described; inside, indices are products of sizes.
#![allow(clippy::indexing_slicing)]

use rayon::prelude::*;

use super::math::fold_sum;
use super::simd::vectorised;
use crate::model::architecture::NormKind;

/// Rows whose gains' gradients are added up before they go into the sum. Fixed, so that no bit depends on threads.
const BLOCK_ROWS: usize = 128;

/// Lanes of a sum over a row.
const LANES: usize = super::LANES;

/// Which normalization of which part of a row.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    /// The formula.
    pub kind: NormKind,
    /// Added under the square root.
    pub epsilon: f32,
    /// Gains as stored.
    pub weight: &'a [f32],
    /// Shifts as stored.
    pub bias: Option<&'a [f32]>,
    /// Width of a row.
    pub width: usize,
    /// Where the first normalized part of a row begins.
    pub first: usize,
    /// From one part to the next.
    pub stride: usize,
    /// Number of parts.
    pub parts: usize,
}

/// The gradients of gains and shifts, and where they are added.
#[derive(Debug)]
pub struct Gains<'a> {
    /// Of gains; `None` where they are frozen.
    pub weight: Option<&'a mut [f32]>,
    /// Of shifts.
    pub bias: Option<&'a mut [f32]>,
}

impl Form<'_> {
    /// Values kept for the backward pass: mean and reciprocal deviation of each part of each row.
    pub fn statistics(&self, rows: usize) -> usize {
        2 * rows * self.parts
    }
}

/// `y = norm(x)` in the parts; `y` may hold anything there and keeps the rest. Fills `statistics`.
pub fn forward(form: Form<'_>, x: &[f32], y: &mut [f32], statistics: &mut [f32], lanes: usize) {
    let (block, of_statistics) = (BLOCK_ROWS * form.width, BLOCK_ROWS * 2 * form.parts);
    let run = |((x, y), statistics): ((&[f32], &mut [f32]), &mut [f32])| {
        measure(form, x, statistics);
        apply(form, x, statistics, y);
    };
    if lanes == 1 {
        x.chunks(block).zip(y.chunks_mut(block)).zip(statistics.chunks_mut(of_statistics)).for_each(run);
    } else {
        let pairs = x.par_chunks(block).zip(y.par_chunks_mut(block));
        pairs.zip(statistics.par_chunks_mut(of_statistics)).for_each(run);
    }
}

/// The forward pass's result again, from its statistics.
pub fn again(form: Form<'_>, x: &[f32], statistics: &[f32], y: &mut [f32], lanes: usize) {
    let (block, of_statistics) = (BLOCK_ROWS * form.width, BLOCK_ROWS * 2 * form.parts);
    let run = |((x, y), statistics): ((&[f32], &mut [f32]), &[f32])| apply(form, x, statistics, y);
    if lanes == 1 {
        x.chunks(block).zip(y.chunks_mut(block)).zip(statistics.chunks(of_statistics)).for_each(run);
    } else {
        x.par_chunks(block).zip(y.par_chunks_mut(block)).zip(statistics.par_chunks(of_statistics)).for_each(run);
    }
}

/// Adds the gradient of `x` to `dx`, and those of gains and shifts to `gains`.
///
/// With `n = (x - mean) r`, `r` the reciprocal deviation and `g = dy w`: `dx = r (g - n mean(g n))`, for `Layer` less
/// `r mean(g)`; `dw = sum(dy n)`, `db = sum(dy)`.
pub fn backward(
    form: Form<'_>,
    x: &[f32],
    statistics: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    gains: Gains<'_>,
    lanes: usize,
) {
    let (block, of_statistics) = (BLOCK_ROWS * form.width, BLOCK_ROWS * 2 * form.parts);
    let size = form.weight.len();
    let run = |x: &[f32], statistics: &[f32], dy: &[f32], dx: &mut [f32]| {
        let mut sums = vec![0.0; 2 * size];
        let (weight, bias) = sums.split_at_mut(size);
        backward_rows(form, x, statistics, dy, dx, weight, bias);
        sums
    };
    let mut weight = gains.weight;
    let mut bias = gains.bias;
    let mut add = |sums: Vec<f32>| {
        for (total, part) in [&mut weight, &mut bias].into_iter().zip(sums.chunks_exact(size)) {
            if let Some(total) = total {
                total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            }
        }
    };
    if lanes == 1 {
        let blocks = x.chunks(block).zip(statistics.chunks(of_statistics)).zip(dy.chunks(block));
        for (((x, statistics), dy), dx) in blocks.zip(dx.chunks_mut(block)) {
            add(run(x, statistics, dy, dx));
        }
    } else {
        let blocks = x.par_chunks(block).zip(statistics.par_chunks(of_statistics)).zip(dy.par_chunks(block));
        let sums = blocks.zip(dx.par_chunks_mut(block)).map(|(((x, statistics), dy), dx)| run(x, statistics, dy, dx));
        for sums in sums.collect::<Vec<_>>() {
            add(sums);
        }
    }
}

/// Sum over a part in sixteen lanes by column modulo sixteen.
#[inline(always)]
#[allow(clippy::inline_always)]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[lane] += term(*a, *b);
    }
    fold_sum(&lanes)
}

vectorised! {
    fn measure(form: Form<'_>, x: &[f32], statistics: &mut [f32]) {
        let size = form.weight.len();
        let count = size as f32;
        for (row, statistics) in x.chunks_exact(form.width).zip(statistics.chunks_exact_mut(2 * form.parts)) {
            for (part, statistics) in statistics.chunks_exact_mut(2).enumerate() {
                let start = form.first + part * form.stride;
                let x = &row[start..start + size];
                let mean = if form.kind == NormKind::Layer { sum(x, x, |x, _| x) / count } else { 0.0 };
                let square = sum(x, x, |x, _| (x - mean) * (x - mean)) / count;
                statistics[0] = mean;
                statistics[1] = 1.0 / (square + form.epsilon).sqrt();
            }
        }
    }
}

vectorised! {
    fn apply(form: Form<'_>, x: &[f32], statistics: &[f32], y: &mut [f32]) {
        let size = form.weight.len();
        let offset = if form.kind == NormKind::RmsUnitOffset { 1.0 } else { 0.0 };
        let rows = x.chunks_exact(form.width).zip(y.chunks_exact_mut(form.width));
        for ((x, y), statistics) in rows.zip(statistics.chunks_exact(2 * form.parts)) {
            for (part, statistics) in statistics.chunks_exact(2).enumerate() {
                let start = form.first + part * form.stride;
                let (x, y) = (&x[start..start + size], &mut y[start..start + size]);
                let (mean, scale) = (statistics[0], statistics[1]);
                if let Some(bias) = form.bias {
                    for (((y, x), w), b) in y.iter_mut().zip(x).zip(form.weight).zip(bias) {
                        *y = ((*x - mean) * scale).mul_add(*w + offset, *b);
                    }
                } else {
                    for ((y, x), w) in y.iter_mut().zip(x).zip(form.weight) {
                        *y = (*x - mean) * scale * (*w + offset);
                    }
                }
            }
        }
    }
}

vectorised! {
    fn backward_rows(
        form: Form<'_>,
        x: &[f32],
        statistics: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        dw: &mut [f32],
        db: &mut [f32],
    ) {
        let size = form.weight.len();
        let count = size as f32;
        let offset = if form.kind == NormKind::RmsUnitOffset { 1.0 } else { 0.0 };
        let rows = x.chunks_exact(form.width).zip(dy.chunks_exact(form.width)).zip(dx.chunks_exact_mut(form.width));
        let mut g = vec![0.0_f32; size];
        let mut n = vec![0.0_f32; size];
        for (((x, dy), dx), statistics) in rows.zip(statistics.chunks_exact(2 * form.parts)) {
            for (part, statistics) in statistics.chunks_exact(2).enumerate() {
                let start = form.first + part * form.stride;
                let range = start..start + size;
                let (x, dy, dx) = (&x[range.clone()], &dy[range.clone()], &mut dx[range]);
                let (mean, scale) = (statistics[0], statistics[1]);
                for i in 0..size {
                    n[i] = (x[i] - mean) * scale;
                    g[i] = dy[i] * (form.weight[i] + offset);
                    dw[i] = dy[i].mul_add(n[i], dw[i]);
                    db[i] += dy[i];
                }
                let along = sum(&g, &n, |g, n| g * n) / count;
                let shift = if form.kind == NormKind::Layer { sum(&g, &g, |g, _| g) / count } else { 0.0 };
                for ((dx, g), n) in dx.iter_mut().zip(&g).zip(&n) {
                    *dx = scale.mul_add(g - shift - n * along, *dx);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{agrees, numbers};
    use super::*;

    fn form<'a>(kind: NormKind, weight: &'a [f32], bias: &'a [f32]) -> Form<'a> {
        Form { kind, epsilon: 1e-5, weight, bias: Some(bias), width: 50, first: 3, stride: 22, parts: 2 }
    }

    #[test]
    fn gradients_agree_with_finite_differences_for_every_kind_and_for_parts_of_rows() {
        let (rows, width, size) = (5, 50, 19);
        for kind in [NormKind::Rms, NormKind::RmsUnitOffset, NormKind::Layer] {
            let x = numbers(rows * width, 1, 2.0);
            let gains = numbers(size, 2, 2.0);
            let shifts = numbers(size, 3, 2.0);
            let factors = numbers(rows * width, 4, 2.0);
            let run = |x: &[f32], gains: &[f32], shifts: &[f32]| {
                let mut y = vec![0.0; rows * width];
                let form = form(kind, gains, shifts);
                forward(form, x, &mut y, &mut vec![0.0; form.statistics(rows)], 1);
                y
            };
            let form = form(kind, &gains, &shifts);
            let mut statistics = vec![0.0; form.statistics(rows)];
            forward(form, &x, &mut vec![0.0; rows * width], &mut statistics, 1);
            let mut repeated = vec![0.0; rows * width];
            again(form, &x, &statistics, &mut repeated, 1);
            assert_eq!(repeated, run(&x, &gains, &shifts));
            let (mut dx, mut dw, mut db) = (vec![0.0; rows * width], vec![0.0; size], vec![0.0; size]);
            let sums = Gains { weight: Some(&mut dw), bias: Some(&mut db) };
            backward(form, &x, &statistics, &factors, &mut dx, sums, 1);
            agrees(&format!("{kind:?} x"), &x, &dx, &factors, |x| run(x, &gains, &shifts));
            agrees(&format!("{kind:?} gains"), &gains, &dw, &factors, |gains| run(&x, gains, &shifts));
            agrees(&format!("{kind:?} shifts"), &shifts, &db, &factors, |shifts| run(&x, &gains, shifts));
        }
    }
}
