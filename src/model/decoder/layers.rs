//! The weights of one layer and of the embeddings.

use super::parameters::{Gains, Projection, Source, Table};
use super::{DecoderError, Path};
use crate::model::architecture::{Architecture, Layer, Linear, Norm, QueryKeyNorm};

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
}
