//! From the last layer's output to log-probabilities of targets, and back.
//!
//! Only rows with a target get logits, a tile of rows at a time. The logits of a small batch are kept for the backward
//! pass, those of a large one are computed again, tile by tile.

// Rows of targets are checked against the batch where it enters; inside, indices are products of sizes.
#![allow(clippy::indexing_slicing)]

use rayon::prelude::*;

use super::buffers::Buffers;
use super::layer::Pass;
use super::math::{exp, fold_sum, tanh};
use super::norm;
use super::simd::vectorised;
use super::structure::Structure;

/// Logits that exist at one time, about.
const TILE_VALUES: usize = 1 << 21;

/// Rows of a tile at least, so that the projection's weights are not read too often.
const TILE_ROWS: usize = 64;

/// Logits that are kept for the backward pass at most.
const KEPT_VALUES: usize = 1 << 23;

/// Lanes of a sum over a row.
const LANES: usize = super::LANES;

/// A token whose log-probability is asked of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The row of the batch.
    pub row: usize,
    /// The token.
    pub token: usize,
}

/// What the backward pass needs.
#[derive(Debug, Default)]
pub struct Kept {
    /// Rows with a target, ascending.
    rows: Vec<usize>,
    /// For each target, which of them is its own.
    places: Vec<usize>,
    /// The values of the rows, and their norms' statistics.
    x: Vec<f32>,
    statistics: Vec<f32>,
    /// Norms' results.
    normed: Vec<f32>,
    /// Log-sum-exp of each row's logits.
    log_sums: Vec<f32>,
    /// All logits, or none.
    logits: Vec<f32>,
}

impl Kept {
    /// Returns all buffers.
    pub fn give(self, buffers: &mut Buffers) {
        let all = [self.x, self.statistics, self.normed, self.log_sums, self.logits];
        for buffer in all {
            buffers.give(buffer);
        }
    }
}

/// How the rows of targets are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// Rows whose logits are computed together.
    rows: usize,
    /// Whether logits are kept for the backward pass.
    keep: bool,
}

impl Tiling {
    /// Of a vocabulary and some targets. Logits are kept, where they may be, if they are few.
    pub fn new(vocabulary: usize, targets: usize, keep: bool) -> Self {
        let rows = (TILE_VALUES / vocabulary.max(1)).max(TILE_ROWS);
        Self { rows, keep: keep && targets.saturating_mul(vocabulary) <= KEPT_VALUES }
    }
}

/// The log-probabilities of targets, whose rows ascend.
pub fn forward(
    structure: &Structure,
    pass: Pass<'_>,
    hidden: &[f32],
    asked: &[Asked],
    tiling: Tiling,
    buffers: &mut Buffers,
) -> (Kept, Vec<f32>) {
    let (width, vocabulary) = (structure.hidden, structure.vocabulary);
    let mut kept = Kept::default();
    for target in asked {
        if kept.rows.last() != Some(&target.row) {
            kept.rows.push(target.row);
        }
        kept.places.push(kept.rows.len() - 1);
    }
    let count = kept.rows.len();
    kept.x = buffers.take(count * width);
    for (x, row) in kept.x.chunks_exact_mut(width).zip(&kept.rows) {
        x.copy_from_slice(&hidden[row * width..(row + 1) * width]);
    }
    let form = structure.final_norm.form(pass.bound);
    kept.statistics = buffers.take(form.statistics(count));
    kept.normed = buffers.take(count * width);
    norm::forward(form, &kept.x, &mut kept.normed, &mut kept.statistics, pass.lanes);
    kept.log_sums = buffers.take(count);
    let mut logits = buffers.take(vocabulary * if tiling.keep { count } else { tiling.rows.min(count) });
    let mut log_probs = Vec::with_capacity(asked.len());
    for first in (0..count).step_by(tiling.rows) {
        let rows = tiling.rows.min(count - first);
        let start = if tiling.keep { first * vocabulary } else { 0 };
        let tile = &mut logits[start..start + rows * vocabulary];
        let x = &kept.normed[first * width..(first + rows) * width];
        let log_sums = &mut kept.log_sums[first..first + rows];
        structure.head.forward(pass.bound, x, tile, false, buffers, pass.lanes);
        summarize(tile, vocabulary, structure.soft_cap, log_sums, pass.lanes);
        for (target, place) in asked.iter().zip(&kept.places).skip(log_probs.len()) {
            if *place >= first + rows {
                break;
            }
            let logit = tile[(place - first) * vocabulary + target.token];
            log_probs.push(logit - kept.log_sums[*place]);
        }
    }
    if tiling.keep {
        kept.logits = logits;
    } else {
        buffers.give(logits);
    }
    (kept, log_probs)
}

