//! One checkpoint on one task.

use std::collections::BTreeMap;

use crate::instance::Expectation;
use crate::record::{PlanRecord, Purpose};
use crate::request::Request;
use crate::response::Response;
use crate::scoring::{aggregate, aggregate_estimate};
use crate::seed::Seed;
use crate::sensitivity::{
    Measure, PosixMode, PromptSetSensitivity, Sensitivity, VariantPerformance, posix_index, prompt_set_sensitivity,
};
use crate::stats::{cluster_indices, paired_difference};
use crate::task::{Metric, MetricSpec, OutputType, Task};

use super::AnalyzeError;
use super::analysis::{Breakdown, MetricAnalysis, PerturbationAnalysis, Posix, TaskAnalysis};
use super::breakdown::Original;
use super::cells::{Cells, CellsKey, count_reasons};
use super::flips::flipped_instances;
use super::inputs::{AnalyzeOptions, RunInputs, TaskPlan, row_name};
use super::weightings::samples::{MetricSamples, TaskSamples};

/// What one task's analysis reads.
pub(super) struct TaskInputs<'p, 'a> {
    pub run: &'p RunInputs<'a>,
    pub options: &'p AnalyzeOptions,
    pub checkpoint: &'a str,
    pub task: &'a Task,
    pub plan: &'p TaskPlan<'a>,
    pub tables: &'p BTreeMap<CellsKey<'a>, Cells<'p, 'a>>,
}

/// Analyzes one checkpoint on one task; with the numbers of every instance, for comparing checkpoints.
pub(super) fn analyze_task(inputs: &TaskInputs<'_, '_>) -> Result<(TaskAnalysis, TaskSamples), AnalyzeError> {
    let TaskInputs { task, plan, .. } = *inputs;
    let none = Cells::empty(plan);
    let mut cut_prompts = 0;
    let mut metrics = Vec::new();
    let mut flipped = Vec::new();
    let sets = prompt_sets(inputs.run, inputs.checkpoint, &plan.prompt_sets, inputs.options.posix_mode);
    let mut samples = TaskSamples::new(&task.name, plan, &sets);
    for spec in &task.metrics {
        for filter in &task.filters {
            let key = CellsKey {
                checkpoint: inputs.checkpoint,
                task: &task.name,
                metric: spec.metric.as_str(),
                filter: &filter.name,
            };
            let cells = inputs.tables.get(&key).unwrap_or(&none);
            if metrics.is_empty() {
                flipped = flipped_instances(inputs, cells);
                cut_prompts = cells.cut_prompts();
            }
            if metrics.is_empty() || grouped(inputs, spec) {
                samples.metrics.push(MetricSamples::of(spec, &filter.name, cells));
            }
            metrics.push(analyze_metric(inputs, spec, &filter.name, cells)?);
        }
    }
    let analysis = TaskAnalysis {
        task: task.name.clone(),
        title: task.title().to_owned(),
        version: task.version.clone(),
        chance: chance(task, plan),
        instances: plan.instances.len(),
        cut_prompts,
        posix: posix(inputs, &sets),
        metrics,
        breakdown: breakdown(inputs),
        flipped,
    };
    Ok((analysis, samples))
}

/// What the task's number is made of.
fn breakdown(inputs: &TaskInputs<'_, '_>) -> Option<Breakdown> {
    let TaskInputs { task, plan, .. } = *inputs;
    let originals = |metric: Metric| {
        let filter = task.filters.first().map_or("", |filter| filter.name.as_str());
        let key = CellsKey { checkpoint: inputs.checkpoint, task: &task.name, metric: metric.as_str(), filter };
        let Some(cells) = inputs.tables.get(&key) else { return Vec::new() };
        let original = |row: usize| {
            let (instance, cluster) = *plan.instances.get(row)?;
            let question = plan.question.get(&(row, 0))?;
            let response = (inputs.run.response_of)(inputs.checkpoint, &question.request);
            Some(Original { instance, cluster, purpose: &question.purpose, score: cells.score(row, 0)?, response })
        };
        (0..plan.instances.len()).filter_map(original).collect()
    };
    let seed = inputs.run.manifest.settings.seed;
    let mut table = super::breakdown::breakdown(task, originals, inputs.options.level, seed)?;
    if let Some(judge) = inputs.run.judged_by.filter(|_| task.scorer.needs_judge()) {
        table.notes.insert(0, judge.to_owned());
    }
    Some(table)
}

