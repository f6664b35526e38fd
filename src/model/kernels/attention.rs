//! Attention of rows over a chain of cached key and value blocks.

use rayon::prelude::*;

use super::isa::multiversion;
use super::math::{exp, fold_sum, tanh};
use super::output::SharedOutput;
use super::tile::{Ahead, accumulate_ahead, with_rows};
use super::{Isa, LANES, PARALLEL_WORK, ROWS, TASKS_A_THREAD};

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

impl<'a> Keys<'a> {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn block(&self, shape: &AttentionShape, block: u32) -> &'a [[f32; LANES]] {
        let size = shape.block_groups();
        &self.groups[block as usize * size..][..size]
    }
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
        let together = tasks.len().div_ceil(TASKS_A_THREAD * rayon::current_num_threads());
        tasks.par_iter().with_max_len(together).for_each_init(Scratch::default, |scratch, task| {
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

/// A block of which a task sees some positions.
#[derive(Clone, Copy)]
struct Seen {
    /// Of the block's first lane.
    position: usize,
    /// What is seen.
    from: usize,
    to: usize,
    block: u32,
}

impl Task<'_> {
    /// The blocks in sight, in ascending order of positions.
    fn seen(&self, (lowest, last): (usize, usize), seen: &mut Vec<Seen>) {
        seen.clear();
        for span in &self.span.path {
            let stop = (span.start + span.length).min(last + 1);
            for (index, block) in span.blocks.iter().enumerate() {
                let position = span.start + index * LANES;
                let (from, to) = (position.max(lowest), (position + LANES).min(stop));
                if from < to {
                    seen.push(Seen { position, from, to, block: *block });
                }
            }
        }
    }
}

/// Asks for `lines` lines of each of the next blocks, if there are so many; `of` finds a block's stream.
#[inline(always)]
#[allow(clippy::inline_always)]
fn ahead<const S: usize>(blocks: Option<&[Seen]>, lines: usize, of: impl Fn(&Seen) -> *const [f32; LANES]) -> Ahead<S> {
    match blocks.and_then(<[Seen]>::first_chunk::<S>) {
        Some(blocks) => Ahead::new(std::array::from_fn(|i| of(&blocks[i])), 0, S * lines),
        None => Ahead::NONE,
    }
}

#[derive(Default)]
struct Scratch {
    seen: Vec<Seen>,
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
        attend_task::<WIDE>(shape, qkv, task, keys, scratch, output);
    }
}

