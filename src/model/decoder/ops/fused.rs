//! Operations by own kernels, on buffers that are used again and again.

use candle_core::{Storage, Tensor};

use super::workspace::{VALUE_COST, Workspace, each_row};
use super::{Branch, Operations, angles};
use crate::model::architecture::{Architecture, Attention, QueryKeyNorm, Rotary};
use crate::model::decoder::forest::{Batch, Forest};
use crate::model::decoder::layers::Embeddings;
use crate::model::decoder::parameters::{Gains, Projection, Table};
use crate::model::decoder::{DecoderError, KvCache};
use crate::model::kernels::{self, Isa, NormForm, PackedMatrix};

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

/// A batch on its way through the layers; rows are row-major values.
pub struct Fused<'a> {
    isa: Isa,
    work: &'a mut Workspace,
    batch: &'a Batch,
    forest: &'a Forest,
    cache: &'a mut KvCache,
    /// Cosines and sines of each rotary embedding.
    angles: Vec<(Rotary, Vec<f32>, Vec<f32>)>,
}

impl<'a> Fused<'a> {
    pub fn new(
        isa: Isa,
        work: &'a mut Workspace,
        architecture: &Architecture,
        (batch, forest): (&'a Batch, &'a Forest),
        cache: &'a mut KvCache,
    ) -> Self {
        let mut known: Vec<(Rotary, Vec<f32>, Vec<f32>)> = Vec::new();
        for rotary in architecture.layers.iter().filter_map(|layer| layer.attention.rotary) {
            if known.iter().all(|(other, ..)| *other != rotary) {
                let (cosines, sines) = angles(&rotary, &batch.positions);
                known.push((rotary, cosines, sines));
            }
        }
        Self { isa, work, batch, forest, cache, angles: known }
    }

    /// `scale * tokens[id] + positions[position]`; the tokens' table may be the packed output projection.
    pub fn embed(&mut self, embeddings: &Embeddings, scale: f32, head: &Projection) -> Result<Vec<f32>, DecoderError> {
        let hidden = match (&embeddings.tokens, head) {
            (Table::Fused { width, .. }, _) => *width,
            (_, Projection::Packed(packed)) => packed.inputs(),
            _ => return Err(unpacked()),
        };
        let mut x = self.work.take(self.batch.tokens.len() * hidden);
        let batch = self.batch;
        each_row(&mut x, hidden, hidden * VALUE_COST, |row, values| {
            let id = batch.tokens.get(row).map_or(0, |id| *id as usize);
            match (&embeddings.tokens, head) {
                (Table::Fused { values: table, .. }, _) => table.copy_to(id * hidden, values),
                (_, Projection::Packed(packed)) => packed.copy_row(id, values),
                _ => {}
            }
            for value in values.iter_mut() {
                *value *= scale;
            }
            if let Some(Table::Fused { values: table, width }) = &embeddings.positions {
                let mut learned = vec![0.0; hidden];
                table.copy_to(batch.positions.get(row).map_or(0, |position| position * width), &mut learned);
                values.iter_mut().zip(&learned).for_each(|(value, learned)| *value += learned);
            }
        });
        Ok(x)
    }
}

