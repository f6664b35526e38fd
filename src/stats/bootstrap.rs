//! Percentile bootstrap over clusters, for statistics that have no simple standard error.

use rand::Rng as _;
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::seed::Seed;

use super::quantile::two_sided_student;

/// Draws where nothing else is asked.
pub const DEFAULT_DRAWS: usize = 2000;

/// Draws that share one random stream: the unit of parallel work.
const BLOCK: usize = 50;

/// Share of draws in which the statistic must be defined for an interval to be given.
const MIN_DEFINED_SHARE: f64 = 0.9;

/// Estimate of a statistic with a percentile interval over resampled clusters.
///
/// `statistic` is given how often each of the `clusters` clusters was drawn and answers `None` where it is not defined;
/// the point estimate is the statistic with every cluster once. Each draw takes `clusters` clusters with replacement
/// (Efron and Tibshirani 1993, chapters 8 and 13). The interval runs between the percentiles `Φ(-q)` and `Φ(q)` of the draws
/// (linear interpolation), `q = sqrt(C / (C - 1)) t` with Student's two-sided quantile on `C - 1` degrees of freedom: for many
/// clusters the `(1-level)/2` and the `(1+level)/2` percentile, for few a little further out, as resamples of `C` clusters vary too
/// little (Hesterberg 2015, The American Statistician 69, "expanded percentile"). The standard error is the draws' standard deviation.
///
/// Every block of draws has a stream of its own from `seed`, so the result does not depend on the number of threads,
/// and equal `clusters` and `seed` give equal resamples: statistics can be compared draw by draw.
///
/// `observations` is reported as the estimate's `n`. With one cluster, no draws, or a statistic that is undefined in
/// more than a tenth of the draws there is no interval; with fewer undefined draws it is conditional on the defined
/// ones. `None` where the statistic itself is undefined or not finite. The interval of a statistic that is biased
/// upwards in resamples (a maximum minus a minimum, a variance) is shifted upwards too and need not contain the point.
pub fn cluster_bootstrap<F>(
    clusters: usize,
    observations: usize,
    statistic: F,
    draws: usize,
    seed: Seed,
    level: f64,
) -> Option<Estimate>
where
    F: Fn(&[u32]) -> Option<f64> + Sync,
{
    let [estimate] = cluster_bootstrap_many(clusters, observations, |counts| [statistic(counts)], draws, seed, level);
    estimate
}

/// [`cluster_bootstrap`] of several statistics over the same resamples.
pub fn cluster_bootstrap_many<const K: usize, F>(
    clusters: usize,
    observations: usize,
    statistic: F,
    draws: usize,
    seed: Seed,
    level: f64,
) -> [Option<Estimate>; K]
where
    F: Fn(&[u32]) -> [Option<f64>; K] + Sync,
{
    if clusters == 0 || level.is_nan() || level <= 0.0 || level >= 1.0 {
        return [None; K];
    }
    let points = statistic(&vec![1; clusters]);
    let samples: Vec<[Option<f64>; K]> = resample(clusters, &statistic, draws, seed);
    let mut estimates = [None; K];
    for (index, (estimate, point)) in estimates.iter_mut().zip(points).enumerate() {
        let column = samples.iter().map(|draw| draw.get(index).copied().flatten());
        *estimate = estimate_from(point, column, clusters, observations, level);
    }
    estimates
}

/// The estimate with the percentile interval of these draws. `None` where the point is undefined or not finite.
pub(crate) fn estimate_from(
    point: Option<f64>,
    draws: impl ExactSizeIterator<Item = Option<f64>>,
    clusters: usize,
    observations: usize,
    level: f64,
) -> Option<Estimate> {
    let point = point.filter(|point| point.is_finite())?;
    let asked = draws.len();
    let draws = Draws::new(draws.flatten().collect(), asked);
    let standard_error = draws.as_ref().map(Draws::deviation);
    let interval = draws.and_then(|draws| draws.percentile_interval(clusters, level));
    Some(Estimate { point, interval, standard_error, n: observations, clusters })
}

