//! A linear scale from values to coordinates, with round ticks.

/// Values beyond this are no measurements: they are left out, so that no coordinate overflows.
const LARGEST: f64 = 1e12;

/// Whether a number can be drawn.
pub(super) fn is_drawable(value: f64) -> bool {
    value.is_finite() && value.abs() <= LARGEST
}

/// From values to coordinates.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    step: f64,
}

impl Scale {
    /// A scale that shows all drawable values with a margin, from coordinate `from` to coordinate `to`. `None` without one.
    pub fn over(values: impl IntoIterator<Item = f64>, from: f64, to: f64, ticks: f64) -> Option<Self> {
        let (low, high) = range(values)?;
        let width = (high - low).max(high.abs() * 1e-3).max(1e-6);
        let (middle, half) = (f64::midpoint(low, high), width * 0.54);
        Some(Self::between(middle - half, middle + half, from, to, ticks))
    }

    /// A scale between two values.
    pub fn between(low: f64, high: f64, from: f64, to: f64, ticks: f64) -> Self {
        let raw = (high - low) / ticks.max(1.0);
        let magnitude = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|s| *s >= raw).unwrap_or(raw);
        Self { low, high, from, to, step }
    }

    /// The coordinate of a value; values outside go to the nearer end.
    pub fn at(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + (self.to - self.from) * if share.is_finite() { share } else { 0.0 }
    }

    /// Whether a value lies on the scale.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Round values with their labels, at most 13.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let first = (self.low / self.step).ceil();
        let decimals = (0..6_u8).find(|d| {
            let scaled = self.step * 10_f64.powi(i32::from(*d));
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        });
        let decimals = usize::from(decimals.unwrap_or(6));
        let ticks = (0..13).map(|k| (first + f64::from(k)) * self.step);
        ticks
            .take_while(|tick| *tick <= self.high + 1e-9 * self.step)
            .map(|tick| (tick, label(tick, decimals)))
            .collect()
    }
}

/// The least and the greatest drawable value.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let mut ends: Option<(f64, f64)> = None;
    for value in values.into_iter().filter(|value| is_drawable(*value)) {
        let (low, high) = ends.unwrap_or((value, value));
        ends = Some((low.min(value), high.max(value)));
    }
    ends
}

/// Fewer values than this have no bulk.
const FEWEST_FOR_BULK: usize = 8;

/// The ends of the bulk of the drawable values: least and greatest, but at most 3 interquartile ranges beyond the quartiles
/// (Tukey's outer fences), so that a few values far away do not take the room of all others.
pub(super) fn bulk(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let mut values = values.into_iter().filter(|value| is_drawable(*value)).collect::<Vec<_>>();
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (*values.first()?, *values.last()?);
    let (first, third) = (*values.get(values.len() / 4)?, *values.get(values.len() * 3 / 4)?);
    let fence = 3.0 * (third - first);
    if values.len() < FEWEST_FOR_BULK || fence <= 0.0 {
        return Some((low, high));
    }
    let inside = |value: &&f64| (first - fence..=third + fence).contains(*value);
    // The ends are values themselves.
    Some((*values.iter().find(inside)?, *values.iter().rev().find(inside)?))
}

fn label(tick: f64, decimals: usize) -> String {
    let text = if tick.abs() >= 1e6 { format!("{tick:.1e}") } else { format!("{tick:.decimals$}") };
    // Minus zero is zero.
    if text.trim_start_matches(['-', '0', '.']).is_empty() { text.trim_start_matches('-').to_owned() } else { text }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_lie_on_the_scale() {
        let scale = Scale::over([0.31, 0.47], 0.0, 100.0, 4.0).unwrap();
        let labels = scale.ticks().into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(labels, ["0.35", "0.40", "0.45"]);
        assert!(scale.at(0.31) > 0.0 && scale.at(0.47) < 100.0);
        assert_eq!((scale.at(-5.0), scale.at(f64::NAN)), (0.0, 0.0));
        let signed = Scale::between(-1.0, 1.0, 0.0, 10.0, 4.0).ticks();
        assert_eq!(
            signed.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            ["-1.0", "-0.5", "0.0", "0.5", "1.0"]
        );
    }

    #[test]
    fn the_bulk_leaves_out_values_far_away_but_never_many() {
        let near = (0..30).map(|k| 0.70 + 0.002 * f64::from(k));
        let (low, high) = bulk(near.clone().chain([0.0; 5])).unwrap();
        assert!((low - 0.70).abs() < 1e-9 && (high - 0.758).abs() < 1e-9, "{low} {high}");
        assert_eq!(bulk([0.0, 0.7, 0.7, 0.7]), Some((0.0, 0.7)), "too few for a bulk");
        assert_eq!(bulk([0.5; 20].into_iter().chain([0.9])), Some((0.5, 0.9)), "no spread");
        assert_eq!(bulk([f64::NAN]), None);
    }

    #[test]
    fn values_that_are_no_measurements_are_left_out() {
        assert_eq!(Scale::over([f64::NAN, f64::INFINITY, 1e300], 0.0, 1.0, 4.0), None);
        let scale = Scale::over([f64::NAN, 3.0, -1e308], 0.0, 100.0, 4.0).unwrap();
        assert!((scale.at(3.0) - 50.0).abs() < 1e-6);
        assert!(scale.ticks().len() <= 13 && !scale.ticks().is_empty());
        assert!(Scale::over([1e12, -1e12], 0.0, 100.0, 4.0).unwrap().ticks().len() <= 13);
    }
}
