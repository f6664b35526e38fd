//! What each loss weighting did to performance and to sensitivity, against conventional tuning and against the base.
//!
//! Checkpoints with one weighting, base and stage form an *arm*; they are its training seeds. Numbers of an arm are means
//! over its seeds. Arms are compared by paired differences on the instances that both have, with an error that carries both
//! items and seeds (`stats::replicates`), Holm's correction over the arms that are compared with one arm, and words that
//! claim no more than the interval. `docs/report.md` has the formulas.

mod arms;
mod benchmarks;
mod estimate;
pub(in crate::analyze) mod results;
pub(in crate::analyze) mod samples;
mod words;

use rayon::prelude::*;

use crate::estimate::{Estimate, Interval};
use crate::scoring::aggregate_estimate;
use crate::sensitivity::Measure;
use crate::stats::{ReplicateVariance, holm, share_interval, with_replicates};

use super::analysis::CheckpointAnalysis;
use super::inputs::RunInputs;
use super::picture::Picture;
use arms::{Members, arms};
use benchmarks::{Benchmark, benchmarks};
use estimate::{Judged, Sampled};
use results::{
    ArmKind, ArmMeasure, ArmResult, BenchmarkWeightings, BestSet, Contrast, ContrastVerdict, Headline, SeedVariance,
    WeightingsAnalysis,
};
use samples::TaskSamples;
pub(crate) use words::sensitivity;
pub(super) use words::{statements, warnings};

/// The measures for which the set of weightings that may be the best is found.
const BEST_OF: [Headline; 4] = [Headline::Performance, Headline::WorstCase, Headline::Posix, Headline::Spread];

/// Compares the weightings of all runs. `None` where fewer than two arms can be compared, or none has a known weighting.
pub(super) fn analyze_weightings(
    runs: &[RunInputs<'_>],
    checkpoints: &[CheckpointAnalysis],
    run_of: &[usize],
    samples: &[Vec<TaskSamples>],
    level: f64,
) -> Option<WeightingsAnalysis> {
    let arms = arms(runs, checkpoints, run_of);
    if arms.members.len() < 2 || arms.members.iter().all(|entry| entry.arm.kind != ArmKind::Weighting) {
        return None;
    }
    let first = *arms.members.first()?.places.first()?;
    let described = benchmarks(checkpoints.get(first)?, samples.get(first)?);
    let compared = described
        .into_par_iter()
        .map(|benchmark| Comparison { arms: &arms.members, checkpoints, benchmark: &benchmark, level }.run(samples))
        .collect();
    Some(WeightingsAnalysis {
        benchmarks: compared,
        not_comparable: arms.aside,
        arms: arms.members.into_iter().map(|entry| entry.arm).collect(),
        series: Vec::new(),
        picture: Picture::default(),
    })
}

/// All arms on one benchmark.
struct Comparison<'a> {
    arms: &'a [Members],
    checkpoints: &'a [CheckpointAnalysis],
    benchmark: &'a Benchmark,
    level: f64,
}

