//! Tables for a terminal, at most [`TERMINAL_WIDTH`] columns wide, without colours or escape codes.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use crate::analyze::Analysis;
use crate::analyze::analysis::{Finding, GroupAnalysis, PerturbationAnalysis, Severity};
use crate::analyze::number::{count, figure, measure_plus_minus, percent};
use crate::sensitivity::Measure;

use super::headline::{HeadlineRow, by_weighting, compares_weightings, headline};
use super::perturbation_cells::{index_points, marked_change};
use super::text::{shortened, visible_line};

/// Columns that every table fits in.
pub const TERMINAL_WIDTH: u16 = 100;

/// Characters of a name that a table shows.
const NAME_CHARACTERS: usize = 60;

/// Characters of a table's title; the note of what was left out still fits the line.
const TITLE_CHARACTERS: usize = 70;

/// A rule under the header, nothing else: in the order of comfy-table's presets.
const RULED_HEADER: &str = "     ──            ";

/// More checkpoint-task pairs than this get no perturbation tables: a terminal is no place for them.
const MOST_TABLES: usize = 12;

/// The whole report.
pub(super) fn render(analysis: &Analysis) -> String {
    let mut out = String::new();
    let rows = headline(analysis);
    // Writing to a String cannot fail.
    if analysis.checkpoints.iter().any(|checkpoint| !checkpoint.groups.is_empty()) {
        let _ = writeln!(out, "Groups\n\n{}\n", groups_table(analysis));
    }
    let _ = writeln!(out, "Performance and sensitivity\n\n{}\n", headline_table(&rows));
    if compares_weightings(analysis) {
        weightings(&mut out, analysis);
    }
    let perturbed = rows.iter().filter(|row| !row.metric.perturbations.is_empty()).collect::<Vec<_>>();
    if perturbed.len() > MOST_TABLES {
        let _ = writeln!(out, "{} perturbation tables are left out; the other formats have them.\n", perturbed.len());
    } else {
        for row in perturbed {
            let title = format!("{} · {} · {}", row.checkpoint.id, row.task.title, row.metric_name());
            let _ = writeln!(
                out,
                "{}\n\n{}\n",
                shortened(&visible_line(&title), TITLE_CHARACTERS),
                perturbations_table(row)
            );
        }
    }
    out.push_str(&statements(&analysis.findings));
    let notes = format!(
        "± longer side of the {} interval. ~ not distinguishable from chance. * interval of the change excludes 0. \
         flips: share of perturbed wordings that change an item's credit. Spread, POSIX, flips: 0 is insensitive. \
         worst: the extreme of several noisy numbers.",
        percent(analysis.level)
    );
    out.push('\n');
    out.push_str(&wrapped(&notes, ""));
    out
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(RULED_HEADER);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(TERMINAL_WIDTH);
    table.set_header(header.iter().enumerate().map(|(place, name)| aligned(place, (*name).to_owned())));
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    table
}

/// Names to the left, numbers to the right.
fn aligned(place: usize, text: String) -> Cell {
    let alignment = if place == 0 { CellAlignment::Left } else { CellAlignment::Right };
    Cell::new(text).set_alignment(alignment)
}

fn add(table: &mut Table, cells: Vec<String>) {
    table.add_row(cells.into_iter().enumerate().map(|(place, text)| aligned(place, text)));
}

fn name(text: &str) -> String {
    shortened(&visible_line(text), NAME_CHARACTERS)
}

fn optional(measure: Option<&Measure>) -> String {
    measure.map_or_else(|| "–".to_owned(), measure_plus_minus)
}

/// Lines without the white space that fills the last column.
fn text(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
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

/// A table a task: λp and λr beside performance and sensitivity.
fn weightings(out: &mut String, analysis: &Analysis) {
    let rows = headline(analysis);
    let mut tables: Vec<(&str, String, Table)> = Vec::new();
    for checkpoint in by_weighting(analysis) {
        let Some(weighting) = checkpoint.checkpoint.weighting else {
            continue;
        };
        for row in rows.iter().filter(|row| row.checkpoint.id == checkpoint.id) {
            let cells = vec![
                name(&checkpoint.id),
                weighting.prompt().to_string(),
                weighting.response().to_string(),
                measure_plus_minus(&row.metric.original),
                optional(row.spread()),
                measure_plus_minus(&row.task.posix.index),
                optional(row.flip_rate()),
            ];
            if let Some((_, _, table)) = tables.iter_mut().find(|(task, _, _)| *task == row.task.task) {
                add(table, cells);
            } else {
                let mut table = table(&["", "λp", "λr", "performance", "spread", "POSIX", "flips"]);
                add(&mut table, cells);
                let title = format!("By loss weighting · {} · {}", row.task.title, row.metric_name());
                let title = shortened(&visible_line(&title), TITLE_CHARACTERS);
                tables.push((&row.task.task, title, table));
            }
        }
    }
    for (_, title, table) in tables {
        let _ = writeln!(out, "{title}\n\n{}\n", text(&table));
    }
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

/// Findings as a list, wrapped.
fn statements(findings: &[Finding]) -> String {
    let mut out = String::from("In words\n\n");
    for finding in findings {
        let head = match finding.severity {
            Severity::Result => "  · ",
            Severity::Warning => "  ! ",
        };
        out.push_str(&wrapped(&visible_line(&finding.text), head));
    }
    out
}

/// Words filled into lines that start under the first.
fn wrapped(text: &str, head: &str) -> String {
    let limit = usize::from(TERMINAL_WIDTH);
    let mut out = String::new();
    let mut line = head.to_owned();
    let indent = " ".repeat(head.chars().count());
    let mut width = indent.len();
    for word in text.split_whitespace() {
        let characters = word.chars().count();
        if width > indent.len() && width + 1 + characters > limit {
            out.push_str(&line);
            out.push('\n');
            line.clone_from(&indent);
            width = indent.len();
        }
        if width > indent.len() {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += characters;
    }
    out + &line + "\n"
}
