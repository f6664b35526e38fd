//! Performance against sensitivity as inline SVG: across in percentages, so that it fills the width it is given, down in
//! CSS pixels, so that marks and text keep their size on a phone. Labels are numbers or fixed words, never text from outside.

use std::fmt::Write as _;

use crate::estimate::Estimate;

use super::plot::Scale;

/// Height of the plane, in CSS pixels.
const HEIGHT_PIXELS: f64 = 340.0;

/// Room for the labels of the lower axis, in CSS pixels.
const AXIS_PIXELS: f64 = 22.0;

/// An arm in the plane.
pub(super) struct PlanePoint {
    /// Numbers or a fixed word; empty where there is no room.
    pub label: String,
    /// What a reader sees on hovering, and hears.
    pub spoken: String,
    /// Sensitivity.
    pub across: Estimate,
    /// Performance.
    pub up: Estimate,
    /// 0 weightings, 1 the reference, 2 the base.
    pub colour: usize,
}

/// The plane, or nothing without a point.
pub(super) fn plane(points: &[PlanePoint]) -> Option<String> {
    let across = Scale::over(points.iter().flat_map(|point| ends(&point.across)))?;
    let up = Scale::over(points.iter().flat_map(|point| ends(&point.up)))?;
    let y = |value: f64| HEIGHT_PIXELS * (1.0 - up.place(value) / 100.0);
    let mut svg = format!(
        "<svg class=\"plane\" height=\"{}\" role=\"img\" aria-label=\"Performance against sensitivity; the table holds the numbers\">",
        HEIGHT_PIXELS + AXIS_PIXELS
    );
    // Writing to a String cannot fail.
    for (tick, text) in across.ticks() {
        let x = across.place(tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"{HEIGHT_PIXELS}\"/>\
             <text class=\"tick\" x=\"{x:.2}%\" y=\"{:.0}\" text-anchor=\"middle\">{text}</text>",
            HEIGHT_PIXELS + AXIS_PIXELS - 6.0
        );
    }
    for (tick, text) in up.ticks() {
        let y = y(tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"0\" y=\"{:.1}\">{text}</text>",
            y - 3.0
        );
    }
    // The reference and the base last, so that they lie on top.
    for colour in 0..3 {
        for point in points.iter().filter(|point| point.colour == colour) {
            mark(&mut svg, point, &across, y);
        }
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn mark(svg: &mut String, point: &PlanePoint, across: &Scale, y: impl Fn(f64) -> f64) {
    let colour = point.colour;
    let (at_x, at_y) = (across.place(point.across.point), y(point.up.point));
    let faint = if colour == 0 { " faint" } else { "" };
    let _ = write!(svg, "<g><title>{}</title>", point.spoken);
    if let Some(interval) = point.across.interval {
        let (from, to) = (across.place(interval.low), across.place(interval.high));
        let _ = write!(
            svg,
            "<line class=\"whisker c{colour}{faint}\" x1=\"{from:.2}%\" x2=\"{to:.2}%\" y1=\"{at_y:.1}\" y2=\"{at_y:.1}\"/>"
        );
    }
    if let Some(interval) = point.up.interval {
        let (from, to) = (y(interval.low), y(interval.high));
        let _ = write!(
            svg,
            "<line class=\"whisker c{colour}{faint}\" x1=\"{at_x:.2}%\" x2=\"{at_x:.2}%\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>"
        );
    }
    let _ = write!(
        svg,
        "<svg x=\"{at_x:.2}%\" y=\"{at_y:.1}\" overflow=\"visible\"><path class=\"dot c{colour}\" d=\"{}\"/>",
        super::plot::shape(colour)
    );
    if !point.label.is_empty() {
        let (anchor, x) = if at_x > 80.0 { ("end", -8) } else { ("start", 8) };
        let _ = write!(svg, "<text class=\"label\" x=\"{x}\" y=\"-6\" text-anchor=\"{anchor}\">{}</text>", point.label);
    }
    svg.push_str("</svg></g>");
}

fn ends(estimate: &Estimate) -> [f64; 3] {
    let interval = estimate.interval;
    [estimate.point, interval.map_or(estimate.point, |i| i.low), interval.map_or(estimate.point, |i| i.high)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::estimate::{Interval, IntervalMethod};

    #[test]
    fn every_arm_is_marked_and_better_is_higher() {
        let estimate = |point: f64| {
            let interval =
                Interval { low: point - 0.1, high: point + 0.1, level: 0.95, method: IntervalMethod::ClusteredT };
            Estimate { point, interval: Some(interval), standard_error: None, n: 9, clusters: 9 }
        };
        let point = |across: f64, up: f64, colour: usize| PlanePoint {
            label: format!("{up}"),
            spoken: String::new(),
            across: estimate(across),
            up: estimate(up),
            colour,
        };
        let svg = plane(&[point(0.2, 0.4, 0), point(0.3, 0.8, 1)]).unwrap();
        assert_eq!((svg.matches("class=\"dot").count(), svg.matches("class=\"whisker").count()), (2, 4));
        let y = |label: &str| {
            let head = svg.split(&format!(">{label}</text></svg>")).next().unwrap();
            let place = head.rsplit("<svg x=").next().unwrap().split("y=\"").nth(1).unwrap();
            place.split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert!(y("0.8") < y("0.4"));
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
        assert_eq!(plane(&[]), None);
    }
}
