//! Marks as SVG elements. Coordinates are SVG units; classes are those of [`FIGURE_CSS`](super::FIGURE_CSS).

use std::fmt::Write as _;

use crate::report::text::visible_line;

use super::colour::Rgb;

/// Elements that are written in the order in which they are drawn. Writing to a `String` cannot fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Canvas {
    body: String,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// The same, smaller by `margin` on every side.
    pub fn inset(&self, margin: f64) -> Self {
        Self {
            x: self.x + margin,
            y: self.y + margin,
            width: (self.width - 2.0 * margin).max(0.0),
            height: (self.height - 2.0 * margin).max(0.0),
        }
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

impl Canvas {
    /// Opens a mark that a reader can point at and reach with the keyboard; `spoken` is its name. Close it.
    pub fn open(&mut self, spoken: &str) {
        let _ =
            write!(self.body, "<g class=\"wf-mark\" role=\"img\" tabindex=\"0\"><title>{}</title>", escaped(spoken));
    }

    /// Closes a mark.
    pub fn close(&mut self) {
        self.body.push_str("</g>");
    }

    /// A rectangle whose colours are a class's.
    pub fn rect(&mut self, class: &str, area: Area) {
        self.rect_with(&format!("class=\"{class}\""), area);
    }

    /// A rectangle of one colour.
    pub fn fill(&mut self, colour: Rgb, area: Area) {
        self.rect_with(&format!("fill=\"{colour}\""), area);
    }

    fn rect_with(&mut self, paint: &str, area: Area) {
        let Area { x, y, width, height } = area;
        let [x, y, width, height] = [x, y, width, height].map(unit);
        let _ = write!(self.body, "<rect {paint} x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>");
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: [f64; 2], to: [f64; 2]) {
        let [x1, y1, x2, y2] = [from[0], from[1], to[0], to[1]].map(unit);
        let _ = write!(self.body, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    }

    /// A line through points.
    pub fn polyline(&mut self, class: &str, points: &[[f64; 2]]) {
        let points = points.iter().map(|[x, y]| format!("{},{}", unit(*x), unit(*y))).collect::<Vec<_>>();
        let _ = write!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    /// A closed polygon.
    pub fn polygon(&mut self, class: &str, points: &[[f64; 2]]) {
        let points = points.iter().map(|[x, y]| format!("{},{}", unit(*x), unit(*y))).collect::<Vec<_>>();
        let _ = write!(self.body, "<polygon class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    /// A circle.
    pub fn circle(&mut self, class: &str, at: [f64; 2], radius: f64) {
        let [x, y, radius] = [at[0], at[1], radius].map(unit);
        let _ = write!(self.body, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>");
    }

    /// A mark of the given shape.
    pub fn shape(&mut self, class: &str, shape: Shape, at: [f64; 2], radius: f64) {
        let [x, y] = at;
        match shape {
            Shape::Circle => self.circle(class, at, radius),
            Shape::Square => {
                let side = radius * 1.8;
                self.rect(class, Area { x: x - side / 2.0, y: y - side / 2.0, width: side, height: side });
            }
            Shape::Diamond => {
                let r = radius * 1.35;
                self.polygon(class, &[[x, y - r], [x + r, y], [x, y + r], [x - r, y]]);
            }
        }
    }

    /// Text, shown literally whatever it holds.
    pub fn text(&mut self, class: &str, at: [f64; 2], text: &str) {
        let [x, y] = at.map(unit);
        let _ = write!(self.body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
    }

    /// Text that reads upwards, centred on a point.
    pub fn text_upwards(&mut self, class: &str, at: [f64; 2], text: &str) {
        let [x, y] = at.map(unit);
        let text = escaped(text);
        let _ = write!(self.body, "<text class=\"{class}\" transform=\"translate({x} {y}) rotate(-90)\">{text}</text>");
    }

    /// The elements.
    pub fn into_body(self) -> String {
        self.body
    }
}

/// The shape of a mark: told apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Square,
    Diamond,
}

/// A coordinate with one decimal; a number that is none becomes 0, so that no drawing breaks.
pub(super) fn unit(value: f64) -> String {
    let value = if value.is_finite() { value.clamp(-1e6, 1e6) } else { 0.0 };
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text as XML: what acts is made visible, what XML forbids is named, marks of XML are references.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible_line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{FFFE}' | '\u{FFFF}' => {
                let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_neither_markup_nor_invisible() {
        assert_eq!(escaped("\"><script>&'"), "&quot;&gt;&lt;script&gt;&amp;&#39;");
        assert_eq!(escaped("a\u{202e}b\0\u{ffff}"), "a⟨U+202E⟩b␀⟨U+FFFF⟩");
    }

    #[test]
    fn a_coordinate_that_is_no_number_breaks_nothing() {
        assert_eq!(
            [f64::NAN, f64::INFINITY, -0.01, 1.25, 3.0, 1e300].map(unit),
            ["0", "0", "0", "1.2", "3", "1000000"]
        );
    }
}