/// The gradient of `hidden` from those of the log-probabilities (`slopes`), adding the weights' to `gradients`.
///
/// With `c` the sum of a row's slopes: `d logit_j = sum of slopes of targets j - c softmax_j`.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    structure: &Structure,
    pass: Pass<'_>,
    mut kept: Kept,
    asked: &[Asked],
    tiling: Tiling,
    slopes: &[f32],
    gradients: &mut [Vec<f32>],
    buffers: &mut Buffers,
) -> Vec<f32> {
    let (width, vocabulary, bound, lanes) = (structure.hidden, structure.vocabulary, pass.bound, pass.lanes);
    let count = kept.rows.len();
    let recompute = !tiling.keep;
    let mut spare = buffers.take(if recompute { tiling.rows.min(count) * vocabulary } else { 0 });
    let mut d_normed = buffers.take(count * width);
    let mut targets = asked.iter().zip(&kept.places).zip(slopes).peekable();
    for first in (0..count).step_by(tiling.rows) {
        let rows = tiling.rows.min(count - first);
        let x = &kept.normed[first * width..(first + rows) * width];
        let tile = if recompute {
            let tile = &mut spare[..rows * vocabulary];
            structure.head.forward(bound, x, tile, false, buffers, lanes);
            summarize(tile, vocabulary, structure.soft_cap, &mut kept.log_sums[first..first + rows], lanes);
            tile
        } else {
            &mut kept.logits[first * vocabulary..(first + rows) * vocabulary]
        };
        let mut of_tile = Vec::new();
        let mut sums = vec![0.0_f32; rows];
        while let Some(((target, place), slope)) = targets.next_if(|((_, place), _)| **place < first + rows) {
            let at = (place - first) * vocabulary + target.token;
            let bend = structure.soft_cap.map_or(1.0, |cap| 1.0 - (tile[at] / cap) * (tile[at] / cap));
            of_tile.push((at, slope * bend));
            sums[place - first] += slope;
        }
        let log_sums = &kept.log_sums[first..first + rows];
        softmax_gradients(tile, vocabulary, structure.soft_cap, log_sums, &sums, lanes);
        for (at, slope) in of_tile {
            tile[at] += slope;
        }
        structure.head.backward_weights(bound, x, tile, gradients, buffers, lanes);
        let d = &mut d_normed[first * width..(first + rows) * width];
        structure.head.backward_input(bound, tile, d, false, buffers, lanes);
    }
    buffers.give(spare);
    let mut dx = buffers.zeros(count * width);
    structure.final_norm.backward(bound, &kept.x, &kept.statistics, &d_normed, &mut dx, gradients, lanes);
    let mut d_hidden = buffers.zeros(pass.rows() * width);
    for (dx, row) in dx.chunks_exact(width).zip(&kept.rows) {
        d_hidden[row * width..(row + 1) * width].copy_from_slice(dx);
    }
    buffers.give(dx);
    buffers.give(d_normed);
    kept.give(buffers);
    d_hidden
}

/// Caps logits and gives each row's log-sum-exp.
fn summarize(logits: &mut [f32], vocabulary: usize, soft_cap: Option<f32>, log_sums: &mut [f32], lanes: usize) {
    if lanes == 1 {
        summarize_rows(logits, vocabulary, soft_cap, log_sums);
    } else {
        let rows = logits.par_chunks_mut(vocabulary).zip(log_sums.par_chunks_mut(1));
        rows.for_each(|(logits, log_sums)| summarize_rows(logits, vocabulary, soft_cap, log_sums));
    }
}

vectorised! {
    fn summarize_rows(logits: &mut [f32], vocabulary: usize, soft_cap: Option<f32>, log_sums: &mut [f32]) {
        for (row, log_sum) in logits.chunks_exact_mut(vocabulary).zip(log_sums) {
            if let Some(cap) = soft_cap {
                for logit in row.iter_mut() {
                    *logit = cap * tanh(*logit / cap);
                }
            }
            let (chunks, rest) = row.as_chunks::<LANES>();
            let mut largest = [f32::NEG_INFINITY; LANES];
            for chunk in chunks {
                for lane in 0..LANES {
                    largest[lane] = if chunk[lane] > largest[lane] { chunk[lane] } else { largest[lane] };
                }
            }
            for (lane, logit) in rest.iter().enumerate() {
                largest[lane] = if *logit > largest[lane] { *logit } else { largest[lane] };
            }
            let max = largest.iter().fold(f32::NEG_INFINITY, |max, lane| if *lane > max { *lane } else { max });
            let mut lanes = [0.0; LANES];
            for chunk in chunks {
                for lane in 0..LANES {
                    lanes[lane] += exp(chunk[lane] - max);
                }
            }
            for (lane, logit) in rest.iter().enumerate() {
                lanes[lane] += exp(*logit - max);
            }
            *log_sum = max + fold_sum(&lanes).ln();
        }
    }
}

