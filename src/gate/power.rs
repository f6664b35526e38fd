//! What a check can see: the smallest drop that it would report, and the instances that it would need.

use statrs::distribution::{ContinuousCDF, Normal};

use super::sample::Sample;
use crate::stats::student_quantile;

/// Probability with which the instances that are named find a drop of twice the margin.
pub const PLANNED_POWER: f64 = 0.95;

/// Confidence of the upper limit of the variance that the instances are planned with.
const PLANNING_CONFIDENCE: f64 = 0.95;

/// More clusters than anybody asks.
const MOST_CLUSTERS: f64 = 1e8;

/// Rounds of the fixed-point searches.
const ROUNDS: usize = 60;

/// The conditions under which a drop is reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threshold {
    /// The margin, in the measure's own unit.
    pub margin: f64,
    /// The level of the strictest of the tests: alpha divided by the tests that can fail.
    pub alpha: f64,
}

impl Sample {
    /// The variance of one cluster's difference, were the drop `drop`: what was seen, and a step of the largest
    /// difference for every cluster that has to get worse beyond those seen.
    fn variance_at(&self, seen: f64, drop: f64) -> f64 {
        let step = if self.differing() == 0 { self.range } else { self.largest };
        seen + step * (drop - (-self.mean).max(0.0)).max(0.0)
    }

    /// The smallest true drop that is reported as regressed with probability `power`:
    /// `margin + (t_{1-alpha} + t_power) SE(drop)`, found by iteration because a larger drop comes with more
    /// differences. No test can see a drop that moves fewer than `log2(1/alpha)` clusters.
    ///
    /// Source: Miller, arXiv 2411.00640, section 5, one-sided, with Student's quantiles.
    pub(super) fn smallest_detectable_drop(&self, threshold: Threshold, power: f64) -> Option<f64> {
        let factor = quantiles(threshold.alpha, power, self.df)?;
        let count = self.clusters as f64;
        let seen = count * self.standard_error.powi(2);
        let step = if self.differing() == 0 { self.range } else { self.largest };
        let least = step * (1.0 / threshold.alpha).log2() / count;
        let mut drop = threshold.margin;
        for _ in 0..ROUNDS {
            drop = threshold.margin + factor * (self.variance_at(seen, drop) / count).sqrt();
        }
        let drop = drop.max(least);
        drop.is_finite().then_some(drop)
    }

    /// Instances at which a true drop of twice the margin is reported as regressed with probability
    /// [`PLANNED_POWER`]. The variance is taken at its upper confidence limit, `V (C-1) / χ²_{1-confidence}(C-1)`, because
    /// a pilot's own variance is as often too small as too large. `None` without a margin.
    ///
    /// Source of the upper limit: Browne, Statistics in Medicine 14 (1995), 1933-1940.
    pub(super) fn instances_for_twice_the_margin(&self, threshold: Threshold) -> Option<usize> {
        let count = self.clusters as f64;
        if threshold.margin <= 0.0 {
            return None;
        }
        let seen = count * self.standard_error.powi(2) / lower_chi_square_share(self.df)?;
        let variance = self.variance_at(seen, 2.0 * threshold.margin);
        let step = if self.differing() == 0 { self.range } else { self.largest };
        let mut needed = 2.0 / threshold.alpha;
        for _ in 0..ROUNDS {
            let factor = quantiles(threshold.alpha, PLANNED_POWER, (needed - 1.0).max(1.0))?;
            needed = variance * (factor / threshold.margin).powi(2);
            // Counts are discrete: an exact test wants one step more than the smooth one.
            needed += step / threshold.margin;
            needed = needed.max(step * (1.0 / threshold.alpha).log2() / threshold.margin);
        }
        let instances = (needed.ceil() * self.rows as f64 / count).ceil();
        (instances <= MOST_CLUSTERS).then(|| whole(instances))
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: f64) -> usize {
    value as usize
}

fn quantiles(alpha: f64, power: f64, df: f64) -> Option<f64> {
    Some(student_quantile(1.0 - alpha, df)? + student_quantile(power, df)?)
}

/// The lower quantile of a chi-square divided by its degrees of freedom (Wilson and Hilferty 1931).
fn lower_chi_square_share(df: f64) -> Option<f64> {
    let z = Normal::new(0.0, 1.0).ok()?.inverse_cdf(1.0 - PLANNING_CONFIDENCE);
    let spread = 2.0 / (9.0 * df);
    let share = (1.0 - spread + z * spread.sqrt()).powi(3);
    (share > 0.0).then_some(share)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;

    const THRESHOLD: Threshold = Threshold { margin: 0.02, alpha: 0.05 };

    fn noisy(pairs: usize) -> Sample {
        let flip = |i: usize| match i % 10 {
            0 => (1.0, 0.0),
            1 => (0.0, 1.0),
            _ => (1.0, 1.0),
        };
        sample(&(0..pairs).map(flip).collect::<Vec<_>>())
    }

    /// Tables: chi-square's lower 5 % point with 30 degrees of freedom is 18.493.
    #[test]
    fn the_variance_is_planned_at_its_upper_limit() {
        assert!((lower_chi_square_share(30.0).unwrap() * 30.0 - 18.493).abs() < 0.02);
    }

    #[test]
    fn more_instances_see_smaller_drops_and_no_drop_below_the_margin_is_seen() {
        let found = [100, 1000, 10_000].map(|pairs| noisy(pairs).smallest_detectable_drop(THRESHOLD, 0.8).unwrap());
        assert!(found.is_sorted_by(|a, b| a > b) && found.iter().all(|drop| *drop > 0.02), "{found:?}");
        // By hand, without the growth of the variance: 0.02 + (1.645 + 0.842) sqrt(0.2 / 10000) = 0.0311.
        assert!((0.031..0.033).contains(found.last().unwrap()), "{found:?}");
    }

    #[test]
    fn the_instances_named_for_twice_the_margin_have_that_detectable_drop() {
        let pilot = noisy(500);
        let needed = pilot.instances_for_twice_the_margin(THRESHOLD).unwrap();
        let drop = noisy(needed).smallest_detectable_drop(THRESHOLD, PLANNED_POWER).unwrap();
        assert!((0.035..=0.04).contains(&drop), "{needed}: {drop}");
        assert_eq!(pilot.instances_for_twice_the_margin(Threshold { margin: 0.0, ..THRESHOLD }), None);
    }

    #[test]
    fn identical_answers_still_name_a_drop_that_would_be_seen() {
        let same = sample(&vec![(1.0, 1.0); 50]);
        let drop = same.smallest_detectable_drop(THRESHOLD, 0.8).unwrap();
        assert!(drop > 0.1 && drop < 0.4, "{drop}");
    }
}