/// Whether a group of the run has a mean of this metric.
fn grouped(inputs: &TaskInputs<'_, '_>, spec: &MetricSpec) -> bool {
    let mut aggregates = inputs.run.manifest.groups.iter().flat_map(|group| &group.aggregates);
    aggregates.any(|aggregate| aggregate.metric == spec.metric)
}

/// Accuracy of guessing: the mean over instances of right choices / choices.
fn chance(task: &Task, plan: &TaskPlan<'_>) -> Option<f64> {
    if task.profile.chance.is_some() {
        return task.profile.chance;
    }
    let accuracy = task.primary_metric().is_some_and(|spec| matches!(spec.metric, Metric::Acc | Metric::AccNorm));
    if !accuracy || task.output != OutputType::MultipleChoice {
        return None;
    }
    let mut sum = 0.0;
    let mut instances = 0_usize;
    for row in 0..plan.instances.len() {
        let purpose = plan.question.get(&(row, 0)).map(|record| &record.purpose);
        if let Some(Purpose::Judge { expectation: Expectation::Choice { choices, gold }, .. }) = purpose
            && !choices.is_empty()
        {
            sum += gold.len() as f64 / choices.len() as f64;
            instances += 1;
        }
    }
    (instances > 0).then(|| sum / instances as f64)
}

