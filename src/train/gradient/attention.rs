//! Causal attention within each sequence, with grouped key and value heads, sliding windows and soft-capped scores.
//!
//! Scores exist for a block of queries at a time. The backward pass computes probabilities again from the scores and
//! each row's log-sum-exp, so memory grows with the length of a sequence, not with its square.

// Columns of heads are fixed where the attention layer is described; inside, indices are products of sizes.
#![allow(clippy::indexing_slicing)]

use rayon::prelude::*;

use super::math::{exp, fold_sum, tanh};
use super::matrix::{Matrix, MatrixMut, product};
use super::rotary::Heads;
use super::simd::vectorised;

/// Queries whose scores exist at one time.
const BLOCK_ROWS: usize = 64;

/// Lanes of a sum over a row.
const LANES: usize = super::LANES;

/// One attention layer over some sequences.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    /// Values a head.
    pub head_dim: usize,
    /// Scores are multiplied by this.
    pub scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub soft_cap: Option<f32>,
    /// A query sees this many positions, its own included.
    pub window: Option<usize>,
    /// Values a row of queries, keys and values.
    pub width: usize,
    /// Query heads; a multiple of the key heads.
    pub query: Heads,
    /// Key heads.
    pub key: Heads,
    /// Value heads.
    pub value: Heads,
    /// Where each sequence begins, and the number of rows.
    pub starts: &'a [usize],
}

impl Form<'_> {
    fn group(&self) -> usize {
        self.query.count / self.key.count
    }

    /// A head of one sequence, `(length, head_dim)`.
    fn head<'b>(&self, qkv: &'b [f32], heads: Heads, head: usize, first: usize, rows: usize) -> Matrix<'b> {
        let start = first * self.width + heads.first + head * heads.stride;
        Matrix::strided(&qkv[start..], rows, self.head_dim, self.width)
    }

    /// Rows `first..` of a block and the keys that some of them sees.
    fn block(&self, first: usize, length: usize) -> Block {
        let rows = BLOCK_ROWS.min(length - first);
        let first_key = self.window.map_or(0, |window| (first + 1).saturating_sub(window));
        Block { first, rows, first_key, keys: first + rows - first_key }
    }
}

/// Queries of one sequence that are handled together.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    rows: usize,
    first_key: usize,
    keys: usize,
}

impl Block {
    /// The keys that a row sees, as columns of the block's scores.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn seen(&self, row: usize, window: Option<usize>) -> std::ops::Range<usize> {
        let end = self.first + row + 1;
        let start = window.map_or(0, |window| end.saturating_sub(window));
        start - self.first_key..end - self.first_key
    }
}

/// What one key head's queries of one sequence write in the forward pass.
struct ForwardUnit<'a> {
    first: usize,
    length: usize,
    head: usize,
    output: MatrixMut<'a>,
    log_sums: MatrixMut<'a>,
}

/// `output`, `(rows, heads * head_dim)`, and each row's log-sum-exp, `(rows, heads)`.
pub fn forward(form: Form<'_>, qkv: &[f32], output: &mut [f32], log_sums: &mut [f32], lanes: usize) {
    let (heads, group) = (form.query.count, form.group());
    let rows = form.starts.last().copied().unwrap_or(0);
    let mut output = MatrixMut::new(output, rows, heads * form.head_dim);
    let mut log_sums = MatrixMut::new(log_sums, rows, heads);
    let mut units = Vec::with_capacity(form.starts.len() * form.key.count);
    for pair in form.starts.windows(2) {
        let (first, length) = (pair[0], pair[1] - pair[0]);
        let (mut of_output, mut of_sums);
        (of_output, output) = output.split_rows(length);
        (of_sums, log_sums) = log_sums.split_rows(length);
        for head in 0..form.key.count {
            let (output, log_sums);
            (output, of_output) = of_output.split_columns(group * form.head_dim);
            (log_sums, of_sums) = of_sums.split_columns(group);
            units.push(ForwardUnit { first, length, head, output, log_sums });
        }
    }
    let run = |scratch: &mut Vec<f32>, unit: ForwardUnit<'_>| forward_unit(form, qkv, unit, scratch);
    if lanes == 1 {
        let mut scratch = Vec::new();
        for unit in units {
            run(&mut scratch, unit);
        }
    } else {
        units.into_par_iter().for_each_init(Vec::new, run);
    }
}

