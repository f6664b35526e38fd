//! Replies as the run that they could have come from: scores, numbers, report.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Serialize;

use super::print_table;
use super::rows::ReplyRow;
use crate::analyze::number::with_interval;
use crate::analyze::{RunInputs, analyze};
use crate::cli::options::ReportOptions;
use crate::digest::Digest;
use crate::estimate::Estimate;
use crate::instance::{Instance, Presentation};
use crate::record::{PlanRecord, ScoreRecord};
use crate::report::render;
use crate::request::Request;
use crate::response::Response;
use crate::scoring::{Judge, WeightedCredit, aggregate, weight};
use crate::seed::Seed;
use crate::stats::cluster_indices;
use crate::store::{CheckpointEntry, MANIFEST_FORMAT, Manifest, RunSettings};
use crate::task::{FilterPipeline, Metric, MetricSpec, Task};
use crate::variant::VariantId;

/// An instance with the reply to it.
pub(super) struct Answered<'a> {
    pub instance: &'a Instance,
    pub record: &'a PlanRecord,
    pub row: &'a ReplyRow,
    pub response: Response,
}

/// Judges every reply.
pub(super) fn scores(task: &Task, answered: &[Answered<'_>], label: &str) -> anyhow::Result<Vec<ScoreRecord>> {
    let judge = Judge::new(task)?;
    let mut scores = Vec::new();
    for one in answered {
        let key = Digest::of_json(&(&one.record.request, &one.row.replies))?;
        let judged = judge.score(&one.instance.expectation, &one.record.request, &one.response);
        scores.extend(judged.into_iter().map(|judged| ScoreRecord {
            checkpoint: label.to_owned(),
            task: task.name.clone(),
            instance: one.instance.id.clone(),
            cluster: one.instance.cluster.clone(),
            variant: VariantId::original(),
            filter: judged.filter,
            metric: judged.metric,
            score: judged.score,
            parts: judged.parts,
            response: key.clone(),
            prompt_tokens_cut: 0,
        }));
    }
    Ok(scores)
}

/// The task's number under one metric and filter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Number {
    metric: Metric,
    filter: String,
    /// `None` where no reply could be scored.
    estimate: Option<Estimate>,
    /// Replies that could not be scored.
    unscored: usize,
}

/// Every metric, where the report shows the first.
pub(super) fn numbers(task: &Task, answered: &[Answered<'_>], scores: &[ScoreRecord], level: f64) -> Vec<Number> {
    let clusters = cluster_indices(answered.iter().map(|one| one.instance.cluster.as_str()));
    let number = |filter: &FilterPipeline, spec: &MetricSpec| {
        let of = |score: &&ScoreRecord| score.filter == filter.name && score.metric == spec.metric.as_str();
        let credits = scores.iter().filter(of).map(|score| score.score.credit());
        let rows: Vec<WeightedCredit> = credits
            .zip(answered.iter().zip(&clusters))
            .filter_map(|(credit, (one, cluster))| {
                let weight = weight(spec.metric, &one.instance.expectation, &one.record.request);
                Some(WeightedCredit { credit: credit?, weight, cluster: *cluster })
            })
            .collect();
        let estimate = aggregate(spec, &rows, level);
        Number { metric: spec.metric, filter: filter.name.clone(), estimate, unscored: answered.len() - rows.len() }
    };
    let filters = task.filters.iter();
    filters.flat_map(|filter| task.metrics.iter().map(move |spec| number(filter, spec))).collect()
}

/// Prints every metric.
pub(super) fn print_numbers(numbers: &[Number]) -> anyhow::Result<()> {
    let row = |number: &Number| {
        let shown = number.estimate.as_ref().map_or_else(|| "none".to_owned(), with_interval);
        let n = number.estimate.map_or(0, |estimate| estimate.clusters);
        let unscored = if number.unscored > 0 { format!("{n}, {} unscored", number.unscored) } else { n.to_string() };
        vec![number.metric.to_string(), number.filter.clone(), shown, unscored]
    };
    print_table(&["metric", "filter", "value", "n"], &numbers.iter().map(row).collect::<Vec<_>>())
}

/// Prints the report of a run that asked only what is answered.
pub(super) fn report(
    task: &Task,
    answered: &[Answered<'_>],
    scores: &[ScoreRecord],
    label: &str,
    options: &ReportOptions,
) -> anyhow::Result<()> {
    let plan: Vec<PlanRecord> = answered.iter().map(|one| one.record.clone()).collect();
    let manifest = manifest(task, &plan, label)?;
    let keyed = answered.iter().map(|one| Ok((Digest::of_json(&one.record.request)?, &one.response)));
    let responses = keyed.collect::<Result<BTreeMap<_, _>, serde_json::Error>>()?;
    let response_of = |_: &str, request: &Request| Some(*responses.get(&Digest::of_json(request).ok()?)?);
    let inputs = RunInputs {
        name: label,
        manifest: &manifest,
        plan: &plan,
        skipped: &[],
        scores,
        judged_by: None,
        response_of: &response_of,
    };
    let analysis = analyze(&[inputs], &options.analyze_options())?;
    Ok(std::io::stdout().lock().write_all(render(&analysis, options.format)?.as_bytes())?)
}

fn manifest(task: &Task, plan: &[PlanRecord], label: &str) -> anyhow::Result<Manifest> {
    Ok(Manifest {
        format: MANIFEST_FORMAT,
        program: concat!("wit-eval ", env!("CARGO_PKG_VERSION")).to_owned(),
        settings: RunSettings {
            tasks: task.name.clone(),
            perturbations: Vec::new(),
            seed: Seed(0),
            fewshot_seed: 1234,
            limit: None,
            num_fewshot: None,
            presentation: Presentation::Text,
            system_instruction: None,
            gen_kwargs: None,
            posix: None,
            likelihood: None,
        },
        checkpoints: vec![CheckpointEntry {
            label: label.to_owned(),
            digest: Digest::of_bytes(label.as_bytes()),
            architecture: "replies from elsewhere".to_owned(),
            parameters: 0,
            weighting: None,
            weighting_source: String::new(),
            base: None,
            stage: None,
            training_seed: None,
            data_digest: None,
        }],
        tasks: vec![task.clone()],
        groups: Vec::new(),
        plan: Digest::of_json(&plan)?,
    })
}
