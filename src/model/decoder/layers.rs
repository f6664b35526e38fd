//! The weights of one layer and of the embeddings.

use candle_core::{DType, Device};

use super::parameters::{Gains, Projection, Source, Table};
use super::{DecoderError, Path};
use crate::model::architecture::{Architecture, Layer, Linear, Norm, QueryKeyNorm};
use crate::model::kernels::Values;

/// A layer's weights.
#[derive(Debug)]
pub(super) struct DecoderLayer {
    pub attention_norm: Option<Gains>,
    /// Queries, keys and values.
    pub qkv: Projection,
    pub query_key_norm: Option<(Gains, Gains)>,
    pub output: Projection,
    pub post_attention_norm: Option<Gains>,
    pub feed_forward_norm: Option<Gains>,
    /// Gate and up, or up alone.
    pub up: Projection,
    pub down: Projection,
    pub post_feed_forward_norm: Option<Gains>,
}

impl DecoderLayer {
    pub fn read(layer: &Layer, source: &mut Source<'_>) -> Result<Self, DecoderError> {
        let mut norm = |norm: &Option<Norm>| norm.as_ref().map(|norm| source.gains(norm)).transpose();
        let attention_norm = norm(&layer.attention_norm)?;
        let post_attention_norm = norm(&layer.post_attention_norm)?;
        let feed_forward_norm = norm(&layer.feed_forward_norm)?;
        let post_feed_forward_norm = norm(&layer.post_feed_forward_norm)?;
        let attention = &layer.attention;
        let query_key_norm = match &attention.norm {
            QueryKeyNorm::None => None,
            QueryKeyNorm::PerHead { query, key } | QueryKeyNorm::Whole { query, key } => {
                Some((source.gains(query)?, source.gains(key)?))
            }
        };
        let feed_forward = &layer.feed_forward;
        let up = feed_forward.gate.iter().chain([&feed_forward.up]).collect::<Vec<&Linear>>();
        Ok(Self {
            attention_norm,
            qkv: source.projection(&[&attention.query, &attention.key, &attention.value])?,
            query_key_norm,
            output: source.projection(&[&attention.output])?,
            post_attention_norm,
            feed_forward_norm,
            up: source.projection(&up)?,
            down: source.projection(&[&feed_forward.down])?,
            post_feed_forward_norm,
        })
    }
}

impl DecoderLayer {
    /// Bytes that the layer takes.
    pub fn bytes(&self) -> usize {
        let projections = [&self.qkv, &self.output, &self.up, &self.down].map(projection_bytes);
        let norms =
            [&self.attention_norm, &self.post_attention_norm, &self.feed_forward_norm, &self.post_feed_forward_norm];
        let norms = norms.into_iter().flatten().map(gains_bytes).sum::<usize>();
        let heads = self.query_key_norm.as_ref().map_or(0, |(query, key)| gains_bytes(query) + gains_bytes(key));
        projections.iter().sum::<usize>() + norms + heads
    }
}

/// Token and position tables.
#[derive(Debug)]
pub(super) struct Embeddings {
    pub tokens: Table,
    pub positions: Option<Table>,
}

impl Embeddings {
    /// The tables, and the output projection, which on the fused path holds a tied token table too.
    pub fn read(
        architecture: &Architecture,
        path: Path,
        source: &mut Source<'_>,
    ) -> Result<(Self, Projection), DecoderError> {
        let embedding = &architecture.embedding;
        let positions = embedding.positions.as_ref().map(|view| source.table(view)).transpose()?;
        let Some(head) = &architecture.head.projection else {
            let tied = Linear {
                inputs: architecture.hidden,
                outputs: architecture.vocabulary,
                weight: embedding.tokens.clone(),
                bias: None,
            };
            let head = source.projection(&[&tied])?;
            let tokens = match path {
                Path::Fused(_) => Table::Tied,
                Path::Plain => source.table(&embedding.tokens)?,
            };
            return Ok((Self { tokens, positions }, head));
        };
        let tokens = source.table(&embedding.tokens)?;
        Ok((Self { tokens, positions }, source.projection(&[head])?))
    }

    /// Bytes that the tables take; a table that is the output projection's counts there.
    pub fn bytes(&self) -> usize {
        [Some(&self.tokens), self.positions.as_ref()].into_iter().flatten().map(table_bytes).sum()
    }
}

/// The float type and the device of a stored table.
pub(super) fn table_kind(table: &Table) -> Result<(DType, Device), DecoderError> {
    let Table::Stored(stored) = table else {
        return Err(candle_core::Error::Msg("packed tables are on the CPU".to_owned()).into());
    };
    let table = stored.part()?;
    Ok((table.dtype(), table.device().clone()))
}

/// Bytes of packed weights; stored tensors belong to whoever gave them.
pub(super) fn projection_bytes(projection: &Projection) -> usize {
    if let Projection::Packed(packed) = projection { packed.bytes() } else { 0 }
}

/// The same of a norm.
pub(super) fn gains_bytes(gains: &Gains) -> usize {
    let Gains::Fused { weight, bias, .. } = gains else { return 0 };
    size_of_val(weight.as_slice()) + bias.as_deref().map_or(0, size_of_val)
}

fn table_bytes(table: &Table) -> usize {
    let Table::Fused { values, .. } = table else { return 0 };
    match values {
        Values::Single(values) => size_of_val(values.as_slice()),
        Values::Bfloat16(values) => size_of_val(values.as_slice()),
        Values::Float16(values) => size_of_val(values.as_slice()),
        Values::Quantized(rows) => (0..rows.rows()).map(|row| rows.row(row).len()).sum(),
    }
}
