//! Performance, sensitivity and relative gain over λp and λr: one figure a benchmark and quantity, one panel a series.

use crate::analyze::analysis::{Arm, BenchmarkWeightings, ContrastVerdict, Headline};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;

use super::grids::{
    Best, Grid, Rows, arm_words, higher_is_better, is_conventional, measure_words, reference_words, shown_sensitivity,
};
use super::heat_panel::{Block, Cell, Ramp, Role, Standing, panel};
use super::key::{Sample, key};
use super::lettering::name;
use super::numbers::{basis, cell, cell_percent, known, spoken, spoken_percent};
use super::{Draft, Figure, FigureKind, View};

/// What the cells show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Value(Headline),
    RelativeGain,
}

impl Quantity {
    fn headline(self) -> Headline {
        match self {
            Self::Value(headline) => headline,
            Self::RelativeGain => Headline::Performance,
        }
    }
}

/// The maps of a benchmark.
pub(super) fn draw(view: &View<'_>, benchmark: &BenchmarkWeightings, figures: &mut Vec<Figure>) {
    let sensitivity = shown_sensitivity(benchmark).map(Quantity::Value);
    let quantities = [Some(Quantity::Value(Headline::Performance)), sensitivity, Some(Quantity::RelativeGain)];
    let rows = Rows::of(benchmark);
    for quantity in quantities.into_iter().flatten() {
        let blocks = view.grids.iter().map(|grid| block(view, benchmark, grid, &rows, quantity)).collect::<Vec<_>>();
        let panels =
            view.grids.iter().zip(&blocks).filter_map(|(grid, block)| Some((Some(grid.number), panel(block)?)));
        let panels = panels.collect::<Vec<_>>();
        let drawn = blocks.iter().flat_map(|block| &block.cells).collect::<Vec<_>>();
        let fenced = blocks.iter().any(Block::is_fenced);
        draft(view, benchmark, quantity, &drawn, fenced).finish(panels, figures);
    }
}

fn block(
    view: &View<'_>,
    benchmark: &BenchmarkWeightings,
    grid: &Grid<'_>,
    rows: &Rows<'_>,
    quantity: Quantity,
) -> Block {
    let headline = quantity.headline();
    let best = Best::of(view.weightings, benchmark, grid.number, headline);
    let cells = grid.members().map(|arm| {
        let is_base = grid.base.is_some_and(|base| base.id == arm.id);
        heat_cell(arm, is_base, rows, quantity, &best)
    });
    Block {
        title: grid.title.clone(),
        cells: cells.collect(),
        ramp: if quantity == Quantity::RelativeGain { Ramp::Diverging } else { Ramp::Sequential },
        higher_is_better: higher_is_better(benchmark, headline),
    }
}

fn heat_cell(arm: &Arm, is_base: bool, rows: &Rows<'_>, quantity: Quantity, best: &Best<'_>) -> Cell {
    let headline = quantity.headline();
    let entry = rows.entry(arm, headline);
    let undefined = Measure::undefined("not measured");
    let measure = match quantity {
        Quantity::Value(_) => entry.map(|entry| &entry.value),
        Quantity::RelativeGain => entry.and_then(|entry| entry.relative_gain.as_ref()),
    };
    let measure = measure.unwrap_or(&undefined);
    let verdict = entry.and_then(|entry| entry.against_reference.as_ref()).map(|contrast| contrast.verdict);
    let against_conventional = arm.reference.is_some() && !is_base;
    let verdict = verdict.filter(|_| against_conventional);
    let estimate = known(measure);
    let standing = match () {
        () if best.is_best(arm) => Standing::Best,
        () if best.may_be_best(arm) => Standing::MayBeBest,
        () => Standing::Other,
    };
    let role = match () {
        () if is_base => Role::Base,
        () if is_conventional(arm) => Role::Conventional,
        () => Role::Tuned,
    };
    let is_zero = quantity == Quantity::RelativeGain && role == Role::Conventional && estimate.is_none();
    let number = match quantity {
        Quantity::RelativeGain if is_zero => "0 by definition".to_owned(),
        Quantity::RelativeGain => spoken_percent(measure),
        Quantity::Value(_) => spoken(measure),
    };
    let lines = match (quantity, &estimate) {
        (Quantity::RelativeGain, Some(estimate)) => cell_percent(estimate),
        (Quantity::Value(_), Some(estimate)) => cell(estimate),
        (_, None) => [String::new(), String::new()],
    };
    let mut words = format!("{}: {number}", arm_words(arm));
    let notes = [
        (role == Role::Conventional, "conventional tuning, the reference"),
        (standing == Standing::Best, "best by its point"),
        (standing == Standing::MayBeBest, "may be best"),
        (verdict == Some(ContrastVerdict::Better), "clearly better than the reference"),
        (verdict == Some(ContrastVerdict::Worse), "clearly worse than the reference"),
    ];
    for (_, note) in notes.iter().filter(|(holds, _)| *holds) {
        words = format!("{words}; {note}");
    }
    let (prompt, response) = arm.weighting.map_or((0.0, 0.0), |weighting| (weighting.prompt(), weighting.response()));
    Cell {
        prompt,
        response,
        estimate,
        lines,
        spoken: words,
        role,
        standing,
        is_zero,
        clearly_better: verdict.and_then(|verdict| match verdict {
            ContrastVerdict::Better => Some(true),
            ContrastVerdict::Worse => Some(false),
            ContrastVerdict::NotToldApart | ContrastVerdict::Unknown => None,
        }),
    }
}

