//! Dot-and-interval plots as inline SVG. All positions are percentages, so that a track fills the width it is given and
//! its marks keep their size on a phone. The SVG holds numbers only, never text from outside.

use std::fmt::Write as _;

use crate::analyze::number::figure;
use crate::estimate::Estimate;

/// Height of one lane, in CSS pixels. The style sheet gives the text beside it the same line height.
const LANE_PIXELS: usize = 20;

/// Checkpoints that a plot tells apart by colour and shape.
pub(super) const LANES: usize = 4;

/// A linear scale with round ticks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    decimals: usize,
}

impl Scale {
    /// A scale that shows all values. `None` without a finite value.
    pub fn over(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        for value in values.into_iter().filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            return None;
        }
        let width = (high - low).max(high.abs() * 1e-6).max(0.02);
        let raw = width / 3.0;
        let magnitude = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|s| *s >= raw).unwrap_or(raw);
        let first = (low / step).floor();
        let count = ((high / step).ceil() - first).clamp(1.0, 12.0);
        // At most 13 ticks, so the cast is exact.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let ticks = (0..=count as usize).map(|k| (first + k as f64) * step).collect::<Vec<_>>();
        let (low, high) = (first * step, (first + count) * step);
        let decimals = if step >= 1.0 {
            0
        } else if step >= 0.1 {
            1
        } else if step >= 0.01 {
            2
        } else {
            3
        };
        Some(Self { low, high, ticks, decimals })
    }

    /// Place of a value, in percent of the track; a margin keeps marks whole.
    pub fn place(&self, value: f64) -> f64 {
        3.0 + 94.0 * ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Ticks with their labels.
    pub fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        self.ticks.iter().map(|tick| {
            let zero_free = if tick.abs() < 1e-12 { 0.0 } else { *tick };
            (*tick, format!("{zero_free:.*}", self.decimals))
        })
    }

    /// The axis: tick labels under a track.
    pub fn axis(&self) -> String {
        let mut svg = String::from("<svg class=\"axis\" height=\"20\" aria-hidden=\"true\">");
        for (tick, text) in self.ticks() {
            let x = self.place(tick);
            // Writing to a String cannot fail.
            let _ = write!(svg, "<text x=\"{x:.2}%\" y=\"14\" text-anchor=\"middle\">{text}</text>");
        }
        svg + "</svg>"
    }

    /// One lane a checkpoint: interval, point, and a faint line at the reference (the original's point, say).
    pub fn track(&self, lanes: &[Lane], chance: Option<f64>, label: &str) -> String {
        let height = lanes.len().max(1) * LANE_PIXELS;
        let mut svg = format!("<svg class=\"track\" height=\"{height}\" role=\"img\" aria-label=\"{label}\">");
        for tick in &self.ticks {
            let x = self.place(*tick);
            let _ = write!(svg, "<line class=\"grid\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"100%\"/>");
        }
        if let Some(chance) = chance {
            let x = self.place(chance);
            let _ = write!(svg, "<line class=\"chance\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"100%\"/>");
        }
        for (place, lane) in lanes.iter().enumerate() {
            self.lane(&mut svg, lane, place * LANE_PIXELS);
        }
        svg + "</svg>"
    }

    fn lane(&self, svg: &mut String, lane: &Lane, top: usize) {
        let colour = lane.number % LANES;
        let middle = top + LANE_PIXELS / 2;
        if let Some(reference) = lane.reference {
            let x = self.place(reference);
            let (y1, y2) = (top + 2, top + LANE_PIXELS - 2);
            let _ = write!(
                svg,
                "<line class=\"reference c{colour}\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{y1}\" y2=\"{y2}\"/>"
            );
        }
        let Some(estimate) = lane.estimate else {
            return;
        };
        if let Some(interval) = estimate.interval {
            let (from, to) = (self.place(interval.low), self.place(interval.high));
            let _ = write!(
                svg,
                "<line class=\"interval c{colour}\" x1=\"{from:.2}%\" x2=\"{to:.2}%\" y1=\"{middle}\" y2=\"{middle}\"/>"
            );
        }
        let x = self.place(estimate.point);
        let _ = write!(
            svg,
            "<svg x=\"{x:.2}%\" y=\"{middle}\" overflow=\"visible\"><path class=\"dot c{colour}\" d=\"{}\"/></svg>",
            shape(colour)
        );
    }
}

/// One checkpoint's mark in a track.
pub(super) struct Lane {
    /// Which checkpoint; decides colour and shape.
    pub number: usize,
    /// What is marked, where there is a number.
    pub estimate: Option<Estimate>,
    /// A value to compare with.
    pub reference: Option<f64>,
}

/// Circle, square, diamond, triangle: told apart without colour.
pub(super) fn shape(number: usize) -> &'static str {
    match number {
        0 => "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0",
        1 => "M-4 -4h8v8h-8z",
        2 => "M0 -5.5L5.5 0L0 5.5L-5.5 0z",
        _ => "M0 -5L5 4.2H-5z",
    }
}

/// The mark alone, for legends and for numbers beside a track.
pub(super) fn legend_mark(number: usize) -> String {
    let colour = number % LANES;
    format!(
        "<svg class=\"mark\" width=\"12\" height=\"12\" viewBox=\"-6 -6 12 12\" aria-hidden=\"true\"><path class=\"dot c{colour}\" d=\"{}\"/></svg>",
        shape(colour)
    )
}

/// What a screen reader says for a lane.
pub(super) fn spoken(estimate: Option<&Estimate>) -> String {
    match estimate {
        None => "no number".to_owned(),
        Some(estimate) => match estimate.interval {
            Some(interval) => {
                format!("{}, interval {} to {}", figure(estimate.point), figure(interval.low), figure(interval.high))
            }
            None => figure(estimate.point),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let scale = Scale::over([0.213, 0.448]).unwrap();
        assert_eq!((scale.low, scale.high), (0.2, 0.5));
        assert_eq!(scale.ticks.len(), 4);
        assert!(scale.axis().contains(">0.3<"));
    }

    #[test]
    fn degenerate_values_still_make_a_scale_and_no_values_make_none() {
        for values in [vec![0.0], vec![1.0, 1.0], vec![1e9], vec![-3.0], vec![f64::NAN, 0.5]] {
            let scale = Scale::over(values).unwrap();
            assert!(scale.high > scale.low && scale.ticks.len() >= 2, "{scale:?}");
        }
        assert_eq!(Scale::over([f64::NAN]), None);
        assert_eq!(Scale::over([]), None);
    }

    #[test]
    fn marks_stay_inside_the_track() {
        let scale = Scale::over([0.0, 1.0]).unwrap();
        assert!((scale.place(0.0) - 3.0).abs() < 1e-9 && (scale.place(1.0) - 97.0).abs() < 1e-9);
        assert!(scale.place(7.0) <= 97.0);
    }
}
