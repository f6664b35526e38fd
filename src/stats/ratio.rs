//! Ratios of sums: numbers a corpus has as a whole, such as bits per byte.

use crate::estimate::Estimate;

use super::clusters::{cluster_count, dense_clusters};
use super::mean::{clustered_error, student_interval};

/// `R = Σ numerators / Σ denominators`, with an interval.
///
/// The error is the linearised one: with residuals `e_i = a_i - R b_i`,
/// `SE² = C/(C-1) · Σ_c (Σ_{i in c} e_i)² / (Σ b_i)²`, and the interval is `R ± t_{C-1} SE`. With all `b_i = 1` this is
/// [`super::clustered_mean`]. Source: Cochran, Sampling Techniques, 3rd ed., chapter 6 (without the finite
/// population factor), clustered as in Miller, arXiv 2411.00640.
///
/// `None` without rows, for lengths that differ, values that are not finite, denominators whose sum is not positive, or
/// a level outside (0, 1). One cluster: no interval.
pub fn ratio_estimate(numerators: &[f64], denominators: &[f64], clusters: &[usize], level: f64) -> Option<Estimate> {
    let n = numerators.len();
    if n == 0 || denominators.len() != n || clusters.len() != n || level.is_nan() || level <= 0.0 || level >= 1.0 {
        return None;
    }
    let total = denominators.iter().sum::<f64>();
    let ratio = numerators.iter().sum::<f64>() / total;
    if !ratio.is_finite() || total <= 0.0 {
        return None;
    }
    let dense = dense_clusters(clusters);
    let count = cluster_count(&dense);
    let residuals = numerators.iter().zip(denominators).map(|(a, b)| a - ratio * b);
    let standard_error = clustered_error(residuals, &dense, count, total);
    Some(Estimate {
        point: ratio,
        interval: standard_error.and_then(|error| student_interval(ratio, error, (count - 1) as f64, level)),
        standard_error,
        n,
        clusters: count,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::stats::clustered_mean;

    /// By hand: R = 9/6 = 1.5; residuals 0.5, -1, 0.5; SE² = 3/2 · 1.5 / 36 = 0.0625.
    #[test]
    fn a_ratio_weighs_every_row_by_its_denominator() {
        let estimate = ratio_estimate(&[2.0, 2.0, 5.0], &[1.0, 2.0, 3.0], &[0, 1, 2], 0.95).unwrap();
        assert!((estimate.point - 1.5).abs() < 1e-12);
        assert!((estimate.standard_error.unwrap() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn with_unit_denominators_it_is_the_mean() {
        let values = [0.3, 0.7, 0.1, 0.9];
        let clusters = [0, 0, 1, 2];
        let (mean, ratio) = (
            clustered_mean(&values, &clusters, 0.95).unwrap(),
            ratio_estimate(&values, &[1.0; 4], &clusters, 0.95).unwrap(),
        );
        assert!((mean.point - ratio.point).abs() < 1e-12);
        assert!((mean.standard_error.unwrap() - ratio.standard_error.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn a_denominator_of_zero_gives_nothing() {
        assert_eq!(ratio_estimate(&[1.0], &[0.0], &[0], 0.95), None);
        assert_eq!(ratio_estimate(&[1.0, 2.0], &[1.0, -1.0], &[0, 1], 0.95), None);
        assert_eq!(ratio_estimate(&[], &[], &[], 0.95), None);
    }
}
