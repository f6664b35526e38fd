//! The network on the CPU by this engine's own operations.
//!
//! Sequences are dealt out to at most [`SHARDS`] shards that go through the network side by side, each with gradients of
//! its own, which are added up in the order of shards. A shard that has more than one thread to itself shares out its
//! operations. How many threads there are changes no bit; which sequences share a batch may, as in any sum.

use rayon::prelude::*;

use super::binding::Bound;
use super::buffers::Buffers;
use super::head::{self, Asked, Tiling};
use super::layer::{self, Pass};
use super::rotary::Angles;
use super::structure::Structure;
use super::{GradientError, embedding};
use crate::train::batch::MicroBatch;
use crate::train::parameters::{Gradients, ModelParameters};

/// Parts of a batch that go through the network side by side. Fixed, so that sums do not depend on threads.
const SHARDS: usize = 2;

/// Trained values above which shards do not get gradients of their own.
const PRIVATE_VALUES: usize = 1 << 27;

/// What is kept from call to call.
#[derive(Debug, Default)]
pub struct Workspace {
    angles: Vec<Angles>,
    angle_positions: usize,
    shards: Vec<ShardSpace>,
}

#[derive(Debug, Default)]
struct ShardSpace {
    buffers: Buffers,
    gradients: Vec<Vec<f32>>,
}

/// Consecutive sequences of a batch.
#[derive(Debug)]
struct Shard<'a> {
    tokens: &'a [u32],
    starts: Vec<usize>,
    positions: Vec<usize>,
    asked: Vec<Asked>,
}

/// What a shard keeps for its backward pass.
#[derive(Debug)]
struct Trace {
    layers: Vec<LayerTrace>,
    head: head::Kept,
}

#[derive(Debug)]
enum LayerTrace {
    Kept(Box<layer::Kept>),
    /// Only the layer's input; the rest is computed again.
    Input(Vec<f32>),
    /// Nothing below is trained.
    Nothing,
}

/// Log-probabilities without gradients.
pub fn log_probs(
    structure: &Structure,
    workspace: &mut Workspace,
    model: &ModelParameters,
    batch: &MicroBatch,
) -> Result<Vec<f32>, GradientError> {
    let bound = Bound::new(&structure.slots, model)?;
    let shards = shards(batch, SHARDS);
    workspace.prepare(structure, &shards);
    let lanes = (rayon::current_num_threads() / shards.len().max(1)).max(1);
    let angles = &workspace.angles;
    let work = |(shard, space): (&Shard<'_>, &mut ShardSpace)| {
        let pass = shard.pass(&bound, angles, lanes);
        forward(structure, pass, shard, &mut space.buffers, Keep::default()).1
    };
    Ok(shards.par_iter().zip(&mut workspace.shards).map(work).collect::<Vec<_>>().concat())
}

