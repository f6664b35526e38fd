//! The feed-forward layer's non-linearity, with its gate where it has one.

use rayon::prelude::*;

use super::math::{erf, exp, sigmoid, tanh};
use super::simd::vectorised;
use crate::model::architecture::Activation;

/// Values that a loop handles at once.
const LANES: usize = super::LANES;

/// Rows that go through a kernel together.
const BLOCK_ROWS: usize = 64;

/// `y = f(gate) * up` for rows of `inner` gate values and then as many up values; `y = f(x)` without a gate.
pub fn forward(kind: Activation, inner: usize, gated: bool, x: &[f32], y: &mut [f32], lanes: usize) {
    let width = if gated { 2 * inner } else { inner };
    let block = |(x, y): (&[f32], &mut [f32])| forward_rows(kind, inner, gated, x, y);
    let (x_block, y_block) = (BLOCK_ROWS * width, BLOCK_ROWS * inner);
    if lanes == 1 {
        x.chunks(x_block).zip(y.chunks_mut(y_block)).for_each(block);
    } else {
        x.par_chunks(x_block).zip(y.par_chunks_mut(y_block)).for_each(block);
    }
}

/// Turns `x`, the forward pass's input, into its gradient, and `dy` into the forward pass's output.
///
/// `d gate = dy * up * f'(gate)`, `d up = dy * f(gate)`.
pub fn backward(kind: Activation, inner: usize, gated: bool, x: &mut [f32], dy: &mut [f32], lanes: usize) {
    let width = if gated { 2 * inner } else { inner };
    let block = |(x, dy): (&mut [f32], &mut [f32])| backward_rows(kind, inner, gated, x, dy);
    let (x_block, y_block) = (BLOCK_ROWS * width, BLOCK_ROWS * inner);
    if lanes == 1 {
        x.chunks_mut(x_block).zip(dy.chunks_mut(y_block)).for_each(block);
    } else {
        x.par_chunks_mut(x_block).zip(dy.par_chunks_mut(y_block)).for_each(block);
    }
}

