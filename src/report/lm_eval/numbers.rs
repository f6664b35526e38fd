//! Tasks' numbers and their standard errors, by the rules of lm-evaluation-harness.

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::data::PythonRandom;
use crate::task::Aggregation;

/// Resamples of a bootstrap (`bootstrap_iters`).
pub(super) const BOOTSTRAP_DRAWS: u64 = 100_000;
/// Resamples drawn from one generator.
const CHUNK: u64 = 1000;

/// What a metric gives for one response, as lm-evaluation-harness logs it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// A number, written as a fraction.
    Number(f64),
    /// A count, written whole.
    Count(u64),
    /// A verdict.
    Flag(bool),
    /// One verdict an instruction.
    Flags(Vec<bool>),
    /// A text's log-probability and its length.
    Text {
        /// In nats.
        sum_nats: f64,
        /// Words or bytes.
        length: u64,
    },
    /// The response could not be judged.
    Missing,
}

impl Item {
    pub(super) fn as_json(&self) -> Value {
        match self {
            Self::Number(number) => json!(number),
            Self::Count(count) => json!(count),
            Self::Flag(flag) => json!(flag),
            Self::Flags(flags) => json!(flags),
            Self::Text { sum_nats, length } => json!([sum_nats, length]),
            Self::Missing => Value::Null,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Count(count) => Some(*count as f64),
            Self::Flag(flag) => Some(f64::from(*flag)),
            Self::Flags(_) | Self::Text { .. } | Self::Missing => None,
        }
    }
}

/// A task's number under one metric and filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aggregated {
    /// The number; `None` where nothing could be judged.
    pub point: Option<f64>,
    /// Its standard error; `None` is written `"N/A"`.
    pub standard_error: Option<f64>,
    /// Judged responses.
    pub count: usize,
}

