//! Products of activations with packed weights.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::isa::multiversion;
use super::output::SharedOutput;
use super::pack::Segment;
use super::tile::{Ahead, accumulate_ahead, with_rows};
use super::{Isa, LANES, PARALLEL_WORK, PackedMatrix, PackedRows, ROWS, TASKS_A_THREAD};

/// Inputs handled before the partial sums go back to memory: a panel's stretch stays in the first-level cache. Half of it
/// where full blocks take two panels at a time.
const DEPTH: usize = 256;

/// The same where few rows read widened weights. A multiple of sixteen, as is the other.
const THIN_DEPTH: usize = 64;

/// Panels that a full block of rows takes at a time where registers are wide; what `with_rows!` says of six rows.
const FULL_PANELS: usize = 2;

/// Panels whose partial sums are kept at one time.
const GROUP: usize = 4;

/// Blocks of rows that one task handles at most.
const TASK_BLOCKS: usize = 32;

/// `y = x W^T + b`, row-major `(rows, outputs)`.
///
/// Every value is `fma(x_k, w_k, ...fma(x_0, w_0, b))`.
///
/// # Panics
///
/// If the widths of `x` and `W` differ.
pub fn linear(isa: Isa, x: &PackedRows, w: &PackedMatrix) -> Vec<f32> {
    let mut y = vec![0.0; x.rows() * w.outputs()];
    linear_into(isa, x, w, &mut y);
    y
}

/// The same into `y`, whatever was in it.
///
/// # Panics
///
/// If the widths of `x` and `W` differ, or `y` has not one value for each row and output.
pub fn linear_into(isa: Isa, x: &PackedRows, w: &PackedMatrix, y: &mut [f32]) {
    assert_eq!(x.inputs(), w.inputs(), "activations and weights differ in width");
    assert_eq!(y.len(), x.rows() * w.outputs(), "the product has another size");
    if y.is_empty() {
        return;
    }
    let output = SharedOutput::new(y, w.outputs());
    let threads = rayon::current_num_threads();
    let work = x.rows() * x.inputs() * w.outputs();
    if threads == 1 || work < PARALLEL_WORK {
        region(isa, x, w, 0..x.block_count(), 0..w.panel_count(), &output);
        return;
    }
    let row_tasks = x.block_count().div_ceil(TASK_BLOCKS);
    let blocks_each = x.block_count().div_ceil(row_tasks);
    let wanted = (TASKS_A_THREAD * threads).min(work.div_ceil(PARALLEL_WORK / 4)).div_ceil(row_tasks);
    let panels_each = w.panel_count().div_ceil(wanted).next_multiple_of(GROUP);
    let panel_tasks = w.panel_count().div_ceil(panels_each);
    // Each by itself: a thread that falls behind leaves what it has not begun to the others.
    (0..row_tasks * panel_tasks).into_par_iter().with_max_len(1).for_each(|task| {
        let (rows, panels) = (task / panel_tasks * blocks_each, task % panel_tasks * panels_each);
        let rows = rows..(rows + blocks_each).min(x.block_count());
        let panels = panels..(panels + panels_each).min(w.panel_count());
        region(isa, x, w, rows, panels, &output);
    });
}

/// The columns of some panels of `y` for some blocks of rows, on the calling thread: row-major, as wide as the panels
/// are (less at the last output).
///
/// # Panics
///
/// If the widths of `x` and `W` differ.
pub fn linear_part(isa: Isa, x: &PackedRows, blocks: Range<usize>, w: &PackedMatrix, panels: Range<usize>) -> Vec<f32> {
    assert_eq!(x.inputs(), w.inputs(), "activations and weights differ in width");
    let width = (panels.end * LANES).min(w.outputs()) - panels.start * LANES;
    let rows = (blocks.end * ROWS).min(x.rows()) - blocks.start * ROWS;
    let mut y = vec![0.0; rows * width];
    let output = SharedOutput::part(&mut y, width, blocks.start * ROWS, panels.start * LANES);
    region(isa, x, w, blocks, panels, &output);
    y
}

/// Computes blocks of rows times panels. Concurrent calls must have disjoint regions.
fn region(
    isa: Isa,
    x: &PackedRows,
    w: &PackedMatrix,
    blocks: Range<usize>,
    panels: Range<usize>,
    output: &SharedOutput<'_>,
) {
    if blocks.is_empty() {
        return;
    }
    for segment in w.segments() {
        let start = segment.first.max(panels.start);
        let end = (segment.first + segment.count).min(panels.end);
        if start < end {
            let tiles = Tiles { x, blocks: blocks.clone(), w, panels: start..end, output };
            segment_region(isa, segment, &tiles);
        }
    }
}

