//! Arms as points with intervals in two directions.

use crate::estimate::Estimate;

use super::canvas::{Area, Canvas, Shape};
use super::key::dot_class;
use super::lettering::Labels;
use super::numbers::ends;
use super::scale::{Scale, bulk, range};
use super::{PANEL_WIDTH, Panel, heading};

/// Intervals longer than this, over the range of the points, are cut at the frame.
const LONGEST_WHISKER: f64 = 0.6;

/// Left margin and height of the frame, in units.
const LEFT: f64 = 48.0;
const HEIGHT: f64 = 290.0;

/// How much a point matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Emphasis {
    Faint,
    Plain,
    Strong,
}

/// A point.
pub(super) struct Point {
    pub across: Estimate,
    pub up: Estimate,
    pub shape: Shape,
    pub colour: usize,
    pub emphasis: Emphasis,
    /// Its label and how much it matters: the least number first. Labels without room are left out.
    pub label: Option<(usize, String)>,
    pub spoken: String,
}

/// Titles of the axes.
pub(super) struct Axes {
    pub across: String,
    pub up: String,
    /// Whether points far from the others stand at the left or right edge, as they do at the lower and upper one.
    pub fences_across: bool,
}

/// Whether a point is far from the others, so that it stands at the edge of the frame.
pub(super) fn has_outside(points: &[Point], axes: &Axes) -> bool {
    let is_outside = |values: Vec<f64>| bulk(values.iter().copied()) != range(values);
    let across = axes.fences_across && is_outside(points.iter().map(|p| p.across.point).collect());
    across || is_outside(points.iter().map(|p| p.up.point).collect())
}

/// Points in a frame, with a stepped line through those at `front`, by rising `across`. `None` without a point.
pub(super) fn scatter(title: &str, axes: &Axes, points: &[Point], front: &[usize]) -> Option<Panel> {
    let mut canvas = Canvas::default();
    let top = heading(&mut canvas, title, PANEL_WIDTH) + 18.0;
    let frame = Area { x: LEFT, y: top, width: PANEL_WIDTH - LEFT - 6.0, height: HEIGHT };
    let across = axis_scale(points.iter().map(|point| &point.across), axes.fences_across, frame.x, frame.right())?;
    let up = axis_scale(points.iter().map(|point| &point.up), true, frame.bottom(), frame.y)?;
    grid(&mut canvas, frame, &across, &up);
    canvas.text("wf-s wf-m", [f64::midpoint(frame.x, frame.right()), frame.bottom() + 34.0], &axes.across);
    canvas.text("wf-s", [0.0, frame.y - 8.0], &axes.up);
    let places = points.iter().map(|p| [across.at(p.across.point), up.at(p.up.point)]).collect::<Vec<_>>();
    let steps = front.iter().filter_map(|place| places.get(*place).copied()).collect::<Vec<_>>();
    // Faint first, so that what matters lies on top.
    let mut order = points.iter().zip(&places).collect::<Vec<_>>();
    order.sort_by_key(|(point, _)| point.emphasis);
    for (point, place) in &order {
        whiskers(&mut canvas, point, **place, &across, &up);
    }
    staircase(&mut canvas, &steps);
    for (point, place) in &order {
        canvas.open(&point.spoken);
        let (faint, radius) = match point.emphasis {
            Emphasis::Faint => (true, 3.0),
            Emphasis::Plain => (false, 3.4),
            Emphasis::Strong => (false, 4.2),
        };
        let is_outside = !across.holds(point.across.point) || !up.holds(point.up.point);
        canvas.shape(&dot_class(point.colour, is_outside, faint), point.shape, **place, radius);
        canvas.close();
    }
    let mut labelled = points
        .iter()
        .zip(&places)
        .filter_map(|(point, place)| Some((point.label.as_ref()?, *place)))
        .collect::<Vec<_>>();
    labelled.sort_by_key(|((priority, _), _)| *priority);
    let mut labels = Labels::new(frame.inset(2.0), &places, 4.0);
    for ((_, text), place) in labelled {
        labels.draw(&mut canvas, "wf-l", place, text, 10.5);
    }
    Some(Panel { width: PANEL_WIDTH, height: frame.bottom() + 42.0, label: title.to_owned(), body: canvas.into_body() })
}

/// A scale over the bulk of the points, and over their intervals as far as these do not squeeze the points together.
fn axis_scale<'a>(
    estimates: impl Iterator<Item = &'a Estimate> + Clone,
    fences: bool,
    from: f64,
    to: f64,
) -> Option<Scale> {
    let points = estimates.clone().map(|estimate| estimate.point);
    let (low, high) = if fences { bulk(points) } else { range(points) }?;
    let room = ((high - low) * LONGEST_WHISKER).max(high.abs() * 1e-3);
    let shown = estimates.flat_map(ends).map(|value| value.clamp(low - room, high + room));
    Scale::over(shown, from, to, 5.0)
}

fn grid(canvas: &mut Canvas, frame: Area, across: &Scale, up: &Scale) {
    for (tick, text) in across.ticks() {
        let x = across.at(tick);
        canvas.line("wf-grid", [x, frame.y], [x, frame.bottom()]);
        canvas.text("wf-s wf-m", [x, frame.bottom() + 15.0], &text);
    }
    for (tick, text) in up.ticks() {
        let y = up.at(tick);
        canvas.line("wf-grid", [frame.x, y], [frame.right(), y]);
        canvas.text("wf-s wf-e", [frame.x - 6.0, y + 3.5], &text);
    }
    canvas.rect("wf-frame", frame);
}

fn whiskers(canvas: &mut Canvas, point: &Point, [x, y]: [f64; 2], across: &Scale, up: &Scale) {
    let fade = match point.emphasis {
        Emphasis::Faint => " wf-faint",
        Emphasis::Plain => " wf-plain",
        Emphasis::Strong => "",
    };
    let class = format!("wf-w wf-x{}{fade}", point.colour);
    if let Some(interval) = point.across.interval {
        canvas.line(&class, [across.at(interval.low), y], [across.at(interval.high), y]);
    }
    if let Some(interval) = point.up.interval {
        canvas.line(&class, [x, up.at(interval.low)], [x, up.at(interval.high)]);
    }
}

/// From each point across to the next, then up to it.
fn staircase(canvas: &mut Canvas, places: &[[f64; 2]]) {
    let mut line: Vec<[f64; 2]> = Vec::new();
    for place in places {
        if let Some([_, y]) = line.last().copied() {
            line.push([place[0], y]);
        }
        line.push(*place);
    }
    if line.len() > 1 {
        canvas.polyline("wf-front", &line);
    }
}
