//! Gradients of log-probabilities by the weights: what every loss of training is made of.
//!
//! [`Network`] computes the log-probability of each target of a [`MicroBatch`], asks its caller what the loss's derivative
//! by each of them is, and adds the weights' gradients. It knows no loss.
//!
//! There are two paths. The fused one, on the CPU in `f32`, is a list of operations with a hand-written forward and
//! backward pass each (one file an operation); it uses its memory again from step to step, computes nothing for frozen
//! weights, and gives the same bits whatever the number of threads. The plain one is the decoder on the tensor
//! library's differentiable primitives, in any float type.

mod activation;
mod attention;
mod binding;
mod buffers;
#[cfg(test)]
mod checks;
mod embedding;
mod fused;
mod head;
mod layer;
mod matrix;
mod norm;
mod plain;
mod projection;
mod rotary;
mod simd;
mod structure;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use crate::model::architecture::Architecture;
use crate::model::decoder::DecoderError;
use crate::model::kernels::math;
use crate::train::batch::MicroBatch;
use crate::train::parameters::{Gradients, ModelParameters};

/// Lanes of loops over a row.
const LANES: usize = 16;

/// Why there are no gradients.
#[derive(Debug, thiserror::Error)]
pub enum GradientError {
    /// The weights given do not include one that the architecture needs.
    #[error("no tensor `{tensor}`; the weights belong to another architecture or are incomplete")]
    MissingTensor {
        /// Its name or names.
        tensor: String,
    },
    /// A tensor has another shape than the architecture says.
    #[error("tensor `{tensor}` has shape {found:?} instead of {expected:?}; it belongs to a different model")]
    Shape {
        /// Its name.
        tensor: String,
        /// As given.
        found: Vec<usize>,
        /// As described.
        expected: Vec<usize>,
    },
    /// An adapter of rank 0.
    #[error("the adapter's rank is 0; choose 1 or more")]
    ZeroRank,
    /// One of an adapter's two tensors is missing.
    #[error("the adapter has only one of lora_A and lora_B for `{tensor}`; the adapter is incomplete")]
    HalfAdapter {
        /// The adapted tensor.
        tensor: String,
    },
    /// A tensor of the adapter belongs to no projection.
    #[error("the adapter's tensor `{tensor}` belongs to no projection of this model; was it made for another base?")]
    UnknownAdapterTensor {
        /// Its name.
        tensor: String,
    },
    /// A gradient was given for a frozen tensor.
    #[error("there is a gradient of {length} values for the frozen tensor `{tensor}`; start with empty gradients")]
    FrozenGradient {
        /// Its name.
        tensor: String,
        /// Its length.
        length: usize,
    },
    /// A gradient to add to has the wrong length.
    #[error("the gradient of `{tensor}` has {found} values instead of {expected}; start with empty gradients")]
    GradientLength {
        /// Its name.
        tensor: String,
        /// As given.
        found: usize,
        /// As the tensor has.
        expected: usize,
    },
    /// The batch contradicts itself.
    #[error("the batch is malformed: {what}")]
    Batch {
        /// How.
        what: &'static str,
    },
    /// A token id is not in the vocabulary.
    #[error("token id {id} is outside the model's vocabulary of {vocabulary}; the tokenizer belongs to another model")]
    TokenOutsideVocabulary {
        /// The id.
        id: u32,
        /// Number of ids.
        vocabulary: usize,
    },
    /// A sequence is longer than the learned position table.
    #[error("a sequence of {tokens} tokens is longer than the model's {positions} learned positions; shorten it")]
    PositionOutsideTable {
        /// Its length.
        tokens: usize,
        /// Rows of the table.
        positions: usize,
    },
    /// The loss gave another number of derivatives than there are targets.
    #[error("the loss gave {found} derivatives for {expected} targets")]
    Slopes {
        /// As given.
        found: usize,
        /// Number of targets.
        expected: usize,
    },
    /// Checkpointing is asked of the plain path.
    #[error("gradient checkpointing works on the fused path only; train on the CPU in f32 or without checkpointing")]
    CheckpointingUnsupported,
    /// The decoder refused.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// The tensor library refused an operation.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// A thread could not be started.
    #[error("no thread for the backward pass: {0}; free some memory")]
    Thread(#[from] std::io::Error),
    /// The tensor library gave up in the middle of a pass.
    #[error("the tensor library failed in the middle of a pass; try the fused path")]
    Aborted,
}

/// How a network computes.
#[derive(Debug, Clone)]
pub enum PathChoice {
    /// This engine's own operations, on the CPU, in `f32`.
    Fused,
    /// The tensor library's differentiable primitives, on a device, in a float type.
    Plain(candle_core::Device, candle_core::DType),
}

/// Options of a network.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// How it computes.
    pub path: PathChoice,
    /// Whether only each layer's input is kept for the backward pass and the rest is computed again: less memory, a
    /// third more time.
    pub checkpointing: bool,
}

