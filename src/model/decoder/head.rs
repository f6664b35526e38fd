//! From hidden states to log-probabilities, only where they are asked.

use candle_core::{D, DType, Tensor};
use rayon::prelude::*;

use super::ops::{capped, normalized, plain_linear, select_rows, with_values};
use super::parameters::{Gains, Projection};
use super::{Decoder, DecoderError, Path};
use crate::model::kernels::{self, Isa, LANES, NormForm, PackedMatrix, PackedRows, TileSummary};

/// Panels of the vocabulary whose logits exist at one time, for each thread.
const TILE_PANELS: usize = 32;

/// Blocks of rows that share a tile.
const TILE_BLOCKS: usize = 16;

/// What is asked of one row.
#[derive(Debug, Clone, Default)]
pub struct RowQuery {
    /// Tokens whose log-probability is asked.
    pub targets: Vec<u32>,
    /// Whether all logits are asked.
    pub all_logits: bool,
}

/// What one row predicts.
#[derive(Debug, Clone, PartialEq)]
pub struct RowAnswer {
    /// Logarithm of the sum of exponentials of the logits, in nats. NaN where a logit is not finite.
    pub log_sum_exp: f64,
    /// The likeliest token; the lowest id of equals.
    pub argmax: u32,
    /// One log-probability a target, in nats.
    pub target_nats: Vec<f32>,
    /// All logits, where asked.
    pub logits: Option<Vec<f32>>,
}

impl RowAnswer {
    /// The log-probability of a logit of this row, in nats.
    #[allow(clippy::cast_possible_truncation)]
    pub fn nats(&self, logit: f32) -> f32 {
        (f64::from(logit) - self.log_sum_exp) as f32
    }
}

impl Decoder {
    /// Answers one query for each row of `hidden` (`rows * hidden` values, before the final norm).
    ///
    /// Logits exist a tile at a time. On the fused path, a row's answer does not depend on the other rows.
    pub fn answer(&self, mut hidden: Vec<f32>, queries: &[RowQuery]) -> Result<Vec<RowAnswer>, DecoderError> {
        let (Path::Fused(isa), Gains::Fused { weight, bias, epsilon }, Projection::Packed(packed)) =
            (self.path, &self.final_norm, &self.head)
        else {
            return self.answer_plain(hidden, queries);
        };
        if let Some(id) = queries.iter().flat_map(|q| &q.targets).find(|id| **id as usize >= packed.outputs()) {
            return Err(DecoderError::TokenOutsideVocabulary { id: *id, vocabulary: packed.outputs() });
        }
        kernels::normalize(isa, &mut hidden, NormForm { weight, bias: bias.as_deref(), epsilon: *epsilon });
        let x = PackedRows::new(&hidden, packed.inputs());
        let tiles = packed.panel_count().div_ceil(TILE_PANELS);
        let mut answers = Vec::with_capacity(queries.len());
        for first in (0..x.block_count()).step_by(TILE_BLOCKS) {
            let blocks = first..(first + TILE_BLOCKS).min(x.block_count());
            let rows = (first * kernels::ROWS)..(blocks.end * kernels::ROWS).min(queries.len());
            let queries = queries.get(rows).unwrap_or_default();
            let job = TileJob { isa, x: &x, blocks, packed, soft_cap: self.architecture.head.soft_cap, queries };
            let tiles = if rayon::current_num_threads() == 1 {
                (0..tiles).map(|tile| job.run(tile)).collect::<Vec<_>>()
            } else {
                (0..tiles).into_par_iter().map(|tile| job.run(tile)).collect()
            };
            let queries = queries.iter().enumerate();
            answers.extend(queries.map(|(row, query)| combined(row, query, &tiles)));
        }
        Ok(answers)
    }

    /// The values of some rows of a batch's hidden states.
    pub fn rows(&self, hidden: &Tensor, rows: &[usize]) -> Result<Vec<f32>, DecoderError> {
        let width = self.architecture.hidden;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        if self.path == Path::Plain {
            return Ok(select_rows(hidden, rows)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?);
        }
        with_values(hidden, |values| {
            let row = |row: &usize| values.get(row * width..(row + 1) * width).unwrap_or_default();
            rows.iter().flat_map(row).copied().collect()
        })
    }

