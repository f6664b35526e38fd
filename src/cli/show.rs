//! Two texts side by side, with what is protected and what changed marked.

use std::fmt::Write as _;

use crate::perturb::diff::{DiffKind, word_diff};
use crate::perturb::protect::ProtectedText;
use crate::report::text::visible;

/// What a run of characters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    Protected,
    Removed,
    Added,
}

/// A marked run.
pub(super) type Run = (Mark, String);

/// The original: protected spans are marked.
pub(super) fn protected_runs(text: &ProtectedText) -> Vec<Run> {
    let mark = |reason: bool| if reason { Mark::Protected } else { Mark::Plain };
    text.marked().into_iter().map(|(reason, run)| (mark(reason.is_some()), visible(run))).collect()
}

/// A variant: what it removed and added is marked; spaces and line breaks in changes are made visible.
pub(super) fn changed_runs(original: &str, variant: &str) -> Vec<Run> {
    word_diff(original, variant)
        .into_iter()
        .map(|run| match run.kind {
            DiffKind::Same => (Mark::Plain, visible(&run.text)),
            DiffKind::Removed => (Mark::Removed, visible_spaces(&run.text)),
            DiffKind::Added => (Mark::Added, visible_spaces(&run.text)),
        })
        .collect()
}

fn visible_spaces(text: &str) -> String {
    let shown = visible(text);
    if shown.trim().is_empty() || shown.contains('\n') {
        shown.replace(' ', "·").replace('\t', "→").replace('\n', "⏎\n")
    } else {
        shown
    }
}

/// Lays two texts out in columns of `width` characters each.
pub(super) fn side_by_side(left: &[Run], right: &[Run], width: usize, colour: bool) -> String {
    let (left, right) = (lines(left, width, colour), lines(right, width, colour));
    let mut out = String::new();
    for index in 0..left.len().max(right.len()) {
        let empty = Line::default();
        let (a, b) = (left.get(index).unwrap_or(&empty), right.get(index).unwrap_or(&empty));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {}{} │ {}", a.text, " ".repeat(width.saturating_sub(a.columns)), b.text.trim_end());
    }
    out
}

#[derive(Default)]
struct Line {
    text: String,
    columns: usize,
}

/// Breaks marked runs into lines of at most `width` characters.
fn lines(runs: &[Run], width: usize, colour: bool) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    for (mark, text) in runs {
        let (open, close) = if colour { colours(*mark) } else { brackets(*mark) };
        let marker_columns = if colour { 0 } else { open.chars().count() };
        for (index, piece) in text.split('\n').enumerate() {
            if index > 0 {
                lines.push(Line::default());
            }
            let mut characters = piece.chars().peekable();
            while characters.peek().is_some() {
                if lines.last().is_none_or(|line| line.columns + 2 * marker_columns >= width) {
                    lines.push(Line::default());
                }
                let Some(line) = lines.last_mut() else { break };
                let room = width.saturating_sub(line.columns + 2 * marker_columns).max(1);
                let part: String = characters.by_ref().take(room).collect();
                line.columns += part.chars().count() + 2 * marker_columns;
                line.text.extend([open, part.as_str(), close]);
            }
        }
    }
    lines
}

fn brackets(mark: Mark) -> (&'static str, &'static str) {
    match mark {
        Mark::Plain => ("", ""),
        Mark::Protected => ("⟦", "⟧"),
        Mark::Removed => ("[-", "-]"),
        Mark::Added => ("{+", "+}"),
    }
}

fn colours(mark: Mark) -> (&'static str, &'static str) {
    match mark {
        Mark::Plain => ("", ""),
        Mark::Protected => ("\u{1b}[36m", "\u{1b}[0m"),
        Mark::Removed => ("\u{1b}[9;31m", "\u{1b}[0m"),
        Mark::Added => ("\u{1b}[1;32m", "\u{1b}[0m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_marked_and_long_lines_wrap_within_the_column() {
        let left = [(Mark::Plain, "What is ".to_owned()), (Mark::Protected, "12".to_owned())];
        let right = changed_runs("What is 12", "Waht is 12");
        let shown = side_by_side(&left, &right, 16, false);
        assert_eq!(shown, "  What is ⟦12⟧     │ [-What-]{+Waht+}\n                   │  is 12\n");
        for line in side_by_side(&[(Mark::Plain, "x".repeat(50))], &[], 16, false).lines() {
            assert!(line.chars().count() <= 2 + 16 + 3, "{line}");
        }
    }

    #[test]
    fn an_added_space_can_be_seen_and_an_escape_code_cannot_act() {
        let runs = changed_runs("a b", "a  b");
        assert!(runs.iter().any(|(mark, text)| *mark == Mark::Added && text.contains("··")), "{runs:?}");
        let hostile = changed_runs("\u{1b}[2J", "x");
        assert!(hostile.iter().all(|(_, text)| !text.contains('\u{1b}')));
    }
}
