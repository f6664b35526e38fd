//! Means over tasks: those of the runs' groups, and the one over all tasks.

use crate::analyze::analysis::{ContrastVerdict, Headline};
use crate::estimate::{Estimate, Interval};
use crate::paired::{PairedGroup, PairedRuns, PairedTask};
use crate::sensitivity::Measure;
use crate::stats::{composite, student_p_value, with_replicates};

use super::contrast::{contrast, detectable, error_behind};
use super::{CompareOptions, ComparedMean, ComparedMeasure, Correction};

/// Every group of several tasks, then the unweighted mean over all tasks whose numbers are shares of which more is better.
pub(super) fn means(paired: &PairedRuns, options: &CompareOptions) -> Vec<ComparedMean> {
    let mut out = Vec::new();
    for group in &paired.groups {
        let members = group.members.iter().filter_map(|place| paired.tasks.get(*place)).collect::<Vec<_>>();
        if members.len() > 1 && members.iter().all(|task| task.higher_is_better) {
            out.push(group_mean(group, &members, options));
        }
    }
    let all = paired.primary().filter(|task| task.is_share && task.higher_is_better).collect::<Vec<_>>();
    let names = all.iter().map(|task| task.task.clone()).collect::<Vec<_>>();
    let sizes = all.iter().map(|task| task.column(Headline::Performance).map_or(0, |column| column.rows.len()));
    let sizes = sizes.collect::<std::collections::BTreeSet<_>>();
    // Tasks of one size weigh the same either way.
    let is_a_group = |mean: &ComparedMean| mean.tasks == names && (!mean.weight_by_size || sizes.len() < 2);
    if all.len() > 1 && !out.iter().any(is_a_group) {
        out.push(ComparedMean {
            name: "average".to_owned(),
            title: format!("mean of {} tasks", all.len()),
            metric: each_once(all.iter().map(|task| task.metric.as_str())),
            filter: String::new(),
            weight_by_size: false,
            tasks: names,
            measures: measures(&all, false, options),
        });
    }
    out
}

fn group_mean(group: &PairedGroup, members: &[&PairedTask], options: &CompareOptions) -> ComparedMean {
    ComparedMean {
        name: group.group.clone(),
        title: group.title.clone(),
        metric: group.metric.clone(),
        filter: group.filter.clone(),
        weight_by_size: group.weight_by_size,
        tasks: members.iter().map(|task| task.task.clone()).collect(),
        measures: measures(members, group.weight_by_size, options),
    }
}

fn each_once<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen.join(", ")
}

/// The measures that a task has; tasks without one are left out of its mean.
fn measures(members: &[&PairedTask], by_size: bool, options: &CompareOptions) -> Vec<ComparedMeasure> {
    Headline::ALL.into_iter().filter_map(|headline| mean(members, headline, by_size, options)).collect()
}

/// One measure of one task in a mean.
struct Part {
    weight: f64,
    baseline: Estimate,
    candidate: Estimate,
    difference: Estimate,
}

fn mean(
    members: &[&PairedTask],
    headline: Headline,
    by_size: bool,
    options: &CompareOptions,
) -> Option<ComparedMeasure> {
    let CompareOptions { level, power, .. } = *options;
    let mut parts = Vec::new();
    let (mut gained, mut lost, mut unpaired) = (0, 0, 0);
    for task in members {
        let Some(column) = task.column(headline) else { continue };
        let Some(found) = contrast(task, column, level, power) else { continue };
        let compared = super::compared_measure(task, column, Some(found));
        gained += compared.gained;
        lost += compared.lost;
        unpaired += compared.unpaired;
        // The width that answers equal everywhere leave is not lost in the mean.
        let difference = Estimate { standard_error: error_behind(&found.difference), ..found.difference };
        let instances = task.columns.first().map_or(column.rows.len(), |first| first.rows.len());
        let weight = if by_size { instances as f64 } else { 1.0 };
        parts.push(Part { weight, baseline: found.baseline, candidate: found.candidate, difference });
    }
    let more_is_better = members.first().is_some_and(|task| task.more_is_better(headline));
    let (difference, df) = combined(&parts, |part| part.difference, level)?;
    let is_share = members.iter().all(|task| task.is_share) && headline != Headline::Posix;
    Some(ComparedMeasure {
        measure: headline,
        perturbation: None,
        more_is_better,
        baseline: side(combined(&parts, |part| part.baseline, level)?.0, is_share, headline),
        candidate: side(combined(&parts, |part| part.candidate, level)?.0, is_share, headline),
        difference: Measure::Defined(difference),
        p_value: student_p_value(&difference, df),
        p_adjusted: None,
        correction: Correction::BenjaminiHochberg,
        comparisons: 0,
        minimum_detectable_effect: detectable(&difference, level, power),
        gained,
        lost,
        unpaired,
        tasks: parts.len(),
        verdict: ContrastVerdict::Unknown,
    })
}

/// `Σ w_k m_k` over tasks as strata, weights adding up to 1, with Satterthwaite's degrees of freedom.
fn combined(parts: &[Part], of: fn(&Part) -> Estimate, level: f64) -> Option<(Estimate, f64)> {
    let total = parts.iter().map(|part| part.weight).sum::<f64>();
    let members = parts.iter().map(|part| (part.weight / total, of(part))).collect::<Vec<_>>();
    let (estimate, components) = composite(&members)?;
    let (estimate, df) = with_replicates(estimate, &components, level);
    let interval = estimate.interval.filter(|interval| interval.low < interval.high);
    Some((Estimate { interval, ..estimate }, df))
}

/// Ends that the measure cannot have are not claimed.
fn side(estimate: Estimate, is_share: bool, headline: Headline) -> Measure {
    let low = if is_share || headline.is_sensitivity() { 0.0 } else { f64::NEG_INFINITY };
    let high = if is_share { 1.0 } else { f64::INFINITY };
    let within = |i: Interval| Interval { low: i.low.max(low), high: i.high.min(high), ..i };
    Measure::Defined(Estimate { interval: estimate.interval.map(within), ..estimate })
}
