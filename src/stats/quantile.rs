//! Quantiles of the normal and of Student's t distribution.

use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor, Normal, StudentsT};

/// Degrees of freedom from which the quantile is expanded around the normal one; the next term is below 1e-11 there.
const EXPANSION_FROM_DF: f64 = 5e3;

/// The standard normal quantile: `z` with `P(Z <= z) = probability`. `None` outside (0, 1).
pub fn normal_quantile(probability: f64) -> Option<f64> {
    is_probability(probability).then_some(())?;
    Normal::new(0.0, 1.0).ok().map(|normal| normal.inverse_cdf(probability))
}

/// The quantile of Student's t with `df > 0` degrees of freedom (not necessarily whole). `None` outside the domain.
pub fn student_quantile(probability: f64, df: f64) -> Option<f64> {
    if !is_probability(probability) || df.is_nan() || df <= 0.0 {
        return None;
    }
    if df >= EXPANSION_FROM_DF {
        // Abramowitz and Stegun 26.7.5. The library's own inverse loses digits for many degrees of freedom.
        let z = normal_quantile(probability)?;
        let first = (z.powi(3) + z) / 4.0;
        let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
        return Some(z + first / df + second / (df * df));
    }
    // The lower tail loses nothing to cancellation; the distribution is symmetric.
    let tail = probability.min(1.0 - probability);
    let quantile = StudentsT::new(0.0, 1.0, df).ok()?.inverse_cdf(tail).abs();
    quantile.is_finite().then_some(if probability < 0.5 { -quantile } else { quantile })
}

/// Half-width factor of a two-sided interval: the `(1 + level) / 2` quantile of Student's t.
pub fn two_sided_student(level: f64, df: f64) -> Option<f64> {
    is_probability(level).then_some(())?;
    student_quantile(f64::midpoint(1.0, level), df)
}

/// The quantile of the chi-square distribution with `df > 0` degrees of freedom. `None` outside the domain.
///
/// From 5,000 degrees of freedom by Wilson and Hilferty's cube (Abramowitz and Stegun 26.4.17), whose error is below 1e-6 of
/// the quantile there.
pub(super) fn chi_square_quantile(probability: f64, df: f64) -> Option<f64> {
    if !is_probability(probability) || df.is_nan() || df <= 0.0 {
        return None;
    }
    if df >= EXPANSION_FROM_DF {
        let ninth = 2.0 / (9.0 * df);
        return Some(df * (1.0 - ninth + normal_quantile(probability)? * ninth.sqrt()).powi(3));
    }
    let chi = ChiSquared::new(df).ok()?;
    positive_quantile(|x| chi.cdf(x), probability)
}

/// The quantile of F with these degrees of freedom; one that has many is taken for a constant. `None` outside the domain.
pub(super) fn f_quantile(probability: f64, above: f64, below: f64) -> Option<f64> {
    if !is_probability(probability) || above.is_nan() || below.is_nan() || above <= 0.0 || below <= 0.0 {
        return None;
    }
    if below >= EXPANSION_FROM_DF {
        return chi_square_quantile(probability, above).map(|chi| chi / above);
    }
    if above >= EXPANSION_FROM_DF {
        return chi_square_quantile(1.0 - probability, below).map(|chi| below / chi);
    }
    let f = FisherSnedecor::new(above, below).ok()?;
    positive_quantile(|x| f.cdf(x), probability)
}

/// The quantile of a positive distribution, by bisection on the logarithm between 1e-20 and 1e20. The library's own inverses
/// fail in the tails of few degrees of freedom.
fn positive_quantile(cdf: impl Fn(f64) -> f64, probability: f64) -> Option<f64> {
    let (mut low, mut high) = (-46.0_f64, 46.0_f64);
    if cdf(low.exp()) > probability || cdf(high.exp()) < probability {
        return None;
    }
    while high - low > 1e-13 * (1.0 + high.abs()) {
        let middle = f64::midpoint(low, high);
        if cdf(middle.exp()) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(f64::midpoint(low, high).exp())
}

fn is_probability(value: f64) -> bool {
    value > 0.0 && value < 1.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Python: `statistics.NormalDist`, and the t density integrated numerically (Simpson) and inverted by bisection.
    #[test]
    fn quantiles_agree_with_tables() {
        assert!((normal_quantile(0.975).unwrap() - 1.959_963_984_540_054).abs() < 1e-9);
        assert!((normal_quantile(1e-6).unwrap() + 4.753_424_308_822_899).abs() < 1e-9);
        for (df, expected) in [
            (1.0, 12.706_204_736_175),
            (2.0, 4.302_652_729_750),
            (4.0, 2.776_445_105_198),
            (9.0, 2.262_157_162_798),
            (13.5, 2.152_263_139_310),
            (100.0, 1.983_971_518_524),
            (2500.0, 1.960_913_344_801),
        ] {
            assert!((student_quantile(0.975, df).unwrap() - expected).abs() < 1e-9, "df {df}");
            assert!((student_quantile(0.025, df).unwrap() + expected).abs() < 1e-9, "df {df}");
        }
        let (below, above) = (student_quantile(0.975, 4999.999).unwrap(), student_quantile(0.975, 5000.0).unwrap());
        assert!((below - above).abs() < 1e-9, "the expansion joins on");
        assert!((two_sided_student(0.95, 1e9).unwrap() - 1.959_964).abs() < 1e-6);
    }

    /// scipy 1.17: `stats.chi2.ppf` and `stats.f.ppf`.
    #[test]
    fn quantiles_of_variances_agree_with_scipy() {
        for (p, df, expected) in [
            (0.025, 4.0, 0.484_418_557),
            (0.975, 4.0, 11.143_286_78),
            (0.975, 177.3, 216.064_058_84),
            (0.025, 1.0, 0.000_982_069_117),
            (0.975, 20_000.0, 20_393.883_649_999_767),
        ] {
            let found = chi_square_quantile(p, df).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-6, "{p} {df}: {found}");
        }
        for (p, above, below, expected) in [
            (0.975, 4.0, 20.0, 3.514_695_162),
            (0.975, 4.0, 1e9, 2.785_821_705),
            (0.975, 3.0, 12.0, 4.474_184_809_638),
            (0.975, 9000.0, 12.0, 2.725_773_477_204),
            (0.975, 1.0, 1.0, 647.789_011_477_844),
        ] {
            let found = f_quantile(p, above, below).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-3, "{p} {above} {below}: {found}");
        }
        assert_eq!((chi_square_quantile(0.5, 0.0), f_quantile(1.0, 2.0, 3.0)), (None, None));
    }

    #[test]
    fn values_outside_the_domain_have_no_quantile() {
        for p in [0.0, 1.0, -0.1, f64::NAN] {
            assert_eq!(normal_quantile(p), None);
            assert_eq!(student_quantile(p, 3.0), None);
        }
        for df in [0.0, -1.0, f64::NAN] {
            assert_eq!(student_quantile(0.9, df), None);
        }
        assert_eq!(student_quantile(0.5, 3.0).map(f64::abs), Some(0.0));
    }
}
