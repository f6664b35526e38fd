//! Every number of the picture on a line of its own, for spreadsheets.

use crate::analyze::analysis::WeightingsAnalysis;
use crate::analyze::picture::{Grouping, LikelihoodAnalysis, Picture, TextPart, WeightAxis, WeightEffect};
use crate::sensitivity::Measure;

use super::Names;

/// A line. Texts may come from outside.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct NumberRow {
    /// The arm, where the number is one arm's.
    pub arm: Option<String>,
    /// What else it is about: a grid, a data set, a checkpoint.
    pub subject: String,
    /// The stage, where it is known.
    pub stage: String,
    /// The benchmark.
    pub benchmark: String,
    /// What it is: `gain_relative`.
    pub index: String,
    /// The number; a count is a number without uncertainty.
    pub value: Value,
    /// What else is to be known.
    pub note: String,
}

/// A number.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) enum Value {
    /// Measured.
    Measured(Measure),
    /// Counted, or known.
    Plain(f64),
}

impl NumberRow {
    fn new(index: impl Into<String>, benchmark: &str, value: Value) -> Self {
        Self {
            arm: None,
            subject: String::new(),
            stage: String::new(),
            benchmark: benchmark.to_owned(),
            index: index.into(),
            value,
            note: String::new(),
        }
    }

    fn measured(index: impl Into<String>, benchmark: &str, value: &Measure) -> Self {
        Self::new(index, benchmark, Value::Measured(value.clone()))
    }

    fn of_grid(self, names: &Names<'_>, series: usize) -> Self {
        Self { subject: names.series(series), stage: names.stage(series).to_owned(), ..self }
    }

    fn of_arm(self, arm: &str) -> Self {
        Self { arm: Some(arm.to_owned()), ..self }
    }

    fn noted(self, note: String) -> Self {
        Self { note, ..self }
    }
}

/// All of the picture.
pub(super) fn picture(compared: &WeightingsAnalysis) -> Vec<NumberRow> {
    let (picture, names) = (&compared.picture, Names::of(compared));
    let mut rows = best(picture, &names);
    rows.extend(gains(picture, &names));
    rows.extend(relations(picture, &names));
    rows.extend(picture.weight_effects.iter().flat_map(|effect| effect_rows(effect, &names)));
    rows.extend(correlations(picture));
    rows.extend(variance(picture, &names));
    rows
}

fn best(picture: &Picture, names: &Names<'_>) -> Vec<NumberRow> {
    let mut rows = Vec::new();
    for cell in &picture.best_cells {
        let not_worse = match &cell.not_worse {
            Some(ids) => {
                format!("; {} of {} cells cannot be told from the best: {}", ids.len(), cell.cells, ids.join(" "))
            }
            None => format!("; of {} cells; no intervals", cell.cells),
        };
        let tied = if cell.tied.is_empty() { String::new() } else { format!("; tied: {}", cell.tied.join(" ")) };
        let row = NumberRow::measured(format!("best_cell_{}", cell.measure.as_str()), &cell.benchmark, &cell.value);
        let note = format!("{}{tied}{not_worse}", names.series(cell.series));
        rows.push(row.of_grid(names, cell.series).of_arm(&cell.arm).noted(note));
    }
    for entry in &picture.best_weights {
        let grouping = match entry.grouping {
            Grouping::Benchmark => "benchmark",
            Grouping::Dataset => "dataset",
            Grouping::Model => "model",
        };
        for (which, value) in [("prompt", &entry.prompt), ("response", &entry.response)] {
            let benchmark = if entry.grouping == Grouping::Benchmark { entry.name.as_str() } else { "" };
            let row = NumberRow::measured(format!("best_weight_{which}_by_{grouping}"), benchmark, value);
            let stage = entry.stage.clone().unwrap_or_default();
            let row = NumberRow { subject: entry.name.clone(), stage, ..row };
            rows.push(row.noted(format!("mean over {} grids", entry.grids)));
        }
    }
    rows
}

fn gains(picture: &Picture, names: &Names<'_>) -> Vec<NumberRow> {
    let mut rows = Vec::new();
    for gain in &picture.gains {
        let note = format!(
            "{}: against {}, the best of {} cells",
            names.series(gain.series),
            gain.reference,
            gain.chosen_from
        );
        let values = [
            ("gain_relative", &gain.relative),
            ("gain_best", &gain.arm_value),
            ("gain_reference", &gain.reference_value),
        ];
        for (index, value) in values {
            let row = NumberRow::measured(index, &gain.benchmark, value).of_grid(names, gain.series);
            let arm = if index == "gain_reference" { &gain.reference } else { &gain.arm };
            rows.push(row.of_arm(arm).noted(note.clone()));
        }
    }
    for gain in &picture.mean_gains {
        let row = NumberRow::measured("mean_gain_relative", &gain.benchmark, &gain.relative);
        let stage = gain.stage.clone().unwrap_or_default();
        rows.push(NumberRow { stage, ..row }.noted(format!("mean over {} grids", gain.series)));
    }
    for count in &picture.counts {
        let stage = count.stage.clone().unwrap_or_default();
        let hits = NumberRow::new(format!("count_{}", count.name), "", Value::Plain(count.hits as f64));
        let of = NumberRow::new(format!("count_{}_of", count.name), "", Value::Plain(count.of as f64));
        let share = NumberRow::measured(format!("count_{}_share", count.name), "", &count.share);
        let all = [hits, of, share];
        rows.extend(all.map(|row| NumberRow { stage: stage.clone(), ..row }.noted(count.statement.clone())));
    }
    for gain in &picture.preference_gains {
        let measure = gain.measure.as_str();
        let values = [
            ("before", &gain.value_before),
            ("after", &gain.value),
            ("difference", &gain.difference),
            ("relative", &gain.relative),
        ];
        rows.extend(values.map(|(which, value)| {
            let row = NumberRow::measured(format!("preference_{measure}_{which}"), &gain.benchmark, value);
            row.of_arm(&gain.arm).noted(format!("tuned from {}", gain.before))
        }));
    }
    rows
}

