//! GitHub-flavoured Markdown, short enough for a pull request.

use std::fmt::Write as _;

use crate::analyze::number::{counted, figure, measure_with_interval, signed_with_interval};
use crate::report::markdown::prose::{header, line, prose};
use crate::report::text::{markdown_block, markdown_code, shortened};

use super::super::words::{correction_words, p_words};
use super::flips::{FlipView, counts, flip_views};
use super::{Comparison, legend, task_title};
use crate::compare::{ComparedMeasure, ComparedTask};

/// A forge's comment holds 65,536 characters; entities make text longer than it looks.
const MOST_CHARACTERS: usize = 64_000;

/// Characters that tables may take; the rest is for items.
const TABLE_CHARACTERS: usize = 48_000;

/// Characters of a prompt and of a reply.
const PROMPT_CHARACTERS: usize = 1_200;
const REPLY_CHARACTERS: usize = 600;

/// Characters of an answer, an explanation or an expectation.
const ANSWER_CHARACTERS: usize = 300;

/// Notes, findings and task names of this many characters in all are shown.
const WORD_CHARACTERS: usize = 12_000;

/// The whole comparison, the summary first.
pub(super) fn render(comparison: &Comparison) -> String {
    let mut out = String::from("# Comparison of two checkpoints\n\n");
    let _ = writeln!(out, "**{}**\n", prose(&shortened(&comparison.summary, WORD_CHARACTERS / 4)));
    for note in &comparison.notes {
        let note = format!("> {}\n\n", prose(&shortened(note, WORD_CHARACTERS / 8)));
        push(&mut out, &note, WORD_CHARACTERS / 2);
    }
    for finding in &comparison.findings {
        let finding = format!("- {}\n", prose(&shortened(finding, WORD_CHARACTERS / 8)));
        push(&mut out, &finding, WORD_CHARACTERS);
    }
    let mut hidden = 0;
    for (title, table) in tables(comparison) {
        let section = format!("\n## {title}\n\n{table}");
        hidden += usize::from(!push(&mut out, &section, TABLE_CHARACTERS));
    }
    if hidden > 0 {
        let _ = writeln!(out, "\n{} more in the other formats.", counted(hidden, "table"));
    }
    items(&mut out, comparison);
    let _ = writeln!(out, "\n{}", prose(&legend(comparison)));
    provenance(&mut out, comparison);
    out
}

/// Adds a piece where the whole stays short enough; says whether it did.
fn push(out: &mut String, piece: &str, most: usize) -> bool {
    let fits = out.chars().count() + piece.chars().count() <= most;
    if fits {
        out.push_str(piece);
    }
    fits
}

/// Titles and tables, most important first.
fn tables(comparison: &Comparison) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let means = comparison.means.iter().filter_map(|mean| Some((markdown_code(&mean.title), mean.measures.first()?)));
    out.push(("Means over tasks".to_owned(), table(&means.collect::<Vec<_>>())));
    let own = comparison.primary().filter_map(|task| Some((markdown_code(&task.title), task.measures.first()?)));
    out.push(("Performance on the original wording".to_owned(), table(&own.collect::<Vec<_>>())));
    for task in comparison.primary() {
        let title = named(comparison, task);
        let measures = task.measures.iter().skip(1).map(|entry| (entry.measure.title().to_owned(), entry));
        out.push((format!("Over all wordings: {title}"), table(&measures.collect::<Vec<_>>())));
        let name = |entry: &ComparedMeasure| markdown_code(entry.perturbation.as_deref().unwrap_or_default());
        let rows = task.perturbations.iter().map(|entry| (name(entry), entry)).collect::<Vec<_>>();
        out.push((format!("By perturbation: {title}"), table(&rows)));
    }
    let further = comparison.tasks.iter().filter(|task| !task.primary);
    let further = further.filter_map(|task| Some((named(comparison, task), task.measures.first()?)));
    out.push(("Further metrics".to_owned(), table(&further.collect::<Vec<_>>())));
    out.retain(|(_, table)| !table.is_empty());
    out
}

