//! What one weight does to a measure, the other averaged out: level means with intervals.

use crate::analyze::analysis::Headline;
use crate::analyze::picture::{WeightAxis, WeightEffect};

use super::canvas::{Area, Canvas, Shape};
use super::gains::benchmark_title;
use super::grids::{series_name, shown_sensitivity};
use super::key::{Sample, dot_class, key};
use super::lettering::wrapped;
use super::numbers::{basis, ends, known, row as row_words, spoken};
use super::scale::{Scale, is_drawable};
use super::{Draft, Figure, FigureKind, PANEL_WIDTH, Panel, View, heading};

/// Left margin and height of the frame, in units.
const LEFT: f64 = 48.0;
const HEIGHT: f64 = 190.0;

/// One figure a benchmark and measure, one panel a series; both weights in a panel.
pub(super) fn draw(view: &View<'_>, figures: &mut Vec<Figure>) {
    let effects = &view.weightings.picture.weight_effects;
    let mut places: Vec<(&str, Headline)> = Vec::new();
    for effect in effects {
        let benchmark = view.weightings.benchmarks.iter().find(|entry| entry.benchmark == effect.benchmark);
        let shown = benchmark.and_then(shown_sensitivity);
        // The other measures are in the tables: six figures a benchmark are none.
        let is_shown = effect.measure == Headline::Performance || shown.is_none_or(|shown| shown == effect.measure);
        if is_shown && !places.contains(&(effect.benchmark.as_str(), effect.measure)) {
            places.push((&effect.benchmark, effect.measure));
        }
    }
    for (benchmark, measure) in places {
        let here = effects.iter().filter(|effect| effect.benchmark == benchmark && effect.measure == measure);
        let here = here.collect::<Vec<_>>();
        let mut series = here.iter().map(|effect| effect.series).collect::<Vec<_>>();
        series.sort_unstable();
        series.dedup();
        let panels = series.iter().filter_map(|number| {
            let of_series = here.iter().copied().filter(|effect| effect.series == *number).collect::<Vec<_>>();
            Some((Some(*number), panel(&series_name(view.weightings, *number), measure, &of_series)?))
        });
        let panels = panels.collect::<Vec<_>>();
        let levels = here.iter().flat_map(|effect| &effect.levels).filter_map(|level| known(&level.value));
        let levels = levels.collect::<Vec<_>>();
        let title = format!("{}: effect of each weight on {}", benchmark_title(view, benchmark), measure.title());
        let interval = levels.iter().any(|estimate| estimate.interval.is_some());
        let dot = |axis: WeightAxis| {
            let (shape, colour, _) = marks(axis);
            Sample::Dot { shape, colour, hollow: axis == WeightAxis::Prompt, faded: false, interval }
        };
        let draft = Draft {
            kind: FigureKind::WeightEffect,
            benchmark: Some(benchmark),
            detail: measure.as_str(),
            alt: format!("Lines over the values of each weight: {title}."),
            title,
            caption: format!(
                "Each dot: mean over the weightings with that value of the weight. Under each panel: change of {} by one unit of the weight (least squares on both \
                 weights) and Spearman's correlation over weightings. {}",
                measure.title(),
                basis(&levels, view.level, "Lines are")
            ),
            key: key(&[
                (dot(WeightAxis::Response), "response weight λr, prompt weight averaged out"),
                (dot(WeightAxis::Prompt), "prompt weight λp, response weight averaged out"),
            ]),
        };
        draft.finish(panels, figures);
    }
}

fn marks(axis: WeightAxis) -> (Shape, usize, &'static str) {
    match axis {
        WeightAxis::Response => (Shape::Circle, 0, "λr"),
        WeightAxis::Prompt => (Shape::Square, 1, "λp"),
    }
}

