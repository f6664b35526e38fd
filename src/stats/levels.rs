//! How far several correlated means lie apart: intervals of their range and of their standard deviation, from cluster
//! resamples of all of them together.
//!
//! Both numbers are biased upwards, and a percentile interval of them is biased twice: a resample of noisy means lies
//! further apart than the means do. These intervals are built from the noise, resample less estimate, instead.

use super::bootstrap::percentile;
use super::quantile::{normal_quantile, two_sided_student};

/// How closely the ends are found, as a share of the largest that they could be.
const PRECISION: f64 = 1e-4;

/// Relative rounding that does not bring means nearer to each other.
const ROUNDING: f64 = 1e-9;

/// Means and their resamples.
pub(crate) struct Levels {
    points: Vec<f64>,
    /// Noise of each mean: resamples less estimates, scaled up for few clusters.
    noise: Vec<Vec<f64>>,
    /// The normal distribution's two-sided quantile at the level.
    normal: f64,
    level: f64,
}

impl Levels {
    /// `None` with fewer than two means, two clusters or two resamples. All `draws` have a finite value for every mean.
    ///
    /// The noise of `C` clusters is scaled by `sqrt(C / (C - 1))`, what a resample lacks of the sampling variance, and by
    /// Student's over the normal quantile.
    pub(crate) fn new(points: Vec<f64>, draws: &[Vec<f64>], clusters: usize, level: f64) -> Option<Self> {
        if points.len() < 2 || draws.len() < 2 || clusters < 2 {
            return None;
        }
        let count = clusters as f64;
        let normal = normal_quantile(f64::midpoint(1.0, level))?;
        let inflation = two_sided_student(level, count - 1.0)? / normal;
        let scale = inflation * (count / (count - 1.0)).sqrt();
        let noise =
            draws.iter().map(|draw| draw.iter().zip(&points).map(|(own, point)| scale * (own - point)).collect());
        Some(Self { noise: noise.collect(), points, normal, level })
    }

    /// Interval of `max - min` of the true means.
    ///
    /// The range is the largest of all pairwise differences. With the differences `D_ab` and their standard errors, the lower end is
    /// `max(0, max_ab |D_ab| - c SE_ab)`, `c` the `level` quantile of `max_ab |noise_ab| / SE_ab`: below all true differences at
    /// once, and above 0 exactly where the simultaneous test of Tukey's kind tells two means apart. The upper end is
    /// `max_ab |D_ab| + t SE_ab` with Student's two-sided quantile for *one* pair: above the pair that truly lies farthest apart,
    /// whichever that is. For two means it is the usual interval of their difference, by amount. It always holds the estimate.
    pub(crate) fn range_interval(&self) -> (f64, f64) {
        let pairs = self.pairs();
        let farthest = |noise: &Vec<f64>| {
            let uncertain = pairs.iter().filter(|pair| pair.error > 0.0);
            uncertain.map(|pair| pair.difference(noise).abs() / pair.error).fold(0.0, f64::max)
        };
        let mut alone = self.noise.iter().map(farthest).collect::<Vec<_>>();
        alone.sort_by(f64::total_cmp);
        let largest = |factor: f64| {
            let ends = pairs.iter().map(|pair| pair.difference(&self.points).abs() + factor * pair.error);
            ends.fold(0.0, f64::max)
        };
        (largest(-percentile(&alone, self.level)), largest(self.normal))
    }

    /// All pairs of means.
    fn pairs(&self) -> Vec<Pair> {
        let count = self.points.len();
        let all = (0..count).flat_map(|a| (a + 1..count).map(move |b| Pair { a, b, error: 0.0 }));
        all.map(|pair| {
            let squares = self.noise.iter().map(|noise| pair.difference(noise).powi(2)).sum::<f64>();
            Pair { error: (squares / self.noise.len() as f64).sqrt(), ..pair }
        })
        .collect()
    }

    /// Interval of the true means' sample standard deviation (divisor: means less one); see [`Levels::scaled`].
    pub(crate) fn deviation_interval(&self) -> (f64, f64) {
        self.scaled(deviation)
    }

    /// Interval of a measure `f` of how far the means lie apart, with `f(s m) = s f(m)`.
    ///
    /// With the means `m` and their noise `e`: `s f(m)` for all factors `s` of 0 or more with
    /// `(1 - level) / 2 <= P(f(s m + e) >= f(m)) <= (1 + level) / 2`: the test of "the true means lie apart as these do, but by
    /// the factor `s`" turned round (Davison and Hinkley 1997, Bootstrap Methods and their Application, 4.4 and 5.4). 0 is inside
    /// unless noise alone is rarely as far apart.
    ///
    /// Where the means are nearer to each other than noise alone would put them, such an interval shrinks to nothing, which
    /// would claim too much. So the upper end is never below the one that the median of `f(e)` would have (a power-constrained
    /// limit, Cowan et al. 2011, arXiv 1105.3166), nor below `f(m)`; and where the means coincide, it is the `level` quantile of `f(e)`.
    ///
    /// Right where `f` is smooth. A range is not: where several means share an end, those of the estimates stand out more.
    fn scaled(&self, measure: fn(&[f64]) -> f64) -> (f64, f64) {
        let point = measure(&self.points);
        let mut alone = self.noise.iter().map(|noise| measure(noise)).collect::<Vec<_>>();
        alone.sort_by(f64::total_cmp);
        if point <= ROUNDING * self.points.iter().map(|mean| mean.abs()).fold(ROUNDING, f64::max) {
            return (0.0, percentile(&alone, self.level));
        }
        let tail = (1.0 - self.level) / 2.0;
        // Beyond it, no noise brings the means as near to each other as they are.
        let target = point.max(percentile(&alone, 0.5));
        let farthest = (target + alone.last().copied().unwrap_or_default()) / point;
        let low = self.factor(measure, point, tail, farthest);
        let high = self.factor(measure, target, 1.0 - tail, farthest);
        (point * low.min(1.0), point * high.max(1.0))
    }

