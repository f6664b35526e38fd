//! How wide text is, about, and where labels find room. Readers' fonts differ, so widths are estimates on the wide side.

use crate::report::text::visible_line;

use super::canvas::{Area, Canvas};

/// Height of a line of text over its size.
pub(super) const LEADING: f64 = 1.3;

/// Names from outside are cut to this many characters before anything measures or draws them.
const LONGEST_NAME: usize = 160;

/// Width of a line of text in units, for a size in units.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| relative_width(c) * size).sum()
}

fn relative_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.29,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 0.37,
        'm' | 'M' | 'W' | '%' | '@' => 1.0,
        'A'..='Z' | 'w' => 0.76,
        c if c.is_ascii() => 0.575,
        c if u32::from(c) < 0x2E80 => 0.64,
        _ => 1.05,
    }
}

/// A name from outside: visible, on one line, not longer than any figure needs.
pub(super) fn name(text: &str) -> String {
    let text = visible_line(text);
    match text.char_indices().nth(LONGEST_NAME) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Text cut to a width, with an ellipsis where something is missing.
pub(super) fn clipped(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.to_owned();
    }
    let mut room = limit - relative_width('…') * size;
    let mut out = String::new();
    for c in text.chars() {
        room -= relative_width(c) * size;
        if room < 0.0 {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out + "…"
}

/// Text in lines of at most a width; what does not fit into `most` lines is cut.
pub(super) fn wrapped(text: &str, size: f64, limit: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&joined, size) <= limit {
            line = joined;
        } else if line.is_empty() {
            line = clipped(word, size, limit);
        } else if lines.len() + 1 == most {
            let rest = words.by_ref().fold(joined, |rest, word| format!("{rest} {word}"));
            lines.push(clipped(&rest, size, limit));
            return lines;
        } else {
            lines.push(std::mem::take(&mut line));
            line = clipped(word, size, limit);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Where labels found room.
pub(super) struct Labels {
    frame: Area,
    taken: Vec<Area>,
}

/// Directions in which a label may stand from its point, best first.
const DIRECTIONS: [[f64; 2]; 8] =
    [[1.0, -0.7], [-1.0, -0.7], [1.0, 0.7], [-1.0, 0.7], [0.0, -1.0], [0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]];

impl Labels {
    /// Labels stay inside `frame` and off the marks of a `radius` around `points`.
    pub fn new(frame: Area, points: &[[f64; 2]], radius: f64) -> Self {
        let size = 2.0 * radius;
        let around = |p: &[f64; 2]| Area { x: p[0] - radius, y: p[1] - radius, width: size, height: size };
        Self { frame, taken: points.iter().map(around).collect() }
    }

    /// Draws a label at its point where there is room, further away with a line to its point; not at all where there is none.
    pub fn draw(&mut self, canvas: &mut Canvas, class: &str, point: [f64; 2], text: &str, size: f64) -> bool {
        let (wide, high) = (width(text, size) + 2.0, size * 1.1);
        for distance in [7.0, 14.0, 24.0, 36.0, 50.0] {
            for [dx, dy] in DIRECTIONS {
                let centre = [point[0] + dx * (distance + wide / 2.0), point[1] + dy * (distance + high / 2.0)];
                let area = Area { x: centre[0] - wide / 2.0, y: centre[1] - high / 2.0, width: wide, height: high };
                let inside = area.x >= self.frame.x
                    && area.right() <= self.frame.right()
                    && area.y >= self.frame.y
                    && area.bottom() <= self.frame.bottom();
                if !inside || self.taken.iter().any(|other| other.overlaps(&area)) {
                    continue;
                }
                if distance > 10.0 {
                    let nearest =
                        [point[0].clamp(area.x, area.right()), point[1].clamp(area.y + 1.0, area.bottom() - 1.0)];
                    canvas.line("wf-leader", point, nearest);
                }
                canvas.text(class, [area.x + 1.0, area.bottom() - size * 0.26], text);
                self.taken.push(area);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_what_is_cut_says_so() {
        let text = "response weight and prompt weight over all the wordings of an item";
        let lines = wrapped(text, 12.0, 120.0, 9);
        assert!(lines.len() > 2 && lines.iter().all(|line| width(line, 12.0) <= 120.0));
        assert_eq!(lines.join(" "), text);
        let cut = wrapped(text, 12.0, 120.0, 2);
        assert_eq!(cut.len(), 2);
        assert!(cut[1].ends_with('…'));
        assert!(width(&clipped(&"W".repeat(300), 12.0, 100.0), 12.0) <= 100.0);
    }

    #[test]
    fn labels_never_overlap_and_stay_inside() {
        let frame = Area { x: 0.0, y: 0.0, width: 200.0, height: 120.0 };
        let points = (0..40).map(|k| [100.0 + f64::from(k % 7), 60.0 + f64::from(k % 5)]).collect::<Vec<_>>();
        let mut labels = Labels::new(frame, &points, 4.0);
        let mut canvas = Canvas::default();
        let drawn = points.iter().filter(|point| labels.draw(&mut canvas, "wf-t", **point, "(0.4, 0.6)", 10.0)).count();
        assert!((2..40).contains(&drawn), "{drawn}");
        let placed = &labels.taken[points.len()..];
        for (place, area) in placed.iter().enumerate() {
            assert!(area.x >= 0.0 && area.right() <= 200.0 && area.y >= 0.0 && area.bottom() <= 120.0);
            assert!(placed.iter().skip(place + 1).all(|other| !other.overlaps(area)));
        }
    }
}
