//! Several tests at once, and the tests' p-values.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal, StudentsT};

use crate::estimate::Estimate;

/// Degrees of freedom from which Student's distribution is taken for the normal one.
const NORMAL_FROM_DF: f64 = 1e5;

/// Holm's adjusted p-values, in the order given: with the `m` values sorted, the `k`-th smallest becomes
/// `max over j <= k of min(1, (m - j + 1) p_(j))`. Calling what falls below `alpha` a difference makes one or more
/// wrong calls with probability at most `alpha`, however the tests depend on each other. Source: Holm 1979,
/// Scandinavian Journal of Statistics 6.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order = (0..p_values.len()).collect::<Vec<_>>();
    let at = |index: &usize| p_values.get(*index).copied().unwrap_or(1.0);
    order.sort_by(|a, b| at(a).total_cmp(&at(b)));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in order.iter().enumerate() {
        largest = largest.max((at(index) * (p_values.len() - rank) as f64).min(1.0));
        if let Some(value) = adjusted.get_mut(*index) {
            *value = largest;
        }
    }
    adjusted
}

/// Benjamini and Hochberg's adjusted p-values, in the order given: with the `m` values sorted, the `k`-th smallest becomes
/// `min over j >= k of min(1, m p_(j) / j)`. Of what falls below `q`, an expected share of at most `q` is wrong where the
/// tests are independent or positively dependent: for exploring, where [`holm`] is for deciding. A value that is not a
/// number counts as 1. Source: Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let at = |index: usize| p_values.get(index).copied().filter(|p| !p.is_nan()).unwrap_or(1.0);
    let mut order = (0..p_values.len()).collect::<Vec<_>>();
    order.sort_by(|a, b| at(*a).total_cmp(&at(*b)));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, index) in order.iter().enumerate().rev() {
        smallest = smallest.min(at(*index) * p_values.len() as f64 / (rank + 1) as f64);
        if let Some(value) = adjusted.get_mut(*index) {
            *value = smallest;
        }
    }
    adjusted
}

/// `McNemar`'s exact test of paired binary outcomes: the two-sided binomial p-value of `gained` against `lost` discordant
/// pairs, `min(1, 2 P(X <= min(gained, lost)))` with `X ~ Binomial(gained + lost, 1/2)`. 1 without discordant pairs.
/// Source: `McNemar` 1947, Psychometrika 12; the exact form is the sign test.
pub fn mcnemar_exact(gained: u64, lost: u64) -> f64 {
    let Ok(binomial) = Binomial::new(0.5, gained + lost) else {
        return 1.0;
    };
    (2.0 * binomial.cdf(gained.min(lost))).min(1.0)
}

/// Two-sided p-value of "the expectation is 0" by Student's t with `df` degrees of freedom.
///
/// Where the standard error is 0 (all differences are equal) t says nothing: the p-value is that of the sign test over
/// the clusters, `2^(1 - C)`, and 1 where the point is 0 too. `None` without a standard error.
pub fn student_p_value(estimate: &Estimate, df: f64) -> Option<f64> {
    let error = estimate.standard_error?;
    if error <= 0.0 {
        let clusters = i32::try_from(estimate.clusters).unwrap_or(i32::MAX);
        return Some(if estimate.point.abs() > 0.0 { 0.5_f64.powi(clusters - 1).min(1.0) } else { 1.0 });
    }
    let tail = student_tail((estimate.point / error).abs(), df)?;
    Some((2.0 * tail).clamp(0.0, 1.0))
}

/// One-sided p-value of "the expectation is `null` or less" by Student's t with `df` degrees of freedom: small where the
/// point lies far *above* `null`. It is below `alpha` exactly where the lower end of the two-sided interval at the level
/// `1 - 2 alpha` is above `null`.
///
/// Where the standard error is 0: that of the one-sided sign test over the clusters, `2^-C`, where the point is above
/// `null`, else 1. `None` without a standard error, or for a `null` or `df` that is not a number.
pub fn one_sided_p_value(estimate: &Estimate, df: f64, null: f64) -> Option<f64> {
    let error = estimate.standard_error?;
    let excess = estimate.point - null;
    if excess.is_nan() || df.is_nan() {
        return None;
    }
    if error <= 0.0 {
        let clusters = i32::try_from(estimate.clusters).unwrap_or(i32::MAX);
        return Some(if excess > 0.0 { 0.5_f64.powi(clusters) } else { 1.0 });
    }
    student_tail(excess / error, df)
}

