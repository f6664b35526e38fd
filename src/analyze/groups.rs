//! Means over the tasks of a group.

use std::collections::{BTreeMap, BTreeSet};

use crate::estimate::Estimate;
use crate::sensitivity::Measure;
use crate::stats::group_estimate;
use crate::task::{Group, GroupAggregate, Member};

use super::analysis::{GroupAnalysis, MetricAnalysis, TaskAnalysis};

/// One entry a group, aggregate and filter. A group none of whose tasks was asked has no entry.
pub(super) fn analyze_groups(groups: &[Group], tasks: &[TaskAnalysis], level: f64) -> Vec<GroupAnalysis> {
    let by_name = groups.iter().map(|group| (group.name.as_str(), group)).collect::<BTreeMap<_, _>>();
    groups
        .iter()
        .flat_map(|group| {
            let mut names = BTreeSet::new();
            let mut seen = BTreeSet::new();
            collect(group, &by_name, &mut seen, &mut names);
            let members = tasks.iter().filter(|task| names.contains(task.task.as_str())).collect::<Vec<_>>();
            let aggregates = group.aggregates.iter();
            aggregates.flat_map(|aggregate| rows(group, aggregate, &members, level)).collect::<Vec<_>>()
        })
        .collect()
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
                original: mean(&found, aggregate.weight_by_size, level, |m| m.original.estimate().copied()),
                perturbed: mean(&found, aggregate.weight_by_size, level, |m| {
                    m.together.as_ref().and_then(|row| row.performance.estimate().copied())
                }),
            }
        })
        .collect()
}

/// The group's mean of one number a task. Tasks weigh by their instances, whatever their number of variants.
fn mean(
    members: &[(&TaskAnalysis, &MetricAnalysis)],
    weight_by_size: bool,
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
    super::task::measure(group_estimate(&estimates, weight_by_size, level), "no task of the group was scored")
}