fn panel(title: &str, measure: Headline, effects: &[&WeightEffect]) -> Option<Panel> {
    let mut canvas = Canvas::default();
    let top = heading(&mut canvas, title, PANEL_WIDTH) + 16.0;
    let frame = Area { x: LEFT, y: top, width: PANEL_WIDTH - LEFT - 6.0, height: HEIGHT };
    let values = effects.iter().flat_map(|effect| &effect.levels).filter_map(|level| known(&level.value));
    let up = Scale::over(values.flat_map(|estimate| ends(&estimate)), frame.bottom(), frame.y, 5.0)?;
    let across = Scale::between(-0.05, 1.13, frame.x, frame.right(), 6.0);
    canvas.text("wf-s", [0.0, frame.y - 8.0], measure.title());
    for (tick, text) in up.ticks() {
        canvas.line("wf-grid", [frame.x, up.at(tick)], [frame.right(), up.at(tick)]);
        canvas.text("wf-s wf-e", [frame.x - 6.0, up.at(tick) + 3.5], &text);
    }
    for (tick, text) in across.ticks() {
        canvas.text("wf-s wf-m", [across.at(tick), frame.bottom() + 15.0], &text);
    }
    canvas.rect("wf-frame", frame);
    canvas.text("wf-s wf-m", [f64::midpoint(frame.x, frame.right()), frame.bottom() + 31.0], "weight");
    for effect in effects {
        line(&mut canvas, effect, &across, &up);
    }
    let mut y = frame.bottom() + 34.0;
    for effect in effects {
        for line in wrapped(&slope_words(effect), 10.5, PANEL_WIDTH, 3) {
            y += 15.0;
            canvas.text("wf-s", [0.0, y], &line);
        }
    }
    Some(Panel { width: PANEL_WIDTH, height: y + 6.0, label: title.to_owned(), body: canvas.into_body() })
}

/// `λr: slope -0.120 [-0.200, -0.040], Spearman -0.800`.
fn slope_words(effect: &WeightEffect) -> String {
    let (_, _, name) = marks(effect.axis);
    let slope = known(&effect.slope).map_or_else(|| spoken(&effect.slope), |estimate| row_words(&estimate, true));
    let correlation = known(&effect.correlation).map(|e| format!("; Spearman {}", row_words(&e, true)));
    format!("{name}: slope {slope}{}", correlation.unwrap_or_default())
}

fn line(canvas: &mut Canvas, effect: &WeightEffect, across: &Scale, up: &Scale) {
    let (shape, colour, name) = marks(effect.axis);
    let is_prompt = effect.axis == WeightAxis::Prompt;
    // The two lines stand a little apart, so that intervals at one weight do not hide each other.
    let apart = if is_prompt { 2.5 } else { -2.5 };
    let levels = effect.levels.iter().filter(|level| is_drawable(level.weight));
    let levels = levels.filter_map(|level| Some((level, known(&level.value)?)));
    let places = levels.map(|(level, estimate)| (level, estimate, across.at(level.weight) + apart)).collect::<Vec<_>>();
    let points = places.iter().map(|(_, estimate, x)| [*x, up.at(estimate.point)]).collect::<Vec<_>>();
    let dash = if is_prompt { " wf-dash1" } else { "" };
    canvas.polyline(&format!("wf-w wf-x{colour}{dash}"), &points);
    for ((level, estimate, x), point) in places.iter().zip(&points) {
        canvas.open(&format!("{name} {}: {}, mean over {} weightings", level.weight, spoken(&level.value), level.arms));
        if let Some(interval) = estimate.interval {
            canvas.line(&format!("wf-w wf-x{colour}"), [*x, up.at(interval.low)], [*x, up.at(interval.high)]);
        }
        canvas.shape(&dot_class(colour, is_prompt, false), shape, *point, 4.0);
        canvas.close();
    }
    if let Some([x, y]) = points.last() {
        // Where the lines end close together, their names stand one above the other.
        canvas.text(&format!("wf-t wf-f{colour}"), [x + 9.0, y + if is_prompt { 9.0 } else { -1.0 }], name);
    }
}
