//! The win rate at equal length (Dubois et al., arXiv 2404.04475).

mod design;
mod logistic;
mod selection;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests;

use crate::estimate::Estimate;
use crate::seed::Seed;
use crate::stats::cluster_bootstrap;

use super::summary::Comparison;
use design::Design;
pub use design::{DifficultyTable, GamedRow};
use logistic::{Vector, minimize};

/// Fewest comparisons with a preference: one a fold.
const MIN_SCORED: usize = selection::FOLDS;

/// Why there is no length-controlled win rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LengthControlError {
    /// Too few preferences for five folds.
    #[error("{scored} comparisons have a preference; the cross-validation needs at least {MIN_SCORED}")]
    TooFew {
        /// Comparisons with a preference.
        scored: usize,
    },
    /// All lengths differ by the same amount.
    #[error(
        "the length differences do not vary, so there is no length to control for; are both files the same model's?"
    )]
    NoVariation,
    /// The table of difficulties lacks an instruction.
    #[error(
        "the difficulty table has no row with index {position}; it belongs to AlpacaEval's 805 instructions: leave it out \
         for other ones, which gives the minimal form"
    )]
    UnknownInstruction {
        /// Place of the instruction in the benchmark.
        position: usize,
    },
    /// A table row that is no training row.
    #[error("difficulty table, row {row}: {message}; use the file as published")]
    Table {
        /// The row, from 1.
        row: usize,
        /// What is wrong.
        message: String,
    },
    /// A regression that did not converge.
    #[error("the regression did not converge on these preferences; report the win rate without length control")]
    NotConverged,
}

/// Which model was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthControlForm {
    /// With difficulties and gamed rows: what the leaderboard shows.
    Full,
    /// Without them, because they are not at hand.
    Minimal,
}

impl LengthControlForm {
    /// `AlpacaEval`'s name for the model.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "length_controlled_v1",
            Self::Minimal => "length_controlled_minimal",
        }
    }
}

/// How the interval is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthControlSettings {
    /// Seed of the resamples.
    pub seed: Seed,
    /// Number of resamples; 0 for no interval.
    pub draws: usize,
    /// Nominal coverage.
    pub level: f64,
}

impl LengthControlSettings {
    /// 1000 resamples at 95 %.
    pub fn new(seed: Seed) -> Self {
        Self { seed, draws: 1000, level: 0.95 }
    }
}

/// The fitted weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficients {
    /// Of `tanh(Δ/σ)`; negative where the judge prefers the longer answer.
    pub length: f64,
    /// Of the instruction's difficulty; `None` in the minimal form.
    pub difficulty: Option<f64>,
    /// Of the constant 1 that gamed rows lack: the log-odds at equal length and difficulty 0.
    pub not_gamed: f64,
}

/// A length-controlled win rate with what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct LengthControlled {
    /// Which model was fitted.
    pub form: LengthControlForm,
    /// Mean predicted win share at equal length, in `[0, 1]`, with the bootstrap's interval and standard error.
    pub win_rate: Estimate,
    /// Sample standard deviation of the predictions over √n: the leaderboard's `lc_standard_error`, in `[0, 1]`. It is
    /// the spread of difficulties and knows nothing of the preferences' sampling error; 0 in the minimal form, whose
    /// predictions are all equal.
    pub prediction_error: Option<f64>,
    /// The fitted weights.
    pub coefficients: Coefficients,
    /// `C`, the inverse of the penalty's strength, as chosen by cross-validation.
    pub inverse_penalty: f64,
    /// `σ`, the sample standard deviation of the length differences, in characters.
    pub length_difference_sd: f64,
    /// Comparisons that the model was fitted to.
    pub scored: usize,
    /// Whether the win rate moved further than `AlpacaEval` takes to be plausible: below `min(¾ wr, wr - 10)` or above
    /// `max(wr + (100 - wr)/4, wr + 10)`, in percent.
    pub extreme: bool,
}

