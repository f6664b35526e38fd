//! What a comparison says, as one value: the content of `comparison.json`. `docs/compare.md` describes every field.

use serde::{Deserialize, Serialize};

use crate::analyze::analysis::{ContrastVerdict, Headline};
use crate::paired::{PairedSide, TaskDifference, TaskFlips};
use crate::sensitivity::{Measure, PosixMode};

/// The format of `comparison.json`. Fields may be added under one name; a change of meaning gets a new name.
pub const SCHEMA: &str = "wit-eval/comparison/1";

/// Two checkpoints on the same questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: String,
    /// Coverage of every interval, for example 0.95; `1 - level` is what adjusted p-values are held against.
    pub level: f64,
    /// The probability with which the smallest detectable differences are found.
    pub power: f64,
    /// Which arithmetic POSIX uses.
    pub posix_mode: PosixMode,
    /// What is compared with.
    pub baseline: PairedSide,
    /// What is compared. Differences are candidate minus baseline.
    pub candidate: PairedSide,
    /// What changed, in one sentence that claims no more than the intervals allow.
    pub summary: String,
    /// More of it, most important first.
    pub findings: Vec<String>,
    /// What readers must know before they conclude anything.
    pub notes: Vec<String>,
    /// Questions that are in one run only, or differ, and were left out.
    pub left_out: Vec<TaskDifference>,
    /// Means over tasks.
    pub means: Vec<ComparedMean>,
    /// One entry a task, metric and filter.
    pub tasks: Vec<ComparedTask>,
}

impl Comparison {
    /// The entries of the tasks' primary metrics.
    pub fn primary(&self) -> impl Iterator<Item = &ComparedTask> {
        self.tasks.iter().filter(|task| task.primary)
    }

    /// Whether anything could be compared.
    pub fn has_numbers(&self) -> bool {
        let mut measures = self.tasks.iter().flat_map(|task| task.measures.iter().chain(&task.perturbations));
        measures.any(|measure| measure.difference.point().is_some())
    }
}

/// One task by one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedTask {
    /// Name of the task.
    pub task: String,
    /// Its name for people.
    pub title: String,
    /// Name of the metric.
    pub metric: String,
    /// Name of the filter pipeline.
    pub filter: String,
    /// Whether this entry stands for the task.
    pub primary: bool,
    /// Whether more of the metric is better.
    pub higher_is_better: bool,
    /// What credits are counted in: `share`, `nats`, `bits`, `points`. Differences of nats are log-ratios of perplexities.
    pub unit: String,
    /// Performance on the original wording and the measures over all wordings.
    pub measures: Vec<ComparedMeasure>,
    /// Performance under each perturbation.
    pub perturbations: Vec<ComparedMeasure>,
    /// The items whose credit differs on the original wording; only for a task's primary metric, and only where it judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flips: Option<TaskFlips>,
}

impl ComparedTask {
    /// A measure over the original wording or over all wordings.
    pub fn measure(&self, measure: Headline) -> Option<&ComparedMeasure> {
        self.measures.iter().find(|entry| entry.measure == measure)
    }
}

/// A mean over tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedMean {
    /// Name of the group; `average` for the mean over all tasks.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Name of the metric; several, joined by commas, for a mean over different metrics.
    pub metric: String,
    /// Name of the filter pipeline; empty for a mean over different ones.
    pub filter: String,
    /// Whether tasks count by their number of instances; otherwise equally.
    pub weight_by_size: bool,
    /// The tasks.
    pub tasks: Vec<String>,
    /// Performance on the original wording and the measures over all wordings.
    pub measures: Vec<ComparedMeasure>,
}

/// How p-values answer for several comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Holm: one or more wrong calls among all with probability at most `1 - level`.
    Holm,
    /// Benjamini and Hochberg: of the calls, an expected share of at most `1 - level` is wrong. For exploration.
    BenjaminiHochberg,
}

impl Correction {
    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Holm => "Holm",
            Self::BenjaminiHochberg => "Benjamini-Hochberg",
        }
    }

    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holm => "holm",
            Self::BenjaminiHochberg => "benjamini_hochberg",
        }
    }
}

/// One number of both checkpoints, paired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedMeasure {
    /// What is measured.
    pub measure: Headline,
    /// The perturbation whose wordings it is about; `None` for the original wording or, where the measure is over
    /// wordings, for all of them.
    pub perturbation: Option<String>,
    /// Whether more is better.
    pub more_is_better: bool,
    /// The baseline, on the instances that both have.
    pub baseline: Measure,
    /// The candidate, on the same instances.
    pub candidate: Measure,
    /// Candidate minus baseline, paired on instances.
    pub difference: Measure,
    /// Two-sided p-value of "no difference".
    pub p_value: Option<f64>,
    /// The same, adjusted for `comparisons` tests.
    pub p_adjusted: Option<f64>,
    /// How it was adjusted.
    pub correction: Correction,
    /// Tests of the same kind that it was adjusted for.
    pub comparisons: usize,
    /// The smallest true difference that a single test at `1 - level` finds with the probability `power`; `None` where the
    /// data do not say.
    pub minimum_detectable_effect: Option<f64>,
    /// Instances (prompt sets, for POSIX) with a better number in the candidate.
    pub gained: usize,
    /// Instances with a worse number in the candidate.
    pub lost: usize,
    /// Instances for which only one run has a number.
    pub unpaired: usize,
    /// Tasks that went in.
    pub tasks: usize,
    /// What may be said.
    pub verdict: ContrastVerdict,
}

impl ComparedMeasure {
    /// The verdict in words: `better`, `worse`, `less sensitive`, `more sensitive`, `not told apart`.
    pub fn words(&self) -> &'static str {
        match (self.verdict, self.measure.is_sensitivity()) {
            (ContrastVerdict::Better, false) => "better",
            (ContrastVerdict::Better, true) => "less sensitive",
            (ContrastVerdict::Worse, false) => "worse",
            (ContrastVerdict::Worse, true) => "more sensitive",
            (ContrastVerdict::NotToldApart, _) => "not told apart",
            (ContrastVerdict::Unknown, _) => "not known",
        }
    }
}
