//! Attention of rows over a chain of cached key and value blocks.

use rayon::prelude::*;

use super::isa::multiversion;
use super::math::{exp, fold_sum, tanh};
use super::output::SharedOutput;
use super::tile::{accumulate, with_rows};
use super::{Isa, LANES, PARALLEL_WORK, ROWS};

/// Sizes of one attention layer.
#[derive(Debug, Clone, Copy)]
pub struct AttentionShape {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Values a head.
    pub head_dim: usize,
    /// Scores are multiplied by this.
    pub scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub soft_cap: Option<f32>,
    /// A query sees this many positions, its own included.
    pub window: Option<usize>,
}

impl AttentionShape {
    /// Panels of sixteen values that a value head takes, the last filled up with zeros.
    fn value_panels(&self) -> usize {
        self.head_dim.div_ceil(LANES)
    }

    /// Groups of sixteen values that one block of sixteen positions takes: first the keys, for each head
    /// `(head_dim, position)`, then the values, for each head and panel `(position, sixteen values)`.
    pub fn block_groups(&self) -> usize {
        self.kv_heads * (self.head_dim + self.value_panels() * LANES)
    }

    fn key_panel<'a>(&self, block: &'a [[f32; LANES]], head: usize) -> &'a [[f32; LANES]] {
        &block[head * self.head_dim..][..self.head_dim]
    }

    fn value_panel<'a>(&self, block: &'a [[f32; LANES]], head: usize, panel: usize) -> &'a [[f32; LANES]] {
        let start = self.kv_heads * self.head_dim + (head * self.value_panels() + panel) * LANES;
        &block[start..][..LANES]
    }

    /// Query rows handled together.
    fn rows_each(&self) -> usize {
        (24 / (self.heads / self.kv_heads)).max(1)
    }

    /// First position that a query at `position` sees.
    fn first_seen(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }
}

/// Consecutive positions whose keys and values lie in blocks of sixteen.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// Absolute position of the first.
    pub start: usize,
    /// How many.
    pub length: usize,
    /// Their blocks, in order; the first position is the first of the first block.
    pub blocks: &'a [u32],
}

/// Batch rows with consecutive positions on one path of the forest.
#[derive(Debug)]
pub struct RowSpan<'a> {
    /// First row of the batch.
    pub first_row: usize,
    /// How many rows.
    pub rows: usize,
    /// Absolute position of the first row.
    pub start: usize,
    /// Everything on the path, root first, these rows' own positions last.
    pub path: Vec<Span<'a>>,
}

/// The keys and values of one layer.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// All blocks, [`AttentionShape::block_groups`] groups each.
    pub groups: &'a [[f32; LANES]],
}

/// Writes the keys and values of one position into its block. `row` holds queries, keys and values one after another.
pub fn store_keys(shape: &AttentionShape, block: &mut [[f32; LANES]], lane: usize, row: &[f32]) {
    let (queries, width) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    let (keys, values) = row[queries..].split_at(width);
    let (key_groups, value_groups) = block.split_at_mut(width);
    for (group, key) in key_groups.iter_mut().zip(keys) {
        group[lane] = *key;
    }
    let panels = shape.value_panels();
    for (head, values) in values.chunks_exact(shape.head_dim).enumerate() {
        for (panel, values) in values.chunks(LANES).enumerate() {
            value_groups[(head * panels + panel) * LANES + lane][..values.len()].copy_from_slice(values);
        }
    }
}

/// Attention of every row over its path; `qkv` rows are queries, keys and values, `y` is `(rows, heads * head_dim)` and
/// is overwritten.
///
/// A score is one chain over the head's values; the softmax sums in sixteen lanes by absolute position; an output is
/// one chain over positions in ascending order. How a path is cut into spans therefore changes no bit.
pub fn attend(isa: Isa, shape: &AttentionShape, qkv: &[f32], spans: &[RowSpan<'_>], keys: Keys<'_>, y: &mut [f32]) {
    let width = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
    let output = SharedOutput::new(y, shape.heads * shape.head_dim);
    let each = shape.rows_each();
    let mut tasks = Vec::new();
    let mut work = 0;
    for span in spans {
        for offset in (0..span.rows).step_by(each) {
            let rows = (span.rows - offset).min(each);
            work += rows * (span.start + offset + 1) * shape.heads * shape.head_dim * 2;
            tasks.extend((0..shape.kv_heads).map(|head| Task { span, offset, rows, head, width }));
        }
    }
    if work < PARALLEL_WORK || rayon::current_num_threads() == 1 {
        let mut scratch = Scratch::default();
        for task in &tasks {
            run(isa, shape, qkv, task, keys, &mut scratch, &output);
        }
    } else {
        tasks.par_iter().for_each_init(Scratch::default, |scratch, task| {
            run(isa, shape, qkv, task, keys, scratch, &output);
        });
    }
}

/// Some rows of a span and one key head.
struct Task<'a> {
    span: &'a RowSpan<'a>,
    offset: usize,
    rows: usize,
    head: usize,
    width: usize,
}