fn forward_unit(form: Form<'_>, qkv: &[f32], mut unit: ForwardUnit<'_>, scratch: &mut Vec<f32>) {
    let (length, dim) = (unit.length, form.head_dim);
    let mut sums = [(0.0, 0.0); BLOCK_ROWS];
    for member in 0..form.group() {
        let query_head = unit.head * form.group() + member;
        for first in (0..length).step_by(BLOCK_ROWS) {
            let block = form.block(first, length);
            let query = form.head(qkv, form.query, query_head, unit.first + first, block.rows);
            let key = form.head(qkv, form.key, unit.head, unit.first + block.first_key, block.keys);
            let value = form.head(qkv, form.value, unit.head, unit.first + block.first_key, block.keys);
            let size = block.rows * block.keys;
            if scratch.len() < size {
                scratch.resize(size, 0.0);
            }
            let scores = &mut scratch[..size];
            let target = MatrixMut::new(scores, block.rows, block.keys);
            product(target, false, query, key.transposed(), form.scale, 1);
            exponentials(block, form.window, form.soft_cap, scores, &mut sums);
            let mut output = unit.output.reborrow().columns(member * dim, dim).rows(first, block.rows);
            let weights = Matrix::new(scores, block.rows, block.keys);
            product(output.reborrow(), false, weights, value, 1.0, 1);
            for (row, (max, sum)) in sums.iter().take(block.rows).enumerate() {
                let factor = 1.0 / sum;
                output.row(row).iter_mut().for_each(|value| *value *= factor);
                unit.log_sums.row(first + row)[member] = max + sum.ln();
            }
        }
    }
}

vectorised! {
    /// Turns scores into `exp(score - max)`, 0 where a row does not see; gives each row's maximum and sum.
    fn exponentials(
        block: Block,
        window: Option<usize>,
        soft_cap: Option<f32>,
        scores: &mut [f32],
        sums: &mut [(f32, f32)],
    ) {
        for (row, (scores, sums)) in scores.chunks_exact_mut(block.keys).zip(sums).enumerate() {
            let seen = block.seen(row, window);
            scores[..seen.start].fill(0.0);
            scores[seen.end..].fill(0.0);
            let scores = &mut scores[seen];
            if let Some(cap) = soft_cap {
                for score in scores.iter_mut() {
                    *score = cap * tanh(*score / cap);
                }
            }
            let mut largest = [f32::NEG_INFINITY; LANES];
            let (chunks, rest) = scores.as_chunks::<LANES>();
            for chunk in chunks {
                for lane in 0..LANES {
                    largest[lane] = if chunk[lane] > largest[lane] { chunk[lane] } else { largest[lane] };
                }
            }
            for (lane, score) in rest.iter().enumerate() {
                largest[lane] = if *score > largest[lane] { *score } else { largest[lane] };
            }
            let max = largest.iter().fold(f32::NEG_INFINITY, |max, lane| if *lane > max { *lane } else { max });
            let mut lanes = [0.0; LANES];
            let (chunks, rest) = scores.as_chunks_mut::<LANES>();
            for chunk in chunks {
                for lane in 0..LANES {
                    chunk[lane] = exp(chunk[lane] - max);
                    lanes[lane] += chunk[lane];
                }
            }
            for (lane, score) in rest.iter_mut().enumerate() {
                *score = exp(*score - max);
                lanes[lane] += *score;
            }
            *sums = (max, fold_sum(&lanes));
        }
    }
}

/// What one key head and its queries of one sequence write in the backward pass.
struct BackwardUnit<'a> {
    first: usize,
    length: usize,
    head: usize,
    query: Vec<MatrixMut<'a>>,
    key: MatrixMut<'a>,
    value: MatrixMut<'a>,
}

/// What the backward pass reads.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// Queries, keys and values.
    pub qkv: &'a [f32],
    /// The forward pass's output.
    pub output: &'a [f32],
    /// The rows' log-sum-exps.
    pub log_sums: &'a [f32],
}

