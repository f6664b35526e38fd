//! One number a line, for spreadsheets and data frames. Text cells are never taken for a formula.

use crate::analyze::Analysis;
use crate::analyze::analysis::{
    Arm, BenchmarkWeightings, CheckpointAnalysis, Contrast, Headline, MetricAnalysis, PerturbationAnalysis,
    ReasonCount, SeedVariance, WeightingsAnalysis,
};
use crate::estimate::IntervalMethod;
use crate::sensitivity::Measure;

use super::ReportError;
use super::tables::{self, NumberRow, Value};
use super::text::csv_cell;
use super::weighting_lines::verdict_words;

/// The columns.
const HEADER: [&str; 19] = [
    "run",
    "checkpoint",
    "lambda_p",
    "lambda_r",
    "stage",
    "task",
    "metric",
    "filter",
    "perturbation",
    "index",
    "point",
    "low",
    "high",
    "level",
    "method",
    "standard_error",
    "n",
    "clusters",
    "reason",
];

/// What a row is about.
struct Subject<'a> {
    checkpoint: &'a CheckpointAnalysis,
    task: &'a str,
    metric: &'a str,
    filter: &'a str,
    perturbation: &'a str,
}

/// The analysis as CSV with a header. Undefined numbers are empty cells with a reason.
pub(super) fn render(analysis: &Analysis) -> Result<String, ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for checkpoint in &analysis.checkpoints {
        for task in &checkpoint.tasks {
            let subject =
                |metric, filter, perturbation| Subject { checkpoint, task: &task.task, metric, filter, perturbation };
            let all = subject("", "", "all together");
            measure(&mut writer, &all, "posix", &task.posix.index)?;
            if let Some(chance) = task.chance {
                plain(&mut writer, &subject("", "", "original"), "chance", chance)?;
            }
            if let Some(table) = &task.breakdown {
                for row in &table.rows {
                    for (column, value) in table.columns.iter().zip(&row.values) {
                        let index = format!("breakdown_{column}: {}", row.name);
                        measure(&mut writer, &subject("", "", "original"), &index, value)?;
                    }
                }
            }
            for metric in &task.metrics {
                metric_rows(&mut writer, metric, |perturbation| subject(&metric.metric, &metric.filter, perturbation))?;
            }
        }
        for group in &checkpoint.groups {
            let subject = |perturbation| Subject {
                checkpoint,
                task: &group.group,
                metric: &group.metric,
                filter: &group.filter,
                perturbation,
            };
            measure(&mut writer, &subject("original"), "group_performance", &group.original)?;
            measure(&mut writer, &subject("all together"), "group_performance", &group.perturbed)?;
        }
    }
    if let Some(compared) = &analysis.weightings {
        weightings(&mut writer, compared)?;
    }
    for row in tables::numbers(analysis) {
        picture_line(&mut writer, analysis.weightings.as_ref(), &row)?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A number of the weighting picture. The checkpoint is the arm, or what else the number is about.
fn picture_line(
    writer: &mut csv::Writer<Vec<u8>>,
    compared: Option<&WeightingsAnalysis>,
    row: &NumberRow,
) -> Result<(), ReportError> {
    let arm = row.arm.as_deref().and_then(|id| compared?.arm(id));
    let benchmark = compared.and_then(|all| all.benchmarks.iter().find(|entry| entry.benchmark == row.benchmark));
    let weight = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let weighting = arm.and_then(|arm| arm.weighting);
    let (values, reason) = match &row.value {
        Value::Measured(value) => (numbers(value), value.reason().unwrap_or_default()),
        Value::Plain(value) => (plain_numbers(*value), ""),
    };
    let note = [row.note.as_str(), reason].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    let head = [
        String::new(),
        csv_cell(row.arm.as_deref().unwrap_or(&row.subject)),
        weight(weighting.map(crate::weighting::Weighting::prompt)),
        weight(weighting.map(crate::weighting::Weighting::response)),
        csv_cell(arm.and_then(|arm| arm.stage.as_deref()).unwrap_or(&row.stage)),
        csv_cell(&row.benchmark),
        csv_cell(benchmark.map_or("", |benchmark| &benchmark.metric)),
        String::new(),
        String::new(),
        csv_cell(&row.index),
    ];
    writer.write_record(head.iter().chain(&values).chain([&csv_cell(&note)]))?;
    Ok(())
}

/// One line an arm, benchmark and measure, and one a contrast. The run is empty: an arm may have checkpoints of several.
fn weightings(writer: &mut csv::Writer<Vec<u8>>, compared: &WeightingsAnalysis) -> Result<(), ReportError> {
    for benchmark in &compared.benchmarks {
        for row in &benchmark.rows {
            let Some(arm) = compared.arm(&row.arm) else { continue };
            for entry in &row.measures {
                let name = entry.measure.as_str();
                let seeds = match entry.value.reason() {
                    Some(reason) => reason.to_owned(),
                    None => {
                        format!("{} seeds, seed variance {}", arm.checkpoints.len(), seed_words(entry.seed_variance))
                    }
                };
                arm_line(writer, arm, benchmark, &format!("weighting_{name}"), &entry.value, &seeds)?;
                if let Some(gain) = &entry.relative_gain {
                    let index = format!("weighting_{name}_relative_gain");
                    arm_line(writer, arm, benchmark, &index, gain, gain.reason().unwrap_or_default())?;
                }
                let contrasts = [("reference", &entry.against_reference), ("base", &entry.against_base)];
                for (with, contrast) in contrasts.into_iter().filter_map(|(with, found)| Some((with, found.as_ref()?)))
                {
                    let index = format!("weighting_{name}_against_{with}");
                    arm_line(
                        writer,
                        arm,
                        benchmark,
                        &index,
                        &contrast.difference,
                        &contrast_words(entry.measure, contrast),
                    )?;
                }
            }
        }
    }
    Ok(())
}

fn seed_words(variance: SeedVariance) -> &'static str {
    match variance {
        SeedVariance::Measured => "measured",
        SeedVariance::Borrowed => "borrowed",
        SeedVariance::NotMeasured => "not measured",
        SeedVariance::None => "none",
    }
}

