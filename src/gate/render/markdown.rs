//! A gate as Markdown, for step summaries and pull requests.

use std::fmt::Write as _;

use super::terminal::{headline, legend, sight, tally};
use crate::analyze::number::figure;
use crate::gate::results::{CheckResult, Gate};
use crate::gate::verdict::Verdict;
use crate::gate::words::fine;
use crate::report::text::markdown_code;

/// Characters that a comment on a pull request may have, with room for a heading of the caller's own.
pub const MARKDOWN_LIMIT: usize = 65_000;

/// Room for what follows the rows.
const TAIL: usize = 4_000;

pub(super) fn render(gate: &Gate) -> String {
    let mut out = format!(
        "## Gate: {}\n\n{}: {}.\n\n",
        gate.conclusion.verdict.words(),
        headline(gate, markdown_code),
        tally(gate)
    );
    let mut checks = gate.checks.iter().collect::<Vec<_>>();
    // What is cut first, if anything, is what passed.
    checks.sort_by_key(|check| match check.verdict {
        Verdict::Regressed => 0,
        Verdict::Inconclusive => 1,
        Verdict::Improved => 2,
        Verdict::Unchanged => 3,
    });
    let (mut rows, mut reasons, mut left_out) = (String::new(), String::new(), 0);
    for check in checks {
        let (row, reason) = (row(check), reason(check));
        if out.len() + rows.len() + reasons.len() + row.len() + reason.len() + TAIL > MARKDOWN_LIMIT {
            left_out += 1;
            continue;
        }
        rows.push_str(&row);
        reasons.push_str(&reason);
    }
    if !rows.is_empty() {
        out.push_str("| verdict | of | measure | baseline | candidate | difference | margin | detects | needs |\n");
        out.push_str("| --- | --- | --- | ---: | ---: | --- | ---: | ---: | ---: |\n");
        out.push_str(&rows);
        out.push('\n');
    }
    if left_out > 0 {
        let _ = writeln!(out, "{left_out} more checks stand in `gate.json`.\n");
    }
    if !reasons.is_empty() {
        let _ = writeln!(out, "{reasons}");
    }
    for (word, lines) in [("Missing", &gate.missing), ("Not checked", &gate.left_out), ("Note", &gate.notes)] {
        for line in lines {
            let line = format!("- {word}: {}\n", markdown_code(line));
            if out.len() + line.len() + TAIL / 2 < MARKDOWN_LIMIT {
                out.push_str(&line);
            }
        }
    }
    let _ = writeln!(out, "\n{}\n\n**{}**", legend(gate), gate.conclusion.line());
    out
}

fn row(check: &CheckResult) -> String {
    let (detectable, needed) = sight(check);
    let bold = if check.verdict == Verdict::Regressed { "**" } else { "" };
    format!(
        "| {bold}{}{bold} | {} | {} | {} | {} | {} | {} | {detectable} | {needed} |\n",
        check.verdict.as_str(),
        markdown_code(&check.subject),
        markdown_code(&check.measure_words()),
        figure(check.baseline),
        figure(check.candidate),
        check.difference_words(),
        fine(check.margin),
    )
}

fn reason(check: &CheckResult) -> String {
    if check.verdict == Verdict::Unchanged {
        return String::new();
    }
    let (subject, measure) = (markdown_code(&check.subject), markdown_code(&check.measure_words()));
    format!("- {} {subject}, {measure}: {}\n", check.verdict.as_str(), check.reason)
}