/// A decoder that gives gradients.
#[derive(Debug)]
pub struct Network {
    architecture: Architecture,
    structure: structure::Structure,
    options: NetworkOptions,
    workspace: Mutex<fused::Workspace>,
}

impl Network {
    /// Prepares the operations of an architecture.
    pub fn new(architecture: &Architecture, options: NetworkOptions) -> Result<Self, GradientError> {
        if options.checkpointing && matches!(options.path, PathChoice::Plain(..)) {
            return Err(GradientError::CheckpointingUnsupported);
        }
        let structure = structure::Structure::new(architecture);
        Ok(Self { architecture: architecture.clone(), structure, options, workspace: Mutex::default() })
    }

    /// The architecture.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Log-probabilities of the targets, in their order, in nats; nothing is kept for gradients.
    pub fn log_probs(&self, model: &ModelParameters, batch: &MicroBatch) -> Result<Vec<f32>, GradientError> {
        self.check(batch)?;
        match &self.options.path {
            PathChoice::Fused => {
                let mut workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
                fused::log_probs(&self.structure, &mut workspace, model, batch)
            }
            PathChoice::Plain(device, dtype) => self.plain(device, *dtype).log_probs(model, batch),
        }
    }

    /// Log-probabilities of the targets, and the gradients of a loss of them.
    ///
    /// `weigh` is given the log-probabilities (nats, in the order of targets) and gives the loss's derivative by each.
    /// The gradients of what is trained (see [`ModelParameters::trained`]; of the base, the tensors that the network
    /// reads) are added to `gradients`, whose missing entries are made. Where an error is given, `gradients` are as they were.
    pub fn gradients(
        &self,
        model: &ModelParameters,
        batch: &MicroBatch,
        weigh: &mut dyn FnMut(&[f32]) -> Vec<f32>,
        gradients: &mut Gradients,
    ) -> Result<Vec<f32>, GradientError> {
        self.check(batch)?;
        match &self.options.path {
            PathChoice::Fused => {
                let mut workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
                let checkpointing = self.options.checkpointing;
                fused::gradients(&self.structure, &mut workspace, model, batch, weigh, gradients, checkpointing)
            }
            PathChoice::Plain(device, dtype) => self.plain(device, *dtype).gradients(model, batch, weigh, gradients),
        }
    }

    fn plain<'a>(&'a self, device: &'a candle_core::Device, dtype: candle_core::DType) -> plain::Plain<'a> {
        plain::Plain { architecture: &self.architecture, slots: &self.structure.slots, device, dtype }
    }

    /// Refuses what would be read or written outside of a table.
    fn check(&self, batch: &MicroBatch) -> Result<(), GradientError> {
        let malformed = |what| Err(GradientError::Batch { what });
        let rows = batch.tokens.len();
        let ends = (batch.starts.first().copied().unwrap_or(0), batch.starts.last().copied().unwrap_or(0));
        if ends != (0, rows) || !batch.starts.is_sorted() {
            return malformed("its sequences do not cover its tokens");
        }
        if !batch.targets.is_sorted_by_key(|target| target.row) {
            return malformed("its targets are not in the order of rows");
        }
        if batch.targets.last().is_some_and(|target| target.row as usize >= rows) {
            return malformed("a target has a row beyond its tokens");
        }
        let vocabulary = self.structure.vocabulary;
        let ids = batch.tokens.iter().chain(batch.targets.iter().map(|target| &target.token));
        if let Some(id) = ids.into_iter().find(|id| **id as usize >= vocabulary) {
            return Err(GradientError::TokenOutsideVocabulary { id: *id, vocabulary });
        }
        let lengths = batch.starts.iter().zip(batch.starts.iter().skip(1)).map(|(start, end)| end - start);
        let tokens = lengths.max().unwrap_or(0);
        match self.structure.positions {
            Some((_, positions)) if tokens > positions => {
                Err(GradientError::PositionOutsideTable { tokens, positions })
            }
            _ => Ok(()),
        }
    }
}
