//! Bias-corrected and accelerated bootstrap.

use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::seed::Seed;

use super::bootstrap::{Draws, expanded_quantile, percentile, resample};
use super::quantile::normal_quantile;

/// Estimate of a statistic with a bias-corrected, accelerated (`BCa`) interval over resampled clusters: [`super::cluster_bootstrap`]'s resamples and
/// arguments, with the percentiles moved for bias and skewness.
///
/// With `z0` the normal quantile of the share of draws below the point (equal draws count half) and `a` the acceleration
/// `Σ (m - t_c)³ / (6 (Σ (m - t_c)²)^{3/2})` from the statistic `t_c` without cluster `c` and their mean `m`, the ends are the
/// percentiles `Φ(z0 + (z0 + z) / (1 - a (z0 + z)))` of the draws at `z = ±q`, `q` as in [`super::cluster_bootstrap`] (Efron and Tibshirani 1993,
/// chapter 14, equations 14.9 to 14.15). Second-order accurate where the percentile interval is first-order, which skewed
/// statistics show; not for statistics with a kink at the truth (a maximum, a minimum).
///
/// The percentile interval stands in, and says so by its [`IntervalMethod`], where the correction is not defined: all draws on one side of
/// the point, a statistic that is undefined without some cluster, or percentiles pushed outside (0, 1). No interval where
/// [`super::cluster_bootstrap`] has none. The same bits whatever the number of threads.
pub fn bca_bootstrap<F>(
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
    if clusters == 0 || level.is_nan() || level <= 0.0 || level >= 1.0 {
        return None;
    }
    let point = statistic(&vec![1; clusters]).filter(|point| point.is_finite())?;
    let samples: Vec<Option<f64>> = resample(clusters, &statistic, draws, seed);
    let found = Draws::new(samples.iter().copied().flatten().collect(), samples.len());
    let interval = found.as_ref().and_then(|found| {
        corrected(found, point, clusters, &statistic, level).or_else(|| found.percentile_interval(clusters, level))
    });
    let standard_error = found.map(|found| found.deviation());
    Some(Estimate { point, interval, standard_error, n: observations, clusters })
}

fn corrected<F>(draws: &Draws, point: f64, clusters: usize, statistic: &F, level: f64) -> Option<Interval>
where
    F: Fn(&[u32]) -> Option<f64> + Sync,
{
    let bias = normal_quantile(draws.share_below(point))?;
    let acceleration = acceleration(clusters, statistic)?;
    let normal = Normal::new(0.0, 1.0).ok()?;
    let end = |z: f64| {
        let moved = bias + z;
        let below = 1.0 - acceleration * moved;
        let probability = normal.cdf(bias + moved / below);
        (below > 0.0 && probability > 0.0 && probability < 1.0).then(|| percentile(&draws.sorted, probability))
    };
    let z = expanded_quantile(clusters, level)?;
    Some(Interval { low: end(-z)?, high: end(z)?, level, method: IntervalMethod::ClusterBca })
}

