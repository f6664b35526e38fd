//! The one row that stands for a checkpoint on a task.

use crate::analyze::Analysis;
use crate::analyze::analysis::{CheckpointAnalysis, MetricAnalysis, TaskAnalysis};
use crate::sensitivity::Measure;

/// A checkpoint on a task, by the task's first metric.
#[derive(Clone, Copy)]
pub(super) struct HeadlineRow<'a> {
    pub checkpoint: &'a CheckpointAnalysis,
    pub task: &'a TaskAnalysis,
    pub metric: &'a MetricAnalysis,
}

impl<'a> HeadlineRow<'a> {
    /// The worst variant over all perturbations: its number and its name.
    pub fn worst(&self) -> Option<(f64, String)> {
        let worst = self.metric.together.as_ref()?.worst.as_ref()?;
        let variant = &worst.variant;
        let row =
            self.metric.perturbations.iter().find(|row| row.worst.as_ref().is_some_and(|own| own.variant == *variant));
        let name = row.map_or_else(|| variant.perturbation.clone(), |row| row.name.clone());
        let several = row.is_some_and(|row| row.sensitivity.variants.len() > 2);
        let name = if several { format!("{name} #{}", variant.draw) } else { name };
        Some((worst.credit.point()?, name))
    }

    /// Spread over all wordings.
    pub fn spread(&self) -> Option<&'a Measure> {
        self.metric.together.as_ref().map(|row| &row.sensitivity.spread)
    }

    /// Share of perturbed wordings that change an instance's credit.
    pub fn flip_rate(&self) -> Option<&'a Measure> {
        self.metric.together.as_ref().map(|row| &row.sensitivity.flip_rate_mean)
    }

    /// Metric, with its filter where the task has several.
    pub fn metric_name(&self) -> String {
        metric_name(self.task, self.metric)
    }
}

/// A metric's name, with its filter where the task has several.
pub(super) fn metric_name(task: &TaskAnalysis, metric: &MetricAnalysis) -> String {
    let several = task.metrics.iter().any(|other| other.filter != metric.filter);
    if several { format!("{} ({})", metric.metric, metric.filter) } else { metric.metric.clone() }
}

/// One row a checkpoint and task, in the analysis' order.
pub(super) fn headline(analysis: &Analysis) -> Vec<HeadlineRow<'_>> {
    let checkpoints = analysis.checkpoints.iter();
    checkpoints
        .flat_map(|checkpoint| {
            checkpoint
                .tasks
                .iter()
                .filter_map(move |task| Some(HeadlineRow { checkpoint, task, metric: task.primary()? }))
        })
        .collect()
}

/// `λp 0.4, λr 0.6`, with the name that the literature gives to the point.
pub(super) fn weighting_text(checkpoint: &CheckpointAnalysis) -> String {
    match checkpoint.checkpoint.weighting {
        Some(weighting) => {
            let point = format!("λp {}, λr {}", weighting.prompt(), weighting.response());
            weighting.name().map_or(point.clone(), |name| format!("{point} ({name})"))
        }
        None => "weighting not known".to_owned(),
    }
}
