//! Checkpoints by perturbations: the mean change, coloured by how much worse or better.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::{MetricAnalysis, PerturbationAnalysis};
use crate::report::headline::{HeadlineRow, headline};
use crate::report::perturbation_cells::mark;
use crate::sensitivity::Measure;

use super::Number;

/// Changes smaller than this do not get the full colour even where they are the largest.
const LEAST_FULL_COLOUR: f64 = 0.05;

#[derive(Serialize)]
pub(super) struct Heat {
    columns: Vec<String>,
    blocks: Vec<HeatBlock>,
}

#[derive(Serialize)]
struct HeatBlock {
    task: String,
    metric: String,
    rows: Vec<HeatRow>,
}

#[derive(Serialize)]
struct HeatRow {
    checkpoint: String,
    original: Number,
    cells: Vec<HeatCell>,
}

#[derive(Serialize)]
struct HeatCell {
    number: Number,
    class: &'static str,
    strength: String,
    clear: bool,
}

/// One block a task, one row a checkpoint, one column a perturbation.
pub(super) fn heat(analysis: &Analysis) -> Heat {
    let rows = headline(analysis);
    let mut columns: Vec<String> = Vec::new();
    let mut full: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &rows {
        for perturbation in &row.metric.perturbations {
            if !columns.contains(&perturbation.name) {
                columns.push(perturbation.name.clone());
            }
            let size = perturbation.change.point().map_or(0.0, f64::abs);
            let largest = full.entry(&row.metric.metric).or_insert(LEAST_FULL_COLOUR);
            *largest = largest.max(size);
        }
    }
    let mut blocks: Vec<(&str, HeatBlock)> = Vec::new();
    for row in rows.iter().filter(|row| !row.metric.perturbations.is_empty()) {
        let full = full.get(row.metric.metric.as_str()).copied().unwrap_or(LEAST_FULL_COLOUR);
        let line = heat_row(row, &columns, full);
        if let Some((_, block)) = blocks.iter_mut().find(|(task, _)| *task == row.task.task) {
            block.rows.push(line);
        } else {
            let (task, metric) = (row.task.title.clone(), row.metric_name());
            blocks.push((&row.task.task, HeatBlock { task, metric, rows: vec![line] }));
        }
    }
    Heat { columns, blocks: blocks.into_iter().map(|(_, block)| block).collect() }
}

fn heat_row(row: &HeadlineRow<'_>, columns: &[String], full: f64) -> HeatRow {
    let cell = |name: &String| {
        let found = row.metric.perturbations.iter().find(|perturbation| perturbation.name == *name);
        heat_cell(found, row.metric, full)
    };
    HeatRow {
        checkpoint: row.checkpoint.id.clone(),
        original: Number::of(&row.metric.original),
        cells: columns.iter().map(cell).collect(),
    }
}

fn heat_cell(row: Option<&PerturbationAnalysis>, metric: &MetricAnalysis, full: f64) -> HeatCell {
    let undefined = Measure::undefined("not asked on this task");
    let change = row.map_or(&undefined, |row| &row.change);
    let point = change.point().unwrap_or(0.0);
    // The credit of perplexities is a negative log-probability: there, less is better.
    let gain = if metric.higher_is_better { point } else { -point };
    let class = match gain {
        gain if gain < 0.0 => "worse",
        gain if gain > 0.0 => "better",
        _ => "same",
    };
    HeatCell {
        number: Number::signed(change),
        class,
        strength: format!("{:.3}", (point.abs() / full).min(1.0)),
        clear: !mark(change).is_empty(),
    }
}
