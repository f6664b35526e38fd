//! Tables of single checkpoints.

use std::fmt::Write as _;

use crate::analyze::Analysis;
use crate::analyze::analysis::{GroupAnalysis, PerturbationAnalysis};
use crate::analyze::number::{count, counted, figure, measure_plus_minus};
use crate::report::headline::HeadlineRow;
use crate::report::perturbation_cells::{index_points, marked_change};
use crate::report::text::visible_line;

use super::layout::{self, add, name, optional, table, text, wrapped};

/// More checkpoint-task pairs than this get no perturbation tables: a terminal is no place for them.
const MOST_TABLES: usize = 12;

/// Breakdowns of verified and judged tasks that a terminal shows, and rows of each.
const MOST_BREAKDOWNS: usize = 6;
const MOST_BREAKDOWN_ROWS: usize = 48;

/// Groups, headline and perturbations of every checkpoint.
pub(super) fn checkpoints(out: &mut String, analysis: &Analysis, rows: &[HeadlineRow<'_>]) {
    // Writing to a String cannot fail.
    if analysis.checkpoints.iter().any(|checkpoint| !checkpoint.groups.is_empty()) {
        let _ = writeln!(out, "Groups\n\n{}\n", groups_table(analysis));
    }
    let _ = writeln!(out, "Performance and sensitivity\n\n{}\n", headline_table(rows));
    breakdowns(out, analysis);
    let perturbed = rows.iter().filter(|row| !row.metric.perturbations.is_empty()).collect::<Vec<_>>();
    if perturbed.len() > MOST_TABLES {
        let _ = writeln!(out, "{} perturbation tables are left out; the other formats have them.\n", perturbed.len());
        return;
    }
    for row in perturbed {
        let title = format!("{} · {} · {}", row.checkpoint.id, row.task.title, row.metric_name());
        let _ = writeln!(out, "{}\n\n{}\n", layout::title(&title), perturbations_table(row));
    }
}

/// What the numbers of verified and judged tasks are made of.
fn breakdowns(out: &mut String, analysis: &Analysis) {
    let found = analysis.checkpoints.iter().flat_map(|checkpoint| {
        checkpoint.tasks.iter().filter_map(move |task| Some((checkpoint, task, task.breakdown.as_ref()?)))
    });
    let found = found.collect::<Vec<_>>();
    for (checkpoint, task, breakdown) in found.iter().take(MOST_BREAKDOWNS) {
        let columns = std::iter::once("").chain(breakdown.columns.iter().map(String::as_str)).collect::<Vec<_>>();
        let mut table = table(&columns);
        for row in breakdown.rows.iter().take(MOST_BREAKDOWN_ROWS) {
            let values = row.values.iter().map(measure_plus_minus);
            add(&mut table, std::iter::once(name(&row.name)).chain(values).collect());
        }
        let title = format!("{} · {} · {}", checkpoint.id, task.title, breakdown.title);
        let _ = writeln!(out, "{}\n\n{}\n", layout::title(&title), text(&table));
        for note in &breakdown.notes {
            let _ = writeln!(out, "{}", wrapped(&visible_line(note), ""));
        }
    }
    if found.len() > MOST_BREAKDOWNS {
        let hidden = counted(found.len() - MOST_BREAKDOWNS, "breakdown");
        let _ = writeln!(out, "{hidden} more in the other formats.\n");
    }
}

fn headline_table(rows: &[HeadlineRow<'_>]) -> String {
    let mut table = table(&["", "performance", "worst", "spread", "POSIX", "flips", "n"]);
    let mut last = None;
    for row in rows {
        if last != Some(row.checkpoint.id.as_str()) {
            add(&mut table, vec![name(&row.checkpoint.id)]);
            last = Some(row.checkpoint.id.as_str());
        }
        let worst = row
            .worst()
            .map_or_else(|| "–".to_owned(), |(point, variant)| format!("{}\n{}", figure(point), name(&variant)));
        add(
            &mut table,
            vec![
                format!(" {}", name(&row.task.title)),
                performance(row),
                worst,
                optional(row.spread()),
                measure_plus_minus(&row.task.posix.index),
                optional(row.flip_rate()),
                count(row.metric.original.estimate().map_or(0, |estimate| estimate.n)),
            ],
        );
    }
    text(&table)
}

/// Performance, with a tilde where chance is inside its interval.
fn performance(row: &HeadlineRow<'_>) -> String {
    let interval = row.metric.original.estimate().and_then(|estimate| estimate.interval);
    let like_chance = row.task.chance.zip(interval).is_some_and(|(c, i)| i.low <= c && c <= i.high);
    format!("{}{}", measure_plus_minus(&row.metric.original), if like_chance { "~" } else { "" })
}

fn groups_table(analysis: &Analysis) -> String {
    let mut table = table(&["", "metric", "original", "perturbed", "tasks", "mean"]);
    for checkpoint in analysis.checkpoints.iter().filter(|checkpoint| !checkpoint.groups.is_empty()) {
        add(&mut table, vec![name(&checkpoint.id)]);
        for group in &checkpoint.groups {
            add(&mut table, group_cells(group));
        }
    }
    text(&table)
}

fn group_cells(group: &GroupAnalysis) -> Vec<String> {
    vec![
        format!(" {}", name(&group.title)),
        name(&format!("{} ({})", group.metric, group.filter)),
        measure_plus_minus(&group.original),
        measure_plus_minus(&group.perturbed),
        group.tasks.len().to_string(),
        if group.weight_by_size { "by size" } else { "of tasks" }.to_owned(),
    ]
}

fn perturbations_table(row: &HeadlineRow<'_>) -> String {
    let header = ["perturbation", "prompts", "performance", "change", "worst", "spread", "flips", "consistency", "PDR"];
    let mut table = table(&header);
    for row in row.metric.perturbations.iter().chain(&row.metric.together) {
        add(&mut table, perturbation_cells(row));
    }
    text(&table)
}

fn perturbation_cells(row: &PerturbationAnalysis) -> Vec<String> {
    let prompts = match row.skipped() {
        0 => count(row.wanted),
        _ => format!("{}/{}", count(row.made()), count(row.wanted)),
    };
    let head = [name(&row.name), prompts, measure_plus_minus(&row.performance), marked_change(row)];
    head.into_iter().chain(index_points(row)).collect()
}