impl Comparison<'_> {
    fn run(&self, samples: &[Vec<TaskSamples>]) -> BenchmarkWeightings {
        let columns = Headline::ALL
            .into_par_iter()
            .map(|headline| {
                let drawn = Sampled::new(samples, &self.benchmark.members, headline, self.level);
                let seeds = drawn.as_ref().map(|drawn| self.seed_variances(drawn)).unwrap_or_default();
                let best = drawn.as_ref().map(|drawn| self.best(headline, drawn, &seeds));
                (self.column(headline, drawn.as_ref(), &seeds), best.unwrap_or_default())
            })
            .collect::<Vec<_>>();
        let (mut columns, best): (Vec<_>, Vec<_>) =
            columns.into_iter().map(|(column, best)| (column.into_iter(), best)).unzip();
        let rows = self.arms.iter().map(|entry| ArmResult {
            arm: entry.arm.id.clone(),
            measures: columns.iter_mut().filter_map(Iterator::next).collect(),
        });
        BenchmarkWeightings {
            benchmark: self.benchmark.name.clone(),
            title: self.benchmark.title.clone(),
            kind: self.benchmark.kind,
            ability: None,
            metric: self.benchmark.metric(),
            higher_is_better: self.benchmark.spec.higher_is_better,
            tasks: self.benchmark.members.iter().map(|member| member.task.clone()).collect(),
            left_out: self.benchmark.left_out.clone(),
            rows: rows.collect(),
            best: best.into_iter().flatten().collect(),
        }
    }

    /// Whether more of a measure is better.
    fn more_is_better(&self, headline: Headline) -> bool {
        !headline.is_sensitivity() && self.benchmark.spec.higher_is_better
    }

    /// The variance between seeds, one entry a series.
    fn seed_variances(&self, drawn: &Sampled<'_>) -> Vec<Option<ReplicateVariance>> {
        let series = self.arms.iter().map(|entry| entry.arm.series).max().map_or(0, |last| last + 1);
        let of = |number: usize| {
            let own =
                self.arms.iter().filter(|entry| entry.arm.kind == ArmKind::Weighting && entry.arm.series == number);
            drawn.seed_variance(&own.map(|entry| entry.places.as_slice()).collect::<Vec<_>>())
        };
        (0..series).map(of).collect()
    }

    /// One measure of every arm, with its contrasts.
    fn column(
        &self,
        headline: Headline,
        drawn: Option<&Sampled<'_>>,
        seeds: &[Option<ReplicateVariance>],
    ) -> Vec<ArmMeasure> {
        let against = |with: &dyn Fn(&Members) -> Option<String>| match drawn {
            Some(drawn) => self.contrasts(headline, drawn, seeds, with),
            None => vec![None; self.arms.len()],
        };
        let reference = against(&|entry| entry.arm.reference.clone());
        let base = against(&|entry| entry.arm.base_arm.clone());
        let arms = self.arms.iter().zip(reference).zip(base);
        arms.map(|((entry, against_reference), against_base)| {
            let own = own_variance(entry, seeds);
            let seed_variance = match (entry.arm.kind, own) {
                (ArmKind::Base, _) => SeedVariance::None,
                (ArmKind::Weighting, Some(_)) if entry.places.len() > 1 => SeedVariance::Measured,
                (ArmKind::Weighting, Some(_)) => SeedVariance::Borrowed,
                _ => SeedVariance::NotMeasured,
            };
            let value = self.value(headline, entry, drawn, own);
            ArmMeasure { measure: headline, value, seed_variance, against_reference, against_base, relative_gain: None }
        })
        .collect()
    }

    /// An arm's number. That of one checkpoint on one task is the one that the rest of the report shows, as long as there
    /// is no seed variance to add.
    fn value(
        &self,
        headline: Headline,
        entry: &Members,
        drawn: Option<&Sampled<'_>>,
        seeds: Option<ReplicateVariance>,
    ) -> Measure {
        let Some(drawn) = drawn else {
            return Measure::undefined("this was not asked");
        };
        if let ([only], None, Some(task)) = (entry.places.as_slice(), seeds, drawn.only_task()) {
            return self.reported(headline, *only, task);
        }
        let Some((estimate, mut components)) = drawn.mean(&entry.places, &[]) else {
            return Measure::undefined("a checkpoint has no number on a task, or its seeds have no instance in common");
        };
        if let (Some(seeds), false) = (seeds, components.is_empty()) {
            components.push(seeds.component(1.0 / entry.places.len() as f64));
        }
        let (estimate, df) = with_replicates(estimate, &components, self.level);
        let estimate = bounded(estimate, df, headline, drawn.are_shares(), self.level);
        Measure::Defined(self.in_metric_units(headline, estimate))
    }

    /// What the checkpoint's own analysis says.
    fn reported(&self, headline: Headline, place: usize, task: &str) -> Measure {
        let mut members = self.benchmark.members.iter().filter(|member| member.task == task);
        let found = members.find_map(|member| {
            let task = self.checkpoints.get(place)?.tasks.iter().find(|task| task.task == member.task)?;
            let metric = task.metrics.iter().find(|m| m.metric == member.metric && m.filter == member.filter)?;
            let together = metric.together.as_ref();
            Some(match headline {
                Headline::Performance => metric.original.clone(),
                Headline::Perturbed => together?.performance.clone(),
                Headline::WorstCase => match &together?.sensitivity.worst_case {
                    Measure::Defined(estimate) => Measure::Defined(aggregate_estimate(&self.benchmark.spec, *estimate)),
                    undefined @ Measure::Undefined { .. } => undefined.clone(),
                },
                Headline::Posix => task.posix.index.clone(),
                Headline::Spread => together?.sensitivity.spread.clone(),
                Headline::Variance => together?.sensitivity.within_item_variance.clone(),
                Headline::FlipRate => together?.sensitivity.flip_rate_mean.clone(),
            })
        });
        found.unwrap_or_else(|| Measure::undefined("this was not asked"))
    }

    fn in_metric_units(&self, headline: Headline, estimate: Estimate) -> Estimate {
        if headline.is_sensitivity() { estimate } else { aggregate_estimate(&self.benchmark.spec, estimate) }
    }

    /// Each arm against the arm that `with` names, Holm's correction over those that are compared with the same.
    fn contrasts(
        &self,
        headline: Headline,
        drawn: &Sampled<'_>,
        seeds: &[Option<ReplicateVariance>],
        with: &dyn Fn(&Members) -> Option<String>,
    ) -> Vec<Option<Contrast>> {
        let judged = self.arms.iter().map(|entry| {
            let id = with(entry)?;
            let other = self.arms.iter().find(|other| other.arm.id == id)?;
            Some((id, difference(drawn, entry, other, seeds)))
        });
        let judged = judged.collect::<Vec<_>>();
        let p_of = |entry: &Option<(String, Option<Judged>)>| entry.as_ref()?.1?.p_value;
        let contrast = |entry: &Option<(String, Option<Judged>)>| {
            let (id, found) = entry.as_ref()?;
            let family = judged.iter().filter(|other| other.as_ref().is_some_and(|(other, _)| other == id));
            let p_values = family.filter_map(p_of).collect::<Vec<_>>();
            let adjusted = p_of(entry).map(|own| {
                let place = p_values.iter().position(|p| p.total_cmp(&own).is_eq());
                place.and_then(|place| holm(&p_values).get(place).copied()).unwrap_or(1.0)
            });
            Some(Contrast {
                with: id.clone(),
                difference: found.map_or_else(
                    || Measure::undefined("the two have no instance in common"),
                    |found| Measure::Defined(found.estimate),
                ),
                p_value: p_of(entry),
                p_adjusted: adjusted,
                comparisons: p_values.len(),
                verdict: verdict(found.as_ref(), adjusted, self.more_is_better(headline), self.level),
            })
        };
        judged.iter().map(contrast).collect()
    }

    /// The arms of each series that are not shown to be worse than another.
    ///
    /// Arm `i` is left out where some `j` beats it with `(k - 1) p_ij < 1 - level`, `p_ij` the p-value of their paired
    /// difference: Gupta's subset selection (Technometrics 7, 1965) with Bonferroni's constant, so that the truly best arm
    /// stays with at least the probability `level`, although the data chose the best point. A one-sided p-value would do;
    /// the two-sided one keeps the set in step with the contrasts: of two arms, both may be the best unless they are told
    /// apart.
    fn best(&self, headline: Headline, drawn: &Sampled<'_>, seeds: &[Option<ReplicateVariance>]) -> Vec<BestSet> {
        if !BEST_OF.contains(&headline) {
            return Vec::new();
        }
        let sign = if self.more_is_better(headline) { 1.0 } else { -1.0 };
        let series =
            self.arms.iter().filter(|entry| entry.arm.kind == ArmKind::Weighting).map(|entry| entry.arm.series);
        let series = series.collect::<std::collections::BTreeSet<_>>();
        let of = |number: usize| {
            let own =
                self.arms.iter().filter(|entry| entry.arm.kind == ArmKind::Weighting && entry.arm.series == number);
            let scored = own.filter_map(|entry| Some((entry, drawn.mean(&entry.places, &[])?.0.point * sign)));
            let scored = scored.collect::<Vec<_>>();
            let most = scored.iter().map(|(_, merit)| *merit).fold(f64::NEG_INFINITY, f64::max);
            let (best, _) = scored.iter().find(|(_, merit)| *merit >= most).filter(|_| scored.len() > 1)?;
            let others = (scored.len() - 1) as f64;
            let beaten = |entry: &Members| {
                scored.iter().filter(|(other, _)| other.arm.id != entry.arm.id).any(|(other, _)| {
                    let found = difference(drawn, entry, other, seeds);
                    let p = found.filter(|found| found.estimate.point * sign < 0.0).and_then(|found| found.p_value);
                    p.is_some_and(|p| p * others < 1.0 - self.level)
                })
            };
            Some(BestSet {
                series: number,
                measure: headline,
                best: best.arm.id.clone(),
                not_worse: scored
                    .par_iter()
                    .filter(|(entry, _)| !beaten(entry))
                    .map(|(entry, _)| entry.arm.id.clone())
                    .collect(),
                arms: scored.len(),
            })
        };
        series.into_iter().filter_map(of).collect()
    }
}

