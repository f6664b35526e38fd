//! How large an effect a test can be trusted to find, and how many clusters it takes.

use super::quantile::{normal_quantile, student_quantile};

/// The most clusters that are worth naming: beyond it the answer is "no number of items".
const MAX_CLUSTERS: usize = 1 << 40;

/// Which alternatives a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Effects of one sign only (non-inferiority).
    One,
    /// Effects of both signs.
    Two,
}

impl Sides {
    /// The probability whose quantile is the critical value.
    fn upper(self, alpha: f64) -> f64 {
        match self {
            Self::One => 1.0 - alpha,
            Self::Two => 1.0 - alpha / 2.0,
        }
    }
}

/// The smallest true effect that a test at `alpha` finds with the probability `power`:
/// `(z_{1 - alpha} + z_power) SE`, with `alpha / 2` for two sides. In the unit of the standard error.
///
/// Source: Miller, arXiv 2411.00640, section 5 (power analysis); Bloom 1995, Evaluation Review 19. Normal quantiles:
/// exact for many clusters, too small for few, where [`minimum_detectable_effect_of_clusters`] is right. Infinite where the
/// standard error is not a number of at least 0, or `alpha` or `power` lies outside (0, 1): nothing can be promised.
pub fn minimum_detectable_effect(standard_error: f64, alpha: f64, power: f64, sides: Sides) -> f64 {
    let quantiles = normal_quantile(sides.upper(alpha)).zip(normal_quantile(power));
    scaled(quantiles, standard_error)
}

/// [`minimum_detectable_effect`] with Student's quantiles on `clusters - 1` degrees of freedom,
/// `(t_{1 - alpha} + t_power) SE`: the usual approximation to the non-central t, good to a cluster or two. Infinite with fewer
/// than two clusters.
pub fn minimum_detectable_effect_of_clusters(
    standard_error: f64,
    clusters: usize,
    alpha: f64,
    power: f64,
    sides: Sides,
) -> f64 {
    scaled(student_pair(clusters, alpha, power, sides), standard_error)
}

/// The fewest clusters with which a test at `alpha` finds `effect` with the probability `power`, as seen from an estimate
/// with `standard_error` from `clusters` clusters: the smallest `C` with
/// `(t_{1 - alpha, C - 1} + t_{power, C - 1}) SE sqrt(clusters / C) <= |effect|`, at least 2.
///
/// The error is taken to shrink with the root of the number of clusters: more of the same kind. Student's quantiles
/// depend on the answer, which is found by bisection. `usize::MAX` where no number is enough (an effect of 0) or an argument is out of
/// range. Source: Miller, arXiv 2411.00640, section 5; Chow, Shao and Wang, Sample Size Calculations in Clinical Research, 3.1.
pub fn clusters_needed(
    standard_error: f64,
    clusters: usize,
    effect: f64,
    alpha: f64,
    power: f64,
    sides: Sides,
) -> usize {
    let enough = |wanted: usize| {
        let error = standard_error * (clusters as f64 / wanted as f64).sqrt();
        minimum_detectable_effect_of_clusters(error, wanted, alpha, power, sides) <= effect.abs()
    };
    if !enough(MAX_CLUSTERS) {
        return usize::MAX;
    }
    let (mut low, mut high) = (1, MAX_CLUSTERS);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

fn student_pair(clusters: usize, alpha: f64, power: f64, sides: Sides) -> Option<(f64, f64)> {
    let df = clusters.checked_sub(1)? as f64;
    student_quantile(sides.upper(alpha), df).zip(student_quantile(power, df))
}

fn scaled(quantiles: Option<(f64, f64)>, standard_error: f64) -> f64 {
    match quantiles {
        Some((critical, power)) if standard_error >= 0.0 => ((critical + power) * standard_error).max(0.0),
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17: `(norm.ppf(0.95) + norm.ppf(0.8)) * 0.02` and `(norm.ppf(0.975) + norm.ppf(0.9)) * 0.02`.
    #[test]
    fn the_detectable_effect_is_a_sum_of_two_quantiles() {
        assert!((minimum_detectable_effect(0.02, 0.05, 0.8, Sides::One) - 0.049_729_497_210_5).abs() < 1e-9);
        assert!((minimum_detectable_effect(0.02, 0.05, 0.9, Sides::Two) - 0.064_830_311_001_7).abs() < 1e-9);
        assert!(minimum_detectable_effect(0.0, 0.05, 0.8, Sides::One).abs() < 1e-12);
        for (error, alpha, power) in [(f64::NAN, 0.05, 0.8), (0.1, 0.0, 0.8), (0.1, 0.05, 1.0), (-0.1, 0.05, 0.8)] {
            assert!(minimum_detectable_effect(error, alpha, power, Sides::One).is_infinite());
        }
        let few = minimum_detectable_effect_of_clusters(0.02, 6, 0.05, 0.8, Sides::One);
        assert!(few > 1.1 * minimum_detectable_effect(0.02, 0.05, 0.8, Sides::One));
        assert!(minimum_detectable_effect_of_clusters(0.02, 1, 0.05, 0.8, Sides::One).is_infinite());
    }

    /// scipy 1.17: the smallest n with `nct.sf(t.ppf(1 - alpha / sides, n - 1), n - 1, d sqrt(n)) >= power`.
    #[test]
    fn the_clusters_needed_are_those_of_the_noncentral_t_within_two() {
        for (effect, alpha, power, sides, exact) in [
            (0.5, 0.05, 0.8, Sides::Two, 34),
            (0.5, 0.05, 0.8, Sides::One, 27),
            (1.0, 0.05, 0.9, Sides::One, 11),
            (0.2, 0.05, 0.95, Sides::One, 272),
            (1.5, 0.01, 0.9, Sides::Two, 11),
        ] {
            let found = clusters_needed(1.0, 1, effect, alpha, power, sides);
            assert!(found.abs_diff(exact) <= 2, "{effect}: {found}, not {exact}");
        }
        assert_eq!(
            clusters_needed(0.1, 100, 0.5, 0.05, 0.8, Sides::Two),
            clusters_needed(1.0, 1, 0.5, 0.05, 0.8, Sides::Two)
        );
        assert_eq!(clusters_needed(0.0, 50, 0.1, 0.05, 0.8, Sides::One), 2);
        assert_eq!(clusters_needed(0.1, 50, 0.0, 0.05, 0.8, Sides::One), usize::MAX);
        assert_eq!(clusters_needed(f64::NAN, 50, 0.1, 0.05, 0.8, Sides::One), usize::MAX);
    }
}
