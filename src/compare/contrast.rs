//! One number of two checkpoints, paired on instances: difference, interval, p-value, smallest detectable difference.
//!
//! | numbers | interval | p-value |
//! | --- | --- | --- |
//! | 0 and 1, one instance a cluster | Tango's score interval | `McNemar`'s exact test |
//! | any other | Student's t on the clustered error | of the same t; at least that of the exact sign test over clusters where fewer than ten differ |
//! | shares that differ by the same everywhere | score interval of the share of clusters that may differ | exact sign test |
//!
//! Answers that are equal everywhere are no proof that the models are: the interval keeps a width that shrinks with the
//! number of clusters. Sources: Tango 1998, Statistics in Medicine 17; `McNemar` 1947; Miller, arXiv 2411.00640.

use crate::analyze::analysis::Headline;
use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::paired::{PairedColumn, PairedTask};
use crate::stats::{
    Sides, cluster_count, dense_clusters, mcnemar_exact, mean_estimate, minimum_detectable_effect,
    minimum_detectable_effect_of_clusters, normal_quantile, paired_score_interval, ratio_estimate, share_interval,
    student_p_value,
};

/// With fewer clusters that differ than this, the sign test has the last word.
const FEW_CLUSTERS: u64 = 10;

/// One number of both, and their difference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contrast {
    pub baseline: Estimate,
    pub candidate: Estimate,
    /// Candidate minus baseline.
    pub difference: Estimate,
    pub p_value: Option<f64>,
    pub minimum_detectable_effect: Option<f64>,
}

/// Compares a column; `None` where no instance has a number in both.
pub(super) fn contrast(task: &PairedTask, column: &PairedColumn, level: f64, power: f64) -> Option<Contrast> {
    let weights = column.rows.iter().map(|row| row.weight).collect::<Vec<_>>();
    let labels = column.rows.iter().map(|row| row.cluster).collect::<Vec<_>>();
    let clusters = dense_clusters(&labels);
    let side = |values: Vec<f64>| one_side(task, column.measure, &values, &weights, &clusters, level);
    let baseline = side(column.rows.iter().map(|row| row.baseline).collect())?;
    let candidate = side(column.rows.iter().map(|row| row.candidate).collect())?;
    let pairs = Pairs { differences: differences(column), weights, clusters, level };
    let outcomes = Outcomes::of(column, &pairs.clusters).filter(|_| is_bounded(task, column.measure));
    let (difference, p_value) = match outcomes {
        Some(outcomes) => outcomes.difference(level)?,
        // POSIX is in nats, whatever the metric.
        None => pairs.difference(task.is_share && column.measure != Headline::Posix)?,
    };
    let minimum_detectable_effect = detectable(&difference, level, power);
    Some(Contrast { baseline, candidate, difference, p_value, minimum_detectable_effect })
}

/// Whether every item's number is a share. Nats, points and spreads can be 0 and 1 without being right and wrong.
fn is_bounded(task: &PairedTask, measure: Headline) -> bool {
    task.is_share && !matches!(measure, Headline::Posix | Headline::Spread | Headline::Variance)
}

fn differences(column: &PairedColumn) -> Vec<f64> {
    column.rows.iter().map(|row| row.candidate - row.baseline).collect()
}

/// The mean of one side; shares get an interval that stays in [0, 1], and no sensitivity falls below 0.
fn one_side(
    task: &PairedTask,
    measure: Headline,
    values: &[f64],
    weights: &[f64],
    clusters: &[usize],
    level: f64,
) -> Option<Estimate> {
    let bounded = is_bounded(task, measure);
    if bounded && are_equal(weights) {
        return mean_estimate(values, clusters, level);
    }
    let estimate = weighted(values, weights, clusters, level)?;
    let df = estimate.clusters.saturating_sub(1) as f64;
    if bounded {
        let error = estimate.standard_error.unwrap_or_default();
        let share = share_interval(estimate.point, error, df, estimate.clusters, level);
        return Some(Estimate { interval: share.or(estimate.interval), ..estimate });
    }
    let not_negative = |interval: Interval| Interval { low: interval.low.max(0.0), ..interval };
    let interval = if measure.is_sensitivity() { estimate.interval.map(not_negative) } else { estimate.interval };
    Some(Estimate { interval: interval.filter(|found| found.low < found.high), ..estimate })
}

fn weighted(values: &[f64], weights: &[f64], clusters: &[usize], level: f64) -> Option<Estimate> {
    let sums = values.iter().zip(weights).map(|(value, weight)| value * weight).collect::<Vec<_>>();
    ratio_estimate(&sums, weights, clusters, level)
}

