//! The numbers of a task, instance by instance, in both runs.

use crate::analyze::analysis::Headline;
use crate::analyze::{Cells, MetricSamples, TaskPlan, prompt_sets, row_name};
use crate::sensitivity::PosixMode;
use crate::stats::cluster_indices;
use crate::task::{MetricSpec, Task};

use super::records::Tables;
use super::{PairedColumn, PairedRow, PairedTask, Side};

/// A number and its weight, for each instance that has one.
type Numbers = Vec<Option<(f64, f64)>>;

/// One task in both runs.
pub(super) struct TaskColumns<'p, 'a, 's, 'r> {
    pub sides: &'p [Side<'s, 'r>; 2],
    /// The questions that both asked.
    pub plan: &'p TaskPlan<'a>,
    pub tables: &'p [Tables<'p, 'a>; 2],
    pub task: &'p Task,
    /// The candidate's definition.
    pub other: &'p Task,
    pub mode: PosixMode,
}

/// The names of instances (or prompt sets) and their clusters.
struct Rows<'a> {
    names: Vec<&'a str>,
    clusters: Vec<usize>,
}

impl Rows<'_> {
    /// A column from what both runs have on equal footing, and from all that either has.
    fn column(
        &self,
        measure: Headline,
        perturbation: Option<&str>,
        paired: [Numbers; 2],
        all: &[Numbers; 2],
    ) -> PairedColumn {
        let [baseline, candidate] = paired;
        let mut rows = Vec::new();
        let mut unpaired = 0;
        let places = self.names.iter().zip(&self.clusters).enumerate();
        for ((place, (name, cluster)), (own, other)) in places.zip(baseline.into_iter().zip(candidate)) {
            if let Some(((own, weight), (other, others_weight))) = own.zip(other) {
                rows.push(PairedRow {
                    instance: (*name).to_owned(),
                    cluster: *cluster,
                    weight: f64::midpoint(weight, others_weight),
                    baseline: own,
                    candidate: other,
                });
            } else {
                unpaired += usize::from(all.iter().any(|numbers| numbers.get(place).is_some_and(Option::is_some)));
            }
        }
        PairedColumn { measure, perturbation: perturbation.map(str::to_owned), rows, unpaired }
    }
}

/// One entry a metric and filter that both runs define in the same direction and with the same mean.
pub(super) fn task_columns(inputs: &TaskColumns<'_, '_, '_, '_>) -> Vec<PairedTask> {
    let mut entries = Vec::new();
    for spec in &inputs.task.metrics {
        let same = |other: &&MetricSpec| {
            other.metric == spec.metric
                && other.higher_is_better == spec.higher_is_better
                && other.aggregation == spec.aggregation
        };
        if inputs.other.metrics.iter().find(same).is_none() {
            continue;
        }
        for filter in &inputs.task.filters {
            if inputs.other.filters.iter().any(|other| other.name == filter.name) {
                entries.push(entry(inputs, spec, &filter.name, entries.is_empty()));
            }
        }
    }
    entries
}

fn entry(inputs: &TaskColumns<'_, '_, '_, '_>, spec: &MetricSpec, filter: &str, is_primary: bool) -> PairedTask {
    let plan = inputs.plan;
    let none = Cells::empty(plan);
    let all = [0, 1].map(|side: usize| {
        let table = inputs.tables.get(side);
        table.and_then(|table| table.cells(&inputs.task.name, spec.metric.as_str(), filter)).unwrap_or(&none)
    });
    let paired = on_equal_footing(all);
    let clusters = plan.instances.iter().map(|(_, cluster)| *cluster);
    let rows =
        Rows { names: plan.instances.iter().map(|(name, _)| *name).collect(), clusters: cluster_indices(clusters) };
    let samples = |cells: &Cells<'_, '_>| MetricSamples::of(spec, filter, cells).columns;
    let ([own, other], [all_own, all_other]) = (paired.each_ref().map(samples), all.map(samples));
    let mut columns = Vec::new();
    for (((measure, own), (_, other)), ((_, all_own), (_, all_other))) in
        own.into_iter().zip(other).zip(all_own.into_iter().zip(all_other))
    {
        columns.push(rows.column(measure, None, [own, other], &[all_own, all_other]));
    }
    columns.extend(is_primary.then(|| posix(inputs)).flatten());
    columns.sort_by_key(|column| column.measure);
    for name in perturbations(plan) {
        let places = none.columns(|variant| row_name(variant) == name);
        let numbers = |cells: &Cells<'_, '_>| cells.weighted_rows(spec, &places);
        let column = rows.column(Headline::Performance, Some(&name), paired.each_ref().map(numbers), &all.map(numbers));
        columns.push(column);
    }
    columns.retain(|column| !column.rows.is_empty() || column.unpaired > 0);
    PairedTask {
        task: inputs.task.name.clone(),
        title: inputs.task.title().to_owned(),
        metric: spec.metric.as_str().to_owned(),
        filter: filter.to_owned(),
        higher_is_better: spec.higher_is_better,
        is_share: spec.metric.is_share(),
        columns,
    }
}

/// Both tables without the cells that only one could be scored in: every number is over the same wordings in both runs.
fn on_equal_footing<'p, 'a>([own, other]: [&Cells<'p, 'a>; 2]) -> [Cells<'p, 'a>; 2] {
    let mut kept = [Cells::empty(own.plan), Cells::empty(own.plan)];
    for row in 0..own.plan.instances.len() {
        for column in 0..own.plan.variants.len() {
            if own.credit(row, column).is_some() && other.credit(row, column).is_some() {
                for (kept, all) in kept.iter_mut().zip([own, other]) {
                    if let Some(score) = all.score(row, column) {
                        kept.insert(row, column, score);
                    }
                }
            }
        }
    }
    kept
}

/// The names of the perturbations' rows, in the order of the run's settings.
fn perturbations(plan: &TaskPlan<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in plan.variants.iter().skip(1).map(row_name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// POSIX, prompt set by prompt set.
fn posix(inputs: &TaskColumns<'_, '_, '_, '_>) -> Option<PairedColumn> {
    let plan = inputs.plan;
    let numbers = inputs.sides.map(|side| {
        let sets = prompt_sets(side.run, &side.entry.label, &plan.prompt_sets, inputs.mode);
        sets.iter().map(|set| set.as_ref().ok().map(|set| (set.value_nats_per_token, 1.0))).collect::<Numbers>()
    });
    let clusters = plan.prompt_sets.iter().map(|record| record.cluster.as_str());
    let rows = Rows {
        names: plan.prompt_sets.iter().map(|record| record.instance.as_str()).collect(),
        clusters: cluster_indices(clusters),
    };
    let all = numbers.clone();
    (!plan.prompt_sets.is_empty()).then(|| rows.column(Headline::Posix, None, numbers, &all))
}
