//! Preference-tuned arms against the arms that they were tuned from.

use crate::analyze::weightings::results::{Arm, ArmKind, Headline, WeightingsAnalysis};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;

use super::evidence::Evidence;
use super::gains::relative_change;
use super::grid::described;
use super::types::PreferenceGain;

/// The arm before each preference-tuned arm: the same weighting of the supervised series of the same model and data.
pub(in crate::analyze) fn arm_before<'a>(analysis: &'a WeightingsAnalysis, arm: &Arm) -> Option<&'a Arm> {
    if arm.kind != ArmKind::Weighting || arm.stage.as_deref() != Some("dpo") {
        return None;
    }
    let own = described(analysis, arm.series);
    let mut before = analysis.arms.iter().filter(|other| {
        let series = described(analysis, other.series);
        other.kind == ArmKind::Weighting
            && other.stage.as_deref() != Some("dpo")
            && other.weighting == arm.weighting
            && series.model == own.model
            && series.dataset == own.dataset
    });
    // Two of them: which one it was tuned from is not on record.
    let found = before.next()?;
    before.next().is_none().then_some(found)
}

/// One entry a benchmark, measure and preference-tuned arm where both have a number.
pub(super) fn preference_gains(analysis: &WeightingsAnalysis, evidence: &Evidence) -> Vec<PreferenceGain> {
    let pairs = analysis.arms.iter().filter_map(|arm| Some((arm, arm_before(analysis, arm)?))).collect::<Vec<_>>();
    let mut out = Vec::new();
    for benchmark in analysis.benchmarks.iter().filter(|_| !pairs.is_empty()) {
        for (arm, before) in &pairs {
            let row = |id: &str| benchmark.rows.iter().find(|row| row.arm == id);
            let (Some(after), Some(first)) = (row(&arm.id), row(&before.id)) else { continue };
            for measure in Headline::ALL {
                let numbers = after.measure(measure).zip(first.measure(measure));
                let Some((value, value_before)) = numbers.map(|(a, b)| (&a.value, &b.value)) else { continue };
                let (Some(a), Some(b)) = (value.estimate(), value_before.estimate()) else { continue };
                let key = (benchmark.benchmark.clone(), measure, arm.id.clone());
                let (difference, relative) =
                    evidence.preference.get(&key).cloned().unwrap_or_else(|| (unpaired(a, b), relative_change(a, b)));
                out.push(PreferenceGain {
                    benchmark: benchmark.benchmark.clone(),
                    measure,
                    arm: arm.id.clone(),
                    before: before.id.clone(),
                    value: value.clone(),
                    value_before: value_before.clone(),
                    difference,
                    relative,
                });
            }
        }
    }
    out
}

/// The difference without an interval: nothing says how the two are paired.
fn unpaired(a: &Estimate, b: &Estimate) -> Measure {
    let point = a.point - b.point;
    let (n, clusters) = (a.n.min(b.n), a.clusters.min(b.clusters));
    Measure::Defined(Estimate { point, interval: None, standard_error: None, n, clusters })
}
