//! What the loss weightings did, as it stands in `analysis.json`.

use serde::{Deserialize, Serialize};

use crate::analyze::picture::{Ability, Picture, Series};
use crate::sensitivity::Measure;
use crate::weighting::Weighting;

/// The comparison of loss weightings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightingsAnalysis {
    /// Who is compared: base models, then weightings by λp and λr, then checkpoints of unknown weighting.
    pub arms: Vec<Arm>,
    /// One entry a benchmark; the mean over benchmarks comes first where there are several.
    pub benchmarks: Vec<BenchmarkWeightings>,
    /// Checkpoints that cannot be compared with the others.
    pub not_comparable: Vec<NotComparable>,
    /// The grids that the arms form, by number.
    #[serde(default)]
    pub series: Vec<Series>,
    /// What is drawn and said about them.
    #[serde(default)]
    pub picture: Picture,
}

impl WeightingsAnalysis {
    /// The arm with this identifier.
    pub fn arm(&self, id: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.id == id)
    }

    /// Whether all weightings share stage, base and training data, so that λp and λr name them.
    pub fn has_one_series(&self) -> bool {
        let mut tuned = self.arms.iter().filter(|arm| arm.kind == ArmKind::Weighting).map(|arm| arm.series);
        tuned.next().is_none_or(|first| tuned.all(|series| series == first))
    }
}

/// What an arm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArmKind {
    /// A model before instruction tuning.
    Base,
    /// Checkpoints tuned with one weighting.
    Weighting,
    /// A checkpoint whose weighting is not on record.
    Unknown,
}

/// Checkpoints with the same weighting, base, training data and stage: replicates that differ by their training seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Unique in the analysis: the weighting's label, with its series where several are compared; else the
    /// checkpoint's identifier.
    pub id: String,
    /// What it is.
    pub kind: ArmKind,
    /// The weights.
    pub weighting: Option<Weighting>,
    /// The model that it was tuned from, where known.
    pub base: Option<String>,
    /// `sft`, `dpo` or `base`, where known.
    pub stage: Option<String>,
    /// Arms of one series share stage, base and training data: a grid of weightings.
    pub series: usize,
    /// Identifiers of its checkpoints: as many seeds.
    pub checkpoints: Vec<String>,
    /// The arm that it is compared with: conventional (0,1) of the same series, else the base; `None` for that arm
    /// itself and where there is neither.
    pub reference: Option<String>,
    /// The untuned model's arm, where there is one.
    pub base_arm: Option<String>,
}

/// What a benchmark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenchmarkKind {
    /// The unweighted mean over the other benchmarks.
    Average,
    /// A group's mean over tasks.
    Group,
    /// A task.
    Task,
}

/// All arms on one benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkWeightings {
    /// Name of the task or group; `average`.
    pub benchmark: String,
    /// Its name for people.
    pub title: String,
    /// What it is.
    pub kind: BenchmarkKind,
    /// The ability that it asks for, where that is known.
    #[serde(default)]
    pub ability: Option<Ability>,
    /// The metric; several, joined by commas, for a mean over different metrics.
    pub metric: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Tasks that went in.
    pub tasks: Vec<String>,
    /// Benchmarks that a mean leaves out because their numbers are no shares.
    pub left_out: Vec<String>,
    /// One row an arm, in the order of the arms.
    pub rows: Vec<ArmResult>,
    /// The weightings that cannot be told from the best, by series and measure.
    pub best: Vec<BestSet>,
}

/// An arm on a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmResult {
    /// The arm.
    pub arm: String,
    /// One entry a headline measure, in the order of [`Headline::ALL`].
    pub measures: Vec<ArmMeasure>,
}

