//! The number of a cell: one score, or the mean over training seeds.

use crate::data::score_table::ScoreRow;
use crate::estimate::Estimate;
use crate::stats::{Component, combined, student_p_value, with_replicates};

/// Degrees of freedom of a standard error that is taken at its word.
const KNOWN: f64 = 1e9;

/// Degrees of freedom from which an error is as good as known.
const MOST_CLUSTERS: f64 = 1e6;

/// Sums that differ by less than this in their last bits shall tie: scores are printed with a few decimals.
const STEPS: f64 = 1e9;

/// One score of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Replicate {
    pub score: f64,
    /// Above 0; an error of 0 is that of a score that happens to be at its end, and no certainty.
    pub standard_error: Option<f64>,
    pub n: Option<usize>,
}

impl Replicate {
    pub fn of(row: &ScoreRow) -> Self {
        Self { score: row.score, standard_error: row.standard_error.filter(|error| *error > 0.0), n: row.n }
    }
}

/// A computed number without the noise of its last bits.
pub(super) fn steady(value: f64) -> f64 {
    if value.abs() < 1e6 { (value * STEPS).round() / STEPS } else { value }
}

/// The mean over seeds.
///
/// With `S` seeds, sample variance `s²` and standard errors `e_s` over items, `SE² = s²/S + mean(e_s²)`, each term where
/// it is known: all seeds answered the same items, so averaging over seeds does not make the items more. The interval is
/// Student's with `S - 1` degrees of freedom (`n - 1` for one seed with `n` items, normal where `n` is not given).
/// Neither term known, or equal scores: no interval, because equal scores do not show that others would be equal.
pub(super) fn estimate(replicates: &[Replicate], level: f64) -> Option<Estimate> {
    let seeds = replicates.len();
    let count = seeds as f64;
    let mean = replicates.iter().map(|one| one.score).sum::<f64>() / count;
    let items = replicates.iter().map(|one| one.standard_error.map(|error| error * error));
    let items = items.collect::<Option<Vec<_>>>().map(|squares| squares.iter().sum::<f64>() / count);
    let between = replicates.iter().map(|one| (one.score - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0) / count;
    let variance = items.unwrap_or(0.0) + between;
    let n = replicates.iter().filter_map(|one| one.n).min().unwrap_or(1);
    let (n, clusters) = if seeds > 1 { (seeds, seeds) } else { (n, n) };
    let point = if seeds > 1 { steady(mean) } else { mean };
    let known = variance > f64::EPSILON * mean * mean;
    (seeds > 0 && mean.is_finite()).then(|| {
        let bare = Estimate { point, interval: None, standard_error: known.then(|| variance.sqrt()), n, clusters };
        with_interval(bare, level)
    })
}

/// The estimate with Student's interval on its standard error.
pub(super) fn with_interval(estimate: Estimate, level: f64) -> Estimate {
    let parts = component(&estimate, 1.0).into_iter().collect::<Vec<_>>();
    with_replicates(estimate, &parts, level).0
}

/// What an estimate adds to the variance of something that takes it `factor` times.
fn component(estimate: &Estimate, factor: f64) -> Option<Component> {
    let variance = (factor * estimate.standard_error?).powi(2);
    let df = if estimate.clusters > 1 { (estimate.clusters - 1) as f64 } else { KNOWN };
    Some(Component { variance, mean_square: variance, df })
}

/// `Σ f_k m_k` of independent numbers, with its interval where all have one.
pub(super) fn sum(parts: &[(f64, Estimate)], level: f64) -> Estimate {
    let components = parts.iter().map(|(factor, part)| component(part, *factor)).collect::<Option<Vec<_>>>();
    let components = components.unwrap_or_default();
    let estimate = Estimate {
        point: steady(parts.iter().map(|(factor, part)| factor * part.point).sum()),
        interval: None,
        standard_error: None,
        n: parts.iter().map(|(_, part)| part.n).min().unwrap_or(0),
        clusters: clusters_behind(combined(&components).1),
    };
    with_replicates(estimate, &components, level).0
}

/// The clusters that stand for degrees of freedom in [`component`]: what is made of a sum knows no more than the sum.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn clusters_behind(df: f64) -> usize {
    if df < MOST_CLUSTERS { df.floor().max(1.0) as usize + 1 } else { 1 }
}