#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    scores: Vec<f32>,
    weights: Vec<f32>,
    sums: Vec<f32>,
}

multiversion! {
    fn run(
        shape: &AttentionShape,
        qkv: &[f32],
        task: &Task<'_>,
        keys: Keys<'_>,
        scratch: &mut Scratch,
        output: &SharedOutput<'_>,
    ) {
        let group = shape.heads / shape.kv_heads;
        let count = task.rows * group;
        let first = task.span.start + task.offset;
        let last = first + task.rows - 1;
        let lowest = shape.first_seen(first);
        // One lane group of slack below: a block of keys may begin before the first position that is seen.
        let origin = lowest / LANES * LANES;
        let stride = (last + 1 - origin).next_multiple_of(LANES) + 2 * LANES;
        scratch.scores.clear();
        scratch.scores.resize(count * stride, 0.0);
        for start in (0..count).step_by(ROWS) {
            let rows = (count - start).min(ROWS);
            with_rows!(rows, M, {
                pack_queries::<M>(shape, qkv, task, start, &mut scratch.queries);
                score::<M>(shape, task, keys, &scratch.queries, start, (origin, lowest, last), stride, &mut scratch.scores);
            });
        }
        scratch.sums.clear();
        for (m, scores) in scratch.scores.chunks_exact_mut(stride).enumerate() {
            let position = first + m / group;
            let (start, end) = (shape.first_seen(position) + LANES - origin, position + 1 + LANES - origin);
            scratch.sums.push(softmax(scores, start, end, shape.scale, shape.soft_cap));
        }
        for start in (0..count).step_by(ROWS) {
            let rows = (count - start).min(ROWS);
            with_rows!(rows, M, {
                pack_weights::<M>(&scratch.scores, start, stride, lowest + LANES - origin, last + 1 + LANES - origin, &mut scratch.weights);
                let totals = &scratch.sums[start..][..M];
                weigh::<M>(shape, task, keys, &scratch.weights, totals, start, (lowest, last), output);
            });
        }
    }
}

/// Interleaves the queries of `M` (row, head) pairs.
#[inline(always)]
#[allow(clippy::inline_always)]
fn pack_queries<const M: usize>(
    shape: &AttentionShape,
    qkv: &[f32],
    task: &Task<'_>,
    start: usize,
    queries: &mut Vec<f32>,
) {
    let group = shape.heads / shape.kv_heads;
    queries.clear();
    queries.resize(M * shape.head_dim, 0.0);
    for m in 0..M {
        let row = task.span.first_row + task.offset + (start + m) / group;
        let head = task.head * group + (start + m) % group;
        let query = &qkv[row * task.width + head * shape.head_dim..][..shape.head_dim];
        for (d, value) in query.iter().enumerate() {
            queries[d * M + m] = *value;
        }
    }
}

/// Scores of `M` queries against every block in sight, by absolute position.
#[inline(always)]
#[allow(clippy::inline_always, clippy::too_many_arguments)]
fn score<const M: usize>(
    shape: &AttentionShape,
    task: &Task<'_>,
    keys: Keys<'_>,
    queries: &[f32],
    start: usize,
    (origin, lowest, last): (usize, usize, usize),
    stride: usize,
    scores: &mut [f32],
) {
    let (queries, _) = queries.as_chunks::<M>();
    let size = shape.block_groups();
    for span in &task.span.path {
        for (index, block) in span.blocks.iter().enumerate() {
            let position = span.start + index * LANES;
            if position > last {
                break;
            }
            if position + LANES <= lowest {
                continue;
            }
            let block = &keys.groups[*block as usize * size..][..size];
            let mut sums = [[[0.0; LANES]]; M];
            accumulate(queries, [shape.key_panel(block, task.head)], &mut sums);
            let column = position + LANES - origin;
            for (m, [values]) in sums.iter().enumerate() {
                scores[(start + m) * stride + column..][..LANES].copy_from_slice(values);
            }
        }
    }
}

