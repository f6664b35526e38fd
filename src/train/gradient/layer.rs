//! One transformer layer, forward and backward.

use super::activation;
use super::attention;
use super::binding::Bound;
use super::buffers::Buffers;
use super::norm;
use super::projection::Projection;
use super::rotary::{Angles, rotate};
use super::structure::{LayerOps, NormOp};

/// What the layers of one pass share.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'a> {
    /// The model's values.
    pub bound: &'a Bound<'a>,
    /// Where each sequence begins, and the number of rows.
    pub starts: &'a [usize],
    /// Each row's position in its sequence.
    pub positions: &'a [usize],
    /// Of the network's rotary embeddings.
    pub angles: &'a [Angles],
    /// How many threads share an operation.
    pub lanes: usize,
}

impl Pass<'_> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.positions.len()
    }
}

/// A norm's input and statistics; both empty where there is no norm.
#[derive(Debug, Default)]
struct Normed {
    input: Vec<f32>,
    statistics: Vec<f32>,
}

/// What a layer keeps for its backward pass. What a norm or a non-linearity gave is computed again.
#[derive(Debug)]
pub struct Kept {
    input: Vec<f32>,
    attention_statistics: Vec<f32>,
    /// Queries, keys and values before their norms, where they have some.
    unnormed: Vec<f32>,
    query_key_statistics: [Vec<f32>; 2],
    qkv: Vec<f32>,
    attended: Vec<f32>,
    log_sums: Vec<f32>,
    attention_branch: Normed,
    between: Vec<f32>,
    feed_forward_statistics: Vec<f32>,
    up: Vec<f32>,
    feed_forward_branch: Normed,
}

impl Kept {
    /// Returns all buffers.
    pub fn give(self, buffers: &mut Buffers) {
        let [query, key] = self.query_key_statistics;
        let (attention, feed_forward) = (self.attention_branch, self.feed_forward_branch);
        let all = [self.input, self.attention_statistics, self.unnormed, query, key, self.qkv, self.attended];
        let more = [self.log_sums, attention.input, attention.statistics, self.between];
        let rest = [self.feed_forward_statistics, self.up, feed_forward.input, feed_forward.statistics];
        all.into_iter().chain(more).chain(rest).for_each(|buffer| buffers.give(buffer));
    }
}

/// A norm's result and statistics; `None` and nothing where there is no norm.
fn normed(pass: Pass<'_>, op: Option<&NormOp>, x: &[f32], buffers: &mut Buffers) -> (Option<Vec<f32>>, Vec<f32>) {
    let Some(op) = op else { return (None, Vec::new()) };
    let form = op.form(pass.bound);
    let mut y = buffers.take(x.len());
    let mut statistics = buffers.take(form.statistics(pass.rows()));
    norm::forward(form, x, &mut y, &mut statistics, pass.lanes);
    (Some(y), statistics)
}

/// A norm's result again.
fn normed_again(
    pass: Pass<'_>,
    op: Option<&NormOp>,
    x: &[f32],
    statistics: &[f32],
    buffers: &mut Buffers,
) -> Option<Vec<f32>> {
    let mut y = buffers.take(op.map(|_| x.len())?);
    norm::again(op?.form(pass.bound), x, statistics, &mut y, pass.lanes);
    Some(y)
}

