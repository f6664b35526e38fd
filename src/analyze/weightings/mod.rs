//! What each loss weighting did to performance and to sensitivity, against conventional tuning and against the base.
//!
//! Checkpoints with one weighting, base, data and stage form an *arm*; they are its training seeds. Numbers of an arm are
//! means over its seeds. Arms are compared by paired differences on the instances that both have, with an error that
//! carries both items and seeds (`stats::replicates`), Holm's correction over the arms that are compared with one arm, and
//! words that claim no more than the interval. `docs/weightings.md` has the formulas.

mod arms;
mod benchmarks;
mod comparison;
mod estimate;
mod evidence;
pub(in crate::analyze) mod results;
pub(in crate::analyze) mod samples;
mod variance;
mod words;

use rayon::prelude::*;

use crate::task::Scorer;

use super::analysis::CheckpointAnalysis;
use super::inputs::{AnalyzeOptions, RunInputs};
use super::picture::evidence::Evidence;
use super::picture::preference::arm_before;
use super::picture::{Ability, Picture, assemble_with};
use arms::arms;
use benchmarks::{Benchmark, benchmarks};
use comparison::Comparison;
use results::{ArmKind, BenchmarkKind, WeightingsAnalysis};
use samples::TaskSamples;
pub(crate) use words::sensitivity;
pub(super) use words::{statements, warnings};

/// Compares the weightings of all runs. `None` where fewer than two arms can be compared, or none has a known weighting.
pub(super) fn analyze_weightings(
    runs: &[RunInputs<'_>],
    checkpoints: &[CheckpointAnalysis],
    run_of: &[usize],
    samples: &[Vec<TaskSamples>],
    options: &AnalyzeOptions,
) -> Option<WeightingsAnalysis> {
    let arms = arms(runs, checkpoints, run_of);
    if arms.members.len() < 2 || arms.members.iter().all(|entry| entry.arm.kind != ArmKind::Weighting) {
        return None;
    }
    let first = *arms.members.first()?.places.first()?;
    let (mut described, folded) = benchmarks(checkpoints.get(first)?, samples.get(first)?);
    for benchmark in &mut described {
        benchmark.ability = ability(benchmark, runs);
    }
    let mut analysis = WeightingsAnalysis {
        benchmarks: Vec::new(),
        not_comparable: arms.aside,
        arms: arms.members.iter().map(|entry| entry.arm.clone()).collect(),
        series: arms.series,
        picture: Picture::default(),
    };
    let before = places_before(&analysis);
    let members = arms.members.as_slice();
    let compared = described
        .par_iter()
        .map(|benchmark| {
            Comparison { arms: members, before: &before, checkpoints, benchmark, level: options.level }.run(samples)
        })
        .collect::<Vec<_>>();
    let mut evidence = Evidence::default();
    for (benchmark, own) in compared {
        analysis.benchmarks.push(benchmark);
        evidence.extend(own);
    }
    assemble_with(&mut analysis, &options.characteristics, options.level, &evidence);
    let (variance, left_out) = variance::decompositions(members, &described, samples, options.level);
    analysis.picture.variance = variance;
    analysis.picture.left_out.extend(left_out);
    if folded > 0 {
        analysis.picture.left_out.push(format!(
            "{folded} tasks that are part of a group have no maps and tables of their own: the group's stand for them."
        ));
    }
    Some(analysis)
}

/// For each arm the place of the one that it was preference-tuned from.
fn places_before(analysis: &WeightingsAnalysis) -> Vec<Option<usize>> {
    let place = |id: &str| analysis.arms.iter().position(|arm| arm.id == id);
    analysis.arms.iter().map(|arm| arm_before(analysis, arm).and_then(|before| place(&before.id))).collect()
}

/// What a benchmark asks for: by who judges its tasks, else by its name. `None` for a mean over benchmarks, and where the tasks
/// of a group ask for different things.
fn ability(benchmark: &Benchmark, runs: &[RunInputs<'_>]) -> Option<Ability> {
    if benchmark.kind == BenchmarkKind::Average {
        return None;
    }
    let of_task = |name: &str| {
        let mut tasks = runs.iter().flat_map(|run| &run.manifest.tasks);
        match tasks.find(|task| task.name == name).map(|task| task.scorer) {
            Some(Scorer::Instructions(_)) => Ability::Adherence,
            Some(Scorer::Dialogue | Scorer::MtBench | Scorer::MtBenchPair | Scorer::AlpacaEval) => {
                Ability::Conversation
            }
            Some(Scorer::Targets) | None => match Ability::of_benchmark(name) {
                Ability::Knowledge => Ability::of_benchmark(&benchmark.name),
                other => other,
            },
        }
    };
    let mut found = benchmark.members.iter().map(|member| of_task(&member.task));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}
