//! Keys and values kept as tensors from batch to batch, and attention over them: inference on any device.

use std::collections::BTreeMap;

use candle_core::{D, DType, Tensor};

use super::plain::capped;
use crate::model::architecture::Attention;
use crate::model::decoder::DecoderError;
use crate::model::decoder::forest::{Append, Batch, Forest, RunId};
use crate::model::kernels::LANES;

/// Added to scores of positions that are not seen.
const UNSEEN: f32 = f32::NEG_INFINITY;

/// Positions that a run's tensors grow by, as blocks do by which memory is counted.
const GROWTH: usize = LANES;

/// For each layer, the keys and values of every run, `(kv_heads, capacity, head_dim)` each.
#[derive(Debug, Default)]
pub(in crate::model::decoder) struct KeptTensors {
    layers: Vec<BTreeMap<RunId, (Tensor, Tensor)>>,
}

impl KeptTensors {
    pub fn new(layers: usize) -> Self {
        Self { layers: (0..layers).map(|_| BTreeMap::new()).collect() }
    }

    /// Forgets a run.
    pub fn release(&mut self, run: RunId) {
        for runs in &mut self.layers {
            runs.remove(&run);
        }
    }

    /// Attention of every row over its path, `(rows, heads * head_dim)`; keeps the rows' keys and values.
    pub fn attention(
        &mut self,
        layer: usize,
        qkv: &Tensor,
        attention: &Attention,
        batch: &Batch,
        forest: &Forest,
    ) -> Result<Tensor, DecoderError> {
        let runs = self.layers.get_mut(layer).ok_or(DecoderError::IncompleteForest)?;
        let mut outputs = Vec::with_capacity(batch.appends.len());
        for append in &batch.appends {
            let rows = qkv.narrow(0, append.first_row, append.rows)?;
            let (heads, kv_heads, head_dim) = (attention.heads, attention.kv_heads, attention.head_dim);
            let part = |start: usize, count: usize| {
                let part =
                    rows.narrow(1, start * head_dim, count * head_dim)?.reshape((append.rows, count, head_dim))?;
                part.transpose(0, 1)?.contiguous()
            };
            let offset = append.start - forest.start(append.run);
            let pair = (part(heads, kv_heads)?, part(heads + kv_heads, kv_heads)?);
            keep(runs, append.run, offset, &pair)?;
            // `(kv_heads, heads_each * rows, head_dim)`.
            let queries = part(0, heads)?.reshape((kv_heads, heads / kv_heads * append.rows, head_dim))?;
            outputs.push(attended(runs, &queries, attention, append, forest)?);
        }
        Ok(Tensor::cat(&outputs, 0)?)
    }
}

/// Writes new positions after those that a run has.
fn keep(
    runs: &mut BTreeMap<RunId, (Tensor, Tensor)>,
    run: RunId,
    offset: usize,
    (keys, values): &(Tensor, Tensor),
) -> Result<(), DecoderError> {
    let (kv_heads, rows, head_dim) = keys.dims3()?;
    let capacity = runs.get(&run).map_or(Ok(0), |(keys, _)| keys.dim(1))?;
    if capacity < offset + rows {
        let grown = (offset + rows).next_multiple_of(GROWTH);
        let room = |new: &Tensor, old: Option<&Tensor>| {
            let room = Tensor::zeros((kv_heads, grown, head_dim), new.dtype(), new.device())?;
            if let Some(old) = old.filter(|_| offset > 0) {
                room.slice_set(&old.narrow(1, 0, offset)?.contiguous()?, 1, 0)?;
            }
            candle_core::Result::Ok(room)
        };
        let old = runs.get(&run);
        let pair = (room(keys, old.map(|(keys, _)| keys))?, room(values, old.map(|(_, values)| values))?);
        runs.insert(run, pair);
    }
    if let Some((all_keys, all_values)) = runs.get(&run) {
        all_keys.slice_set(keys, 1, offset)?;
        all_values.slice_set(values, 1, offset)?;
    }
    Ok(())
}

/// The rows of one append over their path, `(rows, heads * head_dim)`.
fn attended(
    runs: &BTreeMap<RunId, (Tensor, Tensor)>,
    queries: &Tensor,
    attention: &Attention,
    append: &Append,
    forest: &Forest,
) -> Result<Tensor, DecoderError> {
    let end = append.start + append.rows;
    // The first position that the first row sees.
    let lowest = attention.window.map_or(0, |window| (append.start + 1).saturating_sub(window));
    let (mut scores, mut values) = (Vec::new(), Vec::new());
    let mut first = None;
    for run in forest.path(append.run) {
        let start = forest.start(run).max(lowest);
        let stop = (forest.start(run) + forest.length(run)).min(end);
        if start >= stop {
            continue;
        }
        first.get_or_insert(start);
        let (keys, of_run) = runs.get(&run).ok_or(DecoderError::IncompleteForest)?;
        let seen = |tensor: &Tensor| tensor.narrow(1, start - forest.start(run), stop - start);
        scores.push(queries.matmul(&seen(keys)?.t()?)?);
        values.push((seen(of_run)?.contiguous()?, stop - start));
    }
    let scores = (Tensor::cat(&scores, D::Minus1)?.to_dtype(DType::F32)? * f64::from(attention.scale))?;
    let scores = match attention.soft_cap {
        Some(cap) => capped(&scores, cap)?,
        None => scores,
    };
    let scores = match mask(attention, append, first.unwrap_or(0), scores.dim(D::Minus1)?) {
        Some(mask) => {
            let (kv_heads, _, columns) = scores.dims3()?;
            let each = attention.heads / attention.kv_heads;
            let mask = Tensor::from_vec(mask, (append.rows, columns), scores.device())?;
            let shape = (kv_heads * each, append.rows, columns);
            scores.reshape(shape)?.broadcast_add(&mask)?.reshape((kv_heads, each * append.rows, columns))?
        }
        None => scores,
    };
    let relative = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
    let weights = relative.broadcast_div(&relative.sum_keepdim(D::Minus1)?)?.to_dtype(queries.dtype())?;
    let mut column = 0;
    let mut sum: Option<Tensor> = None;
    for (values, length) in &values {
        let part = weights.narrow(2, column, *length)?.contiguous()?.matmul(values)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
        column += length;
    }
    let sum = sum.ok_or(DecoderError::IncompleteForest)?;
    let heads = sum.reshape((attention.heads, append.rows, attention.head_dim))?;
    Ok(heads.transpose(0, 1)?.reshape((append.rows, attention.heads * attention.head_dim))?)
}

/// `(rows, columns)`: 0 where a row sees the position `first + column`; `None` where every row sees every column.
fn mask(attention: &Attention, append: &Append, first: usize, columns: usize) -> Option<Vec<f32>> {
    if append.rows == 1 {
        return None;
    }
    let mut mask = vec![0.0; append.rows * columns];
    for (row, line) in mask.chunks_exact_mut(columns).enumerate() {
        let position = append.start + row;
        for (column, cell) in line.iter_mut().enumerate() {
            let seen = first + column;
            if seen > position || attention.window.is_some_and(|window| position - seen >= window) {
                *cell = UNSEEN;
            }
        }
    }
    Some(mask)
}
