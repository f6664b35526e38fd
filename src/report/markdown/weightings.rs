//! The comparison of weightings: a table a benchmark.

use std::fmt::Write as _;

use crate::analyze::analysis::{Contrast, Headline, WeightingsAnalysis};
use crate::analyze::number::{counted, signed_with_interval};
use crate::report::text::markdown_code;
use crate::report::weighting_lines::{ArmLine, lines, reference_words, seed_notes, shown_sensitivity, verdict_words};

use super::prose::{header, line, optional, prose};
use super::{Document, Rank};

/// With more arms than this a pull request has no table of them.
const MOST_ARMS: usize = 120;

/// A table a benchmark, the first unfolded where it is short.
pub(super) fn weightings(document: &mut Document, analysis: &WeightingsAnalysis) {
    if analysis.arms.len() > MOST_ARMS {
        let arms = counted(analysis.arms.len(), "arm");
        document.add(Rank::Table, format!("\nThe numbers of {arms} stand in the HTML, JSON and CSV reports.\n"));
        return;
    }
    let lead = format!(
        "\n## Weightings\n\nChanges are against {}, paired on instances where there are records; verdicts are adjusted for the number of comparisons \
         (Holm). Two that cannot be told apart are not shown to be equal.\n\n",
        prose(&reference_words(analysis))
    );
    document.add(Rank::Table, lead);
    for (place, benchmark) in analysis.benchmarks.iter().enumerate() {
        let title = markdown_code(&format!("{} ({})", benchmark.title, benchmark.metric));
        let rows = lines(analysis, benchmark);
        let is_open = place == 0 && rows.len() <= MOST_OPEN_ROWS;
        let mut out =
            if is_open { format!("{title}\n\n") } else { format!("\n<details><summary>{title}</summary>\n\n") };
        weightings_table(&mut out, &rows, shown_sensitivity(benchmark));
        if !is_open {
            out.push_str("\n</details>\n");
        }
        if place == 0 {
            for note in seed_notes(&rows) {
                let _ = writeln!(out, "\n{note}");
            }
        }
        document.add(if place == 0 { Rank::Table } else { Rank::Detail }, out);
    }
}

/// Rows of a table that a pull request shows unfolded.
const MOST_OPEN_ROWS: usize = 12;

fn weightings_table(out: &mut String, rows: &[ArmLine<'_>], sensitivity: Headline) {
    let change = format!("change in {}", sensitivity.title());
    header(
        out,
        &[
            "arm",
            "λp",
            "λr",
            "name",
            "seeds",
            "performance",
            "perturbed",
            "worst case",
            sensitivity.title(),
            "change in performance",
            &change,
        ],
        4,
    );
    for row in rows {
        let [prompt, response] = row.weights();
        let value = |headline| optional(row.value(headline));
        line(
            out,
            &[
                markdown_code(&row.arm.id),
                prompt,
                response,
                row.name().to_owned(),
                row.seeds(),
                value(Headline::Performance),
                value(Headline::Perturbed),
                value(Headline::WorstCase),
                value(sensitivity),
                change_cell(Headline::Performance, row.contrast(Headline::Performance)),
                change_cell(sensitivity, row.contrast(sensitivity)),
            ],
        );
    }
}

/// A change with what may be said about it.
fn change_cell(headline: Headline, contrast: Option<&Contrast>) -> String {
    let cell = |contrast: &Contrast| {
        let change = signed_with_interval(contrast.difference.estimate()?);
        Some(format!("{change} {}", verdict_words(headline, contrast.verdict)))
    };
    contrast.and_then(cell).unwrap_or_else(|| "–".to_owned())
}
