//! One comparison a line, for spreadsheets and data frames. Text cells are never taken for a formula.

use crate::report::ReportError;
use crate::report::text::csv_cell;
use crate::sensitivity::Measure;

use super::Comparison;
use crate::compare::ComparedMeasure;

/// The columns.
const HEADER: [&str; 33] = [
    "baseline_run",
    "baseline_checkpoint",
    "candidate_run",
    "candidate_checkpoint",
    "kind",
    "task",
    "metric",
    "filter",
    "primary",
    "measure",
    "perturbation",
    "baseline",
    "baseline_low",
    "baseline_high",
    "candidate",
    "candidate_low",
    "candidate_high",
    "difference",
    "low",
    "high",
    "level",
    "method",
    "standard_error",
    "n",
    "clusters",
    "p_value",
    "p_adjusted",
    "correction",
    "comparisons",
    "minimum_detectable_effect",
    "gained",
    "lost",
    "verdict",
];

/// What a line is about.
struct Subject<'a> {
    kind: &'static str,
    task: &'a str,
    metric: &'a str,
    filter: &'a str,
    primary: bool,
}

/// The comparison as CSV with a header. Undefined numbers are empty cells.
pub(super) fn render(comparison: &Comparison) -> Result<String, ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for mean in &comparison.means {
        let subject =
            Subject { kind: "mean", task: &mean.name, metric: &mean.metric, filter: &mean.filter, primary: true };
        for entry in &mean.measures {
            writer.write_record(line(comparison, &subject, entry))?;
        }
    }
    for task in &comparison.tasks {
        let (metric, filter) = (task.metric.as_str(), task.filter.as_str());
        let subject = Subject { kind: "task", task: &task.task, metric, filter, primary: task.primary };
        for entry in task.measures.iter().chain(&task.perturbations) {
            writer.write_record(line(comparison, &subject, entry))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn line(comparison: &Comparison, subject: &Subject<'_>, entry: &ComparedMeasure) -> Vec<String> {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let whole = |value: Option<usize>| value.map(|value| value.to_string()).unwrap_or_default();
    let interval = |measure: &Measure| measure.estimate().and_then(|estimate| estimate.interval);
    let difference = entry.difference.estimate();
    let own = difference.and_then(|estimate| estimate.interval);
    let method = own.and_then(|interval| serde_json::to_value(interval.method).ok());
    let Comparison { baseline, candidate, .. } = comparison;
    let mut cells = vec![
        csv_cell(&baseline.run),
        csv_cell(&baseline.checkpoint.label),
        csv_cell(&candidate.run),
        csv_cell(&candidate.checkpoint.label),
        subject.kind.to_owned(),
        csv_cell(subject.task),
        csv_cell(subject.metric),
        csv_cell(subject.filter),
        subject.primary.to_string(),
        entry.measure.as_str().to_owned(),
        csv_cell(entry.perturbation.as_deref().unwrap_or_default()),
    ];
    for side in [&entry.baseline, &entry.candidate] {
        cells.push(number(side.point()));
        cells.push(number(interval(side).map(|interval| interval.low)));
        cells.push(number(interval(side).map(|interval| interval.high)));
    }
    cells.extend([
        number(difference.map(|estimate| estimate.point)),
        number(own.map(|interval| interval.low)),
        number(own.map(|interval| interval.high)),
        number(own.map(|interval| interval.level)),
        method.as_ref().and_then(|method| method.as_str()).unwrap_or_default().to_owned(),
        number(difference.and_then(|estimate| estimate.standard_error)),
        whole(difference.map(|estimate| estimate.n)),
        whole(difference.map(|estimate| estimate.clusters)),
        number(entry.p_value),
        number(entry.p_adjusted),
        entry.correction.as_str().to_owned(),
        entry.comparisons.to_string(),
        number(entry.minimum_detectable_effect),
        entry.gained.to_string(),
        entry.lost.to_string(),
        entry.words().to_owned(),
    ]);
    cells
}
