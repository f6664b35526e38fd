//! One self-contained HTML page: no script, no network, readable in light and dark, on paper and on a phone.

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::analyze::analysis::{ContrastVerdict, Exchange};
use crate::analyze::number::{figure, interval_text, percent, signed};
use crate::estimate::Estimate;
use crate::paired::PairedSide;
use crate::perturb::diff::DiffKind;
use crate::report::ReportError;
use crate::report::html::write_visible;
use crate::sensitivity::Measure;

use super::super::words::{correction_words, p_words};
use super::flips::{FlipView, counts, flip_views};
use super::{Comparison, legend, task_title};
use crate::compare::ComparedMeasure;

/// The page, and the style of all reports.
const PAGE: &str = include_str!("comparison.html");
const STYLE: &str = include_str!("../../report/templates/style.css");

/// The whole page.
pub(super) fn render(comparison: &Comparison) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_formatter(write_visible);
    environment.add_template("style.html", STYLE)?;
    environment.add_template("comparison.html", PAGE)?;
    Ok(environment.get_template("comparison.html")?.render(Page::of(comparison))?)
}

#[derive(Serialize)]
struct Page<'a> {
    schema: &'a str,
    title: String,
    level: String,
    summary: &'a str,
    findings: &'a [String],
    notes: &'a [String],
    legend: String,
    sections: Vec<Section>,
    counts: Vec<(String, String)>,
    flips: Vec<Flip<'a>>,
    hidden: usize,
    sides: [Provenance<'a>; 2],
}

/// A table with its title.
#[derive(Serialize)]
struct Section {
    title: String,
    correction: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    baseline: Number,
    candidate: Number,
    difference: Number,
    p: String,
    verdict: &'static str,
    class: &'static str,
    detectable: String,
    changed: String,
}

/// A number with its interval; `basis` is what a reader sees on hover.
#[derive(Serialize)]
struct Number {
    point: String,
    interval: String,
    basis: String,
}

#[derive(Serialize)]
struct Flip<'a> {
    task: String,
    instance: &'a str,
    change: String,
    expected: &'a str,
    prompt: &'a str,
    changes: Vec<Change>,
    sides: Vec<Side<'a>>,
}

#[derive(Serialize)]
struct Change {
    kind: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Side<'a> {
    name: &'static str,
    credit: String,
    answer: &'a str,
    explanation: &'a str,
    reply: &'a str,
    choices: Vec<Choice<'a>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    text: &'a str,
    nats: String,
    gold: bool,
}

#[derive(Serialize)]
struct Provenance<'a> {
    name: &'static str,
    run: &'a str,
    label: &'a str,
    weighting: String,
    digest: &'a str,
    program: &'a str,
    judged_by: &'a str,
}

impl<'a> Page<'a> {
    fn of(comparison: &'a Comparison) -> Self {
        let flips = flip_views(comparison);
        let judged = comparison.tasks.iter().filter_map(|task| Some((task, task.flips.as_ref()?)));
        let changed = judged.clone().map(|(_, flips)| flips.items.len()).sum::<usize>();
        Self {
            schema: &comparison.schema,
            title: format!(
                "{} against {}",
                comparison.candidate.checkpoint.label, comparison.baseline.checkpoint.label
            ),
            level: percent(comparison.level),
            summary: &comparison.summary,
            findings: &comparison.findings,
            notes: &comparison.notes,
            legend: legend(comparison),
            sections: sections(comparison),
            counts: judged.map(|(task, flips)| (task.title.clone(), counts(flips))).collect(),
            hidden: changed - flips.len(),
            flips: flips.iter().map(flip).collect(),
            sides: [provenance("Baseline", &comparison.baseline), provenance("Candidate", &comparison.candidate)],
        }
    }
}