multiversion! {
    fn segment_region(segment: &Segment, tiles: &Tiles<'_>) {
        multiply_segment::<WIDE>(segment, tiles);
    }
}

/// Groups of panels, then stretches of inputs, then panels, then blocks of rows: a panel's stretch is asked for while the one
/// before is multiplied and stays in the cache for all blocks, the rows' stretches lie in the second-level cache, and so do the partial sums of a
/// group, which an output sees only once they are whole.
#[inline(always)]
#[allow(clippy::inline_always)]
fn multiply_segment<const WIDE: bool>(segment: &Segment, tiles: &Tiles<'_>) {
    let Tiles { x, blocks, w, panels, output } = tiles;
    let inputs = w.inputs();
    // Few rows read widened weights so few times that those must not leave the first-level cache.
    let thin = blocks.len() == 1 && x.block_rows(blocks.start) < 4;
    let depth = match (thin && !segment.panels.are_single(), WIDE) {
        (true, _) => THIN_DEPTH,
        (false, true) => DEPTH / FULL_PANELS,
        (false, false) => DEPTH,
    };
    let Scratch { mut room, mut partial } = SCRATCH.take();
    if !segment.panels.are_single() && room.len() < GROUP * depth {
        room.resize(GROUP * depth, [0.0; LANES]);
    }
    if inputs > depth && partial.len() < blocks.len() {
        partial.resize(blocks.len(), [[[0.0; LANES]; GROUP]; ROWS]);
    }
    for first in panels.clone().step_by(GROUP) {
        let count = (panels.end - first).min(GROUP);
        let mut biases = [[0.0; LANES]; GROUP];
        for (p, bias) in biases.iter_mut().enumerate().take(count) {
            *bias = w.panel_bias(first + p);
        }
        for start in (0..inputs).step_by(depth) {
            let end = (start + depth).min(inputs);
            let mut weights: [&[[f32; LANES]]; GROUP] = [&[]; GROUP];
            let mut rest = if segment.panels.are_single() { &mut [] } else { room.as_mut_slice() };
            for (p, weights) in weights.iter_mut().enumerate().take(count) {
                let (own, others) = rest.split_at_mut((end - start).min(rest.len()));
                rest = others;
                *weights = segment.panels.stretch(inputs, first + p - segment.first, start, end, own);
            }
            // What memory is asked for meanwhile: the next stretch of these panels, or the first of the next ones, which another
            // task may have. Widened weights are read in one go, which the processor foresees by itself.
            let following = first + 2 * GROUP <= segment.first + segment.count;
            let asks = segment.panels.are_single() && count == GROUP && (end < inputs || following);
            let next = asks.then(|| {
                weights.map(|panel| match panel.as_ptr() {
                    panel if end < inputs => panel.wrapping_add(end - start),
                    panel => panel.wrapping_sub(start).wrapping_add(GROUP * inputs),
                })
            });
            let outputs = w.outputs();
            let group = Group {
                x,
                blocks: blocks.clone(),
                first,
                count,
                weights,
                next,
                biases: &biases,
                start,
                end,
                inputs,
                outputs,
                output,
            };
            group.multiply::<WIDE>(&mut partial);
        }
    }
    SCRATCH.set(Scratch { room, partial });
}

/// Memory of a thread's last task, for its next.
#[derive(Default)]
struct Scratch {
    /// Widened weights.
    room: Vec<[f32; LANES]>,
    /// Sums of each block of rows.
    partial: Vec<Partial>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Blocks of rows times panels of one segment, and where the products go.
struct Tiles<'a> {
    x: &'a PackedRows,
    blocks: Range<usize>,
    w: &'a PackedMatrix,
    panels: Range<usize>,
    output: &'a SharedOutput<'a>,
}

/// A stretch of some neighbouring panels.
struct Group<'a> {
    x: &'a PackedRows,
    blocks: Range<usize>,
    /// The first panel.
    first: usize,
    count: usize,
    weights: [&'a [[f32; LANES]]; GROUP],
    /// Where each panel goes on, for this stretch's rows to ask for.
    next: Option<[*const [f32; LANES]; GROUP]>,
    biases: &'a [[f32; LANES]; GROUP],
    start: usize,
    end: usize,
    inputs: usize,
    outputs: usize,
    output: &'a SharedOutput<'a>,
}

/// Lines that are asked for by some tiles in turn, as many by each.
struct Turns {
    next: Option<[*const [f32; LANES]; GROUP]>,
    first: usize,
    lines: usize,
    /// How many turns there are.
    count: usize,
    done: usize,
}

