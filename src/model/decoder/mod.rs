//! One decoder for every family: the forward pass over a packed forest of token runs.
//!
//! Activations are `(rows, width)`: a batch has no padding and no batch dimension, a row knows its run and its position.
//! The pass is written once; the operations underneath exist twice (see [`Path`]).

mod cache;
mod device;
mod forest;
mod head;
mod layers;
mod ops;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};

use crate::model::architecture::{Architecture, Layer};
use crate::model::kernels::{AttentionShape, Isa, WeightType};
use crate::model::weights::{Weights, WeightsError};

pub use cache::KvCache;
pub use device::device_type;
pub use forest::{Append, Batch, Forest, RunId};
pub use head::{RowAnswer, RowQuery};

use layers::{DecoderLayer, Embeddings};
use ops::{Branch, Fused, Operations, Plain, Workspace};
use parameters::{Gains, Projection, Source};

/// Why a decoder could not be built or run.
#[derive(Debug, thiserror::Error)]
pub enum DecoderError {
    /// A weight file is at fault.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The tensors given do not include one that the architecture needs.
    #[error("no tensor `{tensor}`; the weights belong to another architecture or are incomplete")]
    MissingTensor {
        /// Its name or names.
        tensor: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error(
        "tensor `{tensor}` has shape {found:?}, config.json asks for {expected:?}; they belong to different models"
    )]
    Shape {
        /// Its name.
        tensor: String,
        /// As given.
        found: Vec<usize>,
        /// As configured.
        expected: Vec<usize>,
    },
    /// A token id is not in the vocabulary.
    #[error("token id {id} is outside the model's vocabulary of {vocabulary}; the tokenizer belongs to another model")]
    TokenOutsideVocabulary {
        /// The id.
        id: u32,
        /// Number of ids.
        vocabulary: usize,
    },
    /// A position beyond the learned position table.
    #[error("position {position} is beyond the model's {positions} learned positions; shorten the input")]
    PositionOutsideTable {
        /// The position.
        position: usize,
        /// Rows of the table.
        positions: usize,
    },
    /// Without kept keys and values, every run on a path must be in the batch.
    #[error("a batch without kept keys and values must hold its sequences from their first token on")]
    IncompleteForest,
    /// The tensor library refused an operation.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// How operations are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Own kernels on packed weights, on the CPU; the same bits whatever the batch, the threads and the instructions.
    Fused(Isa),
    /// The tensor library's primitives on stored weights, on any device and in any float type: for gradients, and for
    /// inference elsewhere than on the CPU.
    Plain,
}

/// The network with its weights.
#[derive(Debug)]
pub struct Decoder {
    architecture: Architecture,
    path: Path,
    embeddings: Embeddings,
    layers: Vec<DecoderLayer>,
    final_norm: Gains,
    head: Projection,
    /// Memory of the last pass on the fused path, for the next.
    work: Mutex<Workspace>,
}

impl Decoder {
    /// Reads and packs a checkpoint's weights for inference.
    pub fn fused(
        architecture: Architecture,
        weights: &Weights,
        isa: Isa,
        weight_type: WeightType,
    ) -> Result<Self, DecoderError> {
        Self::build(architecture, Path::Fused(isa), &mut Source::Files { weights, last: None, weight_type })
    }

    /// Uses tensors (which may be variables) by their stored names.
    pub fn plain(architecture: Architecture, tensors: &BTreeMap<String, Tensor>) -> Result<Self, DecoderError> {
        Self::build(architecture, Path::Plain, &mut Source::Tensors(tensors))
    }

    fn build(architecture: Architecture, path: Path, source: &mut Source<'_>) -> Result<Self, DecoderError> {
        let (embeddings, head) = Embeddings::read(&architecture, path, source)?;
        let layers = architecture.layers.iter().map(|layer| DecoderLayer::read(layer, source));
        let layers = layers.collect::<Result<_, _>>()?;
        let final_norm = source.gains(&architecture.final_norm)?;
        Ok(Self { path, embeddings, layers, final_norm, head, architecture, work: Mutex::default() })
    }

    /// What the network looks like.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// An empty cache with this network's sizes.
    pub fn cache(&self) -> KvCache {
        let shape = |layer: &Layer| AttentionShape {
            heads: layer.attention.heads,
            kv_heads: layer.attention.kv_heads,
            head_dim: layer.attention.head_dim,
            scale: layer.attention.scale,
            soft_cap: layer.attention.soft_cap,
            window: layer.attention.window,
        };
        KvCache::new(self.architecture.layers.iter().map(shape).collect())
    }

    /// Runs a batch through all layers; keys and values of its rows are added to the cache (on the plain path only if it
    /// is one that keeps them, see [`KvCache::keeping_tensors`]). The result, of shape `(rows, hidden)`, is what the final norm takes.
    pub fn hidden(&self, batch: &Batch, forest: &Forest, cache: &mut KvCache) -> Result<Tensor, DecoderError> {
        self.network(batch, forest, cache, None)
    }

