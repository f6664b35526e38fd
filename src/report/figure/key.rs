//! What the marks of a figure mean.

use super::canvas::{Area, Canvas, Shape};
use super::lettering::{LEADING, wrapped};
use super::{PANEL_WIDTH, Panel};

/// A sample of a mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sample {
    Reference,
    Best,
    MayBeBest,
    Better,
    Worse,
    BaseCell,
    Missing,
    Dot { shape: Shape, colour: usize, hollow: bool, faded: bool, interval: bool },
    Line { class: &'static str },
    Swatch { colour: usize },
}

const ROW: f64 = 19.0;
const SIZE: f64 = 11.5;
const TEXT_AT: f64 = 32.0;

/// A panel of marks and their meaning; nothing without an entry.
pub(super) fn key(entries: &[(Sample, &str)]) -> Option<Panel> {
    if entries.is_empty() {
        return None;
    }
    let mut canvas = Canvas::default();
    let mut y = 2.0;
    for (sample, words) in entries {
        draw(&mut canvas, *sample, Area { x: 1.0, y: y + 2.0, width: 24.0, height: 14.0 });
        for (number, line) in wrapped(words, SIZE, PANEL_WIDTH - TEXT_AT, 4).iter().enumerate() {
            if number > 0 {
                y += SIZE * LEADING;
            }
            canvas.text("wf-t", [TEXT_AT, y + 13.0], line);
        }
        y += ROW;
    }
    Some(Panel {
        width: PANEL_WIDTH,
        height: y + 4.0,
        label: "What the marks mean".to_owned(),
        body: canvas.into_body(),
    })
}

fn draw(canvas: &mut Canvas, sample: Sample, area: Area) {
    let middle = [area.x + area.width / 2.0, area.y + area.height / 2.0];
    match sample {
        Sample::Reference => {
            canvas.rect("wf-frame", area);
            corner(canvas, "wf-on-base", area, 9.0);
        }
        Sample::Best => canvas.rect("wf-best", area.inset(1.75)),
        Sample::MayBeBest => canvas.rect("wf-may", area.inset(1.0)),
        Sample::Better => triangle(canvas, "wf-on-base", middle, true),
        Sample::Worse => triangle(canvas, "wf-on-base", middle, false),
        Sample::BaseCell => canvas.rect("wf-base", area),
        Sample::Missing => canvas.rect("wf-none", area.inset(0.5)),
        Sample::Dot { shape, colour, hollow, faded, interval } => {
            let class = dot_class(colour, hollow, faded);
            let fade = if faded { " wf-faded" } else { "" };
            let line = format!("wf-w wf-x{colour}{fade}");
            if interval {
                canvas.line(&line, [area.x, middle[1]], [area.right(), middle[1]]);
            }
            canvas.shape(&class, shape, middle, 4.0);
        }
        Sample::Line { class } => canvas.line(class, [area.x, middle[1]], [area.right(), middle[1]]),
        Sample::Swatch { colour } => canvas.rect(&format!("wf-v{colour}"), area),
    }
}

/// The class of a dot.
pub(super) fn dot_class(colour: usize, hollow: bool, faded: bool) -> String {
    let fill = if hollow { format!("wf-hollow wf-x{colour}") } else { format!("wf-f{colour}") };
    if faded { format!("{fill} wf-faded") } else { fill }
}

/// A triangle in the upper left corner.
pub(super) fn corner(canvas: &mut Canvas, class: &str, area: Area, side: f64) {
    canvas.polygon(class, &[[area.x, area.y], [area.x + side, area.y], [area.x, area.y + side]]);
}

/// A small triangle that points up or down.
pub(super) fn triangle(canvas: &mut Canvas, class: &str, at: [f64; 2], up: bool) {
    let sign = if up { -1.0 } else { 1.0 };
    let [x, y] = at;
    canvas.polygon(class, &[[x - 3.6, y - sign * 3.0], [x + 3.6, y - sign * 3.0], [x, y + sign * 3.4]]);
}
