//! Every index of every perturbation, one table a checkpoint, task and metric.

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::{
    Breakdown, BreakdownRow, MetricAnalysis, PerturbationAnalysis, ReasonCount, TaskAnalysis,
};
use crate::analyze::number::count;
use crate::report::headline::metric_name;
use crate::sensitivity::Measure;

use super::{Number, point};

#[derive(Serialize)]
pub(super) struct Detail {
    checkpoint: String,
    task: String,
    metric: String,
    better: &'static str,
    original: Number,
    unscored: Vec<Reason>,
    posix: Vec<Reason>,
    rows: Vec<DetailRow>,
    breakdown: Option<BreakdownTable>,
}

#[derive(Serialize)]
struct BreakdownTable {
    title: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<Number>)>,
    notes: Vec<String>,
}

impl BreakdownTable {
    fn of(table: &Breakdown) -> Self {
        let row = |row: &BreakdownRow| (row.name.clone(), row.values.iter().map(Number::of).collect());
        Self {
            title: table.title.clone(),
            columns: table.columns.clone(),
            rows: table.rows.iter().map(row).collect(),
            notes: table.notes.clone(),
        }
    }
}

#[derive(Serialize)]
struct DetailRow {
    name: String,
    made: String,
    wanted: String,
    notes: Vec<Reason>,
    performance: Number,
    change: Number,
    worst: String,
    worst_name: String,
    best: String,
    best_name: String,
    indices: Vec<Number>,
}

#[derive(Serialize)]
struct Reason {
    what: &'static str,
    count: String,
    text: String,
}

/// All tables, in the analysis' order.
pub(super) fn details(analysis: &Analysis) -> Vec<Detail> {
    let mut out = Vec::new();
    for checkpoint in &analysis.checkpoints {
        for task in &checkpoint.tasks {
            let first = out.len();
            out.extend(task.metrics.iter().map(|metric| detail(&checkpoint.id, task, metric)));
            if let Some(detail) = out.get_mut(first) {
                detail.breakdown = task.breakdown.as_ref().map(BreakdownTable::of);
            }
        }
    }
    out
}

fn detail(checkpoint: &str, task: &TaskAnalysis, metric: &MetricAnalysis) -> Detail {
    Detail {
        checkpoint: checkpoint.to_owned(),
        task: task.title.clone(),
        metric: metric_name(task, metric),
        better: if metric.higher_is_better { "higher is better" } else { "lower is better" },
        original: Number::of(&metric.original),
        unscored: reasons("original not scored", &metric.unscored).collect(),
        posix: reasons("prompt set without POSIX", &task.posix.left_out).collect(),
        rows: metric.perturbations.iter().chain(&metric.together).map(row).collect(),
        breakdown: None,
    }
}

fn reasons<'a>(what: &'static str, counts: &'a [ReasonCount]) -> impl Iterator<Item = Reason> + 'a {
    counts.iter().map(move |entry| Reason { what, count: count(entry.count), text: entry.reason.clone() })
}

/// Why a row has dashes, each reason once.
fn undefined(row: &PerturbationAnalysis) -> Vec<Reason> {
    let indices = row.sensitivity.indices();
    let measures = [&row.performance, &row.change].into_iter().chain(indices.iter().map(|(_, measure)| *measure));
    let reasons = measures.filter_map(Measure::reason).collect::<std::collections::BTreeSet<_>>();
    let said = reasons.into_iter();
    said.map(|reason| Reason { what: "no number", count: String::new(), text: reason.to_owned() }).collect()
}

fn row(row: &PerturbationAnalysis) -> DetailRow {
    let indices = &row.sensitivity;
    DetailRow {
        name: row.name.clone(),
        made: count(row.made()),
        wanted: count(row.wanted),
        notes: reasons("not made", &row.skipped)
            .chain(reasons("not scored", &row.unscored))
            .chain(undefined(row))
            .collect(),
        performance: Number::of(&row.performance),
        change: Number::signed(&row.change),
        worst: point(row.worst.as_ref().map(|worst| &worst.credit)),
        worst_name: row.worst.as_ref().map(|worst| worst.variant.to_string()).unwrap_or_default(),
        best: point(row.best.as_ref().map(|best| &best.credit)),
        best_name: row.best.as_ref().map(|best| best.variant.to_string()).unwrap_or_default(),
        indices: [
            &indices.spread,
            &indices.between_variant_sd,
            &indices.worst_case,
            &indices.best_case,
            &indices.performance_drop_rate,
            &indices.flip_rate_mean,
            &indices.flip_rate_any,
            &indices.consistency,
            &indices.pss,
        ]
        .map(Number::of)
        .into(),
    }
}
