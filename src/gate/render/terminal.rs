//! A gate in a terminal, 100 columns wide.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, TableComponent, presets};

use crate::analyze::number::{count, counted, figure};
use crate::gate::results::{CheckResult, Gate};
use crate::gate::verdict::Verdict;
use crate::gate::words::fine;
use crate::report::TERMINAL_WIDTH;
use crate::report::text::visible_line;

/// What is checked, by whom against whom.
pub(super) fn headline(gate: &Gate, show: fn(&str) -> String) -> String {
    let side = |side: &crate::gate::Side| match (side.run.as_str(), side.checkpoint.as_str()) {
        (run, "") => show(run),
        ("", checkpoint) => show(checkpoint),
        (run, checkpoint) => format!("{} ({})", show(run), show(checkpoint)),
    };
    format!("candidate {} against baseline {}", side(&gate.candidate), side(&gate.baseline))
}

/// How to read the table.
pub(super) fn legend(gate: &Gate) -> String {
    format!(
        "Differences are candidate - baseline, paired, with {:.0} % intervals; an interval wholly within the margin is \
         not worse. Equal models fail with probability at most {} over all {}. detects: the smallest true drop found \
         with probability {}. needs: instances that find a drop of twice the margin with probability {}. Baseline \
         and candidate stand without intervals of their own; the difference has one.",
        100.0 * (1.0 - 2.0 * gate.alpha),
        gate.alpha,
        counted(gate.tests, "test"),
        gate.power,
        crate::gate::PLANNED_POWER,
    )
}

/// `2 regressed, 5 unchanged`.
pub(super) fn tally(gate: &Gate) -> String {
    let order = [Verdict::Regressed, Verdict::Inconclusive, Verdict::Improved, Verdict::Unchanged];
    let counts = order.into_iter().filter_map(|verdict| {
        let number = gate.checks.iter().filter(|check| check.verdict == verdict).count();
        (number > 0).then(|| format!("{number} {}", verdict.as_str()))
    });
    let counts = counts.collect::<Vec<_>>();
    if counts.is_empty() { "no check could be made".to_owned() } else { counts.join(", ") }
}

/// The smallest detectable drop, and the instances that a drop of twice the margin needs.
pub(super) fn sight(check: &CheckResult) -> (String, String) {
    let none = || "–".to_owned();
    (
        check.smallest_detectable_drop.map_or_else(none, fine),
        check.instances_for_twice_the_margin.map_or_else(none, count),
    )
}

pub(super) fn render(gate: &Gate) -> String {
    let mut out = wrapped(&format!("{}: {}", headline(gate, visible_line), tally(gate))) + "\n\n";
    if !gate.checks.is_empty() {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table.remove_style(TableComponent::HorizontalLines).set_width(TERMINAL_WIDTH);
        table.set_header(["verdict", "of", "measure", "base", "cand.", "difference", "margin", "detects", "needs"]);
        for check in &gate.checks {
            let (detectable, needed) = sight(check);
            table.add_row([
                check.verdict.as_str().to_owned(),
                harmless(&visible_line(&check.subject)),
                harmless(&visible_line(&check.measure_words())),
                figure(check.baseline),
                figure(check.candidate),
                check.difference_words(),
                fine(check.margin),
                detectable,
                needed,
            ]);
        }
        // The border stands before every line: a name that is broken over lines cannot begin one.
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((u16::from(index == 0), 1));
        }
        let _ = writeln!(out, "{table}\n");
    }
    for check in gate.checks.iter().filter(|check| check.verdict != Verdict::Unchanged) {
        let line = format!("{} {}: {}: {}", check.verdict.as_str(), check.subject, check.measure_words(), check.reason);
        let _ = writeln!(out, "{}", wrapped(&visible_line(&line)));
    }
    for (word, lines) in [("missing", &gate.missing), ("not checked", &gate.left_out), ("note", &gate.notes)] {
        for line in lines {
            let _ = writeln!(out, "{}", wrapped(&format!("{word}: {}", visible_line(line))));
        }
    }
    let _ = writeln!(out, "\n{}\n\n{}", wrapped(&legend(gate)), gate.conclusion.line());
    harmless(&out)
}

/// Text in which no name is a command to a runner that reads the log: `##[` acts wherever it stands, `::` at the beginning
/// of a line.
pub(super) fn harmless(text: &str) -> String {
    text.replace("##[", "## [")
}

/// Breaks a line between words; what follows the first begins with a mark, so that no name does.
fn wrapped(line: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in harmless(line).split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > usize::from(TERMINAL_WIDTH) {
            out.push_str("\n  | ");
            width = 4;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
    }
    out
}
