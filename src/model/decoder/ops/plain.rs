//! Operations by the tensor library's primitives that carry gradients.
//!
//! Its fused softmax, norms and rotary embedding cut gradients without a word; none is used here.

use candle_core::{D, DType, Device, Tensor};

use super::kept::KeptTensors;
use super::{Branch, Operations};
use crate::model::architecture::{Activation, Architecture, Attention, FeedForward, NormKind, QueryKeyNorm, Rotary};
use crate::model::decoder::DecoderError;
use crate::model::decoder::forest::{Batch, Forest};
use crate::model::decoder::layers::Embeddings;
use crate::model::decoder::parameters::{Gains, Projection, Table};

/// Added to scores of positions that are not seen; representable in every float type that weights come in.
const UNSEEN: f32 = -1e30;

/// A batch on its way through the layers.
pub struct Plain<'a> {
    /// Cosines and sines of each rotary embedding, `(rows, 1, dims / 2)`.
    angles: Vec<(Rotary, Tensor, Tensor)>,
    keys: Keys<'a>,
}

/// Where the keys and values are that rows see.
enum Keys<'a> {
    /// In the batch; for each window, what is added to scores: 0 where a row sees another, else [`UNSEEN`].
    InBatch { masks: Vec<(Option<usize>, Tensor)> },
    /// Kept from earlier batches too.
    Kept { kept: &'a mut KeptTensors, batch: &'a Batch, forest: &'a Forest },
}

impl<'a> Plain<'a> {
    /// Over a batch that holds its sequences from their first token on; carries gradients.
    pub fn new(
        architecture: &Architecture,
        batch: &Batch,
        forest: &Forest,
        kind: (DType, &Device),
    ) -> Result<Self, DecoderError> {
        let mut masks: Vec<(Option<usize>, Tensor)> = Vec::new();
        for attention in architecture.layers.iter().map(|layer| &layer.attention) {
            if masks.iter().all(|(known, _)| *known != attention.window) {
                masks.push((attention.window, mask(batch, forest, attention.window, kind)?));
            }
        }
        Ok(Self { angles: angles(architecture, batch, kind)?, keys: Keys::InBatch { masks } })
    }

    /// Over a batch that may go on after earlier ones, whose keys and values are kept; carries no gradients.
    pub fn kept(
        architecture: &Architecture,
        (batch, forest): (&'a Batch, &'a Forest),
        kept: &'a mut KeptTensors,
        kind: (DType, &Device),
    ) -> Result<Self, DecoderError> {
        Ok(Self { angles: angles(architecture, batch, kind)?, keys: Keys::Kept { kept, batch, forest } })
    }
}

/// Cosines and sines of every rotary embedding, `(rows, 1, dims / 2)`.
fn angles(
    architecture: &Architecture,
    batch: &Batch,
    (dtype, device): (DType, &Device),
) -> Result<Vec<(Rotary, Tensor, Tensor)>, DecoderError> {
    let mut angles: Vec<(Rotary, Tensor, Tensor)> = Vec::new();
    for rotary in architecture.layers.iter().filter_map(|layer| layer.attention.rotary) {
        if angles.iter().any(|(known, ..)| *known == rotary) {
            continue;
        }
        let (cosines, sines) = super::angles(&rotary, &batch.positions);
        let shape = (batch.positions.len(), 1, rotary.dims / 2);
        let tensor = |values| Tensor::from_vec(values, shape, device)?.to_dtype(dtype);
        angles.push((rotary, tensor(cosines)?, tensor(sines)?));
    }
    Ok(angles)
}

impl Operations for Plain<'_> {
    type Rows = Tensor;

    fn projected(&mut self, x: &Tensor, norm: Option<&Gains>, projection: &Projection) -> Result<Tensor, DecoderError> {
        let normed = norm.map(|norm| normalized(norm, x)).transpose()?;
        Ok(linear(projection, normed.as_ref().unwrap_or(x))?)
    }

    fn positioned(
        &mut self,
        qkv: Tensor,
        attention: &Attention,
        norms: Option<&(Gains, Gains)>,
    ) -> Result<Tensor, DecoderError> {
        let angles = attention.rotary.and_then(|rotary| self.angles.iter().find(|(known, ..)| *known == rotary));
        Ok(positioned(&qkv, attention, norms, angles.map(|(_, cosines, sines)| (cosines, sines)))?)
    }

    fn attention(&mut self, qkv: Tensor, layer: usize, shape: &Attention) -> Result<Tensor, DecoderError> {
        match &mut self.keys {
            Keys::InBatch { masks } => {
                let mask = masks.iter().find(|(known, _)| *known == shape.window);
                let (_, mask) = mask.ok_or(DecoderError::IncompleteForest)?;
                Ok(attention(&qkv, shape, mask)?)
            }
            Keys::Kept { kept, batch, forest } => kept.attention(layer, &qkv, shape, batch, forest),
        }
    }

    fn picked(&mut self, x: Tensor, rows: &[usize]) -> Result<Tensor, DecoderError> {
        select_rows(&x, rows)
    }

    fn residual(&mut self, x: Tensor, branch: Branch<'_, Tensor>) -> Result<Tensor, DecoderError> {
        let inner = branch.feed_forward.map(|shape| activation(&branch.y, shape)).transpose()?;
        let mut y = linear(branch.projection, inner.as_ref().unwrap_or(&branch.y))?;
        if let Some(norm) = branch.norm {
            y = normalized(norm, &y)?;
        }
        Ok((x + y)?)
    }
}

