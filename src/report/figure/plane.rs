//! Performance against sensitivity, with the Pareto front.

use crate::analyze::analysis::{Arm, ArmKind, BenchmarkWeightings, Headline};
use crate::analyze::picture::Front;

use super::canvas::Shape;
use super::grids::{
    Grid, Rows, arm_label, arm_words, higher_is_better, is_conventional, measure_words, shown_sensitivity,
};
use super::key::{Sample, key};
use super::lettering::name;
use super::numbers::{basis, known, spoken};
use super::scatter::{Axes, Emphasis, Point, has_outside, scatter};
use super::{Draft, Figure, FigureKind, View};

/// Fewer points than this make no plane.
const FEWEST_POINTS: usize = 2;

/// Arms that get a label where there is no front.
const MOST_LABELS: usize = 6;

/// The plane of a benchmark, one panel a series.
pub(super) fn draw(view: &View<'_>, benchmark: &BenchmarkWeightings, figures: &mut Vec<Figure>) {
    let rows = Rows::of(benchmark);
    let index = shown_sensitivity(benchmark);
    let mut panels = Vec::new();
    let mut estimates = Vec::new();
    let (mut has_front, mut has_faded, mut has_base, mut has_far) = (false, false, false, false);
    let mut shown = None;
    for grid in &view.grids {
        let fronts = view.weightings.picture.fronts.iter();
        let fronts =
            fronts.filter(|f| f.series == grid.number && f.benchmark == benchmark.benchmark).collect::<Vec<_>>();
        let front = fronts.iter().find(|front| Some(front.sensitivity) == index).or(fronts.first()).copied();
        let Some(sensitivity) = front.map(|front| front.sensitivity).or(index) else {
            continue;
        };
        let (points, steps) = points(grid, &rows, front, sensitivity);
        if points.len() < FEWEST_POINTS {
            continue;
        }
        let axes = axes(benchmark, sensitivity);
        let Some(panel) = scatter(&grid.title, &axes, &points, &steps) else {
            continue;
        };
        panels.push((Some(grid.number), panel));
        has_front |= steps.len() > 1;
        has_faded |= points.iter().any(|point| point.emphasis == Emphasis::Faint);
        has_far |= has_outside(&points, &axes);
        has_base |= points.iter().any(|point| point.shape == Shape::Square);
        estimates.extend(points.iter().map(|point| point.up));
        shown = shown.or(Some(sensitivity));
    }
    let Some(sensitivity) = shown else {
        return;
    };
    let interval = estimates.iter().any(|estimate| estimate.interval.is_some());
    let dot = |shape, colour, faded| Sample::Dot { shape, colour, hollow: false, faded, interval };
    let hollow = Sample::Dot { shape: Shape::Circle, colour: 0, hollow: true, faded: false, interval: false };
    let entries = [
        (true, dot(Shape::Circle, 0, false), "a weighting, (λp, λr)"),
        (has_faded, dot(Shape::Circle, 0, true), "another is better in both, shown in one"),
        (true, dot(Shape::Diamond, 1, false), "conventional tuning (0, 1)"),
        (has_base, dot(Shape::Square, 2, false), "base model, before tuning"),
        (has_front, Sample::Line { class: "wf-front" }, "Pareto front by points"),
        (has_far, hollow, "hollow: outside the frame, drawn at its edge"),
    ];
    let entries = entries.into_iter().filter(|(occurs, _, _)| *occurs).map(|(_, sample, words)| (sample, words));
    let place = name(&benchmark.title);
    let title = format!("{place}: performance against sensitivity ({})", sensitivity.title());
    let up = if benchmark.higher_is_better { "up" } else { "down" };
    let basis = basis(&estimates, view.level, "Lines are");
    let draft = Draft {
        kind: FigureKind::Plane,
        benchmark: Some(&benchmark.benchmark),
        detail: "",
        alt: format!("Weightings as points: {title}."),
        title,
        caption: format!(
            "Better is {up} and to the left. {}{}{}Labels without room are left out, and every point says its \
             name. {basis}",
            if has_front {
                "Weightings on the stepped line are not beaten in both by another, going by points. "
            } else {
                ""
            },
            if has_faded {
                "Of faint ones another weighting is better in both by points, and in one of the two that is shown. "
            } else {
                ""
            },
            if interval { "An interval that leaves the frame is cut there. " } else { "" },
        ),
        key: key(&entries.collect::<Vec<_>>()),
    };
    draft.finish(panels, figures);
}

fn axes(benchmark: &BenchmarkWeightings, sensitivity: Headline) -> Axes {
    let direction = |headline| if higher_is_better(benchmark, headline) { "more is better" } else { "less is better" };
    let unit = if sensitivity == Headline::Posix { ", nats a token" } else { "" };
    Axes {
        across: format!("{}{unit} ({})", sensitivity.title(), direction(sensitivity)),
        up: format!("{}: {}", measure_words(benchmark, Headline::Performance), direction(Headline::Performance)),
        // How far apart weightings are in sensitivity is what the plane is for.
        fences_across: false,
    }
}

/// The points, and the places of the front's members by rising sensitivity.
fn points(grid: &Grid<'_>, rows: &Rows<'_>, front: Option<&Front>, sensitivity: Headline) -> (Vec<Point>, Vec<usize>) {
    let members = front.map(|front| front.front.as_slice()).unwrap_or_default();
    let mut points: Vec<Point> = Vec::new();
    let mut steps: Vec<(f64, usize)> = Vec::new();
    let mut beside = 0;
    for arm in grid.members() {
        let value = |headline| rows.entry(arm, headline).map(|entry| &entry.value);
        let Some((up, across)) = value(Headline::Performance).zip(value(sensitivity)) else {
            continue;
        };
        let Some((at_up, at_across)) = known(up).zip(known(across)) else {
            continue;
        };
        let rank = members.iter().position(|id| *id == arm.id);
        let excluded = front.and_then(|front| front.not_excluded.as_ref()).is_some_and(|kept| !kept.contains(&arm.id));
        let is_base = arm.kind == ArmKind::Base;
        let (shape, colour) = marks(arm);
        let label = match rank {
            _ if is_base || is_conventional(arm) => Some(0),
            Some(rank) => Some(1 + rank),
            None if front.is_none() && beside < MOST_LABELS => {
                beside += 1;
                Some(1_000 + beside)
            }
            None => None,
        };
        if rank.is_some() {
            steps.push((at_across.point, points.len()));
        }
        let status = match (rank, excluded) {
            (Some(_), _) => "; on the front",
            (None, true) => "; another is better in both, shown in one",
            (None, false) => "",
        };
        points.push(Point {
            spoken: format!(
                "{}: performance {}, {} {}{status}",
                arm_words(arm),
                spoken(up),
                sensitivity.title(),
                spoken(across)
            ),
            up: at_up,
            across: at_across,
            shape,
            colour,
            emphasis: match rank {
                Some(_) => Emphasis::Strong,
                None if is_base || is_conventional(arm) => Emphasis::Strong,
                None if excluded => Emphasis::Faint,
                None => Emphasis::Plain,
            },
            label: label.map(|priority| (priority, arm_label(arm))),
        });
    }
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    (points, steps.into_iter().map(|(_, place)| place).collect())
}

/// Shape and colour of an arm.
pub(super) fn marks(arm: &Arm) -> (Shape, usize) {
    match arm.kind {
        ArmKind::Base => (Shape::Square, 2),
        _ if is_conventional(arm) => (Shape::Diamond, 1),
        _ => (Shape::Circle, 0),
    }
}
