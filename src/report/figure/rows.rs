//! Rows of dots with intervals: a name and a number above, the marks on a lane below.

use crate::estimate::Estimate;

use super::canvas::{Canvas, Shape};
use super::key::dot_class;
use super::lettering::{clipped, width};
use super::numbers::ends;
use super::scale::{Scale, range};
use super::{PANEL_WIDTH, Panel, heading};

/// Rows of a panel, at most.
pub(super) const MOST_ROWS: usize = 20;

/// Heights in units.
const LABEL: f64 = 20.0;
const LANE: f64 = 14.0;
const VALUE_LINE: f64 = 14.0;

/// Size of the text of a row.
const SIZE: f64 = 10.5;

/// A row.
pub(super) struct Row {
    pub label: String,
    /// Its number in words, at the right.
    pub value: String,
    pub marks: Vec<RowMark>,
    /// Whether the first two marks are before and after: a line joins them instead of their own intervals, which do not show
    /// whether the two differ.
    pub linked: bool,
    /// A row that stands for the others, set off by a line.
    pub is_summary: bool,
}

/// A mark of a row.
pub(super) struct RowMark {
    pub estimate: Estimate,
    pub shape: Shape,
    pub colour: usize,
    pub hollow: bool,
    pub lane: usize,
    pub spoken: String,
}

/// The axis under the rows.
pub(super) struct Axis<'a> {
    pub title: &'a str,
    /// A line at this value.
    pub zero: Option<f64>,
    /// The ends, where they are fixed.
    pub ends: Option<(f64, f64)>,
}

/// Rows on one axis; `None` where no row has a number.
pub(super) fn panel(title: &str, rows: &[Row], axis: &Axis<'_>) -> Option<Panel> {
    let (left, right) = (8.0, PANEL_WIDTH - 8.0);
    let scale = scale(rows, axis, left, right)?;
    let mut canvas = Canvas::default();
    let top = heading(&mut canvas, title, PANEL_WIDTH);
    // Where a name and its number do not stand side by side, all numbers go below their names.
    let fits = |row: &Row| width(&row.label, SIZE) + width(&row.value, SIZE) + 12.0 <= PANEL_WIDTH;
    let stacked = !rows.iter().all(fits);
    let label_height = if stacked { LABEL + VALUE_LINE } else { LABEL };
    let height_of =
        |row: &Row| label_height + LANE * row.marks.iter().map(|mark| mark.lane + 1).max().unwrap_or(1) as f64;
    let bottom = top + rows.iter().map(height_of).sum::<f64>() + 4.0;
    for (tick, text) in scale.ticks() {
        let x = scale.at(tick);
        canvas.line("wf-grid", [x, top], [x, bottom]);
        canvas.text("wf-s wf-m", [x, bottom + 14.0], &text);
    }
    if let Some(zero) = axis.zero.filter(|zero| scale.holds(*zero)) {
        canvas.line("wf-zero", [scale.at(zero), top], [scale.at(zero), bottom]);
    }
    let mut y = top;
    for row in rows {
        if row.is_summary && y > top {
            canvas.line("wf-frame", [0.0, y + 3.0], [PANEL_WIDTH, y + 3.0]);
        }
        text(&mut canvas, row, y, stacked);
        marks(&mut canvas, row, y + label_height, &scale);
        y += height_of(row);
    }
    canvas.text("wf-s wf-m", [PANEL_WIDTH / 2.0, bottom + 30.0], axis.title);
    Some(Panel { width: PANEL_WIDTH, height: bottom + 36.0, label: title.to_owned(), body: canvas.into_body() })
}

fn scale(rows: &[Row], axis: &Axis<'_>, left: f64, right: f64) -> Option<Scale> {
    let marks = rows.iter().flat_map(|row| &row.marks);
    let (low, high) = range(marks.clone().map(|mark| mark.estimate.point))?;
    if let Some((low, high)) = axis.ends {
        return Some(Scale::between(low, high, left, right, 5.0));
    }
    // One interval that is very wide must not squeeze all others.
    let room = (high - low).max(high.abs()).max(low.abs()) * 1.5;
    let shown = marks.flat_map(|mark| ends(&mark.estimate)).map(|value| value.clamp(low - room, high + room));
    Scale::over(shown.chain(axis.zero), left, right, 5.0)
}

fn text(canvas: &mut Canvas, row: &Row, y: f64, stacked: bool) {
    let weight = if row.is_summary { " wf-b" } else { "" };
    let below = if stacked { VALUE_LINE } else { 0.0 };
    canvas.text(&format!("wf-l{weight}"), [0.0, y + 15.0], &clipped(&row.label, SIZE, PANEL_WIDTH));
    canvas.text(
        &format!("wf-l wf-e{weight}"),
        [PANEL_WIDTH, y + 15.0 + below],
        &clipped(&row.value, SIZE, PANEL_WIDTH),
    );
}

fn marks(canvas: &mut Canvas, row: &Row, y: f64, scale: &Scale) {
    let lane_y = |lane: usize| y + LANE * (lane as f64 + 0.4);
    if let ([first, second, ..], true) = (row.marks.as_slice(), row.linked) {
        let at = |mark: &RowMark| [scale.at(mark.estimate.point), lane_y(mark.lane)];
        canvas.line("wf-w wf-thick wf-x5", at(first), at(second));
    }
    for mark in &row.marks {
        let at = [scale.at(mark.estimate.point), lane_y(mark.lane)];
        canvas.open(&mark.spoken);
        if let Some(interval) = mark.estimate.interval.filter(|_| !row.linked) {
            let class = format!("wf-w wf-thick wf-x{}", mark.colour);
            canvas.line(&class, [scale.at(interval.low), at[1]], [scale.at(interval.high), at[1]]);
        }
        canvas.shape(&dot_class(mark.colour, mark.hollow, false), mark.shape, at, 4.5);
        canvas.close();
    }
}