/// A task's title, metric and, where it has several, filter.
fn named(comparison: &Comparison, task: &ComparedTask) -> String {
    let title = task_title(comparison, task);
    title.split(" · ").map(markdown_code).collect::<Vec<_>>().join(" · ")
}

/// A table with its note; empty without rows. Names are already Markdown.
fn table(rows: &[(String, &ComparedMeasure)]) -> String {
    let mut out = String::new();
    if rows.is_empty() {
        return out;
    }
    header(&mut out, &["", "baseline", "candidate", "difference", "adjusted p", "verdict", "MDE"], 1);
    let dash = || "–".to_owned();
    for (name, entry) in rows {
        let verdict = entry.words();
        let told = verdict != "not told apart" && verdict != "not known";
        let cells = [
            name.clone(),
            measure_with_interval(&entry.baseline),
            measure_with_interval(&entry.candidate),
            entry.difference.estimate().map_or_else(dash, signed_with_interval),
            entry.p_adjusted.map_or_else(dash, p_words),
            if told { format!("**{verdict}**") } else { verdict.to_owned() },
            entry.minimum_detectable_effect.map_or_else(dash, figure),
        ];
        line(&mut out, &cells);
    }
    let entries = rows.iter().map(|(_, entry)| *entry).collect::<Vec<_>>();
    let _ = writeln!(out, "\n{}.", correction_words(&entries));
    out
}

/// Counts of every task, then the items that are shown, as many as fit.
fn items(out: &mut String, comparison: &Comparison) {
    let flips = comparison.tasks.iter().filter_map(|task| Some((task, task.flips.as_ref()?))).collect::<Vec<_>>();
    if flips.is_empty() {
        return;
    }
    out.push_str("\n## Items on the original wording\n\n");
    for (task, flips) in flips {
        let counted = format!("- {}: {}\n", markdown_code(&task.title), counts(flips));
        push(out, &counted, TABLE_CHARACTERS + 4_000);
    }
    let hidden = flip_views(comparison).iter().filter(|view| !push(out, &item(view), MOST_CHARACTERS - 5_000)).count();
    if hidden > 0 {
        let _ = writeln!(out, "\n{} more in the other formats.", counted(hidden, "item"));
    }
}

fn item(view: &FlipView<'_>) -> String {
    let code = |text: &str| markdown_code(&shortened(text, ANSWER_CHARACTERS));
    let mut out =
        format!("\n<details><summary>{}: {}</summary>\n\n", markdown_code(&view.item.instance), view.change());
    if !view.shown.expected.is_empty() {
        let _ = writeln!(out, "Expected {}.\n", code(&view.shown.expected));
    }
    out.push_str(&markdown_block(&shortened(&view.shown.baseline.prompt, PROMPT_CHARACTERS)));
    for (name, exchange) in view.sides() {
        let _ = writeln!(
            out,
            "\n{name}: credit {}, answer {}, {}\n",
            figure(exchange.credit),
            code(&exchange.answer),
            code(&exchange.explanation)
        );
        if !exchange.reply.is_empty() {
            out.push_str(&markdown_block(&shortened(&exchange.reply, REPLY_CHARACTERS)));
        }
    }
    out.push_str("\n</details>\n");
    out
}

fn provenance(out: &mut String, comparison: &Comparison) {
    out.push_str("\n| | run | checkpoint | weights | program |\n| --- | --- | --- | --- | --- |\n");
    for (name, side) in [("baseline", &comparison.baseline), ("candidate", &comparison.candidate)] {
        let cells = [
            name.to_owned(),
            markdown_code(&shortened(&side.run, 80)),
            markdown_code(&shortened(&side.checkpoint.label, 80)),
            markdown_code(side.checkpoint.digest.short()),
            markdown_code(&shortened(&side.program, 80)),
        ];
        line(out, &cells);
    }
}
