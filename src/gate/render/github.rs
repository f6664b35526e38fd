//! GitHub's workflow commands: lines of a step's log that annotate the run.

use std::fmt::Write as _;

use super::terminal;
use crate::gate::results::Gate;
use crate::gate::verdict::{Overall, Verdict};
use crate::report::text::visible_line;

/// Annotations that are written one by one: the service shows ten of a kind for a step.
const SHOWN: usize = 9;

/// The terminal's text, and the annotations before its last line.
pub(super) fn render(gate: &Gate) -> String {
    let text = terminal::render(gate);
    let line = gate.conclusion.line();
    let head = text.trim_end().strip_suffix(&line).unwrap_or(&text);
    format!("{head}{}{line}\n", annotations(gate))
}

/// One command a check that is not unchanged, the worst first, and one for the verdict.
pub fn annotations(gate: &Gate) -> String {
    let mut out = String::new();
    let red = gate.policy.inconclusive.as_red();
    let kinds = [
        (Verdict::Regressed, "error"),
        (Verdict::Inconclusive, if red == Some(true) { "error" } else { "warning" }),
        (Verdict::Improved, "notice"),
    ];
    for (verdict, kind) in kinds {
        let checks = gate.checks.iter().filter(|check| check.verdict == verdict).collect::<Vec<_>>();
        for check in checks.iter().take(SHOWN) {
            let title = format!("{} {}: {}", check.subject, check.measure_words(), verdict.as_str());
            command(&mut out, kind, &title, &check.reason);
        }
        if let Some(more) = checks.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            command(&mut out, kind, verdict.as_str(), &format!("{more} more checks; see gate.json"));
        }
    }
    for missing in gate.missing.iter().take(SHOWN) {
        command(&mut out, "error", "gate: a required check is missing", missing);
    }
    let kind = match gate.conclusion.exit_code {
        0 if gate.conclusion.verdict == Overall::Inconclusive => "warning",
        0 => "notice",
        _ => "error",
    };
    command(&mut out, kind, "gate", &gate.conclusion.line());
    out
}

fn command(out: &mut String, kind: &str, title: &str, message: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "::{kind} title={}::{}", property(&literal(title)), data(&literal(message)));
}

/// A name as text.
fn literal(text: &str) -> String {
    terminal::harmless(&visible_line(text))
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_a_command_or_begin_another() {
        let mut out = String::new();
        command(&mut out, "error", "a,b::c\r\n::set-output name=x::y", "50 %\n::stop-commands::z");
        assert_eq!(out.lines().count(), 1);
        assert!(out.starts_with("::error title=a%2Cb%3A%3Ac"), "{out}");
        let message = out.trim_end().splitn(3, "::").last().unwrap_or_default();
        assert_eq!(message, "50 %25⏎::stop-commands::z");
    }
}
