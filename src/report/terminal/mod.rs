//! Tables for a terminal, at most [`TERMINAL_WIDTH`] columns wide, without colours or escape codes.

mod checkpoints;
pub(crate) mod layout;
mod sections;
mod weightings;

use crate::analyze::Analysis;
use crate::analyze::number::percent;

use super::headline::headline;
use super::tables::Answer;
use super::text::visible_line;
use super::weighting_lines::is_folded;
use layout::wrapped;

/// Columns that every table fits in.
pub const TERMINAL_WIDTH: u16 = 100;

/// The whole report: the answer, tables, then what was found in words.
pub(super) fn render(analysis: &Analysis) -> String {
    let mut out = String::new();
    for note in &analysis.notes {
        out.push_str(&wrapped(&visible_line(note), ""));
        out.push('\n');
    }
    let answer = Answer::of(analysis);
    sections::answer(&mut out, &answer);
    sections::sections(&mut out, analysis);
    if let Some(compared) = &analysis.weightings {
        weightings::weightings(&mut out, compared);
    }
    let rows = headline(analysis);
    if is_folded(analysis) {
        let number = analysis.checkpoints.len();
        out.push_str(&wrapped(
            &format!("The tables of {number} checkpoints stand in the html, json and csv formats."),
            "",
        ));
        out.push('\n');
    } else if !analysis.checkpoints.is_empty() {
        checkpoints::checkpoints(&mut out, analysis, &rows);
    }
    statements(&mut out, &answer);
    if !rows.is_empty() {
        let notes = format!(
            "± longer side of the {} interval. ~ not distinguishable from chance. * interval of the change excludes 0. \
             flips: share of perturbed wordings that change an item's credit. Spread, POSIX, flips: 0 is insensitive. \
             worst: the extreme of several noisy numbers.",
            percent(analysis.level)
        );
        out.push('\n');
        out.push_str(&wrapped(&notes, ""));
    }
    out
}

/// Findings as a list, wrapped.
fn statements(out: &mut String, answer: &Answer<'_>) {
    if answer.results.is_empty() && answer.warnings.is_empty() {
        return;
    }
    out.push_str("In words\n\n");
    for (head, texts) in [("  · ", &answer.results), ("  ! ", &answer.warnings)] {
        for text in texts {
            out.push_str(&wrapped(&visible_line(text), head));
        }
    }
}