    /// The same for some rows alone, as values of one after another: behind its attention, the last layer is computed only
    /// for these.
    pub fn states(
        &self,
        batch: &Batch,
        forest: &Forest,
        cache: &mut KvCache,
        rows: &[usize],
    ) -> Result<Vec<f32>, DecoderError> {
        if rows.len() >= batch.tokens.len() {
            return self.rows(&self.hidden(batch, forest, cache)?, rows);
        }
        let hidden = self.network(batch, forest, cache, Some(rows))?;
        self.rows(&hidden, &(0..rows.len()).collect::<Vec<_>>())
    }

    /// The hidden states of the `wanted` rows, or of all. Where none is wanted, what comes back is of no use.
    fn network(
        &self,
        batch: &Batch,
        forest: &Forest,
        cache: &mut KvCache,
        wanted: Option<&[usize]>,
    ) -> Result<Tensor, DecoderError> {
        self.check(batch)?;
        let scale = self.architecture.embedding.scale;
        match self.path {
            Path::Fused(isa) => {
                cache.reserve(forest, batch);
                // A pass that runs at the same time begins with memory of its own.
                let mut work = std::mem::take(&mut *self.work.lock().unwrap_or_else(PoisonError::into_inner));
                let mut ops = Fused::new(isa, &mut work, &self.architecture, (batch, forest), cache);
                let x = ops.embed(&self.embeddings, scale, &self.head)?;
                let x = self.through_layers(&mut ops, x, wanted)?;
                *self.work.lock().unwrap_or_else(PoisonError::into_inner) = work;
                Ok(Tensor::from_vec(x, ((), self.architecture.hidden), &Device::Cpu)?)
            }
            Path::Plain => {
                let x = ops::plain_embed(&self.embeddings, scale, batch)?;
                let kind = (x.dtype(), &x.device().clone());
                let mut ops = match cache.kept(forest, batch) {
                    Some(kept) => Plain::kept(&self.architecture, (batch, forest), kept, kind)?,
                    None => Plain::new(&self.architecture, batch, forest, kind)?,
                };
                self.through_layers(&mut ops, x, wanted)
            }
        }
    }

    fn through_layers<O: Operations>(
        &self,
        ops: &mut O,
        mut x: O::Rows,
        wanted: Option<&[usize]>,
    ) -> Result<O::Rows, DecoderError> {
        let last = self.layers.len().saturating_sub(1);
        for (index, (layer, shape)) in self.layers.iter().zip(&self.architecture.layers).enumerate() {
            let qkv = ops.projected(&x, layer.attention_norm.as_ref(), &layer.qkv)?;
            let qkv = ops.positioned(qkv, &shape.attention, layer.query_key_norm.as_ref())?;
            let mut attended = ops.attention(qkv, index, &shape.attention)?;
            if let Some(rows) = wanted.filter(|_| index == last) {
                if rows.is_empty() {
                    return Ok(x);
                }
                (x, attended) = (ops.picked(x, rows)?, ops.picked(attended, rows)?);
            }
            let up = |ops: &mut O, x: &O::Rows| ops.projected(x, layer.feed_forward_norm.as_ref(), &layer.up);
            let parallel = if shape.parallel { Some(up(ops, &x)?) } else { None };
            let norm = layer.post_attention_norm.as_ref();
            x = ops.residual(x, Branch { y: attended, feed_forward: None, projection: &layer.output, norm })?;
            let inner = match parallel {
                Some(inner) => inner,
                None => up(ops, &x)?,
            };
            let (feed_forward, norm) = (Some(&shape.feed_forward), layer.post_feed_forward_norm.as_ref());
            x = ops.residual(x, Branch { y: inner, feed_forward, projection: &layer.down, norm })?;
        }
        Ok(x)
    }

    /// Bytes that the weights take.
    pub fn weight_bytes(&self) -> usize {
        let layers = self.layers.iter().map(DecoderLayer::bytes).sum::<usize>();
        layers + self.embeddings.bytes() + layers::gains_bytes(&self.final_norm) + layers::projection_bytes(&self.head)
    }

    /// Refuses ids and positions that no table has.
    fn check(&self, batch: &Batch) -> Result<(), DecoderError> {
        let vocabulary = self.architecture.vocabulary;
        if let Some(id) = batch.tokens.iter().find(|id| **id as usize >= vocabulary) {
            return Err(DecoderError::TokenOutsideVocabulary { id: *id, vocabulary });
        }
        let positions = self.architecture.embedding.positions.as_ref().and_then(|view| view.shape.first()).copied();
        let last = batch.positions.iter().max().copied();
        match positions.zip(last) {
            Some((positions, position)) if position >= positions => {
                Err(DecoderError::PositionOutsideTable { position, positions })
            }
            _ => Ok(()),
        }
    }
}
