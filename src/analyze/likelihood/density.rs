//! Where numbers lie, as a smooth curve.

use std::f64::consts::PI;

/// Points of a grid.
pub(super) const GRID_POINTS: usize = 128;
/// With fewer numbers a curve would show the kernel rather than them.
const MIN_VALUES: usize = 5;
/// How far a grid goes on beyond the outermost numbers, in bandwidths: what lies further out is less than 0.2 % of a kernel.
const MARGIN_BANDWIDTHS: f64 = 3.0;

/// A Gaussian kernel density of numbers that are at most 0.
///
/// `f(x) = 1/(n h) Σ_i [φ((x - x_i) / h) + φ((x + x_i) / h)]` for `x <= 0`, with the normal density `φ` and, by Silverman's
/// rule of thumb, `h = 0.9 min(s, IQR / 1.34) n^(-1/5)`: `s` is the standard deviation (n - 1), `IQR` the distance of the
/// quartiles; where half of the numbers are equal and `IQR` is 0, `s` stands alone. The second term mirrors at 0 what a
/// kernel would put above it, where no log-probability is, so that the area stays 1. Source: Silverman, Density Estimation
/// for Statistics and Data Analysis (1986), equations 2.2a and 3.31, and section 2.10 (reflection).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Density {
    values: Vec<f64>,
    bandwidth: f64,
}

impl Density {
    /// The density of `sorted`; `None` with fewer than 5 numbers, or where all are equal.
    pub(super) fn of(sorted: &[f64]) -> Option<Self> {
        let n = sorted.len() as f64;
        if sorted.len() < MIN_VALUES {
            return None;
        }
        let mean = sorted.iter().sum::<f64>() / n;
        let deviation = (sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let quartiles = (quantile(sorted, 0.75)? - quantile(sorted, 0.25)?) / 1.34;
        let spread = if quartiles > 0.0 { deviation.min(quartiles) } else { deviation };
        let bandwidth = 0.9 * spread * n.powf(-0.2);
        (bandwidth.is_finite() && bandwidth > 0.0).then(|| Self { values: sorted.to_vec(), bandwidth })
    }

    /// Its value at a place at or below 0.
    pub(super) fn at(&self, place: f64) -> f64 {
        let kernel = |distance: f64| (-0.5 * (distance / self.bandwidth).powi(2)).exp();
        let sum = self.values.iter().map(|value| kernel(place - value) + kernel(place + value)).sum::<f64>();
        sum / (self.values.len() as f64 * self.bandwidth * (2.0 * PI).sqrt())
    }

    /// The density for a drawing whose places are `step` apart: a narrower kernel would fall between them.
    pub(super) fn at_least_as_wide_as(mut self, step: f64) -> Self {
        self.bandwidth = self.bandwidth.max(step);
        self
    }

    /// From where to where it differs from 0.
    fn range(&self) -> Option<(f64, f64)> {
        let margin = MARGIN_BANDWIDTHS * self.bandwidth;
        Some((self.values.first()? - margin, (self.values.last()? + margin).min(0.0)))
    }
}

/// Evenly spaced places on which all of these densities can be drawn; none where there is no density.
pub(super) fn shared_grid<'d>(densities: impl IntoIterator<Item = &'d Density>) -> Vec<f64> {
    let ranges = densities.into_iter().filter_map(Density::range);
    let Some((low, high)) = ranges.reduce(|(low, high), (from, to)| (low.min(from), high.max(to))) else {
        return Vec::new();
    };
    let step = (high - low) / (GRID_POINTS - 1) as f64;
    (0..GRID_POINTS).map(|place| low + step * place as f64).collect()
}

/// The quantile of sorted numbers, with linear interpolation between neighbours (Hyndman and Fan's type 7, which R and
/// `NumPy` use); `None` without numbers.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and the last place
    let below = (place.floor() as usize).min(last);
    let low = *sorted.get(below)?;
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some(low + (high - low) * (place - below as f64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const VALUES: [f64; 8] = [-4.0, -3.1, -2.6, -2.2, -2.0, -1.7, -1.1, -0.4];
    const GOLDEN_BANDWIDTH: f64 = 0.520_664_035_687_438_8;
    const GOLDEN: [(f64, f64); 4] = [
        (-4.5, 0.063_103_604_434_630_23),
        (-2.2, 0.348_708_890_737_866),
        (-1.25, 0.239_273_507_885_142_8),
        (0.0, 0.164_239_253_326_962_26),
    ];

    /// `SciPy` 1.17.1: `gaussian_kde(x, bw_method=h / np.std(x, ddof=1))` with
    /// `h = 0.9 * min(np.std(x, ddof=1), iqr(x) / 1.34) * 8 ** -0.2`, at `x` plus at `-x`.
    #[test]
    fn the_density_is_that_of_scipy_under_the_same_bandwidth() {
        let density = Density::of(&VALUES).unwrap();
        assert!((density.bandwidth - GOLDEN_BANDWIDTH).abs() < 1e-12, "{}", density.bandwidth);
        for (place, golden) in GOLDEN {
            assert!((density.at(place) - golden).abs() < 1e-12, "{place}: {}", density.at(place));
        }
    }

    #[test]
    fn a_density_over_its_grid_has_an_area_of_one() {
        let densities = [0.05, 1.0, 3.0].map(|scale| Density::of(&VALUES.map(|value| value * scale)).unwrap());
        let grid = shared_grid(&densities);
        assert_eq!(grid.len(), GRID_POINTS);
        assert!(grid.iter().all(|place| *place <= 1e-12));
        let step = grid[1] - grid[0];
        assert!(densities[0].bandwidth < step / 2.0, "the narrowest would fall between the places");
        for density in densities.map(|density| density.at_least_as_wide_as(step)) {
            // The trapezoidal rule: half of what stands at the ends, 0 nats among them.
            let ends = density.at(grid[0]) + density.at(grid[GRID_POINTS - 1]);
            let area = (grid.iter().map(|place| density.at(*place)).sum::<f64>() - ends / 2.0) * step;
            assert!((area - 1.0).abs() < 2e-3, "{area}");
        }
    }

    #[test]
    fn quartiles_that_coincide_leave_the_standard_deviation_and_equal_numbers_have_no_density() {
        let density = Density::of(&[-9.0, -2.0, -2.0, -2.0, -2.0, -2.0]).unwrap();
        assert!(density.bandwidth > 1.0, "{}", density.bandwidth);
        assert_eq!(Density::of(&[-2.0; 9]), None);
        assert_eq!(Density::of(&VALUES[..4]), None);
        assert!(shared_grid([]).is_empty());
    }

    /// By hand, and as `numpy.quantile`.
    #[test]
    fn quantiles_are_interpolated_between_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
        assert_eq!(quantile(&[1.0], 0.95), Some(1.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