/// What `statistic` gives over random draws of clusters; nothing with fewer than two clusters.
pub(crate) fn resample<T, F>(clusters: usize, statistic: &F, draws: usize, seed: Seed) -> Vec<T>
where
    T: Send,
    F: Fn(&[u32]) -> T + Sync,
{
    if clusters < 2 {
        return Vec::new();
    }
    (0..draws.div_ceil(BLOCK))
        .into_par_iter()
        .flat_map_iter(|block| {
            let mut random = seed.stream(&["cluster bootstrap", &block.to_string()]);
            let mut counts = vec![0_u32; clusters];
            let in_block = BLOCK.min(draws - block * BLOCK);
            (0..in_block)
                .map(|_| {
                    counts.fill(0);
                    for _ in 0..clusters {
                        if let Some(count) = counts.get_mut(random.random_range(0..clusters)) {
                            *count += 1;
                        }
                    }
                    statistic(&counts)
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A statistic's values over the draws in which it is defined.
pub(super) struct Draws {
    /// In increasing order; at least two.
    pub(super) sorted: Vec<f64>,
}

impl Draws {
    /// `None` where too few of the `draws` are defined for an interval.
    pub(super) fn new(defined: Vec<f64>, draws: usize) -> Option<Self> {
        let mut sorted = defined;
        sorted.retain(|value| value.is_finite());
        if draws == 0 || (sorted.len() as f64) < MIN_DEFINED_SHARE * draws as f64 || sorted.len() < 2 {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        Some(Self { sorted })
    }

    /// `None` where `level` is none, or with fewer than two clusters.
    pub(super) fn percentile_interval(&self, clusters: usize, level: f64) -> Option<Interval> {
        let tail = Normal::new(0.0, 1.0).ok()?.cdf(-expanded_quantile(clusters, level)?);
        Some(Interval {
            low: percentile(&self.sorted, tail),
            high: percentile(&self.sorted, 1.0 - tail),
            level,
            method: IntervalMethod::ClusterBootstrap,
        })
    }

    /// Standard deviation of the draws.
    pub(super) fn deviation(&self) -> f64 {
        let origin = self.sorted.first().copied().unwrap_or_default();
        let count = self.sorted.len() as f64;
        let mean = self.sorted.iter().map(|x| x - origin).sum::<f64>() / count;
        (self.sorted.iter().map(|x| (x - origin - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
    }

    /// Share of draws below `value`; equal ones count half.
    pub(super) fn share_below(&self, value: f64) -> f64 {
        let below = self.sorted.partition_point(|draw| *draw < value);
        let not_above = self.sorted.partition_point(|draw| *draw <= value);
        (below + not_above) as f64 / 2.0 / self.sorted.len() as f64
    }
}

/// How many of their standard deviations resamples of so many clusters must be followed outwards for a two-sided interval.
pub(super) fn expanded_quantile(clusters: usize, level: f64) -> Option<f64> {
    let df = clusters.checked_sub(1)? as f64;
    Some((clusters as f64 / df).sqrt() * two_sided_student(level, df)?)
}

/// Percentile of sorted values by linear interpolation (type 7 of Hyndman and Fan 1996).
pub(super) fn percentile(sorted: &[f64], probability: f64) -> f64 {
    let position = probability * (sorted.len().saturating_sub(1)) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let below = position.floor() as usize;
    let low = sorted.get(below).copied().unwrap_or_default();
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    low + (position - position.floor()) * (high - low)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn mean_statistic(values: &[f64]) -> impl Fn(&[u32]) -> Option<f64> + Sync + '_ {
        |counts| {
            let total = counts.iter().map(|c| f64::from(*c)).sum::<f64>();
            Some(values.iter().zip(counts).map(|(v, c)| v * f64::from(*c)).sum::<f64>() / total)
        }
    }

    #[test]
    fn percentiles_interpolate_as_numpy_does() {
        // numpy.percentile([1, 2, 4, 8], [0, 10, 50, 97.5, 100])
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (p, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (0.975, 7.7), (1.0, 8.0)] {
            assert!((percentile(&sorted, p) - expected).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn the_bootstrap_of_a_mean_finds_its_known_error() {
        let values = (0..400).map(|i| f64::from(i % 20)).collect::<Vec<_>>();
        let estimate = cluster_bootstrap(400, 400, mean_statistic(&values), 4000, Seed(1), 0.95).unwrap();
        let exact = (33.25_f64 / 400.0).sqrt();
        assert_eq!(estimate.point, 9.5);
        assert!((estimate.standard_error.unwrap() / exact - 1.0).abs() < 0.05);
        let interval = estimate.interval.unwrap();
        assert!(
            (interval.low - (9.5 - 1.96 * exact)).abs() < 0.06 && (interval.high - (9.5 + 1.96 * exact)).abs() < 0.06
        );
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let values = (0..97).map(|i| f64::from(i * i % 31)).collect::<Vec<_>>();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| cluster_bootstrap(97, 97, mean_statistic(&values), 333, Seed(5), 0.9))
        };
        assert_eq!(with(1), with(4));
        let other = cluster_bootstrap(97, 97, mean_statistic(&values), 333, Seed(6), 0.9);
        assert_ne!(with(1).unwrap().interval, other.unwrap().interval);
    }

    #[test]
    fn one_cluster_or_a_mostly_undefined_statistic_gives_a_point_only() {
        let one = cluster_bootstrap(1, 3, mean_statistic(&[2.0]), 100, Seed(1), 0.95).unwrap();
        assert_eq!((one.point, one.interval, one.n), (2.0, None, 3));
        let rarely = |counts: &[u32]| counts.iter().all(|c| *c == 1).then_some(1.0);
        let estimate = cluster_bootstrap(10, 10, rarely, 200, Seed(1), 0.95).unwrap();
        assert_eq!((estimate.point, estimate.interval), (1.0, None));
        assert_eq!(cluster_bootstrap(10, 10, |_: &[u32]| None, 200, Seed(1), 0.95), None);
        assert_eq!(cluster_bootstrap(0, 0, |_: &[u32]| Some(1.0), 200, Seed(1), 0.95), None);
    }

    /// By hand: with 5 clusters `sqrt(5/4) t(4)` = 3.104159, and `Φ(-3.104159)` = 0.000954.
    #[test]
    fn few_clusters_are_followed_further_outwards() {
        let draws = Draws::new((0..=10_000).map(f64::from).collect(), 10_001).unwrap();
        let (few, many) =
            (draws.percentile_interval(5, 0.95).unwrap(), draws.percentile_interval(100_000, 0.95).unwrap());
        assert!((few.low - 9.54).abs() < 0.01 && (few.low + few.high - 10_000.0).abs() < 1e-6, "{}", few.low);
        assert!((many.low - 250.0).abs() < 0.1, "{}", many.low);
        assert_eq!(draws.percentile_interval(1, 0.95), None);
    }

    #[test]
    fn every_draw_takes_as_many_clusters_as_there_are() {
        let total = |counts: &[u32]| Some(f64::from(counts.iter().sum::<u32>()));
        let interval = cluster_bootstrap(37, 37, total, 120, Seed(9), 0.95).unwrap().interval.unwrap();
        assert_eq!((interval.low, interval.high), (37.0, 37.0));
    }
}
