//! Tango's score interval of a paired difference of proportions.

use crate::estimate::{Estimate, Interval, IntervalMethod};

use super::quantile::normal_quantile;

/// Width to which the ends are bisected.
const PRECISION: f64 = 1e-12;

/// `p_a - p_b` from paired binary outcomes, with Tango's score interval.
///
/// With `n` pairs, `b = only_a` and `c = only_b`, the point is `(b - c) / n`, and the interval holds every `d` that the
/// score test does not reject:
/// `(b - c - n d)² / (n (2 q + d (1 - d))) <= z²`, where
/// `q = (sqrt(B² - 4AC) - B) / 2A`, `A = 2n`, `B = -b - c + (2n - b + c) d`, `C = -c d (1 - d)` is the likeliest
/// probability of "only b" under `d`. The ends are found by bisection (Tango 1998, Statistics in Medicine 17, equations 8
/// to 10). It lies in [-1, 1] and has a positive width also without discordant pairs, `±z² / (n + z²)`, where Student's t
/// has none: for small numbers of pairs that are independent of each other. The standard error is that of
/// [`super::paired_difference`].
///
/// `None` without pairs or for a level outside (0, 1).
pub fn paired_score_interval(
    both: usize,
    only_a: usize,
    only_b: usize,
    neither: usize,
    level: f64,
) -> Option<Estimate> {
    let n = both + only_a + only_b + neither;
    if n == 0 || level.is_nan() || level <= 0.0 || level >= 1.0 {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, level))?;
    let pairs = Discordant { n: n as f64, a: only_a as f64, b: only_b as f64 };
    let mirrored = Discordant { a: pairs.b, b: pairs.a, ..pairs };
    let (low, high) = (-mirrored.upper_end(z), pairs.upper_end(z));
    let difference = (pairs.a - pairs.b) / pairs.n;
    let square = (pairs.a + pairs.b) / pairs.n - difference * difference;
    let standard_error = (n > 1).then(|| (square.max(0.0) / (pairs.n - 1.0)).sqrt());
    let interval = Interval { low, high, level, method: IntervalMethod::PairedScore };
    Some(Estimate { point: difference, interval: Some(interval), standard_error, n, clusters: n })
}

/// Pairs in which only one of the two is a success.
#[derive(Clone, Copy)]
struct Discordant {
    n: f64,
    a: f64,
    b: f64,
}

impl Discordant {
    /// The largest difference that a score test at `z` does not reject.
    fn upper_end(self, z: f64) -> f64 {
        let (mut inside, mut outside) = ((self.a - self.b) / self.n, 1.0);
        while outside - inside > PRECISION {
            let middle = f64::midpoint(inside, outside);
            if self.score(middle) > -z {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        f64::midpoint(inside, outside).min(1.0)
    }

    /// The score statistic of the difference `d`; negative above the observed one.
    fn score(self, d: f64) -> f64 {
        let Self { n, a, b } = self;
        let linear = -a - b + (2.0 * n - a + b) * d;
        let constant = -b * d * (1.0 - d);
        let root = (linear * linear - 8.0 * n * constant).max(0.0).sqrt();
        let only_b = ((root - linear) / (4.0 * n)).max(0.0);
        let variance = n * (2.0 * only_b + d * (1.0 - d));
        if variance > 0.0 { (a - b - n * d) / variance.sqrt() } else { 0.0 }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::stats::paired_difference;

    /// Python: the score test with the constrained maximum of the multinomial likelihood found numerically (scipy 1.17,
    /// `minimize_scalar`), inverted with `brentq`. The first table is Tango's own example, 43 of 44 against 44 of 44 lenses.
    #[test]
    fn the_interval_inverts_the_constrained_likelihoods_score_test() {
        for ((both, a, b, neither), low, high) in [
            ((43, 0, 1, 0), -0.118_077_097, 0.059_393_230),
            ((20, 12, 2, 16), 0.061_112_407, 0.344_708_749),
            ((53, 8, 16, 3), -0.221_474_162, 0.021_090_448),
            ((50, 40, 20, 50), 0.030_864_532, 0.218_064_244),
        ] {
            let interval = paired_score_interval(both, a, b, neither, 0.95).unwrap().interval.unwrap();
            assert!((interval.low - low).abs() < 1e-7, "{both} {a} {b} {neither}: {}", interval.low);
            assert!((interval.high - high).abs() < 1e-7, "{both} {a} {b} {neither}: {}", interval.high);
        }
    }

    /// By hand: `n d² = z² d (1 - d)` gives `z² / (n + z²)`, with z² = 3.8414588.
    #[test]
    fn pairs_that_all_agree_leave_a_difference_possible() {
        let interval = paired_score_interval(10, 0, 0, 5, 0.95).unwrap().interval.unwrap();
        assert!((interval.high - 0.203_883_301).abs() < 1e-8 && (interval.low + interval.high).abs() < 1e-10);
        let all = paired_score_interval(0, 8, 0, 0, 0.95).unwrap();
        let interval = all.interval.unwrap();
        assert!((interval.high - 1.0).abs() < 1e-9 && interval.low > 0.2 && interval.low < 1.0);
    }

    #[test]
    fn exchanging_the_two_changes_the_sign_only() {
        let (one, other) = (paired_score_interval(3, 7, 2, 1, 0.9), paired_score_interval(3, 2, 7, 1, 0.9));
        let (one, other) = (one.unwrap(), other.unwrap());
        let (a, b) = (one.interval.unwrap(), other.interval.unwrap());
        assert!((one.point + other.point).abs() < 1e-12 && (a.low + b.high).abs() < 1e-9);
        assert!(a.low < one.point && one.point < a.high && a.low >= -1.0 && a.high <= 1.0);
    }

    #[test]
    fn its_standard_error_is_that_of_the_paired_difference() {
        let a = [1.0, 1.0, 1.0, 0.0, 0.0, 1.0];
        let b = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        let student = paired_difference(&a, &b, &[0, 1, 2, 3, 4, 5], 0.95).unwrap();
        let score = paired_score_interval(1, 3, 1, 1, 0.95).unwrap();
        assert!((student.point - score.point).abs() < 1e-12);
        assert!((student.standard_error.unwrap() - score.standard_error.unwrap()).abs() < 1e-12);
        assert_eq!(paired_score_interval(0, 0, 0, 0, 0.95), None);
        assert_eq!(paired_score_interval(1, 0, 0, 0, 1.0), None);
        assert_eq!(paired_score_interval(1, 0, 0, 0, 0.95).unwrap().standard_error, None);
    }
}
