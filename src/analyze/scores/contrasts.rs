//! Arms of a table against each other. A table of scores cannot be paired on items: its numbers are taken to be
//! independent, which makes differences of models that answered the same items look less certain than they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::analysis::{ArmMeasure, BestSet, Contrast, ContrastVerdict, SeedVariance};
use crate::analyze::weightings::results::{ArmKind, Headline};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;
use crate::stats::holm;

use super::cell::{difference, relative};
use super::layout::Member;

/// Whom an arm is compared with, and the difference with its p-value where both have a number.
type Judged<'a> = (&'a str, Option<(Estimate, Option<f64>)>);

/// One measure of all arms on one benchmark.
pub(super) struct Compared<'a> {
    pub members: &'a [Member<'a>],
    /// In the order of the members.
    pub values: &'a [Measure],
    pub headline: Headline,
    pub higher_is_better: bool,
    pub level: f64,
}

impl Compared<'_> {
    /// The measures, in the order of the members, and the arms of each series that may be the best.
    pub fn run(&self, seeds: &dyn Fn(&Member<'_>) -> SeedVariance) -> (Vec<ArmMeasure>, Vec<BestSet>) {
        let place = self.members.iter().enumerate().map(|(place, member)| (member.arm.id.as_str(), place));
        let place = place.collect::<BTreeMap<_, _>>();
        let reference = self.contrasts(&place, &|member| member.arm.reference.as_ref());
        let base = self.contrasts(&place, &|member| member.arm.base_arm.as_ref());
        let rows = self.members.iter().zip(self.values).zip(reference.into_iter().zip(base));
        let measures = rows.map(|((member, value), (against_reference, against_base))| ArmMeasure {
            measure: self.headline,
            value: value.clone(),
            seed_variance: seeds(member),
            relative_gain: self.gain(&place, member, value),
            against_reference,
            against_base,
        });
        (measures.collect(), self.best())
    }

    fn other(&self, place: &BTreeMap<&str, usize>, id: Option<&String>) -> Option<&Measure> {
        self.values.get(*place.get(id?.as_str())?)
    }

    fn gain(&self, place: &BTreeMap<&str, usize>, member: &Member<'_>, value: &Measure) -> Option<Measure> {
        let reference = self.other(place, member.arm.reference.as_ref())?;
        let (own, reference) = (value.estimate()?, reference.estimate()?);
        let gain = relative(own, reference, self.level).filter(|_| self.headline == Headline::Performance)?;
        Some(Measure::Defined(gain))
    }

    /// Each arm against the arm that `with` names; Holm's correction over those that are compared with the same.
    fn contrasts(
        &self,
        place: &BTreeMap<&str, usize>,
        with: &dyn for<'m> Fn(&'m Member<'_>) -> Option<&'m String>,
    ) -> Vec<Option<Contrast>> {
        let judged = self.members.iter().zip(self.values).map(|(member, own)| {
            let id = with(member)?;
            let other = self.other(place, Some(id))?;
            let found = own.estimate().zip(other.estimate()).map(|(own, other)| difference(own, other, self.level));
            Some((id.as_str(), found))
        });
        let judged = judged.collect::<Vec<_>>();
        let mut families: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
        for (arm, entry) in judged.iter().enumerate() {
            if let Some((id, Some((_, Some(p))))) = entry {
                families.entry(id).or_default().push((arm, *p));
            }
        }
        let mut adjusted = BTreeMap::new();
        for family in families.values() {
            let p_values = family.iter().map(|(_, p)| *p).collect::<Vec<_>>();
            adjusted.extend(family.iter().map(|(arm, _)| *arm).zip(holm(&p_values)));
        }
        let contrast = |(arm, entry): (usize, &Option<Judged<'_>>)| {
            let (id, found) = entry.as_ref()?;
            let p_adjusted = adjusted.get(&arm).copied();
            let estimate = found.as_ref().map(|(estimate, _)| *estimate);
            Some(Contrast {
                with: (*id).to_owned(),
                difference: estimate
                    .map_or_else(|| Measure::undefined("one of the two has no score"), Measure::Defined),
                p_value: found.as_ref().and_then(|(_, p)| *p),
                p_adjusted,
                comparisons: families.get(id).map_or(0, Vec::len),
                verdict: self.verdict(estimate, p_adjusted),
            })
        };
        judged.iter().enumerate().map(contrast).collect()
    }

    fn verdict(&self, difference: Option<Estimate>, p_adjusted: Option<f64>) -> ContrastVerdict {
        let (Some(difference), Some(p)) = (difference, p_adjusted) else {
            return ContrastVerdict::Unknown;
        };
        let Some(interval) = difference.interval else {
            return ContrastVerdict::Unknown;
        };
        let excludes_0 = interval.low > 0.0 || interval.high < 0.0;
        if !excludes_0 || p >= 1.0 - self.level {
            ContrastVerdict::NotToldApart
        } else if (difference.point > 0.0) == self.higher_is_better {
            ContrastVerdict::Better
        } else {
            ContrastVerdict::Worse
        }
    }

    /// The arms of each series that are not shown to be worse than another: Gupta's subset selection with Bonferroni's
    /// constant, as for runs. An arm without a standard error cannot be left out. None where no arm has one.
    fn best(&self) -> Vec<BestSet> {
        let sign = if self.higher_is_better { 1.0 } else { -1.0 };
        let tuned = self.members.iter().zip(self.values).filter(|(member, _)| member.arm.kind == ArmKind::Weighting);
        let tuned = tuned.filter_map(|(member, value)| Some((member, value.estimate()?))).collect::<Vec<_>>();
        let series = tuned.iter().map(|(member, _)| member.arm.series).collect::<BTreeSet<_>>();
        let set = |number: usize| {
            let own = tuned.iter().filter(|(member, _)| member.arm.series == number).collect::<Vec<_>>();
            let known = own.iter().any(|(_, estimate)| estimate.standard_error.is_some());
            let most = own.iter().map(|(_, estimate)| estimate.point * sign).fold(f64::NEG_INFINITY, f64::max);
            // Members stand by rising weights: the first of equals has the smallest.
            let (best, _) = own.iter().find(|(_, e)| e.point * sign >= most).filter(|_| known && own.len() > 1)?;
            let others = (own.len() - 1) as f64;
            let beaten = |estimate: &Estimate| {
                own.iter().filter(|(_, other)| (other.point - estimate.point) * sign > 0.0).any(|(_, other)| {
                    difference(estimate, other, self.level).1.is_some_and(|p| p * others < 1.0 - self.level)
                })
            };
            Some(BestSet {
                series: number,
                measure: self.headline,
                best: best.arm.id.clone(),
                not_worse: own.iter().filter(|(_, e)| !beaten(e)).map(|(member, _)| member.arm.id.clone()).collect(),
                arms: own.len(),
            })
        };
        series.into_iter().filter_map(set).collect()
    }
}
