//! How much a model's credit moves when only the wording of a question moves: one index a file.
//!
//! All indices read a [`CreditMatrix`]: rows are instances, columns are variants, column 0 is the original. Formulas,
//! ranges, edges and sources stand with each index and together in `docs/sensitivity.md`. Cells may be missing (a
//! variant that does not apply to an item, a response that could not be scored): indices over items use the cells an
//! item has, indices over variants pair each variant with the original *of the same items*.

mod cluster_sums;
mod consistency;
mod drop_rate;
mod extremes;
mod flip_rate;
mod matrix;
mod means;
mod posix;
mod pss;
mod resampled;
mod spread;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::float_cmp)]
mod tests;
mod variance;

use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;
use crate::seed::Seed;
use crate::stats::DEFAULT_DRAWS;
use crate::variant::VariantId;

use resampled::Resampled;

pub(crate) use flip_rate::is_flip;
pub use matrix::{CreditMatrix, MatrixError, MatrixRow};
pub use posix::{
    PosixContrast, PosixError, PosixMode, PosixNormalization, PromptSetSensitivity, posix_index,
    prompt_set_sensitivity, prompt_set_sensitivity_with,
};

/// An index that was measured, or the reason why it is not defined for these data. Undefined is a state, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Measure {
    /// The index, with its uncertainty.
    Defined(Estimate),
    /// Why there is no number, for people.
    Undefined {
        /// The reason.
        reason: String,
    },
}

impl Measure {
    /// Undefined, with this reason.
    pub fn undefined(reason: impl Into<String>) -> Self {
        Self::Undefined { reason: reason.into() }
    }

    /// The estimate, where there is one.
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Defined(estimate) => Some(estimate),
            Self::Undefined { .. } => None,
        }
    }

    /// The point estimate, where there is one.
    pub fn point(&self) -> Option<f64> {
        self.estimate().map(|estimate| estimate.point)
    }

    /// Why there is none.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Defined(_) => None,
            Self::Undefined { reason } => Some(reason),
        }
    }

    fn from_option(estimate: Option<Estimate>, reason: impl FnOnce() -> String) -> Self {
        estimate.map_or_else(|| Self::undefined(reason()), Self::Defined)
    }
}

/// One variant's performance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantPerformance {
    /// The variant.
    pub variant: VariantId,
    /// Mean credit over the items that have this variant.
    pub credit: Measure,
    /// Mean of (variant's credit - original's credit) over the items that have both; 0 for the original.
    pub change: Measure,
}

/// What an index says when it grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It is a performance: its direction is the metric's own.
    Performance,
    /// More means more sensitive.
    MoreSensitive,
    /// More means less sensitive.
    LessSensitive,
}

/// Names of the indices, in the order in which reports show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Index {
    /// Mean credit of the original.
    Original,
    /// Mean credit over all variants, original included.
    MeanOverVariants,
    /// Mean credit over the perturbed variants.
    PerturbedMean,
    /// Mean over items of the worst credit (HELM).
    WorstCase,
    /// Mean over items of the best credit (HELM).
    BestCase,
    /// Highest minus lowest variant (`FormatSpread`).
    Spread,
    /// Variance of the variants' means.
    BetweenVariantVariance,
    /// Standard deviation of the variants' means.
    BetweenVariantSd,
    /// Mean over items of the variance over variants.
    WithinItemVariance,
    /// Mean over items of the standard deviation over variants.
    WithinItemSd,
    /// (original - perturbed) / original (`PromptRobust`).
    PerformanceDropRate,
    /// Share of agreeing pairs of answers (SCORE).
    Consistency,
    /// Share of items that any variant flips.
    FlipRateAny,
    /// Share of items that a mean variant flips.
    FlipRateMean,
    /// Share of items whose answer any variant changes.
    AnswerFlipRateAny,
    /// Share of items whose answer a mean variant changes.
    AnswerFlipRateMean,
    /// Mean over items of the mean pairwise difference of credits (`ProSA`).
    Pss,
}

