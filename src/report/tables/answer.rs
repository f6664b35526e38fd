//! What a reader came for: what to do, and how firmly that may be said.

use crate::analyze::Analysis;
use crate::analyze::analysis::{Finding, Severity};
use crate::analyze::number::{count, measure_with_interval};
use crate::analyze::picture::{Firmness, Picture};
use crate::report::headline::{HeadlineRow, headline};

use super::best::best_performance;
use super::{Cell, Form, Names, Table};

/// With more checkpoints than this none has its own lines in the answer.
const MOST_CHECKPOINTS: usize = 6;

/// Tasks that a line names.
const MOST_TASKS: usize = 4;

/// The top of a report.
pub(in crate::report) struct Answer<'a> {
    /// What to do, one a grid.
    pub advice: Vec<Advice<'a>>,
    /// The best cells of all grids, where there are some.
    pub glance: Option<Table>,
    /// Performance and sensitivity of single checkpoints, where no grid is compared; names from outside are in it.
    pub lines: Vec<String>,
    /// What was found, without what the advice says.
    pub results: Vec<&'a str>,
    /// Reasons to trust it less.
    pub warnings: Vec<&'a str>,
}

/// A recommendation.
pub(in crate::report) struct Advice<'a> {
    /// The grid; empty where there is one only.
    pub series: String,
    /// How firm, as a mark and in words.
    pub mark: &'static str,
    /// In words.
    pub firmness: &'static str,
    /// The name of its style.
    pub style: &'static str,
    /// What to do; the grid's name is not repeated in it.
    pub text: String,
    /// As the analysis has it.
    full_text: &'a str,
}

impl<'a> Answer<'a> {
    /// The answer of an analysis.
    pub fn of(analysis: &'a Analysis) -> Self {
        let picture = analysis.weightings.as_ref().map(|compared| (&compared.picture, Names::of(compared)));
        let advice = picture.as_ref().map(|(picture, names)| advice(picture, names)).unwrap_or_default();
        let says = |severity: Severity| {
            let own = analysis.findings.iter().filter(|finding: &&Finding| finding.severity == severity);
            let texts = own.map(|finding| finding.text.as_str());
            texts.filter(|text| advice.iter().all(|entry| entry.full_text != *text)).collect::<Vec<_>>()
        };
        let (results, warnings) = (says(Severity::Result), says(Severity::Warning));
        let glance = picture.and_then(|(picture, names)| glance(picture, &names));
        let lines = if glance.is_some() { Vec::new() } else { checkpoint_lines(analysis) };
        Self { advice, glance, lines, results, warnings }
    }
}

fn advice<'a>(picture: &'a Picture, names: &Names<'_>) -> Vec<Advice<'a>> {
    let all = picture.recommendations.iter();
    all.map(|entry| {
        let (mark, firmness, style) = match entry.firmness {
            Firmness::Clear => ("✓", "shown by the intervals", "clear"),
            Firmness::Tied => ("≈", "several cannot be told apart", "tied"),
            Firmness::NotSupported => ("?", "not supported by intervals", "unsupported"),
        };
        let series = if names.has_several_series() { names.series(entry.series) } else { String::new() };
        Advice { text: without_series(&entry.text, &series), series, mark, firmness, style, full_text: &entry.text }
    })
    .collect()
}

/// A recommendation without the name of the grid that it stands under.
fn without_series(text: &str, series: &str) -> String {
    if series.is_empty() {
        return text.to_owned();
    }
    let text = text.strip_prefix(series).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text);
    text.replace(&format!(" ({series})"), "")
}

/// One row a grid: its best cell on the first benchmark, what cannot be told from it, and its gain.
fn glance(picture: &Picture, names: &Names<'_>) -> Option<Table> {
    let benchmark = names.first_benchmark()?;
    let own = picture.best_cells.iter().filter(|cell| cell.benchmark == benchmark);
    let series = own.map(|cell| cell.series).collect::<std::collections::BTreeSet<_>>();
    let rows = series.into_iter().filter_map(|number| {
        let best = best_performance(picture, number, benchmark)?;
        let others = match &best.not_worse {
            None => "not known".to_owned(),
            Some(ids) => format!("{} of {}", count(ids.len().saturating_sub(1)), count(best.cells.saturating_sub(1))),
        };
        let gain = picture.gains.iter().find(|gain| gain.series == number && gain.benchmark == benchmark);
        let gain = gain.map_or_else(
            || Cell::words("–"),
            |gain| Cell::explained(&gain.relative, Form::Gain, format!("the best of {} cells", gain.chosen_from)),
        );
        Some(vec![
            Cell::Name(names.series(number)),
            Cell::Name(names.cell(&best.arm)),
            Cell::number(&best.value, Form::Plain),
            Cell::Words(others),
            gain,
        ])
    });
    let rows = rows.collect::<Vec<_>>();
    let columns = ["Grid", "Best cell", "Performance", "Others not told from it", "Gain over (0, 1)"];
    let title = format!("At a glance, by {}", names.benchmark(benchmark));
    (!rows.is_empty()).then(|| Table::new(title, columns, rows))
}

/// Two lines a checkpoint: performance, then sensitivity.
fn checkpoint_lines(analysis: &Analysis) -> Vec<String> {
    let rows = headline(analysis);
    let mut out = Vec::new();
    if analysis.checkpoints.len() > MOST_CHECKPOINTS {
        return out;
    }
    for checkpoint in &analysis.checkpoints {
        let own = rows.iter().filter(|row| row.checkpoint.id == checkpoint.id).collect::<Vec<_>>();
        if own.is_empty() {
            continue;
        }
        let said = |number: &dyn Fn(&HeadlineRow<'_>) -> Option<String>| {
            let shown = own.iter().filter_map(|row| number(row)).take(MOST_TASKS).collect::<Vec<_>>().join("; ");
            let more = own.len().saturating_sub(MOST_TASKS);
            if more > 0 { format!("{shown}; {} more below", count(more)) } else { shown }
        };
        let performance = said(&|row| {
            let number = measure_with_interval(&row.metric.original);
            Some(format!("{} {number} {}", row.task.title, row.metric_name()))
        });
        out.push(format!("{}: performance: {performance}.", checkpoint.id));
        let sensitivity = said(&|row| {
            let found =
                [("spread", row.spread()), ("POSIX", Some(&row.task.posix.index)), ("flip rate", row.flip_rate())];
            let defined = found.into_iter().filter_map(|(name, value)| {
                let value = value.filter(|value| value.point().is_some())?;
                Some(format!("{name} {}", measure_with_interval(value)))
            });
            let defined = defined.collect::<Vec<_>>().join(", ");
            (!defined.is_empty()).then(|| format!("{} {defined}", row.task.title))
        });
        if !sensitivity.is_empty() {
            out.push(format!("{}: sensitivity (0 is insensitive): {sensitivity}.", checkpoint.id));
        }
    }
    out
}
