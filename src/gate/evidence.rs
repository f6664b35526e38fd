//! One-sided tests of a paired difference, and the interval that they make.
//!
//! Everything follows from one function, the p-value of "the expected difference is at most x". It is Student's t on
//! the clustered standard error, made larger where t is known to be too sure of itself:
//!
//! - below 0 (is the candidate not worse by some margin?) by Tango's score test on the counts that have the same mean
//!   and variance, with steps as large as the largest difference seen: rare losses make t's error too small;
//! - below 0 without any cluster that got worse, by the exact bound `(1 - (margin + mean)/range)^C`: if the mean loss
//!   were the margin, at least that share of clusters would have to lose, and none of C did. Identical answers are
//!   therefore no certainty;
//! - from 0 up (is there any gain?) by the sign test's smallest value `2^-K` over the K clusters that differ;
//! - binary differences with one row a cluster always by Tango's score test, and from 0 up by the sign test with the
//!   constrained winners' share.
//!
//! A maximum of valid p-values is valid. The losses' side is the same function of the mirrored sample.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::sample::Sample;
use super::trinomial::Trinomial;
use crate::estimate::{Interval, IntervalMethod};

/// Degrees of freedom from which Student's distribution is taken for the normal one.
const NORMAL_FROM_DF: f64 = 1e5;

/// Halvings of the bracket around an end of the interval.
const HALVINGS: usize = 24;

impl Sample {
    /// P-value of "the expected difference is at most `limit`": small where the data lie above it.
    pub(super) fn p_at_most(&self, limit: f64) -> f64 {
        let gain = self.p_without_gain(limit.max(0.0));
        // What shows a gain shows that there is no loss.
        if limit >= 0.0 { gain } else { gain.min(self.p_with_loss(limit)) }
    }

    /// P-value of "the expected loss is at least `-limit`", for limits below 0.
    fn p_with_loss(&self, limit: f64) -> f64 {
        let mut p = self.p_student(limit).max(self.p_score(limit));
        if self.worse == 0 {
            let surviving = (1.0 - (self.mean - limit) / self.range.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
            let unseen = surviving.powf(self.clusters as f64);
            p = p.max(unseen.min(self.smallest_sign_test()));
        }
        // Differences that are all equal are no certainty, the less the fewer they are.
        if self.standard_error > 0.0 {
            p
        } else {
            p.max(0.5_f64.powi(i32::try_from(self.clusters).unwrap_or(i32::MAX)))
        }
    }

    /// Whether "at most `limit`" is rejected at `alpha`: as [`Self::p_at_most`], where `gain` is its value at 0, without
    /// the tests that cannot change the answer.
    fn rejects_at_most(&self, limit: f64, alpha: f64, gain: f64) -> bool {
        if limit < 0.0 {
            gain < alpha || (self.p_student(limit) < alpha && self.p_with_loss(limit) < alpha)
        } else {
            self.p_student(limit) < alpha && self.p_without_gain(limit) < alpha
        }
    }

    /// P-value of "the expected difference is at least `limit`": small where the data lie below it.
    pub(super) fn p_at_least(&self, limit: f64) -> f64 {
        self.mirrored().p_at_most(-limit)
    }

    fn p_without_gain(&self, limit: f64) -> f64 {
        let p = self.p_student(limit).max(self.smallest_sign_test());
        if self.is_binary {
            let counts = self.counts(1.0);
            p.max(self.p_score(limit)).max(counts.sign_test(limit))
        } else {
            p
        }
    }

    fn p_student(&self, limit: f64) -> f64 {
        let distance = self.mean - limit;
        if self.standard_error > 0.0 {
            upper_tail(distance / self.standard_error, self.df)
        } else {
            f64::from(distance <= 0.0)
        }
    }

    /// Tango's test in units of the largest difference seen; 0 (no objection) where the limit lies beyond it.
    fn p_score(&self, limit: f64) -> f64 {
        let step = if self.is_binary { 1.0 } else { self.largest };
        if step <= 0.0 || limit.abs() >= step {
            return if self.is_binary { self.p_student(limit) } else { 0.0 };
        }
        self.counts(step).score(limit / step).map_or(1.0, |score| upper_tail(score, self.df))
    }

    /// The counts of differences of one `step` that have this sample's mean and variance.
    fn counts(&self, step: f64) -> Trinomial {
        let count = self.clusters as f64;
        let mean_square = (count - 1.0) * self.standard_error.powi(2) + self.mean.powi(2);
        Trinomial::matching(count, self.mean / step, mean_square / (step * step))
    }

    fn smallest_sign_test(&self) -> f64 {
        0.5_f64.powi(i32::try_from(self.differing()).unwrap_or(i32::MAX))
    }

    /// The interval whose ends are the limits that the two one-sided tests at `alpha` do not exclude; its level is
    /// `1 - 2 alpha`.
    pub(super) fn interval(&self, alpha: f64) -> Option<Interval> {
        let low = self.lower_bound(alpha)?;
        let high = -self.mirrored().lower_bound(alpha)?;
        let method = if self.is_binary { IntervalMethod::PairedScore } else { IntervalMethod::ClusteredT };
        Some(Interval { low, high, level: 1.0 - 2.0 * alpha, method })
    }

    /// The largest limit at which "at most the limit" is rejected.
    fn lower_bound(&self, alpha: f64) -> Option<f64> {
        let gain = self.p_without_gain(0.0);
        let mut rejected = self.mean;
        let mut step = (self.standard_error + self.range / self.clusters as f64).max(f64::MIN_POSITIVE);
        for _ in 0..HALVINGS {
            rejected = self.mean - step;
            if self.rejects_at_most(rejected, alpha, gain) {
                break;
            }
            step *= 2.0;
        }
        if !self.rejects_at_most(rejected, alpha, gain) {
            return None;
        }
        let mut kept = self.mean;
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(rejected, kept);
            if self.rejects_at_most(middle, alpha, gain) {
                rejected = middle;
            } else {
                kept = middle;
            }
        }
        Some(rejected)
    }
}