/// A sixth of the skewness of the statistic's jackknife over clusters; `None` where the statistic is not defined without some
/// cluster. 0 where no cluster matters.
fn acceleration<F>(clusters: usize, statistic: &F) -> Option<f64>
where
    F: Fn(&[u32]) -> Option<f64> + Sync,
{
    let without = (0..clusters)
        .into_par_iter()
        .map(|left_out| {
            let counts = (0..clusters).map(|cluster| u32::from(cluster != left_out)).collect::<Vec<_>>();
            statistic(&counts).filter(|value| value.is_finite())
        })
        .collect::<Option<Vec<_>>>()?;
    let mean = without.iter().sum::<f64>() / clusters as f64;
    let squares = without.iter().map(|value| (mean - value).powi(2)).sum::<f64>();
    let cubes = without.iter().map(|value| (mean - value).powi(3)).sum::<f64>();
    Some(if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;
    use crate::stats::cluster_bootstrap;

    const SKEWED: [f64; 20] =
        [0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.9, 1.0, 1.1, 1.3, 1.6, 1.9, 2.4, 3.1, 4.2, 6.0, 9.5];

    fn mean(values: &[f64]) -> impl Fn(&[u32]) -> Option<f64> + Sync + '_ {
        |counts| {
            let total = counts.iter().map(|count| f64::from(*count)).sum::<f64>();
            let sum = values.iter().zip(counts).map(|(value, count)| value * f64::from(*count)).sum::<f64>();
            (total > 0.0).then(|| sum / total)
        }
    }

    /// scipy 1.17: `stats.bootstrap((x,), np.mean, method="BCa", n_resamples=400000)`; its Monte Carlo error is below 0.01, that of
    /// 40,000 draws below 0.03. scipy does not widen for few clusters: at the level 0.9286986, 20 clusters are followed as far
    /// outwards as many are at 0.95.
    #[test]
    fn the_interval_of_a_skewed_mean_is_scipys() {
        let estimate = bca_bootstrap(20, 20, mean(&SKEWED), 40_000, Seed(1), 0.928_698_6).unwrap();
        let interval = estimate.interval.unwrap();
        assert_eq!(interval.method, IntervalMethod::ClusterBca);
        assert!((interval.low - 1.0900).abs() < 0.03, "{}", interval.low);
        assert!((interval.high - 3.2950).abs() < 0.06, "{}", interval.high);
    }

    /// The acceleration of a mean is its skewness over `6 sqrt(n)` (Efron and Tibshirani 1993, page 186).
    #[test]
    fn the_acceleration_of_a_mean_is_its_skewness() {
        let centre = SKEWED.iter().sum::<f64>() / 20.0;
        let moment = |power: i32| SKEWED.iter().map(|value| (value - centre).powi(power)).sum::<f64>();
        let expected = moment(3) / (6.0 * moment(2).powf(1.5));
        assert!((acceleration(20, &mean(&SKEWED)).unwrap() - expected).abs() < 1e-12);
        assert_eq!(acceleration(3, &mean(&[2.0; 3])), Some(0.0));
    }

    #[test]
    fn the_percentile_interval_stands_in_where_the_correction_is_not_defined() {
        let constant = bca_bootstrap(5, 5, mean(&[2.0; 5]), 100, Seed(1), 0.95).unwrap();
        let interval = constant.interval.unwrap();
        assert_eq!((interval.low, interval.high), (2.0, 2.0));
        let largest = |counts: &[u32]| {
            let drawn = SKEWED.iter().zip(counts).filter(|(_, count)| **count > 0).map(|(value, _)| *value);
            drawn.reduce(f64::max)
        };
        let top = bca_bootstrap(20, 20, largest, 200, Seed(1), 0.95).unwrap();
        assert_eq!(top.point, 9.5);
        let needs_all = |counts: &[u32]| counts.iter().any(|count| *count > 0).then_some(f64::from(*counts.first()?));
        assert!(bca_bootstrap(8, 8, needs_all, 200, Seed(1), 0.95).is_some());
        let never_without = |counts: &[u32]| {
            let jackknifed = counts.iter().filter(|c| **c == 0).count() == 1 && counts.iter().all(|c| *c < 2);
            (!jackknifed).then(|| mean(&SKEWED)(counts)).flatten()
        };
        let undefined = bca_bootstrap(20, 20, never_without, 200, Seed(1), 0.95).unwrap();
        let plain = cluster_bootstrap(20, 20, mean(&SKEWED), 200, Seed(1), 0.95).unwrap();
        assert_eq!(undefined, plain);
    }

    #[test]
    fn one_cluster_has_no_interval_and_threads_change_no_bit() {
        assert_eq!(bca_bootstrap(1, 3, mean(&[2.0]), 100, Seed(1), 0.95).unwrap().interval, None);
        assert_eq!(bca_bootstrap(0, 0, mean(&[]), 100, Seed(1), 0.95), None);
        assert_eq!(bca_bootstrap(3, 3, |_: &[u32]| Some(f64::NAN), 100, Seed(1), 0.95), None);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bca_bootstrap(20, 20, mean(&SKEWED), 333, Seed(5), 0.9))
        };
        assert_eq!(with(1), with(4));
    }
}
