//! The tuned cells of one series on one benchmark, by one measure.

use std::collections::BTreeSet;

use crate::analyze::weightings::results::{
    Arm, ArmKind, ArmMeasure, ArmResult, BenchmarkKind, BenchmarkWeightings, Headline, WeightingsAnalysis,
};
use crate::estimate::Estimate;
use crate::weighting::Weighting;

use super::types::Series;

/// A tuned arm with its number.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub arm: &'a Arm,
    pub weighting: Weighting,
    pub entry: &'a ArmMeasure,
    pub estimate: &'a Estimate,
}

impl Cell<'_> {
    pub fn point(&self) -> f64 {
        self.estimate.point
    }
}

/// Cells that have a number, by rising prompt weight, then by rising response weight.
pub(super) struct Grid<'a> {
    pub series: usize,
    pub benchmark: &'a BenchmarkWeightings,
    pub measure: Headline,
    pub cells: Vec<Cell<'a>>,
}

impl<'a> Grid<'a> {
    /// The cells of a series: tuned arms whose weights are known. The untuned base is no candidate.
    pub fn new(
        analysis: &'a WeightingsAnalysis,
        benchmark: &'a BenchmarkWeightings,
        series: usize,
        measure: Headline,
    ) -> Self {
        let cell = |(place, row): (usize, &'a ArmResult)| {
            // Rows stand in the order of the arms.
            let arm = analysis.arms.get(place).filter(|arm| arm.id == row.arm).or_else(|| analysis.arm(&row.arm))?;
            let weighting = arm.weighting.filter(|_| arm.kind == ArmKind::Weighting && arm.series == series)?;
            let entry = row.measure(measure)?;
            let estimate = entry.value.estimate().filter(|estimate| estimate.point.is_finite())?;
            Some(Cell { arm, weighting, entry, estimate })
        };
        let mut cells = benchmark.rows.iter().enumerate().filter_map(cell).collect::<Vec<_>>();
        // Weights are finite and not negative: the order of their bits is theirs.
        cells.sort_by(|a, b| order(a.weighting).cmp(&order(b.weighting)).then_with(|| a.arm.id.cmp(&b.arm.id)));
        Self { series, benchmark, measure, cells }
    }

    /// 1 where more is better, else -1.
    pub fn sign(&self) -> f64 {
        if !self.measure.is_sensitivity() && self.benchmark.higher_is_better { 1.0 } else { -1.0 }
    }

    /// The best cell by points; of equals the one of the smallest prompt weight, then of the smallest response weight.
    pub fn best(&self) -> Option<Cell<'a>> {
        let mut best: Option<Cell<'a>> = None;
        for cell in &self.cells {
            if best.is_none_or(|found| (cell.point() - found.point()) * self.sign() > 0.0) {
                best = Some(*cell);
            }
        }
        best
    }

    /// The best cell of those after the best: the first of the rest by points.
    pub fn second(&self) -> Option<Cell<'a>> {
        let best = self.best()?;
        let rest = self.cells.iter().filter(|cell| cell.arm.id != best.arm.id).copied().collect();
        Grid { cells: rest, ..*self }.best()
    }

    /// Conventional tuning's cell.
    pub fn conventional(&self) -> Option<Cell<'a>> {
        self.cells.iter().find(|cell| cell.weighting == Weighting::CONVENTIONAL).copied()
    }

    /// The cell of an arm.
    pub fn cell(&self, arm: &str) -> Option<Cell<'a>> {
        self.cells.iter().find(|cell| cell.arm.id == arm).copied()
    }

    /// Whether any cell has an interval.
    pub fn has_intervals(&self) -> bool {
        self.cells.iter().any(|cell| cell.estimate.interval.is_some())
    }
}

fn order(weighting: Weighting) -> (u64, u64) {
    (weighting.prompt().to_bits(), weighting.response().to_bits())
}

