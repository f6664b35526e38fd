//! Normalization of rows.

use rayon::prelude::*;

use super::isa::multiversion;
use super::math::fold_sum;
use super::{Isa, LANES, PARALLEL_WORK};

/// Which normalization.
#[derive(Debug, Clone, Copy)]
pub struct NormForm<'a> {
    /// Gains, one a column; any constant offset is already in them.
    pub weight: &'a [f32],
    /// Shifts; with them the row's mean is subtracted first.
    pub bias: Option<&'a [f32]>,
    /// Added under the square root.
    pub epsilon: f32,
}

/// Normalizes each row of `weight.len()` values in place.
pub fn normalize(isa: Isa, x: &mut [f32], form: NormForm<'_>) {
    let width = form.weight.len();
    if x.len() * 8 < PARALLEL_WORK || rayon::current_num_threads() == 1 {
        rows(isa, x, form);
    } else {
        let chunk = width * (PARALLEL_WORK / 16).div_ceil(width);
        x.par_chunks_mut(chunk).for_each(|chunk| rows(isa, chunk, form));
    }
}

multiversion! {
    fn rows(x: &mut [f32], form: NormForm<'_>) {
        for row in x.chunks_exact_mut(form.weight.len()) {
            let count = row.len() as f32;
            if let Some(bias) = form.bias {
                let mean = sum(row, |value| value) / count;
                for value in row.iter_mut() {
                    *value -= mean;
                }
                let scale = 1.0 / (sum(row, |value| value * value) / count + form.epsilon).sqrt();
                for ((value, weight), bias) in row.iter_mut().zip(form.weight).zip(bias) {
                    *value = (*value * scale).mul_add(*weight, *bias);
                }
            } else {
                let scale = 1.0 / (sum(row, |value| value * value) / count + form.epsilon).sqrt();
                for (value, weight) in row.iter_mut().zip(form.weight) {
                    *value = *value * scale * *weight;
                }
            }
        }
    }
}

/// Sum over a row in sixteen lanes by column modulo sixteen.
#[inline(always)]
#[allow(clippy::inline_always)]
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += term(*value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += term(*value);
    }
    fold_sum(&lanes)
}