impl ArmResult {
    /// One of the measures.
    pub fn measure(&self, headline: Headline) -> Option<&ArmMeasure> {
        self.measures.iter().find(|entry| entry.measure == headline)
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Headline {
    /// The metric on the original wording.
    Performance,
    /// The metric over all perturbed wordings.
    Perturbed,
    /// Mean over items of the worst credit under any wording.
    WorstCase,
    /// Prompt sensitivity index, nats a token.
    Posix,
    /// `FormatSpread`'s spread over all wordings.
    Spread,
    /// Within-item variance over wordings.
    Variance,
    /// Mean flip rate.
    FlipRate,
}

impl Headline {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Performance,
        Self::Perturbed,
        Self::WorstCase,
        Self::Posix,
        Self::Spread,
        Self::Variance,
        Self::FlipRate,
    ];

    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Performance => "performance",
            Self::Perturbed => "perturbed",
            Self::WorstCase => "worst_case",
            Self::Posix => "posix",
            Self::Spread => "spread",
            Self::Variance => "variance",
            Self::FlipRate => "flip_rate",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Performance => "performance",
            Self::Perturbed => "perturbed",
            Self::WorstCase => "worst case",
            Self::Posix => "POSIX",
            Self::Spread => "spread",
            Self::Variance => "variance",
            Self::FlipRate => "flip rate",
        }
    }

    /// Whether it measures sensitivity: there, less is better whatever the metric.
    pub fn is_sensitivity(self) -> bool {
        !matches!(self, Self::Performance | Self::Perturbed | Self::WorstCase)
    }
}

/// Where the variance between training seeds in an interval comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedVariance {
    /// The arm has several seeds; pooled over the series' arms that have.
    Measured,
    /// The arm has one seed; the variance is that of the series' other arms.
    Borrowed,
    /// No arm of the series has several seeds: the interval speaks of this checkpoint, not of the weighting.
    NotMeasured,
    /// An untuned model: there is no training seed.
    None,
}

/// One number of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmMeasure {
    /// Which.
    pub measure: Headline,
    /// The mean over the arm's seeds.
    pub value: Measure,
    /// What its interval knows of training seeds.
    pub seed_variance: SeedVariance,
    /// The arm minus its reference, paired on instances.
    pub against_reference: Option<Contrast>,
    /// The arm minus its base, paired on instances.
    pub against_base: Option<Contrast>,
    /// `(arm - reference) / reference`, paired on instances; `None` where there is no reference or its number is not above 0.
    #[serde(default)]
    pub relative_gain: Option<Measure>,
}

/// What may be said about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContrastVerdict {
    /// Better, or less sensitive: the interval excludes 0 and the adjusted p-value is below 1 - level.
    Better,
    /// Worse, or more sensitive.
    Worse,
    /// Neither: the data do not tell the two apart. That is no evidence that they are equal.
    NotToldApart,
    /// There is no interval.
    Unknown,
}

impl ContrastVerdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NotToldApart => "cannot be told apart",
            Self::Unknown => "not known",
        }
    }
}

/// A paired difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// The arm compared with.
    pub with: String,
    /// Mean difference, in credit units (nats for perplexities).
    pub difference: Measure,
    /// Two-sided p-value of "no difference".
    pub p_value: Option<f64>,
    /// Holm's adjusted p-value over `comparisons`.
    pub p_adjusted: Option<f64>,
    /// Arms compared with the same arm in this measure on this benchmark.
    pub comparisons: usize,
    /// What may be said.
    pub verdict: ContrastVerdict,
}

/// The weightings that may be the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestSet {
    /// The series.
    pub series: usize,
    /// The measure.
    pub measure: Headline,
    /// The arm with the best point estimate.
    pub best: String,
    /// Arms that are not shown to be worse than another, the best one included: with the probability of the level the
    /// truly best arm is among them.
    pub not_worse: Vec<String>,
    /// Arms that were compared.
    pub arms: usize,
}

/// A checkpoint that stands aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotComparable {
    /// Its identifier.
    pub checkpoint: String,
    /// Why.
    pub reason: String,
}
