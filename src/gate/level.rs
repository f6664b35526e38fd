//! The candidate's own number against a floor or a ceiling.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::evidence::upper_tail;
use super::sample::{Sample, Stratum};
use crate::paired::PairedColumn;

/// The candidate's mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// The mean as a sample of differences from 0; `None` where it has no standard error.
    sample: Option<Sample>,
    /// The mean.
    pub mean: f64,
    /// Whether rows are shares in [0, 1].
    is_unit: bool,
}

/// A weighted mean of one side of the rows.
pub(super) fn mean_of(strata: &[Stratum<'_>], is_candidate: bool) -> f64 {
    let mean = |column: &PairedColumn| {
        let total = column.rows.iter().map(|row| row.weight).sum::<f64>();
        let value = |row: &crate::paired::PairedRow| if is_candidate { row.candidate } else { row.baseline };
        column.rows.iter().map(|row| row.weight * value(row)).sum::<f64>() / total
    };
    strata.iter().map(|stratum| stratum.part * mean(stratum.column)).sum()
}

impl Level {
    /// The level of the candidate.
    pub(super) fn of(strata: &[Stratum<'_>], is_unit: bool) -> Self {
        let mut columns = strata.iter().map(|stratum| stratum.column.clone()).collect::<Vec<_>>();
        for row in columns.iter_mut().flat_map(|column| &mut column.rows) {
            row.baseline = 0.0;
        }
        let absolute =
            strata.iter().zip(&columns).map(|(stratum, column)| Stratum { column, direction: 1.0, ..*stratum });
        let sample = Sample::of(&absolute.collect::<Vec<_>>());
        Self { sample, mean: mean_of(strata, true), is_unit }
    }

    /// P-value of "the expectation is at least `limit`": small where the data lie below. Exactly binomial for binary
    /// rows, one a cluster; the score test on the effective number of trials for other shares; else Student's t.
    pub(super) fn p_at_least(&self, limit: f64) -> Option<f64> {
        self.tail(limit, false)
    }

    /// P-value of "the expectation is at most `limit`": small where the data lie above.
    pub(super) fn p_at_most(&self, limit: f64) -> Option<f64> {
        self.tail(limit, true)
    }

    fn tail(&self, limit: f64, above: bool) -> Option<f64> {
        let sample = self.sample?;
        let sign = if above { 1.0 } else { -1.0 };
        if self.is_unit {
            return Some(Self::unit_tail(&sample, limit, above));
        }
        let distance = sign * (sample.mean - limit);
        Some(if sample.standard_error > 0.0 {
            upper_tail(distance / sample.standard_error, sample.df)
        } else if distance > 0.0 {
            0.5_f64.powi(i32::try_from(sample.clusters).unwrap_or(i32::MAX))
        } else {
            1.0
        })
    }

    fn unit_tail(sample: &Sample, limit: f64, above: bool) -> f64 {
        // Shares cannot lie beyond 0 and 1: such a limit is beyond doubt.
        if limit <= 0.0 || limit >= 1.0 {
            let beyond = if above {
                limit < 0.0 || (limit <= 0.0 && sample.mean > 0.0)
            } else {
                limit > 1.0 || (limit >= 1.0 && sample.mean < 1.0)
            };
            return f64::from(!beyond);
        }
        let (successes, trials) = (sample.better as u64, sample.clusters as u64);
        if sample.is_binary
            && let Ok(binomial) = Binomial::new(limit, trials)
        {
            return match (above, successes) {
                (true, 0) => 1.0,
                (true, _) => binomial.sf(successes - 1),
                (false, _) => binomial.cdf(successes),
            };
        }
        let variance = sample.mean * (1.0 - sample.mean);
        let effective = variance / sample.standard_error.powi(2);
        let trials = if variance > 0.0 && effective.is_finite() { effective } else { sample.clusters as f64 };
        let score = (sample.mean - limit) / (limit * (1.0 - limit) / trials).sqrt();
        upper_tail(if above { score } else { -score }, sample.df)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::sample::tests::column;
    use super::*;

    fn level(values: &[f64]) -> Level {
        let column = column(&values.iter().map(|value| (0.3, *value)).collect::<Vec<_>>());
        Level::of(&[Stratum { column: &column, part: 1.0, direction: -1.0, range: Some(1.0) }], true)
    }

    /// R: `binom.test(7, 10, 0.5, "greater")$p.value` is 0.171875; "less" is 0.9453125.
    #[test]
    fn binary_levels_are_tested_exactly() {
        let found = level(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        assert!((found.mean - 0.7).abs() < 1e-12);
        assert!((found.p_at_most(0.5).unwrap() - 0.171_875).abs() < 1e-12);
        assert!((found.p_at_least(0.5).unwrap() - 0.945_312_5).abs() < 1e-12);
    }

    #[test]
    fn ten_right_answers_do_not_show_that_all_answers_are_right() {
        let found = level(&[1.0; 10]);
        assert!(found.p_at_most(0.9).unwrap() > 0.3 && found.p_at_most(0.5).unwrap() < 0.001);
        let graded = level(&[0.5, 0.75, 0.5, 0.25, 0.5, 0.5, 0.75, 0.25]);
        assert!(graded.p_at_most(0.4).unwrap() < 0.1 && graded.p_at_least(0.4).unwrap() > 0.9);
        assert!(level(&[1.0]).p_at_most(0.5).is_none(), "one row has no error");
    }
}
