//! The network on the tensor library's differentiable primitives: slower, but on any device and in any float type.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};

use super::GradientError;
use super::binding::{Bound, Slots};
use crate::model::architecture::Architecture;
use crate::model::decoder::{Batch, Decoder, Forest};
use crate::train::batch::MicroBatch;
use crate::train::parameters::{Gradients, ModelParameters};

/// The library walks the graph of operations by recursion.
const STACK_BYTES: usize = 256 << 20;

/// Rows of short sequences that go through the decoder together.
const PACKED_ROWS: usize = 256;

/// A network on one device.
#[derive(Debug)]
pub struct Plain<'a> {
    /// What it looks like.
    pub architecture: &'a Architecture,
    /// The tensors that it reads.
    pub slots: &'a Slots,
    /// Where it computes.
    pub device: &'a Device,
    /// In which type.
    pub dtype: DType,
}

/// The tensors of one pass.
struct Tensors {
    /// What the decoder reads, by stored names.
    read: BTreeMap<String, Tensor>,
    /// What is trained, by names.
    trained: BTreeMap<String, Var>,
}

impl Plain<'_> {
    /// Log-probabilities without gradients.
    pub fn log_probs(&self, model: &ModelParameters, batch: &MicroBatch) -> Result<Vec<f32>, GradientError> {
        let mut tensors = self.tensors(model)?;
        for tensor in tensors.read.values_mut() {
            *tensor = tensor.detach();
        }
        with_large_stack(|| match self.forward(&tensors, batch)? {
            Some(log_probs) => values(&log_probs),
            None => Ok(Vec::new()),
        })
    }

    /// Log-probabilities, and gradients of what `weigh` makes of them.
    pub fn gradients(
        &self,
        model: &ModelParameters,
        batch: &MicroBatch,
        weigh: &mut dyn FnMut(&[f32]) -> Vec<f32>,
        gradients: &mut Gradients,
    ) -> Result<Vec<f32>, GradientError> {
        let tensors = self.tensors(model)?;
        let forward = with_large_stack(|| {
            let log_probs = self.forward(&tensors, batch)?;
            let numbers = log_probs.as_ref().map(values).transpose()?.unwrap_or_default();
            Ok((log_probs, numbers))
        });
        let (log_probs, numbers) = forward?;
        let slopes = weigh(&numbers);
        if slopes.len() != numbers.len() {
            return Err(GradientError::Slopes { found: slopes.len(), expected: numbers.len() });
        }
        let found = with_large_stack(|| {
            let Some(log_probs) = log_probs else { return Ok(BTreeMap::new()) };
            let slopes = Tensor::from_vec(slopes, numbers.len(), self.device)?.to_dtype(self.dtype)?;
            let mut store = (log_probs * slopes)?.sum_all()?.backward()?;
            let take = |(name, variable): (&String, &Var)| Ok((name.clone(), taken(&mut store, variable)?));
            tensors.trained.iter().map(take).collect::<Result<BTreeMap<_, _>, GradientError>>()
        })?;
        let bound = Bound::new(self.slots, model)?;
        bound.return_gradients(bound.take_gradients(gradients)?, gradients);
        for (name, values) in found {
            if let Some(sum) = gradients.get_mut(&name) {
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        Ok(numbers)
    }

    /// The weights as variables; with an adapter its tensors as variables, and each adapted weight as
    /// `W + alpha / rank * B A`, transposed where `W` is stored so.
    fn tensors(&self, model: &ModelParameters) -> Result<Tensors, GradientError> {
        let bound = Bound::new(self.slots, model)?;
        let mut tensors = Tensors { read: BTreeMap::new(), trained: BTreeMap::new() };
        for (slot, (name, shape, transposed)) in bound.base(self.slots).enumerate() {
            let tensor = |slot, shape: &[usize]| {
                Tensor::from_slice(bound.values(slot), shape, self.device)?.to_dtype(self.dtype)
            };
            let stored = tensor(slot, shape)?;
            let read = if bound.trained(slot) {
                let variable = Var::from_tensor(&stored)?;
                let read = variable.as_tensor().clone();
                tensors.trained.insert(name.to_owned(), variable);
                read
            } else if let (Some(low), &[rows, columns]) = (bound.low_rank(slot), shape) {
                let inputs = bound.values(low.a).len() / low.rank;
                let a = Var::from_tensor(&tensor(low.a, &[low.rank, inputs])?)?;
                let b = Var::from_tensor(&tensor(low.b, &[rows * columns / inputs, low.rank])?)?;
                let change = (b.matmul(&a)? * f64::from(low.scale))?;
                let change = if transposed { change.t()? } else { change };
                for (slot, variable) in [(low.a, a), (low.b, b)] {
                    tensors.trained.insert(bound.name(slot).to_owned(), variable);
                }
                (stored + change)?
            } else {
                stored
            };
            tensors.read.insert(name.to_owned(), read);
        }
        Ok(tensors)
    }

    fn forward(&self, tensors: &Tensors, batch: &MicroBatch) -> Result<Option<Tensor>, GradientError> {
        if batch.targets.is_empty() {
            return Ok(None);
        }
        let decoder = Decoder::plain(self.architecture.clone(), &tensors.read)?;
        let mut log_probs = Vec::new();
        let mut targets = batch.targets.as_slice();
        for pair in stretches(&batch.starts).windows(2) {
            let &[first, last] = pair else { continue };
            let starts = batch.starts.get(first..=last).unwrap_or_default();
            let (mut forest, mut packed) = (Forest::default(), Batch::default());
            for (start, end) in starts.iter().zip(starts.iter().skip(1)) {
                let run = forest.branch(None);
                forest.append(run, batch.tokens.get(*start..*end).unwrap_or_default(), &mut packed);
            }
            let (base, end) = (starts.first().copied().unwrap_or(0), starts.last().copied().unwrap_or(0));
            let asked;
            (asked, targets) = targets.split_at(targets.partition_point(|target| (target.row as usize) < end));
            if asked.is_empty() {
                continue;
            }
            let hidden = decoder.hidden(&packed, &forest, &mut decoder.cache())?;
            let base = u32::try_from(base).unwrap_or(u32::MAX);
            let rows = asked.iter().map(|target| target.row - base).collect::<Vec<_>>();
            let tokens = asked.iter().map(|target| target.token).collect::<Vec<_>>();
            log_probs.push(decoder.log_probs(&hidden, &rows, &tokens)?);
        }
        Ok(Some(Tensor::cat(&log_probs, 0)?))
    }
}

fn with_large_stack<T: Send>(work: impl FnOnce() -> Result<T, GradientError> + Send) -> Result<T, GradientError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)?;
        thread.join().unwrap_or(Err(GradientError::Aborted))
    })
}

/// Cuts a batch into stretches of whole sequences, of few rows each: the decoder makes scores of all pairs of rows.
/// Gives where each begins among `starts`, and where the last one ends.
fn stretches(starts: &[usize]) -> Vec<usize> {
    let mut cuts = vec![0];
    let mut first = 0;
    for (index, pair) in starts.windows(2).enumerate() {
        let (Some(start), Some(end)) = (pair.first(), pair.last()) else { continue };
        if end - first > PACKED_ROWS && *start > first {
            cuts.push(index);
            first = *start;
        }
    }
    cuts.push(starts.len().saturating_sub(1));
    cuts
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, GradientError> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// A variable's gradient, copied out: one left in the store would keep every activation alive.
fn taken(store: &mut GradStore, variable: &Var) -> Result<Vec<f32>, GradientError> {
    match store.remove(variable.as_tensor()) {
        Some(gradient) => values(&gradient.detach()),
        None => Ok(vec![0.0; variable.elem_count()]),
    }
}
