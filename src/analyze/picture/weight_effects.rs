//! What one weight does to a measure: means by level, and the slope with the other weight held fixed.

use std::collections::BTreeMap;

use crate::analyze::weightings::results::{Headline, WeightingsAnalysis};
use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::sensitivity::Measure;
use crate::stats::{clustered_mean, spearman, two_sided_student};
use crate::weighting::Weighting;

use super::evidence::{Evidence, GridKey};
use super::grid::{Cell, Grid, grids};
use super::types::{WeightAxis, WeightEffect, WeightLevel};

/// Both weights.
pub(in crate::analyze) const AXES: [WeightAxis; 2] = [WeightAxis::Prompt, WeightAxis::Response];

/// Differences of numbers below this share of them are rounding.
const EXACT: f64 = 1e-12;

impl WeightAxis {
    /// This weight of a weighting.
    pub fn of(self, weighting: Weighting) -> f64 {
        match self {
            Self::Prompt => weighting.prompt(),
            Self::Response => weighting.response(),
        }
    }
}

/// One entry a grid and weight that takes several values in it.
pub(super) fn weight_effects(analysis: &WeightingsAnalysis, evidence: &Evidence, level: f64) -> Vec<WeightEffect> {
    let mut out = Vec::new();
    for grid in grids(analysis).iter().filter(|grid| grid.measure != Headline::Perturbed) {
        out.extend(AXES.into_iter().filter_map(|axis| weight_effect(grid, axis, evidence, level)));
    }
    out
}

fn weight_effect(grid: &Grid<'_>, axis: WeightAxis, evidence: &Evidence, level: f64) -> Option<WeightEffect> {
    let mut by_weight: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for cell in &grid.cells {
        by_weight.entry(axis.of(cell.weighting).to_bits()).or_default().push(cell.point());
    }
    if by_weight.len() < 2 {
        return None;
    }
    let key = grid.key();
    let weights = grid.cells.iter().map(|cell| axis.of(cell.weighting)).collect::<Vec<_>>();
    let values = grid.cells.iter().map(Cell::point).collect::<Vec<_>>();
    let levels = by_weight.iter().map(|(bits, values)| WeightLevel {
        weight: f64::from_bits(*bits),
        value: level_mean(&key, axis, *bits, values, evidence, level),
        arms: values.len(),
    });
    let slope = match evidence.slopes.get(&(key.clone(), axis)) {
        Some(estimate) => Measure::Defined(*estimate),
        None => slope_over_arms(grid, axis, &values, level),
    };
    Some(WeightEffect {
        series: grid.series,
        benchmark: grid.benchmark.benchmark.clone(),
        measure: grid.measure,
        axis,
        levels: levels.collect(),
        slope,
        correlation: correlation_measure(spearman(&weights, &values, level).map(|found| found.estimate), values.len()),
    })
}

/// From instances where there are any; else Student's t over the arms of the level, taken to be independent.
fn level_mean(key: &GridKey, axis: WeightAxis, bits: u64, values: &[f64], evidence: &Evidence, level: f64) -> Measure {
    if let Some(estimate) = evidence.levels.get(&(key.clone(), axis, bits)) {
        return Measure::Defined(*estimate);
    }
    let arms = (0..values.len()).collect::<Vec<_>>();
    let mean = clustered_mean(values, &arms, level).map(without_certainty);
    mean.map_or_else(|| Measure::undefined("there is no arm"), Measure::Defined)
}