/// Log-probabilities, and the gradients of what `weigh` makes of them.
pub fn gradients(
    structure: &Structure,
    workspace: &mut Workspace,
    model: &ModelParameters,
    batch: &MicroBatch,
    weigh: &mut dyn FnMut(&[f32]) -> Vec<f32>,
    gradients: &mut Gradients,
    checkpointing: bool,
) -> Result<Vec<f32>, GradientError> {
    let bound = Bound::new(&structure.slots, model)?;
    let count = if bound.trained_values() > PRIVATE_VALUES { 1 } else { SHARDS };
    let shards = shards(batch, count);
    workspace.prepare(structure, &shards);
    let lanes = (rayon::current_num_threads() / shards.len().max(1)).max(1);
    let lowest = structure.layers.iter().position(|layer| layer.is_trained(&bound));
    let lowest = if bound.trained(structure.tokens) { Some(0) } else { lowest };
    let keep = Keep { from: lowest, inputs_only: checkpointing, gradients: true };
    let angles = &workspace.angles;
    let work = |(shard, space): (&Shard<'_>, &mut ShardSpace)| {
        forward(structure, shard.pass(&bound, angles, lanes), shard, &mut space.buffers, keep)
    };
    let forwards = shards.par_iter().zip(&mut workspace.shards).map(work).collect::<Vec<_>>();
    let (traces, log_probs): (Vec<_>, Vec<_>) = forwards.into_iter().unzip();
    let log_probs = log_probs.concat();
    let slopes = weigh(&log_probs);
    if slopes.len() != log_probs.len() {
        return Err(GradientError::Slopes { found: slopes.len(), expected: log_probs.len() });
    }

    let mut sums = bound.take_gradients(gradients)?;
    let own = shards.len().min(1);
    let (first, others) = workspace.shards.split_at_mut(own);
    for space in others.iter_mut().take(shards.len().saturating_sub(1)) {
        space.clear_gradients(&bound);
    }
    let mut rest = slopes.as_slice();
    let mut jobs = Vec::with_capacity(shards.len());
    let own = first.iter_mut().map(|space| &mut space.buffers).zip(std::iter::once(&mut sums));
    let private = others.iter_mut().map(|space| (&mut space.buffers, &mut space.gradients));
    for ((shard, trace), (buffers, sums)) in shards.iter().zip(traces).zip(own.chain(private)) {
        let slopes;
        (slopes, rest) = rest.split_at(shard.asked.len());
        jobs.push((shard, trace, slopes, buffers, sums));
    }
    jobs.into_par_iter().for_each(|(shard, trace, slopes, buffers, sums)| {
        backward(structure, shard.pass(&bound, angles, lanes), shard, trace, slopes, sums, buffers, lowest);
    });
    for space in others.iter().take(shards.len().saturating_sub(1)) {
        sums.par_iter_mut().zip(&space.gradients).for_each(|(sum, part)| add(sum, part));
    }
    bound.return_gradients(sums, gradients);
    Ok(log_probs)
}

/// Adds large tensors by all threads.
fn add(sum: &mut [f32], part: &[f32]) {
    const CHUNK: usize = 1 << 16;
    let add = |(sum, part): (&mut [f32], &[f32])| sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    sum.par_chunks_mut(CHUNK).zip(part.par_chunks(CHUNK)).for_each(add);
}

/// What the forward pass keeps.
#[derive(Debug, Clone, Copy, Default)]
struct Keep {
    /// The first layer that keeps something; below the lowest trained layer nothing is needed.
    from: Option<usize>,
    /// Whether layers keep only their inputs.
    inputs_only: bool,
    /// Whether there will be a backward pass at all.
    gradients: bool,
}

impl Shard<'_> {
    fn pass<'a>(&'a self, bound: &'a Bound<'a>, angles: &'a [Angles], lanes: usize) -> Pass<'a> {
        Pass { bound, starts: &self.starts, positions: &self.positions, angles, lanes }
    }

    fn tiling(&self, structure: &Structure, keep: bool) -> Tiling {
        Tiling::new(structure.vocabulary, self.asked.len(), keep)
    }
}