/// `P(T > t)` for Student's t with `df` degrees of freedom.
pub(super) fn upper_tail(t: f64, df: f64) -> f64 {
    let tail = if df >= NORMAL_FROM_DF {
        Normal::new(0.0, 1.0).map(|normal| normal.cdf(-t))
    } else {
        return StudentsT::new(0.0, 1.0, df.max(1.0)).map_or(1.0, |student| student.cdf(-t));
    };
    tail.unwrap_or(1.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;
    use proptest::prelude::*;

    fn binary(both: usize, gained: usize, lost: usize) -> Sample {
        let parts = [(both, (1.0, 1.0)), (gained, (0.0, 1.0)), (lost, (1.0, 0.0))];
        sample(&parts.iter().flat_map(|(count, pair)| std::iter::repeat_n(*pair, *count)).collect::<Vec<_>>())
    }

    /// By hand: nobody of C differs, so with probability 1 - alpha fewer than 1 - alpha^(1/C) do.
    #[test]
    fn identical_answers_bound_the_difference_and_no_more() {
        for clusters in [10, 30, 400] {
            let same = binary(clusters, 0, 0);
            let bound = 1.0 - 0.05_f64.powf(1.0 / clusters as f64);
            let interval = same.interval(0.05).unwrap();
            assert!(interval.low <= -bound + 1e-9 && interval.high >= bound - 1e-9, "{clusters}: {interval:?}");
            assert!(interval.high < bound * 2.0 + 0.05, "{clusters}: {interval:?}");
        }
        assert!(binary(30, 0, 0).p_at_most(-0.02) > 0.5, "30 pairs do not exclude a loss of 2 %");
        assert!(binary(400, 0, 0).p_at_most(-0.02) < 0.05);
        assert!((binary(400, 0, 0).p_at_most(0.0) - 1.0).abs() < 1e-12, "nor is there a gain");
    }

    /// The exact sign test: 6 of 6 is 1/64, 9 of 10 is 11/1024.
    #[test]
    fn few_discordant_pairs_are_tested_exactly() {
        assert!(binary(24, 6, 0).p_at_most(0.0) >= 1.0 / 64.0 - 1e-12);
        assert!(binary(190, 9, 1).p_at_most(0.0) >= 11.0 / 1024.0 - 1e-12);
        assert!(binary(190, 1, 9).p_at_least(0.0) >= 11.0 / 1024.0 - 1e-12);
        assert!(binary(190, 1, 9).p_at_least(0.0) < 0.03);
    }

    /// 60 of 200 lost and none gained: Wald's interval is -0.3 ± 0.053, and the score interval is no wider by much.
    #[test]
    fn one_sided_changes_have_an_interval_around_them() {
        let interval = binary(140, 0, 60).interval(0.05).unwrap();
        assert!((-0.37..-0.34).contains(&interval.low) && (-0.26..-0.24).contains(&interval.high), "{interval:?}");
    }

    #[test]
    fn many_graded_differences_get_students_interval() {
        let pairs = (0..400).map(|i| (0.5, 0.5 + 0.3 * f64::from(i).sin())).collect::<Vec<_>>();
        let sample = sample(&pairs);
        let interval = sample.interval(0.05).unwrap();
        let half = 1.6487 * sample.standard_error;
        assert!((interval.high - sample.mean - half).abs() < 0.15 * half, "{interval:?} {half}");
        assert!((sample.mean - interval.low - half).abs() < 0.15 * half, "{interval:?} {half}");
    }

    proptest! {
        #[test]
        fn p_values_fall_as_the_limit_falls_and_mirror(
            rows in prop::collection::vec((0..5_u8, 0..5_u8), 3..60), limits in (-0.5..0.5_f64, -0.5..0.5_f64),
        ) {
            let pairs = rows.iter().map(|(a, b)| (f64::from(*a) / 4.0, f64::from(*b) / 4.0)).collect::<Vec<_>>();
            let found = sample(&pairs);
            let (low, high) = (limits.0.min(limits.1), limits.0.max(limits.1));
            prop_assert!(found.p_at_most(low) <= found.p_at_most(high) + 1e-9, "{low} {high} {found:?}");
            let swapped = sample(&pairs.iter().map(|(a, b)| (*b, *a)).collect::<Vec<_>>());
            prop_assert!((found.p_at_most(low) - swapped.p_at_least(-low)).abs() < 1e-9);
            if let Some(interval) = found.interval(0.05) {
                prop_assert!(interval.low <= found.mean + 1e-9 && found.mean <= interval.high + 1e-9);
                prop_assert_eq!(interval.low > low, found.p_at_most(low) < 0.05);
            }
        }
    }
}