/// Combines the items of a metric.
///
/// | aggregation | number | standard error |
/// | --- | --- | --- |
/// | `mean` | `Σ x / n` | `s / √n`, `s² = Σ (x - mean)² / (n - 1)` |
/// | `weighted_mean` over lists | mean of all entries of all lists | none |
/// | `perplexity` | `exp(-Σ x / n)` | of 100,000 resamples, drawn as Python's `random.choices` draws them: generator `i` has seed `i` and draws 1,000 |
/// | `weighted_perplexity` | `exp(-Σ nats / Σ length)` | none |
/// | `bits_per_byte` | `-Σ nats / Σ length / ln 2` | none |
///
/// A single response has no standard error. Responses that could not be judged are left out.
pub(super) fn aggregate(aggregation: Aggregation, items: &[Item]) -> Aggregated {
    let numbers: Vec<f64> = items.iter().filter_map(Item::number).collect();
    let flags = items.iter().filter_map(|item| if let Item::Flags(flags) = item { Some(flags) } else { None });
    let count = items.iter().filter(|item| **item != Item::Missing).count();
    let with_error = |error: fn(&[f64]) -> f64| (numbers.len() > 1).then(|| error(&numbers));
    let (point, standard_error) = match aggregation {
        Aggregation::Mean => (mean(&numbers), with_error(mean_standard_error)),
        Aggregation::WeightedMean => {
            let all = flags.flatten().map(|flag| f64::from(*flag)).chain(numbers.iter().copied());
            (mean(&all.collect::<Vec<_>>()), None)
        }
        Aggregation::Perplexity => (perplexity(&numbers), with_error(bootstrap_error)),
        Aggregation::WeightedPerplexity => (per_unit(items).map(|nats| (-nats).exp()), None),
        Aggregation::BitsPerByte => (per_unit(items).map(|nats| -nats / std::f64::consts::LN_2), None),
    };
    let finite = |value: &f64| value.is_finite();
    Aggregated { point: point.filter(finite), standard_error: standard_error.filter(finite), count }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn perplexity(log_probs: &[f64]) -> Option<f64> {
    mean(log_probs).map(|mean| (-mean).exp())
}

fn per_unit(items: &[Item]) -> Option<f64> {
    let (mut nats, mut units) = (0.0, 0.0);
    for item in items {
        if let Item::Text { sum_nats, length } = item {
            nats += sum_nats;
            units += *length as f64;
        }
    }
    (units > 0.0).then(|| nats / units)
}

fn sample_deviation(values: &[f64]) -> f64 {
    let mean = mean(values).unwrap_or_default();
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

fn mean_standard_error(values: &[f64]) -> f64 {
    sample_deviation(values) / (values.len() as f64).sqrt()
}

/// The spread of perplexities of resampled log-probabilities.
fn bootstrap_error(log_probs: &[f64]) -> f64 {
    let n = log_probs.len() as f64;
    let resampled = (0..BOOTSTRAP_DRAWS / CHUNK).into_par_iter().flat_map_iter(|seed| {
        let mut random = PythonRandom::new(seed);
        (0..CHUNK).map(move |_| {
            let drawn =
                (0..log_probs.len()).map(|_| log_probs.get(floor(random.unit() * n)).copied().unwrap_or_default());
            (-(drawn.sum::<f64>() / n)).exp()
        })
    });
    sample_deviation(&resampled.collect::<Vec<_>>())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative and below the number of rows
fn floor(place: f64) -> usize {
    place as usize
}

/// Combines the numbers of a group's tasks; `None` for an error where one of them has none.
///
/// By size: `Σ n_i x_i / Σ n_i` with the pooled error `√(Σ (n_i - 1) se_i² n_i / (Σ n_i - k) / Σ n_i)`; otherwise
/// `Σ x_i / k` with `√(Σ se_i²) / k`.
pub(super) fn group(members: &[(f64, Option<f64>, usize)], by_size: bool) -> (Option<f64>, Option<f64>) {
    let weights = || members.iter().map(|(_, _, n)| if by_size { *n as f64 } else { 1.0 });
    let total = weights().sum::<f64>();
    let point = members.iter().zip(weights()).map(|((point, _, _), weight)| point * weight).sum::<f64>() / total;
    let errors: Option<Vec<(f64, f64)>> =
        members.iter().map(|(_, error, n)| error.map(|error| (error * error, *n as f64))).collect();
    let k = members.len() as f64;
    let error = errors.map(|errors| {
        if by_size {
            let pooled = errors.iter().map(|(square, n)| (n - 1.0) * square * n).sum::<f64>() / (total - k);
            (pooled / total).sqrt()
        } else {
            errors.iter().map(|(square, _)| square).sum::<f64>().sqrt() / k
        }
    });
    let finite = |value: &f64| value.is_finite();
    (Some(point).filter(finite), error.filter(finite))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn close(found: Option<f64>, expected: f64) -> bool {
        (found.unwrap() / expected - 1.0).abs() < 1e-12
    }

    /// Printed by `lm_eval` 0.4.13: its `mean`, `mean_stderr`, `perplexity` and `bootstrap_stderr` with 100,000
    /// iterations over these values.
    #[test]
    fn numbers_and_errors_are_those_of_lm_eval() {
        let numbers = [-10.864_726_066_589_355, -17.25, -22.959_331_512_451_17].map(Item::Number);
        let found = aggregate(Aggregation::Mean, &numbers);
        assert!(
            close(found.point, -17.024_685_859_680_176) && close(found.standard_error, 3.493_228_929_855_519),
            "{found:?}"
        );
        let found = aggregate(Aggregation::Perplexity, &numbers);
        assert!(
            close(found.point, 24_758_659.378_846_81) && close(found.standard_error, 1_778_822_838.028_704_4),
            "{found:?}"
        );
        assert_eq!(found.count, 3);
    }

    /// By hand: texts of -20 nats (2 words) and -90 nats (7 words): exp(110 / 9); instructions 3 of 4.
    #[test]
    fn pooled_numbers_have_no_error_and_what_was_not_judged_is_left_out() {
        let texts = [(-20.0, 2), (-90.0, 7)].map(|(sum_nats, length)| Item::Text { sum_nats, length });
        let found = aggregate(Aggregation::WeightedPerplexity, &texts);
        assert!(close(found.point, (110.0_f64 / 9.0).exp()) && found.standard_error.is_none());
        let flags = [Item::Flags(vec![true, true, false]), Item::Missing, Item::Flags(vec![true])];
        let found = aggregate(Aggregation::WeightedMean, &flags);
        assert_eq!((found.point, found.standard_error, found.count), (Some(0.75), None, 2));
        assert_eq!(aggregate(Aggregation::Mean, &[Item::Missing]).point, None);
        assert_eq!(aggregate(Aggregation::Mean, &[Item::Flag(true)]).standard_error, None);
    }

    /// Printed by `lm_eval` 0.4.13: `pooled_sample_stderr` and `unweighted_mean_stderr`.
    #[test]
    fn group_errors_are_those_of_lm_eval() {
        let members = [(0.25, Some(0.1), 20), (0.75, Some(0.05), 60)];
        let (point, error) = group(&members, true);
        assert!(close(point, 0.625) && close(error, 0.045_024_921_873_819_95));
        let (point, error) = group(&members, false);
        assert!(close(point, 0.5) && close(error, 0.055_901_699_437_494_75));
        assert_eq!(group(&[(0.5, None, 3)], true), (Some(0.5), None));
    }
}
