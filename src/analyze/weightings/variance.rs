//! Where the variance of credits comes from, series by series and benchmark by benchmark.

use rayon::prelude::*;

use crate::analyze::analysis::ReasonCount;
use crate::analyze::picture::{VarianceDecomposition, VarianceShare, VarianceSource};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;
use crate::stats::{VarianceCell, VarianceTerm, decompose_variance};
use crate::variant::VariantId;

use super::arms::Members;
use super::benchmarks::Benchmark;
use super::results::{ArmKind, BenchmarkKind};
use super::samples::{MetricSamples, TaskSamples};

/// With more items than this, as many of them spread evenly over the plan stand for all.
const MOST_ITEMS: usize = 1000;

/// A wording that fewer items than this share of the most common wording's have is left out: only items with all wordings count.
const COMMON_WORDING: f64 = 0.5;

/// One decomposition a series and benchmark that is no mean over benchmarks; and what is left out, in words.
pub(super) fn decompositions(
    members: &[Members],
    benchmarks: &[Benchmark],
    samples: &[Vec<TaskSamples>],
    level: f64,
) -> (Vec<VarianceDecomposition>, Vec<String>) {
    let tuned = members.iter().filter(|entry| entry.arm.kind == ArmKind::Weighting);
    let series = tuned.map(|entry| entry.arm.series).collect::<std::collections::BTreeSet<_>>();
    let work = series.iter().flat_map(|series| benchmarks.iter().map(move |benchmark| (*series, benchmark)));
    let work = work.filter(|(_, benchmark)| benchmark.kind != BenchmarkKind::Average).collect::<Vec<_>>();
    let found = work.into_par_iter().map(|(series, benchmark)| {
        let own = members.iter().filter(|entry| entry.arm.kind == ArmKind::Weighting && entry.arm.series == series);
        let crossed = Crossed::new(&own.collect::<Vec<_>>(), benchmark, samples);
        let title = &benchmark.title;
        crossed
            .decompose(series, &benchmark.name, level)
            .map_err(|reason| format!("Where variance comes from on {title}: {reason}."))
    });
    let (mut made, mut left_out) = (Vec::new(), Vec::new());
    for result in found.collect::<Vec<_>>() {
        match result {
            Ok(decomposition) => made.push(decomposition),
            Err(reason) => left_out.push(reason),
        }
    }
    if benchmarks.iter().any(|benchmark| benchmark.kind == BenchmarkKind::Average) {
        left_out.push(
            "Where the variance of the mean over benchmarks comes from: its credits are on different items and scales; each \
             benchmark has its own."
                .to_owned(),
        );
    }
    (made, left_out)
}

/// Credits of items in all wordings of all checkpoints.
struct Crossed {
    cells: Vec<VarianceCell>,
    arms: usize,
    /// Whether an arm has several seeds.
    has_seeds: bool,
    wordings: usize,
    items: usize,
    notes: Vec<ReasonCount>,
}

/// A checkpoint's credits by wording on one task.
type Credits<'a> = &'a [(VariantId, Vec<Option<f64>>)];

impl Crossed {
    fn new(arms: &[&Members], benchmark: &Benchmark, samples: &[Vec<TaskSamples>]) -> Self {
        let has_seeds = arms.iter().any(|entry| entry.places.len() > 1);
        // Without a second seed anywhere, arm and seed are one: the checkpoints of one arm.
        let number = |arm: usize, seed: usize| if has_seeds { (arm, seed) } else { (0, arm) };
        let checkpoints = arms.iter().enumerate().flat_map(|(arm, entry)| {
            entry.places.iter().enumerate().map(move |(seed, place)| (number(arm, seed), *place))
        });
        let checkpoints = checkpoints.collect::<Vec<_>>();
        let tasks = benchmark.members.iter().filter_map(|member| {
            let of = |place: usize| -> Option<&MetricSamples> {
                samples.get(place)?.iter().find(|task| task.task == member.task)?.metric(&member.metric, &member.filter)
            };
            let all = checkpoints.iter().map(|(_, place)| of(*place).map(|metric| metric.credits.as_slice()));
            all.collect::<Option<Vec<_>>>()
        });
        let tasks = tasks.collect::<Vec<Vec<Credits<'_>>>>();
        let mut out = Self { cells: Vec::new(), arms: arms.len(), has_seeds, wordings: 0, items: 0, notes: Vec::new() };
        let wordings = common_wordings(&tasks);
        let asked = tasks.iter().filter_map(|task| Some(task.first()?.first()?.1.len())).sum::<usize>();
        let complete = complete_items(&tasks, &wordings);
        let step = complete.len().div_ceil(MOST_ITEMS).max(1);
        for (item, (task, row)) in complete.iter().step_by(step).enumerate() {
            let Some(columns) = tasks.get(*task) else { continue };
            for (((arm, seed), _), credits) in checkpoints.iter().zip(columns) {
                for (variant, wording) in wordings.iter().enumerate() {
                    if let Some(credit) = credit(credits, wording, *row) {
                        out.cells.push(VarianceCell { item, variant, arm: *arm, seed: *seed, credit });
                    }
                }
            }
        }
        out.wordings = wordings.len();
        out.items = complete.len().div_ceil(step);
        out.note(asked - complete.len(), "items without a credit in every wording of every checkpoint");
        out.note(complete.len() - out.items, "items beyond those that stand for all, spread evenly");
        out
    }

