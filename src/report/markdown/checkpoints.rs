//! Tables of single checkpoints.

use std::fmt::Write as _;

use crate::analyze::Analysis;
use crate::analyze::analysis::PerturbationAnalysis;
use crate::analyze::number::{count, figure, measure_with_interval};
use crate::report::headline::HeadlineRow;
use crate::report::perturbation_cells::{index_points, marked_change, point};
use crate::report::text::markdown_code;

use super::prose::{header, line, optional, prose};
use super::{Document, Rank, left_out};

/// Perturbation tables that a pull request shows.
const MOST_TABLES: usize = 20;

/// Headline, groups, breakdowns and perturbations of every checkpoint.
pub(super) fn checkpoints(document: &mut Document, analysis: &Analysis, rows: &[HeadlineRow<'_>]) {
    if rows.is_empty() {
        return;
    }
    let mut out = String::from("\n## Headline\n\n");
    headline_table(&mut out, rows);
    document.add(Rank::Table, out);
    if let Some(groups) = groups(analysis) {
        document.add(Rank::Table, groups);
    }
    breakdowns(document, analysis);
    let perturbed = rows.iter().filter(|row| !row.metric.perturbations.is_empty()).collect::<Vec<_>>();
    if !perturbed.is_empty() {
        document.add(Rank::Detail, "\n## Perturbations\n".to_owned());
    }
    for row in perturbed.iter().take(MOST_TABLES) {
        document.add(Rank::Detail, perturbations(row));
    }
    document.add(Rank::Detail, left_out(perturbed.len().saturating_sub(MOST_TABLES), "table"));
}

/// What the numbers of verified and judged tasks are made of.
fn breakdowns(document: &mut Document, analysis: &Analysis) {
    for checkpoint in &analysis.checkpoints {
        for task in &checkpoint.tasks {
            let Some(table) = &task.breakdown else { continue };
            let title = format!("{} · {} · {}", checkpoint.id, task.title, table.title);
            let mut out = format!("\n<details><summary>{}</summary>\n\n", markdown_code(&title));
            let columns = std::iter::once("").chain(table.columns.iter().map(String::as_str)).collect::<Vec<_>>();
            header(&mut out, &columns, 1);
            for row in &table.rows {
                let values = row.values.iter().map(measure_with_interval);
                line(&mut out, &std::iter::once(markdown_code(&row.name)).chain(values).collect::<Vec<_>>());
            }
            for note in &table.notes {
                let _ = writeln!(out, "\n{}", prose(note));
            }
            out.push_str("\n</details>\n");
            document.add(Rank::Detail, out);
        }
    }
}

fn headline_table(out: &mut String, rows: &[HeadlineRow<'_>]) {
    header(
        out,
        &[
            "checkpoint",
            "task",
            "metric",
            "performance",
            "chance",
            "worst variant",
            "spread",
            "POSIX",
            "flip rate",
            "n",
        ],
        3,
    );
    for row in rows {
        line(
            out,
            &[
                markdown_code(&row.checkpoint.id),
                markdown_code(&row.task.title),
                markdown_code(&row.metric_name()),
                measure_with_interval(&row.metric.original),
                row.task.chance.map_or_else(|| "–".to_owned(), |chance| format!("{chance:.3}")),
                row.worst().map_or_else(
                    || "–".to_owned(),
                    |(point, name)| format!("{} {}", figure(point), markdown_code(&name)),
                ),
                optional(row.spread()),
                measure_with_interval(&row.task.posix.index),
                optional(row.flip_rate()),
                count(row.metric.original.estimate().map_or(0, |estimate| estimate.n)),
            ],
        );
    }
}

fn groups(analysis: &Analysis) -> Option<String> {
    if analysis.checkpoints.iter().all(|checkpoint| checkpoint.groups.is_empty()) {
        return None;
    }
    let mut out = String::from("\n## Groups\n\n");
    header(&mut out, &["checkpoint", "group", "metric", "original", "perturbed", "tasks"], 3);
    for checkpoint in &analysis.checkpoints {
        for group in &checkpoint.groups {
            line(
                &mut out,
                &[
                    markdown_code(&checkpoint.id),
                    markdown_code(&group.title),
                    markdown_code(&group.metric),
                    measure_with_interval(&group.original),
                    measure_with_interval(&group.perturbed),
                    group.tasks.len().to_string(),
                ],
            );
        }
    }
    Some(out)
}

fn perturbations(row: &HeadlineRow<'_>) -> String {
    let mut out = format!(
        "\n<details><summary>{} on {}</summary>\n\n",
        markdown_code(&row.checkpoint.id),
        markdown_code(&row.task.title)
    );
    header(
        &mut out,
        &[
            "perturbation",
            "prompts",
            "performance",
            "change",
            "worst",
            "spread",
            "flip rate",
            "consistency",
            "PDR",
            "PSS",
        ],
        1,
    );
    for row in row.metric.perturbations.iter().chain(&row.metric.together) {
        line(&mut out, &perturbation_cells(row));
    }
    out + "\n</details>\n"
}

fn perturbation_cells(row: &PerturbationAnalysis) -> Vec<String> {
    let made = count(row.made());
    let head = [
        markdown_code(&row.name),
        if row.skipped() == 0 { made } else { format!("{made} of {}", count(row.wanted)) },
        measure_with_interval(&row.performance),
        marked_change(row).replace('*', "\\*"),
    ];
    head.into_iter().chain(index_points(row)).chain([point(Some(&row.sensitivity.pss))]).collect()
}
