//! Why two runs are not compared.

use std::fmt::Write as _;

use thiserror::Error;

use crate::analyze::RunInputs;

use super::TaskDifference;

/// Differences that a message names one by one.
const NAMED: usize = 6;

/// Why two runs are not compared: each names what differs, both values, and what to do.
#[derive(Debug, Error)]
pub enum PairError {
    /// A label that the run does not have.
    #[error("run {run} has no checkpoint `{label}` ({flag}); its checkpoints: {labels}")]
    UnknownCheckpoint {
        /// The run.
        run: String,
        /// The flag that named it.
        flag: &'static str,
        /// The label.
        label: String,
        /// The labels that there are.
        labels: String,
    },
    /// Several checkpoints could be meant.
    #[error(
        "it is not clear which checkpoints to compare: run {baseline} has {baseline_labels}; run {candidate} has \
         {candidate_labels}; name them with --baseline_checkpoint LABEL and --candidate_checkpoint LABEL"
    )]
    AmbiguousCheckpoint {
        /// The baseline's run.
        baseline: String,
        /// Its labels.
        baseline_labels: String,
        /// The candidate's run.
        candidate: String,
        /// Its labels.
        candidate_labels: String,
    },
    /// A score answers no question of the plan.
    #[error(
        "run {run}: the score of {task}, instance {instance}, variant {variant} answers no question of the plan; the \
         files are of different runs: score again"
    )]
    StrayScore {
        /// The run.
        run: String,
        /// The task that the score names.
        task: String,
        /// The instance that the score names.
        instance: String,
        /// The variant that the score names.
        variant: String,
    },
    /// Two records for one thing.
    #[error(
        "run {run}: {what} is on record twice; the files were changed outside this program: restore them, or run again"
    )]
    Duplicate {
        /// The run.
        run: String,
        /// What is there twice.
        what: String,
    },
    /// Questions without a score.
    #[error(
        "run {run}: {missing} of {asked} questions of task {task} have no score for checkpoint {checkpoint}: the run is \
         not finished; repeat the command that began it, or `wit-eval score` its folder"
    )]
    Unfinished {
        /// The run.
        run: String,
        /// The checkpoint.
        checkpoint: String,
        /// The first task that lacks scores.
        task: String,
        /// Questions without a score.
        missing: usize,
        /// Questions.
        asked: usize,
    },
    /// Tasks that are defined in another way, or judged by another judge.
    #[error("the runs measure in different ways: {differences}; --allow_other_version compares them all the same")]
    OtherVersion {
        /// All of them, with both values.
        differences: String,
    },
    /// Other questions.
    #[error(
        "the runs asked different questions: {differences}{settings}; --allow_other_data compares the questions that both \
         have and leaves out the others"
    )]
    OtherData {
        /// By task.
        differences: String,
        /// The settings that differ, with both values; empty where none does.
        settings: String,
    },
    /// Nothing that both runs asked.
    #[error(
        "the runs have no question in common: {baseline} asked {baseline_tasks}; {candidate} asked {candidate_tasks}{why}"
    )]
    NothingInCommon {
        /// The baseline's run.
        baseline: String,
        /// Its tasks.
        baseline_tasks: String,
        /// The candidate's run.
        candidate: String,
        /// Its tasks.
        candidate_tasks: String,
        /// What keeps tasks of one name apart; empty where no name is shared.
        why: String,
    },
    /// The manifest could not be hashed.
    #[error("the manifest of run {run} has no digest: {source}")]
    Identity {
        /// The run.
        run: String,
        /// What the encoder said.
        source: serde_json::Error,
    },
}

impl PairError {
    /// Whether there is nothing to compare, rather than something in the way: exit code 3.
    pub fn is_nothing_in_common(&self) -> bool {
        matches!(self, Self::NothingInCommon { .. })
    }

    pub(super) fn nothing_in_common(runs: &[&RunInputs<'_>; 2]) -> Self {
        let tasks = |run: &RunInputs<'_>| {
            let names = run.manifest.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>();
            listed(&names)
        };
        let [a, b] = runs;
        let shared = a.manifest.tasks.iter().any(|task| b.manifest.tasks.iter().any(|other| other.name == task.name));
        let settings = if shared { settings_words(runs) } else { String::new() };
        Self::NothingInCommon {
            baseline: a.name.to_owned(),
            baseline_tasks: tasks(a),
            candidate: b.name.to_owned(),
            candidate_tasks: tasks(b),
            why: settings,
        }
    }

    pub(super) fn other_data(runs: &[&RunInputs<'_>; 2], differences: &[TaskDifference]) -> Self {
        let words = differences.iter().map(difference_words).collect::<Vec<_>>();
        Self::OtherData {
            differences: listed(&words.iter().map(String::as_str).collect::<Vec<_>>()),
            settings: settings_words(runs),
        }
    }
}

/// Names, the first of them where they are many.
pub(super) fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join("; ");
    let more = names.len().saturating_sub(NAMED);
    match (names.is_empty(), more) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => shown,
        (false, _) => format!("{shown}; and {more} more"),
    }
}

/// `task mmlu: 3 instances ask something else (the first is mmlu/7), 5 are only in the baseline`.
pub(super) fn difference_words(difference: &TaskDifference) -> String {
    let mut parts = Vec::new();
    let instances = |count: usize| if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") };
    if difference.other_instances > 0 {
        let first = difference.first_other.as_deref().unwrap_or_default();
        let verb = if difference.other_instances == 1 { "differs" } else { "differ" };
        parts.push(format!(
            "{} {verb} in question, expectation or cluster (the first is {first})",
            instances(difference.other_instances)
        ));
    }
    if difference.only_baseline > 0 {
        parts.push(format!("{} only in the baseline", instances(difference.only_baseline)));
    }
    if difference.only_candidate > 0 {
        parts.push(format!("{} only in the candidate", instances(difference.only_candidate)));
    }
    if difference.wordings > 0 {
        parts.push(format!("{} other perturbed wordings or prompt sets of equal instances", difference.wordings));
    }
    format!("task {}: {}", difference.task, parts.join(", "))
}

/// The settings that differ, with both values; empty where none does.
fn settings_words(runs: &[&RunInputs<'_>; 2]) -> String {
    let [a, b] = runs.map(|run| serde_json::to_value(&run.manifest.settings).unwrap_or_default());
    let mut out = String::new();
    let empty = serde_json::Map::new();
    let (left, right) = (a.as_object().unwrap_or(&empty), b.as_object().unwrap_or(&empty));
    let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
    for key in keys.filter(|key| *key != "likelihood" && left.get(*key) != right.get(*key)) {
        let value = |side: Option<&serde_json::Value>| {
            side.map_or_else(|| "none".to_owned(), |value| shown(&value.to_string()))
        };
        let head = if out.is_empty() { "; settings that differ: " } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(out, "{head}{key} (baseline {}, candidate {})", value(left.get(key)), value(right.get(key)));
    }
    out
}

/// A value as messages show it.
pub(super) fn shown(value: &str) -> String {
    crate::report::text::shortened(value, 120)
}
