//! Means with clustered errors.

use crate::estimate::{Estimate, Interval, IntervalMethod};

use super::clusters::{cluster_count, dense_clusters};
use super::quantile::two_sided_student;
use super::wilson::{clustered_wilson_interval, wilson_interval};

/// Below this many binary observations the normal approximation is not trusted and Wilson's interval is used.
pub const WILSON_MAX_N: usize = 200;

/// With fewer successes, or fewer failures, than this, Wilson's interval is used whatever the number of observations.
pub const WILSON_MIN_MINORITY: usize = 10;

/// Mean of `values` with a confidence interval; `clusters[i]` labels the cluster of `values[i]`.
///
/// # Formula
///
/// With `n` values `s_i`, mean `m`, and `C` clusters,
/// `SE² = C/(C-1) · 1/n² · Σ_c (Σ_{i in c} (s_i - m))²`; the interval is `m ± t_{C-1} SE`. With one observation a
/// cluster this is the textbook `s/√n` with `n - 1` degrees of freedom. Source: Miller, arXiv 2411.00640 (clustered standard errors),
/// with the small-sample factor `C/(C-1)` that `inspect_ai` uses.
///
/// # Which interval
///
/// Where every value is 0 or 1 and every cluster has one observation, and there are fewer than [`WILSON_MAX_N`]
/// observations or fewer than [`WILSON_MIN_MINORITY`] of the rarer value, the interval is Wilson's (Bowyer et al., arXiv
/// 2503.01747): the t interval of an accuracy of 0 or 1 has no width, and near the ends it leaves [0, 1]. The standard
/// error stays the one above. Other values in [0, 1] (shares, or several observations a cluster) get Wilson's interval
/// on the effective number of trials, for the same reasons. Values in [0, 1] are taken for such shares; for a quantity
/// that is not bounded by 0 and 1 use [`clustered_mean`].
///
/// # Edges
///
/// One cluster: no interval and no standard error. No values, lengths that differ, a value that is not finite, or a
/// level outside (0, 1): `None`.
pub fn mean_estimate(values: &[f64], clusters: &[usize], level: f64) -> Option<Estimate> {
    let estimate = clustered_mean(values, clusters, level)?;
    if estimate.clusters < 2 || !values.iter().all(|value| (0.0..=1.0).contains(value)) {
        return Some(estimate);
    }
    let binary = values.iter().all(|value| is_exactly(*value, 0.0) || is_exactly(*value, 1.0));
    if !binary || estimate.clusters != estimate.n {
        let error = estimate.standard_error.unwrap_or_default();
        let interval = clustered_wilson_interval(estimate.point, error, estimate.clusters, level);
        return Some(Estimate { interval: interval.or(estimate.interval), ..estimate });
    }
    let successes = values.iter().filter(|value| is_exactly(**value, 1.0)).count();
    let minority = successes.min(estimate.n - successes);
    if estimate.n >= WILSON_MAX_N && minority >= WILSON_MIN_MINORITY {
        return Some(estimate);
    }
    Some(Estimate { interval: wilson_interval(successes, estimate.n, level), ..estimate })
}

/// [`mean_estimate`] without Wilson's interval: always Student's t on the clustered standard error.
pub fn clustered_mean(values: &[f64], clusters: &[usize], level: f64) -> Option<Estimate> {
    let n = values.len();
    if n == 0 || clusters.len() != n || level.is_nan() || level <= 0.0 || level >= 1.0 {
        return None;
    }
    let mean = mean_of(values);
    if !mean.is_finite() {
        return None;
    }
    let dense = dense_clusters(clusters);
    let count = cluster_count(&dense);
    let standard_error = clustered_error(values.iter().map(|value| value - mean), &dense, count, n as f64);
    Some(Estimate {
        point: mean,
        interval: standard_error.and_then(|error| student_interval(mean, error, (count - 1) as f64, level)),
        standard_error,
        n,
        clusters: count,
    })
}

