//! From credits of instances to a task's number.

use std::f64::consts::LN_2;

use crate::estimate::{Estimate, Interval};
use crate::stats::{clustered_mean, mean_estimate, ratio_estimate};
use crate::task::{Aggregation, Metric, MetricSpec};

/// One response's credit, ready to be combined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedCredit {
    /// [`crate::score::Score::credit`].
    pub credit: f64,
    /// [`super::weight`] of the metric and the response's request.
    pub weight: f64,
    /// Number of the instance's cluster ([`crate::stats::cluster_indices`]).
    pub cluster: usize,
}

/// The task's number under a metric, with an interval at `level`.
///
/// With credits `c_i` (nats or bits per unit of text where the metric is about text) and weights `w_i`:
///
/// | aggregation | number | interval |
/// | --- | --- | --- |
/// | `mean` | `Σ c_i / n` | [`mean_estimate`] |
/// | `weighted_mean` | `Σ w_i c_i / Σ w_i`, `w_i` whole numbers | [`mean_estimate`], each row standing `w_i` times |
/// | `perplexity` | `exp(Σ c_i / n)` | of the mean, mapped by `exp` |
/// | `weighted_perplexity` | `exp(Σ w_i c_i / Σ w_i)` | of the ratio, mapped by `exp` |
/// | `bits_per_byte` | `Σ w_i c_i / Σ w_i` in bits | of the ratio |
///
/// `w_i c_i` is a document's whole log-probability with its sign turned, so the last two equal lm-evaluation-harness's
/// `exp(-Σ ll / Σ weight)` and `-Σ ll / Σ weight / ln 2`. Intervals are clustered. `None` without rows, for credits that
/// are not finite, weights whose sum is not positive, or a perplexity too large for a float.
pub fn aggregate(spec: &MetricSpec, rows: &[WeightedCredit], level: f64) -> Option<Estimate> {
    let clusters = rows.iter().map(|row| row.cluster).collect::<Vec<_>>();
    let credits = rows.iter().map(|row| row.credit).collect::<Vec<_>>();
    let estimate = match spec.aggregation {
        Aggregation::WeightedMean => {
            let parts = |row: &WeightedCredit| std::iter::repeat_n(*row, whole(row.weight));
            let rows = rows.iter().flat_map(parts).collect::<Vec<_>>();
            let credits = rows.iter().map(|row| row.credit).collect::<Vec<_>>();
            let clusters = rows.iter().map(|row| row.cluster).collect::<Vec<_>>();
            mean_estimate(&credits, &clusters, level)?
        }
        Aggregation::Mean if spec.metric.is_share() => mean_estimate(&credits, &clusters, level)?,
        Aggregation::Mean | Aggregation::Perplexity => clustered_mean(&credits, &clusters, level)?,
        Aggregation::WeightedPerplexity | Aggregation::BitsPerByte => {
            let weights = rows.iter().map(|row| row.weight).collect::<Vec<_>>();
            let sums = rows.iter().map(|row| row.weight * row.credit).collect::<Vec<_>>();
            ratio_estimate(&sums, &weights, &clusters, level)?
        }
    };
    Some(aggregate_estimate(spec, estimate)).filter(|estimate| estimate.point < f64::MAX)
}

/// Turns an estimate in credit units (a mean over variants, a worst case) into the unit of the task's number: `exp` of
/// nats for perplexities, bits for bits per byte, itself otherwise. The interval's ends are mapped; the standard error is
/// that of the delta method. A perplexity too large for a float becomes `f64::MAX`, without an interval.
///
/// Differences and spreads of credits must not be mapped: of log-perplexities they are log-ratios already.
pub fn aggregate_estimate(spec: &MetricSpec, estimate: Estimate) -> Estimate {
    // Nats for every metric but bits per byte.
    let nats = if spec.metric == Metric::BitsPerByte { LN_2 } else { 1.0 };
    match spec.aggregation {
        Aggregation::Mean | Aggregation::WeightedMean => estimate,
        Aggregation::BitsPerByte => map(estimate, |credit| credit * nats / LN_2, |_| nats / LN_2),
        Aggregation::Perplexity | Aggregation::WeightedPerplexity => {
            map(estimate, |credit| (credit * nats).exp(), |credit| nats * (credit * nats).exp())
        }
    }
}

