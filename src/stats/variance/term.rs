//! One variance component with its interval.

use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::stats::quantile::two_sided_student;

use super::VarianceTerm;
use super::mean_squares::{Combination, modified_large_sample, standard_error, value};

/// From so many standard errors above 0 a component's interval is made on the logarithm, where it is nearer to normal.
const LOGARITHM_FROM_ERRORS: f64 = 3.0;

/// A term as sums of mean squares.
pub(super) struct Term {
    pub(super) name: VarianceTerm,
    /// The part whose error comes from the items.
    pub(super) over_items: Combination,
    /// The part whose error comes from wordings and checkpoints.
    pub(super) over_levels: Combination,
}

impl Term {
    pub(super) fn estimate(&self, without: &[f64], level: f64) -> Estimate {
        let (items, levels) = (value(&self.over_items), value(&self.over_levels));
        let point = (items + levels).max(0.0);
        let jackknife = if self.over_items.is_empty() { None } else { Jackknife::new(items, without) };
        let error =
            jackknife.as_ref().map_or(0.0, |jackknife| jackknife.error).hypot(standard_error(&self.over_levels));
        let of_items = jackknife.as_ref().map_or(Some((items, items)), |jackknife| jackknife.interval(level));
        let of_levels = if self.over_levels.is_empty() {
            Some((levels, levels))
        } else {
            modified_large_sample(&self.over_levels, level)
        };
        let interval = of_items.zip(of_levels).filter(|_| error > 0.0).map(|(own, other)| {
            let low = items + levels - (items - own.0).hypot(levels - other.0);
            let high = items + levels + (own.1 - items).hypot(other.1 - levels);
            let method = if self.over_items.is_empty() { IntervalMethod::ChiSquare } else { IntervalMethod::Jackknife };
            Interval { low: low.max(0.0), high: high.max(0.0), level, method }
        });
        let standard_error = error.is_finite().then_some(error);
        Estimate { point, interval, standard_error, n: 0, clusters: 0 }
    }
}

/// A statistic without each item in turn.
struct Jackknife<'a> {
    point: f64,
    without: &'a [f64],
    error: f64,
}

impl<'a> Jackknife<'a> {
    fn new(point: f64, without: &'a [f64]) -> Option<Self> {
        (without.len() > 1).then(|| Self { point, without, error: spread(without.iter().copied()) })
    }

    fn interval(&self, level: f64) -> Option<(f64, f64)> {
        let critical = two_sided_student(level, (self.without.len() - 1) as f64)?;
        if self.point > LOGARITHM_FROM_ERRORS * self.error && self.without.iter().all(|value| *value > 0.0) {
            let factor = (critical * spread(self.without.iter().map(|value| value.ln()))).exp();
            return Some((self.point / factor, self.point * factor));
        }
        Some((self.point - critical * self.error, self.point + critical * self.error))
    }
}

/// The jackknife's standard error, `sqrt((n - 1) / n Σ (x - mean)²)`.
fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    ((n - 1.0) / n * values.map(|value| (value - mean).powi(2)).sum::<f64>()).sqrt()
}