/// The numbers of the series that have a tuned arm, in order.
pub(super) fn series_numbers(analysis: &WeightingsAnalysis) -> Vec<usize> {
    let tuned = analysis.arms.iter().filter(|arm| arm.kind == ArmKind::Weighting && arm.weighting.is_some());
    tuned.map(|arm| arm.series).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What is known of a series; nothing where it is not described.
pub(super) fn described(analysis: &WeightingsAnalysis, number: usize) -> Series {
    let found = analysis.series.iter().find(|series| series.number == number);
    found.cloned().unwrap_or_else(|| Series { number, name: format!("series {number}"), ..Series::default() })
}

/// Benchmarks that count once: no means over benchmarks, and no task that is part of a group's benchmark.
pub(super) fn top_benchmarks(analysis: &WeightingsAnalysis) -> Vec<&BenchmarkWeightings> {
    let in_group = |name: &String| {
        let groups = analysis.benchmarks.iter().filter(|benchmark| benchmark.kind == BenchmarkKind::Group);
        groups.flat_map(|group| &group.tasks).any(|task| task == name)
    };
    let top = analysis.benchmarks.iter().filter(|benchmark| match benchmark.kind {
        BenchmarkKind::Average => false,
        BenchmarkKind::Group => true,
        BenchmarkKind::Task => !in_group(&benchmark.benchmark),
    });
    top.collect()
}

/// The benchmark that stands for all: their mean, else the first.
pub(super) fn headline_benchmark(analysis: &WeightingsAnalysis) -> Option<&BenchmarkWeightings> {
    let mean = analysis.benchmarks.iter().find(|benchmark| benchmark.kind == BenchmarkKind::Average);
    mean.or_else(|| analysis.benchmarks.first())
}

/// Every grid that has a cell: series by series, benchmark by benchmark, in the order of [`Headline::ALL`].
pub(super) fn grids(analysis: &WeightingsAnalysis) -> Vec<Grid<'_>> {
    let mut out = Vec::new();
    for series in series_numbers(analysis) {
        for benchmark in &analysis.benchmarks {
            let measures = Headline::ALL.into_iter().map(|measure| Grid::new(analysis, benchmark, series, measure));
            out.extend(measures.filter(|grid| !grid.cells.is_empty()));
        }
    }
    out
}

/// What grids are independent by, as far as anything here is: the base model where several are known, else the series.
pub(super) fn clusters(analysis: &WeightingsAnalysis, series: &[usize]) -> Vec<usize> {
    let models = series.iter().map(|number| described(analysis, *number).model).collect::<Vec<_>>();
    let known = models.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    if known.len() < 2 || models.iter().any(Option::is_none) {
        return series.to_vec();
    }
    let place = |model: &Option<String>| known.iter().position(|name| Some(name) == model.as_ref()).unwrap_or_default();
    models.iter().map(place).collect()
}

/// A mean over grids, by [`clustered_mean`](crate::stats::clustered_mean) or [`mean_estimate`](crate::stats::mean_estimate).
type MeanOf = fn(&[f64], &[usize], f64) -> Option<Estimate>;

/// A mean over grids with the wider of two intervals: grids clustered, and grids taken as independent. A handful of clusters may
/// agree by chance (five models with eleven grids of fifteen each), which is no certainty.
pub(super) fn mean_over_grids(values: &[f64], clusters: &[usize], level: f64, mean: MeanOf) -> Option<Estimate> {
    let clustered = mean(values, clusters, level)?;
    let apart = mean(values, &(0..values.len()).collect::<Vec<_>>(), level)?;
    let width = |estimate: &Estimate| estimate.interval.map(|interval| interval.high - interval.low);
    let is_wider = width(&clustered).zip(width(&apart)).is_some_and(|(own, other)| other > own);
    Some(if is_wider {
        Estimate { interval: apart.interval, standard_error: apart.standard_error, ..clustered }
    } else {
        clustered
    })
}

/// An arm's name within its series: its weighting.
pub(super) fn label(arm: &Arm) -> String {
    let known = arm.weighting.filter(|_| arm.kind == ArmKind::Weighting);
    known.map_or_else(|| arm.id.clone(), |weighting| weighting.to_string())
}
