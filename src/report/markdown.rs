//! GitHub-flavoured Markdown, short enough for a pull request.

use std::fmt::Write as _;

use crate::analyze::Analysis;
use crate::analyze::analysis::{Contrast, Headline, PerturbationAnalysis, Severity, WeightingsAnalysis};
use crate::analyze::number::{count, counted, figure, measure_with_interval, percent, signed_with_interval};
use crate::perturb::diff::{DiffKind, DiffRun};
use crate::sensitivity::Measure;

use super::flip_view::{FlipView, flip_views};
use super::headline::{HeadlineRow, headline, weighting_text};
use super::perturbation_cells::{index_points, marked_change, point};
use super::text::{markdown_block, markdown_code, shortened, visible};
use super::weighting_lines::{
    ArmLine, is_folded, lines, reference_words, seed_notes, shown_sensitivity, verdict_words,
};

/// Characters of a reply that a pull request shows.
const REPLY_CHARACTERS: usize = 600;

/// Characters of unchanged prompt kept beside a change.
const CONTEXT_CHARACTERS: usize = 60;

/// Perturbation tables that a pull request shows.
const MOST_TABLES: usize = 20;

/// Flipped instances that a pull request shows.
const MOST_FLIPS: usize = 10;

/// The whole report.
pub(super) fn render(analysis: &Analysis) -> String {
    let mut out = String::from("# Evaluation: performance and prompt sensitivity\n\n");
    for note in &analysis.notes {
        let _ = writeln!(out, "> {}\n", prose(note));
    }
    statements(&mut out, analysis);
    let rows = headline(analysis);
    if let Some(compared) = &analysis.weightings {
        weightings(&mut out, compared);
    }
    if is_folded(analysis) {
        let _ = writeln!(
            out,
            "\nThe tables of {} checkpoints stand in the HTML, JSON and CSV reports.",
            analysis.checkpoints.len()
        );
    } else {
        checkpoints(&mut out, analysis, &rows);
    }
    provenance(&mut out, analysis);
    out
}

/// What the numbers of verified and judged tasks are made of.
fn breakdowns(out: &mut String, analysis: &Analysis) {
    for checkpoint in &analysis.checkpoints {
        for task in &checkpoint.tasks {
            let Some(table) = &task.breakdown else { continue };
            let title = format!("{} · {} · {}", checkpoint.id, task.title, table.title);
            let _ = writeln!(out, "\n<details><summary>{}</summary>\n", markdown_code(&title));
            let columns = std::iter::once("").chain(table.columns.iter().map(String::as_str)).collect::<Vec<_>>();
            header(out, &columns, 1);
            for row in &table.rows {
                let values = row.values.iter().map(measure_with_interval);
                line(out, &std::iter::once(markdown_code(&row.name)).chain(values).collect::<Vec<_>>());
            }
            for note in &table.notes {
                let _ = writeln!(out, "\n{}", prose(note));
            }
            out.push_str("\n</details>\n");
        }
    }
}

