//! The answer, and the tables of the weighting picture.

use std::fmt::Write as _;

use crate::analyze::Analysis;
use crate::analyze::number::counted;
use crate::report::tables::{Advice, Answer, BARE, Cell, Section, Table, left_out, sections as all_sections};
use crate::report::text::{markdown_code, shortened};

use super::prose::{header, line, prose};
use super::{Document, Rank, STATEMENT_CHARACTERS};

/// What to do and how firmly that may be said, what was found, and reasons to trust it less.
pub(super) fn answer(document: &mut Document, answer: &Answer<'_>) {
    if !answer.advice.is_empty() {
        document.add(Rank::Answer, "## Recommendation\n\n".to_owned());
    }
    let (open, folded) = answer.advice.split_at(answer.advice.len().min(MOST_OPEN_ADVICE));
    for entry in open {
        document.add(Rank::Answer, advice(entry, STATEMENT_CHARACTERS));
    }
    if !folded.is_empty() {
        let entries = folded.iter().take(MOST_FOLDED_ADVICE).map(|entry| advice(entry, FOLDED_CHARACTERS));
        let more = counted(folded.len(), "more grid");
        let body = entries.collect::<String>();
        document.add(Rank::Table, format!("\n<details><summary>{more}</summary>\n\n{body}\n</details>\n"));
    }
    for words in &answer.lines {
        document.add(Rank::Answer, format!("- {}\n", prose(&shortened(words, STATEMENT_CHARACTERS))));
    }
    if let Some(table) = &answer.glance {
        let mut out = String::from("\n");
        let is_long = table.rows.len() > MOST_OPEN_ROWS;
        show(&mut out, table, is_long);
        document.add(Rank::Table, out);
    }
    let statements = [("", &answer.results), ("**Warning:** ", &answer.warnings)];
    if statements.iter().any(|(_, texts)| !texts.is_empty()) {
        document.add(Rank::Answer, "\n## In words\n\n".to_owned());
    }
    for (head, texts) in statements {
        for text in texts {
            document.add(Rank::Answer, format!("- {head}{}\n", prose(&shortened(text, STATEMENT_CHARACTERS))));
        }
    }
}

fn advice(entry: &Advice<'_>, characters: usize) -> String {
    let series = if entry.series.is_empty() { String::new() } else { format!("{}: ", markdown_code(&entry.series)) };
    let text = prose(&shortened(&entry.text, characters));
    format!("- {} **{}** – {series}{text}\n", entry.mark, entry.firmness)
}

/// Recommendations that a pull request shows unfolded.
const MOST_OPEN_ADVICE: usize = 4;

/// Recommendations behind them.
const MOST_FOLDED_ADVICE: usize = 30;

/// Characters of each of these.
const FOLDED_CHARACTERS: usize = 600;

/// Rows of a table that a pull request shows unfolded.
const MOST_OPEN_ROWS: usize = 20;

/// All sections: the first table of each open where it is short.
pub(super) fn sections(document: &mut Document, analysis: &Analysis) {
    for section in all_sections(analysis) {
        document.add(Rank::Table, format!("\n## {}\n\n{}\n", section.title, section.lead));
        for table in &section.tables {
            let mut out = String::from("\n");
            show(&mut out, table, table.is_detail || table.rows.len() > MOST_OPEN_ROWS);
            document.add(if table.is_detail { Rank::Detail } else { Rank::Table }, out);
        }
        notes(document, &section.notes);
    }
    if !left_out(analysis).is_empty() {
        document.add(Rank::Table, "\n## Left out\n\n".to_owned());
        for text in left_out(analysis) {
            document.add(Rank::Table, format!("- {}\n", prose(&shortened(text, STATEMENT_CHARACTERS))));
        }
    }
}

fn notes(document: &mut Document, notes: &[String]) {
    if !notes.is_empty() {
        document.add(Rank::Table, "\n".to_owned());
    }
    for note in notes {
        document.add(Rank::Table, format!("- {}\n", prose(&shortened(note, STATEMENT_CHARACTERS))));
    }
}

/// The tables of a section without its heading, for the folded provenance.
pub(super) fn provenance(out: &mut String, section: &Section) {
    for table in &section.tables {
        out.push('\n');
        show(out, table, false);
    }
    out.push('\n');
}

fn show(out: &mut String, table: &Table, is_folded: bool) {
    let title = prose(&table.title);
    // Writing to a String cannot fail.
    let _ =
        if is_folded { writeln!(out, "<details><summary>{title}</summary>\n") } else { writeln!(out, "**{title}**\n") };
    let is_bare = table.is_bare();
    if is_bare {
        let _ = writeln!(out, "{BARE}\n");
    }
    let names = table.columns.iter().map(|column| column.name).collect::<Vec<_>>();
    header(out, &names, 1);
    for row in &table.rows {
        line(out, &row.iter().map(|cell| written(cell, is_bare)).collect::<Vec<_>>());
    }
    if is_folded {
        out.push_str("\n</details>\n");
    }
}

/// Characters of a name in a cell.
const NAME_CHARACTERS: usize = 300;

fn written(cell: &Cell, is_bare: bool) -> String {
    match cell {
        Cell::Name(text) if text.is_empty() => String::new(),
        Cell::Name(text) => markdown_code(&shortened(text, NAME_CHARACTERS)),
        Cell::Words(text) => prose(text),
        Cell::Number { .. } => match cell.interval() {
            Some(interval) => format!("{} {interval}", cell.point()),
            None if cell.lacks_interval() && !is_bare => format!("{} (no interval)", cell.point()),
            None => cell.point(),
        },
    }
}