#[allow(clippy::float_cmp)] // weights that were computed in the same way
fn are_equal(weights: &[f64]) -> bool {
    weights.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

/// Paired outcomes of right and wrong.
struct Outcomes {
    both: usize,
    only_candidate: usize,
    only_baseline: usize,
    neither: usize,
}

impl Outcomes {
    /// Counts a column of zeros and ones with one instance a cluster and equal weights; `None` for any other.
    fn of(column: &PairedColumn, clusters: &[usize]) -> Option<Self> {
        let weights = column.rows.iter().map(|row| row.weight).collect::<Vec<_>>();
        if cluster_count(clusters) != clusters.len() || !are_equal(&weights) {
            return None;
        }
        let mut counts = Self { both: 0, only_candidate: 0, only_baseline: 0, neither: 0 };
        for row in &column.rows {
            let count = match (is_right(row.baseline)?, is_right(row.candidate)?) {
                (true, true) => &mut counts.both,
                (true, false) => &mut counts.only_baseline,
                (false, true) => &mut counts.only_candidate,
                (false, false) => &mut counts.neither,
            };
            *count += 1;
        }
        Some(counts)
    }

    fn difference(&self, level: f64) -> Option<(Estimate, Option<f64>)> {
        let (gained, lost) = (self.only_candidate, self.only_baseline);
        let estimate = paired_score_interval(self.both, gained, lost, self.neither, level)?;
        let one = estimate.n < 2;
        let estimate = Estimate { interval: estimate.interval.filter(|_| !one), ..estimate };
        Some((estimate, (!one).then(|| mcnemar_exact(gained as u64, lost as u64))))
    }
}

#[allow(clippy::float_cmp)] // credits that were made from these literals
fn is_right(credit: f64) -> Option<bool> {
    if credit == 1.0 {
        Some(true)
    } else if credit == 0.0 {
        Some(false)
    } else {
        None
    }
}

/// Differences of numbers that are not all 0 and 1.
struct Pairs {
    differences: Vec<f64>,
    weights: Vec<f64>,
    clusters: Vec<usize>,
    level: f64,
}

impl Pairs {
    fn difference(&self, is_share: bool) -> Option<(Estimate, Option<f64>)> {
        let estimate = weighted(&self.differences, &self.weights, &self.clusters, self.level)?;
        let Some(error) = estimate.standard_error else {
            return Some((estimate, None));
        };
        let df = estimate.clusters.saturating_sub(1) as f64;
        let (gained, lost) = self.signs();
        let few = gained + lost < FEW_CLUSTERS;
        let p = student_p_value(&estimate, df).map(|p| if few { p.max(mcnemar_exact(gained, lost)) } else { p });
        let interval = if error > f64::EPSILON {
            estimate.interval
        } else if is_share {
            self.no_variation(&estimate)
        } else {
            None
        };
        let interval = if is_share { interval.map(within_unit) } else { interval };
        Some((Estimate { interval, ..estimate }, p))
    }

    /// Clusters whose sum of differences is above, and below, 0.
    fn signs(&self) -> (u64, u64) {
        let mut sums = vec![0.0; cluster_count(&self.clusters)];
        for ((difference, weight), cluster) in self.differences.iter().zip(&self.weights).zip(&self.clusters) {
            if let Some(sum) = sums.get_mut(*cluster) {
                *sum += difference * weight;
            }
        }
        let count = |sign: f64| sums.iter().filter(|sum| **sum * sign > f64::EPSILON).count() as u64;
        (count(1.0), count(-1.0))
    }

    /// Where no cluster differs from the others: the share of clusters that may, `z² / (C + z²)`, as the score interval of
    /// paired outcomes without a discordant pair has it.
    fn no_variation(&self, estimate: &Estimate) -> Option<Interval> {
        let z = normal_quantile(f64::midpoint(1.0, self.level))?;
        let half = z * z / (estimate.clusters as f64 + z * z);
        let (low, high) = (estimate.point - half, estimate.point + half);
        Some(Interval { low, high, level: self.level, method: IntervalMethod::PairedScore })
    }
}

/// A difference of shares lies in [-1, 1].
fn within_unit(interval: Interval) -> Interval {
    Interval { low: interval.low.max(-1.0), high: interval.high.min(1.0), ..interval }
}

/// The standard error that stands behind an interval: a score interval is wider than the standard error says where few
/// pairs differ.
pub(super) fn error_behind(estimate: &Estimate) -> Option<f64> {
    let error = estimate.standard_error?;
    let interval = estimate.interval?;
    if interval.method != IntervalMethod::PairedScore {
        return Some(error);
    }
    let z = normal_quantile(f64::midpoint(1.0, interval.level))?;
    Some(error.max((interval.high - interval.low) / 2.0 / z))
}

/// The smallest true difference that one test finds with the probability `power`.
pub(super) fn detectable(estimate: &Estimate, level: f64, power: f64) -> Option<f64> {
    let error = error_behind(estimate)?;
    let by_score = estimate.interval.is_some_and(|interval| interval.method == IntervalMethod::PairedScore);
    let found = if by_score {
        minimum_detectable_effect(error, 1.0 - level, power, Sides::Two)
    } else {
        minimum_detectable_effect_of_clusters(error, estimate.clusters, 1.0 - level, power, Sides::Two)
    };
    Some(found).filter(|found| found.is_finite() && *found > 0.0)
}
