//! Rotary position embedding. Rotations are undone by the opposite angles, so nothing is kept for the backward pass.

// Columns of heads are fixed where the attention layer is described; inside, indices are products of sizes.
#![allow(clippy::indexing_slicing)]

use rayon::prelude::*;

use super::simd::vectorised;
use crate::model::architecture::Rotary;

/// Rows that go through a kernel together.
const BLOCK_ROWS: usize = 64;

/// Where the heads of one kind lie in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Number of heads.
    pub count: usize,
    /// Column of the first one.
    pub first: usize,
    /// From one head to the next.
    pub stride: usize,
}

/// Cosines and sines of the positions `0..n`, `half` of each a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Angles {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Angles {
    /// Of `position * frequency`, the product rounded to single precision as the models were trained with, times the
    /// embedding's attention factor.
    #[allow(clippy::cast_possible_truncation)]
    pub fn new(rotary: &Rotary, positions: usize) -> Self {
        let (frequencies, factor) = (rotary.frequencies(), rotary.attention_factor());
        let mut angles = Self { half: frequencies.len(), cosines: Vec::new(), sines: Vec::new() };
        for position in 0..positions {
            for frequency in &frequencies {
                let (sine, cosine) = f64::from(position as f32 * frequency).sin_cos();
                angles.cosines.push(cosine as f32 * factor);
                angles.sines.push(sine as f32 * factor);
            }
        }
        angles
    }
}

/// Rotates heads of every row of `width` values by the row's position; by the opposite angles where `inverse` says so.
///
/// The gradient of a rotation is the inverse rotation of the gradient.
pub fn rotate(
    x: &mut [f32],
    width: usize,
    heads: [Heads; 2],
    angles: &Angles,
    positions: &[usize],
    inverse: bool,
    lanes: usize,
) {
    let run = |(x, positions): (&mut [f32], &[usize])| rotate_rows(x, width, heads, angles, positions, inverse);
    if lanes == 1 {
        run((x, positions));
    } else {
        x.par_chunks_mut(BLOCK_ROWS * width).zip(positions.par_chunks(BLOCK_ROWS)).for_each(run);
    }
}

vectorised! {
    fn rotate_rows(
        x: &mut [f32],
        width: usize,
        heads: [Heads; 2],
        angles: &Angles,
        positions: &[usize],
        inverse: bool,
    ) {
        let half = angles.half;
        let direction = if inverse { -1.0 } else { 1.0 };
        for (row, position) in x.chunks_exact_mut(width).zip(positions) {
            let cosines = &angles.cosines[position * half..(position + 1) * half];
            let sines = &angles.sines[position * half..(position + 1) * half];
            for heads in heads {
                for head in 0..heads.count {
                    let start = heads.first + head * heads.stride;
                    let (a, b) = row[start..start + 2 * half].split_at_mut(half);
                    for (((a, b), cos), sin) in a.iter_mut().zip(b).zip(cosines).zip(sines) {
                        let (x, y, turned) = (*a, *b, direction * *sin);
                        *a = x.mul_add(*cos, -(y * turned));
                        *b = y.mul_add(*cos, x * turned);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{agrees, numbers};
    use super::*;
    use crate::model::architecture::RotaryScaling;

    #[test]
    fn the_inverse_rotation_is_the_gradient_and_undoes_the_rotation() {
        let rotary = Rotary { dims: 6, base: 100.0, scaling: RotaryScaling::None };
        let positions = [0, 1, 2, 0, 1];
        let angles = Angles::new(&rotary, 3);
        let heads = [Heads { count: 2, first: 0, stride: 10 }, Heads { count: 1, first: 20, stride: 10 }];
        let (x, weights) = (numbers(5 * 40, 1, 2.0), numbers(5 * 40, 2, 2.0));
        let run = |x: &[f32], inverse| {
            let mut y = x.to_vec();
            rotate(&mut y, 40, heads, &angles, &positions, inverse, 1);
            y
        };
        let y = run(&x, false);
        assert!(y[..40] == x[..40] && y[40..] != x[40..], "position 0 stays, others turn");
        for (x, again) in x.iter().zip(run(&y, true)) {
            assert!((x - again).abs() < 1e-6);
        }
        agrees("rotary", &x, &run(&weights, true), &weights, |x| run(x, false));
    }
}