/// `residual + norm(projection(x))`.
fn branch(
    pass: Pass<'_>,
    projection: &Projection,
    op: Option<&NormOp>,
    x: &[f32],
    residual: &[f32],
    buffers: &mut Buffers,
) -> (Vec<f32>, Normed) {
    if op.is_none() {
        let mut sum = buffers.copy(residual);
        projection.forward(pass.bound, x, &mut sum, true, buffers, pass.lanes);
        return (sum, Normed::default());
    }
    let mut input = buffers.take(residual.len());
    projection.forward(pass.bound, x, &mut input, false, buffers, pass.lanes);
    let (sum, statistics) = normed(pass, op, &input, buffers);
    let mut sum = sum.unwrap_or_default();
    add(&mut sum, residual);
    (sum, Normed { input, statistics })
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

impl LayerOps {
    /// The layer's output, and what its backward pass needs.
    pub fn forward(&self, pass: Pass<'_>, input: Vec<f32>, buffers: &mut Buffers) -> (Kept, Vec<f32>) {
        let (bound, rows, lanes) = (pass.bound, pass.rows(), pass.lanes);
        let (read, attention_statistics) = normed(pass, self.attention_norm.as_ref(), &input, buffers);
        let mut qkv = buffers.take(rows * self.attention.qkv.width);
        self.attention.qkv.forward(bound, read.as_deref().unwrap_or(&input), &mut qkv, false, buffers, lanes);
        buffers.give(read.unwrap_or_default());
        let (unnormed, query_key_statistics) = self.position(pass, &mut qkv, buffers);
        let form = self.attention_form(pass);
        let heads = form.query.count;
        let mut attended = buffers.take(rows * heads * form.head_dim);
        let mut log_sums = buffers.take(rows * heads);
        attention::forward(form, &qkv, &mut attended, &mut log_sums, lanes);
        let op = self.post_attention_norm.as_ref();
        let (between, attention_branch) = branch(pass, &self.attention.output, op, &attended, &input, buffers);

        let source = if self.parallel { &input } else { &between };
        let (read, feed_forward_statistics) = normed(pass, self.feed_forward_norm.as_ref(), source, buffers);
        let mut up = buffers.take(rows * self.up.width);
        self.up.forward(bound, read.as_deref().unwrap_or(source), &mut up, false, buffers, lanes);
        buffers.give(read.unwrap_or_default());
        let mut active = buffers.take(rows * self.inner);
        activation::forward(self.activation, self.inner, self.gated, &up, &mut active, lanes);
        let op = self.post_feed_forward_norm.as_ref();
        let (output, feed_forward_branch) = branch(pass, &self.down, op, &active, &between, buffers);
        buffers.give(active);
        let kept = Kept {
            input,
            attention_statistics,
            unnormed,
            query_key_statistics,
            qkv,
            attended,
            log_sums,
            attention_branch,
            between,
            feed_forward_statistics,
            up,
            feed_forward_branch,
        };
        (kept, output)
    }

    /// Norms and rotary embedding of queries and keys, in place; gives what the norms need.
    fn position(&self, pass: Pass<'_>, qkv: &mut [f32], buffers: &mut Buffers) -> (Vec<f32>, [Vec<f32>; 2]) {
        let mut kept = (Vec::new(), [Vec::new(), Vec::new()]);
        if let Some(norms) = &self.attention.norms {
            kept.0 = buffers.copy(qkv);
            kept.1 = norms.each_ref().map(|op| {
                let form = op.form(pass.bound);
                let mut statistics = buffers.take(form.statistics(pass.rows()));
                norm::forward(form, &kept.0, qkv, &mut statistics, pass.lanes);
                statistics
            });
        }
        self.turn(pass, qkv, false);
        kept
    }

    fn turn(&self, pass: Pass<'_>, qkv: &mut [f32], inverse: bool) {
        let [query, key, _] = self.attention.heads;
        if let Some(angles) = self.attention.rotary.and_then(|index| pass.angles.get(index)) {
            rotate(qkv, self.attention.qkv.width, [query, key], angles, pass.positions, inverse, pass.lanes);
        }
    }

    fn attention_form<'a>(&self, pass: Pass<'a>) -> attention::Form<'a> {
        let described = &self.attention.described;
        let [query, key, value] = self.attention.heads;
        attention::Form {
            head_dim: described.head_dim,
            scale: described.scale,
            soft_cap: described.soft_cap,
            window: described.window,
            width: self.attention.qkv.width,
            query,
            key,
            value,
            starts: pass.starts,
        }
    }

    /// Whether anything in the layer is trained.
    pub fn is_trained(&self, bound: &Bound<'_>) -> bool {
        [&self.attention.qkv, &self.attention.output, &self.up, &self.down].iter().any(|part| part.reads_input(bound))
    }

    /// The gradient of the layer's input from that of its output, adding the weights' to `gradients`.
    ///
    /// Without `further`, nothing below is trained and the result is of no use.
    pub fn backward(
        &self,
        pass: Pass<'_>,
        mut kept: Kept,
        mut d: Vec<f32>,
        gradients: &mut [Vec<f32>],
        buffers: &mut Buffers,
        further: bool,
    ) -> Vec<f32> {
        let mut d_input = self.parallel.then(|| buffers.copy(&d));
        let source = if self.parallel { &kept.input } else { &kept.between };
        let d_read = self.feed_forward_backward(
            pass,
            source,
            &mut kept.up,
            &kept.feed_forward_branch,
            &kept.feed_forward_statistics,
            &d,
            gradients,
            buffers,
        );
        let target = d_input.as_mut().unwrap_or(&mut d);
        through(
            pass,
            self.feed_forward_norm.as_ref(),
            source,
            &kept.feed_forward_statistics,
            &d_read,
            target,
            gradients,
        );
        buffers.give(d_read);
        let d_read = self.attention_backward(pass, &kept, &d, gradients, buffers, further);
        if let Some(d_input) = d_input {
            buffers.give(std::mem::replace(&mut d, d_input));
        }
        if further {
            let op = self.attention_norm.as_ref();
            through(pass, op, &kept.input, &kept.attention_statistics, &d_read, &mut d, gradients);
        }
        buffers.give(d_read);
        kept.give(buffers);
        d
    }

    /// The gradient of what the feed-forward layer's projections read.
    #[allow(clippy::too_many_arguments)]
    fn feed_forward_backward(
        &self,
        pass: Pass<'_>,
        source: &[f32],
        up: &mut [f32],
        branch: &Normed,
        statistics: &[f32],
        d: &[f32],
        gradients: &mut [Vec<f32>],
        buffers: &mut Buffers,
    ) -> Vec<f32> {
        let (bound, lanes) = (pass.bound, pass.lanes);
        let d_branch = branch_gradient(pass, self.post_feed_forward_norm.as_ref(), branch, d, gradients, buffers);
        let d_down = d_branch.as_deref().unwrap_or(d);
        let mut active = buffers.take(pass.rows() * self.inner);
        self.down.backward_input(bound, d_down, &mut active, false, buffers, lanes);
        activation::backward(self.activation, self.inner, self.gated, up, &mut active, lanes);
        self.down.backward_weights(bound, &active, d_down, gradients, buffers, lanes);
        buffers.give(active);
        buffers.give(d_branch.unwrap_or_default());
        if self.up.reads_input(bound) {
            let read = normed_again(pass, self.feed_forward_norm.as_ref(), source, statistics, buffers);
            self.up.backward_weights(bound, read.as_deref().unwrap_or(source), up, gradients, buffers, lanes);
            buffers.give(read.unwrap_or_default());
        }
        let mut d_read = buffers.take(source.len());
        self.up.backward_input(bound, up, &mut d_read, false, buffers, lanes);
        d_read
    }

    /// The gradient of what the projections of queries, keys and values read.
    fn attention_backward(
        &self,
        pass: Pass<'_>,
        kept: &Kept,
        d: &[f32],
        gradients: &mut [Vec<f32>],
        buffers: &mut Buffers,
        further: bool,
    ) -> Vec<f32> {
        let (bound, lanes, attention) = (pass.bound, pass.lanes, &self.attention);
        let op = self.post_attention_norm.as_ref();
        let d_branch = branch_gradient(pass, op, &kept.attention_branch, d, gradients, buffers);
        let d_output = d_branch.as_deref().unwrap_or(d);
        attention.output.backward_weights(bound, &kept.attended, d_output, gradients, buffers, lanes);
        let mut d_attended = buffers.take(kept.attended.len());
        attention.output.backward_input(bound, d_output, &mut d_attended, false, buffers, lanes);
        buffers.give(d_branch.unwrap_or_default());
        let mut d_qkv = buffers.take(kept.qkv.len());
        let read = attention::Kept { qkv: &kept.qkv, output: &kept.attended, log_sums: &kept.log_sums };
        attention::backward(self.attention_form(pass), read, &d_attended, &mut d_qkv, lanes);
        buffers.give(d_attended);
        self.turn(pass, &mut d_qkv, true);
        if let Some(norms) = &attention.norms {
            let mut d_unnormed = buffers.zeros(d_qkv.len());
            for (op, statistics) in norms.iter().zip(&kept.query_key_statistics) {
                op.backward(bound, &kept.unnormed, statistics, &d_qkv, &mut d_unnormed, gradients, lanes);
            }
            self.keep_values(&d_qkv, &mut d_unnormed);
            buffers.give(std::mem::replace(&mut d_qkv, d_unnormed));
        }
        if attention.qkv.reads_input(bound) {
            let statistics = &kept.attention_statistics;
            let again = normed_again(pass, self.attention_norm.as_ref(), &kept.input, statistics, buffers);
            let x = again.as_deref().unwrap_or(&kept.input);
            attention.qkv.backward_weights(bound, x, &d_qkv, gradients, buffers, lanes);
            buffers.give(again.unwrap_or_default());
        }
        let mut d_read = Vec::new();
        if further {
            d_read = buffers.take(kept.input.len());
            attention.qkv.backward_input(bound, &d_qkv, &mut d_read, false, buffers, lanes);
        }
        buffers.give(d_qkv);
        d_read
    }

    /// Copies the gradients of values, which no norm changes.
    fn keep_values(&self, from: &[f32], to: &mut [f32]) {
        let [_, _, value] = self.attention.heads;
        let (width, dim) = (self.attention.qkv.width, self.attention.described.head_dim);
        for (from, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
            for head in 0..value.count {
                let start = value.first + head * value.stride;
                if let (Some(from), Some(to)) = (from.get(start..start + dim), to.get_mut(start..start + dim)) {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}

/// The gradient of what a branch's own norm reads; `None` where it has none.
fn branch_gradient(
    pass: Pass<'_>,
    op: Option<&NormOp>,
    branch: &Normed,
    d: &[f32],
    gradients: &mut [Vec<f32>],
    buffers: &mut Buffers,
) -> Option<Vec<f32>> {
    let mut dx = buffers.zeros(op.map(|_| d.len())?);
    op?.backward(pass.bound, &branch.input, &branch.statistics, d, &mut dx, gradients, pass.lanes);
    Some(dx)
}

/// Adds to `dx` the gradient of a norm's input, or the gradient as it is where there is no norm.
fn through(
    pass: Pass<'_>,
    op: Option<&NormOp>,
    x: &[f32],
    statistics: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    gradients: &mut [Vec<f32>],
) {
    match op {
        Some(op) => op.backward(pass.bound, x, statistics, dy, dx, gradients, pass.lanes),
        None => add(dx, dy),
    }
}
