//! All arms on one benchmark: their numbers, their contrasts, and who may be the best.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::analyze::analysis::CheckpointAnalysis;
use crate::analyze::picture::evidence::Evidence;
use crate::estimate::{Estimate, Interval};
use crate::scoring::aggregate_estimate;
use crate::sensitivity::Measure;
use crate::stats::{Component, ReplicateVariance, holm, share_interval, with_replicates};

use super::arms::Members;
use super::benchmarks::Benchmark;
use super::estimate::{Judged, Sampled};
use super::results::{
    ArmKind, ArmMeasure, ArmResult, BenchmarkWeightings, BestSet, Contrast, ContrastVerdict, Headline, SeedVariance,
};
use super::samples::TaskSamples;

/// The measures for which the set of weightings that may be the best is reported with the benchmark.
const BEST_OF: [Headline; 4] = [Headline::Performance, Headline::WorstCase, Headline::Posix, Headline::Spread];

/// All arms on one benchmark.
pub(super) struct Comparison<'a> {
    pub arms: &'a [Members],
    /// For each arm the place of the one that it was preference-tuned from.
    pub before: &'a [Option<usize>],
    pub checkpoints: &'a [CheckpointAnalysis],
    pub benchmark: &'a Benchmark,
    pub level: f64,
}

/// A series' arms that have a number, and who is shown to be better than whom.
pub(super) struct Told<'a> {
    pub series: usize,
    /// Arms with their merit: the point, or its negative where less is better.
    scored: Vec<(&'a Members, f64)>,
    /// Places in `scored`: better, worse.
    pairs: BTreeSet<(usize, usize)>,
}

impl Told<'_> {
    /// Identifiers of the arms: better, worse.
    pub fn pairs(&self) -> BTreeSet<(String, String)> {
        let id = |place: usize| self.scored.get(place).map(|(entry, _)| entry.arm.id.clone());
        self.pairs.iter().filter_map(|(better, worse)| Some((id(*better)?, id(*worse)?))).collect()
    }

    /// The arms that are not shown to be worse than another; `None` with fewer than two arms.
    fn best(&self, measure: Headline) -> Option<BestSet> {
        let most = self.scored.iter().map(|(_, merit)| *merit).fold(f64::NEG_INFINITY, f64::max);
        let (best, _) = self.scored.iter().find(|(_, merit)| *merit >= most).filter(|_| self.scored.len() > 1)?;
        let beaten = self.pairs.iter().map(|(_, worse)| *worse).collect::<BTreeSet<_>>();
        let kept = self.scored.iter().enumerate().filter(|(place, _)| !beaten.contains(place));
        Some(BestSet {
            series: self.series,
            measure,
            best: best.arm.id.clone(),
            not_worse: kept.map(|(_, (entry, _))| entry.arm.id.clone()).collect(),
            arms: self.scored.len(),
        })
    }
}

