//! What a report says, as one value: the content of `analysis.json`. `docs/report.md` describes every field.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::sensitivity::{Measure, PosixMode, Sensitivity, VariantPerformance};
use crate::store::{CheckpointEntry, RunSettings};
use crate::variant::VariantId;

pub use super::breakdown::{Breakdown, BreakdownRow};
pub use super::picture::{LikelihoodAnalysis, PublishedComparison, ScoresSource};
pub use super::weightings::results::{
    Arm, ArmKind, ArmMeasure, ArmResult, BenchmarkKind, BenchmarkWeightings, BestSet, Contrast, ContrastVerdict,
    Headline, NotComparable, SeedVariance, WeightingsAnalysis,
};

/// The format of `analysis.json`. Fields may be added under one name; a change of meaning gets a new name.
pub const SCHEMA: &str = "wit-eval/analysis/1";

/// Performance and sensitivity of the checkpoints of one or more runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// [`SCHEMA`].
    pub schema: String,
    /// Coverage of every interval, for example 0.95.
    pub level: f64,
    /// Which arithmetic POSIX uses.
    pub posix_mode: PosixMode,
    /// Where the numbers come from, in the order in which the runs were given.
    pub runs: Vec<RunProvenance>,
    /// What the caller wants every reader to know first: what a demonstration's model is too small to show, say.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What was found, in words, most important first.
    pub findings: Vec<Finding>,
    /// What each perturbation changes and keeps.
    pub perturbations: Vec<PerturbationNote>,
    /// What the loss weightings did; `None` where fewer than two checkpoints can be compared, or no weighting is known.
    #[serde(default)]
    pub weightings: Option<WeightingsAnalysis>,
    /// The checkpoints of all runs, in the order of the runs' manifests.
    pub checkpoints: Vec<CheckpointAnalysis>,
    /// How likely the checkpoints find prompts and responses, where that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likelihoods: Vec<LikelihoodAnalysis>,
    /// Where the numbers come from, where that is a table of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<ScoresSource>,
    /// Published figures beside these, where those were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedComparison>,
}

/// What identifies a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunProvenance {
    /// Name of the run.
    pub name: String,
    /// Digest of settings, checkpoints, tasks and questions.
    pub identity: Digest,
    /// Digest of the questions.
    pub plan: Digest,
    /// The program that asked, with its version.
    pub program: String,
    /// What was asked for.
    pub settings: RunSettings,
    /// Names and versions of the tasks.
    pub tasks: Vec<TaskVersion>,
    /// A command that asks the same questions; the folders are the reader's own.
    pub command: String,
}

/// A task as a run knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskVersion {
    /// Name.
    pub name: String,
    /// Version; scores of two versions are not comparable.
    pub version: String,
}

/// How much a reader should worry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A result.
    Result,
    /// A reason to trust a result less.
    Warning,
}

/// A statement in words that claims no more than the intervals allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Result or warning.
    pub severity: Severity,
    /// The statement.
    pub text: String,
}

/// What a perturbation is, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerturbationNote {
    /// Its name.
    pub name: String,
    /// What it changes.
    pub summary: String,
    /// What it keeps.
    pub keeps: String,
}

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointAnalysis {
    /// Unique in the analysis: the label, headed by the run's name where two runs share the label.
    pub id: String,
    /// Name of the run.
    pub run: String,
    /// The checkpoint as the run's manifest describes it; its weighting is here.
    pub checkpoint: CheckpointEntry,
    /// Its tasks, in the order of the manifest.
    pub tasks: Vec<TaskAnalysis>,
    /// Means over groups of tasks.
    pub groups: Vec<GroupAnalysis>,
}

/// One checkpoint on one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskAnalysis {
    /// Name of the task.
    pub task: String,
    /// Its name for people.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Expected accuracy of guessing: mean over instances of right choices / choices; `None` without choices.
    pub chance: Option<f64>,
    /// Instances that were asked.
    pub instances: usize,
    /// Prompts, of all wordings, that were cut on the left because the model's context is too short for them.
    #[serde(default)]
    pub cut_prompts: usize,
    /// Prompt sensitivity index over all wordings of an instance.
    pub posix: Posix,
    /// Every metric under every filter; the first stands for the task where there is room for one.
    pub metrics: Vec<MetricAnalysis>,
    /// What the number is made of: categories of instructions, turns, lengths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Breakdown>,
    /// Instances whose judgment changed most between wordings, by the first metric.
    pub flipped: Vec<FlippedInstance>,
}