/// Some rows of a matrix, in this order.
pub fn select_rows(x: &Tensor, rows: &[usize]) -> Result<Tensor, DecoderError> {
    let index = rows.iter().map(|row| u32::try_from(*row).unwrap_or(u32::MAX)).collect::<Vec<_>>();
    let index = Tensor::from_vec(index, rows.len(), x.device())?;
    Ok(x.index_select(&index, 0)?)
}

/// `(rows, rows)`: 0 where a row (first index) sees another (second index), else [`UNSEEN`].
fn mask(
    batch: &Batch,
    forest: &Forest,
    window: Option<usize>,
    (dtype, device): (DType, &Device),
) -> Result<Tensor, DecoderError> {
    let rows = batch.tokens.len();
    let mut mask = vec![UNSEEN; rows * rows];
    for of_queries in &batch.appends {
        let path = forest.path(of_queries.run);
        let on_path = || batch.appends.iter().filter(|append| path.contains(&append.run));
        if on_path().map(|append| append.rows).sum::<usize>() != forest.end(of_queries.run) {
            return Err(DecoderError::IncompleteForest);
        }
        for of_keys in on_path() {
            for query in 0..of_queries.rows {
                let position = of_queries.start + query;
                for key in 0..of_keys.rows {
                    let seen = of_keys.start + key;
                    if seen <= position && window.is_none_or(|window| position - seen < window) {
                        let cell = (of_queries.first_row + query) * rows + of_keys.first_row + key;
                        if let Some(cell) = mask.get_mut(cell) {
                            *cell = 0.0;
                        }
                    }
                }
            }
        }
    }
    Ok(Tensor::from_vec(mask, (rows, rows), device)?.to_dtype(dtype)?)
}

pub fn embed(embeddings: &Embeddings, scale: f32, batch: &Batch) -> Result<Tensor, DecoderError> {
    let lookup = |table: &Table, ids: Vec<u32>| match table {
        Table::Stored(stored) => {
            let table = stored.part()?;
            let ids = Tensor::from_vec(ids, batch.tokens.len(), table.device())?;
            Ok(table.index_select(&ids, 0)?)
        }
        _ => Err(DecoderError::IncompleteForest),
    };
    let mut x = (lookup(&embeddings.tokens, batch.tokens.clone())? * f64::from(scale))?;
    if let Some(table) = &embeddings.positions {
        let positions = batch.positions.iter().map(|position| u32::try_from(*position).unwrap_or(u32::MAX)).collect();
        x = (x + lookup(table, positions)?)?;
    }
    Ok(x)
}

/// A norm over the last dimension.
pub fn normalized(gains: &Gains, x: &Tensor) -> candle_core::Result<Tensor> {
    let (weight, bias, epsilon, kind) = match gains {
        Gains::Stored { weight, bias, epsilon, kind } => {
            (weight.part()?, bias.as_ref().map(super::super::parameters::Stored::part).transpose()?, *epsilon, *kind)
        }
        Gains::Fused { weight, bias, epsilon } => {
            let tensor = |values: &[f32]| Tensor::from_slice(values, values.len(), x.device())?.to_dtype(x.dtype());
            let bias = bias.as_deref().map(tensor).transpose()?;
            let kind = if bias.is_some() { NormKind::Layer } else { NormKind::Rms };
            (tensor(weight)?, bias, *epsilon, kind)
        }
    };
    // Squares of half precision overflow, and sums in bfloat16 have three digits.
    let narrow = matches!(x.dtype(), DType::F16 | DType::BF16);
    let (x, weight, bias, dtype) = if narrow {
        let bias = bias.map(|bias| bias.to_dtype(DType::F32)).transpose()?;
        (&x.to_dtype(DType::F32)?, weight.to_dtype(DType::F32)?, bias, x.dtype())
    } else {
        (x, weight, bias, x.dtype())
    };
    let centred = match kind {
        NormKind::Layer => x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?,
        NormKind::Rms | NormKind::RmsUnitOffset => x.clone(),
    };
    let scale = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?.sqrt()?;
    let gain = if kind == NormKind::RmsUnitOffset { (weight + 1.0)? } else { weight };
    let y = centred.broadcast_div(&scale)?.broadcast_mul(&gain)?;
    let y = match bias {
        Some(bias) => y.broadcast_add(&bias)?,
        None => y,
    };
    if narrow { y.to_dtype(dtype) } else { Ok(y) }
}