/// `logit = -sum * softmax * (1 - (logit / cap)^2)`, in place.
fn softmax_gradients(
    logits: &mut [f32],
    vocabulary: usize,
    soft_cap: Option<f32>,
    log_sums: &[f32],
    sums: &[f32],
    lanes: usize,
) {
    if lanes == 1 {
        softmax_rows(logits, vocabulary, soft_cap, log_sums, sums);
    } else {
        let rows = logits.par_chunks_mut(vocabulary).zip(log_sums.par_chunks(1)).zip(sums.par_chunks(1));
        rows.for_each(|((logits, log_sums), sums)| softmax_rows(logits, vocabulary, soft_cap, log_sums, sums));
    }
}

vectorised! {
    fn softmax_rows(logits: &mut [f32], vocabulary: usize, soft_cap: Option<f32>, log_sums: &[f32], sums: &[f32]) {
        for ((row, log_sum), sum) in logits.chunks_exact_mut(vocabulary).zip(log_sums).zip(sums) {
            if let Some(cap) = soft_cap {
                let inverse = 1.0 / cap;
                for logit in row {
                    let bent = *logit * inverse;
                    *logit = -*sum * exp(*logit - *log_sum) * (1.0 - bent * bent);
                }
            } else {
                for logit in row {
                    *logit = -*sum * exp(*logit - *log_sum);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::binding::Bound;
    use super::super::checks::{agrees, numbers};
    use super::*;
    use crate::model::architecture::Architecture;
    use crate::train::parameters::{ModelParameters, Parameter, Parameters};

    const CONFIG: &str = r#"{"model_type": "gemma2", "hidden_size": 12, "intermediate_size": 8, "num_attention_heads": 1,
        "num_key_value_heads": 1, "head_dim": 12, "num_hidden_layers": 1, "vocab_size": 37, "max_position_embeddings": 64,
        "final_logit_softcapping": 2.0, "rms_norm_eps": 1e-5, "rope_theta": 10000.0}"#;

    #[test]
    fn gradients_agree_with_finite_differences_however_logits_are_tiled_and_kept() {
        let architecture = Architecture::from_config_json(CONFIG).unwrap();
        let structure = Structure::new(&architecture);
        let mut model = ModelParameters { base: Parameters::new(), adapter: None };
        for view in architecture.tensors() {
            let values = numbers(view.shape.iter().product(), 7, 1.5);
            model.base.insert(view.names[0].clone(), Parameter { shape: view.shape.clone(), values });
        }
        let bound = Bound::new(&structure.slots, &model).unwrap();
        let positions = (0..9).collect::<Vec<_>>();
        let pass = Pass { bound: &bound, starts: &[0, 9], positions: &positions, angles: &[], lanes: 1 };
        // Two targets of one row, rows without any.
        let places = [(0, 3), (2, 5), (2, 36), (2, 5), (3, 0), (4, 1), (7, 9), (8, 8)];
        let asked = places.map(|(row, token)| Asked { row, token });
        let hidden = numbers(9 * 12, 1, 2.0);
        let slopes = numbers(asked.len(), 2, 2.0);
        let run = |tiling| {
            let buffers = &mut Buffers::default();
            let mut gradients = bound.gradient_lengths().map(|length| vec![0.0; length]).collect::<Vec<_>>();
            let (kept, _) = forward(&structure, pass, &hidden, &asked, tiling, buffers);
            let d = backward(&structure, pass, kept, &asked, tiling, &slopes, &mut gradients, buffers);
            (d, gradients[structure.tokens].clone())
        };
        let whole = Tiling { rows: 64, keep: true };
        let (d, of_head) = run(whole);
        agrees("head", &hidden, &d, &slopes, |x| {
            forward(&structure, pass, x, &asked, whole, &mut Buffers::default()).1
        });
        for tiling in [Tiling { rows: 2, keep: true }, Tiling { rows: 4, keep: false }, Tiling { rows: 9, keep: false }]
        {
            let (again, of_head_again) = run(tiling);
            for (a, b) in d.iter().zip(&again).chain(of_head.iter().zip(&of_head_again)) {
                assert!((a - b).abs() < 1e-5, "{tiling:?}: {a}, {b}");
            }
        }
        assert!(d[12..24].iter().all(|value| *value == 0.0), "a row without target");
    }
}
