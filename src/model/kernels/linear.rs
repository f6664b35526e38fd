//! Products of activations with packed weights.

use std::ops::Range;

use rayon::prelude::*;

use super::isa::multiversion;
use super::output::SharedOutput;
use super::pack::{Element, Panels};
use super::tile::{accumulate, with_rows};
use super::{Isa, LANES, PARALLEL_WORK, PackedMatrix, PackedRows, ROWS};

/// Inputs handled before the partial sums go back to memory: a panel's stretch stays in the first-level cache.
const DEPTH: usize = 256;

/// Blocks of rows that one task handles.
const TASK_BLOCKS: usize = 16;

/// `y = x W^T + b`, row-major `(rows, outputs)`.
///
/// Every value is `fma(x_k, w_k, ...fma(x_0, w_0, b))`.
///
/// # Panics
///
/// If the widths of `x` and `W` differ.
pub fn linear(isa: Isa, x: &PackedRows, w: &PackedMatrix) -> Vec<f32> {
    assert_eq!(x.inputs(), w.inputs(), "activations and weights differ in width");
    let mut y = vec![0.0; x.rows() * w.outputs()];
    if y.is_empty() {
        return y;
    }
    let output = SharedOutput::new(&mut y, w.outputs());
    let threads = rayon::current_num_threads();
    let work = x.rows() * x.inputs() * w.outputs();
    if threads == 1 || work < PARALLEL_WORK {
        region(isa, x, w, 0..x.block_count(), 0..w.panel_count(), &output);
        return y;
    }
    let row_tasks = x.block_count().div_ceil(TASK_BLOCKS);
    let wanted = (4 * threads).min(work.div_ceil(PARALLEL_WORK / 4)).div_ceil(row_tasks);
    let panels_each = w.panel_count().div_ceil(wanted);
    let panel_tasks = w.panel_count().div_ceil(panels_each);
    (0..row_tasks * panel_tasks).into_par_iter().for_each(|task| {
        let (rows, panels) = (task / panel_tasks * TASK_BLOCKS, task % panel_tasks * panels_each);
        let rows = rows..(rows + TASK_BLOCKS).min(x.block_count());
        let panels = panels..(panels + panels_each).min(w.panel_count());
        region(isa, x, w, rows, panels, &output);
    });
    y
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
    let rows = x.block_rows(blocks.start);
    if blocks.len() == 1 && rows <= 3 {
        thin(isa, x.block(blocks.start), rows, blocks.start * ROWS, w, panels, output);
    } else {
        thick(isa, x, blocks, w, panels, output);
    }
}

/// Writes a tile's row, cut at the last output.
#[inline(always)]
#[allow(clippy::inline_always)]
fn write(output: &SharedOutput<'_>, row: usize, panel: usize, outputs: usize, values: &[f32; LANES]) {
    let length = (outputs - panel * LANES).min(LANES);
    // SAFETY: this row and panel belong to the calling task alone, and the piece ends with this call.
    #[allow(unsafe_code)]
    let piece = unsafe { output.piece(row, panel * LANES, length) };
    piece.copy_from_slice(&values[..length]);
}

