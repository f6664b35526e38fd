//! What the tests of single operations share.
#![allow(clippy::indexing_slicing)]

/// Numbers without pattern in `-size / 2 .. size / 2`.
pub fn numbers(count: usize, seed: u32, size: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * size
    };
    (0..count).map(|_| next()).collect()
}

/// Holds `gradient`, of `sum(weights * f(x))` by `x`, against central differences.
pub fn agrees(what: &str, x: &[f32], gradient: &[f32], weights: &[f32], f: impl Fn(&[f32]) -> Vec<f32>) {
    let value = |x: &[f32]| f(x).iter().zip(weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum::<f64>();
    let step = 4e-3_f32;
    for i in (0..x.len()).step_by(x.len() / 40 + 1) {
        let mut moved = x.to_vec();
        moved[i] = x[i] + step;
        let above = value(&moved);
        moved[i] = x[i] - step;
        let difference = (above - value(&moved)) / (2.0 * f64::from(step));
        let error = (difference - f64::from(gradient[i])).abs();
        assert!(error < 2e-3 * (1.0 + difference.abs()), "{what}, {i}: {} but {difference}", gradient[i]);
    }
}
