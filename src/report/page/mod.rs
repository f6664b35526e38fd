//! What the HTML templates are given, one file a section. Only fields that end in `_svg` (and the style of figures) hold
//! markup, whose makers escape text from outside; everything else is text and is escaped where it is written.

mod detail;
mod figure;
mod flip;
mod heat;
mod origin;
mod plots;
mod section;
mod tables;
mod weightings;

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::{BenchmarkKind, PerturbationNote};
use crate::analyze::number::{counted, figure as written, interval_text, percent, signed};
use crate::sensitivity::Measure;

use super::glossary;
use super::plot::LANES;
use super::weighting_lines::is_folded;

/// The page.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    schema: &'a str,
    figure_css: &'static str,
    title: String,
    subtitle: String,
    level: String,
    remarks: &'a [String],
    answer: section::AnswerView<'a>,
    has_answer: bool,
    sections: Vec<section::SectionView>,
    other_figures: Vec<figure::FigureView>,
    left_out: &'a [String],
    scores: Option<section::SectionView>,
    headline: Vec<tables::HeadlineBlock>,
    has_groups: bool,
    weightings: Option<weightings::Weightings>,
    folded_checkpoints: bool,
    legend: Vec<plots::Legend>,
    hidden_lanes: usize,
    plots: Vec<plots::TaskPlot>,
    heat: heat::Heat,
    details: Vec<detail::Detail>,
    hidden_details: usize,
    flips: Vec<flip::Flip>,
    hidden_flips: usize,
    notes: &'a [PerturbationNote],
    runs: Vec<origin::Run<'a>>,
    checkpoints: Vec<origin::Identity<'a>>,
    terms: Vec<[&'static str; 4]>,
    indices: Vec<[&'static str; 2]>,
}

impl<'a> Page<'a> {
    /// Everything that the page shows.
    pub fn of(analysis: &'a Analysis) -> Self {
        let names = origin::names(analysis);
        let mut figures = figure::Figures::of(analysis);
        let picture = super::tables::sections(analysis);
        let sections = picture.iter().map(|section| section::section_view(section, &mut figures)).collect();
        let answer = section::AnswerView::of(super::tables::Answer::of(analysis));
        let folded = is_folded(analysis);
        let (most_details, most_flips) =
            if folded { (MOST_FOLDED_DETAILS, MOST_FOLDED_FLIPS) } else { (MOST_DETAILS, MOST_FLIPS) };
        let (details, hidden_details) = first(detail::details(analysis), most_details);
        let (flips, hidden_flips) = first(flip::flips(analysis), most_flips);
        Self {
            schema: &analysis.schema,
            figure_css: super::figure::FIGURE_CSS,
            title: title(&names),
            subtitle: subtitle(analysis),
            level: percent(analysis.level),
            remarks: &analysis.notes,
            has_answer: !answer.is_empty(),
            answer,
            sections,
            left_out: super::tables::left_out(analysis),
            scores: super::tables::scores(analysis).map(|section| section::section_view(&section, &mut figures)),
            headline: tables::headline_blocks(analysis),
            has_groups: analysis.checkpoints.iter().any(|checkpoint| !checkpoint.groups.is_empty()),
            weightings: weightings::weightings(analysis, &mut figures),
            other_figures: figures.rest(),
            folded_checkpoints: folded,
            legend: plots::legend(analysis),
            hidden_lanes: analysis.checkpoints.len().saturating_sub(LANES),
            plots: plots::task_plots(analysis),
            heat: heat::heat(analysis),
            details,
            hidden_details,
            flips,
            hidden_flips,
            notes: &analysis.perturbations,
            runs: origin::runs(analysis),
            checkpoints: origin::identities(analysis),
            terms: glossary::terms().map(|term| [term.id, term.label, term.name, term.meaning]).collect(),
            indices: glossary::indices().iter().map(|(name, meaning)| [*name, *meaning]).collect(),
        }
    }
}

/// Tables of all indices that a page holds before it gets too heavy for a phone.
const MOST_DETAILS: usize = 300;

/// Flipped instances that a page holds.
const MOST_FLIPS: usize = 100;

/// Tables of all indices where a comparison of many checkpoints is what the page is for.
const MOST_FOLDED_DETAILS: usize = 100;

/// Flipped instances there.
const MOST_FOLDED_FLIPS: usize = 20;

/// Runs that the title names.
const SHOWN_RUNS: usize = 3;

/// The first entries, and how many others there are.
fn first<T>(mut all: Vec<T>, most: usize) -> (Vec<T>, usize) {
    let hidden = all.len().saturating_sub(most);
    all.truncate(most);
    (all, hidden)
}

/// The runs' names, as many as a heading holds.
fn title(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN_RUNS).copied().collect::<Vec<_>>().join(" · ");
    match names.len().saturating_sub(SHOWN_RUNS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn subtitle(analysis: &Analysis) -> String {
    if analysis.checkpoints.is_empty()
        && let Some(compared) = &analysis.weightings
    {
        return format!(
            "{}, {}, {}",
            counted(compared.series.len(), "grid"),
            counted(compared.arms.len(), "cell"),
            counted(
                compared.benchmarks.iter().filter(|entry| entry.kind != BenchmarkKind::Average).count(),
                "benchmark"
            )
        );
    }
    let titles = tables::task_titles(analysis);
    let rows = analysis.checkpoints.iter().flat_map(|checkpoint| &checkpoint.tasks);
    let names = rows
        .filter_map(|task| task.primary())
        .flat_map(|metric| metric.perturbations.iter().map(|row| row.name.as_str()))
        .collect::<std::collections::BTreeSet<_>>();
    format!(
        "{}, {}, {}",
        counted(analysis.checkpoints.len(), "checkpoint"),
        counted(titles.len(), "task"),
        counted(names.len(), "perturbation")
    )
}

/// A number with its interval and what it rests on, or the reason why there is none.
#[derive(Serialize)]
pub(super) struct Number {
    point: String,
    interval: String,
    tip: String,
    is_none: bool,
}

impl Number {
    fn of(measure: &Measure) -> Self {
        Self::shown(measure, written)
    }

    fn signed(measure: &Measure) -> Self {
        Self::shown(measure, signed)
    }

    fn optional(measure: Option<&Measure>) -> Self {
        measure.map_or_else(|| Self::of(&Measure::undefined("no perturbation was asked")), Self::of)
    }

    /// With more words for the explanation.
    fn explained(self, more: &str) -> Self {
        if more.is_empty() { self } else { Self { tip: format!("{}; {more}", self.tip), ..self } }
    }

    /// Without `no interval` beside the point: a caption says so.
    fn bare(measure: &Measure) -> Self {
        let without = measure.estimate().is_some_and(|estimate| estimate.interval.is_none());
        let number = Self::of(measure);
        if without { Self { interval: String::new(), ..number } } else { number }
    }

    fn shown(measure: &Measure, show: impl Fn(f64) -> String) -> Self {
        let tip = super::tables::explanation(measure);
        match measure.estimate() {
            Some(estimate) => Self {
                point: minus(&show(estimate.point)),
                interval: estimate
                    .interval
                    .map_or_else(|| "no interval".to_owned(), |i| minus(&interval_text(i.low, i.high))),
                tip,
                is_none: false,
            },
            None => Self { point: "–".to_owned(), interval: String::new(), tip, is_none: true },
        }
    }
}

/// A typographic minus.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// A figure with a typographic minus, or a dash.
fn point(measure: Option<&Measure>) -> String {
    measure.and_then(Measure::point).map_or_else(|| "–".to_owned(), |value| minus(&written(value)))
}
