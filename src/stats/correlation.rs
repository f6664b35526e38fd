//! Rank correlations.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::estimate::{Estimate, Interval, IntervalMethod};

use super::multiplicity::student_tail;
use super::quantile::normal_quantile;

/// Up to so many pairs the p-value is that of all orders (8! = 40,320).
const ALL_ORDERS_MAX_N: usize = 8;

/// Up to so many pairs without ties Kendall's p-value is exact.
const EXACT_KENDALL_MAX_N: usize = 33;

/// Rounding that does not make a permuted statistic smaller than the one observed.
const SLACK: f64 = 1e-9;

/// A correlation with the p-value of "there is none".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// The correlation, in [-1, 1].
    pub estimate: Estimate,
    /// Two-sided.
    pub p_value: f64,
}

/// Spearman's rank correlation: Pearson's, of midranks.
///
/// **p-value**: up to 8 pairs exact over all orders of the second column (ties as they are); else Student's t with
/// `n - 2` degrees of freedom, `t = r sqrt((n - 2) / (1 - r²))` (Kendall and Stuart, vol. 2, 31.19), never below `2 / n!`.
/// **Interval**: Fisher's z, `tanh(atanh r ± z sqrt((1 + r²/2) / (n - 3)))` (Bonett and Wright 2000, Psychometrika 65,
/// equation 5), from 4 pairs. The standard error is the one on Fisher's scale, brought back by `1 - r²`.
///
/// A correlation of ±1 would have an interval of no width; it is taken for the middle between itself and the nearest
/// value that `n` untied pairs can have, `1 - 6 / (n (n² - 1))`, and its interval reaches ±1. `None` for fewer than two pairs, lengths that
/// differ, a value that is not finite, a constant column, or a level outside (0, 1).
pub fn spearman(x: &[f64], y: &[f64], level: f64) -> Option<Correlation> {
    let n = usable(x, y, level)?;
    let (ranks_x, ranks_y) = (centred_midranks(x), centred_midranks(y));
    let norm = (dot(&ranks_x, &ranks_x) * dot(&ranks_y, &ranks_y)).sqrt();
    let r = (dot(&ranks_x, &ranks_y) / norm).clamp(-1.0, 1.0);
    let p_value = if n <= ALL_ORDERS_MAX_N {
        share_of_orders(&ranks_y, |order| dot(&ranks_x, order) / norm, r)
    } else {
        let df = n as f64 - 2.0;
        let student = r.abs() * (df / (1.0 - r * r).max(f64::MIN_POSITIVE)).sqrt();
        // The order itself and its reverse are two of n! orders: no p-value is smaller.
        (2.0 * student_tail(student, df)?).max(2.0 / (1..=n).map(|k| k as f64).product::<f64>())
    };
    let size = n as f64;
    let variance = |r: f64| (1.0 + r * r / 2.0) / (size - 3.0);
    let largest = 1.0 - 6.0 / (size * (size * size - 1.0));
    Some(Correlation { estimate: fisher(r, n, largest, variance, level), p_value: p_value.min(1.0) })
}

/// Kendall's tau-b: `(P - Q) / sqrt((N - T_x)(N - T_y))` over the `N = n(n-1)/2` pairs of pairs, `P` concordant, `Q`
/// discordant, `T` tied in a column.
///
/// **p-value**: up to 8 pairs exact over all orders (ties as they are); up to 33 without ties exact by Kendall's recursion;
/// else normal, with the variance of `P - Q` corrected for ties (Kendall 1970, Rank Correlation Methods, 4.9).
/// **Interval**: Fisher's z with the variance `0.437 / (n - 4)` (Fieller, Hartley and Pearson 1957, Biometrika 44), from 5
/// pairs; found good for |tau| below 0.8. ±1 is treated as in [`spearman`], the middle being `1 - 2 / (n (n - 1))`. `None` as there.
pub fn kendall(x: &[f64], y: &[f64], level: f64) -> Option<Correlation> {
    let n = usable(x, y, level)?;
    let balance = concordance(x, y);
    let (ties_x, ties_y) = (Ties::of(x), Ties::of(y));
    let pairs = (n * (n - 1) / 2) as f64;
    let tau = (balance / ((pairs - ties_x.pairs) * (pairs - ties_y.pairs)).sqrt()).clamp(-1.0, 1.0);
    let p_value = if n <= ALL_ORDERS_MAX_N {
        share_of_orders(y, |order| concordance(x, order), balance)
    } else if n <= EXACT_KENDALL_MAX_N && ties_x.pairs + ties_y.pairs < 0.5 {
        exact_kendall(n, (pairs - balance.abs()) / 2.0)
    } else {
        let z = balance.abs() / tied_variance(n as f64, &ties_x, &ties_y).sqrt();
        2.0 * Normal::new(0.0, 1.0).ok()?.cdf(-z)
    };
    let largest = 1.0 - 2.0 / (n * (n - 1)) as f64;
    let variance = |_: f64| 0.437 / (n as f64 - 4.0);
    Some(Correlation { estimate: fisher(tau, n, largest, variance, level), p_value: p_value.min(1.0) })
}

