//! The operations of the forward pass, each with a fused and a differentiable path.

mod fused;
mod plain;

use candle_core::{DType, Device, Tensor};

use super::forest::{Batch, Forest};
use super::layers::Embeddings;
use super::parameters::{Gains, Projection};
use super::{DecoderError, KvCache, Path};
use crate::model::architecture::{Architecture, Attention, FeedForward, Rotary};

pub(super) use fused::with_values;
pub(super) use plain::normalized;

/// Carries out operations on one path.
#[derive(Debug)]
pub(super) struct Ops {
    path: Path,
}

/// What depends on a batch's positions and runs, and is the same for many layers.
#[derive(Debug)]
pub(super) struct Plan {
    angles: Vec<(Rotary, Angles)>,
    /// On the differentiable path, for each window, what is added to scores: 0 where a row sees another, else -1e30.
    masks: Vec<(Option<usize>, Tensor)>,
}

/// Cosines and sines of one rotary embedding, `dims / 2` a row.
#[derive(Debug)]
pub(super) enum Angles {
    Fused { cosines: Vec<f32>, sines: Vec<f32> },
    Plain { cosines: Tensor, sines: Tensor },
}

impl Plan {
    fn angles(&self, rotary: &Rotary) -> Option<&Angles> {
        self.angles.iter().find(|(known, _)| known == rotary).map(|(_, angles)| angles)
    }

    fn mask(&self, window: Option<usize>) -> Option<&Tensor> {
        self.masks.iter().find(|(known, _)| *known == window).map(|(_, mask)| mask)
    }
}

impl Ops {
    pub fn new(path: Path) -> Self {
        Self { path }
    }

    pub fn path(&self) -> Path {
        self.path
    }

    /// Prepares what the layers share.
    pub fn plan(
        &self,
        architecture: &Architecture,
        batch: &Batch,
        forest: &Forest,
        kind: (DType, &Device),
    ) -> Result<Plan, DecoderError> {
        let mut plan = Plan { angles: Vec::new(), masks: Vec::new() };
        for attention in architecture.layers.iter().map(|layer| &layer.attention) {
            if let Some(rotary) = attention.rotary.filter(|rotary| plan.angles(rotary).is_none()) {
                let (cosines, sines) = angles(&rotary, &batch.positions);
                let angles = match self.path {
                    Path::Fused(_) => Angles::Fused { cosines, sines },
                    Path::Plain => plain::angles(cosines, sines, batch, kind)?,
                };
                plan.angles.push((rotary, angles));
            }
            if self.path == Path::Plain && plan.mask(attention.window).is_none() {
                plan.masks.push((attention.window, plain::mask(batch, forest, attention.window, kind)?));
            }
        }
        Ok(plan)
    }

    /// `scale * tokens[id] + positions[position]`, `(rows, hidden)`.
    pub fn embed(
        &self,
        embeddings: &Embeddings,
        scale: f32,
        batch: &Batch,
        head: &Projection,
    ) -> Result<Tensor, DecoderError> {
        match self.path {
            Path::Fused(_) => fused::embed(embeddings, scale, batch, head),
            Path::Plain => plain::embed(embeddings, scale, batch),
        }
    }

    /// A norm, or nothing.
    pub fn norm(&self, gains: Option<&Gains>, x: &Tensor) -> Result<Tensor, DecoderError> {
        let Some(gains) = gains else { return Ok(x.clone()) };
        match (self.path, gains) {
            (Path::Fused(isa), Gains::Fused { weight, bias, epsilon }) => {
                fused::norm(isa, weight, bias.as_deref(), *epsilon, x)
            }
            (_, gains) => Ok(normalized(gains, x)?),
        }
    }

    /// `x W^T + b`.
    pub fn linear(&self, projection: &Projection, x: &Tensor) -> Result<Tensor, DecoderError> {
        match (self.path, projection) {
            (Path::Fused(isa), Projection::Packed(packed)) => fused::linear(isa, packed, x),
            (_, projection) => Ok(plain::linear(projection, x)?),
        }
    }

    /// Queries and keys with their norms and rotary embedding applied, values as they are.
    pub fn positioned(
        &self,
        qkv: Tensor,
        attention: &Attention,
        norms: Option<&(Gains, Gains)>,
        plan: &Plan,
    ) -> Result<Tensor, DecoderError> {
        let angles = attention.rotary.as_ref().and_then(|rotary| plan.angles(rotary));
        match self.path {
            Path::Fused(isa) => fused::positioned(isa, qkv, attention, norms, angles),
            Path::Plain => Ok(plain::positioned(&qkv, attention, norms, angles)?),
        }
    }

    /// Attention over each row's path, `(rows, heads * head_dim)`.
    #[allow(clippy::too_many_arguments)]
    pub fn attention(
        &self,
        qkv: &Tensor,
        layer: usize,
        attention: &Attention,
        batch: &Batch,
        forest: &Forest,
        cache: &mut KvCache,
        plan: &Plan,
    ) -> Result<Tensor, DecoderError> {
        match self.path {
            Path::Fused(isa) => fused::attention(isa, qkv, layer, batch, forest, cache),
            Path::Plain => {
                let mask = plan.mask(attention.window).ok_or(DecoderError::IncompleteForest)?;
                Ok(plain::attention(qkv, attention, mask)?)
            }
        }
    }

    /// The feed-forward layer's non-linearity, with its gate where it has one.
    pub fn activation(&self, x: &Tensor, feed_forward: &FeedForward) -> Result<Tensor, DecoderError> {
        match self.path {
            Path::Fused(isa) => fused::activation(isa, x, feed_forward),
            Path::Plain => Ok(plain::activation(x, feed_forward)?),
        }
    }

    /// The residual sum.
    pub fn add(&self, x: &Tensor, y: &Tensor) -> Result<Tensor, DecoderError> {
        match self.path {
            Path::Fused(_) => fused::add(x, y),
            Path::Plain => Ok((x + y)?),
        }
    }
}

/// Cosines and sines of `position * frequency`, the product rounded to single precision as the models were trained with.
#[allow(clippy::cast_possible_truncation)]
fn angles(rotary: &Rotary, positions: &[usize]) -> (Vec<f32>, Vec<f32>) {
    let frequencies = rotary.frequencies();
    let mut cosines = Vec::with_capacity(positions.len() * frequencies.len());
    let mut sines = Vec::with_capacity(positions.len() * frequencies.len());
    for position in positions {
        for frequency in &frequencies {
            let (sine, cosine) = f64::from(*position as f32 * frequency).sin_cos();
            cosines.push(cosine as f32);
            sines.push(sine as f32);
        }
    }
    (cosines, sines)
}