impl TaskAnalysis {
    /// The metric that stands for the task.
    pub fn primary(&self) -> Option<&MetricAnalysis> {
        self.metrics.first()
    }
}

/// POSIX of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Posix {
    /// Mean over prompt sets, in nats a token.
    pub index: Measure,
    /// Prompt sets that were asked.
    pub sets: usize,
    /// Sets without an index, by reason.
    pub left_out: Vec<ReasonCount>,
    /// Empty replies, which contribute 0.
    pub empty_replies: usize,
}

/// One metric under one filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricAnalysis {
    /// Name of the metric.
    pub metric: String,
    /// Name of the filter pipeline.
    pub filter: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Performance on the original wording.
    pub original: Measure,
    /// One row a perturbation and strength, in the order of the run's settings.
    pub perturbations: Vec<PerturbationAnalysis>,
    /// All perturbations together; `None` where there is none.
    pub together: Option<PerturbationAnalysis>,
    /// Judgments that could not be made on the original wording, by reason.
    pub unscored: Vec<ReasonCount>,
}

/// The original wording against the variants of one perturbation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerturbationAnalysis {
    /// Name of the perturbation, with its strength where that is not the default: `typo`, `typo@heavy`.
    pub name: String,
    /// Variants of instances that were asked for.
    pub wanted: usize,
    /// Variants that could not be made, by reason.
    pub skipped: Vec<ReasonCount>,
    /// Judgments that could not be made, by reason.
    pub unscored: Vec<ReasonCount>,
    /// Performance over the variants; an instance's variants count together as one.
    pub performance: Measure,
    /// Variants minus original, paired on the instance; in the metric's own unit.
    pub change: Measure,
    /// The variant that changes the original most for the worse, by the paired change.
    pub worst: Option<VariantPerformance>,
    /// The variant that changes the original most for the better, or least for the worse.
    pub best: Option<VariantPerformance>,
    /// The indices of sensitivity.
    pub sensitivity: Sensitivity,
}

impl PerturbationAnalysis {
    /// Variants that could not be made.
    pub fn skipped(&self) -> usize {
        ReasonCount::total(&self.skipped)
    }

    /// Variants that could be made.
    pub fn made(&self) -> usize {
        self.wanted.saturating_sub(self.skipped())
    }
}

/// How often something happened for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The reason.
    pub reason: String,
    /// How often.
    pub count: usize,
}

impl ReasonCount {
    /// How often, whatever the reason.
    pub fn total(counts: &[Self]) -> usize {
        counts.iter().map(|entry| entry.count).sum()
    }
}

/// A mean over a group's tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupAnalysis {
    /// Name of the group.
    pub group: String,
    /// Its name for people.
    pub title: String,
    /// Name of the metric.
    pub metric: String,
    /// Name of the filter pipeline.
    pub filter: String,
    /// Whether tasks count by size.
    pub weight_by_size: bool,
    /// Tasks that went in.
    pub tasks: Vec<String>,
    /// Tasks of the group that were asked but have no such metric and filter.
    pub left_out: Vec<String>,
    /// Performance on the original wordings.
    pub original: Measure,
    /// Performance over all perturbed wordings.
    pub perturbed: Measure,
}

/// An instance whose judgment depends on the wording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlippedInstance {
    /// Identifier of the instance.
    pub instance: String,
    /// Variants whose credit differs from the original's.
    pub flipped: usize,
    /// Variants that were judged.
    pub variants: usize,
    /// What a good answer to the original is.
    pub expected: String,
    /// The original wording.
    pub original: Exchange,
    /// The variant that is shown: the one whose credit is furthest from the original's.
    pub variant: Exchange,
}

/// One prompt with what came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Which wording.
    pub variant: VariantId,
    /// The prompt as people read it, shortened.
    pub prompt: String,
    /// The reply, shortened; empty where log-probabilities were asked.
    pub reply: String,
    /// Log-probabilities of the continuations, where those were asked.
    pub choices: Vec<ChoiceLogProb>,
    /// What was taken as the answer.
    pub answer: String,
    /// The metric's value.
    pub credit: f64,
    /// Why.
    pub explanation: String,
}

/// A continuation with its log-probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChoiceLogProb {
    /// The continuation.
    pub text: String,
    /// Sum of its tokens' log-probabilities, in nats.
    pub sum_nats: f64,
    /// Whether it is a right answer.
    pub is_gold: bool,
}