impl Operations for Fused<'_> {
    type Rows = Vec<f32>;

    fn projected(
        &mut self,
        x: &Self::Rows,
        norm: Option<&Gains>,
        projection: &Projection,
    ) -> Result<Self::Rows, DecoderError> {
        let (isa, weights, norm) = (self.isa, packed(projection)?, norm.map(form).transpose()?);
        let width = weights.inputs();
        Ok(self.work.product(isa, weights, x.len() / width.max(1), |row, values| {
            values.copy_from_slice(part(x, row, width));
            if let Some(norm) = norm {
                kernels::normalize(isa, values, norm);
            }
        }))
    }

    fn positioned(
        &mut self,
        mut qkv: Self::Rows,
        attention: &Attention,
        norms: Option<&(Gains, Gains)>,
    ) -> Result<Self::Rows, DecoderError> {
        let angles = attention.rotary.and_then(|rotary| self.angles.iter().find(|(known, ..)| *known == rotary));
        let norms = norms.map(|(query, key)| Ok::<_, DecoderError>((form(query)?, form(key)?))).transpose()?;
        if norms.is_none() && angles.is_none() {
            return Ok(qkv);
        }
        debug_assert!(norms.is_none() || !matches!(attention.norm, QueryKeyNorm::None));
        let (isa, heads, head_dim) = (self.isa, attention.heads + attention.kv_heads, attention.head_dim);
        let (queries, keys) = (attention.heads * head_dim, attention.kv_heads * head_dim);
        let width = queries + 2 * keys;
        each_row(&mut qkv, width, (queries + keys) * VALUE_COST, |row, values| {
            let (query, rest) = values.split_at_mut(queries);
            if let Some((of_queries, of_keys)) = norms {
                kernels::normalize(isa, query, of_queries);
                kernels::normalize(isa, rest.get_mut(..keys).unwrap_or_default(), of_keys);
            }
            if let Some((rotary, cosines, sines)) = angles {
                let half = rotary.dims / 2;
                let angles = (part(cosines, row, half), part(sines, row, half));
                kernels::rotate(isa, values, width, heads, head_dim, angles);
            }
        });
        Ok(qkv)
    }

    fn attention(&mut self, qkv: Self::Rows, layer: usize, attention: &Attention) -> Result<Self::Rows, DecoderError> {
        let mut y = self.work.take(self.batch.tokens.len() * attention.heads * attention.head_dim);
        self.cache.store(layer, self.forest, self.batch, &qkv);
        let spans = self.cache.spans(self.forest, self.batch);
        let (keys, shape) = self.cache.layer(layer).ok_or(DecoderError::IncompleteForest)?;
        kernels::attend(self.isa, shape, &qkv, &spans, keys, &mut y);
        self.work.give(qkv);
        Ok(y)
    }

    fn picked(&mut self, x: Self::Rows, rows: &[usize]) -> Result<Self::Rows, DecoderError> {
        let width = x.len() / self.batch.tokens.len().max(1);
        let mut y = self.work.take(rows.len() * width);
        for (values, row) in y.chunks_exact_mut(width.max(1)).zip(rows) {
            values.copy_from_slice(part(&x, *row, width));
        }
        self.work.give(x);
        Ok(y)
    }

    fn residual(&mut self, mut x: Self::Rows, branch: Branch<'_, Self::Rows>) -> Result<Self::Rows, DecoderError> {
        let (isa, weights) = (self.isa, packed(branch.projection)?);
        let norm = branch.norm.map(form).transpose()?;
        let (inner, width, y) = (weights.inputs(), weights.outputs(), branch.y);
        let gated = branch.feed_forward.is_some_and(|shape| shape.gate.is_some());
        let rows = y.len() / if gated { 2 * inner } else { inner }.max(1);
        let mut product = self.work.product(isa, weights, rows, |row, values| match branch.feed_forward {
            None => values.copy_from_slice(part(&y, row, inner)),
            Some(shape) if gated => {
                kernels::activate_gated(isa, shape.activation, part(&y, row, 2 * inner), values);
            }
            Some(shape) => {
                values.copy_from_slice(part(&y, row, inner));
                kernels::activate(isa, shape.activation, values);
            }
        });
        self.work.give(y);
        if let Some(norm) = norm {
            each_row(&mut product, width, width * VALUE_COST, |_, values| kernels::normalize(isa, values, norm));
        }
        each_row(&mut x, width, width * VALUE_COST / 2, |row, values| {
            values.iter_mut().zip(part(&product, row, width)).for_each(|(x, y)| *x += y);
        });
        self.work.give(product);
        Ok(x)
    }
}

/// A row of a matrix.
fn part(x: &[f32], row: usize, width: usize) -> &[f32] {
    x.get(row * width..(row + 1) * width).unwrap_or_default()
}

fn packed(projection: &Projection) -> Result<&PackedMatrix, DecoderError> {
    match projection {
        Projection::Packed(packed) => Ok(packed),
        Projection::Stored(_) => Err(unpacked()),
    }
}

fn form(gains: &Gains) -> Result<NormForm<'_>, DecoderError> {
    match gains {
        Gains::Fused { weight, bias, epsilon } => Ok(NormForm { weight, bias: bias.as_deref(), epsilon: *epsilon }),
        Gains::Stored { .. } => Err(unpacked()),
    }
}

fn unpacked() -> DecoderError {
    candle_core::Error::Msg("the fused path needs packed weights".to_owned()).into()
}
