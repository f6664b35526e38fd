//! The numbers of a perturbation's row, for the tables that show points only beside performance.

use crate::analyze::analysis::PerturbationAnalysis;
use crate::analyze::number::{figure, signed};
use crate::sensitivity::Measure;

/// The mean change with its sign, and a star where its interval excludes 0.
pub(super) fn marked_change(row: &PerturbationAnalysis) -> String {
    let change = row.change.point().map(|point| format!("{}{}", signed(point), mark(&row.change)));
    change.unwrap_or_else(dash)
}

/// A star where the interval excludes 0.
pub(super) fn mark(measure: &Measure) -> &'static str {
    let interval = measure.estimate().and_then(|estimate| estimate.interval);
    if interval.is_some_and(|interval| interval.low > 0.0 || interval.high < 0.0) { "*" } else { "" }
}

/// Worst variant, spread, flip rate, consistency and drop rate.
pub(super) fn index_points(row: &PerturbationAnalysis) -> [String; 5] {
    let indices = &row.sensitivity;
    let worst = row.worst.as_ref().map(|worst| &worst.credit);
    let others =
        [&indices.spread, &indices.flip_rate_mean, &indices.consistency, &indices.performance_drop_rate].map(Some);
    let [spread, flip_rate, consistency, drop_rate] = others;
    [worst, spread, flip_rate, consistency, drop_rate].map(point)
}

/// A figure, or a dash.
pub(super) fn point(measure: Option<&Measure>) -> String {
    measure.and_then(Measure::point).map_or_else(dash, figure)
}

fn dash() -> String {
    "–".to_owned()
}
