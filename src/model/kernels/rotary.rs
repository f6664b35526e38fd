//! Rotary position embedding.

use super::Isa;
use super::isa::multiversion;

/// Rotates, in every row of `x` of `width` values, the first `heads` heads of `head_dim` values: value `i` with value
/// `i + half`, by the angles of the row (`half` cosines and sines a row).
pub fn rotate(isa: Isa, x: &mut [f32], width: usize, heads: usize, head_dim: usize, angles: (&[f32], &[f32])) {
    rows(isa, x, width, heads, head_dim, angles);
}

multiversion! {
    fn rows(x: &mut [f32], width: usize, heads: usize, head_dim: usize, angles: (&[f32], &[f32])) {
        let (cosines, sines) = angles;
        let half = cosines.len() / (x.len() / width).max(1);
        let angles = cosines.chunks_exact(half).zip(sines.chunks_exact(half));
        for (row, (cosines, sines)) in x.chunks_exact_mut(width).zip(angles) {
            for head in row.chunks_exact_mut(head_dim).take(heads) {
                let (first, rest) = head.split_at_mut(half);
                for (((a, b), cos), sin) in first.iter_mut().zip(rest).zip(cosines).zip(sines) {
                    let (x, y) = (*a, *b);
                    *a = x.mul_add(*cos, -(y * *sin));
                    *b = y.mul_add(*cos, x * *sin);
                }
            }
        }
    }
}
