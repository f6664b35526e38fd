//! Figures of the weighting picture, each in the section that its numbers stand in.

use serde::Serialize;

use crate::analyze::Analysis;
use crate::report::figure::{Figure, FigureKind, figures};

/// A figure on the page.
#[derive(Serialize)]
pub(super) struct FigureView {
    name: String,
    title: String,
    caption: String,
    is_open: bool,
    drawing_svg: String,
}

/// All figures, to be handed out to sections.
pub(super) struct Figures {
    all: Vec<Figure>,
}

impl Figures {
    /// The figures of an analysis.
    pub fn of(analysis: &Analysis) -> Self {
        Self { all: figures(analysis) }
    }

    /// The figures of a section, the first open.
    pub fn of_section(&mut self, section: &str) -> Vec<FigureView> {
        self.taken(|figure| section_of(figure.kind) == section, 1)
    }

    /// The figures of a benchmark that belong to no other section, all open.
    pub fn of_benchmark(&mut self, benchmark: &str) -> Vec<FigureView> {
        self.taken(|figure| figure.benchmark.as_deref() == Some(benchmark), usize::MAX)
    }

    /// What nobody took.
    pub fn rest(&mut self) -> Vec<FigureView> {
        self.taken(|_| true, 0)
    }

    fn taken(&mut self, wanted: impl Fn(&Figure) -> bool, most_open: usize) -> Vec<FigureView> {
        let (own, others) = std::mem::take(&mut self.all).into_iter().partition(wanted);
        self.all = others;
        let views = own.into_iter().enumerate();
        views.map(|(place, figure)| view(figure, place < most_open)).collect()
    }
}

fn view(figure: Figure, is_open: bool) -> FigureView {
    let drawing_svg = figure.inline_svg();
    FigureView { name: figure.name, title: figure.title, caption: figure.caption, is_open, drawing_svg }
}

/// The section whose tables hold a figure's numbers; none for the maps, which stand with their benchmark.
fn section_of(kind: FigureKind) -> &'static str {
    match kind {
        FigureKind::PerformanceMap | FigureKind::SensitivityMap | FigureKind::RelativeGainMap => "",
        FigureKind::Gains => "gains",
        FigureKind::Plane => "fronts",
        FigureKind::WeightEffect => "effects",
        FigureKind::TradeOff => "trade-offs",
        FigureKind::PreferenceGain => "preference",
        FigureKind::Correlation => "correlations",
        FigureKind::Variance => "variance",
        FigureKind::Likelihood => "likelihoods",
    }
}
