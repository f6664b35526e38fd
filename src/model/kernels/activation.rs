//! Non-linearities.

use super::Isa;
use super::isa::multiversion;
use super::math::{erf, sigmoid, tanh};
use crate::model::architecture::Activation;

/// `x = f(x)`, in place, on the calling thread.
pub fn activate(isa: Isa, activation: Activation, x: &mut [f32]) {
    apply(isa, activation, x);
}

/// `y = f(gate) * up`, where `x` is a gate and then an up part of as many values as `y` has; on the calling thread.
///
/// # Panics
///
/// If `x` has not twice as many values as `y`.
pub fn activate_gated(isa: Isa, activation: Activation, x: &[f32], y: &mut [f32]) {
    let (gate, up) = x.split_at(y.len());
    y.copy_from_slice(gate);
    apply(isa, activation, y);
    multiply(isa, y, up);
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
