//! Relative changes: `(A - B) / B`.

use crate::estimate::{Estimate, Interval, IntervalMethod};

use super::clusters::{cluster_count, dense_clusters};
use super::quantile::two_sided_student;

/// Two numbers measured on the same clusters, with the variances and the covariance of their errors: means on one task, or
/// sums of them over tasks ([`JointMeans::weighted_sum`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointMeans {
    /// The number that changed.
    pub a: f64,
    /// The number that it is compared with.
    pub b: f64,
    /// Sampling variance of `a`.
    pub variance_a: f64,
    /// Sampling variance of `b`.
    pub variance_b: f64,
    /// Sampling covariance of the two.
    pub covariance: f64,
    /// Observations.
    pub n: usize,
    /// Clusters among them.
    pub clusters: usize,
    /// Degrees of freedom of the variances; 0 where there is one cluster.
    pub df: f64,
}

impl JointMeans {
    /// Weighted means `Σ sums_a / Σ weights` and `Σ sums_b / Σ weights`; `sums` are value times weight. The variances are
    /// clustered and linearised as in [`super::ratio_estimate`]. `None` without rows, for lengths that differ, values that are
    /// not finite, or weights whose sum is not positive.
    pub fn new(sums_a: &[f64], sums_b: &[f64], weights: &[f64], clusters: &[usize]) -> Option<Self> {
        let n = weights.len();
        if n == 0 || [sums_a.len(), sums_b.len(), clusters.len()] != [n; 3] {
            return None;
        }
        let total = weights.iter().sum::<f64>();
        let (a, b) = (sums_a.iter().sum::<f64>() / total, sums_b.iter().sum::<f64>() / total);
        if !a.is_finite() || !b.is_finite() || total <= 0.0 {
            return None;
        }
        let dense = dense_clusters(clusters);
        let count = cluster_count(&dense);
        let mut residuals = vec![(0.0, 0.0); count];
        for (((own, other), weight), cluster) in sums_a.iter().zip(sums_b).zip(weights).zip(&dense) {
            if let Some(residual) = residuals.get_mut(*cluster) {
                residual.0 += own - a * weight;
                residual.1 += other - b * weight;
            }
        }
        let factor = count as f64 / (count as f64 - 1.0).max(1.0) / (total * total);
        let sum = |product: fn(&(f64, f64)) -> f64| factor * residuals.iter().map(product).sum::<f64>();
        let df = (count - 1) as f64;
        let (variance_a, variance_b) = (sum(|r| r.0 * r.0), sum(|r| r.1 * r.1));
        Some(Self { a, b, variance_a, variance_b, covariance: sum(|r| r.0 * r.1), n, clusters: count, df })
    }

    /// `Σ w_k x_k` over tasks, which are strata. Variances add with the squares of the weights; the degrees of freedom are
    /// Satterthwaite's for the difference `a - b`. `None` without members.
    pub fn weighted_sum(members: &[(f64, Self)]) -> Option<Self> {
        let sum = |part: fn(&Self) -> f64| members.iter().map(|(w, m)| w * part(m)).sum::<f64>();
        let squares = |part: fn(&Self) -> f64| members.iter().map(|(w, m)| w * w * part(m)).sum::<f64>();
        let total = squares(Self::difference_variance);
        let parts = members.iter().map(|(w, m)| (w * w * m.difference_variance()).powi(2) / m.df.max(1.0));
        let below = parts.sum::<f64>();
        let least = members.iter().map(|(_, m)| m.df).fold(f64::INFINITY, f64::min);
        let df = if least < 1.0 || below <= 0.0 { least } else { (total * total / below).max(1.0) };
        (!members.is_empty()).then(|| Self {
            a: sum(|m| m.a),
            b: sum(|m| m.b),
            variance_a: squares(|m| m.variance_a),
            variance_b: squares(|m| m.variance_b),
            covariance: squares(|m| m.covariance),
            n: members.iter().map(|(_, m)| m.n).sum(),
            clusters: members.iter().map(|(_, m)| m.clusters).sum(),
            df,
        })
    }

    fn difference_variance(&self) -> f64 {
        (self.variance_a + self.variance_b - 2.0 * self.covariance).max(0.0)
    }

    /// `(A - B) / B = A / B - 1` with Fieller's interval: every `r` for which `A - (1 + r) B` cannot be told from 0,
    /// `(A - (1 + r) B)² <= t² (V_aa - 2 (1 + r) V_ab + (1 + r)² V_bb)`, `t` Student's quantile.
    ///
    /// It is skewed as the ratio is, and asks nothing of the ratio's own distribution; the standard error is that of the delta
    /// method, `sqrt(V_aa - 2 R V_ab + R² V_bb) / B` with `R = A / B`. Source: Fieller 1954, Journal of the Royal Statistical
    /// Society B 16. `None` where `B` is not above 0; no interval with one cluster, and none where `B` cannot be told from 0 at
    /// the level: the ratio has no bounds there.
    pub fn relative_change(&self, level: f64) -> Option<Estimate> {
        if level.is_nan() || level <= 0.0 || level >= 1.0 || self.b.is_nan() || self.b <= 0.0 || !self.a.is_finite() {
            return None;
        }
        let ratio = self.a / self.b;
        let estimate =
            Estimate { point: ratio - 1.0, interval: None, standard_error: None, n: self.n, clusters: self.clusters };
        if self.df < 1.0 {
            return Some(estimate);
        }
        let variance = self.variance_a - 2.0 * ratio * self.covariance + ratio * ratio * self.variance_b;
        let standard_error = Some(variance.max(0.0).sqrt() / self.b).filter(|error| error.is_finite());
        let interval = two_sided_student(level, self.df).and_then(|critical| self.fieller(critical * critical)).map(
            |(low, high)| Interval { low: low - 1.0, high: high - 1.0, level, method: IntervalMethod::ClusteredT },
        );
        Some(Estimate { interval, standard_error, ..estimate })
    }

