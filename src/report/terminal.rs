//! Tables for a terminal, at most [`TERMINAL_WIDTH`] columns wide, without colours or escape codes.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use crate::analyze::Analysis;
use crate::analyze::analysis::{
    ArmKind, Contrast, ContrastVerdict, Finding, GroupAnalysis, Headline, PerturbationAnalysis, Severity,
    WeightingsAnalysis,
};
use crate::analyze::number::{count, counted, figure, measure_plus_minus, percent, signed_plus_minus};
use crate::sensitivity::Measure;

use super::headline::{HeadlineRow, headline};
use super::perturbation_cells::{index_points, marked_change, point};
use super::text::{shortened, visible_line};
use super::weighting_lines::{is_folded, lines, reference_words, seed_notes, shown_sensitivity};

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

/// Breakdowns of verified and judged tasks that a terminal shows, and rows of each.
const MOST_BREAKDOWNS: usize = 6;
const MOST_BREAKDOWN_ROWS: usize = 48;

/// Benchmarks whose comparison of weightings a terminal shows; the mean over all of them is the first.
const MOST_BENCHMARKS: usize = 4;

/// With more arms than this a terminal shows the first benchmark only.
const MANY_ARMS: usize = 12;

/// Characters of an arm's name beside its numbers.
const ARM_CHARACTERS: usize = 16;

/// The whole report.
pub(super) fn render(analysis: &Analysis) -> String {
    let mut out = String::new();
    let rows = headline(analysis);
    for note in &analysis.notes {
        out.push_str(&wrapped(&visible_line(note), ""));
        out.push('\n');
    }
    if let Some(compared) = &analysis.weightings {
        weightings(&mut out, compared);
    }
    if is_folded(analysis) {
        out.push_str(&wrapped(
            &format!(
                "The tables of {} checkpoints stand in the html, json and csv formats.",
                analysis.checkpoints.len()
            ),
            "",
        ));
        out.push('\n');
    } else {
        checkpoints(&mut out, analysis, &rows);
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

/// Groups, headline and perturbations of every checkpoint.
fn checkpoints(out: &mut String, analysis: &Analysis, rows: &[HeadlineRow<'_>]) {
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
        let _ =
            writeln!(out, "{}\n\n{}\n", shortened(&visible_line(&title), TITLE_CHARACTERS), perturbations_table(row));
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
        let _ = writeln!(out, "{}\n\n{}\n", shortened(&visible_line(&title), TITLE_CHARACTERS), text(&table));
        for note in &breakdown.notes {
            let _ = writeln!(out, "{}", wrapped(&visible_line(note), ""));
        }
    }
    if found.len() > MOST_BREAKDOWNS {
        let hidden = counted(found.len() - MOST_BREAKDOWNS, "breakdown");
        let _ = writeln!(out, "{hidden} more in the other formats.\n");
    }
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

/// A table a benchmark: what each weighting did, against its reference.
fn weightings(out: &mut String, analysis: &WeightingsAnalysis) {
    let most = if analysis.arms.len() > MANY_ARMS { 1 } else { MOST_BENCHMARKS };
    for benchmark in analysis.benchmarks.iter().take(most) {
        let rows = lines(analysis, benchmark);
        let sensitivity = shown_sensitivity(benchmark);
        let change = format!("Δ {}", sensitivity.title());
        let head =
            ["", "λp", "λr", "seeds", "performance", "perturbed", "worst", sensitivity.title(), "Δ perform.", &change];
        let mut table = table(&head);
        for row in &rows {
            let [prompt, response] = row.weights();
            let named = row.arm.kind == ArmKind::Weighting && analysis.has_one_series();
            let id = if named { row.short_name() } else { &row.arm.id };
            let cells = vec![
                shortened(&visible_line(id), ARM_CHARACTERS),
                prompt,
                response,
                row.seeds(),
                optional(row.value(Headline::Performance)),
                point(row.value(Headline::Perturbed)),
                point(row.value(Headline::WorstCase)),
                point(row.value(sensitivity)),
                change_cell(row.contrast(Headline::Performance)),
                change_cell(row.contrast(sensitivity)),
            ];
            add(&mut table, cells);
        }
        let title = format!("Weightings · {} · {}", benchmark.title, benchmark.metric);
        let _ = writeln!(out, "{}\n\n{}\n", shortened(&visible_line(&title), TITLE_CHARACTERS), text(&table));
    }
    let hidden = analysis.benchmarks.len().saturating_sub(most);
    if hidden > 0 {
        let _ = writeln!(out, "{} more in the other formats.\n", counted(hidden, "benchmark"));
    }
    let rows = analysis.benchmarks.first().map(|benchmark| lines(analysis, benchmark)).unwrap_or_default();
    let note = format!(
        "Δ: against {}, paired on instances. ▲ better or less sensitive, ▼ worse or more sensitive, ~ cannot be told \
         apart (Holm-adjusted), which is no evidence of equality. {}",
        visible_line(&reference_words(analysis)),
        seed_notes(&rows).join(" ")
    );
    out.push_str(&wrapped(&note, ""));
    out.push('\n');
}

/// A change with what may be said about it.
fn change_cell(contrast: Option<&Contrast>) -> String {
    let Some(contrast) = contrast else {
        return "–".to_owned();
    };
    let mark = match contrast.verdict {
        ContrastVerdict::Better => "▲",
        ContrastVerdict::Worse => "▼",
        ContrastVerdict::NotToldApart => "~",
        ContrastVerdict::Unknown => "?",
    };
    contrast
        .difference
        .estimate()
        .map_or_else(|| "–".to_owned(), |found| format!("{} {mark}", signed_plus_minus(found)))
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
