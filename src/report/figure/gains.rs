//! The best cell against conventional tuning: one row a series, and the mean over series.

use crate::analyze::analysis::BenchmarkWeightings;
use crate::analyze::picture::{Gain, MeanGain};
use crate::estimate::{Estimate, Interval};
use crate::sensitivity::Measure;

use super::canvas::Shape;
use super::grids::{arm_label, series_name};
use super::key::{Sample, key};
use super::lettering::name;
use super::numbers::{basis, known, signed_percent, spoken_percent};
use super::rows::{Axis, MOST_ROWS, Row, RowMark, panel};
use super::{Draft, Figure, FigureKind, View};

/// One figure: one panel a benchmark, or one panel of benchmarks where there is one series only.
pub(super) fn draw(view: &View<'_>, figures: &mut Vec<Figure>) {
    let picture = &view.weightings.picture;
    if picture.gains.is_empty() {
        return;
    }
    let mut numbers = picture.gains.iter().map(|gain| gain.series).collect::<Vec<_>>();
    numbers.sort_unstable();
    numbers.dedup();
    let axis = Axis { title: "relative gain over conventional tuning (0, 1), %", zero: Some(0.0), ends: None };
    let mut panels = Vec::new();
    if let [only] = numbers.as_slice() {
        let rows = picture.gains.iter().map(|gain| gain_row(view, gain, &benchmark_title(view, &gain.benchmark)));
        let rows = rows.collect::<Vec<_>>();
        let title = series_name(view.weightings, *only);
        panels.extend(rows.chunks(MOST_ROWS).filter_map(|rows| Some((Some(*only), panel(&title, rows, &axis)?))));
    } else {
        for benchmark in &view.weightings.benchmarks {
            let rows = benchmark_rows(view, benchmark);
            let title = name(&benchmark.title);
            panels.extend(rows.chunks(MOST_ROWS).filter_map(|rows| Some((None, panel(&title, rows, &axis)?))));
        }
    }
    let gains = picture.gains.iter().filter(|gain| gain.arm != gain.reference);
    let estimates = gains.filter_map(|gain| known(&gain.relative)).collect::<Vec<_>>();
    let has_mean = numbers.len() > 1 && !picture.mean_gains.is_empty();
    let interval = estimates.iter().any(|estimate| estimate.interval.is_some());
    let dot = |shape, colour, interval| Sample::Dot { shape, colour, hollow: false, faded: false, interval };
    let means = picture.mean_gains.iter().filter_map(|mean| known(&mean.relative));
    let mean_interval = has_mean && means.into_iter().any(|mean| mean.interval.is_some());
    let mut entries = vec![(dot(Shape::Circle, 0, interval), "best cell of a series over (0, 1)")];
    if has_mean {
        entries.push((dot(Shape::Diamond, 1, mean_interval), "mean over series, each counting once"));
    }
    let chosen = picture.gains.iter().map(|gain| gain.chosen_from).max().unwrap_or(0);
    let title = "Relative gain of the best cell over conventional tuning (0, 1)".to_owned();
    let draft = Draft {
        kind: FigureKind::Gains,
        benchmark: None,
        detail: "",
        alt: format!("Dots with intervals: {title}."),
        title,
        caption: format!(
            "(best - reference) / reference, by performance; in brackets the best cell, (λp, λr). The best cell is the largest of up to {chosen} noisy \
             numbers, so its point is too high on average. {}{}{}",
            if interval {
                "An interval holds for all the cells that the best was chosen from; where it reaches the dashed line, the gain is not shown. ±?: no interval. "
            } else {
                "±?: no interval. "
            },
            basis(&estimates, view.level, "Lines are"),
            if mean_interval {
                " The line on a mean is its interval over series, clustered by base model."
            } else {
                ""
            }
        ),
        key: key(&entries),
    };
    draft.finish(panels, figures);
}

fn benchmark_rows(view: &View<'_>, benchmark: &BenchmarkWeightings) -> Vec<Row> {
    let picture = &view.weightings.picture;
    let gains = picture.gains.iter().filter(|gain| gain.benchmark == benchmark.benchmark);
    let rows = gains.map(|gain| gain_row(view, gain, &series_name(view.weightings, gain.series)));
    let means = picture.mean_gains.iter().filter(|mean| mean.benchmark == benchmark.benchmark && mean.series > 1);
    rows.chain(means.map(mean_row)).collect()
}

fn gain_row(view: &View<'_>, gain: &Gain, label: &str) -> Row {
    let arm = view.weightings.arm(&gain.arm).map_or_else(|| name(&gain.arm), arm_label);
    let row = row(&gain.relative, label.to_owned(), &arm, Shape::Circle, 0);
    if gain.arm == gain.reference {
        return Row { value: format!("{arm} itself: 0 by definition"), ..row };
    }
    row
}

fn mean_row(mean: &MeanGain) -> Row {
    let stage = mean.stage.as_deref().map(|stage| format!("{}: ", name(stage))).unwrap_or_default();
    let label = format!("{stage}mean of {} series", mean.series);
    Row { is_summary: true, ..row(&mean.relative, label, "", Shape::Diamond, 1) }
}

fn row(measure: &Measure, label: String, arm: &str, shape: Shape, colour: usize) -> Row {
    let estimate = known(measure);
    let value = match &estimate {
        Some(Estimate { point, interval: Some(interval), .. }) => {
            let ends = [interval.low, interval.high].map(|end| signed_percent(end).trim_end_matches(" %").to_owned());
            format!("{} [{}]", signed_percent(*point), ends.join(", "))
        }
        Some(estimate) => format!("{} ±?", signed_percent(estimate.point)),
        None => spoken_percent(measure),
    };
    let value = if arm.is_empty() { value } else { format!("{arm} {value}") };
    let spoken = format!("{label} {arm}: {}", spoken_percent(measure));
    let mark = |estimate| RowMark { estimate: in_percent(estimate), shape, colour, hollow: false, lane: 0, spoken };
    Row { label, value, marks: estimate.map(mark).into_iter().collect(), linked: false, is_summary: false }
}

fn in_percent(estimate: Estimate) -> Estimate {
    let interval = estimate.interval.map(|interval| Interval {
        low: interval.low * 100.0,
        high: interval.high * 100.0,
        ..interval
    });
    Estimate { point: estimate.point * 100.0, interval, ..estimate }
}

/// A benchmark's name for people.
pub(super) fn benchmark_title(view: &View<'_>, benchmark: &str) -> String {
    let found = view.weightings.benchmarks.iter().find(|entry| entry.benchmark == benchmark);
    name(found.map_or(benchmark, |entry| &entry.title))
}