    /// Differentiable log-probabilities, in nats: of `targets[i]` after row `rows[i]` of `hidden`, on the plain path.
    pub fn log_probs(&self, hidden: &Tensor, rows: &[u32], targets: &[u32]) -> Result<Tensor, DecoderError> {
        let index = Tensor::from_slice(rows, rows.len(), hidden.device())?;
        let x = normalized(&self.final_norm, &hidden.index_select(&index, 0)?)?;
        let mut logits = plain_linear(&self.head, &x)?;
        if let Some(cap) = self.architecture.head.soft_cap {
            logits = capped(&logits, cap)?;
        }
        let max = logits.max_keepdim(D::Minus1)?.detach();
        let relative = logits.broadcast_sub(&max)?;
        let log_sum = relative.exp()?.sum_keepdim(D::Minus1)?.log()?;
        let targets = Tensor::from_slice(targets, (targets.len(), 1), hidden.device())?;
        Ok((relative.gather(&targets, 1)? - log_sum)?.squeeze(1)?)
    }
}

struct TileJob<'a> {
    isa: Isa,
    x: &'a PackedRows,
    blocks: std::ops::Range<usize>,
    packed: &'a PackedMatrix,
    soft_cap: Option<f32>,
    queries: &'a [RowQuery],
}

/// What one tile of the vocabulary says about each row.
struct Tile {
    first: usize,
    rows: Vec<TileRow>,
}

struct TileRow {
    summary: TileSummary,
    targets: Vec<Option<f32>>,
    logits: Option<Vec<f32>>,
}

impl TileJob<'_> {
    fn run(&self, tile: usize) -> Tile {
        let panels = tile * TILE_PANELS..((tile + 1) * TILE_PANELS).min(self.packed.panel_count());
        let first = panels.start * LANES;
        let mut logits = kernels::linear_part(self.isa, self.x, self.blocks.clone(), self.packed, panels);
        if let Some(cap) = self.soft_cap {
            kernels::soft_cap(self.isa, &mut logits, cap);
        }
        let width = logits.len() / self.queries.len().max(1);
        let rows = logits.chunks_exact(width.max(1)).zip(self.queries).map(|(logits, query)| TileRow {
            summary: kernels::summarize(self.isa, logits),
            targets: query.targets.iter().map(|id| logits.get((*id as usize).wrapping_sub(first)).copied()).collect(),
            logits: query.all_logits.then(|| logits.to_vec()),
        });
        Tile { first, rows: rows.collect() }
    }
}

/// Puts a row's tiles together, in the order of the vocabulary.
fn combined(row: usize, query: &RowQuery, tiles: &[Tile]) -> RowAnswer {
    let rows = || tiles.iter().filter_map(|tile| tile.rows.get(row).map(|row| (tile.first, row)));
    let mut max = f32::NEG_INFINITY;
    let mut argmax = 0;
    for (first, TileRow { summary, .. }) in rows() {
        if summary.max > max || summary.max.is_nan() {
            max = summary.max;
            argmax = first + summary.argmax;
        }
        if max.is_nan() {
            break;
        }
    }
    let terms = rows().map(|(_, row)| f64::from(row.summary.sum) * f64::from(row.summary.max - max).exp());
    let log_sum_exp = f64::from(max) + terms.sum::<f64>().ln();
    let mut answer = RowAnswer {
        log_sum_exp,
        argmax: u32::try_from(argmax).unwrap_or(u32::MAX),
        target_nats: Vec::with_capacity(query.targets.len()),
        logits: None,
    };
    for target in 0..query.targets.len() {
        let logit = rows().find_map(|(_, row)| row.targets.get(target).copied().flatten());
        answer.target_nats.push(logit.map_or(f32::NAN, |logit| answer.nats(logit)));
    }
    if query.all_logits {
        answer.logits = Some(rows().filter_map(|(_, row)| row.logits.as_deref()).flatten().copied().collect());
    }
    answer
}
