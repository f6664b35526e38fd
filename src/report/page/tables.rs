//! The headline table and the groups.

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::GroupAnalysis;
use crate::analyze::number::{count, figure};

use super::{Number, minus};
use crate::report::headline::{HeadlineRow, headline, weighting_text};
use crate::report::plot::{Lane, Scale, spoken};
use crate::task::Metric;

#[derive(Serialize)]
pub(super) struct HeadlineBlock {
    checkpoint: String,
    weighting: String,
    rows: Vec<HeadlineLine>,
    groups: Vec<GroupLine>,
}

#[derive(Serialize)]
struct HeadlineLine {
    task: String,
    metric: String,
    better: &'static str,
    performance: Number,
    track_svg: String,
    chance: String,
    worst: String,
    worst_name: String,
    spread: Number,
    posix: Number,
    flips: Number,
    n: String,
}

#[derive(Serialize)]
struct GroupLine {
    title: String,
    metric: String,
    tasks: usize,
    mean: &'static str,
    original: Number,
    perturbed: Number,
}

/// Titles of all tasks, by first appearance.
pub(super) fn task_titles(analysis: &Analysis) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let tasks = analysis.checkpoints.iter().flat_map(|checkpoint| &checkpoint.tasks);
    tasks.filter(|task| seen.insert(task.task.as_str())).map(|task| task.title.clone()).collect()
}

/// One block a checkpoint.
pub(super) fn headline_blocks(analysis: &Analysis) -> Vec<HeadlineBlock> {
    let rows = headline(analysis);
    let blocks = analysis.checkpoints.iter();
    blocks
        .map(|checkpoint| HeadlineBlock {
            checkpoint: checkpoint.id.clone(),
            weighting: weighting_text(checkpoint),
            rows: rows
                .iter()
                .filter(|row| row.checkpoint.id == checkpoint.id)
                .map(|row| headline_line(row, &rows))
                .collect(),
            groups: checkpoint.groups.iter().map(group_line).collect(),
        })
        .collect()
}

fn headline_line(row: &HeadlineRow<'_>, all: &[HeadlineRow<'_>]) -> HeadlineLine {
    let (worst, worst_name) =
        row.worst().map_or_else(|| ("–".to_owned(), String::new()), |(point, name)| (minus(&figure(point)), name));
    HeadlineLine {
        task: row.task.title.clone(),
        metric: row.metric_name(),
        better: if row.metric.higher_is_better { "higher is better" } else { "lower is better" },
        performance: Number::of(&row.metric.original),
        track_svg: small_track(row, all),
        chance: row.task.chance.map(figure).unwrap_or_default(),
        worst,
        worst_name,
        spread: Number::optional(row.spread()),
        posix: Number::of(&row.task.posix.index),
        flips: Number::optional(row.flip_rate()),
        n: count(row.metric.original.estimate().map_or(0, |estimate| estimate.n)),
    }
}

/// The performance as a mark on the scale of its metric: 0 to 1 for shares, all checkpoints' range for others.
fn small_track(row: &HeadlineRow<'_>, all: &[HeadlineRow<'_>]) -> String {
    let estimate = row.metric.original.estimate();
    let share = Metric::from_name(&row.metric.metric).is_some_and(Metric::is_share);
    let scale = if share && row.metric.higher_is_better {
        Scale::over([0.0, 1.0].into_iter().chain(estimate.map(|estimate| estimate.point)))
    } else {
        let same =
            all.iter().filter(|other| other.task.task == row.task.task && other.metric.metric == row.metric.metric);
        let ends = same.filter_map(|other| other.metric.original.estimate()).flat_map(|estimate| {
            let interval = estimate.interval;
            [estimate.point, interval.map_or(estimate.point, |i| i.low), interval.map_or(estimate.point, |i| i.high)]
        });
        Scale::over(ends)
    };
    let Some(scale) = scale else {
        return String::new();
    };
    let lane = Lane { number: 0, estimate: estimate.copied(), reference: None };
    scale.track(&[lane], row.task.chance, &spoken(estimate))
}

fn group_line(group: &GroupAnalysis) -> GroupLine {
    GroupLine {
        title: group.title.clone(),
        metric: format!("{} ({})", group.metric, group.filter),
        tasks: group.tasks.len(),
        mean: if group.weight_by_size { "weighted by size" } else { "mean of tasks" },
        original: Number::of(&group.original),
        perturbed: Number::of(&group.perturbed),
    }
}
