//! Means over the tasks of a group.

use std::collections::{BTreeMap, BTreeSet};

use crate::estimate::Estimate;
use crate::sensitivity::Measure;
use crate::stats::{combined, composite, group_estimate, share_interval};
use crate::task::{Group, GroupAggregate, Member};

use super::analysis::{GroupAnalysis, MetricAnalysis, TaskAnalysis};

/// One entry a group, aggregate and filter. A group none of whose tasks was asked has no entry.
pub(super) fn analyze_groups(groups: &[Group], tasks: &[TaskAnalysis], level: f64) -> Vec<GroupAnalysis> {
    let by_name = groups.iter().map(|group| (group.name.as_str(), group)).collect::<BTreeMap<_, _>>();
    groups
        .iter()
        .flat_map(|group| {
            let names = tasks_below(group, &by_name);
            let members = tasks.iter().filter(|task| names.contains(task.task.as_str())).collect::<Vec<_>>();
            let aggregates = group.aggregates.iter();
            aggregates.flat_map(|aggregate| rows(group, aggregate, &members, level)).collect::<Vec<_>>()
        })
        .collect()
}

/// The names of a group's tasks, those of the groups in it included.
pub(crate) fn tasks_below<'a>(group: &'a Group, by_name: &BTreeMap<&'a str, &'a Group>) -> BTreeSet<&'a str> {
    let (mut seen, mut names) = (BTreeSet::new(), BTreeSet::new());
    collect(group, by_name, &mut seen, &mut names);
    names
}

/// Tasks below a group; a cycle is walked once.
fn collect<'a>(
    group: &'a Group,
    by_name: &BTreeMap<&'a str, &'a Group>,
    seen: &mut BTreeSet<&'a str>,
    names: &mut BTreeSet<&'a str>,
) {
    if !seen.insert(&group.name) {
        return;
    }
    for member in &group.members {
        match member {
            Member::Task(name) => {
                names.insert(name);
            }
            Member::Group(name) => {
                if let Some(inner) = by_name.get(name.as_str()) {
                    collect(inner, by_name, seen, names);
                }
            }
        }
    }
}

fn rows(group: &Group, aggregate: &GroupAggregate, members: &[&TaskAnalysis], level: f64) -> Vec<GroupAnalysis> {
    let metric = aggregate.metric.as_str();
    let mut filters: Vec<&str> = Vec::new();
    for task in members {
        for found in task.metrics.iter().filter(|found| found.metric == metric) {
            let wanted = aggregate.filters.is_empty() || aggregate.filters.contains(&found.filter);
            if wanted && !filters.contains(&found.filter.as_str()) {
                filters.push(&found.filter);
            }
        }
    }
    filters
        .into_iter()
        .map(|filter| {
            let of = |task: &TaskAnalysis| task.metrics.iter().position(|m| m.metric == metric && m.filter == filter);
            let (having, lacking): (Vec<_>, Vec<_>) = members.iter().copied().partition(|task| of(task).is_some());
            let found = having.into_iter().filter_map(|task| Some((task, task.metrics.get(of(task)?)?)));
            let found = found.collect::<Vec<_>>();
            GroupAnalysis {
                group: group.name.clone(),
                title: group.title().to_owned(),
                metric: metric.to_owned(),
                filter: filter.to_owned(),
                weight_by_size: aggregate.weight_by_size,
                tasks: found.iter().map(|(task, _)| task.task.clone()).collect(),
                left_out: lacking.into_iter().map(|task| task.task.clone()).collect(),
                original: mean(&found, aggregate, level, |m| m.original.estimate().copied()),
                perturbed: mean(&found, aggregate, level, |m| {
                    m.together.as_ref().and_then(|row| row.performance.estimate().copied())
                }),
            }
        })
        .collect()
}

/// The group's mean of one number a task. Tasks weigh by their instances, whatever their number of variants.
fn mean(
    members: &[(&TaskAnalysis, &MetricAnalysis)],
    aggregate: &GroupAggregate,
    level: f64,
    number: impl Fn(&MetricAnalysis) -> Option<Estimate>,
) -> Measure {
    let mut estimates = Vec::with_capacity(members.len());
    for (task, metric) in members {
        match number(metric) {
            Some(estimate) => {
                let instances = metric.original.estimate().map_or(estimate.clusters, |original| original.n);
                estimates.push(Estimate { n: instances, ..estimate });
            }
            None => return Measure::undefined(format!("{} has no number", task.title)),
        }
    }
    // A group of one is its task: the interval that suits the task's data suits the group.
    if let [only] = estimates.as_slice() {
        return Measure::Defined(*only);
    }
    let found = group_estimate(&estimates, aggregate.weight_by_size, level);
    let is_share = aggregate.metric.is_share();
    let found = found.map(|found| if is_share { as_share(found, &estimates, aggregate.weight_by_size) } else { found });
    super::task::measure(found, "no task of the group was scored")
}

/// The mean of shares with the interval of a share: it neither leaves [0, 1] nor has no width where nothing varies.
fn as_share(mean: Estimate, members: &[Estimate], weight_by_size: bool) -> Estimate {
    let weight = |member: &Estimate| {
        if weight_by_size { member.n as f64 / mean.n as f64 } else { 1.0 / members.len() as f64 }
    };
    let weighted = members.iter().map(|member| (weight(member), *member)).collect::<Vec<_>>();
    let interval = mean.interval.and_then(|interval| {
        let (_, components) = composite(&weighted)?;
        let (_, df) = combined(&components);
        share_interval(mean.point, mean.standard_error?, df, mean.clusters, interval.level)
    });
    Estimate { interval: interval.or(mean.interval), ..mean }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_shares_has_the_interval_of_a_share() {
        let member =
            |point: f64, error: f64| Estimate { point, interval: None, standard_error: Some(error), n: 8, clusters: 8 };
        for members in [[member(0.0, 0.0), member(0.0, 0.0)], [member(0.25, 0.16), member(0.0, 0.0)]] {
            let plain = group_estimate(&members, true, 0.95).unwrap();
            let interval = as_share(plain, &members, true).interval.unwrap();
            assert!(interval.low >= 0.0 && interval.high > plain.point && interval.high < 1.0, "{interval:?}");
        }
    }
}