impl Comparison<'_> {
    /// The benchmark as it is reported, and what else its instances show.
    pub fn run(&self, samples: &[Vec<TaskSamples>]) -> (BenchmarkWeightings, Evidence) {
        let found = Headline::ALL
            .into_par_iter()
            .map(|headline| {
                let drawn = Sampled::new(samples, &self.benchmark.members, headline, self.level);
                let seeds = drawn.as_ref().map(|drawn| self.seed_variances(drawn)).unwrap_or_default();
                let told = drawn.as_ref().map(|drawn| self.told(headline, drawn, &seeds)).unwrap_or_default();
                let best = told.iter().filter(|_| BEST_OF.contains(&headline)).filter_map(|told| told.best(headline));
                let best = best.collect::<Vec<_>>();
                let evidence = drawn.as_ref().map(|drawn| self.evidence(headline, drawn, &seeds, &told));
                (self.column(headline, drawn.as_ref(), &seeds), best, evidence.unwrap_or_default())
            })
            .collect::<Vec<_>>();
        let (mut columns, mut best, mut evidence) = (Vec::new(), Vec::new(), Evidence::default());
        for (column, sets, own) in found {
            columns.push(column.into_iter());
            best.extend(sets);
            evidence.extend(own);
        }
        let rows = self.arms.iter().map(|entry| ArmResult {
            arm: entry.arm.id.clone(),
            measures: columns.iter_mut().filter_map(Iterator::next).collect(),
        });
        let reported = BenchmarkWeightings {
            benchmark: self.benchmark.name.clone(),
            title: self.benchmark.title.clone(),
            kind: self.benchmark.kind,
            ability: self.benchmark.ability,
            metric: self.benchmark.metric(),
            higher_is_better: self.benchmark.spec.higher_is_better,
            tasks: self.benchmark.members.iter().map(|member| member.task.clone()).collect(),
            left_out: self.benchmark.left_out.clone(),
            rows: rows.collect(),
            best,
        };
        (reported, evidence)
    }

    /// Whether more of a measure is better.
    fn more_is_better(&self, headline: Headline) -> bool {
        !headline.is_sensitivity() && self.benchmark.spec.higher_is_better
    }

    /// The variance between seeds, one entry a series.
    pub fn seed_variances(&self, drawn: &Sampled<'_>) -> Vec<Option<ReplicateVariance>> {
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
            let relative_gain = drawn.and_then(|drawn| self.relative_gain(headline, entry, drawn, seeds));
            ArmMeasure { measure: headline, value, seed_variance, against_reference, against_base, relative_gain }
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
        let are_shares = drawn.are_shares() && self.benchmark.spec.higher_is_better;
        let estimate = bounded(estimate, df, headline, are_shares, self.level);
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

    /// Who is shown to be better than whom in each series.
    ///
    /// Arm `j` beats arm `i` with `(k - 1) p_ij < 1 - level`, `p_ij` the p-value of their paired difference, `k` the arms of
    /// the series. Who is beaten by nobody forms Gupta's subset selection (Technometrics 7, 1965) with Bonferroni's
    /// constant: the truly best arm stays with at least the probability `level`, although the data chose the best point. A
    /// one-sided p-value would do; the two-sided one keeps the set in step with the contrasts: of two arms, both may be the
    /// best unless they are told apart.
    fn told(&self, headline: Headline, drawn: &Sampled<'_>, seeds: &[Option<ReplicateVariance>]) -> Vec<Told<'_>> {
        let sign = if self.more_is_better(headline) { 1.0 } else { -1.0 };
        let tuned = self.arms.iter().filter(|entry| entry.arm.kind == ArmKind::Weighting);
        let series = tuned.clone().map(|entry| entry.arm.series).collect::<BTreeSet<_>>();
        let of = |number: usize| {
            let own = tuned.clone().filter(|entry| entry.arm.series == number);
            let scored = own.filter_map(|entry| Some((entry, drawn.mean(&entry.places, &[])?.0.point * sign)));
            let scored = scored.collect::<Vec<_>>();
            let places = 0..scored.len();
            let all = places.clone().flat_map(|a| places.clone().skip(a + 1).map(move |b| (a, b))).collect::<Vec<_>>();
            let beats = |(a, b): (usize, usize)| {
                let ((one, _), (other, _)) = scored.get(a).zip(scored.get(b))?;
                let found = difference(drawn, one, other, seeds)?;
                let adjusted = found.p_value? * (scored.len() - 1) as f64;
                let gap = found.estimate.point * sign;
                (adjusted < 1.0 - self.level)
                    .then_some(if gap > 0.0 { (a, b) } else { (b, a) })
                    .filter(|_| gap.abs() > 0.0)
            };
            let pairs = all.into_par_iter().filter_map(beats).collect::<BTreeSet<_>>();
            Told { series: number, scored, pairs }
        };
        series.into_iter().map(of).collect()
    }
}

/// The seed variance of an arm's series.
pub(super) fn own_variance(entry: &Members, seeds: &[Option<ReplicateVariance>]) -> Option<ReplicateVariance> {
    let own = seeds.get(entry.arm.series).copied().flatten();
    own.filter(|_| entry.arm.kind == ArmKind::Weighting)
}

/// The difference of two arms.
pub(super) fn difference(
    drawn: &Sampled<'_>,
    entry: &Members,
    other: &Members,
    seeds: &[Option<ReplicateVariance>],
) -> Option<Judged> {
    drawn.difference(&entry.places, &other.places, &seed_components(entry, other, seeds))
}

/// What training seeds add to the variance of a difference. Seeds of the two arms are taken to be independent; a base, and a
/// checkpoint of unknown weighting, add nothing: the comparison is with that very model.
pub(super) fn seed_components(entry: &Members, other: &Members, seeds: &[Option<ReplicateVariance>]) -> Vec<Component> {
    let share = |entry: &Members| own_variance(entry, seeds).map(|own| (own, 1.0 / entry.places.len() as f64));
    match (share(entry), share(other)) {
        (Some((own, a)), Some((_, b))) if entry.arm.series == other.arm.series => vec![own.component(a + b)],
        (one, two) => one.into_iter().chain(two).map(|(own, share)| own.component(share)).collect(),
    }
}

/// Ends that the measure cannot have are not claimed: shares get the interval of a share, other indices none below 0.
pub(super) fn bounded(estimate: Estimate, df: f64, headline: Headline, are_shares: bool, level: f64) -> Estimate {
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
