//! Where the variance of a credit comes from: one bar a series and benchmark, its shares as text.

use crate::analyze::number::percent;
use crate::analyze::picture::{VarianceDecomposition, VarianceSource};

use super::canvas::{Area, Canvas};
use super::gains::benchmark_title;
use super::grids::series_name;
use super::key::{Sample, key};
use super::lettering::{clipped, width, wrapped};
use super::numbers::{basis, known, spoken};
use super::rows::MOST_ROWS;
use super::{Draft, Figure, FigureKind, PANEL_WIDTH, Panel, View, heading};

/// One figure, one panel a series, one bar a benchmark.
pub(super) fn draw(view: &View<'_>, figures: &mut Vec<Figure>) {
    let all = &view.weightings.picture.variance;
    let mut series = all.iter().map(|entry| entry.series).collect::<Vec<_>>();
    series.sort_unstable();
    series.dedup();
    let mut panels = Vec::new();
    for number in series {
        let bars = all.iter().filter(|entry| entry.series == number).collect::<Vec<_>>();
        for bars in bars.chunks(MOST_ROWS) {
            if let Some(panel) = panel(view, &series_name(view.weightings, number), bars) {
                panels.push((Some(number), panel));
            }
        }
    }
    let components = all.iter().flat_map(|entry| &entry.components);
    let estimates = components.clone().filter_map(|share| known(&share.variance)).collect::<Vec<_>>();
    let mut occurring = components.map(|share| share.source).collect::<Vec<_>>();
    occurring.sort_unstable();
    occurring.dedup();
    let entries = occurring.into_iter().map(|source| (Sample::Swatch { colour: colour(source) }, words(source)));
    let title = "Where the variance of a credit comes from".to_owned();
    let intervals = basis(&estimates, view.level, "Under each bar, variance with");
    let draft = Draft {
        kind: FigureKind::Variance,
        benchmark: None,
        detail: "",
        alt: format!("Stacked bars of shares: {title}."),
        title,
        caption: format!(
            "Shares of the summed variance, by points; a share has no interval of its own, so the interval of each variance says how firm it is. Sources that \
             the design cannot tell apart are absent. {intervals}"
        ),
        key: key(&entries.collect::<Vec<_>>()),
    };
    draft.finish(panels, figures);
}

fn panel(view: &View<'_>, title: &str, bars: &[&VarianceDecomposition]) -> Option<Panel> {
    let drawable = |entry: &&&VarianceDecomposition| total(entry) > 0.0;
    bars.iter().find(drawable)?;
    let mut canvas = Canvas::default();
    let mut y = heading(&mut canvas, title, PANEL_WIDTH);
    for entry in bars.iter().filter(drawable) {
        y += 16.0;
        let label = clipped(&benchmark_title(view, &entry.benchmark), 11.5, PANEL_WIDTH);
        canvas.text("wf-t", [0.0, y], &label);
        bar(&mut canvas, entry, y + 5.0);
        y += 30.0;
        for line in wrapped(&shares(entry), 10.5, PANEL_WIDTH, 8) {
            y += 14.0;
            canvas.text("wf-s", [0.0, y], &line);
        }
        y += 8.0;
    }
    Some(Panel { width: PANEL_WIDTH, height: y + 4.0, label: title.to_owned(), body: canvas.into_body() })
}

/// Shares as they are drawn: never negative, never without a number.
fn drawn(share: f64) -> f64 {
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}

fn total(entry: &VarianceDecomposition) -> f64 {
    entry.components.iter().map(|component| drawn(component.share)).sum()
}

fn bar(canvas: &mut Canvas, entry: &VarianceDecomposition, y: f64) {
    let total = total(entry);
    let mut x = 0.0;
    for component in &entry.components {
        let share = drawn(component.share);
        let area = Area { x, y, width: PANEL_WIDTH * share / total, height: 22.0 };
        x = area.right();
        if area.width < 0.05 {
            continue;
        }
        let name = words(component.source);
        canvas.open(&format!("{name}: {} of the variance, {}", percent(share), spoken(&component.variance)));
        canvas.rect(&format!("wf-v{}", colour(component.source)), Area { width: (area.width - 1.0).max(0.4), ..area });
        let candidates = [format!("{name} {}", percent(share)), percent(share)];
        if let Some(text) = candidates.iter().find(|text| width(text, 11.5) + 6.0 < area.width) {
            canvas.text("wf-t wf-m", [area.x + area.width / 2.0, y + 15.0], text);
        }
        canvas.close();
    }
}

/// `which items 62 % (0.120 [0.100, 0.140])`, all of them.
fn shares(entry: &VarianceDecomposition) -> String {
    let one = entry.components.iter().map(|component| {
        let variance = known(&component.variance)
            .map_or_else(|| "no variance".to_owned(), |estimate| super::numbers::row(&estimate, false));
        format!("{} {} ({variance})", words(component.source), percent(drawn(component.share)))
    });
    one.collect::<Vec<_>>().join(" · ")
}

fn colour(source: VarianceSource) -> usize {
    match source {
        VarianceSource::Item => 0,
        VarianceSource::Variant => 1,
        VarianceSource::ItemByVariant => 4,
        VarianceSource::Seed => 3,
        VarianceSource::Weighting => 2,
        VarianceSource::Residual => 5,
    }
}

fn words(source: VarianceSource) -> &'static str {
    match source {
        VarianceSource::Item => "item",
        VarianceSource::Variant => "wording",
        VarianceSource::ItemByVariant => "item by wording",
        VarianceSource::Seed => "training seed",
        VarianceSource::Weighting => "loss weighting",
        VarianceSource::Residual => "what is left",
    }
}