fn relations(picture: &Picture, names: &Names<'_>) -> Vec<NumberRow> {
    let mut rows = Vec::new();
    for front in &picture.fronts {
        let sensitivity = front.sensitivity.as_str();
        let members = [("front", Some(&front.front)), ("front_not_excluded", front.not_excluded.as_ref())];
        for (which, arms) in members {
            rows.extend(arms.into_iter().flatten().map(|arm| {
                let row = NumberRow::new(format!("{which}_{sensitivity}"), &front.benchmark, Value::Plain(1.0));
                row.of_grid(names, front.series).of_arm(arm)
            }));
        }
    }
    for entry in &picture.trade_offs {
        let row = NumberRow::measured("trade_off_spearman", &entry.adherence, &entry.correlation);
        let note = format!("{} against {}", entry.adherence, entry.conversation);
        rows.push(row.of_grid(names, entry.series).noted(note));
    }
    rows
}

fn effect_rows(effect: &WeightEffect, names: &Names<'_>) -> Vec<NumberRow> {
    let axis = match effect.axis {
        WeightAxis::Prompt => "lambda_p",
        WeightAxis::Response => "lambda_r",
    };
    let head = format!("effect_of_{axis}_on_{}", effect.measure.as_str());
    let mut rows = vec![
        NumberRow::measured(format!("{head}_slope"), &effect.benchmark, &effect.slope),
        NumberRow::measured(format!("{head}_spearman"), &effect.benchmark, &effect.correlation),
    ];
    for level in &effect.levels {
        let row = NumberRow::measured(format!("{head}_mean_at_{}", level.weight), &effect.benchmark, &level.value);
        rows.push(row.noted(format!("mean over {} cells", level.arms)));
    }
    rows.into_iter().map(|row| row.of_grid(names, effect.series)).collect()
}

fn correlations(picture: &Picture) -> Vec<NumberRow> {
    let mut rows = Vec::new();
    for entry in &picture.correlations {
        let head = format!("best_prompt_weight_with_{}", entry.characteristic);
        for (which, value, p) in
            [("spearman", &entry.spearman, entry.spearman_p), ("kendall", &entry.kendall, entry.kendall_p)]
        {
            rows.push(NumberRow::measured(format!("{head}_{which}"), &entry.benchmark, value));
            rows.extend(p.map(|p| NumberRow::new(format!("{head}_{which}_p"), &entry.benchmark, Value::Plain(p))));
        }
        let adjusted = entry.p_adjusted;
        rows.extend(adjusted.map(|p| NumberRow::new(format!("{head}_p_adjusted"), &entry.benchmark, Value::Plain(p))));
    }
    rows
}

fn variance(picture: &Picture, names: &Names<'_>) -> Vec<NumberRow> {
    let mut rows = Vec::new();
    for entry in &picture.variance {
        for component in &entry.components {
            let source = serde_name(component.source);
            let value = NumberRow::measured(format!("variance_{source}"), &entry.benchmark, &component.variance);
            let share =
                NumberRow::new(format!("variance_{source}_share"), &entry.benchmark, Value::Plain(component.share));
            rows.extend([value, share].map(|row| row.of_grid(names, entry.series)));
        }
    }
    rows
}

/// The name of a source in files, as `analysis.json` has it.
fn serde_name(source: crate::analyze::picture::VarianceSource) -> &'static str {
    use crate::analyze::picture::VarianceSource;
    match source {
        VarianceSource::Item => "item",
        VarianceSource::Variant => "variant",
        VarianceSource::ItemByVariant => "item_by_variant",
        VarianceSource::Seed => "seed",
        VarianceSource::Weighting => "weighting",
        VarianceSource::Residual => "residual",
    }
}

/// Likelihoods of prompts and responses; densities are in `analysis.json`.
pub(super) fn likelihoods(all: &[LikelihoodAnalysis]) -> Vec<NumberRow> {
    let mut rows = Vec::new();
    for entry in all {
        let part = match entry.part {
            TextPart::Prompt => "prompt",
            TextPart::Response => "response",
        };
        let own = |row: NumberRow| NumberRow { subject: entry.checkpoint.clone(), ..row };
        rows.push(own(NumberRow::measured(format!("likelihood_{part}_nats"), &entry.source, &entry.mean)));
        rows.extend(entry.quantiles.iter().map(|[share, value]| {
            own(NumberRow::new(format!("likelihood_{part}_nats_quantile_{share}"), &entry.source, Value::Plain(*value)))
        }));
        rows.extend(entry.failed.iter().map(|failed| {
            let row =
                NumberRow::new(format!("likelihood_{part}_failed"), &entry.source, Value::Plain(failed.count as f64));
            own(row).noted(failed.reason.clone())
        }));
    }
    rows
}