    fn note(&mut self, count: usize, reason: &str) {
        if count > 0 {
            self.notes.push(ReasonCount { reason: reason.to_owned(), count });
        }
    }

    fn decompose(mut self, series: usize, benchmark: &str, level: f64) -> Result<VarianceDecomposition, String> {
        let terms = decompose_variance(&self.cells, level)?;
        if !self.has_seeds {
            self.note(
                self.arms,
                "training seeds: every weighting has one, so that its seed's variance is part of the weighting's",
            );
        }
        let has = |term: VarianceTerm| terms.iter().any(|(name, _)| *name == term);
        if !has(VarianceTerm::Variant) {
            self.note(self.wordings, "wordings: fewer than two that all items have");
        }
        let all = terms.iter().map(|(_, estimate)| estimate.point).sum::<f64>();
        let share = |(term, estimate): &(VarianceTerm, Estimate)| VarianceShare {
            source: self.source(*term),
            variance: Measure::Defined(*estimate),
            share: if all > 0.0 { estimate.point / all } else { 0.0 },
        };
        Ok(VarianceDecomposition {
            series,
            benchmark: benchmark.to_owned(),
            components: terms.iter().map(share).collect(),
            left_out: self.notes.clone(),
        })
    }

    fn source(&self, term: VarianceTerm) -> VarianceSource {
        match term {
            VarianceTerm::Item => VarianceSource::Item,
            VarianceTerm::Variant => VarianceSource::Variant,
            VarianceTerm::ItemByVariant => VarianceSource::ItemByVariant,
            VarianceTerm::Seed if self.has_seeds => VarianceSource::Seed,
            VarianceTerm::Seed | VarianceTerm::Arm => VarianceSource::Weighting,
            VarianceTerm::Residual => VarianceSource::Residual,
        }
    }
}

fn credit(credits: Credits<'_>, wording: &VariantId, row: usize) -> Option<f64> {
    let (_, column) = credits.iter().find(|(variant, _)| variant == wording)?;
    column.get(row).copied().flatten()
}

/// Wordings that enough items of all tasks have under every checkpoint, the original first.
fn common_wordings(tasks: &[Vec<Credits<'_>>]) -> Vec<VariantId> {
    let Some(first) = tasks.first().and_then(|task| task.first()) else {
        return Vec::new();
    };
    let items = |wording: &VariantId| {
        let of = |task: &Vec<Credits<'_>>| {
            let rows = task.first().and_then(|credits| credits.first()).map_or(0, |(_, column)| column.len());
            (0..rows).filter(|row| task.iter().all(|credits| credit(credits, wording, *row).is_some())).count()
        };
        tasks.iter().map(of).sum::<usize>()
    };
    let counted = first.iter().map(|(wording, _)| (wording, items(wording))).collect::<Vec<_>>();
    let most = counted.iter().map(|(_, items)| *items).max().unwrap_or(0);
    let enough = |items: usize| items > 0 && items as f64 >= COMMON_WORDING * most as f64;
    counted.into_iter().filter(|(_, items)| enough(*items)).map(|(wording, _)| wording.clone()).collect()
}

/// Task and row of every item that has a credit in all these wordings under every checkpoint.
fn complete_items(tasks: &[Vec<Credits<'_>>], wordings: &[VariantId]) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        let rows = task.first().and_then(|credits| credits.first()).map_or(0, |(_, column)| column.len());
        let has_all = |row: &usize| {
            let full = |credits: &Credits<'_>| wordings.iter().all(|wording| credit(credits, wording, *row).is_some());
            !wordings.is_empty() && task.iter().all(full)
        };
        out.extend((0..rows).filter(has_all).map(|row| (number, row)));
    }
    out
}
