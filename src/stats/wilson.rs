//! Wilson's score interval for a proportion.

use crate::estimate::{Interval, IntervalMethod};

use super::quantile::{normal_quantile, two_sided_student};

/// Wilson's score interval for `successes` out of `n` independent trials.
///
/// With `p = successes / n` and `z` the two-sided normal quantile, the ends are
/// `(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)`. They lie in [0, 1] and have positive width even for 0 or
/// `n` successes. `None` for `n = 0`, more successes than trials, or a level outside (0, 1).
///
/// Source: Wilson 1927; recommended for small evaluations by Bowyer et al., arXiv 2503.01747.
pub fn wilson_interval(successes: usize, n: usize, level: f64) -> Option<Interval> {
    if n == 0 || successes > n || level.is_nan() || level <= 0.0 || level >= 1.0 {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, level))?;
    let (low, high) = score_interval(successes as f64 / n as f64, n as f64, z);
    Some(Interval { low, high, level, method: IntervalMethod::Wilson })
}

/// [`wilson_interval`] for the mean of values in [0, 1] that come in clusters: `n` is the effective number of trials
/// `m(1-m)/SE²` that the clustered standard error stands for (the number of clusters where the mean is 0 or 1), and
/// `z` is Student's quantile with `C - 1` degrees of freedom. Tends to `m ± t SE`, and stays in [0, 1] with a positive
/// width where that does not. `None` where all values are equal and neither 0 nor 1, or with one cluster.
///
/// Source: the effective sample size of Korn and Graubard, Survey Methodology 24 (1998), in Wilson's interval.
pub(super) fn clustered_wilson_interval(mean: f64, error: f64, clusters: usize, level: f64) -> Option<Interval> {
    if clusters < 2 {
        return None;
    }
    share_interval(mean, error, (clusters - 1) as f64, clusters, level)
}

/// The interval of a share whose standard error was found in any way, with `df` degrees of freedom: Wilson's interval on
/// the effective number of trials `m(1-m)/SE²`, which is `clusters` where the share is 0 or 1. Stays in [0, 1].
pub fn share_interval(mean: f64, error: f64, df: f64, clusters: usize, level: f64) -> Option<Interval> {
    let variance = mean * (1.0 - mean);
    // At 0 and 1 nothing is made of the error, so its degrees of freedom say nothing either.
    let df = if variance > 0.0 { df } else { clusters.saturating_sub(1).max(1) as f64 };
    let critical = two_sided_student(level, df)?;
    let trials = if variance > 0.0 { variance / (error * error) } else { clusters as f64 };
    if !trials.is_finite() || trials <= 0.0 {
        return None;
    }
    let (low, high) = score_interval(mean, trials, critical);
    Some(Interval { low, high, level, method: IntervalMethod::ClusteredWilson })
}

/// The proportions that a score test at `critical` does not tell from `p` observed in `trials`.
fn score_interval(p: f64, trials: f64, critical: f64) -> (f64, f64) {
    let square = critical * critical;
    let scale = 1.0 + square / trials;
    let centre = (p + square / (2.0 * trials)) / scale;
    let half = critical * (p * (1.0 - p) / trials + square / (4.0 * trials * trials)).sqrt() / scale;
    // The formula gives exactly 0 and 1 there; rounding need not.
    let low = if p <= 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if p >= 1.0 { 1.0 } else { (centre + half).min(1.0) };
    (low, high)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Python: the proportions whose score test `(p - q) / sqrt(q(1-q)/n)` is exactly ±z, found by bisection.
    #[test]
    fn the_interval_inverts_the_score_test() {
        for (successes, n, low, high) in [
            (0, 10, 0.0, 0.277_532_799_9),
            (10, 10, 0.722_467_200_1, 1.0),
            (1, 1, 0.206_549_314_4, 1.0),
            (5, 10, 0.236_593_090_5, 0.763_406_909_5),
            (81, 263, 0.255_288_519_9, 0.366_209_577_0),
        ] {
            let interval = wilson_interval(successes, n, 0.95).unwrap();
            assert!((interval.low - low).abs() < 1e-9, "{successes}/{n}: {}", interval.low);
            assert!((interval.high - high).abs() < 1e-9, "{successes}/{n}: {}", interval.high);
        }
    }

    #[test]
    fn impossible_counts_and_levels_have_no_interval() {
        assert_eq!(wilson_interval(0, 0, 0.95), None);
        assert_eq!(wilson_interval(3, 2, 0.95), None);
        assert_eq!(wilson_interval(1, 2, 1.0), None);
        assert_eq!(wilson_interval(1, 2, f64::NAN), None);
    }
}