impl Index {
    /// The name that files use: `spread`, `flip_rate_any`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::MeanOverVariants => "mean_over_variants",
            Self::PerturbedMean => "perturbed_mean",
            Self::WorstCase => "worst_case",
            Self::BestCase => "best_case",
            Self::Spread => "spread",
            Self::BetweenVariantVariance => "between_variant_variance",
            Self::BetweenVariantSd => "between_variant_sd",
            Self::WithinItemVariance => "within_item_variance",
            Self::WithinItemSd => "within_item_sd",
            Self::PerformanceDropRate => "performance_drop_rate",
            Self::Consistency => "consistency",
            Self::FlipRateAny => "flip_rate_any",
            Self::FlipRateMean => "flip_rate_mean",
            Self::AnswerFlipRateAny => "answer_flip_rate_any",
            Self::AnswerFlipRateMean => "answer_flip_rate_mean",
            Self::Pss => "pss",
        }
    }

    /// One sentence for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Original => "Mean credit of the unperturbed prompts.",
            Self::MeanOverVariants => "Mean credit over all wordings, the original included.",
            Self::PerturbedMean => "Mean credit over the perturbed wordings only.",
            Self::WorstCase => "Mean over items of the worst credit that any wording got.",
            Self::BestCase => "Mean over items of the best credit that any wording got.",
            Self::Spread => "Best wording's mean credit minus the worst wording's (FormatSpread).",
            Self::BetweenVariantVariance => "Variance of mean credit from wording to wording.",
            Self::BetweenVariantSd => "Standard deviation of mean credit from wording to wording.",
            Self::WithinItemVariance => "Variance of one item's credit over its wordings, averaged over items.",
            Self::WithinItemSd => "Standard deviation of one item's credit over its wordings, averaged over items.",
            Self::PerformanceDropRate => "Share of the original credit that perturbation costs (PDR).",
            Self::Consistency => "Share of pairs of wordings that get the same answer (SCORE).",
            Self::FlipRateAny => "Share of items whose credit at least one perturbed wording changes.",
            Self::FlipRateMean => "Share of perturbed wordings that change an item's credit, averaged over items.",
            Self::AnswerFlipRateAny => "Share of items whose answer at least one perturbed wording changes.",
            Self::AnswerFlipRateMean => {
                "Share of perturbed wordings that change an item's answer, averaged over items."
            }
            Self::Pss => "Mean absolute difference of credit between two wordings of an item (ProSA's PSS).",
        }
    }

    /// What it says when it grows.
    pub fn direction(self) -> Direction {
        match self {
            Self::Original | Self::MeanOverVariants | Self::PerturbedMean | Self::WorstCase | Self::BestCase => {
                Direction::Performance
            }
            Self::Consistency => Direction::LessSensitive,
            _ => Direction::MoreSensitive,
        }
    }
}

/// All indices of one credit matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Items (rows), whether or not any index could use them.
    pub items: usize,
    /// Cells (item x variant, original included) that have no credit.
    pub missing_cells: usize,
    /// Performance of each variant, in column order, original first.
    pub variants: Vec<VariantPerformance>,
    /// [`Index::Original`].
    pub original: Measure,
    /// [`Index::MeanOverVariants`].
    pub mean_over_variants: Measure,
    /// [`Index::PerturbedMean`].
    pub perturbed_mean: Measure,
    /// [`Index::WorstCase`].
    pub worst_case: Measure,
    /// [`Index::BestCase`].
    pub best_case: Measure,
    /// [`Index::Spread`].
    pub spread: Measure,
    /// [`Index::BetweenVariantVariance`].
    pub between_variant_variance: Measure,
    /// [`Index::BetweenVariantSd`].
    pub between_variant_sd: Measure,
    /// [`Index::WithinItemVariance`].
    pub within_item_variance: Measure,
    /// [`Index::WithinItemSd`].
    pub within_item_sd: Measure,
    /// [`Index::PerformanceDropRate`].
    pub performance_drop_rate: Measure,
    /// [`Index::Consistency`].
    pub consistency: Measure,
    /// [`Index::FlipRateAny`].
    pub flip_rate_any: Measure,
    /// [`Index::FlipRateMean`].
    pub flip_rate_mean: Measure,
    /// [`Index::AnswerFlipRateAny`].
    pub answer_flip_rate_any: Measure,
    /// [`Index::AnswerFlipRateMean`].
    pub answer_flip_rate_mean: Measure,
    /// [`Index::Pss`].
    pub pss: Measure,
}

