//! The comparison of weightings: a table a benchmark.

use std::fmt::Write as _;

use crate::analyze::analysis::{ArmKind, Contrast, ContrastVerdict, Headline, WeightingsAnalysis};
use crate::analyze::number::{counted, signed_plus_minus};
use crate::report::perturbation_cells::point;
use crate::report::text::{shortened, visible_line};
use crate::report::weighting_lines::{lines, reference_words, seed_notes, shown_sensitivity};

use super::layout::{self, add, optional, table, text, wrapped};

/// Benchmarks whose comparison of weightings a terminal shows; the mean over all of them is the first.
const MOST_BENCHMARKS: usize = 4;

/// With more arms than this a terminal shows the first benchmark only.
const MANY_ARMS: usize = 12;

/// With more arms than this it shows no table of them.
const TOO_MANY_ARMS: usize = 80;

/// Characters of an arm's name beside its numbers.
const ARM_CHARACTERS: usize = 16;

/// A table a benchmark: what each weighting did, against its reference.
pub(super) fn weightings(out: &mut String, analysis: &WeightingsAnalysis) {
    if analysis.arms.len() > TOO_MANY_ARMS {
        let _ = writeln!(
            out,
            "The numbers of {} stand in the html, json and csv formats.\n",
            counted(analysis.arms.len(), "arm")
        );
        return;
    }
    let most = if analysis.arms.len() > MANY_ARMS { 1 } else { MOST_BENCHMARKS };
    for benchmark in analysis.benchmarks.iter().take(most) {
        let rows = lines(analysis, benchmark);
        let sensitivity = shown_sensitivity(benchmark);
        let change = format!("Δ {}", sensitivity.title());
        let head =
            ["", "λp", "λr", "seeds", "performance", "perturbed", "worst", sensitivity.title(), "Δ perform.", &change];
        let mut table = table(&head);
        for row in &rows {
            let [prompt, response] = row.weights();
            let named = row.arm.kind == ArmKind::Weighting && analysis.has_one_series();
            let id = if named { row.short_name() } else { &row.arm.id };
            let cells = vec![
                shortened(&visible_line(id), ARM_CHARACTERS),
                prompt,
                response,
                row.seeds(),
                optional(row.value(Headline::Performance)),
                point(row.value(Headline::Perturbed)),
                point(row.value(Headline::WorstCase)),
                point(row.value(sensitivity)),
                change_cell(row.contrast(Headline::Performance)),
                change_cell(row.contrast(sensitivity)),
            ];
            add(&mut table, cells);
        }
        let title = format!("Weightings · {} · {}", benchmark.title, benchmark.metric);
        let _ = writeln!(out, "{}\n\n{}\n", layout::title(&title), text(&table));
    }
    let hidden = analysis.benchmarks.len().saturating_sub(most);
    if hidden > 0 {
        let _ = writeln!(out, "{} more in the other formats.\n", counted(hidden, "benchmark"));
    }
    let rows = analysis.benchmarks.first().map(|benchmark| lines(analysis, benchmark)).unwrap_or_default();
    let note = format!(
        "Δ: against {}, paired on instances where there are records. ▲ better or less sensitive, ▼ worse or more sensitive, ~ cannot be told \
         apart (Holm-adjusted), which is no evidence of equality. {}",
        visible_line(&reference_words(analysis)),
        seed_notes(&rows).join(" ")
    );
    out.push_str(&wrapped(&note, ""));
    out.push('\n');
}

/// A change with what may be said about it.
fn change_cell(contrast: Option<&Contrast>) -> String {
    let Some(contrast) = contrast else {
        return "–".to_owned();
    };
    let mark = match contrast.verdict {
        ContrastVerdict::Better => "▲",
        ContrastVerdict::Worse => "▼",
        ContrastVerdict::NotToldApart => "~",
        ContrastVerdict::Unknown => "?",
    };
    contrast
        .difference
        .estimate()
        .map_or_else(|| "–".to_owned(), |found| format!("{} {mark}", signed_plus_minus(found)))
}
