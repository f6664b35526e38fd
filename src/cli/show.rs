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
        let line = format!("  {}{} │ {}", a.text, " ".repeat(width.saturating_sub(a.columns)), b.text);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[derive(Default)]
struct Line {
    text: String,
    columns: usize,
}

/// Breaks marked runs into lines of at most `width` characters, between words where it can.
fn lines(runs: &[Run], width: usize, colour: bool) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    for (mark, text) in joined(runs) {
        let (open, close) = if colour { colours(mark) } else { brackets(mark) };
        let marker_columns = if colour { 0 } else { open.chars().count() };
        for (index, paragraph) in text.split('\n').enumerate() {
            if index > 0 {
                lines.push(Line::default());
            }
            let mut rest = paragraph;
            while !rest.is_empty() {
                let used = lines.last().map_or(0, |line| line.columns) + 2 * marker_columns;
                let (part, tail) = fitting(rest, width.saturating_sub(used), used == 2 * marker_columns);
                if part.is_empty() {
                    lines.push(Line::default());
                    continue;
                }
                if let Some(line) = lines.last_mut() {
                    line.columns += part.chars().count() + 2 * marker_columns;
                    line.text.extend([open, part, close]);
                }
                rest = tail;
            }
        }
    }
    lines
}

/// Runs of one mark that follow each other, as one.
fn joined(runs: &[Run]) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::new();
    for (mark, text) in runs {
        match joined.last_mut() {
            Some((last, before)) if last == mark => before.push_str(text),
            _ => joined.push((*mark, text.clone())),
        }
    }
    joined
}

/// The longest beginning of `text` that fits into `room` characters, cut after a space if possible, and the rest. A
/// word that is longer than a whole line is cut where the line is full.
fn fitting(text: &str, room: usize, whole_line: bool) -> (&str, &str) {
    let Some((limit, _)) = text.char_indices().nth(room) else {
        return (text, "");
    };
    let (head, _) = text.split_at(limit);
    match head.rfind(' ') {
        Some(space) => text.split_at(space + 1),
        None if whole_line => text.split_at(limit.max(text.chars().next().map_or(0, char::len_utf8))),
        None => ("", text),
    }
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
        let words = side_by_side(&[(Mark::Plain, "one two three four five".to_owned())], &[], 16, false);
        assert_eq!(words, "  one two three    │\n  four five        │\n");
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
