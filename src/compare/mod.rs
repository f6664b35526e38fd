//! What changed between two runs: paired, by task and perturbation, with the items that flipped.
//!
//! Performance on the original wordings is tested with Holm's correction over tasks. Everything else (perturbations,
//! sensitivity, further metrics) is exploration, with Benjamini and Hochberg's over the tests of one kind. "Not told apart"
//! is no evidence that two models are equal: the smallest detectable difference stands beside it. `docs/compare.md`.

mod comparison;
mod contrast;
mod means;
mod render;
mod verdicts;
mod words;

pub use comparison::{ComparedMean, ComparedMeasure, ComparedTask, Comparison, Correction, SCHEMA};
pub use render::{file_name, render};

use crate::analyze::RunInputs;
use crate::analyze::analysis::ContrastVerdict;
use crate::estimate::Estimate;
use crate::paired::{PairError, PairOptions, PairedColumn, PairedRuns, PairedTask, TaskFlips, pair_with_flips};
use crate::sensitivity::{Measure, is_flip};
use crate::task::Metric;

use contrast::{Contrast, contrast};

/// What a reader may choose.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// Coverage of intervals, in `(0, 1)`.
    pub level: f64,
    /// The probability with which the smallest detectable differences are found, in `(0, 1)`.
    pub power: f64,
    /// Gained items, and as many lost ones, that are shown for each task with prompt and replies.
    pub show_flipped: usize,
    /// What may be paired.
    pub pair: PairOptions,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self { level: 0.95, power: 0.8, show_flipped: 3, pair: PairOptions::default() }
    }
}

/// Compares a candidate with a baseline.
///
/// # Errors
/// [`PairError`] where the runs cannot be compared, are damaged, or have nothing in common.
pub fn compare<'r>(
    baseline: &RunInputs<'r>,
    candidate: &RunInputs<'r>,
    options: &CompareOptions,
) -> Result<Comparison, PairError> {
    let (paired, flips) = pair_with_flips(baseline, candidate, &options.pair, options.show_flipped)?;
    Ok(of_pairs(paired, flips, options))
}

/// The comparison of runs that lie side by side already; `flips` in the order of the tasks.
pub fn of_pairs(paired: PairedRuns, flips: Vec<TaskFlips>, options: &CompareOptions) -> Comparison {
    let mut flips = flips.into_iter().peekable();
    let task = |(place, task): (usize, &PairedTask)| {
        let primary = paired.is_primary(place);
        let own = flips.next_if(|next| primary && next.task == task.task);
        compared_task(task, primary, own, options)
    };
    let mut tasks = paired.tasks.iter().enumerate().map(task).collect::<Vec<_>>();
    let mut means = means::means(&paired, options);
    verdicts::judge(&mut tasks, &mut means, options.level);
    let mut comparison = Comparison {
        schema: SCHEMA.to_owned(),
        level: options.level,
        power: options.power,
        posix_mode: paired.posix_mode,
        baseline: paired.baseline,
        candidate: paired.candidate,
        summary: String::new(),
        findings: Vec::new(),
        notes: paired.notes,
        left_out: paired.left_out,
        means,
        tasks,
    };
    comparison.summary = words::summary(&comparison);
    comparison.findings = words::findings(&comparison);
    comparison
}

fn compared_task(task: &PairedTask, primary: bool, flips: Option<TaskFlips>, options: &CompareOptions) -> ComparedTask {
    let compared = |column: &PairedColumn| {
        let found = contrast(task, column, options.level, options.power);
        compared_measure(task, column, found)
    };
    let (rows, whole): (Vec<_>, Vec<_>) = task.columns.iter().partition(|column| column.perturbation.is_some());
    ComparedTask {
        task: task.task.clone(),
        title: task.title.clone(),
        metric: task.metric.clone(),
        filter: task.filter.clone(),
        primary,
        higher_is_better: task.higher_is_better,
        unit: unit(&task.metric).to_owned(),
        measures: whole.into_iter().map(compared).collect(),
        perturbations: rows.into_iter().map(compared).collect(),
        flips,
    }
}

/// What a metric's credits are counted in.
fn unit(metric: &str) -> &'static str {
    match Metric::from_name(metric) {
        Some(Metric::Perplexity | Metric::WordPerplexity | Metric::BytePerplexity) => "nats",
        Some(Metric::BitsPerByte) => "bits",
        Some(Metric::Rating) => "points",
        _ => "share",
    }
}

/// A column with its numbers; the verdict is found when all p-values are known.
fn compared_measure(task: &PairedTask, column: &PairedColumn, found: Option<Contrast>) -> ComparedMeasure {
    let more_is_better = task.more_is_better(column.measure);
    let changed = column.rows.iter().filter(|row| is_flip(row.baseline, row.candidate));
    let (gained, lost): (Vec<_>, Vec<_>) = changed.partition(|row| (row.candidate > row.baseline) == more_is_better);
    let measure = |of: fn(&Contrast) -> Estimate| match &found {
        Some(found) => Measure::Defined(of(found)),
        None => Measure::undefined("no instance has a number in both runs"),
    };
    ComparedMeasure {
        measure: column.measure,
        perturbation: column.perturbation.clone(),
        more_is_better,
        baseline: measure(|found| found.baseline),
        candidate: measure(|found| found.candidate),
        difference: measure(|found| found.difference),
        p_value: found.and_then(|found| found.p_value),
        p_adjusted: None,
        correction: Correction::BenjaminiHochberg,
        comparisons: 0,
        minimum_detectable_effect: found.and_then(|found| found.minimum_detectable_effect),
        gained: gained.len(),
        lost: lost.len(),
        unpaired: column.unpaired,
        tasks: 1,
        verdict: ContrastVerdict::Unknown,
    }
}