/// `a - b` of independent numbers, and its two-sided p-value where both have a standard error.
pub(super) fn difference(a: &Estimate, b: &Estimate, level: f64) -> (Estimate, Option<f64>) {
    let difference = sum(&[(1.0, *a), (-1.0, *b)], level);
    let df = component(a, 1.0).zip(component(b, 1.0)).map(|(a, b)| combined(&[a, b]).1);
    (difference, df.and_then(|df| student_p_value(&difference, df)))
}

/// `(a - b) / b` of independent numbers, `b` above 0, by the delta method: `SE² = (SE_a² + (a/b)² SE_b²) / b²`. No
/// interval where `b` is within three standard errors of 0: there, the method says little.
pub(super) fn relative(a: &Estimate, b: &Estimate, level: f64) -> Option<Estimate> {
    if b.point <= 0.0 {
        return None;
    }
    let ratio = a.point / b.point;
    let far = b.standard_error.is_some_and(|error| b.point > 3.0 * error);
    let parts = component(a, 1.0 / b.point).zip(component(b, ratio / b.point)).filter(|_| far);
    let parts = parts.map_or_else(Vec::new, |(a, b)| vec![a, b]);
    let bare = Estimate {
        point: ratio - 1.0,
        interval: None,
        standard_error: None,
        n: a.n.min(b.n),
        clusters: a.clusters.min(b.clusters),
    };
    ratio.is_finite().then(|| with_replicates(bare, &parts, level).0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    fn one(score: f64, standard_error: Option<f64>, n: Option<usize>) -> Replicate {
        Replicate { score, standard_error, n }
    }

    /// By hand: 1, 2, 3 have s = 1, SE = 1/sqrt(3), t(2) = 4.3026527.
    #[test]
    fn seeds_give_students_interval_and_a_lone_score_gives_none() {
        let seeds = estimate(&[one(1.0, None, None), one(2.0, None, None), one(3.0, None, None)], 0.95).unwrap();
        let interval = seeds.interval.unwrap();
        assert!(close(seeds.point, 2.0) && close(interval.high, 2.0 + 4.302_652_7 / 3.0_f64.sqrt()));
        assert_eq!((seeds.n, seeds.clusters), (3, 3));
        assert_eq!(estimate(&[one(5.0, None, Some(10))], 0.95).unwrap().interval, None);
        let equal = estimate(&[one(0.1, None, None), one(0.1, None, None), one(0.1, None, None)], 0.95).unwrap();
        assert_eq!(equal.interval, None);
        assert_eq!(estimate(&[], 0.95), None);
    }

    /// By hand: normal 1.959964 without n, t(4) = 2.7764451 with n = 5; two seeds add s²/2 = 2 to the items' variance 1.
    #[test]
    fn a_standard_error_gives_the_normal_or_students_interval() {
        let high = |replicates: &[Replicate]| estimate(replicates, 0.95).unwrap().interval.unwrap().high;
        assert!(close(high(&[one(10.0, Some(1.0), None)]), 11.959_964));
        assert!(close(high(&[one(10.0, Some(1.0), Some(5))]), 12.776_445_1));
        let both = estimate(&[one(9.0, Some(1.0), None), one(11.0, Some(1.0), None)], 0.95).unwrap();
        assert!(close(both.standard_error.unwrap(), 2.0_f64.sqrt()), "{both:?}");
    }

    /// By hand: 12 ± 0.3 against 10 ± 0.4: SE 0.5, z = 4; relative: sqrt(0.09 + 1.44 · 0.16) / 10.
    #[test]
    fn differences_and_ratios_of_independent_numbers_carry_both_errors() {
        let number = |point, error| estimate(&[one(point, Some(error), None)], 0.95).unwrap();
        let (a, b) = (number(12.0, 0.3), number(10.0, 0.4));
        let (gap, p) = difference(&a, &b, 0.95);
        assert!(close(gap.point, 2.0) && close(gap.standard_error.unwrap(), 0.5));
        assert!((p.unwrap() - 6.334e-5).abs() < 1e-7);
        let gain = relative(&a, &b, 0.95).unwrap();
        assert!(close(gain.point, 0.2) && close(gain.standard_error.unwrap(), (0.09_f64 + 1.44 * 0.16).sqrt() / 10.0));
        assert_eq!(relative(&a, &number(0.2, 0.4), 0.95).unwrap().interval, None);
        assert_eq!(relative(&a, &number(-1.0, 0.4), 0.95), None);
        let bare = estimate(&[one(10.0, None, None)], 0.95).unwrap();
        let (gap, p) = difference(&a, &bare, 0.95);
        assert!(gap.interval.is_none() && p.is_none());
    }
}