impl Workspace {
    fn prepare(&mut self, structure: &Structure, shards: &[Shard<'_>]) {
        let positions = shards.iter().flat_map(|shard| &shard.positions).max().map_or(0, |last| last + 1);
        if positions > self.angle_positions || self.angles.len() != structure.rotaries.len() {
            self.angle_positions = positions.next_power_of_two();
            self.angles = structure.rotaries.iter().map(|rotary| Angles::new(rotary, self.angle_positions)).collect();
        }
        if self.shards.len() < shards.len() {
            self.shards.resize_with(shards.len(), ShardSpace::default);
        }
    }
}

impl ShardSpace {
    fn clear_gradients(&mut self, bound: &Bound<'_>) {
        let lengths = bound.gradient_lengths().collect::<Vec<_>>();
        if self.gradients.iter().map(Vec::len).eq(lengths.iter().copied()) {
            self.gradients.par_iter_mut().for_each(|gradient| gradient.fill(0.0));
        } else {
            self.gradients = lengths.into_iter().map(|length| vec![0.0; length]).collect();
        }
    }
}

/// Deals sequences out, in order, by tokens.
fn shards(batch: &MicroBatch, count: usize) -> Vec<Shard<'_>> {
    let sequences = batch.starts.windows(2).filter(|pair| pair.first() < pair.last());
    let ends = sequences.filter_map(|pair| pair.last().copied()).collect::<Vec<_>>();
    let total = batch.tokens.len();
    let mut shards = Vec::new();
    let (mut first, mut sequence, mut target) = (0, 0, 0);
    for number in 1..=count {
        let goal = total * number / count;
        let mut starts = vec![0];
        let mut positions = Vec::new();
        let mut last = first;
        while let Some(end) = ends.get(sequence).filter(|end| number == count || usize::midpoint(last, **end) < goal) {
            positions.extend(0..end - last);
            starts.push(end - first);
            last = *end;
            sequence += 1;
        }
        if last == first {
            continue;
        }
        let of_shard = batch.targets.iter().skip(target).take_while(|asked| (asked.row as usize) < last);
        let asked = |asked: &crate::train::batch::Target| Asked {
            row: asked.row as usize - first,
            token: asked.token as usize,
        };
        let asked = of_shard.map(asked).collect::<Vec<_>>();
        target += asked.len();
        let tokens = batch.tokens.get(first..last).unwrap_or_default();
        shards.push(Shard { tokens, starts, positions, asked });
        first = last;
    }
    shards
}

/// The log-probabilities of a shard's targets.
fn forward(
    structure: &Structure,
    pass: Pass<'_>,
    shard: &Shard<'_>,
    buffers: &mut Buffers,
    keep: Keep,
) -> (Trace, Vec<f32>) {
    let mut x = buffers.take(pass.rows() * structure.hidden);
    embedding::forward(structure, pass, shard.tokens, &mut x);
    let mut layers = Vec::with_capacity(structure.layers.len());
    for (index, layer) in structure.layers.iter().enumerate() {
        let keeps = keep.from.is_some_and(|from| index >= from);
        let copy = (keeps && keep.inputs_only).then(|| buffers.copy(&x));
        let (kept, output) = layer.forward(pass, x, buffers);
        x = output;
        layers.push(match copy {
            Some(input) => {
                kept.give(buffers);
                LayerTrace::Input(input)
            }
            None if keeps => LayerTrace::Kept(Box::new(kept)),
            None => {
                kept.give(buffers);
                LayerTrace::Nothing
            }
        });
    }
    let keeps = keep.gradients;
    let tiling = shard.tiling(structure, keeps);
    let (head, log_probs) = head::forward(structure, pass, &x, &shard.asked, tiling, buffers);
    buffers.give(x);
    if keeps {
        return (Trace { layers, head }, log_probs);
    }
    head.give(buffers);
    (Trace { layers, head: head::Kept::default() }, log_probs)
}

/// Adds the gradients of `slopes * log_probs`.
#[allow(clippy::too_many_arguments)]
fn backward(
    structure: &Structure,
    pass: Pass<'_>,
    shard: &Shard<'_>,
    trace: Trace,
    slopes: &[f32],
    gradients: &mut [Vec<f32>],
    buffers: &mut Buffers,
    lowest: Option<usize>,
) {
    let tiling = shard.tiling(structure, true);
    let mut d = head::backward(structure, pass, trace.head, &shard.asked, tiling, slopes, gradients, buffers);
    let embedded = pass.bound.trained(structure.tokens);
    for (index, (layer, kept)) in structure.layers.iter().zip(trace.layers).enumerate().rev() {
        let kept = match kept {
            LayerTrace::Kept(kept) => *kept,
            LayerTrace::Input(input) => {
                let (kept, output) = layer.forward(pass, input, buffers);
                buffers.give(output);
                kept
            }
            LayerTrace::Nothing => continue,
        };
        d = layer.backward(pass, kept, d, gradients, buffers, embedded || lowest.is_some_and(|lowest| index > lowest));
    }
    if embedded {
        embedding::backward(structure, pass, shard.tokens, &d, gradients);
    }
    buffers.give(d);
}
