//! The best prompt weight against characteristics of model and data.

use crate::analyze::number::figure;
use crate::analyze::picture::CharacteristicCorrelation;
use crate::sensitivity::Measure;

use super::canvas::Shape;
use super::gains::benchmark_title;
use super::key::{Sample, key};
use super::lettering::name;
use super::numbers::{basis, known, spoken};
use super::rows::{Axis, MOST_ROWS, Row, RowMark, panel};
use super::{Draft, Figure, FigureKind, View};

/// One figure, one panel a benchmark.
pub(super) fn draw(view: &View<'_>, figures: &mut Vec<Figure>) {
    let correlations = &view.weightings.picture.correlations;
    let mut benchmarks: Vec<&str> = Vec::new();
    for entry in correlations {
        if !benchmarks.contains(&entry.benchmark.as_str()) {
            benchmarks.push(&entry.benchmark);
        }
    }
    let axis = Axis { title: "correlation with the best prompt weight λp", zero: Some(0.0), ends: Some((-1.0, 1.0)) };
    let mut panels = Vec::new();
    for benchmark in benchmarks {
        let rows = correlations.iter().filter(|entry| entry.benchmark == benchmark).map(row).collect::<Vec<_>>();
        let title = match benchmark {
            "all" => "all benchmarks together".to_owned(),
            named => benchmark_title(view, named),
        };
        panels.extend(rows.chunks(MOST_ROWS).filter_map(|rows| Some((None, panel(&title, rows, &axis)?))));
    }
    let estimates = correlations.iter().filter_map(|entry| known(&entry.spearman)).collect::<Vec<_>>();
    let interval = estimates.iter().any(|estimate| estimate.interval.is_some());
    let dot = |shape, colour, hollow| Sample::Dot { shape, colour, hollow, faded: false, interval };
    let title = "Best prompt weight λp against characteristics of model and data".to_owned();
    let draft = Draft {
        kind: FigureKind::Correlation,
        benchmark: None,
        detail: "",
        alt: format!("Dots with intervals from -1 to 1: {title}."),
        title,
        caption: format!(
            "At the right: Spearman's rho and its p-value after Benjamini and Hochberg's correction over all rows. Grids share models and data, and a correlation \
             is no cause; an interval that reaches 0 shows no association. {}",
            basis(&estimates, view.level, "Lines are")
        ),
        key: key(&[(dot(Shape::Circle, 0, false), "Spearman's rho"), (dot(Shape::Square, 3, true), "Kendall's tau-b")]),
    };
    draft.finish(panels, figures);
}

fn row(entry: &CharacteristicCorrelation) -> Row {
    let label = name(&entry.characteristic.replace('_', " "));
    let p_value = match entry.p_adjusted {
        Some(p) if p < 0.001 => ", adjusted p < 0.001".to_owned(),
        Some(p) => format!(", adjusted p {}", figure(p)),
        None => ", no p-value".to_owned(),
    };
    let value =
        known(&entry.spearman).map_or_else(|| spoken(&entry.spearman), |e| format!("{}{p_value}", figure(e.point)));
    let mark = |measure: &Measure, what: &str, shape, colour, hollow, lane| {
        known(measure).map(|estimate| RowMark {
            estimate,
            shape,
            colour,
            hollow,
            lane,
            spoken: format!("{label}: {what} {}", spoken(measure)),
        })
    };
    let spearman = mark(&entry.spearman, "Spearman's rho", Shape::Circle, 0, false, 0);
    let kendall = mark(&entry.kendall, "Kendall's tau-b", Shape::Square, 3, true, 1);
    let marks = spearman.into_iter().chain(kendall).collect();
    Row { label, value, marks, linked: false, is_summary: false }
}