/// Mean of `a_i - b_i`, with the differences clustered as in [`mean_estimate`]: the comparison of two checkpoints, or of
/// two wordings, on the same items. Pairing removes what the items share, so the interval is narrower than that of a
/// difference of two means. Always Student's t. Source: Miller, arXiv 2411.00640 (paired differences).
pub fn paired_difference(a: &[f64], b: &[f64], clusters: &[usize], level: f64) -> Option<Estimate> {
    if a.len() != b.len() {
        return None;
    }
    let differences = a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
    clustered_mean(&differences, clusters, level)
}

/// Clustered standard error of `Σ residual / total`; `None` with fewer than two clusters.
pub(super) fn clustered_error(
    residuals: impl Iterator<Item = f64>,
    dense: &[usize],
    count: usize,
    total: f64,
) -> Option<f64> {
    if count < 2 {
        return None;
    }
    let mut sums = vec![0.0; count];
    for (residual, cluster) in residuals.zip(dense) {
        if let Some(sum) = sums.get_mut(*cluster) {
            *sum += residual;
        }
    }
    let count = count as f64;
    let squares = sums.iter().map(|sum| sum * sum).sum::<f64>();
    let error = (count / (count - 1.0) * squares).sqrt() / total;
    error.is_finite().then_some(error)
}

pub(super) fn student_interval(point: f64, error: f64, df: f64, level: f64) -> Option<Interval> {
    let half = two_sided_student(level, df)? * error;
    Some(Interval { low: point - half, high: point + half, level, method: IntervalMethod::ClusteredT })
}

/// The mean, computed around the first value so that equal values give exactly that value.
fn mean_of(values: &[f64]) -> f64 {
    let origin = values.first().copied().unwrap_or_default();
    origin + values.iter().map(|value| value - origin).sum::<f64>() / values.len() as f64
}

