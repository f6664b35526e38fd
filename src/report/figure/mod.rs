//! Figures of the weighting picture as SVG and PNG, made from the [`Analysis`] alone. `docs/figures.md` says what each shows
//! and how to read it.
//!
//! A figure is a row of panels of one width, so that it stands side by side in a file and flows on a page. Text from outside is
//! shown literally, numbers that cannot be drawn are left out, and equal analyses give equal bytes.

mod canvas;
mod colour;
mod compose;
mod correlations;
mod densities;
mod effects;
mod gains;
mod grids;
mod heat;
mod heat_panel;
mod key;
mod lettering;
mod numbers;
mod plane;
mod preference;
mod raster;
mod rows;
mod scale;
mod scatter;
mod style;
mod trade_off;
mod variance;

use std::collections::BTreeMap;

use crate::analyze::Analysis;
use crate::analyze::analysis::WeightingsAnalysis;

use canvas::Canvas;
use grids::Grid;
use lettering::{LEADING, wrapped};

pub use raster::FigureError;
pub use style::FIGURE_CSS;

/// Panels of a figure, at most: what is beyond goes into a further figure.
const MOST_PANELS: usize = 18;

/// Width of a panel in units; about a CSS pixel on a phone.
const PANEL_WIDTH: f64 = 360.0;

/// What a figure shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FigureKind {
    /// The best cell against conventional tuning, and the mean over series.
    Gains,
    /// Performance over λp and λr.
    PerformanceMap,
    /// Sensitivity over λp and λr.
    SensitivityMap,
    /// Relative gain over (0,1), over λp and λr.
    RelativeGainMap,
    /// Performance against sensitivity, with the Pareto front.
    Plane,
    /// What one weight does to a measure, the other averaged out.
    WeightEffect,
    /// Adherence against conversation.
    TradeOff,
    /// Before and after preference tuning.
    PreferenceGain,
    /// The best prompt weight against characteristics of model and data.
    Correlation,
    /// Variance by source.
    Variance,
    /// Densities of mean log-probability a token, of prompts and of responses.
    Likelihood,
}

impl FigureKind {
    /// Its name in file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gains => "gains",
            Self::PerformanceMap => "performance-map",
            Self::SensitivityMap => "sensitivity-map",
            Self::RelativeGainMap => "relative-gain-map",
            Self::Plane => "plane",
            Self::WeightEffect => "weight-effect",
            Self::TradeOff => "trade-off",
            Self::PreferenceGain => "preference-gain",
            Self::Correlation => "correlation",
            Self::Variance => "variance",
            Self::Likelihood => "likelihood",
        }
    }
}

/// A figure: what it says in words, and its panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Unique in the analysis, stable, and safe as a file name: `performance-map-average`.
    pub name: String,
    /// Its title, for people; it may hold text from outside.
    pub title: String,
    /// How to read it, what the marks mean, n and level.
    pub caption: String,
    /// What it is, in one sentence.
    pub alt: String,
    /// What it shows.
    pub kind: FigureKind,
    /// Name of the benchmark, where it shows one.
    pub benchmark: Option<String>,
    /// Number of the series, where it shows one only.
    pub series: Option<usize>,
    panels: Vec<Panel>,
    key: Option<Panel>,
}

/// A drawing of its own size.
#[derive(Debug, Clone, PartialEq)]
struct Panel {
    width: f64,
    height: f64,
    label: String,
    body: String,
}

/// A figure before its panels are shared out.
struct Draft<'a> {
    kind: FigureKind,
    benchmark: Option<&'a str>,
    /// What else tells its name from others'.
    detail: &'a str,
    title: String,
    caption: String,
    alt: String,
    key: Option<Panel>,
}

/// What figures are made from.
struct View<'a> {
    weightings: &'a WeightingsAnalysis,
    grids: Vec<Grid<'a>>,
    level: f64,
}

/// Every figure that the analysis has numbers for: gains, then maps and planes benchmark by benchmark, then the rest.
pub fn figures(analysis: &Analysis) -> Vec<Figure> {
    let mut figures = Vec::new();
    if let Some(weightings) = &analysis.weightings {
        let view = View { weightings, grids: grids::grids(weightings), level: analysis.level };
        gains::draw(&view, &mut figures);
        for benchmark in &weightings.benchmarks {
            heat::draw(&view, benchmark, &mut figures);
            plane::draw(&view, benchmark, &mut figures);
        }
        effects::draw(&view, &mut figures);
        trade_off::draw(&view, &mut figures);
        preference::draw(&view, &mut figures);
        correlations::draw(&view, &mut figures);
        variance::draw(&view, &mut figures);
    }
    densities::draw(analysis, &mut figures);
    make_names_unique(&mut figures);
    figures
}

impl Draft<'_> {
    /// Shares panels out over as many figures as they need; `series` tells whose each panel is.
    fn finish(self, panels: Vec<(Option<usize>, Panel)>, figures: &mut Vec<Figure>) {
        let parts = panels.len().div_ceil(MOST_PANELS);
        let mut panels = panels.into_iter().peekable();
        let mut part = 0;
        while panels.peek().is_some() {
            part += 1;
            let (series, panels): (Vec<_>, Vec<_>) = panels.by_ref().take(MOST_PANELS).unzip();
            let (mut name, mut title) = (self.name(), self.title.clone());
            if parts > 1 {
                name = format!("{name}-part-{part}");
                title = format!("{title} (part {part} of {parts})");
            }
            let only = series.first().copied().flatten().filter(|first| series.iter().all(|s| *s == Some(*first)));
            figures.push(Figure {
                name,
                title,
                caption: self.caption.clone(),
                alt: self.alt.clone(),
                kind: self.kind,
                benchmark: self.benchmark.map(str::to_owned),
                series: only,
                panels,
                key: self.key.clone(),
            });
        }
    }

    fn name(&self) -> String {
        let parts = [self.kind.as_str(), self.benchmark.unwrap_or_default(), self.detail];
        let parts = parts.into_iter().map(slug).filter(|part| !part.is_empty()).collect::<Vec<_>>();
        parts.join("-")
    }
}

/// Letters and digits of ASCII; everything else is a hyphen.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(60) {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// Names that two figures share get numbers, in the order of the figures.
fn make_names_unique(figures: &mut [Figure]) {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for figure in figures {
        let mut name = figure.name.clone();
        while taken.contains_key(&name) {
            let number = taken.entry(figure.name.clone()).or_insert(1);
            *number += 1;
            name = format!("{}-{number}", figure.name);
        }
        taken.insert(name.clone(), 1);
        figure.name = name;
    }
}

/// Size of a panel's title as its width is estimated: bold letters are wider.
const BOLD: f64 = 13.0 * 1.18;

/// Draws a panel's title; returns where its content may start.
fn heading(canvas: &mut Canvas, title: &str, width: f64) -> f64 {
    let mut y = 0.0;
    for line in wrapped(title, BOLD, width, 3) {
        y += 13.0 * LEADING;
        canvas.text("wf-h", [0.0, y - 4.0], &line);
    }
    y + 4.0
}