pub fn linear(projection: &Projection, x: &Tensor) -> candle_core::Result<Tensor> {
    let Projection::Stored(parts) = projection else {
        candle_core::bail!("packed weights have no differentiable path")
    };
    let mut outputs = Vec::with_capacity(parts.len());
    for part in parts {
        let y = x.matmul(&part.weight.part()?.t()?)?;
        outputs.push(match &part.bias {
            Some(bias) => y.broadcast_add(&bias.part()?)?,
            None => y,
        });
    }
    Tensor::cat(&outputs, 1)
}

fn positioned(
    qkv: &Tensor,
    attention: &Attention,
    norms: Option<&(Gains, Gains)>,
    angles: Option<(&Tensor, &Tensor)>,
) -> candle_core::Result<Tensor> {
    let rows = qkv.dim(0)?;
    let (queries, keys) = (attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim);
    let part = |start, heads, gains: Option<&Gains>| {
        let width = heads * attention.head_dim;
        let mut x = qkv.narrow(1, start, width)?;
        if let (QueryKeyNorm::Whole { .. }, Some(gains)) = (&attention.norm, gains) {
            x = normalized(gains, &x)?;
        }
        let mut x = x.reshape((rows, heads, attention.head_dim))?;
        if let (QueryKeyNorm::PerHead { .. }, Some(gains)) = (&attention.norm, gains) {
            x = normalized(gains, &x)?;
        }
        if let Some((cosines, sines)) = angles {
            x = rotated(&x, cosines, sines)?;
        }
        x.reshape((rows, width))
    };
    let query = part(0, attention.heads, norms.map(|norms| &norms.0))?;
    let key = part(queries, attention.kv_heads, norms.map(|norms| &norms.1))?;
    Tensor::cat(&[query, key, qkv.narrow(1, queries + keys, keys)?], 1)
}

/// `x` is `(rows, heads, head_dim)`, the angles `(rows, 1, dims / 2)`.
fn rotated(x: &Tensor, cosines: &Tensor, sines: &Tensor) -> candle_core::Result<Tensor> {
    let (half, head_dim) = (cosines.dim(2)?, x.dim(2)?);
    let (a, b) = (x.narrow(2, 0, half)?, x.narrow(2, half, half)?);
    let first = (a.broadcast_mul(cosines)? - b.broadcast_mul(sines)?)?;
    let second = (b.broadcast_mul(cosines)? + a.broadcast_mul(sines)?)?;
    if head_dim == 2 * half {
        return Tensor::cat(&[first, second], 2);
    }
    Tensor::cat(&[first, second, x.narrow(2, 2 * half, head_dim - 2 * half)?], 2)
}

fn attention(qkv: &Tensor, attention: &Attention, mask: &Tensor) -> candle_core::Result<Tensor> {
    let rows = qkv.dim(0)?;
    let (heads, kv_heads, head_dim) = (attention.heads, attention.kv_heads, attention.head_dim);
    let part = |start: usize, count: usize| {
        qkv.narrow(1, start * head_dim, count * head_dim)?.reshape((rows, count, head_dim))?.transpose(0, 1)
    };
    let repeated = |x: Tensor| {
        let shape = (kv_heads, heads / kv_heads, rows, head_dim);
        x.contiguous()?.unsqueeze(1)?.broadcast_as(shape)?.reshape((heads, rows, head_dim))
    };
    let query = part(0, heads)?.contiguous()?;
    let key = repeated(part(heads, kv_heads)?)?;
    let value = repeated(part(heads + kv_heads, kv_heads)?)?;
    let mut scores = (query.matmul(&key.transpose(1, 2)?)? * f64::from(attention.scale))?;
    if let Some(cap) = attention.soft_cap {
        scores = capped(&scores, cap)?;
    }
    let scores = scores.broadcast_add(mask)?;
    let relative = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
    let weights = relative.broadcast_div(&relative.sum_keepdim(D::Minus1)?)?;
    weights.matmul(&value)?.transpose(0, 1)?.reshape((rows, heads * head_dim))
}

/// `cap * tanh(x / cap)`.
pub fn capped(x: &Tensor, cap: f32) -> candle_core::Result<Tensor> {
    (x / f64::from(cap))?.tanh()? * f64::from(cap)
}

fn activation(x: &Tensor, feed_forward: &FeedForward) -> candle_core::Result<Tensor> {
    let apply = |x: &Tensor| match feed_forward.activation {
        Activation::Silu => x.silu(),
        Activation::GeluErf => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
    };
    if feed_forward.gate.is_none() {
        return apply(x);
    }
    let gate = x.narrow(1, 0, feed_forward.inner)?;
    apply(&gate)? * x.narrow(1, feed_forward.inner, feed_forward.inner)?
}