    /// The least factor at which the moved means lie at least `target` apart in the share `wanted` of the draws.
    fn factor(&self, measure: fn(&[f64]) -> f64, target: f64, wanted: f64, farthest: f64) -> f64 {
        let mut moved = vec![0.0; self.points.len()];
        let mut reached = |factor: f64| {
            let far = self.noise.iter().filter(|noise| {
                for ((moved, mean), noise) in moved.iter_mut().zip(&self.points).zip(*noise) {
                    *moved = factor * mean + noise;
                }
                measure(&moved) >= target * (1.0 - ROUNDING)
            });
            far.count() as f64 >= wanted * self.noise.len() as f64
        };
        if reached(0.0) {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, farthest);
        while high - low > PRECISION * farthest {
            let middle = f64::midpoint(low, high);
            if reached(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }
}

/// Two of the means, with the standard error of their difference, scaled as the noise.
struct Pair {
    a: usize,
    b: usize,
    error: f64,
}

impl Pair {
    fn difference(&self, values: &[f64]) -> f64 {
        let at = |place: usize| values.get(place).copied().unwrap_or_default();
        at(self.a) - at(self.b)
    }
}

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;

    /// Two means, only the second of which is uncertain: its noise is the normal distribution's percentiles.
    fn two(points: [f64; 2]) -> Levels {
        let draw = |step: i32| vec![points[0], points[1] + normal_quantile(f64::from(2 * step + 1) / 2000.0).unwrap()];
        Levels::new(points.to_vec(), &(0..1000).map(draw).collect::<Vec<_>>(), 5001, 0.95).unwrap()
    }

    /// By hand: the difference is normal with deviation 1.
    #[test]
    fn the_range_of_two_means_is_the_amount_of_their_difference() {
        let (low, high) = two([0.0, 5.0]).range_interval();
        assert!((low - 3.04).abs() < 0.01 && (high - 6.96).abs() < 0.01, "{low} {high}");
        let (low, high) = two([1.0, 1.0]).range_interval();
        assert!(low.abs() < 1e-12 && (high - 1.96).abs() < 0.01, "{low} {high}");
    }

    /// By hand: of two means the deviation is the amount of the difference by the root of 2. Far from 0 its interval is the normal one.
    #[test]
    fn the_deviation_of_two_means_is_the_amount_of_their_difference_by_the_root_of_two() {
        let scaled = |points| {
            let (low, high) = two(points).deviation_interval();
            (low * 2.0_f64.sqrt(), high * 2.0_f64.sqrt())
        };
        let (low, high) = scaled([0.0, 5.0]);
        assert!((low - 3.04).abs() < 0.01 && (high - 6.96).abs() < 0.01, "{low} {high}");
        let (low, high) = scaled([1.0, 1.0]);
        assert!(low.abs() < 1e-12 && (high - 1.96).abs() < 0.01, "{low} {high}");
        let (low, high) = scaled([0.0, 0.001]);
        assert!(low.abs() < 1e-12 && high > 1.5, "a deviation below the noise is not known to be small: {high}");
    }

    /// Python: `scipy.stats.studentized_range.ppf(0.95, 4, inf) / sqrt(2)` is 2.569; four independent means.
    #[test]
    fn many_means_pay_for_being_many_at_the_lower_end() {
        use rand::Rng as _;
        let mut random = crate::seed::Seed(4).stream(&["four means"]);
        let points = [0.0, 0.0, 0.0, 10.0];
        let draws = (0..20_000)
            .map(|_| points.map(|point| point + normal_quantile(random.random::<f64>().max(1e-12)).unwrap()).to_vec());
        let levels = Levels::new(points.to_vec(), &draws.collect::<Vec<_>>(), 5001, 0.95).unwrap();
        let (low, high) = levels.range_interval();
        let error = 2.0_f64.sqrt();
        assert!((low - (10.0 - 2.569 * error)).abs() < 0.12, "{low}");
        assert!((high - (10.0 + 1.96 * error)).abs() < 0.06, "{high}");
    }

    #[test]
    fn means_without_noise_are_known_and_too_few_of_anything_give_nothing() {
        let draws = vec![vec![0.0, 1.0, 3.0]; 10];
        let known = Levels::new(vec![0.0, 1.0, 3.0], &draws, 9, 0.95).unwrap();
        let (low, high) = known.range_interval();
        assert!((low - 3.0).abs() < 1e-12 && (high - 3.0).abs() < 1e-12, "{low} {high}");
        let sd = (14.0_f64 / 6.0).sqrt();
        let (low, high) = known.deviation_interval();
        assert!((low - sd).abs() < 1e-3 && (high - sd).abs() < 1e-9, "{low} {high} {sd}");
        let equal = Levels::new(vec![1.0, 1.0], &[vec![1.0, 1.0], vec![1.0, 1.0]], 9, 0.95).unwrap();
        assert_eq!(equal.range_interval(), (0.0, 0.0));
        assert!(Levels::new(vec![1.0], &[vec![1.0], vec![1.0]], 9, 0.95).is_none());
        assert!(Levels::new(vec![1.0, 2.0], &[vec![1.0, 2.0]], 9, 0.95).is_none());
        assert!(Levels::new(vec![1.0, 2.0], &[vec![1.0, 2.0], vec![1.0, 2.0]], 1, 0.95).is_none());
    }
}
