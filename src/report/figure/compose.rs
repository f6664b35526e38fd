//! Panels as one figure: side by side in a file, flowing on a page.

use std::fmt::Write as _;

use super::Figure;
use super::canvas::{Canvas, escaped, unit};
use super::lettering::{LEADING, wrapped};
use super::style;

/// Around and between panels, in units.
const MARGIN: f64 = 20.0;

/// Panels side by side, at most.
const MOST_COLUMNS: usize = 3;

/// Sizes of title and caption, in units.
const TITLE_SIZE: f64 = 17.0;
const CAPTION_SIZE: f64 = 11.5;

/// Panels wider than this scroll on a narrow page.
const WIDE: f64 = 400.0;

/// A file of its own with the given style.
pub(super) fn file(figure: &Figure, style: &str) -> String {
    let mut placed = Canvas::default();
    let panels = figure.panels.iter().chain(&figure.key).collect::<Vec<_>>();
    let columns = if figure.panels.len() == 4 { 2 } else { figure.panels.len().clamp(1, MOST_COLUMNS) };
    let column = panels.iter().map(|panel| panel.width).fold(0.0, f64::max);
    let text_width = columns as f64 * (column + MARGIN) - MARGIN;
    let mut y = MARGIN;
    for line in wrapped(&figure.title, TITLE_SIZE, text_width, 4) {
        y += TITLE_SIZE * LEADING;
        placed.text("wf-hh", [MARGIN, y - TITLE_SIZE * 0.3], &line);
    }
    y += MARGIN * 0.6;
    let mut body = placed.into_body();
    for row in panels.chunks(columns) {
        for (place, panel) in row.iter().enumerate() {
            let x = MARGIN + place as f64 * (column + MARGIN);
            let _ = write!(body, "<g transform=\"translate({} {})\">{}</g>", unit(x), unit(y), panel.body);
        }
        y += row.iter().map(|panel| panel.height).fold(0.0, f64::max) + MARGIN;
    }
    let mut words = Canvas::default();
    for line in wrapped(&figure.caption, CAPTION_SIZE, text_width, 40) {
        y += CAPTION_SIZE * LEADING;
        words.text("wf-t", [MARGIN, y - CAPTION_SIZE * 0.3], &line);
    }
    body.push_str(&words.into_body());
    let (width, height) = (unit(text_width + 2.0 * MARGIN), unit(y + MARGIN));
    let (title, desc) = (escaped(&figure.title), escaped(&format!("{} {}", figure.alt, figure.caption)));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\
         <title>{title}</title><desc>{desc}</desc><style>{style}</style>\
         <rect class=\"wf-paper\" width=\"{width}\" height=\"{height}\"/>{body}</svg>\n"
    )
}

/// For a page that has [`FIGURE_CSS`](super::FIGURE_CSS).
pub(super) fn inline(figure: &Figure) -> String {
    let mut html = format!("<div class=\"wf\" role=\"group\" aria-label=\"{}\">", escaped(&figure.alt));
    for panel in figure.panels.iter().chain(&figure.key) {
        let wide = if panel.width > WIDE { " wf-wide" } else { "" };
        let (width, height) = (unit(panel.width), unit(panel.height));
        let _ = write!(
            html,
            "<svg class=\"wf-panel{wide}\" viewBox=\"0 0 {width} {height}\" role=\"group\" aria-label=\"{}\">{}</svg>",
            escaped(&panel.label),
            panel.body
        );
    }
    html + "</div>"
}

impl Figure {
    /// A file of its own: light, and dark where the reader's system is.
    pub fn svg(&self) -> String {
        file(self, &style::standalone())
    }

    /// A fragment for a page that has [`FIGURE_CSS`](super::FIGURE_CSS): one `svg` a panel in a `div`, so that panels flow
    /// with the width of the page and text keeps its size on a phone. Every mark can be reached with the keyboard and says its
    /// number; so the `svg` is a group, and its marks are the images.
    pub fn inline_svg(&self) -> String {
        inline(self)
    }

    /// The figure in light colours on white, two pixels a unit; at most 8,192 pixels a side. Equal figures give equal bytes.
    pub fn png(&self) -> Result<Vec<u8>, super::FigureError> {
        super::raster::png(&self.name, &file(self, &style::raster()))
    }
}