/// Turns the scores of `start..end` into exponentials relative to their maximum and everything else into zeros;
/// gives their sum.
#[inline(always)]
#[allow(clippy::inline_always)]
fn softmax(scores: &mut [f32], start: usize, end: usize, scale: f32, soft_cap: Option<f32>) -> f32 {
    scores[..start].fill(f32::NEG_INFINITY);
    scores[end..].fill(f32::NEG_INFINITY);
    let seen = &mut scores[start..end];
    for score in seen.iter_mut() {
        *score *= scale;
    }
    if let Some(cap) = soft_cap {
        for score in seen.iter_mut() {
            *score = cap * tanh(*score / cap);
        }
    }
    let mut highest = [f32::NEG_INFINITY; LANES];
    let (chunks, _) = scores.as_chunks_mut::<LANES>();
    for chunk in chunks.iter() {
        for l in 0..LANES {
            highest[l] = if chunk[l] > highest[l] { chunk[l] } else { highest[l] };
        }
    }
    let max = highest.iter().fold(f32::NEG_INFINITY, |max, lane| if *lane > max { *lane } else { max });
    let mut sums = [0.0; LANES];
    for chunk in chunks {
        for l in 0..LANES {
            chunk[l] = exp(chunk[l] - max);
            sums[l] += chunk[l];
        }
    }
    fold_sum(&sums)
}

/// Interleaves the weights of `M` queries over the columns `start..end`.
#[inline(always)]
#[allow(clippy::inline_always)]
fn pack_weights<const M: usize>(
    scores: &[f32],
    first: usize,
    stride: usize,
    start: usize,
    end: usize,
    weights: &mut Vec<f32>,
) {
    weights.clear();
    weights.resize(M * (end - start), 0.0);
    for m in 0..M {
        let row = &scores[(first + m) * stride..][start..end];
        for (group, value) in weights.chunks_exact_mut(M).zip(row) {
            group[m] = *value;
        }
    }
}

/// Weighted sums of the values in sight, divided by the weights' sums and written out.
#[inline(always)]
#[allow(clippy::inline_always, clippy::too_many_arguments)]
fn weigh<const M: usize>(
    shape: &AttentionShape,
    task: &Task<'_>,
    keys: Keys<'_>,
    weights: &[f32],
    totals: &[f32],
    start: usize,
    (lowest, last): (usize, usize),
    output: &SharedOutput<'_>,
) {
    let (weights, _) = weights.as_chunks::<M>();
    let group = shape.heads / shape.kv_heads;
    let size = shape.block_groups();
    for panel in 0..shape.value_panels() {
        let mut sums = [[[0.0; LANES]]; M];
        for span in &task.span.path {
            let stop = (span.start + span.length).min(last + 1);
            for (index, block) in span.blocks.iter().enumerate() {
                let position = span.start + index * LANES;
                let from = position.max(lowest);
                let to = (position + LANES).min(stop);
                if from >= to {
                    continue;
                }
                let block = &keys.groups[*block as usize * size..][..size];
                let values = &shape.value_panel(block, task.head, panel)[from - position..to - position];
                accumulate(&weights[from - lowest..to - lowest], [values], &mut sums);
            }
        }
        let length = (shape.head_dim - panel * LANES).min(LANES);
        for (m, [values]) in sums.iter().enumerate() {
            let row = task.span.first_row + task.offset + (start + m) / group;
            let column = (task.head * group + (start + m) % group) * shape.head_dim + panel * LANES;
            // SAFETY: a task's rows and heads are its own, and the piece ends in this iteration.
            #[allow(unsafe_code)]
            let piece = unsafe { output.piece(row, column, length) };
            for (out, value) in piece.iter_mut().zip(values) {
                *out = *value / totals[m];
            }
        }
    }
}