fn contrast_words(headline: Headline, contrast: &Contrast) -> String {
    let words = verdict_words(headline, contrast.verdict);
    let p =
        contrast.p_adjusted.map(|p| format!(", adjusted p {p:.3e} of {}", contrast.comparisons)).unwrap_or_default();
    format!("{words}: against {}{p}", contrast.with)
}

fn arm_line(
    writer: &mut csv::Writer<Vec<u8>>,
    arm: &Arm,
    benchmark: &BenchmarkWeightings,
    index: &str,
    value: &Measure,
    reason: &str,
) -> Result<(), ReportError> {
    let weight = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let head = [
        String::new(),
        csv_cell(&arm.id),
        weight(arm.weighting.map(crate::weighting::Weighting::prompt)),
        weight(arm.weighting.map(crate::weighting::Weighting::response)),
        csv_cell(arm.stage.as_deref().unwrap_or_default()),
        csv_cell(&benchmark.benchmark),
        csv_cell(&benchmark.metric),
        String::new(),
        String::new(),
        index.to_owned(),
    ];
    writer.write_record(head.iter().chain(&numbers(value)).chain([&csv_cell(reason)]))?;
    Ok(())
}

fn metric_rows<'a>(
    writer: &mut csv::Writer<Vec<u8>>,
    metric: &'a MetricAnalysis,
    subject: impl Fn(&'a str) -> Subject<'a>,
) -> Result<(), ReportError> {
    let original = subject("original");
    measure(writer, &original, "performance", &metric.original)?;
    plain(writer, &original, "unscored", ReasonCount::total(&metric.unscored) as f64)?;
    for row in metric.perturbations.iter().chain(&metric.together) {
        perturbation_rows(writer, row, &subject(&row.name))?;
    }
    Ok(())
}