impl Turns {
    /// The next tile's share; nothing after the last turn.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn next(&mut self) -> Ahead<GROUP> {
        match self.next {
            Some(next) if self.done < self.count => {
                let line = |turn: usize| self.lines * turn / self.count;
                let (from, to) = (line(self.done), line(self.done + 1));
                self.done += 1;
                Ahead::new(next, self.first + from, to - from)
            }
            _ => Ahead::NONE,
        }
    }
}

/// Sums of one block of rows that are not whole yet.
type Partial = [[[f32; LANES]; GROUP]; ROWS];

impl Group<'_> {
    /// All blocks of rows, the last of which may have less than the others.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn multiply<const WIDE: bool>(&self, partial: &mut [Partial]) {
        with_rows!(self.x.block_rows(self.blocks.end - 1), WIDE, M, P, {
            if WIDE {
                self.with_last::<M, P, FULL_PANELS>(partial);
            } else {
                self.with_last::<M, P, 1>(partial);
            }
        });
    }

    /// The last block, of `M` rows, takes `P` panels at a time, the full ones before it take `F`, of which `P` is a multiple.
    /// While panels are in the cache, all blocks have their turn. Loops, not closures: a closure may be compiled apart, without
    /// the instructions of its surroundings.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn with_last<const M: usize, const P: usize, const F: usize>(&self, partial: &mut [Partial]) {
        debug_assert!(P.is_multiple_of(F) || self.blocks.len() == 1, "{F} panels at a time do not make {P}");
        let last = self.blocks.end - 1;
        // A last block of so few rows that it waits for the cache anyway asks for nothing, nor does a row alone, which reads four
        // panels at a time: the processor foresees that.
        let blocks = self.blocks.len() - usize::from(M == 1 || (M == 2 && self.blocks.len() > 1));
        let full = last - self.blocks.start;
        let whole = self.count / P * P;
        for first in (0..whole).step_by(P) {
            let count = full * (P / F) + blocks - full;
            let stretch = self.end - self.start;
            let mut turns = Turns { next: self.next, first: first * stretch, lines: P * stretch, count, done: 0 };
            for p in (first..first + P).step_by(F) {
                for block in self.blocks.start..last {
                    self.tile::<ROWS, F>(block, p, turns.next(), partial);
                }
            }
            self.tile::<M, P>(last, first, turns.next(), partial);
        }
        // Panels that are fewer than a group ask for nothing.
        for p in whole..self.count {
            for block in self.blocks.start..last {
                self.tile::<ROWS, 1>(block, p, Ahead::NONE, partial);
            }
            self.tile::<M, 1>(last, p, Ahead::NONE, partial);
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn tile<const M: usize, const P: usize>(
        &self,
        block: usize,
        p: usize,
        ahead: Ahead<GROUP>,
        partial: &mut [Partial],
    ) {
        let mut partial = partial.get_mut(block - self.blocks.start);
        let (rows, _) = self.x.block(block).as_chunks::<M>();
        let mut panels: [&[[f32; LANES]]; P] = [&[]; P];
        panels.copy_from_slice(&self.weights[p..p + P]);
        let mut sums = [[[0.0; LANES]; P]; M];
        for m in 0..M {
            match &partial {
                Some(partial) if self.start > 0 => sums[m].copy_from_slice(&partial[m][p..p + P]),
                _ => sums[m].copy_from_slice(&self.biases[p..p + P]),
            }
        }
        accumulate_ahead(&rows[self.start..self.end], panels, ahead, &mut sums);
        if self.end < self.inputs {
            if let Some(partial) = &mut partial {
                for m in 0..M {
                    partial[m][p..p + P].copy_from_slice(&sums[m]);
                }
            }
            return;
        }
        for (m, row) in sums.iter().enumerate() {
            for (q, values) in row.iter().enumerate() {
                self.write(block * ROWS + m, self.first + p + q, values);
            }
        }
    }

    /// Writes a tile's row, cut at the last output.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn write(&self, row: usize, panel: usize, values: &[f32; LANES]) {
        let length = (self.outputs - panel * LANES).min(LANES);
        // SAFETY: this row and panel belong to the calling task alone, and the piece ends with this call.
        #[allow(unsafe_code)]
        let piece = unsafe { self.output.piece(row, panel * LANES, length) };
        if let Ok(piece) = <&mut [f32; LANES]>::try_from(&mut *piece) {
            *piece = *values;
        } else {
            piece.copy_from_slice(&values[..length]);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::model::kernels::Values;
    use crate::seed::Seed;
    use half::{bf16, f16};
    use rand::Rng;

    fn values(label: &str, count: usize) -> Vec<f32> {
        let mut stream = Seed(3).stream(&["linear", label]);
        (0..count).map(|_| stream.random_range(-1.0..1.0)).collect()
    }

    /// One chain an output, written out.
    fn reference(x: &[f32], w: &[f32], bias: Option<&[f32]>, inputs: usize) -> Vec<f32> {
        let outputs = w.len() / inputs;
        let one = |row: &[f32], n: usize| {
            let start = bias.map_or(0.0, |bias| bias[n]);
            row.iter().zip(&w[n * inputs..]).fold(start, |sum, (x, w)| x.mul_add(*w, sum))
        };
        x.chunks_exact(inputs).flat_map(|row| (0..outputs).map(move |n| one(row, n))).collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn every_value_is_one_ascending_chain_whatever_the_shape_instructions_and_threads() {
        for (rows, inputs, outputs) in [(1, 7, 5), (1, 64, 200), (2, 300, 33), (3, 20, 97), (6, 513, 48), (29, 64, 40)]
        {
            let (x, w) = (values("x", rows * inputs), values("w", outputs * inputs));
            let bias = values("b", outputs);
            for bias in [None, Some(bias)] {
                let expected = bits(&reference(&x, &w, bias.as_deref(), inputs));
                let packed = PackedMatrix::stack(inputs, vec![(Values::Single(w.clone()), bias.clone())]);
                for isa in Isa::available() {
                    for threads in [1, 3] {
                        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                        let y = pool.install(|| linear(isa, &PackedRows::new(&x, inputs), &packed));
                        assert_eq!(bits(&y), expected, "{rows}x{inputs}x{outputs} {} {threads}", isa.name());
                    }
                }
            }
        }
    }

    /// The division into tiles for wide registers, in whatever instructions the tests are compiled for.
    #[test]
    fn tiles_of_wide_registers_give_the_same_bits() {
        for (rows, inputs, outputs) in (1..9).chain([12, 17, 29]).map(|rows| (rows, 300, 170)) {
            let (x, w) = (values("x", rows * inputs), values("w", outputs * inputs));
            let expected = bits(&reference(&x, &w, None, inputs));
            let (x, w) = (PackedRows::new(&x, inputs), PackedMatrix::stack(inputs, vec![(Values::Single(w), None)]));
            let mut y = vec![f32::NAN; rows * outputs];
            let output = SharedOutput::new(&mut y, outputs);
            let tiles = Tiles { x: &x, blocks: 0..x.block_count(), w: &w, panels: 0..w.panel_count(), output: &output };
            multiply_segment::<true>(&w.segments()[0], &tiles);
            assert_eq!(bits(&y), expected, "{rows} rows");
        }
    }

    #[test]
    fn work_that_is_split_over_threads_gives_the_same_bits() {
        let (rows, inputs, outputs) = (130, 320, 190);
        let (x, w) = (values("x", rows * inputs), values("w", outputs * inputs));
        let packed = PackedMatrix::stack(inputs, vec![(Values::Single(w.clone()), None)]);
        let expected = bits(&reference(&x, &w, None, inputs));
        for isa in Isa::available() {
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let y = pool.install(|| linear(isa, &PackedRows::new(&x, inputs), &packed));
                assert_eq!(bits(&y), expected, "{} {threads}", isa.name());
            }
        }
    }

    #[test]
    fn weights_of_two_bytes_give_the_bits_of_the_same_weights_widened() {
        for (rows, inputs, outputs) in [(1, 65, 200), (3, 20, 97), (7, 513, 48), (130, 320, 190)] {
            let (x, w) = (values("x", rows * inputs), values("w", outputs * inputs));
            let brain = w.iter().copied().map(bf16::from_f32).collect::<Vec<_>>();
            // Small ones too, which half precision holds as subnormal numbers.
            let half = w.iter().map(|value| f16::from_f32(value * value * value * 1e-3)).collect::<Vec<_>>();
            let wide_brain = brain.iter().map(|value| value.to_f32()).collect::<Vec<_>>();
            let wide_half = half.iter().map(|value| value.to_f32()).collect::<Vec<_>>();
            for (stored, wide) in [(Values::Bfloat16(brain), wide_brain), (Values::Float16(half), wide_half)] {
                let expected = bits(&reference(&x, &wide, None, inputs));
                let packed = PackedMatrix::stack(inputs, vec![(stored, None)]);
                assert_eq!(packed.bytes(), outputs.div_ceil(LANES) * LANES * inputs * 2);
                for isa in Isa::available() {
                    let y = linear(isa, &PackedRows::new(&x, inputs), &packed);
                    assert_eq!(bits(&y), expected, "{rows}x{inputs}x{outputs} {}", isa.name());
                }
                let mut row = vec![0.0; inputs];
                packed.copy_row(outputs - 1, &mut row);
                assert_eq!(row, wide[(outputs - 1) * inputs..]);
            }
        }
    }
}