/// The number of pairs, where a correlation can be made of them.
fn usable(x: &[f64], y: &[f64], level: f64) -> Option<usize> {
    let constant =
        |column: &[f64]| column.iter().all(|value| column.first().is_some_and(|f| f.total_cmp(value).is_eq()));
    let finite = x.iter().chain(y).all(|value| value.is_finite());
    let fits = x.len() == y.len() && x.len() > 1 && level > 0.0 && level < 1.0;
    (fits && finite && !constant(x) && !constant(y)).then_some(x.len())
}

/// The interval on Fisher's scale; `variance` is that of `atanh r`.
fn fisher(r: f64, n: usize, largest: f64, variance: impl Fn(f64) -> f64, level: f64) -> Estimate {
    let inner = r.clamp(-largest, largest);
    let error = Some(variance(inner)).filter(|v| v.is_finite() && *v > 0.0).map(f64::sqrt);
    let interval = error.zip(normal_quantile(f64::midpoint(1.0, level))).map(|(error, z)| {
        let end = |sign: f64| (inner.atanh() + sign * z * error).tanh();
        let low = if r <= -1.0 { -1.0 } else { end(-1.0) };
        let high = if r >= 1.0 { 1.0 } else { end(1.0) };
        Interval { low, high, level, method: IntervalMethod::FisherZ }
    });
    let standard_error = error.map(|error| error * (1.0 - inner * inner));
    Estimate { point: r, interval, standard_error, n, clusters: n }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// Midranks less their mean.
fn centred_midranks(values: &[f64]) -> Vec<f64> {
    let middle = f64::midpoint(values.len() as f64, 1.0);
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let not_above = values.iter().filter(|other| *other <= value).count() as f64;
        f64::midpoint(below, not_above + 1.0) - middle
    };
    values.iter().map(rank).collect()
}

/// Concordant less discordant pairs of pairs.
fn concordance(x: &[f64], y: &[f64]) -> f64 {
    let mut balance = 0.0;
    for (place, (a, b)) in x.iter().zip(y).enumerate() {
        for (c, d) in x.iter().zip(y).skip(place + 1) {
            balance += sign(a - c) * sign(b - d);
        }
    }
    balance
}

fn sign(difference: f64) -> f64 {
    if difference > 0.0 {
        1.0
    } else if difference < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// Share of all orders of `column` whose statistic is at least as far from 0 as `observed` (Heap's algorithm).
fn share_of_orders(column: &[f64], statistic: impl Fn(&[f64]) -> f64, observed: f64) -> f64 {
    let mut order = column.to_vec();
    let mut counters = vec![0; order.len()];
    let as_far = |order: &[f64]| usize::from(statistic(order).abs() >= observed.abs() - SLACK);
    let (mut all, mut far, mut place) = (1_usize, as_far(&order), 0);
    while let Some(counter) = counters.get_mut(place) {
        if *counter < place {
            order.swap(if place % 2 == 0 { 0 } else { *counter }, place);
            *counter += 1;
            all += 1;
            far += as_far(&order);
            place = 0;
        } else {
            *counter = 0;
            place += 1;
        }
    }
    far as f64 / all as f64
}

/// Two-sided exact p-value of at most `fewer` discordant pairs among `n` without ties: the number of inversions of a random
/// order is a sum of independent uniform numbers on 0 to `k - 1`, `k = 2..n`.
fn exact_kendall(n: usize, fewer: f64) -> f64 {
    let mut shares = vec![1.0];
    for width in 2..=n {
        let mut next = vec![0.0; shares.len() + width - 1];
        for (start, share) in shares.iter().enumerate() {
            for cell in next.iter_mut().skip(start).take(width) {
                *cell += share / width as f64;
            }
        }
        shares = next;
    }
    let tail = shares.iter().enumerate().filter(|(inversions, _)| *inversions as f64 <= fewer + SLACK);
    2.0 * tail.map(|(_, share)| share).sum::<f64>()
}

/// Sums over the groups of equal values of a column.
struct Ties {
    /// `Σ t (t - 1) / 2`.
    pairs: f64,
    /// `Σ t (t - 1) (t - 2)`.
    triples: f64,
    /// `Σ t (t - 1) (2t + 5)`.
    spread: f64,
}

impl Ties {
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut ties = Self { pairs: 0.0, triples: 0.0, spread: 0.0 };
        for group in sorted.chunk_by(|a, b| a >= b) {
            let t = group.len() as f64;
            ties.pairs += t * (t - 1.0) / 2.0;
            ties.triples += t * (t - 1.0) * (t - 2.0);
            ties.spread += t * (t - 1.0) * (2.0 * t + 5.0);
        }
        ties
    }
}

