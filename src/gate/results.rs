//! What a gate found: the content of `gate.json`. `docs/gate.md` describes every field.

use serde::{Deserialize, Serialize};

use super::checks::SubjectKind;
use super::policy::{FloorBy, Margin, Policy};
use super::verdict::{Conclusion, Verdict};
use crate::analyze::analysis::Headline;
use crate::estimate::Estimate;

/// The format of `gate.json`. Fields may be added under one name; a change of meaning gets a new name.
pub const SCHEMA: &str = "wit-eval/gate/1";

/// A run as the gate names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Side {
    /// Name of the run or of the saved baseline.
    pub run: String,
    /// Label of the checkpoint.
    pub checkpoint: String,
}

/// A gate's outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// [`SCHEMA`].
    pub schema: String,
    /// The verdict over all checks, and the exit code.
    pub conclusion: Conclusion,
    /// What the candidate is measured against.
    pub baseline: Side,
    /// What is judged.
    pub candidate: Side,
    /// Probability of one or more false alarms over all checks together.
    pub alpha: f64,
    /// Probability with which the smallest detectable drop is found.
    pub power: f64,
    /// Tests that can fail: the family over which p-values of drops, floors and ceilings are adjusted.
    pub tests: usize,
    /// The checks, by subject and measure.
    pub checks: Vec<CheckResult>,
    /// Required checks that could not be made.
    pub missing: Vec<String>,
    /// Checks that could not be made and were not required.
    pub left_out: Vec<String>,
    /// What else a reader must know.
    pub notes: Vec<String>,
    /// The policy that was applied.
    pub policy: Policy,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What it is about.
    pub kind: SubjectKind,
    /// Name of the task or group; `average`.
    pub subject: String,
    /// Its name for people.
    pub title: String,
    /// Name of the metric.
    pub metric: String,
    /// Name of the filter pipeline.
    pub filter: String,
    /// What is measured.
    pub measure: Headline,
    /// The perturbation whose wordings it is about, where it is about one.
    pub perturbation: Option<String>,
    /// Whether more is better.
    pub more_is_better: bool,
    /// What may be said.
    pub verdict: Verdict,
    /// Why, in numbers.
    pub reason: String,
    /// The baseline's mean over the paired rows. It has no interval of its own here: the difference has.
    pub baseline: f64,
    /// The candidate's mean over the paired rows. It has no interval of its own here: the difference has.
    pub candidate: f64,
    /// Candidate minus baseline, paired, with the interval of the two one-sided tests (level `1 - 2 alpha`).
    pub difference: Estimate,
    /// Instances that only one run has a number for.
    pub unpaired: usize,
    /// How much worse it may be, in the measure's own unit.
    pub margin: f64,
    /// The margin as the policy writes it.
    pub margin_rule: Margin,
    /// One-sided p-value of "the drop is at most the margin".
    pub p_regressed: Option<f64>,
    /// The same, adjusted by Holm over all tests that can fail.
    pub p_regressed_adjusted: Option<f64>,
    /// One-sided p-value of "the drop is at least the margin".
    pub p_not_worse: Option<f64>,
    /// One-sided p-value of "there is no gain".
    pub p_improved: Option<f64>,
    /// The same, adjusted by Holm over all checks.
    pub p_improved_adjusted: Option<f64>,
    /// Floors and ceilings.
    pub limits: Vec<LimitResult>,
    /// The smallest true drop that would be reported as regressed with the gate's power.
    pub smallest_detectable_drop: Option<f64>,
    /// Instances at which a true drop of twice the margin would be reported with probability 0.95.
    pub instances_for_twice_the_margin: Option<usize>,
    /// Whether the gate has no verdict without it.
    pub required: bool,
}

/// Whether a floor or a ceiling holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitState {
    /// It is shown to hold; by the point, where the policy asks for the point.
    Holds,
    /// It is shown to be violated.
    Violated,
    /// Neither is shown.
    Undecided,
}

/// One floor or ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LimitResult {
    /// Whether the candidate's number must not be below (else: not above).
    pub is_floor: bool,
    /// The limit.
    pub value: f64,
    /// How it is decided.
    pub by: FloorBy,
    /// One-sided p-value of "the number does not violate it"; `None` where the point decides.
    pub p_violated: Option<f64>,
    /// The same, adjusted by Holm over all tests that can fail.
    pub p_violated_adjusted: Option<f64>,
    /// One-sided p-value of "the number violates it"; `None` where the point decides.
    pub p_holds: Option<f64>,
    /// What may be said.
    pub state: LimitState,
}