fn perturbation_rows(
    writer: &mut csv::Writer<Vec<u8>>,
    row: &PerturbationAnalysis,
    subject: &Subject<'_>,
) -> Result<(), ReportError> {
    measure(writer, subject, "performance", &row.performance)?;
    measure(writer, subject, "change", &row.change)?;
    for (name, variant) in [("worst_variant", &row.worst), ("best_variant", &row.best)] {
        if let Some(variant) = variant {
            line(writer, subject, name, &variant.credit, &variant.variant.to_string())?;
        }
    }
    plain(writer, subject, "wanted", row.wanted as f64)?;
    plain(writer, subject, "skipped", row.skipped() as f64)?;
    plain(writer, subject, "unscored", ReasonCount::total(&row.unscored) as f64)?;
    for (index, value) in row.sensitivity.indices() {
        measure(writer, subject, index.as_str(), value)?;
    }
    Ok(())
}

fn measure(
    writer: &mut csv::Writer<Vec<u8>>,
    subject: &Subject<'_>,
    index: &str,
    value: &Measure,
) -> Result<(), ReportError> {
    line(writer, subject, index, value, value.reason().unwrap_or_default())
}

fn line(
    writer: &mut csv::Writer<Vec<u8>>,
    subject: &Subject<'_>,
    index: &str,
    value: &Measure,
    reason: &str,
) -> Result<(), ReportError> {
    write(writer, subject, index, &numbers(value), reason)
}

/// The cells from `point` to `clusters`.
fn numbers(value: &Measure) -> [String; 8] {
    let estimate = value.estimate();
    let interval = estimate.and_then(|estimate| estimate.interval);
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let whole = |value: Option<usize>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        number(estimate.map(|estimate| estimate.point)),
        number(interval.map(|interval| interval.low)),
        number(interval.map(|interval| interval.high)),
        number(interval.map(|interval| interval.level)),
        interval.map(|interval| method(interval.method)).unwrap_or_default().to_owned(),
        number(estimate.and_then(|estimate| estimate.standard_error)),
        whole(estimate.map(|estimate| estimate.n)),
        whole(estimate.map(|estimate| estimate.clusters)),
    ]
}

/// A number that is counted or known, without uncertainty.
fn plain(writer: &mut csv::Writer<Vec<u8>>, subject: &Subject<'_>, index: &str, value: f64) -> Result<(), ReportError> {
    write(writer, subject, index, &plain_numbers(value), "")
}

fn plain_numbers(value: f64) -> [String; 8] {
    let mut numbers: [String; 8] = Default::default();
    let [point, ..] = &mut numbers;
    *point = value.to_string();
    numbers
}

fn write(
    writer: &mut csv::Writer<Vec<u8>>,
    subject: &Subject<'_>,
    index: &str,
    numbers: &[String],
    reason: &str,
) -> Result<(), ReportError> {
    let entry = &subject.checkpoint.checkpoint;
    let weight = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let head = [
        csv_cell(&subject.checkpoint.run),
        csv_cell(&subject.checkpoint.id),
        weight(entry.weighting.map(crate::weighting::Weighting::prompt)),
        weight(entry.weighting.map(crate::weighting::Weighting::response)),
        csv_cell(entry.stage.as_deref().unwrap_or_default()),
        csv_cell(subject.task),
        csv_cell(subject.metric),
        csv_cell(subject.filter),
        csv_cell(subject.perturbation),
        csv_cell(index),
    ];
    writer.write_record(head.iter().chain(numbers).chain([&csv_cell(reason)]))?;
    Ok(())
}

fn method(method: IntervalMethod) -> &'static str {
    match method {
        IntervalMethod::ClusteredT => "clustered_t",
        IntervalMethod::Wilson => "wilson",
        IntervalMethod::ClusteredWilson => "clustered_wilson",
        IntervalMethod::ClusterBootstrap => "cluster_bootstrap",
        IntervalMethod::ClusterBca => "cluster_bca",
        IntervalMethod::PairedScore => "paired_score",
        IntervalMethod::FisherZ => "fisher_z",
        IntervalMethod::Simultaneous => "simultaneous",
        IntervalMethod::Jackknife => "jackknife",
        IntervalMethod::ChiSquare => "chi_square",
    }
}
