//! What is known beyond the numbers themselves: which differences are shown, and intervals that need more than one arm.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::weightings::results::{Headline, WeightingsAnalysis};
use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::sensitivity::Measure;
use crate::stats::{Component, combined, student_p_value, two_sided_student};

use super::grid::{Cell, Grid, grids};
use super::types::WeightAxis;

/// Names a grid: benchmark, series, measure.
pub(in crate::analyze) type GridKey = (String, usize, Headline);

/// Made from instances where there are any ([`crate::analyze::weightings`]), from standard errors where a table of scores
/// has them, and empty for numbers without intervals.
#[derive(Default)]
pub(in crate::analyze) struct Evidence {
    /// For each grid that was tested: who is shown to be better than whom (better arm, worse arm).
    pub shown: BTreeMap<GridKey, BTreeSet<(String, String)>>,
    /// Relative gain of an arm over conventional tuning, simultaneous over the cells of its grid: benchmark and arm.
    pub gains: BTreeMap<(String, String), Estimate>,
    /// Slope of a measure on a weight.
    pub slopes: BTreeMap<(GridKey, WeightAxis), Estimate>,
    /// Mean of a measure over the arms with one value of a weight, by the weight's bits.
    pub levels: BTreeMap<(GridKey, WeightAxis, u64), Estimate>,
    /// A preference-tuned arm minus the arm before, and relative to it: benchmark, measure, arm.
    pub preference: BTreeMap<(String, Headline, String), (Measure, Measure)>,
}

impl Evidence {
    /// Adds what another benchmark or measure shows.
    pub fn extend(&mut self, other: Self) {
        self.shown.extend(other.shown);
        self.gains.extend(other.gains);
        self.slopes.extend(other.slopes);
        self.levels.extend(other.levels);
        self.preference.extend(other.preference);
    }

    /// Whether an arm is shown to be better than another.
    pub fn is_shown(&self, key: &GridKey, better: &str, worse: &str) -> bool {
        let pair = (better.to_owned(), worse.to_owned());
        self.shown.get(key).is_some_and(|pairs| pairs.contains(&pair))
    }

    /// From the standard errors of single arms, taken to be independent. Arms that answered the same items are not: their
    /// differences are more certain than this says.
    pub fn of_standard_errors(analysis: &WeightingsAnalysis, level: f64) -> Self {
        let mut out = Self::default();
        for grid in grids(analysis).into_iter().filter(Grid::has_intervals) {
            let key = grid.key();
            let pairs = shown(&grid, level);
            if grid.measure == Headline::Performance
                && let Some(reference) = grid.conventional()
            {
                let others = grid.cells.iter().filter(|cell| cell.arm.id != reference.arm.id);
                out.gains.extend(others.filter_map(|cell| {
                    let gain = relative(*cell, reference, simultaneous_level(level, grid.cells.len()))?;
                    Some(((grid.benchmark.benchmark.clone(), cell.arm.id.clone()), gain))
                }));
            }
            out.shown.insert(key, pairs);
        }
        out
    }
}

impl Grid<'_> {
    /// Its name.
    pub fn key(&self) -> GridKey {
        (self.benchmark.benchmark.clone(), self.series, self.measure)
    }
}

/// Bonferroni's level for one of `several` intervals that shall hold together.
pub(in crate::analyze) fn simultaneous_level(level: f64, several: usize) -> f64 {
    1.0 - (1.0 - level) / several.max(1) as f64
}

/// Pairs that are told apart with Bonferroni's correction over the other cells, as [`crate::analyze::weightings`] has it.
fn shown(grid: &Grid<'_>, level: f64) -> BTreeSet<(String, String)> {
    let others = grid.cells.len().saturating_sub(1) as f64;
    let mut pairs = BTreeSet::new();
    for better in &grid.cells {
        for worse in &grid.cells {
            let gap = (better.point() - worse.point()) * grid.sign();
            let told = gap > 0.0 && p_value(better, worse).is_some_and(|p| p * others < 1.0 - level);
            if told {
                pairs.insert((better.arm.id.clone(), worse.arm.id.clone()));
            }
        }
    }
    pairs
}

fn component(cell: &Cell<'_>, factor: f64) -> Option<Component> {
    cell.estimate.interval?;
    let variance = (factor * cell.estimate.standard_error?).powi(2);
    Some(Component { variance, mean_square: variance, df: degrees_of_freedom(cell.estimate) })
}

/// Clusters less one; where only one is on record, the standard error is taken at its word.
fn degrees_of_freedom(estimate: &Estimate) -> f64 {
    if estimate.clusters > 1 { (estimate.clusters - 1) as f64 } else { 1e9 }
}

fn p_value(a: &Cell<'_>, b: &Cell<'_>) -> Option<f64> {
    let (variance, df) = combined(&[component(a, 1.0)?, component(b, 1.0)?]);
    let difference = Estimate {
        point: a.point() - b.point(),
        interval: None,
        standard_error: Some(variance.sqrt()),
        n: a.estimate.n.min(b.estimate.n),
        clusters: a.estimate.clusters.min(b.estimate.clusters),
    };
    student_p_value(&difference, df)
}

/// `(a - b) / b` with the delta method's error for independent numbers: `SE² = (SE_a² + (a/b)² SE_b²) / b²`.
/// Nothing where `b` is within three standard errors of 0: there, the method says little.
fn relative(a: Cell<'_>, b: Cell<'_>, level: f64) -> Option<Estimate> {
    let (top, bottom) = (a.point(), b.point());
    let far = b.estimate.standard_error.is_some_and(|error| bottom > 3.0 * error);
    if bottom <= 0.0 || !far {
        return None;
    }
    let ratio = top / bottom;
    let (variance, df) = combined(&[component(&a, 1.0 / bottom)?, component(&b, ratio / bottom)?]);
    let (point, half) = (ratio - 1.0, two_sided_student(level, df)? * variance.sqrt());
    if !point.is_finite() || !half.is_finite() {
        return None;
    }
    let interval = Interval { low: point - half, high: point + half, level, method: IntervalMethod::Simultaneous };
    Some(Estimate {
        point,
        interval: Some(interval),
        standard_error: Some(variance.sqrt()),
        n: a.estimate.n.min(b.estimate.n),
        clusters: a.estimate.clusters.min(b.estimate.clusters),
    })
}
