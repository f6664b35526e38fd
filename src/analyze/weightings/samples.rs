//! What each checkpoint got, instance by instance: headline measures as columns of numbers whose mean is the measure.

use crate::analyze::cells::Cells;
use crate::analyze::inputs::TaskPlan;
use crate::sensitivity::{PromptSetSensitivity, is_flip};
use crate::stats::cluster_indices;
use crate::task::MetricSpec;
use crate::variant::VariantId;

use super::results::Headline;

/// A number and its weight for each instance of the plan (or prompt set, for POSIX) that has one.
pub(crate) type Column = Vec<Option<(f64, f64)>>;

/// One checkpoint on one task.
pub(in crate::analyze) struct TaskSamples {
    pub task: String,
    /// Cluster of each instance.
    pub clusters: Vec<usize>,
    /// Cluster of each prompt set.
    pub posix_clusters: Vec<usize>,
    pub posix: Column,
    pub metrics: Vec<MetricSamples>,
}

/// One metric under one filter.
pub(crate) struct MetricSamples {
    pub metric: String,
    pub filter: String,
    pub spec: MetricSpec,
    /// Performance, perturbed, worst case, spread, variance, flip rate.
    pub columns: [(Headline, Column); 6],
    /// Every credit: a column a wording, the original first.
    pub credits: Vec<(VariantId, Vec<Option<f64>>)>,
}

impl TaskSamples {
    /// A task without metrics yet.
    pub fn new(task: &str, plan: &TaskPlan<'_>, sets: &[Result<PromptSetSensitivity, String>]) -> Self {
        let value =
            |set: &Result<PromptSetSensitivity, String>| set.as_ref().ok().map(|set| (set.value_nats_per_token, 1.0));
        Self {
            task: task.to_owned(),
            clusters: cluster_indices(plan.instances.iter().map(|(_, cluster)| *cluster)),
            posix_clusters: cluster_indices(plan.prompt_sets.iter().map(|record| record.cluster.as_str())),
            posix: sets.iter().map(value).collect(),
            metrics: Vec::new(),
        }
    }

    /// The column of a headline measure with its clusters.
    pub fn column(&self, metric: &str, filter: &str, headline: Headline) -> Option<(&Column, &[usize])> {
        if headline == Headline::Posix {
            return Some((&self.posix, &self.posix_clusters));
        }
        let found = self.metric(metric, filter)?;
        let (_, column) = found.columns.iter().find(|(name, _)| *name == headline)?;
        Some((column, &self.clusters))
    }

    /// The samples of a metric.
    pub fn metric(&self, metric: &str, filter: &str) -> Option<&MetricSamples> {
        self.metrics.iter().find(|found| found.metric == metric && found.filter == filter)
    }
}

impl MetricSamples {
    /// Reads the columns off a table of scores.
    pub fn of(spec: &MetricSpec, filter: &str, cells: &Cells<'_, '_>) -> Self {
        let perturbed = cells.columns(|_| true);
        let per_row = |number: &dyn Fn(f64, &[f64]) -> Option<f64>| -> Column {
            let rows = 0..cells.plan.instances.len();
            rows.map(|row| {
                let others = perturbed.iter().filter_map(|column| cells.credit(row, *column)).collect::<Vec<_>>();
                number(cells.credit(row, 0)?, &others).map(|value| (value, 1.0))
            })
            .collect()
        };
        let worst = if spec.higher_is_better { f64::min } else { f64::max };
        let rows = 0..cells.plan.instances.len();
        let wording = |(column, variant): (usize, &VariantId)| {
            (variant.clone(), rows.clone().map(|row| cells.credit(row, column)).collect())
        };
        Self {
            credits: cells.plan.variants.iter().enumerate().map(wording).collect(),
            metric: spec.metric.as_str().to_owned(),
            filter: filter.to_owned(),
            spec: spec.clone(),
            columns: [
                (Headline::Performance, cells.weighted_rows(spec, &[0])),
                (Headline::Perturbed, cells.weighted_rows(spec, &perturbed)),
                (
                    Headline::WorstCase,
                    per_row(&|own, others| others.iter().copied().reduce(worst).map(|other| worst(own, other))),
                ),
                (Headline::Spread, spread(cells, &perturbed)),
                (Headline::Variance, per_row(&variance)),
                (
                    Headline::FlipRate,
                    per_row(&|own, others| {
                        let flips = others.iter().filter(|other| is_flip(own, **other)).count();
                        (!others.is_empty()).then(|| flips as f64 / others.len() as f64)
                    }),
                ),
            ],
        }
    }
}

/// Sample variance of an item's credits over its wordings.
fn variance(own: f64, others: &[f64]) -> Option<f64> {
    if others.is_empty() {
        return None;
    }
    let count = (others.len() + 1) as f64;
    let mean = own + others.iter().map(|other| other - own).sum::<f64>() / count;
    let squares = (own - mean).powi(2) + others.iter().map(|other| (other - mean).powi(2)).sum::<f64>();
    Some(squares / (count - 1.0))
}

/// The spread, linearised: with the best and the worst wording held fixed it is a mean over items of their difference, each
/// item counted where it has the wording. Wordings that win by chance make the true error smaller than that of a fixed
/// pair, so tests on these numbers are conservative.
fn spread(cells: &Cells<'_, '_>, perturbed: &[usize]) -> Column {
    let rows = cells.plan.instances.len();
    let own = (0..rows).map(|row| cells.credit(row, 0)).collect::<Vec<_>>();
    let change = |row: usize, column: usize| Some(cells.credit(row, column)? - own.get(row).copied().flatten()?);
    // Column, mean change, items; the original moves by nothing.
    let (mut best, mut worst) = ((0, 0.0, 1.0), (0, 0.0, 1.0));
    let mut any = false;
    for column in perturbed {
        let changes = (0..rows).filter_map(|row| change(row, *column)).collect::<Vec<_>>();
        if changes.is_empty() {
            continue;
        }
        any = true;
        let items = changes.len() as f64;
        let mean = changes.iter().sum::<f64>() / items;
        if mean > best.1 {
            best = (*column, mean, items);
        }
        if mean < worst.1 {
            worst = (*column, mean, items);
        }
    }
    let items = own.iter().flatten().count() as f64;
    let part = |row: usize, (column, _, with): (usize, f64, f64)| {
        if column == 0 { 0.0 } else { change(row, column).map_or(0.0, |change| change * items / with) }
    };
    let value = |row: usize| {
        own.get(row).copied().flatten()?;
        any.then(|| (part(row, best) - part(row, worst), 1.0))
    };
    (0..rows).map(value).collect()
}

#[cfg(test)]
impl TaskSamples {
    /// A task with numbers of its own for performance, one a cluster, and nothing else.
    pub fn of_performance(task: &str, values: &[f64]) -> Self {
        let column: Column = values.iter().map(|value| Some((*value, 1.0))).collect();
        let none = |headline| (headline, vec![None; values.len()]);
        let spec = MetricSpec::new(crate::task::Metric::Acc);
        Self {
            task: task.to_owned(),
            clusters: (0..values.len()).collect(),
            posix_clusters: Vec::new(),
            posix: Vec::new(),
            metrics: vec![MetricSamples {
                metric: "acc".to_owned(),
                filter: "none".to_owned(),
                spec,
                credits: vec![(VariantId::original(), values.iter().copied().map(Some).collect())],
                columns: [
                    (Headline::Performance, column),
                    none(Headline::Perturbed),
                    none(Headline::WorstCase),
                    none(Headline::Spread),
                    none(Headline::Variance),
                    none(Headline::FlipRate),
                ],
            }],
        }
    }
}
