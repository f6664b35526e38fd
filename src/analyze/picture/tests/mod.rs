//! Made-up and published grids.

mod by_hand;
mod odd_grids;
mod paper;

use crate::analyze::analysis::{
    Arm, ArmKind, ArmMeasure, ArmResult, BenchmarkKind, BenchmarkWeightings, Headline, SeedVariance, WeightingsAnalysis,
};
use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::sensitivity::Measure;
use crate::weighting::Weighting;

use super::{Ability, Series};

/// A cell of a table: series, benchmark, measure, weights (none for the base), number, standard error.
pub(super) type Row = (usize, &'static str, Headline, Option<(f64, f64)>, f64, Option<f64>);

/// A point with a normal interval where it has an error.
pub(super) fn number(point: f64, error: Option<f64>) -> Measure {
    let interval = |error: f64| Interval {
        low: point - 1.96 * error,
        high: point + 1.96 * error,
        level: 0.95,
        method: IntervalMethod::ClusteredT,
    };
    Measure::Defined(Estimate { point, interval: error.map(interval), standard_error: error, n: 1000, clusters: 1000 })
}

pub(super) fn arm_id(series: usize, weights: Option<(f64, f64)>) -> String {
    match weights {
        Some((prompt, response)) => format!("p{prompt}-r{response} ({series})"),
        None => format!("base ({series})"),
    }
}

fn arm(series: usize, weights: Option<(f64, f64)>, stage: Option<&str>) -> Arm {
    Arm {
        id: arm_id(series, weights),
        kind: if weights.is_some() { ArmKind::Weighting } else { ArmKind::Base },
        weighting: weights.map(|(prompt, response)| Weighting::new(prompt, response).unwrap()),
        base: None,
        stage: stage.map(str::to_owned),
        series,
        checkpoints: vec![arm_id(series, weights)],
        reference: Some(arm_id(series, Some((0.0, 1.0)))),
        base_arm: weights.map(|_| arm_id(series, None)),
    }
}

/// A series of this model and data.
pub(super) fn series(number: usize, model: &str, dataset: &str, stage: &str) -> Series {
    Series {
        number,
        name: format!("{stage} of {model} on {dataset}"),
        model: Some(model.to_owned()),
        dataset: Some(dataset.to_owned()),
        stage: Some(stage.to_owned()),
        ..Series::default()
    }
}

/// Rows as an analysis: arms in the order of first mention.
pub(super) fn table(rows: &[Row], described: Vec<Series>) -> WeightingsAnalysis {
    let mut arms: Vec<Arm> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (number, benchmark, _, weights, _, _) in rows {
        let stage = described.iter().find(|series| series.number == *number).and_then(|s| s.stage.as_deref());
        if !arms.iter().any(|known| known.id == arm_id(*number, *weights)) {
            arms.push(arm(*number, *weights, stage));
        }
        if !names.contains(benchmark) {
            names.push(benchmark);
        }
    }
    let benchmarks = names.iter().map(|name| BenchmarkWeightings {
        benchmark: (*name).to_owned(),
        title: (*name).to_owned(),
        kind: if *name == "average" { BenchmarkKind::Average } else { BenchmarkKind::Task },
        ability: (*name != "average").then(|| Ability::of_benchmark(name)),
        metric: String::new(),
        higher_is_better: true,
        tasks: Vec::new(),
        left_out: Vec::new(),
        rows: arms.iter().map(|arm| result(rows, name, arm)).collect(),
        best: Vec::new(),
    });
    WeightingsAnalysis {
        benchmarks: benchmarks.collect(),
        not_comparable: Vec::new(),
        series: described,
        picture: super::Picture::default(),
        arms,
    }
}

fn result(rows: &[Row], benchmark: &str, arm: &Arm) -> ArmResult {
    let measures = Headline::ALL.map(|measure| {
        let own = rows.iter().find(|(number, name, of, weights, _, _)| {
            *name == benchmark && *of == measure && arm_id(*number, *weights) == arm.id
        });
        ArmMeasure {
            measure,
            value: own.map_or_else(
                || Measure::undefined("this was not asked"),
                |(_, _, _, _, point, error)| number(*point, *error),
            ),
            seed_variance: SeedVariance::Measured,
            against_reference: None,
            against_base: None,
            relative_gain: None,
        }
    });
    ArmResult { arm: arm.id.clone(), measures: measures.into() }
}