/// The gradient of queries, keys and values, written to `dqkv`, from that of the output.
///
/// With `P` the probabilities and `D = rowsum(dO O)`: `dV = P' dO`, `dS = P (dO V' - D)`, times `1 - (s / cap)^2` where
/// scores are capped, `dQ = scale dS K`, `dK = scale dS' Q`.
pub fn backward(form: Form<'_>, kept: Kept<'_>, d_output: &[f32], dqkv: &mut [f32], lanes: usize) {
    let rows = form.starts.last().copied().unwrap_or(0);
    let mut rest = MatrixMut::new(dqkv, rows, form.width);
    let mut units = Vec::with_capacity(form.starts.len() * form.key.count);
    for pair in form.starts.windows(2) {
        let (first, length) = (pair[0], pair[1] - pair[0]);
        let of_sequence;
        (of_sequence, rest) = rest.split_rows(length);
        let mut parts = heads_of(form, of_sequence).into_iter();
        let mut take = |count: usize| parts.by_ref().take(count).collect::<Vec<_>>();
        let (mut query, key, value) = (take(form.query.count), take(form.key.count), take(form.value.count));
        for (head, (key, value)) in key.into_iter().zip(value).enumerate() {
            let query = query.drain(..form.group()).collect();
            units.push(BackwardUnit { first, length, head, query, key, value });
        }
    }
    let run = |scratch: &mut [Vec<f32>; 2], unit: BackwardUnit<'_>| {
        backward_unit(form, kept, d_output, unit, scratch);
    };
    if lanes == 1 {
        let mut scratch = [Vec::new(), Vec::new()];
        for unit in units {
            run(&mut scratch, unit);
        }
    } else {
        units.into_par_iter().for_each_init(|| [Vec::new(), Vec::new()], run);
    }
}

/// Cuts rows into their heads: queries, then keys, then values.
fn heads_of<'a>(form: Form<'_>, rows: MatrixMut<'a>) -> Vec<MatrixMut<'a>> {
    let columns = |heads: Heads| (0..heads.count).map(move |head| heads.first + head * heads.stride);
    let columns = [form.query, form.key, form.value].into_iter().flat_map(columns).enumerate();
    let mut order = columns.map(|(place, column)| (column, place)).collect::<Vec<_>>();
    order.sort_unstable();
    let (mut rest, mut at) = (rows, 0);
    let mut parts = Vec::with_capacity(order.len());
    for (column, place) in order {
        let part;
        rest = rest.split_columns(column - at).1;
        (part, rest) = rest.split_columns(form.head_dim);
        at = column + form.head_dim;
        parts.push((place, part));
    }
    parts.sort_unstable_by_key(|(place, _)| *place);
    parts.into_iter().map(|(_, part)| part).collect()
}

fn backward_unit(
    form: Form<'_>,
    kept: Kept<'_>,
    d_output: &[f32],
    mut unit: BackwardUnit<'_>,
    scratch: &mut [Vec<f32>; 2],
) {
    let (length, dim, heads) = (unit.length, form.head_dim, form.query.count);
    for row in 0..length {
        unit.key.row(row).fill(0.0);
        unit.value.row(row).fill(0.0);
    }
    for (member, mut d_query) in unit.query.into_iter().enumerate() {
        let query_head = unit.head * form.group() + member;
        for first in (0..length).step_by(BLOCK_ROWS) {
            let block = form.block(first, length);
            let row = unit.first + first;
            let query = form.head(kept.qkv, form.query, query_head, row, block.rows);
            let key = form.head(kept.qkv, form.key, unit.head, unit.first + block.first_key, block.keys);
            let value = form.head(kept.qkv, form.value, unit.head, unit.first + block.first_key, block.keys);
            let start = row * heads * dim + query_head * dim;
            let d_out = Matrix::strided(&d_output[start..], block.rows, dim, heads * dim);
            let size = block.rows * block.keys;
            for scratch in scratch.iter_mut().filter(|scratch| scratch.len() < size) {
                scratch.resize(size, 0.0);
            }
            let [weights, slopes] = scratch;
            let (weights, slopes) = (&mut weights[..size], &mut slopes[..size]);
            let shaped = |values| MatrixMut::new(values, block.rows, block.keys);
            product(shaped(weights), false, query, key.transposed(), form.scale, 1);
            product(shaped(slopes), false, d_out, value.transposed(), 1.0, 1);
            let of_rows = RowsOf {
                output: &kept.output[start..],
                d_output: &d_output[start..],
                stride: heads * dim,
                log_sums: &kept.log_sums[row * heads + query_head..],
                heads,
                dim,
            };
            score_slopes(block, form.window, form.soft_cap, of_rows, weights, slopes);
            let weights = Matrix::new(weights, block.rows, block.keys);
            let slopes = Matrix::new(slopes, block.rows, block.keys);
            product(d_query.reborrow().rows(first, block.rows), false, slopes, key, form.scale, 1);
            let d_key = unit.key.reborrow().rows(block.first_key, block.keys);
            product(d_key, true, slopes.transposed(), query, form.scale, 1);
            let d_value = unit.value.reborrow().rows(block.first_key, block.keys);
            product(d_value, true, weights.transposed(), d_out, 1.0, 1);
        }
    }
}

