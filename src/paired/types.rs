//! What lies side by side.

use serde::{Deserialize, Serialize};

use crate::analyze::analysis::{Exchange, Headline};
use crate::digest::Digest;
use crate::sensitivity::PosixMode;
use crate::store::CheckpointEntry;

/// A measure of one task, instance by instance, in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedColumn {
    /// What is measured, in credit units.
    pub measure: Headline,
    /// The perturbation whose wordings it is about (`typo`, `typo@heavy`); `None` for the original wording or, where the
    /// measure is over wordings, for all of them.
    pub perturbation: Option<String>,
    /// Instances (prompt sets, for POSIX) that both runs have a number for.
    pub rows: Vec<PairedRow>,
    /// Instances for which only one run has a number.
    pub unpaired: usize,
}

/// One instance in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedRow {
    /// Identifier of the instance.
    pub instance: String,
    /// Cluster, numbered from 0.
    pub cluster: usize,
    /// Weight in the task's mean (1 but for means weighted by length or count).
    pub weight: f64,
    /// The number in the baseline.
    pub baseline: f64,
    /// The number in the candidate.
    pub candidate: f64,
}

/// A task that both runs asked.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedTask {
    /// Name.
    pub task: String,
    /// Name for people.
    pub title: String,
    /// Name of the metric.
    pub metric: String,
    /// Name of the filter pipeline.
    pub filter: String,
    /// Whether more of the metric is better.
    pub higher_is_better: bool,
    /// Whether credits are shares in [0, 1].
    pub is_share: bool,
    /// The measures.
    pub columns: Vec<PairedColumn>,
}

impl PairedTask {
    /// The column of a measure over the original wording or over all wordings.
    pub fn column(&self, measure: Headline) -> Option<&PairedColumn> {
        self.columns.iter().find(|column| column.measure == measure && column.perturbation.is_none())
    }

    /// Whether more of a measure is better on this task.
    pub fn more_is_better(&self, measure: Headline) -> bool {
        !measure.is_sensitivity() && self.higher_is_better
    }
}

/// Tasks whose numbers are averaged: a group of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedGroup {
    /// Name of the group.
    pub group: String,
    /// Name for people.
    pub title: String,
    /// Name of the metric.
    pub metric: String,
    /// Name of the filter pipeline.
    pub filter: String,
    /// Whether tasks count by their number of instances; otherwise equally.
    pub weight_by_size: bool,
    /// Places in [`PairedRuns::tasks`].
    pub members: Vec<usize>,
}

/// Whose answers lie on one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedSide {
    /// Name of the run.
    pub run: String,
    /// Digest of the run's settings, checkpoints, tasks and questions.
    pub identity: Digest,
    /// The program that asked, with its version.
    pub program: String,
    /// The checkpoint.
    pub checkpoint: CheckpointEntry,
    /// Who judged what no program verifies, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_by: Option<String>,
}

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedRuns {
    /// What is compared with.
    pub baseline: PairedSide,
    /// What is compared.
    pub candidate: PairedSide,
    /// Which arithmetic POSIX uses, in both.
    pub posix_mode: PosixMode,
    /// One entry a task, metric and filter, in the order of the baseline's manifest: the first of a task's entries is its
    /// primary one, and the only one that has a POSIX column.
    pub tasks: Vec<PairedTask>,
    /// The groups of the baseline that have such tasks.
    pub groups: Vec<PairedGroup>,
    /// Questions that are in one run only, or differ, and were left out.
    pub left_out: Vec<TaskDifference>,
    /// What readers must know before they conclude anything: the same weights twice, what was left out, what was allowed.
    pub notes: Vec<String>,
}

impl PairedRuns {
    /// The primary entry of every task.
    pub fn primary(&self) -> impl Iterator<Item = &PairedTask> {
        let first = |place: &usize| self.is_primary(*place);
        (0..self.tasks.len()).filter(first).filter_map(|place| self.tasks.get(place))
    }

    /// Whether the entry at a place is its task's first.
    pub fn is_primary(&self, place: usize) -> bool {
        let task = self.tasks.get(place).map(|entry| entry.task.as_str());
        task.is_some() && !self.tasks.iter().take(place).any(|earlier| Some(earlier.task.as_str()) == task)
    }

    /// Whether any column has a row: two runs can share questions and yet no answer that both could be scored for.
    pub fn has_numbers(&self) -> bool {
        self.tasks.iter().flat_map(|task| &task.columns).any(|column| !column.rows.is_empty())
    }
}

/// How the questions of one task differ between the runs, in instances and, of instances that both have, wordings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDifference {
    /// Name of the task.
    pub task: String,
    /// Instances that both have, with another question, expectation or cluster.
    pub other_instances: usize,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_other: Option<String>,
    /// Instances that only the baseline has.
    pub only_baseline: usize,
    /// Instances that only the candidate has.
    pub only_candidate: usize,
    /// Wordings and prompt sets, of instances that are equal, that differ or that only one run has.
    pub wordings: usize,
}

impl TaskDifference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.other_instances + self.only_baseline + self.only_candidate + self.wordings == 0
    }
}

/// The items of a task, by its primary metric on the original wording, whose credit differs between the runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskFlips {
    /// Name of the task.
    pub task: String,
    /// Items whose credit is better in the candidate.
    pub gained: usize,
    /// Items whose credit is worse in the candidate.
    pub lost: usize,
    /// Items with the same credit in both.
    pub equal: usize,
    /// All that changed: losses first, the largest change first, then in plan order.
    pub items: Vec<FlippedItem>,
}

/// An item whose credit differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlippedItem {
    /// Identifier of the instance.
    pub instance: String,
    /// The credit in the baseline.
    pub baseline: f64,
    /// The credit in the candidate.
    pub candidate: f64,
    /// Whether the candidate's is the better one.
    pub gained: bool,
    /// What was asked and what both replied, for as many items as were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Box<ShownFlip>>,
}

/// An item with everything that was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownFlip {
    /// What a good answer is.
    pub expected: String,
    /// The prompt, the baseline's reply and what it was given for it.
    pub baseline: Exchange,
    /// The same prompt with the candidate's reply.
    pub candidate: Exchange,
}
