//! The best cell against conventional tuning: the paper's Table 1.

use std::collections::BTreeMap;

use crate::analyze::weightings::results::{Headline, WeightingsAnalysis};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;
use crate::stats::clustered_mean;

use super::evidence::Evidence;
use super::grid::{Grid, clusters, described, grids, mean_over_grids};
use super::types::{Gain, MeanGain};

/// One entry a series and benchmark that has conventional tuning among its cells.
pub(super) fn gains(analysis: &WeightingsAnalysis, evidence: &Evidence) -> Vec<Gain> {
    let all = grids(analysis);
    all.iter().filter(|grid| grid.measure == Headline::Performance).filter_map(|grid| gain(grid, evidence)).collect()
}

fn gain(grid: &Grid<'_>, evidence: &Evidence) -> Option<Gain> {
    // Of a perplexity a relative change has no unit to speak of, and less is better.
    if !grid.benchmark.higher_is_better {
        return None;
    }
    let (best, reference) = (grid.best()?, grid.conventional()?);
    Some(Gain {
        series: grid.series,
        benchmark: grid.benchmark.benchmark.clone(),
        arm: best.arm.id.clone(),
        reference: reference.arm.id.clone(),
        arm_value: best.entry.value.clone(),
        reference_value: reference.entry.value.clone(),
        relative: relative(grid, best.arm.id.as_str(), evidence),
        chosen_from: grid.cells.len(),
        as_given: None,
    })
}

fn relative(grid: &Grid<'_>, arm: &str, evidence: &Evidence) -> Measure {
    let known = evidence.gains.get(&(grid.benchmark.benchmark.clone(), arm.to_owned()));
    if let Some(estimate) = known {
        return Measure::Defined(*estimate);
    }
    let (Some(own), Some(reference)) = (grid.cell(arm), grid.conventional()) else {
        return Measure::undefined("conventional tuning has no number");
    };
    if let Some(Measure::Undefined { reason }) = &own.entry.relative_gain {
        return Measure::undefined(reason.clone());
    }
    relative_change(own.estimate, reference.estimate)
}

/// `(a - b) / b` without an interval.
pub(super) fn relative_change(a: &Estimate, b: &Estimate) -> Measure {
    if b.point <= 0.0 {
        return Measure::undefined("what it is compared with is not above 0");
    }
    let point = (a.point - b.point) / b.point;
    if !point.is_finite() {
        return Measure::undefined("what it is compared with is too near 0");
    }
    let (n, clusters) = (a.n.min(b.n), a.clusters.min(b.clusters));
    Measure::Defined(Estimate { point, interval: None, standard_error: None, n, clusters })
}

/// Stage, place among the benchmarks and name of a mean gain.
type MeanKey<'a> = (Option<String>, usize, &'a str);

/// Their means over series, one a benchmark and stage. The interval is Student's over series, clustered by base model where
/// several are known. The mean is one of maxima: it holds the luck of each choice, about which the interval says nothing.
pub(super) fn mean_gains(analysis: &WeightingsAnalysis, gains: &[Gain], level: f64) -> Vec<MeanGain> {
    let order = |name: &str| analysis.benchmarks.iter().position(|benchmark| benchmark.benchmark == name);
    let mut groups: BTreeMap<MeanKey<'_>, Vec<(usize, f64)>> = BTreeMap::new();
    for gain in gains {
        if let Some(point) = gain.relative.point() {
            let place = order(&gain.benchmark).unwrap_or(usize::MAX);
            let stage = described(analysis, gain.series).stage;
            groups.entry((stage, place, &gain.benchmark)).or_default().push((gain.series, point));
        }
    }
    let entry = |((stage, _, benchmark), points): (_, Vec<(usize, f64)>)| MeanGain {
        benchmark: str::to_owned(benchmark),
        stage,
        relative: mean_gain(analysis, &points, level),
        series: points.len(),
        as_given: None,
    };
    groups.into_iter().map(entry).collect()
}

/// The mean of gains, each with its series.
pub(in crate::analyze) fn mean_gain(analysis: &WeightingsAnalysis, gains: &[(usize, f64)], level: f64) -> Measure {
    let (series, values): (Vec<_>, Vec<_>) = gains.iter().copied().unzip();
    let mean = mean_over_grids(&values, &clusters(analysis, &series), level, clustered_mean);
    mean.map_or_else(|| Measure::undefined("no gain is known"), Measure::Defined)
}
