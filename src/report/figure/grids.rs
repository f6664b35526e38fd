//! The grids of weightings of an analysis, as figures see them.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::analysis::{
    Arm, ArmKind, ArmMeasure, ArmResult, BenchmarkWeightings, BestSet, Headline, WeightingsAnalysis,
};
use crate::analyze::picture::BestCell;
use crate::weighting::Weighting;

use super::lettering::name;

/// Arms that share base, data and stage.
pub(super) struct Grid<'a> {
    /// The series' number.
    pub number: usize,
    /// Its name for people.
    pub title: String,
    /// Its weightings.
    pub arms: Vec<&'a Arm>,
    /// What they were tuned from.
    pub base: Option<&'a Arm>,
}

impl<'a> Grid<'a> {
    /// The weightings and the base.
    pub fn members(&self) -> impl Iterator<Item = &'a Arm> {
        self.arms.iter().copied().chain(self.base)
    }
}

/// All grids, by number.
pub(super) fn grids(analysis: &WeightingsAnalysis) -> Vec<Grid<'_>> {
    let by_id = analysis.arms.iter().map(|arm| (arm.id.as_str(), arm)).collect::<BTreeMap<_, _>>();
    let mut grids: BTreeMap<usize, Grid<'_>> = BTreeMap::new();
    for arm in analysis.arms.iter().filter(|arm| arm.kind == ArmKind::Weighting && arm.weighting.is_some()) {
        let grid = grids.entry(arm.series).or_insert_with(|| Grid {
            number: arm.series,
            title: series_name(analysis, arm.series),
            arms: Vec::new(),
            base: None,
        });
        grid.arms.push(arm);
        if grid.base.is_none() {
            grid.base =
                arm.base_arm.as_deref().and_then(|id| by_id.get(id).copied()).filter(|a| a.kind == ArmKind::Base);
        }
    }
    grids.into_values().collect()
}

/// A series' name for people.
pub(super) fn series_name(analysis: &WeightingsAnalysis, number: usize) -> String {
    if let Some(series) = analysis.series.iter().find(|series| series.number == number && !series.name.is_empty()) {
        return name(&series.name);
    }
    let arm = analysis.arms.iter().find(|arm| arm.series == number && arm.kind == ArmKind::Weighting);
    match arm.map(|arm| (arm.stage.as_deref(), arm.base.as_deref())) {
        Some((Some(stage), Some(base))) => name(&format!("{stage} of {base}")),
        Some((None, Some(base))) => name(&format!("tuned from {base}")),
        Some((Some(stage), None)) => name(stage),
        _ => format!("series {number}"),
    }
}

/// `λp 0.4, λr 0.6`, or the arm's identifier where its weights are not known.
pub(super) fn arm_words(arm: &Arm) -> String {
    match (arm.kind, arm.weighting) {
        (ArmKind::Base, _) => format!("base, before tuning ({})", name(&arm.id)),
        (_, Some(weighting)) => format!("λp {}, λr {}", weighting.prompt(), weighting.response()),
        _ => name(&arm.id),
    }
}

/// `(0.4, 0.6)`, `base`, or the arm's identifier.
pub(super) fn arm_label(arm: &Arm) -> String {
    match (arm.kind, arm.weighting) {
        (ArmKind::Base, _) => "base".to_owned(),
        (_, Some(weighting)) => format!("({}, {})", weighting.prompt(), weighting.response()),
        _ => name(&arm.id),
    }
}

/// Whom weightings are compared with: `conventional tuning (0, 1)` where that is all of them.
pub(super) fn reference_words(analysis: &WeightingsAnalysis) -> &'static str {
    let references = analysis.arms.iter().filter_map(|arm| arm.reference.as_deref()).collect::<BTreeSet<_>>();
    let mut conventional = references.iter().map(|id| analysis.arm(id).is_some_and(is_conventional));
    match (conventional.clone().all(|is| is), conventional.any(|is| is)) {
        (true, _) => "conventional tuning (0, 1)",
        (false, false) => "the base model",
        (false, true) => "the reference: conventional tuning (0, 1), or the base model where there is none",
    }
}

/// Whether an arm is conventional tuning.
pub(super) fn is_conventional(arm: &Arm) -> bool {
    arm.weighting == Some(Weighting::CONVENTIONAL)
}

/// A benchmark's rows by arm.
pub(super) struct Rows<'a> {
    by_arm: BTreeMap<&'a str, &'a ArmResult>,
}

impl<'a> Rows<'a> {
    pub fn of(benchmark: &'a BenchmarkWeightings) -> Self {
        Self { by_arm: benchmark.rows.iter().map(|row| (row.arm.as_str(), row)).collect() }
    }

    pub fn entry(&self, arm: &Arm, headline: Headline) -> Option<&'a ArmMeasure> {
        self.by_arm.get(arm.id.as_str()).and_then(|row| row.measure(headline))
    }
}

/// The index that stands for sensitivity on a benchmark.
pub(super) fn shown_sensitivity(benchmark: &BenchmarkWeightings) -> Option<Headline> {
    let defined = |headline: &Headline| {
        let mut rows = benchmark.rows.iter();
        rows.any(|row| row.measure(*headline).is_some_and(|entry| entry.value.point().is_some()))
    };
    [Headline::Posix, Headline::Spread, Headline::Variance, Headline::FlipRate].into_iter().find(defined)
}

/// Which cells of a grid are best, and which may be.
pub(super) struct Best<'a> {
    leaders: Vec<&'a str>,
    candidates: Vec<&'a str>,
    has_intervals: bool,
}

impl<'a> Best<'a> {
    /// By the picture's best cell where there is one, else by the benchmark's set.
    pub fn of(
        analysis: &'a WeightingsAnalysis,
        benchmark: &'a BenchmarkWeightings,
        series: usize,
        measure: Headline,
    ) -> Self {
        let is_cell = |cell: &&BestCell| {
            cell.series == series && cell.benchmark == benchmark.benchmark && cell.measure == measure
        };
        if let Some(cell) = analysis.picture.best_cells.iter().find(is_cell) {
            let leaders = std::iter::once(&cell.arm).chain(&cell.tied).map(String::as_str).collect();
            let candidates = cell.not_worse.iter().flatten().map(String::as_str).collect();
            return Self { leaders, candidates, has_intervals: cell.not_worse.is_some() };
        }
        let is_set = |set: &&BestSet| set.series == series && set.measure == measure;
        match benchmark.best.iter().find(is_set) {
            Some(set) => Self {
                leaders: vec![&set.best],
                candidates: set.not_worse.iter().map(String::as_str).collect(),
                has_intervals: true,
            },
            None => Self { leaders: Vec::new(), candidates: Vec::new(), has_intervals: false },
        }
    }

    pub fn is_best(&self, arm: &Arm) -> bool {
        self.leaders.contains(&arm.id.as_str())
    }

    /// Always false where the numbers have no intervals.
    pub fn may_be_best(&self, arm: &Arm) -> bool {
        self.has_intervals && self.candidates.contains(&arm.id.as_str())
    }
}

/// `performance (exact_match)`, `POSIX`.
pub(super) fn measure_words(benchmark: &BenchmarkWeightings, measure: Headline) -> String {
    if measure.is_sensitivity() {
        measure.title().to_owned()
    } else {
        format!("{} ({})", measure.title(), name(&benchmark.metric))
    }
}

/// Whether more of a measure is better on a benchmark.
pub(super) fn higher_is_better(benchmark: &BenchmarkWeightings, measure: Headline) -> bool {
    !measure.is_sensitivity() && benchmark.higher_is_better
}
