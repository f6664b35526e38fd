//! GitHub-flavoured Markdown, short enough for a comment on a pull request.

mod checkpoints;
mod flips;
pub(crate) mod prose;
mod sections;
mod weightings;

use std::fmt::Write as _;

use crate::analyze::Analysis;
use crate::analyze::number::{counted, percent};

use super::headline::{headline, weighting_text};
use super::tables::{self, Answer};
use super::text::{markdown_block, markdown_code, shortened};
use super::weighting_lines::is_folded;
use prose::prose;

/// Characters that a report never exceeds: a forge refuses comments of more than 65,536.
pub const MARKDOWN_CHARACTERS: usize = 65_000;

/// Room for the note of what was left out.
const NOTE_CHARACTERS: usize = 300;

/// Characters of a statement.
const STATEMENT_CHARACTERS: usize = 2_000;

/// What gives way first where there is no room for everything: the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// What to do, and reasons not to.
    Answer,
    /// Tables that answer a question, and provenance.
    Table,
    /// Tables behind them.
    Detail,
    /// Prompts and replies.
    Text,
}

/// A report in pieces, each of which is Markdown that is closed in itself.
#[derive(Default)]
struct Document {
    pieces: Vec<(Rank, String)>,
}

impl Document {
    fn add(&mut self, rank: Rank, piece: String) {
        self.pieces.push((rank, piece));
    }

    /// The pieces that fit, in order, with a note of how many do not.
    fn finish(self) -> String {
        let mut order = (0..self.pieces.len()).collect::<Vec<_>>();
        order.sort_by_key(|place| self.pieces.get(*place).map(|(rank, _)| *rank));
        let mut room = MARKDOWN_CHARACTERS - NOTE_CHARACTERS;
        let mut kept = std::collections::BTreeSet::new();
        for place in order {
            let length = self.pieces.get(place).map_or(0, |(_, piece)| piece.chars().count());
            if length <= room {
                room -= length;
                kept.insert(place);
            }
        }
        let left_out = self.pieces.len() - kept.len();
        let pieces = self.pieces.into_iter().enumerate().filter(|(place, _)| kept.contains(place));
        let mut out = pieces.map(|(_, (_, piece))| piece).collect::<String>();
        if left_out > 0 {
            let parts = counted(left_out, "part");
            let _ = writeln!(
                out,
                "\n**Shortened:** {parts} of this report did not fit the {MARKDOWN_CHARACTERS} characters that a forge's comment \
                 may have. The HTML, JSON and CSV reports hold everything."
            );
        }
        out
    }
}

/// The whole report: what to do, tables, then texts.
pub(super) fn render(analysis: &Analysis) -> String {
    let mut document = Document::default();
    document.add(Rank::Answer, "# Evaluation: performance and prompt sensitivity\n\n".to_owned());
    for note in &analysis.notes {
        document.add(Rank::Answer, format!("> {}\n\n", prose(&shortened(note, STATEMENT_CHARACTERS))));
    }
    let answer = Answer::of(analysis);
    sections::answer(&mut document, &answer);
    sections::sections(&mut document, analysis);
    if let Some(compared) = &analysis.weightings {
        weightings::weightings(&mut document, compared);
    }
    if is_folded(analysis) {
        let number = analysis.checkpoints.len();
        document.add(
            Rank::Table,
            format!("\nThe tables of {number} checkpoints stand in the HTML, JSON and CSV reports.\n"),
        );
    } else {
        checkpoints::checkpoints(&mut document, analysis, &headline(analysis));
        flips::flips(&mut document, analysis);
    }
    document.add(Rank::Table, provenance(analysis));
    document.finish()
}

fn provenance(analysis: &Analysis) -> String {
    let mut out = String::from("\n<details><summary>Provenance</summary>\n\n");
    for run in &analysis.runs {
        let _ = writeln!(
            out,
            "- run {}: {}, seed {}, run {}, questions {}\n",
            markdown_code(&run.name),
            markdown_code(&run.program),
            run.settings.seed.0,
            markdown_code(run.identity.short()),
            markdown_code(run.plan.short())
        );
        out.push_str(&markdown_block(&run.command));
        out.push('\n');
    }
    for checkpoint in &analysis.checkpoints {
        let _ = writeln!(
            out,
            "- {}: {}, digest {}",
            markdown_code(&checkpoint.id),
            weighting_text(checkpoint),
            markdown_code(checkpoint.checkpoint.digest.short())
        );
    }
    if let Some(section) = tables::scores(analysis) {
        sections::provenance(&mut out, &section);
    }
    let level = percent(analysis.level);
    let notes = if analysis.checkpoints.is_empty() {
        format!("Intervals are {level} intervals.")
    } else {
        format!(
            "Intervals are {level} intervals, clustered by instance. \\* the interval of the change excludes 0. Spread, \
             POSIX and flip rate: 0 is insensitive."
        )
    };
    let _ = writeln!(out, "\n{notes}\n\n</details>");
    out
}

/// How many entries are in the other formats only.
fn left_out(number: usize, what: &str) -> String {
    if number == 0 { String::new() } else { format!("\n{} more in the HTML report.\n", counted(number, what)) }
}
