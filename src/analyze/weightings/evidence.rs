//! What instances show beyond the numbers of single arms: relative gains, effects of the weights, what preference tuning did.

use std::collections::BTreeMap;

use crate::analyze::picture::WeightAxis;
use crate::analyze::picture::evidence::{Evidence, GridKey, simultaneous_level};
use crate::analyze::picture::weight_effects::{AXES, slope_coefficients};
use crate::estimate::{Estimate, Interval, IntervalMethod};
use crate::sensitivity::Measure;
use crate::stats::{Component, ReplicateVariance, combined, with_replicates};
use crate::weighting::Weighting;

use super::arms::Members;
use super::comparison::{Comparison, Told, bounded, difference, own_variance, seed_components};
use super::estimate::Sampled;
use super::results::{ArmKind, Headline};

/// Variances between training seeds, one entry a series.
type Seeds = [Option<ReplicateVariance>];

impl Comparison<'_> {
    /// What one measure shows.
    pub(super) fn evidence(
        &self,
        headline: Headline,
        drawn: &Sampled<'_>,
        seeds: &Seeds,
        told: &[Told<'_>],
    ) -> Evidence {
        let mut out = Evidence::default();
        for told in told {
            out.shown.insert(self.key(told.series, headline), told.pairs());
        }
        let series = self.arms.iter().filter(|entry| is_tuned(entry)).map(|entry| entry.arm.series);
        for number in series.collect::<std::collections::BTreeSet<_>>() {
            let own = self.arms.iter().filter(|entry| is_tuned(entry) && entry.arm.series == number);
            let own = own.filter(|entry| drawn.mean(&entry.places, &[]).is_some()).collect::<Vec<_>>();
            if headline == Headline::Performance {
                self.gains(&mut out, drawn, seeds, &own);
            }
            self.effects(&mut out, headline, drawn, seeds, &own);
        }
        self.preference(&mut out, headline, drawn, seeds);
        out
    }

    fn key(&self, series: usize, headline: Headline) -> GridKey {
        (self.benchmark.name.clone(), series, headline)
    }

    /// `(arm - reference) / reference` for measures of performance; `None` without a reference or where its number is not above 0.
    pub(super) fn relative_gain(
        &self,
        headline: Headline,
        entry: &Members,
        drawn: &Sampled<'_>,
        seeds: &Seeds,
    ) -> Option<Measure> {
        if headline.is_sensitivity() {
            return None;
        }
        let id = entry.arm.reference.as_ref()?;
        let reference = self.arms.iter().find(|other| other.arm.id == *id)?;
        self.relative(drawn, entry, reference, seeds, self.level).map(Measure::Defined)
    }

    /// The relative change from one arm to another with Fieller's interval over items and training seeds: the seeds' variance is
    /// added to those of the two means. `None` where credits are not in the metric's unit (perplexities).
    fn relative(
        &self,
        drawn: &Sampled<'_>,
        entry: &Members,
        other: &Members,
        seeds: &Seeds,
        level: f64,
    ) -> Option<Estimate> {
        if !self.benchmark.is_in_credit_units() {
            return None;
        }
        let mut joint = drawn.joint(&entry.places, &other.places)?;
        if joint.df >= 1.0 {
            let variance = (joint.variance_a + joint.variance_b - 2.0 * joint.covariance).max(0.0);
            let mut parts = seed_components(entry, other, seeds);
            parts.push(Component { variance, mean_square: variance, df: joint.df });
            let share = |entry: &Members| {
                own_variance(entry, seeds).map_or(0.0, |own| own.component(1.0 / entry.places.len() as f64).variance)
            };
            joint.variance_a += share(entry);
            joint.variance_b += share(other);
            let (total, df) = combined(&parts);
            // A difference that never varies says nothing of the errors of its two sides.
            if total > 0.0 {
                joint.df = df;
            }
        }
        joint.relative_change(level)
    }

    /// Of every cell over conventional tuning, simultaneous over the cells.
    fn gains(&self, out: &mut Evidence, drawn: &Sampled<'_>, seeds: &Seeds, own: &[&Members]) {
        let conventional = own.iter().find(|entry| entry.arm.weighting == Some(Weighting::CONVENTIONAL));
        let Some(reference) = conventional else { return };
        let level = simultaneous_level(self.level, own.len());
        for entry in own.iter().filter(|entry| entry.arm.id != reference.arm.id) {
            if let Some(found) = self.relative(drawn, entry, reference, seeds, level) {
                let interval = found.interval.map(|i| Interval { method: IntervalMethod::Simultaneous, ..i });
                let key = (self.benchmark.name.clone(), entry.arm.id.clone());
                out.gains.insert(key, Estimate { interval, ..found });
            }
        }
    }

    /// Slopes on both weights and means by level: sums over arms, so that the error over items is that of a mean. It carries
    /// which items were asked and, where known, the training seeds; not how badly a straight line fits.
    fn effects(&self, out: &mut Evidence, headline: Headline, drawn: &Sampled<'_>, seeds: &Seeds, own: &[&Members]) {
        if !headline.is_sensitivity() && !self.benchmark.is_in_credit_units() {
            return;
        }
        let weighted = own.iter().filter_map(|entry| Some((*entry, entry.arm.weighting?))).collect::<Vec<_>>();
        let (entries, weightings): (Vec<_>, Vec<_>) = weighted.into_iter().unzip();
        let Some(series) = entries.first().map(|entry| entry.arm.series) else { return };
        for axis in AXES {
            let key = (self.key(series, headline), axis);
            let slope = slope_coefficients(&weightings, axis)
                .and_then(|coefficients| sum_over_arms(drawn, seeds, &entries, &coefficients, self.level));
            if let Some((slope, _)) = slope {
                out.slopes.insert(key.clone(), slope);
            }
            for (bits, coefficients) in level_coefficients(&weightings, axis) {
                if let Some((mean, df)) = sum_over_arms(drawn, seeds, &entries, &coefficients, self.level) {
                    let are_shares = drawn.are_shares() && self.benchmark.spec.higher_is_better;
                    let mean = bounded(mean, df, headline, are_shares, self.level);
                    out.levels.insert((key.0.clone(), axis, bits), mean);
                }
            }
        }
    }

    fn preference(&self, out: &mut Evidence, headline: Headline, drawn: &Sampled<'_>, seeds: &Seeds) {
        let pairs = self.arms.iter().zip(self.before);
        for (entry, before) in pairs.filter_map(|(entry, place)| Some((entry, self.arms.get((*place)?)?))) {
            let Some(found) = difference(drawn, entry, before, seeds) else { continue };
            let relative = self.relative(drawn, entry, before, seeds, self.level).map_or_else(
                || Measure::undefined("the number before is not above 0, or is a perplexity"),
                Measure::Defined,
            );
            let key = (self.benchmark.name.clone(), headline, entry.arm.id.clone());
            out.preference.insert(key, (Measure::Defined(found.estimate), relative));
        }
    }
}

