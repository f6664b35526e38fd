//! Non-linearities.

use rayon::prelude::*;

use super::isa::multiversion;
use super::math::{erf, sigmoid, tanh};
use super::{Isa, PARALLEL_WORK};
use crate::model::architecture::Activation;

/// `x = f(x)`, in place.
pub fn activate(isa: Isa, activation: Activation, x: &mut [f32]) {
    if x.len() * 8 < PARALLEL_WORK || rayon::current_num_threads() == 1 {
        apply(isa, activation, x);
    } else {
        x.par_chunks_mut(PARALLEL_WORK / 16).for_each(|chunk| apply(isa, activation, chunk));
    }
}

/// `f(gate) * up`, where each row of `x` is a gate of `inner` values and then an up part of as many.
pub fn activate_gated(isa: Isa, activation: Activation, x: &[f32], inner: usize) -> Vec<f32> {
    let mut y = vec![0.0; x.len() / 2];
    let row = |(y, x): (&mut [f32], &[f32])| {
        let (gate, up) = x.split_at(inner);
        y.copy_from_slice(gate);
        apply(isa, activation, y);
        multiply(isa, y, up);
    };
    if x.len() * 8 < PARALLEL_WORK || rayon::current_num_threads() == 1 {
        y.chunks_exact_mut(inner).zip(x.chunks_exact(2 * inner)).for_each(row);
    } else {
        y.par_chunks_exact_mut(inner).zip(x.par_chunks_exact(2 * inner)).for_each(row);
    }
    y
}

multiversion! {
    fn multiply(y: &mut [f32], x: &[f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y *= *x;
        }
    }
}

multiversion! {
    fn apply(activation: Activation, x: &mut [f32]) {
        match activation {
            Activation::Silu => {
                for value in x {
                    *value *= sigmoid(*value);
                }
            }
            Activation::GeluErf => {
                for value in x {
                    *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
                }
            }
            Activation::GeluTanh => {
                // sqrt(2 / pi)
                const SLOPE: f32 = 0.797_884_6;
                for value in x {
                    let v = *value;
                    let inner = SLOPE * (0.044_715 * v * v).mul_add(v, v);
                    *value = 0.5 * v * (1.0 + tanh(inner));
                }
            }
            Activation::Relu => {
                for value in x {
                    *value = if *value < 0.0 { 0.0 } else { *value };
                }
            }
        }
    }
}
