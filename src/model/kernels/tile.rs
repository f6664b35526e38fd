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
    accumulate_ahead::<M, P, false>(a, panels, 0, acc);
}

/// [`accumulate`] that also asks for what lies `ahead` lines behind each line that it reads, so that it is in the cache by the
/// time it is needed.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(super) fn accumulate_ahead<const M: usize, const P: usize, const AHEAD: bool>(
    a: &[[f32; M]],
    panels: [&[[f32; LANES]]; P],
    ahead: usize,
    acc: &mut [[[f32; LANES]; P]; M],
) {
    let mut sums = *acc;
    let panels = panels.map(|panel| &panel[..a.len()]);
    for (k, row) in a.iter().enumerate() {
        for p in 0..P {
            let b = &panels[p][k];
            if AHEAD {
                prefetch(std::ptr::from_ref(b).wrapping_add(ahead));
            }
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

/// Asks the processor to bring a line of panel into its cache. Wherever the address points, nothing is read.
#[inline(always)]
#[allow(clippy::inline_always)]
fn prefetch(line: *const [f32; LANES]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address, also of one that is not mapped, has no effect but on speed.
    #[allow(unsafe_code)]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
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
