//! One grid as a map with numbers in its cells.

use crate::analyze::number::figure;
use crate::estimate::Estimate;

use super::canvas::{Area, Canvas};
use super::colour::{diverging, sequential, wants_white_text};
use super::key::{corner, triangle};
use super::lettering::width as text_width;
use super::numbers::signed_percent;
use super::scale::{bulk, range};
use super::{PANEL_WIDTH, Panel, heading};

/// More distinct weights than this on one axis do not fit: such a grid has no map.
const MOST_WEIGHTS: usize = 21;

/// Room for the rows' title, in units; their labels come on top.
const ROWS_TITLE: f64 = 18.0;

/// The least and the greatest width of a cell, in units.
const CELL_WIDTHS: (f64, f64) = (47.0, 84.0);

/// Gains smaller than this do not get the full colour even where they are the largest.
const LEAST_FULL_GAIN: f64 = 0.01;

/// Steps of the legend's bar.
const STEPS: u32 = 24;

/// Whose number a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Tuned,
    Conventional,
    Base,
}

/// Whether a cell is the best of its grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Best,
    MayBeBest,
    Other,
}

/// A cell.
pub(super) struct Cell {
    pub prompt: f64,
    pub response: f64,
    pub estimate: Option<Estimate>,
    /// The number and its interval.
    pub lines: [String; 2],
    pub spoken: String,
    pub role: Role,
    pub standing: Standing,
    /// 0 by definition, without an estimate: the reference's gain over itself.
    pub is_zero: bool,
    /// Against the reference; `None` where nothing is clear.
    pub clearly_better: Option<bool>,
}

/// Which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ramp {
    /// The lighter, the better.
    Sequential,
    /// Blue better than 0, orange worse.
    Diverging,
}

/// A grid.
pub(super) struct Block {
    pub title: String,
    pub cells: Vec<Cell>,
    pub ramp: Ramp,
    pub higher_is_better: bool,
}

/// From a value to a share of the ramp: 0 to 1, or -1 to 1.
struct Colours<'a> {
    block: &'a Block,
    low: f64,
    high: f64,
}

/// The map; `None` without a number, or with too many weights to show.
pub(super) fn panel(block: &Block) -> Option<Panel> {
    let (low, high) = bulk(block.points())?;
    let (low, high) = match block.ramp {
        Ramp::Sequential => (low, high),
        Ramp::Diverging => {
            let full = low.abs().max(high.abs()).max(LEAST_FULL_GAIN);
            (-full, full)
        }
    };
    let colours = Colours { block, low, high };
    let prompts = distinct(block.cells.iter().map(|cell| cell.prompt))?;
    let responses = distinct(block.cells.iter().map(|cell| cell.response))?;
    let widest = prompts.iter().map(|weight| text_width(&weight_label(*weight), 11.5)).fold(0.0, f64::max);
    let left = ROWS_TITLE + widest + 7.0;
    let cell_width = ((PANEL_WIDTH - left) / responses.len() as f64).clamp(CELL_WIDTHS.0, CELL_WIDTHS.1);
    let has_intervals = block.cells.iter().any(|cell| !cell.lines[1].is_empty());
    let cell_height = if has_intervals { 44.0 } else { 28.0 };
    let width = (left + cell_width * responses.len() as f64).max(PANEL_WIDTH);
    let mut canvas = Canvas::default();
    let top = heading(&mut canvas, &block.title, width) + 30.0;
    let place = |prompt: usize, response: usize| Area {
        x: left + response as f64 * cell_width,
        y: top + prompt as f64 * cell_height,
        width: cell_width,
        height: cell_height,
    };
    axes(&mut canvas, &prompts, &responses, place);
    let find = |values: &[f64], value: f64| values.iter().position(|v| v.total_cmp(&value).is_eq());
    for cell in &block.cells {
        if let Some((row, column)) = find(&prompts, cell.prompt).zip(find(&responses, cell.response)) {
            draw(&mut canvas, cell, place(row, column), &colours);
        }
    }
    let bottom = top + prompts.len() as f64 * cell_height;
    legend(&mut canvas, &colours, bottom + 12.0);
    Some(Panel { width, height: bottom + 34.0, label: block.title.clone(), body: canvas.into_body() })
}

impl Block {
    fn points(&self) -> impl Iterator<Item = f64> {
        let tuned = self.cells.iter().filter(|cell| cell.role != Role::Base);
        tuned.filter_map(|cell| cell.estimate.map(|estimate| estimate.point))
    }

    /// Whether some cells lie beyond the colour scale.
    pub fn is_fenced(&self) -> bool {
        bulk(self.points()) != range(self.points())
    }
}

/// Distinct weights by size; `None` where they are too many.
fn distinct(values: impl Iterator<Item = f64>) -> Option<Vec<f64>> {
    let mut values = values.collect::<Vec<_>>();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    (values.len() <= MOST_WEIGHTS).then_some(values)
}