fn sections(comparison: &Comparison) -> Vec<Section> {
    let mut out = Vec::new();
    for mean in &comparison.means {
        let rows = mean.measures.iter().map(|entry| row(entry.measure.title(), entry));
        let title = format!("{} · {}", mean.title, mean.metric);
        // Performance and the measures over all wordings are adjusted apart.
        let note = mean.measures.first().map_or_else(String::new, |entry| correction_words(&[entry]));
        let further =
            mean.measures.get(1).map_or_else(String::new, |entry| format!("; others: {}", correction_words(&[entry])));
        out.push(Section { title, correction: format!("Performance: {note}{further}"), rows: rows.collect() });
    }
    let own = comparison.primary().filter_map(|task| Some((task.title.clone(), task.measures.first()?)));
    out.push(section("Performance on the original wording", &own.collect::<Vec<_>>()));
    for task in comparison.primary() {
        let title = task_title(comparison, task);
        let measures = task.measures.iter().skip(1).map(|entry| (entry.measure.title().to_owned(), entry));
        out.push(section(&format!("Over all wordings · {title}"), &measures.collect::<Vec<_>>()));
        let named = |entry: &ComparedMeasure| entry.perturbation.clone().unwrap_or_default();
        let rows = task.perturbations.iter().map(|entry| (named(entry), entry));
        out.push(section(&format!("By perturbation · {title}"), &rows.collect::<Vec<_>>()));
    }
    let further = comparison.tasks.iter().filter(|task| !task.primary);
    let further = further.filter_map(|task| Some((task_title(comparison, task), task.measures.first()?)));
    out.push(section("Further metrics", &further.collect::<Vec<_>>()));
    out.retain(|section| !section.rows.is_empty());
    out
}

fn section(title: &str, rows: &[(String, &ComparedMeasure)]) -> Section {
    let entries = rows.iter().map(|(_, entry)| *entry).collect::<Vec<_>>();
    Section {
        title: title.to_owned(),
        correction: correction_words(&entries),
        rows: rows.iter().map(|(name, entry)| row(name, entry)).collect(),
    }
}

fn row(name: &str, entry: &ComparedMeasure) -> Row {
    let dash = || "–".to_owned();
    Row {
        name: name.to_owned(),
        baseline: number(&entry.baseline, figure),
        candidate: number(&entry.candidate, figure),
        difference: number(&entry.difference, signed),
        p: entry.p_adjusted.map_or_else(dash, p_words),
        verdict: entry.words(),
        class: match entry.verdict {
            ContrastVerdict::Better => "better",
            ContrastVerdict::Worse => "worse",
            ContrastVerdict::NotToldApart | ContrastVerdict::Unknown => "apart",
        },
        detectable: entry.minimum_detectable_effect.map_or_else(dash, figure),
        changed: format!("+{} −{}", entry.gained, entry.lost),
    }
}

fn number(measure: &Measure, point: fn(f64) -> String) -> Number {
    let Some(estimate) = measure.estimate() else {
        let basis = measure.reason().unwrap_or_default().to_owned();
        return Number { point: "–".to_owned(), interval: String::new(), basis };
    };
    let interval = estimate.interval;
    Number {
        point: point(estimate.point),
        interval: interval.map_or_else(|| "no interval".to_owned(), |found| interval_text(found.low, found.high)),
        basis: basis(estimate),
    }
}

fn basis(estimate: &Estimate) -> String {
    let method = estimate.interval.and_then(|interval| serde_json::to_value(interval.method).ok());
    let method = method.as_ref().and_then(|method| method.as_str()).unwrap_or("no interval").replace('_', " ");
    format!("{} observations in {} clusters; {method}", estimate.n, estimate.clusters)
}

fn flip<'a>(view: &FlipView<'a>) -> Flip<'a> {
    let shown = view.shown;
    let changes = view.changes().into_iter().map(|run| Change {
        kind: match run.kind {
            DiffKind::Same => "same",
            DiffKind::Removed => "removed",
            DiffKind::Added => "added",
        },
        text: run.text,
    });
    Flip {
        task: view.task.title.clone(),
        instance: &view.item.instance,
        change: view.change(),
        expected: &shown.expected,
        prompt: &shown.baseline.prompt,
        changes: changes.collect(),
        sides: vec![side("baseline", &shown.baseline), side("candidate", &shown.candidate)],
    }
}

fn side<'a>(name: &'static str, exchange: &'a Exchange) -> Side<'a> {
    let choices = exchange.choices.iter().map(|choice| Choice {
        text: &choice.text,
        nats: format!("{:.3}", choice.sum_nats).replace('-', "−"),
        gold: choice.is_gold,
    });
    Side {
        name,
        credit: figure(exchange.credit),
        answer: &exchange.answer,
        explanation: &exchange.explanation,
        reply: &exchange.reply,
        choices: choices.collect(),
    }
}

fn provenance<'a>(name: &'static str, side: &'a PairedSide) -> Provenance<'a> {
    let weighting = side.checkpoint.weighting.map_or_else(
        || "not known".to_owned(),
        |weighting| format!("λp {}, λr {}", weighting.prompt(), weighting.response()),
    );
    Provenance {
        name,
        run: &side.run,
        label: &side.checkpoint.label,
        weighting,
        digest: side.checkpoint.digest.as_str(),
        program: &side.program,
        judged_by: side.judged_by.as_deref().unwrap_or_default(),
    }
}