/// One head of a block's rows.
#[derive(Debug, Clone, Copy)]
struct RowsOf<'a> {
    output: &'a [f32],
    d_output: &'a [f32],
    stride: usize,
    log_sums: &'a [f32],
    heads: usize,
    dim: usize,
}

vectorised! {
    /// Turns scores into probabilities, and the probabilities' gradients into those of the scores.
    fn score_slopes(
        block: Block,
        window: Option<usize>,
        soft_cap: Option<f32>,
        of_rows: RowsOf<'_>,
        scores: &mut [f32],
        slopes: &mut [f32],
    ) {
        let rows = scores.chunks_exact_mut(block.keys).zip(slopes.chunks_exact_mut(block.keys));
        for (row, (scores, slopes)) in rows.enumerate() {
            let seen = block.seen(row, window);
            for part in [&mut *scores, &mut *slopes] {
                part[..seen.start].fill(0.0);
                part[seen.end..].fill(0.0);
            }
            let start = row * of_rows.stride;
            let output = &of_rows.output[start..start + of_rows.dim];
            let d_output = &of_rows.d_output[start..start + of_rows.dim];
            let mut lanes = [0.0; LANES];
            let ((a, a_rest), (b, b_rest)) = (output.as_chunks::<LANES>(), d_output.as_chunks::<LANES>());
            for (a, b) in a.iter().zip(b) {
                for lane in 0..LANES {
                    lanes[lane] = a[lane].mul_add(b[lane], lanes[lane]);
                }
            }
            for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
                lanes[lane] = a.mul_add(*b, lanes[lane]);
            }
            let along = fold_sum(&lanes);
            let log_sum = of_rows.log_sums[row * of_rows.heads];
            let (scores, slopes) = (&mut scores[seen.clone()], &mut slopes[seen]);
            if let Some(cap) = soft_cap {
                for (score, slope) in scores.iter_mut().zip(slopes) {
                    let bent = tanh(*score / cap);
                    let weight = exp(cap.mul_add(bent, -log_sum));
                    *slope = weight * (*slope - along) * (1.0 - bent * bent);
                    *score = weight;
                }
            } else {
                for (score, slope) in scores.iter_mut().zip(slopes) {
                    let weight = exp(*score - log_sum);
                    *slope = weight * (*slope - along);
                    *score = weight;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{agrees, numbers};
    use super::*;

    fn run(form: Form<'_>, qkv: &[f32], lanes: usize) -> (Vec<f32>, Vec<f32>) {
        let rows = form.starts[form.starts.len() - 1];
        let mut output = vec![0.0; rows * form.query.count * form.head_dim];
        let mut log_sums = vec![0.0; rows * form.query.count];
        forward(form, qkv, &mut output, &mut log_sums, lanes);
        (output, log_sums)
    }

    #[test]
    fn gradients_agree_with_finite_differences_with_groups_windows_caps_and_interleaved_heads() {
        let starts = [0, 3, 3, 80];
        let heads = |count, first, stride| Heads { count, first, stride };
        let grouped = (heads(4, 0, 5), heads(2, 20, 5), heads(2, 30, 5), 40);
        let interleaved = (heads(2, 0, 15), heads(2, 5, 15), heads(2, 10, 15), 30);
        for (query, key, value, width) in [grouped, interleaved] {
            for (window, soft_cap) in [(None, None), (Some(7), None), (None, Some(1.5)), (Some(70), Some(3.0))] {
                let form =
                    Form { head_dim: 5, scale: 0.7, soft_cap, window, width, query, key, value, starts: &starts };
                let qkv = numbers(80 * width, 1, 3.0);
                let weights = numbers(80 * query.count * 5, 2, 2.0);
                let (output, log_sums) = run(form, &qkv, 1);
                assert_eq!((output.clone(), log_sums.clone()), run(form, &qkv, 2));
                let kept = Kept { qkv: &qkv, output: &output, log_sums: &log_sums };
                let gradient = |lanes| {
                    let mut dqkv = vec![f32::NAN; qkv.len()];
                    backward(form, kept, &weights, &mut dqkv, lanes);
                    dqkv
                };
                assert_eq!(gradient(1), gradient(2));
                agrees(&format!("{window:?} {soft_cap:?}"), &qkv, &gradient(1), &weights, |x| run(form, x, 1).0);
            }
        }
    }
}