/// Headline, groups, perturbations and flipped instances of every checkpoint.
fn checkpoints(out: &mut String, analysis: &Analysis, rows: &[HeadlineRow<'_>]) {
    out.push_str("\n## Headline\n\n");
    headline_table(out, rows);
    groups(out, analysis);
    breakdowns(out, analysis);
    out.push_str("\n## Perturbations\n");
    let perturbed = rows.iter().filter(|row| !row.metric.perturbations.is_empty()).collect::<Vec<_>>();
    for row in perturbed.iter().take(MOST_TABLES) {
        perturbations(out, row);
    }
    left_out(out, perturbed.len().saturating_sub(MOST_TABLES), "table");
    flips(out, analysis);
}

/// A line of a table. Cells are already Markdown.
fn line(out: &mut String, cells: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn header(out: &mut String, names: &[&str], text_columns: usize) {
    line(out, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let rules = (0..names.len()).map(|place| if place < text_columns { "---" } else { "--:" }.to_owned());
    line(out, &rules.collect::<Vec<_>>());
}

fn statements(out: &mut String, analysis: &Analysis) {
    for finding in &analysis.findings {
        let warning = if finding.severity == Severity::Warning { "**Warning:** " } else { "" };
        let _ = writeln!(out, "- {warning}{}", prose(&finding.text));
    }
}

/// A sentence with names from outside in it. Everything that Markdown or a forge would act on becomes an entity or is
/// split from what makes it act; underscores inside words, and brackets of intervals, act on nothing and stay.
fn prose(text: &str) -> String {
    let text = super::text::visible_line(text);
    let mut out = String::new();
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        let harmless = match c {
            '_' => before.is_alphanumeric() && after.is_alphanumeric(),
            '[' => after.is_ascii_digit() || after == '-',
            ']' => !matches!(after, '(' | '[' | ':'),
            ':' => after == ' ',
            '\\' | '`' | '*' | '{' | '}' | '<' | '>' | '|' | '~' | '&' | '!' | '$' | '@' | '#' => false,
            _ => true,
        };
        if harmless {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
        if matches!(c, '@' | '#') {
            // A word joiner keeps a forge from taking the rest for a mention or an issue.
            out.push('\u{2060}');
        }
        before = c;
    }
    out.replace("www.", "www&#46;")
}

fn optional(measure: Option<&Measure>) -> String {
    measure.map_or_else(|| "–".to_owned(), measure_with_interval)
}

fn headline_table(out: &mut String, rows: &[HeadlineRow<'_>]) {
    header(
        out,
        &[
            "checkpoint",
            "task",
            "metric",
            "performance",
            "chance",
            "worst variant",
            "spread",
            "POSIX",
            "flip rate",
            "n",
        ],
        3,
    );
    for row in rows {
        line(
            out,
            &[
                markdown_code(&row.checkpoint.id),
                markdown_code(&row.task.title),
                markdown_code(&row.metric_name()),
                measure_with_interval(&row.metric.original),
                row.task.chance.map_or_else(|| "–".to_owned(), |chance| format!("{chance:.3}")),
                row.worst().map_or_else(
                    || "–".to_owned(),
                    |(point, name)| format!("{} {}", figure(point), markdown_code(&name)),
                ),
                optional(row.spread()),
                measure_with_interval(&row.task.posix.index),
                optional(row.flip_rate()),
                count(row.metric.original.estimate().map_or(0, |estimate| estimate.n)),
            ],
        );
    }
}

fn weightings(out: &mut String, analysis: &WeightingsAnalysis) {
    let _ = writeln!(
        out,
        "\n## Weightings\n\nChanges are against {}, paired on instances; verdicts are adjusted for the number of comparisons \
         (Holm). Two that cannot be told apart are not shown to be equal.\n",
        prose(&reference_words(analysis))
    );
    for (place, benchmark) in analysis.benchmarks.iter().enumerate() {
        let title = format!("{} ({})", benchmark.title, benchmark.metric);
        if place == 0 {
            let _ = writeln!(out, "{}\n", markdown_code(&title));
        } else {
            let _ = writeln!(out, "\n<details><summary>{}</summary>\n", markdown_code(&title));
        }
        let rows = lines(analysis, benchmark);
        weightings_table(out, &rows, shown_sensitivity(benchmark));
        if place == 0 {
            for note in seed_notes(&rows) {
                let _ = writeln!(out, "\n{note}");
            }
        } else {
            out.push_str("\n</details>\n");
        }
    }
}

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

fn groups(out: &mut String, analysis: &Analysis) {
    if analysis.checkpoints.iter().all(|checkpoint| checkpoint.groups.is_empty()) {
        return;
    }
    out.push_str("\n## Groups\n\n");
    header(out, &["checkpoint", "group", "metric", "original", "perturbed", "tasks"], 3);
    for checkpoint in &analysis.checkpoints {
        for group in &checkpoint.groups {
            line(
                out,
                &[
                    markdown_code(&checkpoint.id),
                    markdown_code(&group.title),
                    markdown_code(&group.metric),
                    measure_with_interval(&group.original),
                    measure_with_interval(&group.perturbed),
                    group.tasks.len().to_string(),
                ],
            );
        }
    }
}

fn perturbations(out: &mut String, row: &HeadlineRow<'_>) {
    let _ = writeln!(
        out,
        "\n<details><summary>{} on {}</summary>\n",
        markdown_code(&row.checkpoint.id),
        markdown_code(&row.task.title)
    );
    header(
        out,
        &[
            "perturbation",
            "prompts",
            "performance",
            "change",
            "worst",
            "spread",
            "flip rate",
            "consistency",
            "PDR",
            "PSS",
        ],
        1,
    );
    for row in row.metric.perturbations.iter().chain(&row.metric.together) {
        line(out, &perturbation_cells(row));
    }
    out.push_str("\n</details>\n");
}

fn perturbation_cells(row: &PerturbationAnalysis) -> Vec<String> {
    let made = count(row.made());
    let head = [
        markdown_code(&row.name),
        if row.skipped() == 0 { made } else { format!("{made} of {}", count(row.wanted)) },
        measure_with_interval(&row.performance),
        marked_change(row).replace('*', "\\*"),
    ];
    head.into_iter().chain(index_points(row)).chain([point(Some(&row.sensitivity.pss))]).collect()
}

fn flips(out: &mut String, analysis: &Analysis) {
    let views = flip_views(analysis);
    if views.is_empty() {
        return;
    }
    out.push_str("\n## Most flipped instances\n");
    for view in views.iter().take(MOST_FLIPS) {
        flip(out, view);
    }
    left_out(out, views.len().saturating_sub(MOST_FLIPS), "instance");
}

fn left_out(out: &mut String, number: usize, what: &str) {
    if number > 0 {
        let _ = writeln!(out, "\n{} more in the HTML report.", counted(number, what));
    }
}

fn flip(out: &mut String, view: &FlipView<'_>) {
    let FlipView { flipped, .. } = view;
    let _ = writeln!(
        out,
        "\n<details><summary>{}, {}: {} of {} variants flip</summary>\n",
        markdown_code(view.checkpoint),
        markdown_code(&flipped.instance),
        flipped.flipped,
        flipped.variants
    );
    if !flipped.expected.is_empty() {
        let _ = writeln!(out, "Expected {}.\n", markdown_code(&shortened(&flipped.expected, REPLY_CHARACTERS)));
    }
    for exchange in [&flipped.original, &flipped.variant] {
        let _ = writeln!(
            out,
            "- {}: answer {}, credit {}",
            markdown_code(&exchange.variant.to_string()),
            markdown_code(&shortened(&exchange.answer, REPLY_CHARACTERS)),
            figure(exchange.credit)
        );
    }
    let _ = writeln!(out, "\nWhat changed in the prompt, `[-removed-]` and `{{+added+}}`:\n");
    out.push_str(&markdown_block(&marked(&view.changes)));
    if !flipped.original.reply.is_empty() || !flipped.variant.reply.is_empty() {
        for (head, exchange) in [("original", &flipped.original), ("variant", &flipped.variant)] {
            let _ = writeln!(out, "\nReply to the {head}:\n");
            out.push_str(&markdown_block(&shortened(&exchange.reply, REPLY_CHARACTERS)));
        }
    }
    out.push_str("\n</details>\n");
}

/// A word diff as text, with long unchanged stretches shortened.
fn marked(runs: &[DiffRun]) -> String {
    let mut out = String::new();
    let last = runs.len().saturating_sub(1);
    for (place, run) in runs.iter().enumerate() {
        match run.kind {
            DiffKind::Same => out.push_str(&context(&visible(&run.text), place == 0, place == last)),
            DiffKind::Removed => {
                let _ = write!(out, "[-{}-]", visible(&run.text));
            }
            DiffKind::Added => {
                let _ = write!(out, "{{+{}+}}", visible(&run.text));
            }
        }
    }
    out
}

/// The parts of an unchanged stretch that touch a change.
fn context(text: &str, is_first: bool, is_last: bool) -> String {
    let characters = text.chars().collect::<Vec<_>>();
    let head = if is_first { 0 } else { CONTEXT_CHARACTERS };
    let tail = if is_last { 0 } else { CONTEXT_CHARACTERS };
    if characters.len() <= head + tail + 5 {
        return text.to_owned();
    }
    let head = characters.iter().take(head).collect::<String>();
    let tail = characters.iter().skip(characters.len() - tail).collect::<String>();
    format!("{head} … {tail}")
}

fn provenance(out: &mut String, analysis: &Analysis) {
    out.push_str("\n<details><summary>Provenance</summary>\n\n");
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
    let _ = writeln!(
        out,
        "\nIntervals are {} intervals, clustered by instance. \\* the interval of the change excludes 0. Spread, POSIX \
         and flip rate: 0 is insensitive.\n\n</details>",
        percent(analysis.level)
    );
}