/// Equality of a credit with a literal that it was made from.
#[allow(clippy::float_cmp)]
fn is_exactly(value: f64, literal: f64) -> bool {
    value == literal
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    /// By hand: values 1, 2, 3, 4, 5 have s = sqrt(2.5), s/sqrt(5) = 0.7071068, t(4) = 2.7764451.
    #[test]
    fn with_one_observation_a_cluster_it_is_the_textbook_interval() {
        let estimate = mean_estimate(&[1.0, 2.0, 3.0, 4.0, 5.0], &[0, 1, 2, 3, 4], 0.95).unwrap();
        assert!(close(estimate.point, 3.0) && close(estimate.standard_error.unwrap(), 0.5_f64.sqrt()));
        let interval = estimate.interval.unwrap();
        assert!((interval.high - (3.0 + 2.776_445_105_198 * 0.5_f64.sqrt())).abs() < 1e-7);
        assert_eq!(interval.method, IntervalMethod::ClusteredT);
    }

    /// By hand: mean 0.5; cluster sums of residuals 1, -1, 0; SE² = 3/2 · 1/36 · 2 = 1/12.
    #[test]
    fn errors_within_a_cluster_add_up_before_they_are_squared() {
        let estimate = mean_estimate(&[1.0, 1.0, 0.0, 0.0, 1.0, 0.0], &[7, 7, 3, 3, 5, 5], 0.95).unwrap();
        assert!(close(estimate.point, 0.5) && close(estimate.standard_error.unwrap(), (1.0_f64 / 12.0).sqrt()));
        assert_eq!((estimate.n, estimate.clusters), (6, 3));
        let wide = clustered_mean(&[1.0, 1.0, 0.0, 0.0, 1.0, 0.0], &[7, 7, 3, 3, 5, 5], 0.95).unwrap();
        assert!((wide.interval.unwrap().high - (0.5 + 4.302_652_729_911 * (1.0_f64 / 12.0).sqrt())).abs() < 1e-6);
        // By hand: 3 effective trials, t(2) = 4.3026527 in Wilson's formula.
        let interval = estimate.interval.unwrap();
        assert!((interval.high - 0.963_828_705).abs() < 1e-6 && interval.method == IntervalMethod::ClusteredWilson);
    }

    #[test]
    fn shares_that_never_vary_still_have_an_interval_and_none_leaves_the_unit_range() {
        let none = mean_estimate(&[0.0; 8], &[0, 0, 1, 1, 2, 2, 3, 3], 0.95).unwrap().interval.unwrap();
        assert!(none.low == 0.0 && none.high > 0.3, "{none:?}");
        let few = mean_estimate(&[0.25, 0.0, 0.0, 0.5, 0.0], &[0, 1, 2, 3, 4], 0.95).unwrap().interval.unwrap();
        assert!(few.low > 0.0 && few.high < 1.0, "{few:?}");
    }

    #[test]
    fn one_cluster_gives_a_point_without_an_interval() {
        let estimate = mean_estimate(&[1.0, 0.0], &[4, 4], 0.95).unwrap();
        assert_eq!((estimate.point, estimate.interval, estimate.standard_error), (0.5, None, None));
        assert_eq!(mean_estimate(&[1.0], &[0], 0.95).unwrap().interval, None);
    }

    #[test]
    fn few_binary_observations_get_wilsons_interval_and_many_students() {
        let method = |n: usize, successes: usize| {
            let values = (0..n).map(|i| if i < successes { 1.0 } else { 0.0 }).collect::<Vec<_>>();
            let clusters = (0..n).collect::<Vec<_>>();
            mean_estimate(&values, &clusters, 0.95).unwrap().interval.unwrap().method
        };
        assert_eq!(method(199, 100), IntervalMethod::Wilson);
        assert_eq!(method(200, 100), IntervalMethod::ClusteredT);
        assert_eq!(method(5000, 9), IntervalMethod::Wilson);
        assert_eq!(method(5000, 5000), IntervalMethod::Wilson);
        assert_eq!(method(5000, 10), IntervalMethod::ClusteredT);
    }

    #[test]
    fn nothing_is_estimated_from_nothing_or_from_values_that_are_not_finite() {
        assert_eq!(mean_estimate(&[], &[], 0.95), None);
        assert_eq!(mean_estimate(&[1.0], &[0, 1], 0.95), None);
        assert_eq!(mean_estimate(&[1.0, f64::NAN], &[0, 1], 0.95), None);
        assert_eq!(mean_estimate(&[1.0, f64::INFINITY], &[0, 1], 0.95), None);
        assert_eq!(mean_estimate(&[1.0, 0.0], &[0, 1], 1.0), None);
    }

    #[test]
    fn a_paired_difference_ignores_what_the_pairs_share_and_is_never_wilsons() {
        let a = [0.9, 0.1, 0.8, 0.3];
        let b = [0.7, -0.1, 0.6, 0.1];
        let estimate = paired_difference(&a, &b, &[0, 1, 2, 3], 0.95).unwrap();
        assert!(close(estimate.point, 0.2) && estimate.standard_error.unwrap() < 1e-12);
        let binary = paired_difference(&[1.0, 0.0, 1.0], &[0.0, 0.0, 1.0], &[0, 1, 2], 0.95).unwrap();
        assert_eq!(binary.interval.unwrap().method, IntervalMethod::ClusteredT);
        assert_eq!(paired_difference(&[1.0], &[], &[0], 0.95), None);
    }

    proptest! {
        #[test]
        fn the_order_of_observations_does_not_matter(
            values in prop::collection::vec((0.0..1.0_f64, 0..5_usize), 2..40), turn in 0..40_usize,
        ) {
            let split = |rows: &[(f64, usize)]| rows.iter().copied().unzip::<f64, usize, Vec<_>, Vec<_>>();
            let (a, ca) = split(&values);
            let mut turned = values.clone();
            let by = turn % turned.len();
            turned.rotate_left(by);
            let (b, cb) = split(&turned);
            let (a, b) = (mean_estimate(&a, &ca, 0.9).unwrap(), mean_estimate(&b, &cb, 0.9).unwrap());
            prop_assert!(close(a.point, b.point));
            prop_assert_eq!(a.standard_error.is_some(), b.standard_error.is_some());
            if let (Some(x), Some(y)) = (a.standard_error, b.standard_error) { prop_assert!(close(x, y)); }
        }

        #[test]
        fn equal_values_have_no_error(value in -5.0..5.0_f64, n in 2..50_usize) {
            let clusters = (0..n).collect::<Vec<_>>();
            let estimate = clustered_mean(&vec![value; n], &clusters, 0.95).unwrap();
            prop_assert_eq!(estimate.point, value);
            prop_assert_eq!(estimate.standard_error, Some(0.0));
        }
    }
}
