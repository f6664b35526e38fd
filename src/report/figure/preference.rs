//! Before and after preference tuning: a dumbbell an arm.

use std::collections::BTreeMap;

use crate::analyze::analysis::{Arm, Headline};
use crate::analyze::picture::PreferenceGain;

use super::canvas::Shape;
use super::gains::benchmark_title;
use super::grids::{arm_label, series_name};
use super::key::{Sample, key};
use super::lettering::name;
use super::numbers::{basis, known, row as row_words, spoken};
use super::rows::{Axis, MOST_ROWS, Row, RowMark, panel};
use super::{Draft, Figure, FigureKind, View};

/// One figure a benchmark and measure, one panel a series, or several where it has many arms.
pub(super) fn draw(view: &View<'_>, figures: &mut Vec<Figure>) {
    let arms = view.weightings.arms.iter().map(|arm| (arm.id.as_str(), arm)).collect::<BTreeMap<_, _>>();
    let mut places: Vec<(&str, Headline)> = Vec::new();
    for gain in &view.weightings.picture.preference_gains {
        if !places.contains(&(gain.benchmark.as_str(), gain.measure)) {
            places.push((&gain.benchmark, gain.measure));
        }
    }
    for (benchmark, measure) in places {
        let mut by_series: BTreeMap<usize, Vec<&PreferenceGain>> = BTreeMap::new();
        let gains = view.weightings.picture.preference_gains.iter();
        for gain in gains.filter(|gain| gain.benchmark == benchmark && gain.measure == measure) {
            let series = arms.get(gain.arm.as_str()).map_or(usize::MAX, |arm| arm.series);
            by_series.entry(series).or_default().push(gain);
        }
        let mut panels = Vec::new();
        let axis_title = measure.title().to_owned();
        let axis = Axis { title: &axis_title, zero: None, ends: None };
        for (series, gains) in &by_series {
            let title =
                if *series == usize::MAX { "weightings".to_owned() } else { series_name(view.weightings, *series) };
            let rows = gains.iter().map(|gain| row(gain, &arms)).collect::<Vec<_>>();
            panels.extend(rows.chunks(MOST_ROWS).filter_map(|rows| Some((Some(*series), panel(&title, rows, &axis)?))));
        }
        draft(view, benchmark, measure, &by_series).finish(panels, figures);
    }
}

fn draft<'a>(
    view: &View<'_>,
    benchmark: &'a str,
    measure: Headline,
    gains: &BTreeMap<usize, Vec<&PreferenceGain>>,
) -> Draft<'a> {
    let differences = gains.values().flatten().filter_map(|gain| known(&gain.difference)).collect::<Vec<_>>();
    let dot = |colour, hollow| Sample::Dot { shape: Shape::Circle, colour, hollow, faded: false, interval: false };
    let title = format!("{}: {} before and after preference tuning", benchmark_title(view, benchmark), measure.title());
    Draft {
        kind: FigureKind::PreferenceGain,
        benchmark: Some(benchmark),
        detail: measure.as_str(),
        alt: format!("Pairs of dots: {title}."),
        title,
        caption: format!(
            "At the right of each row: after minus before, paired on instances where there are records; a change is shown only where its interval excludes 0. {}",
            basis(&differences, view.level, "Brackets are")
        ),
        key: key(&[(dot(5, true), "before preference tuning"), (dot(0, false), "after preference tuning")]),
    }
}

fn row(gain: &PreferenceGain, arms: &BTreeMap<&str, &Arm>) -> Row {
    let label = arms.get(gain.arm.as_str()).map_or_else(|| name(&gain.arm), |arm| arm_label(arm));
    let value = known(&gain.difference).map_or_else(|| spoken(&gain.difference), |e| row_words(&e, true));
    let before = known(&gain.value_before).map(|estimate| RowMark {
        estimate,
        shape: Shape::Circle,
        colour: 5,
        hollow: true,
        lane: 0,
        spoken: format!("{label}, before: {}", spoken(&gain.value_before)),
    });
    let after = known(&gain.value).map(|estimate| RowMark {
        estimate,
        shape: Shape::Circle,
        colour: 0,
        hollow: false,
        lane: 0,
        spoken: format!("{label}, after: {}; difference {}", spoken(&gain.value), spoken(&gain.difference)),
    });
    let marks = before.into_iter().chain(after).collect();
    Row { label, value, marks, linked: true, is_summary: false }
}
