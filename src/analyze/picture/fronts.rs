//! Performance against sensitivity.

use crate::analyze::weightings::results::{Headline, WeightingsAnalysis};

use super::evidence::Evidence;
use super::grid::{Cell, Grid, series_numbers};
use super::types::Front;

/// A cell with both numbers.
struct Both<'a> {
    performance: Cell<'a>,
    sensitivity: Cell<'a>,
}

/// One entry a series, benchmark and measure of sensitivity in which a cell has both numbers.
pub(super) fn fronts(analysis: &WeightingsAnalysis, evidence: &Evidence) -> Vec<Front> {
    let mut out = Vec::new();
    for series in series_numbers(analysis) {
        for benchmark in &analysis.benchmarks {
            let performance = Grid::new(analysis, benchmark, series, Headline::Performance);
            for measure in Headline::ALL.into_iter().filter(|measure| measure.is_sensitivity()) {
                let sensitivity = Grid::new(analysis, benchmark, series, measure);
                out.extend(front(&performance, &sensitivity, evidence));
            }
        }
    }
    out
}

fn front(performance: &Grid<'_>, sensitivity: &Grid<'_>, evidence: &Evidence) -> Option<Front> {
    let both = performance.cells.iter().filter_map(|cell| {
        let other = sensitivity.cell(&cell.arm.id)?;
        Some(Both { performance: *cell, sensitivity: other })
    });
    let both = both.collect::<Vec<_>>();
    if both.is_empty() {
        return None;
    }
    // How much better one is than another in each of the two; positive is better.
    let gaps = |one: &Both<'_>, other: &Both<'_>| {
        (
            (one.performance.point() - other.performance.point()) * performance.sign(),
            (one.sensitivity.point() - other.sensitivity.point()) * sensitivity.sign(),
        )
    };
    let beats = |one: &Both<'_>, other: &Both<'_>| {
        let (more, less) = gaps(one, other);
        more >= 0.0 && less >= 0.0 && (more > 0.0 || less > 0.0)
    };
    let mut on_front = both.iter().filter(|own| !both.iter().any(|other| beats(other, own))).collect::<Vec<_>>();
    let merit = |own: &Both<'_>| own.performance.point() * performance.sign();
    on_front.sort_by(|a, b| merit(b).total_cmp(&merit(a)));
    let keys = (performance.key(), sensitivity.key());
    // Beaten by points, and by one of the two for certain: nothing else takes an arm off the list.
    let excluded = |own: &Both<'_>| {
        both.iter().any(|other| {
            let shown = |key| evidence.is_shown(key, &other.performance.arm.id, &own.performance.arm.id);
            beats(other, own) && (shown(&keys.0) || shown(&keys.1))
        })
    };
    let tested = evidence.shown.contains_key(&keys.0) || evidence.shown.contains_key(&keys.1);
    let known = tested && (performance.has_intervals() || sensitivity.has_intervals());
    let name = |own: &Both<'_>| own.performance.arm.id.clone();
    Some(Front {
        series: performance.series,
        benchmark: performance.benchmark.benchmark.clone(),
        sensitivity: sensitivity.measure,
        front: on_front.into_iter().map(name).collect(),
        not_excluded: known.then(|| both.iter().filter(|own| !excluded(own)).map(name).collect()),
    })
}
