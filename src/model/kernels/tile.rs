//! The micro-kernel: a few rows times a few panels of sixteen columns.

use super::LANES;

/// `acc[m][p][l] = fma(a[k][m], panels[p][k][l], acc[m][p][l])` for every `k` in ascending order.
///
/// Called again with the next stretch of `k` and the same accumulators, it continues the same chains.
///
/// # Panics
///
/// If a panel is shorter than `a`.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(super) fn accumulate<const M: usize, const P: usize>(
    a: &[[f32; M]],
    panels: [&[[f32; LANES]]; P],
    acc: &mut [[[f32; LANES]; P]; M],
) {
    let mut sums = *acc;
    let panels = panels.map(|panel| &panel[..a.len()]);
    for (k, row) in a.iter().enumerate() {
        for p in 0..P {
            let b = &panels[p][k];
            for m in 0..M {
                let value = row[m];
                for l in 0..LANES {
                    sums[m][p][l] = value.mul_add(b[l], sums[m][p][l]);
                }
            }
        }
    }
    *acc = sums;
}

/// Calls a block with a constant number of rows, 1 to 6, bound to a name.
macro_rules! with_rows {
    ($rows:expr, $name:ident, $body:expr) => {
        match $rows {
            1 => {
                const $name: usize = 1;
                $body
            }
            2 => {
                const $name: usize = 2;
                $body
            }
            3 => {
                const $name: usize = 3;
                $body
            }
            4 => {
                const $name: usize = 4;
                $body
            }
            5 => {
                const $name: usize = 5;
                $body
            }
            _ => {
                const $name: usize = 6;
                $body
            }
        }
    };
}

pub(super) use with_rows;
