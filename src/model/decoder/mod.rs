//! One decoder for every family: the forward pass over a packed forest of token runs.
//!
//! Activations are `(rows, width)`: a batch has no padding and no batch dimension, a row knows its run and its position.
//! The pass is written once; the operations underneath exist twice (see [`Path`]).

mod cache;
mod forest;
mod head;
mod layers;
mod ops;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use candle_core::Tensor;

use crate::model::architecture::Architecture;
use crate::model::kernels::{AttentionShape, Isa, WeightType};
use crate::model::weights::{Weights, WeightsError};

pub use cache::KvCache;
pub use forest::{Append, Batch, Forest, RunId};
pub use head::{RowAnswer, RowQuery};

use layers::{DecoderLayer, Embeddings};
use ops::Ops;
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
    /// The differentiable path has no cache: every run on a path must be in the batch.
    #[error("a batch on the differentiable path must hold its sequences from their first token on")]
    IncompleteForest,
    /// The tensor library refused an operation.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// How operations are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Own kernels on packed `f32` weights, on the CPU; the same bits whatever the batch, the threads and the instructions.
    Fused(Isa),
    /// The tensor library's differentiable primitives on stored weights, on any device and in any float type.
    Plain,
}

/// The network with its weights.
#[derive(Debug)]
pub struct Decoder {
    architecture: Architecture,
    ops: Ops,
    embeddings: Embeddings,
    layers: Vec<DecoderLayer>,
    final_norm: Gains,
    head: Projection,
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

    /// Uses tensors (which may be variables) by their stored names, for training.
    pub fn plain(architecture: Architecture, tensors: &BTreeMap<String, Tensor>) -> Result<Self, DecoderError> {
        Self::build(architecture, Path::Plain, &mut Source::Tensors(tensors))
    }

    fn build(architecture: Architecture, path: Path, source: &mut Source<'_>) -> Result<Self, DecoderError> {
        let (embeddings, head) = Embeddings::read(&architecture, path, source)?;
        let layers = architecture.layers.iter().map(|layer| DecoderLayer::read(layer, source));
        let layers = layers.collect::<Result<_, _>>()?;
        let final_norm = source.gains(&architecture.final_norm)?;
        Ok(Self { ops: Ops::new(path), embeddings, layers, final_norm, head, architecture })
    }

    /// What the network looks like.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// An empty cache with this network's sizes.
    pub fn cache(&self) -> KvCache {
        let shape = |layer: &crate::model::architecture::Layer| AttentionShape {
            heads: layer.attention.heads,
            kv_heads: layer.attention.kv_heads,
            head_dim: layer.attention.head_dim,
            scale: layer.attention.scale,
            soft_cap: layer.attention.soft_cap,
            window: layer.attention.window,
        };
        KvCache::new(self.architecture.layers.iter().map(shape).collect())
    }

    /// Runs a batch through all layers; keys and values of its rows are added to the cache (on the fused path; the
    /// differentiable path needs none). The result, of shape `(rows, hidden)`, is what the final norm takes.
    pub fn hidden(&self, batch: &Batch, forest: &Forest, cache: &mut KvCache) -> Result<Tensor, DecoderError> {
        self.check(batch)?;
        if matches!(self.ops.path(), Path::Fused(_)) {
            cache.reserve(forest, batch);
        }
        let head = &self.head;
        let mut x = self.ops.embed(&self.embeddings, self.architecture.embedding.scale, batch, head)?;
        let plan = self.ops.plan(&self.architecture, batch, forest, (x.dtype(), x.device()))?;
        for (index, (layer, shape)) in self.layers.iter().zip(&self.architecture.layers).enumerate() {
            let qkv = self.ops.linear(&layer.qkv, &self.ops.norm(layer.attention_norm.as_ref(), &x)?)?;
            let qkv = self.ops.positioned(qkv, &shape.attention, layer.query_key_norm.as_ref(), &plan)?;
            let attended = self.ops.attention(&qkv, index, &shape.attention, batch, forest, cache, &plan)?;
            let attended = self.ops.linear(&layer.output, &attended)?;
            let attended = self.ops.norm(layer.post_attention_norm.as_ref(), &attended)?;
            let between = self.ops.add(&x, &attended)?;
            let source = if shape.parallel { &x } else { &between };
            let inner = self.ops.norm(layer.feed_forward_norm.as_ref(), source)?;
            let inner = self.ops.linear(&layer.up, &inner)?;
            let inner = self.ops.activation(&inner, &shape.feed_forward)?;
            let inner = self.ops.linear(&layer.down, &inner)?;
            let inner = self.ops.norm(layer.post_feed_forward_norm.as_ref(), &inner)?;
            x = self.ops.add(&between, &inner)?;
        }
        Ok(x)
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