fn draft<'a>(
    view: &View<'_>,
    benchmark: &'a BenchmarkWeightings,
    quantity: Quantity,
    cells: &[&Cell],
    fenced: bool,
) -> Draft<'a> {
    let headline = quantity.headline();
    let place = name(&benchmark.title);
    let what = measure_words(benchmark, headline);
    let (kind, title, detail) = match quantity {
        Quantity::Value(Headline::Performance) => {
            (FigureKind::PerformanceMap, format!("{place}: {what} by loss weighting"), "")
        }
        Quantity::Value(_) => {
            (FigureKind::SensitivityMap, format!("{place}: sensitivity ({what}) by loss weighting"), headline.as_str())
        }
        Quantity::RelativeGain => (
            FigureKind::RelativeGainMap,
            format!("{place}: relative gain in {what} over {}", reference_words(view.weightings)),
            "",
        ),
    };
    let better = if higher_is_better(benchmark, headline) { "More is better" } else { "Less is better" };
    let colour = match quantity {
        Quantity::RelativeGain => {
            "Each cell is (weighting - reference) / reference in percent. Blue is better than the reference, orange worse; every panel has its own scale. "
        }
        Quantity::Value(_) => {
            "The lighter, the better; every panel has its own scale, so compare colours within a panel and numbers between panels. "
        }
    };
    let fenced = if fenced { "≤ and ≥ at a scale: cells far beyond its end have the end's colour. " } else { "" };
    let estimates = cells.iter().filter_map(|cell| cell.estimate.as_ref()).collect::<Vec<&Estimate>>();
    let basis = basis(estimates, view.level, "± is the longer side of");
    Draft {
        kind,
        benchmark: Some(&benchmark.benchmark),
        detail,
        alt: format!("Heat map over the prompt weight λp and the response weight λr: {title}."),
        title,
        caption: format!(
            "Rows: prompt weight λp; columns: response weight λr. {better}. {colour}{fenced}{basis} {}",
            marks(cells)
        ),
        key: key(&entries(cells)),
    }
}

/// What the marks claim, where they occur.
fn marks(cells: &[&Cell]) -> &'static str {
    if cells.iter().any(|cell| cell.standing == Standing::MayBeBest) {
        "Outlined cells are not shown to be worse than another; that does not show that they are equal. Triangles: the paired difference excludes 0 after Holm's correction."
    } else if cells.iter().any(|cell| cell.clearly_better.is_some()) {
        "Triangles: the paired difference excludes 0 after Holm's correction."
    } else {
        ""
    }
}

fn entries(cells: &[&Cell]) -> Vec<(Sample, &'static str)> {
    let any = |holds: fn(&Cell) -> bool| cells.iter().any(|cell| holds(cell));
    let entries = [
        (any(|cell| cell.role == Role::Conventional), Sample::Reference, "conventional tuning (0, 1), the reference"),
        (any(|cell| cell.standing == Standing::Best), Sample::Best, "best by its point estimate"),
        (
            any(|cell| cell.standing == Standing::MayBeBest),
            Sample::MayBeBest,
            "may be best: not shown to be worse than another",
        ),
        (any(|cell| cell.clearly_better == Some(true)), Sample::Better, "clearly better than the reference"),
        (any(|cell| cell.clearly_better == Some(false)), Sample::Worse, "clearly worse than the reference"),
        (any(|cell| cell.role == Role::Base), Sample::BaseCell, "base model, before tuning; outside the colour scale"),
        (any(|cell| cell.estimate.is_none() && cell.role != Role::Base && !cell.is_zero), Sample::Missing, "no number"),
    ];
    entries.into_iter().filter(|(occurs, _, _)| *occurs).map(|(_, sample, words)| (sample, words)).collect()
}
