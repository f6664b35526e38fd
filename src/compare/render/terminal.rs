//! Tables for a terminal, at most 100 columns wide, without colours or escape codes.

use std::fmt::Write as _;

use comfy_table::Table;

use crate::analyze::number::{counted, figure, plus_minus, signed_with_interval};
use crate::report::terminal::layout::{add, table, text, title, wrapped};
use crate::report::text::{shortened, visible_line};

use super::super::words::{correction_words, p_words};
use super::flips::{FlipView, counts, flip_views};
use super::{ComparedTask, Comparison, legend, task_title};
use crate::compare::ComparedMeasure;

/// Tasks whose perturbations and measures a terminal shows.
const MOST_TASKS: usize = 6;

/// Tasks and means in one table.
const MOST_ROWS: usize = 60;

/// Characters of a name beside its numbers.
const NAME_CHARACTERS: usize = 22;

/// Characters of an answer or an explanation.
const ANSWER_CHARACTERS: usize = 160;

/// The whole comparison, the summary first.
pub(super) fn render(comparison: &Comparison) -> String {
    let mut out = wrapped(&visible_line(&comparison.summary), "");
    out.push('\n');
    for note in &comparison.notes {
        out.push_str(&wrapped(&visible_line(note), "  ! "));
    }
    if !comparison.notes.is_empty() {
        out.push('\n');
    }
    performance(&mut out, comparison);
    for task in comparison.tasks.iter().filter(|task| task.primary).take(MOST_TASKS) {
        details(&mut out, comparison, task);
    }
    let hidden = comparison.primary().count().saturating_sub(MOST_TASKS);
    if hidden > 0 {
        let _ = writeln!(out, "Perturbations and measures of {} more in the other formats.\n", counted(hidden, "task"));
    }
    items(&mut out, comparison);
    out.push_str("In words\n\n");
    for finding in &comparison.findings {
        out.push_str(&wrapped(&visible_line(finding), "  · "));
    }
    out.push('\n');
    out.push_str(&wrapped(&legend(comparison), ""));
    out
}

/// A row's name with its measure.
type Row<'a> = (String, &'a ComparedMeasure);

/// Means over tasks, then tasks.
fn performance(out: &mut String, comparison: &Comparison) {
    let means = comparison.means.iter().filter_map(|mean| Some((mean.title.clone(), mean.measures.first()?)));
    let means = means.collect::<Vec<_>>();
    section(out, "Means over tasks", &means);
    let tasks = comparison.tasks.iter().filter_map(|task| {
        let several = comparison.tasks.iter().any(|other| other.task == task.task && !other.primary);
        let name = if several { format!("{} {}", task.title, task.metric) } else { task.title.clone() };
        Some((task.primary, (name, task.measures.first()?)))
    });
    let (own, further): (Vec<_>, Vec<_>) = tasks.partition(|(primary, _)| *primary);
    section(out, "Performance on the original wording", &own.into_iter().map(|(_, row)| row).collect::<Vec<_>>());
    section(out, "Further metrics", &further.into_iter().map(|(_, row)| row).collect::<Vec<_>>());
}

fn details(out: &mut String, comparison: &Comparison, task: &ComparedTask) {
    let name = task_title(comparison, task);
    let measures = task.measures.iter().skip(1).map(|entry| (entry.measure.title().to_owned(), entry));
    section(out, &format!("Over all wordings · {name}"), &measures.collect::<Vec<_>>());
    let named = |entry: &ComparedMeasure| entry.perturbation.clone().unwrap_or_default();
    let rows = task.perturbations.iter().map(|entry| (named(entry), entry));
    section(out, &format!("Performance by perturbation · {name}"), &rows.collect::<Vec<_>>());
}

/// A titled table; nothing where there are no rows.
fn section(out: &mut String, heading: &str, rows: &[Row<'_>]) {
    if rows.is_empty() {
        return;
    }
    let mut table = table(&["", "baseline", "candidate", "difference", "p adj.", "verdict", "MDE"]);
    for (name, entry) in rows.iter().take(MOST_ROWS) {
        row(&mut table, name, entry);
    }
    let entries = rows.iter().map(|(_, entry)| *entry).collect::<Vec<_>>();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}\n\n{}\n", title(heading), text(&table));
    if rows.len() > MOST_ROWS {
        let _ = writeln!(out, "{} more in the other formats.", counted(rows.len() - MOST_ROWS, "row"));
    }
    let _ = writeln!(out, "{}.\n", correction_words(&entries));
}

fn row(table: &mut Table, name: &str, entry: &ComparedMeasure) {
    let number = |measure: &crate::sensitivity::Measure| measure.estimate().map_or_else(dash, plus_minus);
    let cells = vec![
        shortened(&visible_line(name), NAME_CHARACTERS),
        number(&entry.baseline),
        number(&entry.candidate),
        entry.difference.estimate().map_or_else(dash, signed_with_interval),
        entry.p_adjusted.map_or_else(dash, |p| p_words(p).replace("below ", "<")),
        entry.words().to_owned(),
        entry.minimum_detectable_effect.map_or_else(dash, figure),
    ];
    add(table, cells);
}

fn dash() -> String {
    "–".to_owned()
}

/// The items whose credit differs: counts of every task, then those that are shown.
fn items(out: &mut String, comparison: &Comparison) {
    let flips = comparison.tasks.iter().filter_map(|task| Some((task, task.flips.as_ref()?))).collect::<Vec<_>>();
    if flips.is_empty() {
        return;
    }
    out.push_str("Items on the original wording\n\n");
    for (task, flips) in flips {
        out.push_str(&wrapped(&format!("{}: {}", visible_line(&task.title), counts(flips)), "  "));
    }
    out.push('\n');
    let views = flip_views(comparison);
    for view in &views {
        item(out, view);
    }
    if !views.is_empty() {
        out.push_str("Prompts, replies and every other item: html and json.\n\n");
    }
}

fn item(out: &mut String, view: &FlipView<'_>) {
    let head = format!("{}, {}", view.item.instance, view.change());
    out.push_str(&wrapped(&visible_line(&head), "  · "));
    let said = |text: &str| shortened(&visible_line(text), ANSWER_CHARACTERS);
    out.push_str(&wrapped(&format!("expected: {}", said(&view.shown.expected)), "    "));
    for (name, exchange) in view.sides() {
        let answer = if exchange.answer.is_empty() { &exchange.reply } else { &exchange.answer };
        let line = format!("{name}: {}, {}", said(answer), said(&exchange.explanation));
        out.push_str(&wrapped(&line, "    "));
    }
    out.push('\n');
}
