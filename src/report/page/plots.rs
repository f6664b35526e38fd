//! Two plots a task: performance on each wording, and how often a perturbation changes the judgment.

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::{CheckpointAnalysis, MetricAnalysis, TaskAnalysis};
use crate::estimate::Estimate;
use crate::report::headline::metric_name;
use crate::report::plot::{LANES, Lane, Scale, legend_mark, spoken};
use crate::sensitivity::Measure;

use super::Number;

#[derive(Serialize)]
pub(super) struct Legend {
    mark_svg: String,
    checkpoint: String,
}

#[derive(Serialize)]
pub(super) struct TaskPlot {
    task: String,
    metric: String,
    chance: String,
    panels: Vec<Panel>,
}

#[derive(Serialize)]
struct Panel {
    title: &'static str,
    caption: String,
    rows: Vec<PlotRow>,
    axis_svg: String,
}

#[derive(Serialize)]
struct PlotRow {
    name: String,
    is_original: bool,
    track_svg: String,
    values: Vec<PlotValue>,
}

#[derive(Serialize)]
struct PlotValue {
    mark_svg: String,
    number: Number,
}

/// A row before it is drawn: a name and a measure for each checkpoint.
struct Series {
    name: String,
    is_original: bool,
    lanes: Vec<(usize, Measure, Option<f64>)>,
}

/// A task of a checkpoint, with the checkpoint's place.
type Placed<'a> = (usize, &'a TaskAnalysis, &'a MetricAnalysis);

/// Marks of the checkpoints that are plotted.
pub(super) fn legend(analysis: &Analysis) -> Vec<Legend> {
    let entry = |(number, checkpoint): (usize, &CheckpointAnalysis)| Legend {
        mark_svg: legend_mark(number),
        checkpoint: checkpoint.id.clone(),
    };
    analysis.checkpoints.iter().take(LANES).enumerate().map(entry).collect()
}

/// One entry a task that has perturbations.
pub(super) fn task_plots(analysis: &Analysis) -> Vec<TaskPlot> {
    let mut order: Vec<&str> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let shown = || analysis.checkpoints.iter().take(LANES).enumerate();
    for (_, checkpoint) in shown() {
        order.extend(checkpoint.tasks.iter().map(|task| task.task.as_str()).filter(|name| seen.insert(*name)));
    }
    order
        .into_iter()
        .filter_map(|name| {
            let placed = shown()
                .filter_map(|(number, checkpoint)| {
                    let task = checkpoint.tasks.iter().find(|task| task.task == name)?;
                    Some((number, task, task.primary()?))
                })
                .collect::<Vec<_>>();
            task_plot(&placed)
        })
        .collect()
}

fn task_plot(placed: &[Placed<'_>]) -> Option<TaskPlot> {
    let (_, task, metric) = placed.first()?;
    if metric.perturbations.is_empty() {
        return None;
    }
    let better = if metric.higher_is_better { "higher is better" } else { "lower is better" };
    let performance = Drawing {
        title: "Performance",
        caption: format!("{}, {better}", metric_name(task, metric)),
        series: performance_series(placed),
        chance: task.chance,
        range: (f64::NEG_INFINITY, f64::INFINITY),
    };
    let flips = Drawing {
        title: "Sensitivity",
        caption: "flip rate, 0 is insensitive".to_owned(),
        series: flip_series(placed),
        chance: None,
        range: (0.0, 1.0),
    };
    Some(TaskPlot {
        task: task.title.clone(),
        metric: metric_name(task, metric),
        chance: task.chance.map(|chance| format!("{chance:.3}")).unwrap_or_default(),
        panels: [performance, flips].iter().filter_map(panel).collect(),
    })
}

/// Names of the perturbations of all plotted checkpoints, with "all together" last.
fn names(placed: &[Placed<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in placed.iter().flat_map(|(_, _, metric)| &metric.perturbations) {
        if !names.contains(&row.name) {
            names.push(row.name.clone());
        }
    }
    names.extend(placed.iter().find_map(|(_, _, metric)| metric.together.as_ref()).map(|row| row.name.clone()));
    names
}

fn performance_series(placed: &[Placed<'_>]) -> Vec<Series> {
    let original = Series {
        name: "original".to_owned(),
        is_original: true,
        lanes: placed.iter().map(|(number, _, metric)| (*number, metric.original.clone(), None)).collect(),
    };
    let others = names(placed).into_iter().map(|name| Series {
        lanes: placed
            .iter()
            .map(|(number, _, metric)| {
                let row = metric.perturbations.iter().chain(&metric.together).find(|row| row.name == name);
                let performance = row.map_or_else(|| Measure::undefined("not asked"), |row| row.performance.clone());
                (*number, performance, metric.original.point())
            })
            .collect(),
        name,
        is_original: false,
    });
    std::iter::once(original).chain(others).collect()
}

fn flip_series(placed: &[Placed<'_>]) -> Vec<Series> {
    let series = names(placed).into_iter().map(|name| Series {
        lanes: placed
            .iter()
            .map(|(number, _, metric)| {
                let row = metric.perturbations.iter().chain(&metric.together).find(|row| row.name == name);
                let rate =
                    row.map_or_else(|| Measure::undefined("not asked"), |row| row.sensitivity.flip_rate_mean.clone());
                (*number, rate, None)
            })
            .collect(),
        name,
        is_original: false,
    });
    series.collect()
}

/// A panel before it is drawn.
struct Drawing {
    title: &'static str,
    caption: String,
    series: Vec<Series>,
    chance: Option<f64>,
    /// Values outside cannot be; an interval that reaches out is drawn to the edge.
    range: (f64, f64),
}

fn panel(drawing: &Drawing) -> Option<Panel> {
    let (least, most) = drawing.range;
    let ends = |estimate: &Estimate| {
        let interval = estimate.interval;
        [estimate.point, interval.map_or(estimate.point, |i| i.low), interval.map_or(estimate.point, |i| i.high)]
            .map(|end| end.clamp(least, most))
    };
    let lanes = drawing.series.iter().flat_map(|row| &row.lanes);
    let estimates = lanes.filter_map(|(_, measure, _)| measure.estimate());
    let scale = Scale::over(estimates.flat_map(ends).chain(drawing.chance))?;
    let rows = drawing.series.iter().map(|row| plot_row(row, &scale, drawing.chance)).collect();
    Some(Panel { title: drawing.title, caption: drawing.caption.clone(), rows, axis_svg: scale.axis() })
}

fn plot_row(series: &Series, scale: &Scale, chance: Option<f64>) -> PlotRow {
    let lanes = series.lanes.iter().map(|(number, measure, reference)| Lane {
        number: *number,
        estimate: measure.estimate().copied(),
        reference: *reference,
    });
    let said = series.lanes.iter().map(|(_, measure, _)| spoken(measure.estimate())).collect::<Vec<_>>().join("; ");
    PlotRow {
        name: series.name.clone(),
        is_original: series.is_original,
        track_svg: scale.track(&lanes.collect::<Vec<_>>(), chance, &said),
        values: series
            .lanes
            .iter()
            .map(|(number, measure, _)| PlotValue { mark_svg: legend_mark(*number), number: Number::of(measure) })
            .collect(),
    }
}
