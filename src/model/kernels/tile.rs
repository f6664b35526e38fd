//! The micro-kernel: a few rows times a few panels of sixteen columns.

use std::ops::Range;

use super::LANES;

/// Inputs multiplied at least between two requests for what lies ahead.
const PIECE: usize = 8;

/// Lines of panels that the processor shall fetch while it multiplies: line `i` of `count` from `start` on is line `i / S` of
/// stream `i % S`. Several streams at a time, because the processor's own look-ahead follows each by itself.
#[derive(Clone, Copy)]
pub(super) struct Ahead<const S: usize> {
    streams: [*const [f32; LANES]; S],
    start: usize,
    count: usize,
}

impl<const S: usize> Ahead<S> {
    /// Nothing.
    pub const NONE: Self = Self { streams: [std::ptr::null(); S], start: 0, count: 0 };

    /// `count` lines of the streams, from line `start` on. The addresses are never read from.
    pub fn new(streams: [*const [f32; LANES]; S], start: usize, count: usize) -> Self {
        Self { streams, start, count }
    }
}

/// `acc[m][p][l] = fma(a[k][m], panels[p][k][l], acc[m][p][l])` for every `k` in ascending order; the lines of `ahead` are
/// asked for on the way, evenly, so that memory works while the processor does.
///
/// Called again with the next stretch of `k` and the same accumulators, it continues the same chains.
///
/// # Panics
///
/// If a panel is shorter than `a`.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(super) fn accumulate_ahead<const M: usize, const P: usize, const S: usize>(
    a: &[[f32; M]],
    panels: [&[[f32; LANES]]; P],
    ahead: Ahead<S>,
    acc: &mut [[[f32; LANES]; P]; M],
) {
    let mut sums = *acc;
    let panels = panels.map(|panel| &panel[..a.len()]);
    let (count, length) = (ahead.count, a.len());
    let (size, each) = match count {
        0 => (length, 0),
        _ if count * PIECE < length => (length / count, 1),
        _ => (PIECE, count.div_ceil(length.div_ceil(PIECE))),
    };
    let (mut start, mut asked) = (0, 0);
    while start < length {
        let asking = (asked + each).min(count);
        for line in ahead.start + asked..ahead.start + asking {
            prefetch(ahead.streams[line % S].wrapping_add(line / S));
        }
        let end = (start + size).min(length);
        multiply(a, panels, start..end, &mut sums);
        (start, asked) = (end, asking);
    }
    *acc = sums;
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn multiply<const M: usize, const P: usize>(
    a: &[[f32; M]],
    panels: [&[[f32; LANES]]; P],
    inputs: Range<usize>,
    sums: &mut [[[f32; LANES]; P]; M],
) {
    for k in inputs {
        let row = &a[k];
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

/// Calls a block with two names bound to constants: a number of rows, 1 to 6, and how many panels to multiply them with at a
/// time. A processor needs eight chains or so to hide a chain's latency, and they must fit the registers: a panel is one a row
/// of thirty-two where registers are wide, and two of sixteen in AVX2, by which everything else is divided too. One row waits for
/// memory however many chains it has.
macro_rules! with_rows {
    ($rows:expr, $wide:expr, $rows_of:ident, $panels:ident, $body:expr) => {
        with_rows!(@ $rows, $wide, $rows_of, $panels, $body, [1 4 4] [2 2 4] [3 2 4] [4 1 2] [5 1 2], [6 1 2])
    };
    (@ $rows:expr, $wide:expr, $rows_of:ident, $panels:ident, $body:expr,
     $([$number:literal $narrow_panels:literal $wide_panels:literal])*, [$most:literal $narrow:literal $much:literal]) => {
        match ($rows, $wide) {
            $(
                ($number, false) => {
                    const $rows_of: usize = $number;
                    const $panels: usize = $narrow_panels;
                    $body
                }
                ($number, true) => {
                    const $rows_of: usize = $number;
                    const $panels: usize = $wide_panels;
                    $body
                }
            )*
            (_, false) => {
                const $rows_of: usize = $most;
                const $panels: usize = $narrow;
                $body
            }
            (_, true) => {
                const $rows_of: usize = $most;
                const $panels: usize = $much;
                $body
            }
        }
    };
}

pub(super) use with_rows;
