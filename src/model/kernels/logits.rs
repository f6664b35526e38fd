//! What is read from logits without keeping them.

use super::LANES;
use super::isa::multiversion;
use super::math::{exp, fold_sum, tanh};

/// A stretch of one row of logits, in brief.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileSummary {
    /// The largest logit.
    pub max: f32,
    /// Its column; the lowest of equals.
    pub argmax: usize,
    /// Sum of `exp(logit - max)`.
    pub sum: f32,
}

multiversion! {
    /// `x = cap * tanh(x / cap)`, in place.
    pub fn soft_cap(x: &mut [f32], cap: f32) {
        for value in x {
            *value = cap * tanh(*value / cap);
        }
    }
}

multiversion! {
    /// Maximum, its column and the sum of exponentials of a stretch of logits, in sixteen lanes. The maximum of a
    /// stretch with a NaN is NaN.
    pub fn summarize(logits: &[f32]) -> TileSummary {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let mut broken = [0.0_f32; LANES];
        let (chunks, rest) = logits.as_chunks::<LANES>();
        for chunk in chunks {
            for l in 0..LANES {
                lanes[l] = if chunk[l] > lanes[l] { chunk[l] } else { lanes[l] };
                // 0 for a finite value, NaN for any other; infinities are found too.
                broken[l] += chunk[l] * 0.0;
            }
        }
        for (l, value) in rest.iter().enumerate() {
            lanes[l] = if *value > lanes[l] { *value } else { lanes[l] };
            broken[l] += *value * 0.0;
        }
        if fold_sum(&broken).is_nan() {
            return TileSummary { max: f32::NAN, argmax: 0, sum: f32::NAN };
        }
        let max = lanes.iter().fold(f32::NEG_INFINITY, |max, lane| if *lane > max { *lane } else { max });
        let mut sums = [0.0; LANES];
        for chunk in chunks {
            for l in 0..LANES {
                sums[l] += exp(chunk[l] - max);
            }
        }
        for (l, value) in rest.iter().enumerate() {
            sums[l] += exp(*value - max);
        }
        #[allow(clippy::float_cmp)]
        let argmax = logits.iter().position(|value| *value == max).unwrap_or(0);
        TileSummary { max, argmax, sum: fold_sum(&sums) }
    }
}
