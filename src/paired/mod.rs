//! Two runs laid side by side, instance by instance: what `compare` and `gate` decide from.

use crate::analyze::analysis::Headline;

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