#[inline(always)]
#[allow(clippy::inline_always)]
fn attend_task<const WIDE: bool>(
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
    task.seen((lowest, last), &mut scratch.seen);
    let blocks = Blocks { shape, keys, head: task.head, seen: &scratch.seen };
    scratch.scores.clear();
    scratch.scores.resize(count * stride, 0.0);
    for (start, scores) in (0..count).step_by(ROWS).zip(scratch.scores.chunks_mut(ROWS * stride)) {
        with_rows!((count - start).min(ROWS), WIDE, M, P, {
            pack_queries::<M>(shape, qkv, task, start, &mut scratch.queries);
            let (queries, _) = scratch.queries.as_chunks::<M>();
            blocks.score::<M, P>(queries, start == 0, |m, position| m * stride + position + LANES - origin, scores);
        });
    }
    scratch.sums.clear();
    for (m, scores) in scratch.scores.chunks_exact_mut(stride).enumerate() {
        let position = first + m / group;
        let (start, end) = (shape.first_seen(position) + LANES - origin, position + 1 + LANES - origin);
        scratch.sums.push(softmax(scores, start, end, shape.scale, shape.soft_cap));
    }
    for start in (0..count).step_by(ROWS) {
        with_rows!((count - start).min(ROWS), WIDE, M, P, {
            pack_weights::<M>(
                &scratch.scores,
                start,
                stride,
                lowest + LANES - origin,
                last + 1 + LANES - origin,
                &mut scratch.weights,
            );
            let (weights, _) = scratch.weights.as_chunks::<M>();
            let totals = &scratch.sums[start..][..M];
            blocks.weigh::<M, P>(weights, lowest, start == 0, |m, column, values| {
                write(shape, task, start + m, column, values, totals[m], output);
            });
        });
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

/// The blocks that a task reads.
struct Blocks<'a> {
    shape: &'a AttentionShape,
    keys: Keys<'a>,
    /// Key head.
    head: usize,
    seen: &'a [Seen],
}

impl<'a> Blocks<'a> {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn key_panel(&self, seen: &Seen) -> &'a [[f32; LANES]] {
        self.shape.key_panel(self.keys.block(self.shape, seen.block), self.head)
    }

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn value_panel(&self, seen: &Seen, panel: usize) -> &'a [[f32; LANES]] {
        let values = self.shape.value_panel(self.keys.block(self.shape, seen.block), self.head, panel);
        &values[seen.from - seen.position..seen.to - seen.position]
    }

    /// Scores of `M` queries against every block, `P` blocks at a time. Those of query `m` go to `column(m, position)` and
    /// the places after it. The `first` queries to come ask for the blocks ahead.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn score<const M: usize, const P: usize>(
        &self,
        queries: &[[f32; M]],
        first: bool,
        column: impl Fn(usize, usize) -> usize,
        scores: &mut [f32],
    ) {
        let mut write = |blocks: &[Seen], m: usize, sums: &[[f32; LANES]]| {
            for (seen, values) in blocks.iter().zip(sums) {
                scores[column(m, seen.position)..][..LANES].copy_from_slice(values);
            }
        };
        let (together, rest) = self.seen.as_chunks::<P>();
        for (at, blocks) in together.iter().enumerate() {
            let mut sums = [[[0.0; LANES]; P]; M];
            let next = self.seen.get((at + 1) * P..).filter(|_| first);
            let next = ahead::<P>(next, self.shape.head_dim, |seen| self.key_panel(seen).as_ptr());
            accumulate_ahead(queries, std::array::from_fn(|p| self.key_panel(&blocks[p])), next, &mut sums);
            sums.iter().enumerate().for_each(|(m, sums)| write(blocks, m, sums));
        }
        for seen in rest {
            let mut sums = [[[0.0; LANES]; 1]; M];
            accumulate_ahead(queries, [self.key_panel(seen)], Ahead::<1>::NONE, &mut sums);
            sums.iter().enumerate().for_each(|(m, sums)| write(std::slice::from_ref(seen), m, sums));
        }
    }

    /// Sums of all values in sight, weighted for `M` queries from position `lowest` on, `P` panels at a time;
    /// `write(m, column, values)` gets sixteen of them.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn weigh<const M: usize, const P: usize>(
        &self,
        weights: &[[f32; M]],
        lowest: usize,
        first: bool,
        write: impl Fn(usize, usize, &[f32; LANES]),
    ) {
        let panels = self.shape.value_panels();
        let whole = panels / P * P;
        for panel in (0..whole).step_by(P) {
            let sums = self.weigh_panels::<M, P>(weights, lowest, panel, first);
            for (m, sums) in sums.iter().enumerate() {
                sums.iter().enumerate().for_each(|(p, values)| write(m, (panel + p) * LANES, values));
            }
        }
        for panel in whole..panels {
            let sums = self.weigh_panels::<M, 1>(weights, lowest, panel, first);
            sums.iter().enumerate().for_each(|(m, [values])| write(m, panel * LANES, values));
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn weigh_panels<const M: usize, const P: usize>(
        &self,
        weights: &[[f32; M]],
        lowest: usize,
        panel: usize,
        first: bool,
    ) -> [[[f32; LANES]; P]; M] {
        let mut sums = [[[0.0; LANES]; P]; M];
        for (at, seen) in self.seen.iter().enumerate() {
            let values = std::array::from_fn(|p| self.value_panel(seen, panel + p));
            let next = self.seen.get(at + 1..).filter(|_| first);
            let next = ahead::<1>(next, P * LANES, |seen| self.value_panel(seen, panel).as_ptr());
            accumulate_ahead(&weights[seen.from - lowest..seen.to - lowest], values, next, &mut sums);
        }
        sums
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

/// Writes sixteen values of a query's sum, divided by its weights' sum, where they belong.
#[inline(always)]
#[allow(clippy::inline_always)]
fn write(
    shape: &AttentionShape,
    task: &Task<'_>,
    query: usize,
    column: usize,
    values: &[f32; LANES],
    total: f32,
    output: &SharedOutput<'_>,
) {
    let group = shape.heads / shape.kv_heads;
    let row = task.span.first_row + task.offset + query / group;
    let head = task.head * group + query % group;
    let length = (shape.head_dim - column).min(LANES);
    // SAFETY: a task's rows and heads are its own, and the piece ends with this call.
    #[allow(unsafe_code)]
    let piece = unsafe { output.piece(row, head * shape.head_dim + column, length) };
    for (out, value) in piece.iter_mut().zip(values) {
        *out = *value / total;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand::Rng;

    /// `softmax(q K) V` of one query, in double precision.
    fn reference(shape: &AttentionShape, rows: &[Vec<f32>], at: usize) -> Vec<f64> {
        let dim = shape.head_dim;
        let group = shape.heads / shape.kv_heads;
        let mut y = Vec::new();
        for head in 0..shape.heads {
            let part = |row: usize, head: usize| &rows[row][head * dim..][..dim];
            let (key_head, value_head) = (shape.heads + head / group, shape.heads + shape.kv_heads + head / group);
            let seen = shape.first_seen(at)..at + 1;
            let score = |key: usize| -> f64 {
                let terms = part(at, head).iter().zip(part(key, key_head));
                terms.map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>() * f64::from(shape.scale)
            };
            let weights = seen.clone().map(|key| score(key).exp()).collect::<Vec<_>>();
            let total = weights.iter().sum::<f64>();
            for d in 0..dim {
                let terms = seen.clone().zip(&weights);
                y.push(terms.map(|(key, weight)| weight * f64::from(part(key, value_head)[d])).sum::<f64>() / total);
            }
        }
        y
    }

    /// Heads in groups of 1, 2, 3, 5 and 8, head sizes that fill panels and that do not, windows, paths of two spans; one row and
    /// several; tiles for narrow and for wide registers.
    #[test]
    fn attention_is_its_definition_with_the_same_bits_whatever_the_tiles_and_the_rows() {
        let mut stream = Seed(7).stream(&["attention"]);
        for (heads, kv_heads, head_dim, window) in
            [(2, 2, 16, None), (4, 2, 24, None), (6, 2, 64, Some(9)), (8, 1, 40, None), (5, 1, 96, Some(30))]
        {
            let scale = 0.3;
            let shape = AttentionShape { heads, kv_heads, head_dim, scale, soft_cap: None, window };
            let width = (heads + 2 * kv_heads) * head_dim;
            let (first, length) = (21, 57);
            let row = |_| (0..width).map(|_| stream.random_range(-1.0..1.0)).collect::<Vec<f32>>();
            let rows = (0..length).map(row).collect::<Vec<_>>();
            // Positions 0..21 in blocks 0 and 1, the rest in blocks of its own.
            let place = |at: usize| {
                if at < first { (at / LANES, at % LANES) } else { (2 + (at - first) / LANES, (at - first) % LANES) }
            };
            let mut groups = vec![[0.0; LANES]; 5 * shape.block_groups()];
            for (at, row) in rows.iter().enumerate() {
                let (block, lane) = place(at);
                store_keys(&shape, &mut groups[block * shape.block_groups()..][..shape.block_groups()], lane, row);
            }
            let keys = Keys { groups: &groups };
            let path = vec![
                Span { start: 0, length: first, blocks: &[0, 1] },
                Span { start: first, length: length - first, blocks: &[2, 3, 4] },
            ];
            let all = RowSpan { first_row: 0, rows: length - first, start: first, path };
            let qkv = rows[first..].concat();
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let together = Isa::available().into_iter().map(|isa| {
                let mut y = vec![f32::NAN; all.rows * heads * head_dim];
                attend(isa, &shape, &qkv, std::slice::from_ref(&all), keys, &mut y);
                y
            });
            let together = together.collect::<Vec<_>>();
            assert!(together.iter().all(|y| bits(y) == bits(&together[0])));
            let together = &together[0];
            for (at, y) in (first..).zip(together.chunks_exact(heads * head_dim)) {
                for (found, expected) in y.iter().zip(reference(&shape, &rows, at)) {
                    assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} for {expected}");
                }
                let mut alone = vec![f32::NAN; heads * head_dim];
                let output = SharedOutput::new(&mut alone, heads * head_dim);
                for head in 0..kv_heads {
                    let span = RowSpan { first_row: 0, rows: 1, start: at, path: all.path.clone() };
                    let task = Task { span: &span, offset: 0, rows: 1, head, width };
                    attend_task::<true>(&shape, &rows[at], &task, keys, &mut Scratch::default(), &output);
                }
                assert_eq!(bits(&alone), bits(y), "{heads} heads, position {at}");
            }
        }
    }
}