impl Sensitivity {
    /// Computes every index, with intervals at `level` (0.95, say). Bootstrap streams come from `seed`; the result is
    /// the same whatever the number of threads.
    pub fn of(matrix: &CreditMatrix, level: f64, seed: Seed) -> Self {
        Self::with_draws(matrix, level, seed, DEFAULT_DRAWS)
    }

    /// [`Sensitivity::of`] with another number of bootstrap draws.
    pub fn with_draws(matrix: &CreditMatrix, level: f64, seed: Seed, draws: usize) -> Self {
        let clusters = &matrix.clusters();
        let resampled = Resampled::of(matrix, clusters, level, seed, draws);
        Self {
            items: matrix.items().len(),
            missing_cells: matrix.missing_cells(),
            variants: means::by_variant(matrix, clusters, level),
            original: means::original(matrix, clusters, level),
            mean_over_variants: means::mean_over_variants(matrix, clusters, level),
            perturbed_mean: means::perturbed_mean(matrix, clusters, level),
            worst_case: extremes::worst_case(matrix, clusters, level),
            best_case: extremes::best_case(matrix, clusters, level),
            spread: resampled.spread,
            between_variant_variance: resampled.between_variant_variance,
            between_variant_sd: resampled.between_variant_sd,
            within_item_variance: variance::within_item_variance(matrix, clusters, level),
            within_item_sd: variance::within_item_sd(matrix, clusters, level),
            performance_drop_rate: resampled.performance_drop_rate,
            consistency: resampled.consistency,
            flip_rate_any: flip_rate::any(matrix, clusters, level),
            flip_rate_mean: flip_rate::mean(matrix, clusters, level),
            answer_flip_rate_any: flip_rate::answer_any(matrix, clusters, level),
            answer_flip_rate_mean: flip_rate::answer_mean(matrix, clusters, level),
            pss: pss::pss(matrix, clusters, level),
        }
    }

    /// The same where less credit is better (nats of a text): the highest credit is the worst case. [`Sensitivity::of`]
    /// takes the lowest for the worst. Signed and unsigned differences stay as they are.
    #[must_use]
    pub fn where_lower_is_better(self) -> Self {
        Self { worst_case: self.best_case, best_case: self.worst_case, ..self }
    }

    /// The indices with their names, in the order in which reports show them.
    pub fn indices(&self) -> [(Index, &Measure); 17] {
        [
            (Index::Original, &self.original),
            (Index::MeanOverVariants, &self.mean_over_variants),
            (Index::PerturbedMean, &self.perturbed_mean),
            (Index::WorstCase, &self.worst_case),
            (Index::BestCase, &self.best_case),
            (Index::Spread, &self.spread),
            (Index::BetweenVariantVariance, &self.between_variant_variance),
            (Index::BetweenVariantSd, &self.between_variant_sd),
            (Index::WithinItemVariance, &self.within_item_variance),
            (Index::WithinItemSd, &self.within_item_sd),
            (Index::PerformanceDropRate, &self.performance_drop_rate),
            (Index::Consistency, &self.consistency),
            (Index::FlipRateAny, &self.flip_rate_any),
            (Index::FlipRateMean, &self.flip_rate_mean),
            (Index::AnswerFlipRateAny, &self.answer_flip_rate_any),
            (Index::AnswerFlipRateMean, &self.answer_flip_rate_mean),
            (Index::Pss, &self.pss),
        ]
    }
}