fn is_tuned(entry: &Members) -> bool {
    entry.arm.kind == ArmKind::Weighting
}

/// `Σ c_i y_i` over arms with its degrees of freedom; seeds add `G Σ c_i² / S_i`.
fn sum_over_arms(
    drawn: &Sampled<'_>,
    seeds: &Seeds,
    entries: &[&Members],
    coefficients: &[f64],
    level: f64,
) -> Option<(Estimate, f64)> {
    let used = entries.iter().zip(coefficients).filter(|(_, coefficient)| coefficient.abs() > 0.0);
    let parts = used.clone().flat_map(|(entry, coefficient)| {
        let share = coefficient / entry.places.len() as f64;
        entry.places.iter().map(move |place| (*place, share))
    });
    let (estimate, mut components) = drawn.contrast(&parts.collect::<Vec<_>>())?;
    let own = entries.first().and_then(|entry| own_variance(entry, seeds));
    if let Some(own) = own.filter(|_| !components.is_empty()) {
        let share = used.map(|(entry, coefficient)| coefficient * coefficient / entry.places.len() as f64).sum();
        components.push(own.component(share));
    }
    Some(with_replicates(estimate, &components, level))
}

/// For each value of a weight, by its bits, the coefficients of the mean over the arms that have it.
fn level_coefficients(weightings: &[Weighting], axis: WeightAxis) -> BTreeMap<u64, Vec<f64>> {
    let values = weightings.iter().map(|weighting| axis.of(*weighting).to_bits()).collect::<Vec<_>>();
    let mean = |bits: u64| {
        let count = values.iter().filter(|value| **value == bits).count() as f64;
        values.iter().map(|value| if *value == bits { 1.0 / count } else { 0.0 }).collect()
    };
    values.iter().map(|bits| (*bits, mean(*bits))).collect()
}