fn analyze_metric(
    inputs: &TaskInputs<'_, '_>,
    spec: &MetricSpec,
    filter: &str,
    cells: &Cells<'_, '_>,
) -> Result<MetricAnalysis, AnalyzeError> {
    let mut names: Vec<String> = Vec::new();
    for variant in inputs.plan.variants.iter().skip(1) {
        let name = row_name(variant);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let perturbations = names
        .iter()
        .map(|name| analyze_perturbation(inputs, spec, cells, name, Some(name)))
        .collect::<Result<Vec<_>, _>>()?;
    let together =
        if names.is_empty() { None } else { Some(analyze_perturbation(inputs, spec, cells, "all together", None)?) };
    let original = aggregate(spec, &cells.weighted(spec, &[0]), inputs.options.level);
    let unscored = cells.unscored(&[0]);
    Ok(MetricAnalysis {
        metric: spec.metric.as_str().to_owned(),
        filter: filter.to_owned(),
        higher_is_better: spec.higher_is_better,
        original: measure(original, "no original wording was scored"),
        perturbations,
        together,
        unscored,
    })
}

/// One row: the variants whose row has the name `only`, or all of them.
fn analyze_perturbation(
    inputs: &TaskInputs<'_, '_>,
    spec: &MetricSpec,
    cells: &Cells<'_, '_>,
    name: &str,
    only: Option<&str>,
) -> Result<PerturbationAnalysis, AnalyzeError> {
    let level = inputs.options.level;
    let belongs = |variant: &crate::variant::VariantId| only.is_none_or(|only| row_name(variant) == only);
    let columns = cells.columns(belongs);
    let skipped = inputs.plan.skipped.iter().filter(|skip| belongs(&skip.variant)).collect::<Vec<_>>();
    let rows = 0..inputs.plan.instances.len();
    let asked = rows
        .flat_map(|row| columns.iter().map(move |column| (row, *column)))
        .filter(|cell| inputs.plan.question.contains_key(cell))
        .count();
    let Seed(seed) = inputs.run.manifest.settings.seed;
    let matrix = cells.matrix(&columns)?;
    let sensitivity = Sensitivity::of(&matrix, level, Seed(seed));
    let sensitivity = if spec.higher_is_better { sensitivity } else { sensitivity.where_lower_is_better() };
    let (worst, best) = extremes(spec, &sensitivity);
    let performance = aggregate(spec, &cells.weighted(spec, &columns), level);
    Ok(PerturbationAnalysis {
        name: name.to_owned(),
        wanted: asked + skipped.len(),
        skipped: count_reasons(skipped.iter().map(|skip| skip.reason.as_str())),
        unscored: cells.unscored(&columns),
        performance: measure(performance, "no variant was scored"),
        change: change(cells, &columns, level),
        worst,
        best,
        sensitivity,
    })
}

/// Mean over instances of (mean credit of the variants - credit of the original), in credit units.
fn change(cells: &Cells<'_, '_>, columns: &[usize], level: f64) -> Measure {
    let mut originals = Vec::new();
    let mut perturbed = Vec::new();
    let mut clusters = Vec::new();
    for (row, (_, cluster)) in cells.plan.instances.iter().enumerate() {
        let credits = columns.iter().filter_map(|column| cells.credit(row, *column)).collect::<Vec<_>>();
        if let Some(original) = cells.credit(row, 0).filter(|_| !credits.is_empty()) {
            originals.push(original);
            perturbed.push(credits.iter().sum::<f64>() / credits.len() as f64);
            clusters.push(*cluster);
        }
    }
    let clusters = cluster_indices(clusters.iter().copied());
    let difference = paired_difference(&perturbed, &originals, &clusters, level);
    measure(difference, "no instance has both a scored original and a scored variant")
}

/// The variants that change the original most for the worse and for the better; of equals, the first.
///
/// They are ordered by the change over the items that have both, as the spread is: a variant that only hard items have
/// is not the worst for that. What is shown is the variant's own performance.
fn extremes(spec: &MetricSpec, sensitivity: &Sensitivity) -> (Option<VariantPerformance>, Option<VariantPerformance>) {
    let sign = if spec.higher_is_better { 1.0 } else { -1.0 };
    let mut worst: Option<(f64, &VariantPerformance)> = None;
    let mut best: Option<(f64, &VariantPerformance)> = None;
    for variant in sensitivity.variants.iter().filter(|variant| !variant.variant.is_original()) {
        if let Some(point) = variant.change.point() {
            let merit = sign * point;
            if worst.is_none_or(|(least, _)| merit < least) {
                worst = Some((merit, variant));
            }
            if best.is_none_or(|(most, _)| merit > most) {
                best = Some((merit, variant));
            }
        }
    }
    let in_metric_units = |variant: &VariantPerformance| VariantPerformance {
        credit: match variant.credit.estimate() {
            Some(estimate) => Measure::Defined(aggregate_estimate(spec, *estimate)),
            None => variant.credit.clone(),
        },
        ..variant.clone()
    };
    (worst.map(|(_, v)| in_metric_units(v)), best.map(|(_, v)| in_metric_units(v)))
}

/// Every prompt set's index, or why it has none.
pub(crate) fn prompt_sets(
    run: &RunInputs<'_>,
    checkpoint: &str,
    records: &[&PlanRecord],
    mode: PosixMode,
) -> Vec<Result<PromptSetSensitivity, String>> {
    let index = |record: &&PlanRecord| {
        let Request::PromptSet { decoding, .. } = &record.request else {
            return Err("the question is not a prompt set".to_owned());
        };
        match (run.response_of)(checkpoint, &record.request) {
            Some(Response::PromptSet { replies, log_probs }) => {
                let tokens = replies.iter().map(|reply| reply.token_ids.len()).collect::<Vec<_>>();
                prompt_set_sensitivity(log_probs, &tokens, decoding.max_new_tokens, mode).map_err(|e| e.to_string())
            }
            Some(Response::Failed { reason }) => Err(reason.clone()),
            Some(_) => Err("the recorded response is not one to a prompt set".to_owned()),
            None => Err("no response on record: the run is unfinished".to_owned()),
        }
    };
    records.iter().map(index).collect()
}

/// POSIX over the task's prompt sets.
fn posix(inputs: &TaskInputs<'_, '_>, sets: &[Result<PromptSetSensitivity, String>]) -> Posix {
    let mut values = Vec::new();
    let mut clusters = Vec::new();
    let mut reasons = Vec::new();
    let mut empty_replies = 0;
    for (record, set) in inputs.plan.prompt_sets.iter().zip(sets) {
        match set {
            Ok(set) => {
                values.push(set.value_nats_per_token);
                clusters.push(record.cluster.as_str());
                empty_replies += set.empty_replies;
            }
            Err(reason) => reasons.push(reason.as_str()),
        }
    }
    let index = if sets.is_empty() {
        Measure::undefined("no prompt sets were asked")
    } else if values.is_empty() {
        Measure::undefined("none of the prompt sets has an index")
    } else {
        posix_index(&values, &cluster_indices(clusters.iter().copied()), inputs.options.level)
    };
    Posix { index, sets: sets.len(), left_out: count_reasons(reasons.into_iter()), empty_replies }
}

pub(super) fn measure(estimate: Option<crate::estimate::Estimate>, reason: &str) -> Measure {
    estimate.map_or_else(|| Measure::undefined(reason), Measure::Defined)
}
