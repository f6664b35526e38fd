//! The answer, and the tables of the weighting picture that a terminal has room for.

use std::fmt::Write as _;

use crate::analyze::Analysis;
use crate::analyze::number::counted;
use crate::report::tables::{Answer, BARE, Cell, Table, scores, sections as all_sections};
use crate::report::text::{shortened, visible_line};

use super::layout::{self, add_aligned, table, text, wrapped};

/// Sections whose first tables a terminal shows.
const SHOWN: [&str; 5] = ["best", "gains", "counts", "likelihoods", "published"];

/// Rows of a table that a terminal shows.
const MOST_ROWS: usize = 24;

/// Recommendations that a terminal shows.
const MOST_ADVICE: usize = 4;

/// Characters of a cell's words; they are wrapped.
const CELL_CHARACTERS: usize = 160;

/// What to do, and how firmly that may be said.
pub(super) fn answer(out: &mut String, answer: &Answer<'_>) {
    if !answer.advice.is_empty() {
        out.push_str("Recommendation\n\n");
    }
    for entry in answer.advice.iter().take(MOST_ADVICE) {
        let series = if entry.series.is_empty() { String::new() } else { format!("{}: ", entry.series) };
        let words = format!("{series}{} [{}]", entry.text, entry.firmness);
        out.push_str(&wrapped(&visible_line(&words), &format!("  {} ", entry.mark)));
    }
    let hidden = answer.advice.len().saturating_sub(MOST_ADVICE);
    if hidden > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {} more in the other formats.", counted(hidden, "recommendation"));
    }
    for words in &answer.lines {
        out.push_str(&wrapped(&visible_line(words), "  "));
    }
    if !answer.advice.is_empty() || !answer.lines.is_empty() {
        out.push('\n');
    }
    if let Some(table) = &answer.glance {
        show(out, table);
    }
}

/// Tables of the picture.
pub(super) fn sections(out: &mut String, analysis: &Analysis) {
    let mut hidden = Vec::new();
    for section in all_sections(analysis).iter().chain(&scores(analysis)) {
        if !SHOWN.contains(&section.id) && section.id != "scores" {
            hidden.push(section.title);
            continue;
        }
        for table in section.tables.iter().filter(|table| !table.is_detail) {
            show(out, table);
        }
        if section.id == "published" {
            for note in &section.notes {
                out.push_str(&wrapped(&visible_line(note), "  · "));
            }
            out.push('\n');
        }
    }
    if !hidden.is_empty() {
        out.push_str(&wrapped(&format!("In the other formats: {}.", hidden.join("; ")), ""));
        out.push('\n');
    }
}

fn show(out: &mut String, shown: &Table) {
    let names = shown.columns.iter().map(|column| column.name).collect::<Vec<_>>();
    let mut drawn = table(&names);
    let is_bare = shown.is_bare();
    for row in shown.rows.iter().take(MOST_ROWS) {
        add_aligned(&mut drawn, row.iter().map(|cell| (written(cell, is_bare), matches!(cell, Cell::Name(_)))));
    }
    let _ = writeln!(out, "{}\n\n{}\n", layout::title(&shown.title), text(&drawn));
    let hidden = shown.rows.len().saturating_sub(MOST_ROWS);
    if hidden > 0 {
        let _ = writeln!(out, "{} more in the other formats.\n", counted(hidden, "row"));
    }
    if is_bare {
        out.push_str(&wrapped(BARE, ""));
        out.push('\n');
    }
}

/// A cell on one line: a number with its interval, `(none)` where others of the table have one.
fn written(cell: &Cell, is_bare: bool) -> String {
    match (cell, cell.interval()) {
        (Cell::Number { .. }, Some(interval)) => format!("{} {interval}", cell.point()),
        (Cell::Number { .. }, None) if cell.lacks_interval() && !is_bare => format!("{} (no interval)", cell.point()),
        _ => shortened(&visible_line(&cell.point()), CELL_CHARACTERS),
    }
}