/// The seed variance of an arm's series.
fn own_variance(entry: &Members, seeds: &[Option<ReplicateVariance>]) -> Option<ReplicateVariance> {
    let own = seeds.get(entry.arm.series).copied().flatten();
    own.filter(|_| entry.arm.kind == ArmKind::Weighting)
}

/// The difference of two arms. Seeds of the two are taken to be independent; a base, and a checkpoint of unknown
/// weighting, add no seed variance: the comparison is with that very model.
fn difference(
    drawn: &Sampled<'_>,
    entry: &Members,
    other: &Members,
    seeds: &[Option<ReplicateVariance>],
) -> Option<Judged> {
    let share = |entry: &Members| own_variance(entry, seeds).map(|own| (own, 1.0 / entry.places.len() as f64));
    let component = match (share(entry), share(other)) {
        (Some((own, a)), Some((_, b))) => Some(own.component(a + b)),
        (Some((own, a)), None) | (None, Some((own, a))) => Some(own.component(a)),
        (None, None) => None,
    };
    drawn.difference(&entry.places, &other.places, component)
}

/// Ends that the measure cannot have are not claimed: shares get the interval of a share, other indices none below 0.
fn bounded(estimate: Estimate, df: f64, headline: Headline, are_shares: bool, level: f64) -> Estimate {
    let Some(error) = estimate.standard_error else {
        return estimate;
    };
    if are_shares && headline != Headline::Spread && headline != Headline::Posix {
        let share = share_interval(estimate.point, error, df, estimate.clusters, level);
        return Estimate { interval: share.or(estimate.interval), ..estimate };
    }
    let not_negative = headline.is_sensitivity();
    let interval = estimate.interval.map(|i| Interval { low: if not_negative { i.low.max(0.0) } else { i.low }, ..i });
    Estimate { interval, ..estimate }
}

fn verdict(found: Option<&Judged>, adjusted: Option<f64>, more_is_better: bool, level: f64) -> ContrastVerdict {
    let (Some(found), Some(adjusted)) = (found, adjusted) else {
        return ContrastVerdict::Unknown;
    };
    let Some(interval) = found.estimate.interval else {
        return ContrastVerdict::Unknown;
    };
    let clear = adjusted < 1.0 - level;
    if clear && interval.low > 0.0 {
        if more_is_better { ContrastVerdict::Better } else { ContrastVerdict::Worse }
    } else if clear && interval.high < 0.0 {
        if more_is_better { ContrastVerdict::Worse } else { ContrastVerdict::Better }
    } else {
        ContrastVerdict::NotToldApart
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
