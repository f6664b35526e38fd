//! The indices that have no simple standard error: all over the same cluster resamples.

use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::seed::Seed;
use crate::stats::{Levels, cluster_count, estimate_from, resample};

use super::Measure;
use super::cluster_sums::{Basis, ClusterSums, Sums};
use super::consistency::consistency;
use super::drop_rate::performance_drop_rate;
use super::matrix::CreditMatrix;
use super::spread::{levels, spread};
use super::variance::between_variant_variance;

/// Draws where all draws are equal: the fewest that have an interval.
const CONSTANT_DRAWS: usize = 2;

/// Share of resamples that must have every wording for the intervals of spread and between-variant variance.
const MIN_COMPLETE_SHARE: f64 = 0.9;

pub(super) struct Resampled {
    pub(super) spread: Measure,
    pub(super) between_variant_variance: Measure,
    pub(super) between_variant_sd: Measure,
    pub(super) performance_drop_rate: Measure,
    pub(super) consistency: Measure,
}

/// The indices of a resample.
struct Draw {
    /// Mean of each wording, as its change from the original; NaN where the resample has none.
    levels: Vec<f64>,
    performance_drop_rate: Option<f64>,
    consistency: Option<f64>,
}

impl Draw {
    fn of(sums: &Sums) -> Self {
        Self {
            levels: levels(&sums.changes),
            performance_drop_rate: performance_drop_rate(sums.drop),
            consistency: consistency(sums.agreement),
        }
    }

    /// The means that there are.
    fn present(&self) -> Vec<f64> {
        self.levels.iter().copied().filter(|level| level.is_finite()).collect()
    }

    fn spread(&self) -> Option<f64> {
        spread(&self.present())
    }

    fn between_variant_variance(&self) -> Option<f64> {
        between_variant_variance(&self.present())
    }
}

/// Intervals of the range and of the deviation of the wordings' means ([`Levels`]). `None` where resamples often lack a wording.
fn intervals(point: &Draw, draws: &[Draw], clusters: usize, level: f64) -> Option<[Interval; 2]> {
    let there = |draw: &Draw| {
        let both = draw.levels.iter().zip(&point.levels).filter(|(_, known)| known.is_finite());
        both.map(|(own, _)| own.is_finite().then_some(*own)).collect::<Option<Vec<_>>>()
    };
    let complete = draws.iter().filter_map(there).collect::<Vec<_>>();
    if (complete.len() as f64) < MIN_COMPLETE_SHARE * draws.len() as f64 {
        return None;
    }
    let levels = Levels::new(point.present(), &complete, clusters, level)?;
    let interval = |(low, high): (f64, f64), method| Interval { low, high, level, method };
    Some([
        interval(levels.range_interval(), IntervalMethod::Simultaneous),
        interval(levels.deviation_interval(), IntervalMethod::ClusterBootstrap),
    ])
}

impl Resampled {
    pub(super) fn of(matrix: &CreditMatrix, clusters: &[usize], level: f64, seed: Seed, draws: usize) -> Self {
        let count = cluster_count(clusters);
        let sums = ClusterSums::new(matrix, clusters, count);
        let draw = |weights: &[u32]| Draw::of(&sums.of(weights));
        let point = draw(&vec![1; count]);
        let draws = if sums.are_constant() { draws.min(CONSTANT_DRAWS) } else { draws };
        let draws: Vec<Draw> = resample(count, &draw, draws, seed);
        let estimate = |read: fn(&Draw) -> Option<f64>| {
            estimate_from(read(&point), draws.iter().map(read), count, matrix.items().len(), level)
        };
        let apart = intervals(&point, &draws, count, level);
        let with =
            |estimate: Option<Estimate>, interval: Option<Interval>| estimate.map(|e| Estimate { interval, ..e });
        let spread = with(estimate(Draw::spread), apart.map(|[range, _]| range));
        let sd = with(estimate(|draw| draw.between_variant_variance().map(f64::sqrt)), apart.map(|[_, sd]| sd));
        let squared = apart.map(|[_, sd]| Interval { low: sd.low * sd.low, high: sd.high * sd.high, ..sd });
        let variance = with(estimate(Draw::between_variant_variance), squared);
        let drop_rate = estimate(|draw| draw.performance_drop_rate);
        let agreeing = estimate(|draw| draw.consistency);
        let pair = "no item has both its original and a perturbed variant scored";
        let no_base = if sums.paired.items == 0 {
            pair
        } else {
            "the original credit is not above 0: a relative drop has no base"
        };
        let measure = |estimate: Option<Estimate>, basis: &Basis, reason: &str| {
            let counted = |e| Estimate { n: basis.items, clusters: basis.clusters(), ..e };
            Measure::from_option(estimate.map(counted), || matrix.reason_or(reason))
        };
        let paired = &sums.paired;
        Self {
            spread: measure(spread, paired, pair),
            between_variant_variance: measure(variance, paired, pair),
            between_variant_sd: measure(sd, paired, pair),
            performance_drop_rate: measure(drop_rate, paired, no_base),
            consistency: measure(agreeing, &sums.answered, "no item has two answers that can be compared"),
        }
    }
}