fn map(estimate: Estimate, value: impl Fn(f64) -> f64, slope: impl Fn(f64) -> f64) -> Estimate {
    let interval = estimate.interval.map(|i| Interval { low: value(i.low), high: value(i.high), ..i });
    let standard_error = estimate.standard_error.map(|error| error * slope(estimate.point).abs());
    Estimate {
        point: value(estimate.point).min(f64::MAX),
        interval: interval.filter(|i| i.low.is_finite() && i.high.is_finite()),
        standard_error: standard_error.filter(|error| error.is_finite()),
        ..estimate
    }
}

/// A weight that counts parts, bounded so that no record can ask for much memory.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bounded and not negative
fn whole(weight: f64) -> usize {
    weight.clamp(0.0, 10_000.0).round() as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows(rows: &[(f64, f64)]) -> Vec<WeightedCredit> {
        let numbered = rows.iter().enumerate();
        numbered
            .map(|(cluster, (credit, weight))| WeightedCredit { credit: *credit, weight: *weight, cluster })
            .collect()
    }

    fn number(metric: Metric, credits: &[(f64, f64)]) -> Estimate {
        aggregate(&MetricSpec::new(metric), &rows(credits), 0.95).unwrap()
    }

    /// By hand, documents with log P -20 (10 bytes, 2 words) and -90 (30 bytes, 7 words): bits per byte
    /// 110 / 40 / ln 2 = 3.967411, byte perplexity exp(2.75) = 15.642632, word perplexity exp(110 / 9) = 203255.8.
    #[test]
    fn corpus_numbers_weigh_documents_by_their_size() {
        let bits = |ll: f64, bytes: f64| (-ll / bytes / LN_2, bytes);
        let found = number(Metric::BitsPerByte, &[bits(-20.0, 10.0), bits(-90.0, 30.0)]);
        assert!((found.point - 3.967_411_7).abs() < 1e-6, "{}", found.point);
        let found = number(Metric::BytePerplexity, &[(2.0, 10.0), (3.0, 30.0)]);
        assert!((found.point - 15.642_631_88).abs() < 1e-6);
        let found = number(Metric::WordPerplexity, &[(10.0, 2.0), (90.0 / 7.0, 7.0)]);
        assert!((found.point / (110.0_f64 / 9.0).exp() - 1.0).abs() < 1e-12);
        let interval = found.interval.unwrap();
        assert!(interval.low < found.point && found.point < interval.high && interval.low > 0.0);
    }

    #[test]
    fn perplexity_is_the_exponential_of_the_mean() {
        let found = number(Metric::Perplexity, &[(1.0, 1.0), (3.0, 1.0)]);
        assert!((found.point - 2.0_f64.exp()).abs() < 1e-12);
        // SE of the mean of 1 and 3 is 1; the delta method multiplies by exp(2).
        assert!((found.standard_error.unwrap() - 2.0_f64.exp()).abs() < 1e-9);
    }

    #[test]
    fn accuracies_are_means_and_nothing_gives_nothing() {
        let found = number(Metric::Acc, &[(1.0, 1.0), (0.0, 1.0), (1.0, 1.0), (1.0, 1.0)]);
        assert!((found.point - 0.75).abs() < 1e-12 && found.interval.unwrap().high <= 1.0);
        assert_eq!(aggregate(&MetricSpec::new(Metric::Acc), &[], 0.95), None);
        assert_eq!(aggregate(&MetricSpec::new(Metric::WordPerplexity), &rows(&[(800.0, 1.0)]), 0.95), None);
        assert_eq!(aggregate(&MetricSpec::new(Metric::BitsPerByte), &rows(&[(1.0, 0.0)]), 0.95), None);
    }
}
