//! SVG as PNG: no system fonts, no network, no clock, so that equal figures give equal bytes.

use std::sync::{Arc, LazyLock};

use resvg::usvg::{self, fontdb};
use resvg::{render, tiny_skia};
use thiserror::Error;

/// Pixels per unit.
const SCALE: f32 = 2.0;

/// The longest side of a PNG, in pixels.
const LONGEST_SIDE: f32 = 8_192.0;

/// The most pixels of a PNG: 96 MB while it is drawn.
const MOST_PIXELS: f32 = 24_000_000.0;

/// Why a figure has no PNG.
#[derive(Debug, Error)]
pub enum FigureError {
    /// The SVG cannot be read back.
    #[error("figure {figure} cannot be drawn: {source}; this is a fault of the program, please report it")]
    Parse {
        /// Name of the figure.
        figure: String,
        /// What the reader said.
        source: usvg::Error,
    },
    /// There is no such picture.
    #[error(
        "figure {figure} has no size that can be drawn ({width} by {height} units); this is a fault of the program"
    )]
    Size {
        /// Name of the figure.
        figure: String,
        /// Width in units.
        width: f32,
        /// Height in units.
        height: f32,
    },
    /// The picture cannot be written.
    #[error("figure {figure} cannot be written as PNG: {reason}")]
    Encode {
        /// Name of the figure.
        figure: String,
        /// What the encoder said.
        reason: String,
    },
}

/// The fonts of every PNG: Ubuntu Light, and Hack for what it lacks.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    fonts.set_sans_serif_family("Ubuntu");
    Arc::new(fonts)
});

/// Draws an SVG at twice its size, smaller where it is very large.
pub(super) fn png(figure: &str, svg: &str) -> Result<Vec<u8>, FigureError> {
    let figure = || figure.to_owned();
    let options =
        usvg::Options { fontdb: Arc::clone(&FONTS), font_family: "Ubuntu".to_owned(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|source| FigureError::Parse { figure: figure(), source })?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = SCALE.min(LONGEST_SIDE / width.max(height)).min((MOST_PIXELS / (width * height)).sqrt());
    // Both sides are at most `LONGEST_SIDE`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let pixels = |side: f32| (side * scale).ceil().clamp(1.0, LONGEST_SIDE) as u32;
    let mut pixmap = tiny_skia::Pixmap::new(pixels(width), pixels(height)).ok_or_else(|| FigureError::Size {
        figure: figure(),
        width,
        height,
    })?;
    pixmap.fill(tiny_skia::Color::WHITE);
    render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| FigureError::Encode { figure: figure(), reason: error.to_string() })
}