/// The win rate that the model would have if its replies were as long as the baseline's.
///
/// # Formula
///
/// `LC = 1/n Σ_i s(β_d d_i + β_g)`, `s(z) = 1/(1 + e^-z)`, from the logistic regression `P(reply wins) = s(β_l
/// tanh(Δ_i/σ) + β_d d_i + β_g g_i)`. `Δ_i`: characters of the baseline's answer less those of the reply; `σ`: their
/// sample standard deviation (n - 1) over the comparisons; `d_i`: the instruction's difficulty; `g_i`: 1, and 0 in rows
/// of gamed baselines. Labels are the preferences less 1. In the full form the table's gamed rows join the training
/// data with weight 0.1. There is no intercept; the penalty is `||β||_1` against `C` times the weighted loss, `C` one
/// of 10 values from 1e-4 to 1e4 by 5-fold cross-validation. Without `table`, `d` and the gamed rows are left out.
///
/// Range `[0, 1]`, higher is better. Comparisons without a preference do not train, but count in `σ` and in the mean,
/// as in the reference. Source: the regression of the paper, and `length_controlled_v1` and `length_controlled_minimal`
/// of the `AlpacaEval` program.
///
/// # Interval
///
/// Percentile bootstrap over instructions: each draw takes instructions with all their rows, recomputes `σ`, chooses
/// `C` and fits again, and averages over the drawn instructions. It does not depend on the number of threads. To keep
/// the `C` of the whole data would be fifty times as fast and, with few instructions or few wins, far too narrow: in
/// simulations with 60 instructions a 95 % interval then held the truth in 70 % of all cases, and holds it in 93 % as
/// it is.
///
/// # Deviations
///
/// The reference stops liblinear at its default tolerance 1e-4; this fit is converged. Its folds depend on the
/// processor, because numpy's `argsort` is not stable everywhere; these are those of numpy 2 with AVX2. Its
/// `lc_standard_error` is kept as `prediction_error` and is not used as the standard error.
pub fn length_controlled(
    comparisons: &[Comparison],
    table: Option<&DifficultyTable>,
    settings: LengthControlSettings,
) -> Result<LengthControlled, LengthControlError> {
    let scored = comparisons.iter().filter(|comparison| comparison.preference.is_some()).count();
    if scored < MIN_SCORED {
        return Err(LengthControlError::TooFew { scored });
    }
    let design = Design::new(comparisons, table)?;
    let whole = design.resample(&vec![1; comparisons.len()]).ok_or(LengthControlError::NoVariation)?;
    let inverse_penalty = selection::choose_inverse_penalty(&whole.rows).ok_or(LengthControlError::NotConverged)?;
    let start = minimize(&whole.rows, inverse_penalty, [0.0; logistic::COLUMNS], logistic::EXACT)
        .ok_or(LengthControlError::NotConverged)?;
    let statistic = |counts: &[u32]| {
        if counts.iter().all(|count| *count == 1) {
            return Some(design.mean_prediction(&start, counts));
        }
        let sample = design.resample(counts)?;
        let inverse_penalty = selection::choose_inverse_penalty(&sample.rows)?;
        let point = minimize(&sample.rows, inverse_penalty, start, logistic::EXACT)?;
        Some(design.mean_prediction(&point, counts))
    };
    let n = comparisons.len();
    let estimate = cluster_bootstrap(n, n, statistic, settings.draws, settings.seed, settings.level);
    let win_rate = estimate.ok_or(LengthControlError::NotConverged)?;
    Ok(LengthControlled {
        form: if table.is_some() { LengthControlForm::Full } else { LengthControlForm::Minimal },
        win_rate,
        prediction_error: design.prediction_error(&start),
        coefficients: coefficients(&start, table.is_some()),
        inverse_penalty,
        length_difference_sd: whole.length_difference_sd,
        scored,
        extreme: is_extreme(raw_win_rate(comparisons, scored), win_rate.point),
    })
}

impl LengthControlled {
    /// The baseline compared with itself: one half by construction, without a fit and without uncertainty, as in the
    /// reference.
    pub fn of_the_baseline(comparisons: usize) -> Self {
        let win_rate =
            Estimate { point: 0.5, interval: None, standard_error: Some(0.0), n: comparisons, clusters: comparisons };
        Self {
            form: LengthControlForm::Minimal,
            win_rate,
            prediction_error: Some(0.0),
            coefficients: Coefficients { length: 0.0, difficulty: None, not_gamed: 0.0 },
            inverse_penalty: 0.0,
            length_difference_sd: 0.0,
            scored: comparisons,
            extreme: false,
        }
    }
}

fn coefficients(point: &Vector, full: bool) -> Coefficients {
    let [length, difficulty, not_gamed] = *point;
    Coefficients { length, difficulty: full.then_some(difficulty), not_gamed }
}

fn raw_win_rate(comparisons: &[Comparison], scored: usize) -> f64 {
    let shares = comparisons.iter().filter_map(|comparison| comparison.preference).map(super::Preference::share);
    shares.sum::<f64>() / scored as f64
}

/// Both in `[0, 1]`.
fn is_extreme(raw: f64, controlled: f64) -> bool {
    let too_small = controlled < (0.75 * raw).min(raw - 0.1);
    let too_large = controlled > (raw + (1.0 - raw) / 4.0).max(raw + 0.1);
    too_small || too_large
}