/// Coefficients `c_i` with `slope = Σ c_i y_i`: least squares of a measure on both weights and a constant. A weight that does
/// not vary is left out of the model. `None` where this weight does not vary, or the two weights move together.
pub(in crate::analyze) fn slope_coefficients(weightings: &[Weighting], axis: WeightAxis) -> Option<Vec<f64>> {
    let count = weightings.len() as f64;
    let centred = |axis: WeightAxis| {
        let mean = weightings.iter().map(|weighting| axis.of(*weighting)).sum::<f64>() / count;
        weightings.iter().map(|weighting| axis.of(*weighting) - mean).collect::<Vec<_>>()
    };
    let other = if axis == WeightAxis::Prompt { WeightAxis::Response } else { WeightAxis::Prompt };
    let (own, other) = (centred(axis), centred(other));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (own_square, other_square, both) = (product(&own, &own), product(&other, &other), product(&own, &other));
    // Weights lie in [0, 1]: anything below this is rounding.
    let tiny = 1e-12 * count.max(1.0);
    if weightings.len() < 2 || own_square <= tiny {
        return None;
    }
    if other_square <= tiny {
        return Some(own.iter().map(|value| value / own_square).collect());
    }
    let determinant = own_square * other_square - both * both;
    if determinant <= tiny * own_square.max(other_square) {
        return None;
    }
    Some(own.iter().zip(&other).map(|(own, other)| (other_square * own - both * other) / determinant).collect())
}

/// The slope with Student's interval on the residuals of the arms, which are taken to be independent; without one where the arms
/// lie on the fit, which does not show that others would.
fn slope_over_arms(grid: &Grid<'_>, axis: WeightAxis, values: &[f64], level: f64) -> Measure {
    let weightings = grid.cells.iter().map(|cell| cell.weighting).collect::<Vec<_>>();
    let Some(coefficients) = slope_coefficients(&weightings, axis) else {
        return Measure::undefined("the two weights move together: neither's effect can be told from the other's");
    };
    let dot = |coefficients: &[f64]| coefficients.iter().zip(values).map(|(c, y)| c * y).sum::<f64>();
    let slopes = AXES.map(|axis| slope_coefficients(&weightings, axis).map(|coefficients| dot(&coefficients)));
    let predictors = slopes.iter().flatten().count();
    let fitted = |weighting: &Weighting| {
        AXES.iter().zip(&slopes).map(|(axis, slope)| slope.unwrap_or_default() * axis.of(*weighting)).sum::<f64>()
    };
    let residuals = weightings.iter().zip(values).map(|(weighting, y)| y - fitted(weighting)).collect::<Vec<_>>();
    let mean = residuals.iter().sum::<f64>() / residuals.len().max(1) as f64;
    let squares = residuals.iter().map(|residual| (residual - mean).powi(2)).sum::<f64>();
    let point = dot(&coefficients);
    let n = values.len();
    let none = Estimate { point, interval: None, standard_error: None, n, clusters: n };
    if !point.is_finite() {
        return Measure::undefined("the numbers are too large");
    }
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let fits_exactly = squares.sqrt() <= EXACT * largest;
    if n <= predictors + 1 || !squares.is_finite() || fits_exactly {
        return Measure::Defined(none);
    }
    let df = (n - predictors - 1) as f64;
    let error = (squares / df * coefficients.iter().map(|c| c * c).sum::<f64>()).sqrt();
    let interval = two_sided_student(level, df).map(|critical| Interval {
        low: point - critical * error,
        high: point + critical * error,
        level,
        method: IntervalMethod::ClusteredT,
    });
    Measure::Defined(Estimate { interval, standard_error: Some(error), ..none })
}

/// The estimate without an interval of no width: numbers that agree do not show that others would.
fn without_certainty(estimate: Estimate) -> Estimate {
    let is_point = |interval: &Interval| interval.high - interval.low <= EXACT * estimate.point.abs();
    if estimate.interval.as_ref().is_some_and(is_point) {
        Estimate { interval: None, standard_error: None, ..estimate }
    } else {
        estimate
    }
}

/// A correlation, or why there is none.
pub(super) fn correlation_measure(found: Option<Estimate>, pairs: usize) -> Measure {
    found.map_or_else(
        || {
            Measure::undefined(if pairs < 2 {
                "there are fewer than two pairs"
            } else {
                "one of the two does not vary"
            })
        },
        |found| Measure::Defined(without_certainty(found)),
    )
}