/// `f(x)` and `f'(x)`.
#[inline(always)]
#[allow(clippy::inline_always)]
fn silu(x: f32) -> (f32, f32) {
    let s = sigmoid(x);
    (x * s, s * (1.0 - s).mul_add(x, 1.0))
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn gelu_erf(x: f32) -> (f32, f32) {
    // 1 / sqrt(2 pi)
    const DENSITY: f32 = 0.398_942_3;
    let phi = 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
    (x * phi, (x * DENSITY).mul_add(exp(-0.5 * x * x), phi))
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn gelu_tanh(x: f32) -> (f32, f32) {
    // sqrt(2 / pi)
    const SLOPE: f32 = 0.797_884_6;
    let t = tanh(SLOPE * (0.044_715 * x * x).mul_add(x, x));
    let inner = SLOPE * (3.0 * 0.044_715 * x).mul_add(x, 1.0);
    (0.5 * x * (1.0 + t), (0.5 * x * (1.0 - t * t)).mul_add(inner, 0.5 * (1.0 + t)))
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn relu(x: f32) -> (f32, f32) {
    if x > 0.0 { (x, 1.0) } else { (0.0, 0.0) }
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn forward_with(f: impl Fn(f32) -> (f32, f32), inner: usize, gated: bool, x: &[f32], y: &mut [f32]) {
    if gated {
        for (x, y) in x.chunks_exact(2 * inner).zip(y.chunks_exact_mut(inner)) {
            let (gate, up) = x.split_at(inner);
            for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
                *y = f(*gate).0 * *up;
            }
        }
    } else {
        for (y, x) in y.iter_mut().zip(x) {
            *y = f(*x).0;
        }
    }
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn backward_with(f: impl Fn(f32) -> (f32, f32), inner: usize, gated: bool, x: &mut [f32], dy: &mut [f32]) {
    if gated {
        for (x, dy) in x.chunks_exact_mut(2 * inner).zip(dy.chunks_exact_mut(inner)) {
            let (gate, up) = x.split_at_mut(inner);
            let (whole_gates, gate_rest) = gate.as_chunks_mut::<LANES>();
            let (whole_ups, up_rest) = up.as_chunks_mut::<LANES>();
            let (whole_dys, dy_rest) = dy.as_chunks_mut::<LANES>();
            for ((gate, up), dy) in whole_gates.iter_mut().zip(whole_ups).zip(whole_dys) {
                gated_lanes(&f, gate, up, dy);
            }
            for ((gate, up), dy) in gate_rest.iter_mut().zip(up_rest).zip(dy_rest) {
                (*gate, *up, *dy) = gated_value(&f, *gate, *up, *dy);
            }
        }
    } else {
        let (xs, x_rest) = x.as_chunks_mut::<LANES>();
        let (dys, dy_rest) = dy.as_chunks_mut::<LANES>();
        let value = |x: &mut f32, dy: &mut f32| {
            let (value, slope) = f(*x);
            (*x, *dy) = (*dy * slope, value);
        };
        for (x, dy) in xs.iter_mut().zip(dys) {
            let (mut lanes, mut d) = (*x, *dy);
            lanes.iter_mut().zip(&mut d).for_each(|(x, dy)| value(x, dy));
            (*x, *dy) = (lanes, d);
        }
        x_rest.iter_mut().zip(dy_rest).for_each(|(x, dy)| value(x, dy));
    }
}

/// Gradients of gate and up, and the output again.
#[inline(always)]
#[allow(clippy::inline_always)]
fn gated_value(f: &impl Fn(f32) -> (f32, f32), gate: f32, up: f32, dy: f32) -> (f32, f32, f32) {
    let (value, slope) = f(gate);
    (dy * up * slope, dy * value, value * up)
}

/// The same for some values at once: read, computed and written apart, which the compiler makes one vector loop of.
#[inline(always)]
#[allow(clippy::inline_always)]
fn gated_lanes(f: &impl Fn(f32) -> (f32, f32), gate: &mut [f32; LANES], up: &mut [f32; LANES], dy: &mut [f32; LANES]) {
    let (mut gates, mut ups, mut dys) = (*gate, *up, *dy);
    for ((gate, up), dy) in gates.iter_mut().zip(&mut ups).zip(&mut dys) {
        (*gate, *up, *dy) = gated_value(f, *gate, *up, *dy);
    }
    (*gate, *up, *dy) = (gates, ups, dys);
}

vectorised! {
    fn forward_rows(kind: Activation, inner: usize, gated: bool, x: &[f32], y: &mut [f32]) {
        match kind {
            Activation::Silu => forward_with(silu, inner, gated, x, y),
            Activation::GeluErf => forward_with(gelu_erf, inner, gated, x, y),
            Activation::GeluTanh => forward_with(gelu_tanh, inner, gated, x, y),
            Activation::Relu => forward_with(relu, inner, gated, x, y),
        }
    }
}

vectorised! {
    fn backward_rows(kind: Activation, inner: usize, gated: bool, x: &mut [f32], dy: &mut [f32]) {
        match kind {
            Activation::Silu => backward_with(silu, inner, gated, x, dy),
            Activation::GeluErf => backward_with(gelu_erf, inner, gated, x, dy),
            Activation::GeluTanh => backward_with(gelu_tanh, inner, gated, x, dy),
            Activation::Relu => backward_with(relu, inner, gated, x, dy),
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::super::checks::{agrees, numbers};
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences_for_every_non_linearity() {
        let (rows, inner) = (3, 21);
        for kind in [Activation::Silu, Activation::GeluErf, Activation::GeluTanh, Activation::Relu] {
            for gated in [true, false] {
                let width = if gated { 2 * inner } else { inner };
                let x = numbers(rows * width, 1, 6.0);
                let weights = numbers(rows * inner, 2, 2.0);
                let run = |x: &[f32]| {
                    let mut y = vec![0.0; rows * inner];
                    forward(kind, inner, gated, x, &mut y, 1);
                    y
                };
                let (mut dx, mut dy) = (x.clone(), weights.clone());
                backward(kind, inner, gated, &mut dx, &mut dy, 1);
                assert_eq!(dy, run(&x), "{kind:?}: the output again");
                agrees(&format!("{kind:?}, gated {gated}"), &x, &dx, &weights, run);
            }
        }
    }
}