    /// Ends of the set of ratios that a test with the squared critical value does not reject, where it is bounded.
    fn fieller(&self, square: f64) -> Option<(f64, f64)> {
        let leading = self.b * self.b - square * self.variance_b;
        let middle = self.a * self.b - square * self.covariance;
        let last = self.a * self.a - square * self.variance_a;
        let root = (middle * middle - leading * last).max(0.0).sqrt();
        let ends = ((middle - root) / leading, (middle + root) / leading);
        (leading > 0.0 && ends.0.is_finite() && ends.1.is_finite()).then_some(ends)
    }
}

/// `(A - B) / B` of the weighted means `A = Σ sums_a / Σ weights` and `B = Σ sums_b / Σ weights`, paired and clustered;
/// `sums` are value times weight. See [`JointMeans::relative_change`] for the interval, and [`JointMeans`] for means over several
/// tasks. `None` where `B` is not above 0, or where [`JointMeans::new`] has none.
pub fn relative_change(
    sums_a: &[f64],
    sums_b: &[f64],
    weights: &[f64],
    clusters: &[usize],
    level: f64,
) -> Option<Estimate> {
    JointMeans::new(sums_a, sums_b, weights, clusters)?.relative_change(level)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::stats::ratio_estimate;

    const A: [f64; 6] = [3.0, 4.0, 2.5, 5.0, 4.5, 3.5];
    const B: [f64; 6] = [2.0, 3.5, 2.0, 4.5, 3.0, 3.0];

    /// scipy 1.17: the ratios at which the paired t test of `a - r b` against 0 has p = 0.05, by `brentq`.
    #[test]
    fn the_interval_holds_the_ratios_that_a_t_test_does_not_reject() {
        let estimate = relative_change(&A, &B, &[1.0; 6], &[0, 1, 2, 3, 4, 5], 0.95).unwrap();
        assert!((estimate.point - 0.25).abs() < 1e-12);
        let interval = estimate.interval.unwrap();
        assert!((interval.low - 0.093_016_603_4).abs() < 1e-8, "{}", interval.low);
        assert!((interval.high - 0.496_366_749_1).abs() < 1e-8, "{}", interval.high);
        let ratio = ratio_estimate(&A, &B, &[0, 1, 2, 3, 4, 5], 0.95).unwrap();
        assert!((ratio.standard_error.unwrap() - estimate.standard_error.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn tasks_that_repeat_each_other_change_as_one_and_clusters_are_kept() {
        let one = JointMeans::new(&A, &B, &[1.0; 6], &[0, 0, 1, 1, 2, 2]).unwrap();
        let twice = JointMeans::weighted_sum(&[(0.5, one), (0.5, one)]).unwrap();
        let (single, double) = (one.relative_change(0.95).unwrap(), twice.relative_change(0.95).unwrap());
        assert!((single.point - double.point).abs() < 1e-12);
        let ratio = single.standard_error.unwrap() / double.standard_error.unwrap();
        assert!((ratio - 2.0_f64.sqrt()).abs() < 1e-9 && (twice.df - 4.0).abs() < 1e-9);
        assert_eq!((double.n, double.clusters), (12, 6));
    }

    #[test]
    fn a_base_that_is_not_above_zero_has_no_relative_change_and_an_uncertain_one_no_bounds() {
        let rows = [0, 1, 2, 3];
        assert_eq!(relative_change(&[1.0; 4], &[0.0; 4], &[1.0; 4], &rows, 0.95), None);
        assert_eq!(relative_change(&[1.0; 4], &[-1.0; 4], &[1.0; 4], &rows, 0.95), None);
        assert_eq!(relative_change(&[1.0, f64::NAN], &[1.0; 2], &[1.0; 2], &[0, 1], 0.95), None);
        assert_eq!(relative_change(&[1.0], &[1.0; 2], &[1.0; 2], &[0, 1], 0.95), None);
        assert_eq!(relative_change(&[], &[], &[], &[], 0.95), None);
        let unsure = relative_change(&[1.0, 2.0, 1.0, 0.0], &[1.0, 0.0, 0.0, 0.0], &[1.0; 4], &rows, 0.95).unwrap();
        assert_eq!((unsure.point, unsure.interval), (3.0, None));
        let lonely = relative_change(&[1.0, 2.0], &[1.0, 1.0], &[1.0; 2], &[3, 3], 0.95).unwrap();
        assert_eq!((lonely.point, lonely.interval, lonely.standard_error), (0.5, None, None));
        let same = relative_change(&B, &B, &[1.0; 6], &[0, 1, 2, 3, 4, 5], 0.95).unwrap().interval.unwrap();
        assert!(same.low.abs() < 1e-9 && same.high.abs() < 1e-9);
    }
}