/// `P(T > t)` of Student's distribution.
pub(super) fn student_tail(t: f64, df: f64) -> Option<f64> {
    let tail = if df >= NORMAL_FROM_DF {
        Normal::new(0.0, 1.0).ok()?.cdf(-t)
    } else {
        StudentsT::new(0.0, 1.0, df.max(1e-3)).ok()?.cdf(-t)
    };
    tail.is_finite().then(|| tail.clamp(0.0, 1.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// R: `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` is 0.03 0.06 0.06 0.02.
    #[test]
    fn holms_values_are_those_of_r() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    /// scipy 1.17: `stats.false_discovery_control([0.01, 0.04, 0.03, 0.005, 0.5])`.
    #[test]
    fn benjamini_and_hochbergs_values_are_those_of_scipy() {
        let adjusted = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.5]);
        for (found, expected) in adjusted.iter().zip([0.025, 0.05, 0.05, 0.025, 0.5]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(benjamini_hochberg(&[0.9, f64::NAN, 0.8]), [1.0, 1.0, 1.0]);
        assert!(benjamini_hochberg(&[]).is_empty());
        let p = [0.2, 0.01, 0.04, 0.04];
        assert!(benjamini_hochberg(&p).iter().zip(holm(&p)).all(|(mild, strict)| *mild <= strict));
    }

    /// scipy 1.17: `stats.t.sf(2.5, 7)` and `stats.t.sf(-1.2, 13.5)`.
    #[test]
    fn one_sided_p_values_are_small_far_above_the_null_only() {
        let estimate =
            |point: f64, error: f64| Estimate { point, interval: None, standard_error: Some(error), n: 8, clusters: 8 };
        let p = |point: f64, error: f64, df: f64, null: f64| one_sided_p_value(&estimate(point, error), df, null);
        assert!((p(3.5, 1.0, 7.0, 1.0).unwrap() - 0.020_496_109_292_9).abs() < 1e-9);
        assert!((p(-0.2, 0.5, 13.5, 0.4).unwrap() - 0.874_612_445_732_4).abs() < 1e-9);
        assert!((p(0.5, 0.0, 7.0, 0.0).unwrap() - 1.0 / 256.0).abs() < 1e-12);
        assert_eq!(p(0.5, 0.0, 7.0, 0.5), Some(1.0));
        assert_eq!(p(0.5, 1.0, 7.0, f64::NAN), None);
        let unknown = Estimate { standard_error: None, ..estimate(1.0, 1.0) };
        assert_eq!(one_sided_p_value(&unknown, 7.0, 0.0), None);
    }

    /// R: `binom.test(1, 10)$p.value` is 0.02148438; five against none is 2 / 32.
    #[test]
    fn mcnemars_test_counts_discordant_pairs_exactly() {
        assert!((mcnemar_exact(1, 9) - 0.021_484_375).abs() < 1e-12);
        assert!((mcnemar_exact(5, 0) - 0.0625).abs() < 1e-12);
        assert!((mcnemar_exact(0, 0) - 1.0).abs() < 1e-12 && (mcnemar_exact(3, 3) - 1.0).abs() < 1e-12);
    }

    /// Tables: t(4) = 2.776445 and t(9) = 3.249836 are the two-sided 5 % and 1 % points.
    #[test]
    fn p_values_are_those_of_the_tables() {
        let estimate = |point: f64, error: f64| Estimate {
            point,
            interval: None,
            standard_error: Some(error),
            n: 10,
            clusters: 10,
        };
        assert!((student_p_value(&estimate(2.776_445, 1.0), 4.0).unwrap() - 0.05).abs() < 1e-6);
        assert!((student_p_value(&estimate(-3.249_836, 1.0), 9.0).unwrap() - 0.01).abs() < 1e-6);
        assert!((student_p_value(&estimate(1.959_964, 1.0), 1e9).unwrap() - 0.05).abs() < 1e-6);
        assert!((student_p_value(&estimate(1.0, 0.0), 9.0).unwrap() - 1.0 / 512.0).abs() < 1e-12);
        assert!((student_p_value(&estimate(0.0, 0.0), 9.0).unwrap() - 1.0).abs() < 1e-12);
    }
}
