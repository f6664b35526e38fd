//! Operations by own kernels, on values taken out of tensors and put into new ones.

use candle_core::{Device, Storage, Tensor};

use super::Angles;
use crate::model::architecture::{Attention, FeedForward, QueryKeyNorm};
use crate::model::decoder::forest::{Batch, Forest};
use crate::model::decoder::layers::Embeddings;
use crate::model::decoder::parameters::{Gains, Projection, Table};
use crate::model::decoder::{DecoderError, KvCache};
use crate::model::kernels::{self, Isa, NormForm, PackedMatrix, PackedRows};

/// Calls `work` with the values of a contiguous `f32` tensor on the CPU.
pub(in crate::model::decoder) fn with_values<T>(x: &Tensor, work: impl FnOnce(&[f32]) -> T) -> Result<T, DecoderError> {
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(candle_core::Error::Msg("the fused path runs on the CPU".to_owned()).into());
    };
    let values = storage.as_slice::<f32>()?;
    let range = layout.contiguous_offsets().and_then(|(start, end)| values.get(start..end));
    let range = range.ok_or_else(|| candle_core::Error::Msg("tensor is not contiguous".to_owned()))?;
    Ok(work(range))
}

fn matrix(values: Vec<f32>, width: usize) -> Result<Tensor, DecoderError> {
    let rows = values.len() / width.max(1);
    Ok(Tensor::from_vec(values, (rows, width), &Device::Cpu)?)
}

fn width(x: &Tensor) -> Result<usize, DecoderError> {
    Ok(x.dims2()?.1)
}

pub fn embed(embeddings: &Embeddings, scale: f32, batch: &Batch, head: &Projection) -> Result<Tensor, DecoderError> {
    let hidden = match (&embeddings.tokens, head) {
        (Table::Fused { width, .. }, _) => *width,
        (_, Projection::Packed(packed)) => packed.inputs(),
        _ => 0,
    };
    let mut x = vec![0.0; batch.tokens.len() * hidden];
    for (row, id) in x.chunks_exact_mut(hidden.max(1)).zip(&batch.tokens) {
        match (&embeddings.tokens, head) {
            (Table::Fused { values, .. }, _) => {
                values.copy_to(*id as usize * hidden, row);
            }
            (_, Projection::Packed(packed)) => packed.copy_row(*id as usize, row),
            _ => {}
        }
        for value in row.iter_mut() {
            *value *= scale;
        }
    }
    if let Some(Table::Fused { values, width }) = &embeddings.positions {
        let mut learned = vec![0.0; hidden];
        for (row, position) in x.chunks_exact_mut(hidden.max(1)).zip(&batch.positions) {
            learned.fill(0.0);
            values.copy_to(position * width, &mut learned);
            row.iter_mut().zip(&learned).for_each(|(value, learned)| *value += learned);
        }
    }
    matrix(x, hidden)
}

pub fn norm(isa: Isa, weight: &[f32], bias: Option<&[f32]>, epsilon: f32, x: &Tensor) -> Result<Tensor, DecoderError> {
    let mut y = with_values(x, <[f32]>::to_vec)?;
    kernels::normalize(isa, &mut y, NormForm { weight, bias, epsilon });
    matrix(y, width(x)?)
}

pub fn linear(isa: Isa, packed: &PackedMatrix, x: &Tensor) -> Result<Tensor, DecoderError> {
    let y = with_values(x, |x| kernels::linear(isa, &PackedRows::new(x, packed.inputs()), packed))?;
    matrix(y, packed.outputs())
}

pub fn positioned(
    isa: Isa,
    qkv: Tensor,
    attention: &Attention,
    norms: Option<&(Gains, Gains)>,
    angles: Option<&Angles>,
) -> Result<Tensor, DecoderError> {
    if norms.is_none() && angles.is_none() {
        return Ok(qkv);
    }
    let width = width(&qkv)?;
    let mut x = with_values(&qkv, <[f32]>::to_vec)?;
    let (queries, keys) = (attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim);
    if let Some((Gains::Fused { weight: of_queries, epsilon, .. }, Gains::Fused { weight: of_keys, .. })) = norms {
        let form = |weight| NormForm { weight, bias: None, epsilon: *epsilon };
        debug_assert!(!matches!(attention.norm, QueryKeyNorm::None));
        for row in x.chunks_exact_mut(width) {
            let (query, rest) = row.split_at_mut(queries);
            kernels::normalize(isa, query, form(of_queries));
            kernels::normalize(isa, rest.get_mut(..keys).unwrap_or_default(), form(of_keys));
        }
    }
    if let Some(Angles::Fused { cosines, sines }) = angles {
        let heads = attention.heads + attention.kv_heads;
        kernels::rotate(isa, &mut x, width, heads, attention.head_dim, (cosines, sines));
    }
    matrix(x, width)
}

pub fn attention(
    isa: Isa,
    qkv: &Tensor,
    layer: usize,
    batch: &Batch,
    forest: &Forest,
    cache: &mut KvCache,
) -> Result<Tensor, DecoderError> {
    let attended = with_values(qkv, |qkv| {
        cache.store(layer, forest, batch, qkv);
        let spans = cache.spans(forest, batch);
        let (keys, shape) = cache.layer(layer)?;
        Some((kernels::attend(isa, shape, qkv, &spans, keys), shape.heads * shape.head_dim))
    })?;
    let (values, width) = attended.ok_or(DecoderError::IncompleteForest)?;
    matrix(values, width)
}

pub fn activation(isa: Isa, x: &Tensor, feed_forward: &FeedForward) -> Result<Tensor, DecoderError> {
    let inner = feed_forward.inner;
    let y = with_values(x, |x| {
        if feed_forward.gate.is_some() {
            return kernels::activate_gated(isa, feed_forward.activation, x, inner);
        }
        let mut y = x.to_vec();
        kernels::activate(isa, feed_forward.activation, &mut y);
        y
    })?;
    matrix(y, inner)
}

pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor, DecoderError> {
    let sum = with_values(x, |x| with_values(y, |y| x.iter().zip(y).map(|(x, y)| x + y).collect::<Vec<_>>()))??;
    matrix(sum, width(x)?)
}