multiversion! {
    /// Up to three rows: several panels at once, so that enough chains are in flight.
    fn thin(
        x: &[f32],
        rows: usize,
        first_row: usize,
        w: &PackedMatrix,
        panels: Range<usize>,
        output: &SharedOutput<'_>,
    ) {
        match w.panels() {
            Panels::Single(weights) => thin_of(weights, x, rows, first_row, w, panels, output),
            Panels::Half(weights) => thin_of(weights, x, rows, first_row, w, panels, output),
        }
    }
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn thin_of<T: Element>(
    weights: &[[T; LANES]],
    x: &[f32],
    rows: usize,
    first_row: usize,
    w: &PackedMatrix,
    panels: Range<usize>,
    output: &SharedOutput<'_>,
) {
    match rows {
        1 => thin_rows::<T, 1, 6>(weights, x, first_row, w, panels, output),
        2 => thin_rows::<T, 2, 3>(weights, x, first_row, w, panels, output),
        _ => thin_rows::<T, 3, 2>(weights, x, first_row, w, panels, output),
    }
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn thin_rows<T: Element, const M: usize, const P: usize>(
    weights: &[[T; LANES]],
    x: &[f32],
    first_row: usize,
    w: &PackedMatrix,
    panels: Range<usize>,
    output: &SharedOutput<'_>,
) {
    let (a, _) = x.as_chunks::<M>();
    let weights = |panel: usize| &weights[panel * w.inputs()..][..w.inputs()];
    let mut panel = panels.start;
    while panel + P <= panels.end {
        let mut sums: [[[f32; LANES]; P]; M] = [std::array::from_fn(|p| w.panel_bias(panel + p)); M];
        accumulate(a, std::array::from_fn(|p| weights(panel + p)), &mut sums);
        for (m, row) in sums.iter().enumerate() {
            for (p, values) in row.iter().enumerate() {
                write(output, first_row + m, panel + p, w.outputs(), values);
            }
        }
        panel += P;
    }
    for panel in panel..panels.end {
        let mut sums = [[w.panel_bias(panel)]; M];
        accumulate(a, [weights(panel)], &mut sums);
        for (m, [values]) in sums.iter().enumerate() {
            write(output, first_row + m, panel, w.outputs(), values);
        }
    }
}

multiversion! {
    /// Many rows: stretches of inputs, then panels, then blocks of rows, so that a panel's stretch is read from cache.
    fn thick(
        x: &PackedRows,
        blocks: Range<usize>,
        w: &PackedMatrix,
        panels: Range<usize>,
        output: &SharedOutput<'_>,
    ) {
        let mut widened = [[0.0; LANES]; DEPTH];
        for depth in (0..w.inputs()).step_by(DEPTH) {
            let stretch = depth..(depth + DEPTH).min(w.inputs());
            for panel in panels.clone() {
                let place = panel * w.inputs() + stretch.start..panel * w.inputs() + stretch.end;
                let weights = match w.panels() {
                    Panels::Single(weights) => &weights[place],
                    // Once for all blocks of rows.
                    Panels::Half(weights) => {
                        let widened = &mut widened[..stretch.len()];
                        widened.iter_mut().zip(&weights[place]).for_each(|(to, lanes)| *to = Element::widened(lanes));
                        widened
                    }
                };
                for block in blocks.clone() {
                    let rows = x.block_rows(block);
                    with_rows!(rows, M, block_tile::<M>(x, block, w, weights, panel, stretch.clone(), output));
                }
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn block_tile<const M: usize>(
    x: &PackedRows,
    block: usize,
    w: &PackedMatrix,
    weights: &[[f32; LANES]],
    panel: usize,
    stretch: Range<usize>,
    output: &SharedOutput<'_>,
) {
    let (a, _) = x.block(block).as_chunks::<M>();
    let mut sums = [[w.panel_bias(panel)]; M];
    if stretch.start > 0 {
        let length = (w.outputs() - panel * LANES).min(LANES);
        for (m, [values]) in sums.iter_mut().enumerate() {
            // SAFETY: this row and panel belong to the calling task alone, and the piece ends in this iteration.
            #[allow(unsafe_code)]
            let piece = unsafe { output.piece(block * ROWS + m, panel * LANES, length) };
            values[..length].copy_from_slice(piece);
        }
    }
    accumulate(&a[stretch], [weights], &mut sums);
    for (m, [values]) in sums.iter().enumerate() {
        write(output, block * ROWS + m, panel, w.outputs(), values);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::model::kernels::Values;
    use crate::seed::Seed;
    use half::bf16;
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
            let x = values("x", rows * inputs);
            let half = values("w", outputs * inputs).into_iter().map(bf16::from_f32).collect::<Vec<_>>();
            let wide = half.iter().map(|value| value.to_f32()).collect::<Vec<_>>();
            let expected = bits(&reference(&x, &wide, None, inputs));
            let packed = PackedMatrix::stack(inputs, vec![(Values::Bfloat16(half), None)]);
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