fn axes(canvas: &mut Canvas, prompts: &[f64], responses: &[f64], place: impl Fn(usize, usize) -> Area) {
    for (column, weight) in responses.iter().enumerate() {
        let area = place(0, column);
        canvas.text("wf-t wf-m", [area.x + area.width / 2.0, area.y - 5.0], &weight_label(*weight));
    }
    for (row, weight) in prompts.iter().enumerate() {
        let area = place(row, 0);
        canvas.text("wf-t wf-e", [area.x - 6.0, area.y + area.height / 2.0 + 4.0], &weight_label(*weight));
    }
    let (first, last) = (place(0, 0), place(prompts.len().saturating_sub(1), responses.len().saturating_sub(1)));
    canvas.text("wf-s wf-m", [f64::midpoint(first.x, last.right()), first.y - 19.0], "response weight λr");
    let words = if prompts.len() < 3 { "λp" } else { "prompt weight λp" };
    canvas.text_upwards("wf-s wf-m", [10.0, f64::midpoint(first.y, last.bottom())], words);
}

/// At most three decimals.
fn weight_label(weight: f64) -> String {
    let text = format!("{weight:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn draw(canvas: &mut Canvas, cell: &Cell, area: Area, colours: &Colours<'_>) {
    canvas.open(&cell.spoken);
    let inner = area.inset(0.75);
    let centre = area.x + area.width / 2.0;
    let Some(estimate) = cell.estimate else {
        let at = [centre, area.y + area.height / 2.0 + 4.0];
        let (ink, text) = match cell {
            Cell { is_zero: true, .. } => ("wf-on-light", "0"),
            Cell { role: Role::Base, .. } => ("wf-on-base", "base"),
            _ => ("wf-on-base", "–"),
        };
        if cell.is_zero {
            canvas.fill(colours.of(0.0), inner);
        } else {
            canvas.rect(if cell.role == Role::Base { "wf-base" } else { "wf-none" }, inner);
        }
        canvas.text(&format!("wf-v wf-m {ink}"), at, text);
        if cell.role == Role::Conventional {
            corner(canvas, ink, inner.inset(if cell.standing == Standing::Other { 0.0 } else { 2.5 }), 8.0);
        }
        outline(canvas, cell, inner);
        canvas.close();
        return;
    };
    let ink = if cell.role == Role::Base {
        canvas.rect("wf-base", inner);
        "wf-on-base"
    } else {
        let colour = colours.of(estimate.point);
        canvas.fill(colour, inner);
        if wants_white_text(colour) { "wf-on-dark" } else { "wf-on-light" }
    };
    outline(canvas, cell, inner);
    if cell.role == Role::Conventional {
        corner(canvas, ink, inner.inset(if cell.standing == Standing::Other { 0.0 } else { 2.5 }), 8.0);
    }
    if let Some(better) = cell.clearly_better {
        triangle(canvas, ink, [area.right() - 9.0, area.y + 9.0], better);
    }
    let [number, interval] = &cell.lines;
    let middle = area.y + area.height / 2.0 + 4.0;
    canvas.text(&format!("wf-v wf-m {ink}"), [centre, middle], number);
    if !interval.is_empty() {
        canvas.text(&format!("wf-i wf-m {ink}"), [centre, middle + 12.0], interval);
    }
    canvas.close();
}

/// The best cell has a thick outline, cells that may be best a thin one; a second, paper-coloured line keeps both visible on
/// every colour.
fn outline(canvas: &mut Canvas, cell: &Cell, area: Area) {
    match cell.standing {
        Standing::Best => {
            canvas.rect("wf-best", area.inset(1.75));
            canvas.rect("wf-may2", area.inset(4.0));
        }
        Standing::MayBeBest => {
            canvas.rect("wf-may", area.inset(0.75));
            canvas.rect("wf-may2", area.inset(2.0));
        }
        Standing::Other => {}
    }
}

impl Colours<'_> {
    fn of(&self, value: f64) -> super::colour::Rgb {
        let share = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 };
        let share = if self.block.higher_is_better { share } else { 1.0 - share };
        match self.block.ramp {
            Ramp::Sequential => sequential(share),
            Ramp::Diverging => diverging(2.0 * share - 1.0),
        }
    }

    fn words(&self, value: f64) -> String {
        match self.block.ramp {
            Ramp::Sequential => figure(value),
            Ramp::Diverging => signed_percent(value),
        }
    }
}

/// The colour scale, worst to best.
fn legend(canvas: &mut Canvas, colours: &Colours<'_>, y: f64) {
    let (worst, best) =
        if colours.block.higher_is_better { (colours.low, colours.high) } else { (colours.high, colours.low) };
    let (from, to) = (PANEL_WIDTH / 2.0 - 60.0, PANEL_WIDTH / 2.0 + 60.0);
    let step = (to - from) / f64::from(STEPS);
    for k in 0..STEPS {
        let value = worst + (best - worst) * (f64::from(k) + 0.5) / f64::from(STEPS);
        let area = Area { x: from + f64::from(k) * step, y, width: step + 0.3, height: 10.0 };
        canvas.fill(colours.of(value), area);
    }
    // Cells beyond an end have its colour, and the end says so.
    let beyond = |end: f64| {
        let (low, high) = range(colours.block.points()).unwrap_or((end, end));
        let sign = if end <= colours.low && low < end {
            "≤ "
        } else if end >= colours.high && high > end {
            "≥ "
        } else {
            ""
        };
        format!("{sign}{}", colours.words(end))
    };
    canvas.text("wf-s wf-e", [from - 6.0, y + 9.0], &format!("worse {}", beyond(worst)));
    canvas.text("wf-s", [to + 6.0, y + 9.0], &format!("{} better", beyond(best)));
}