/// Variance of `P - Q` without association, given the ties.
fn tied_variance(n: f64, x: &Ties, y: &Ties) -> f64 {
    let pairs = n * (n - 1.0);
    (pairs * (2.0 * n + 5.0) - x.spread - y.spread) / 18.0
        + 2.0 * x.pairs * y.pairs / pairs
        + x.triples * y.triples / (9.0 * pairs * (n - 2.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const X7: [f64; 7] = [1.0, 2.5, 2.5, 4.0, 5.5, 3.0, 7.0];
    const Y7: [f64; 7] = [2.0, 1.0, 3.0, 3.0, 6.0, 2.5, 5.0];
    const X12: [f64; 12] = [0.2, 0.4, 0.1, 0.8, 0.6, 0.5, 0.9, 0.3, 0.7, 1.1, 1.0, 1.5];
    const Y12: [f64; 12] = [1.0, 3.0, 2.0, 6.0, 4.0, 7.0, 9.0, 5.0, 8.0, 10.0, 12.0, 11.0];
    const TIED_X: [f64; 12] = [0.0, 0.2, 0.2, 0.4, 0.4, 0.4, 0.6, 0.8, 1.0, 0.0, 0.2, 0.6];
    const TIED_Y: [f64; 12] = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0];

    fn assert_is(found: Option<Correlation>, point: f64, p_value: f64) {
        let found = found.unwrap();
        assert!((found.estimate.point - point).abs() < 1e-12, "{found:?}");
        assert!((found.p_value / p_value - 1.0).abs() < 1e-8, "{found:?}");
    }

    /// scipy 1.17 `spearmanr`; of the seven pairs the p-value is counted in Python over all 5,040 orders.
    #[test]
    fn spearmans_correlation_is_scipys() {
        assert_is(spearman(&X7, &Y7, 0.95), 0.809_090_909_090_909_1, 0.033_730_158_730_158_7);
        assert_is(spearman(&X12, &Y12, 0.95), 0.909_090_909_090_909_2, 4.191_044_653_034_231e-5);
        assert_is(spearman(&TIED_X, &TIED_Y, 0.95), 0.417_276_985_724_991_7, 0.177_143_942_717_615_2);
    }

    /// scipy 1.17 `kendalltau`: exact without ties, asymptotic with; of the seven pairs counted over all orders.
    #[test]
    fn kendalls_correlation_is_scipys() {
        assert_is(kendall(&X7, &Y7, 0.95), 0.65, 0.060_714_285_714_285_7);
        assert_is(kendall(&X12, &Y12, 0.95), 0.757_575_757_575_757_5, 2.400_242_504_409_171_1e-4);
        assert_is(kendall(&TIED_X, &TIED_Y, 0.95), 0.302_617_187_612_588_9, 0.201_142_019_862_459_2);
    }

    /// By hand: r = 10/11, variance (1 + r²/2) / 9 = 0.1570248, atanh r = 1.5222612, z = 1.9599640.
    #[test]
    fn intervals_are_made_on_fishers_scale() {
        let interval = spearman(&X12, &Y12, 0.95).unwrap().estimate.interval.unwrap();
        assert!((interval.low - 0.745_598_9_f64.tanh()).abs() < 1e-6, "{}", interval.low.atanh());
        assert!((interval.high - 2.298_923_5_f64.tanh()).abs() < 1e-6, "{}", interval.high.atanh());
        assert_eq!(interval.method, IntervalMethod::FisherZ);
        // By hand: tau = 25/33, atanh tau = 0.9905, sqrt(0.437 / 8) = 0.2337199.
        let kendall = kendall(&X12, &Y12, 0.95).unwrap().estimate.interval.unwrap();
        let half = (kendall.high.atanh() - kendall.low.atanh()) / 2.0;
        assert!((half - 1.959_964 * 0.233_719_9).abs() < 1e-6);
    }

    #[test]
    fn a_perfect_order_is_not_certain() {
        let up = (0..10).map(f64::from).collect::<Vec<_>>();
        let down = up.iter().map(|value| -value).collect::<Vec<_>>();
        for correlation in [spearman, kendall] {
            let perfect = correlation(&up, &up, 0.95).unwrap();
            let interval = perfect.estimate.interval.unwrap();
            assert!(
                perfect.estimate.point >= 1.0 && interval.high >= 1.0 && interval.low < 0.999 && interval.low > 0.5
            );
            let opposite = correlation(&up, &down, 0.95).unwrap().estimate.interval.unwrap();
            assert!((opposite.low + 1.0).abs() < 1e-12 && (opposite.high + interval.low).abs() < 1e-12);
            assert!(perfect.p_value < 1e-6 && perfect.p_value > 0.0);
        }
    }

    #[test]
    fn columns_that_say_nothing_have_no_correlation_and_few_pairs_no_interval() {
        for correlation in [spearman, kendall] {
            assert_eq!(correlation(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0], 0.95), None);
            assert_eq!(correlation(&[1.0, 2.0], &[1.0, 2.0, 3.0], 0.95), None);
            assert_eq!(correlation(&[1.0, f64::NAN], &[1.0, 2.0], 0.95), None);
            assert_eq!(correlation(&[1.0, f64::INFINITY], &[1.0, 2.0], 0.95), None);
            assert_eq!(correlation(&[1.0], &[1.0], 0.95), None);
            assert_eq!(correlation(&X7, &Y7, 1.0), None);
            let three = correlation(&[1.0, 2.0, 3.0], &[2.0, 1.0, 3.0], 0.95).unwrap();
            assert_eq!((three.estimate.interval, three.p_value), (None, 1.0));
        }
    }
}
