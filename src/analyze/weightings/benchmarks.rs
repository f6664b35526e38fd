//! What arms are compared on: tasks, means over groups of tasks, and the mean over all of these.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::analysis::{CheckpointAnalysis, MetricAnalysis, TaskAnalysis};
use crate::task::{Aggregation, MetricSpec};

use super::estimate::Member;
use super::results::BenchmarkKind;
use super::samples::TaskSamples;

/// With more tasks than this, those that are part of a group have no entry of their own.
const MOST_TASKS: usize = 12;

/// A benchmark before anything is computed.
pub(super) struct Benchmark {
    pub name: String,
    pub title: String,
    pub kind: BenchmarkKind,
    pub members: Vec<Member>,
    /// How the members' credits become the metric.
    pub spec: MetricSpec,
    pub left_out: Vec<String>,
}

impl Benchmark {
    /// Whether the metric is a mean of shares of which more is better: such numbers may be averaged over tasks.
    fn is_mean(&self) -> bool {
        self.spec.aggregation == Aggregation::Mean && self.spec.higher_is_better && self.spec.metric.is_share()
    }

    /// The metrics of its members, each once.
    pub fn metric(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for member in &self.members {
            if !names.contains(&member.metric.as_str()) {
                names.push(&member.metric);
            }
        }
        names.join(", ")
    }
}

/// The benchmarks of a set of checkpoints that answered the same questions, as the first of them knows them.
pub(super) fn benchmarks(checkpoint: &CheckpointAnalysis, samples: &[TaskSamples]) -> Vec<Benchmark> {
    let groups = groups(checkpoint, samples);
    let grouped = groups.iter().flat_map(|group| group.members.iter().map(|member| member.task.clone()));
    let grouped = grouped.collect::<BTreeSet<_>>();
    let tasks = checkpoint.tasks.iter().filter_map(|task| self::task(task, samples)).collect::<Vec<_>>();
    let many = tasks.len() > MOST_TASKS;
    let (inside, alone): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| grouped.contains(&task.name));
    let top = groups.into_iter().chain(alone).collect::<Vec<_>>();
    let mut out = Vec::new();
    out.extend(average(&top));
    out.extend(top);
    out.extend(inside.into_iter().filter(|_| !many));
    out
}

fn spec_of(samples: &[TaskSamples], task: &str, metric: &str, filter: &str) -> Option<MetricSpec> {
    let found = samples.iter().find(|found| found.task == task)?;
    Some(found.metric(metric, filter)?.spec.clone())
}

fn member(task: &TaskAnalysis, metric: &MetricAnalysis, weight: f64) -> Member {
    Member { task: task.task.clone(), metric: metric.metric.clone(), filter: metric.filter.clone(), weight }
}

fn task(task: &TaskAnalysis, samples: &[TaskSamples]) -> Option<Benchmark> {
    let metric = task.primary()?;
    Some(Benchmark {
        name: task.task.clone(),
        title: task.title.clone(),
        kind: BenchmarkKind::Task,
        members: vec![member(task, metric, 1.0)],
        spec: spec_of(samples, &task.task, &metric.metric, &metric.filter)?,
        left_out: Vec::new(),
    })
}

/// The first mean of every group of several tasks that is not part of a larger one.
fn groups(checkpoint: &CheckpointAnalysis, samples: &[TaskSamples]) -> Vec<Benchmark> {
    let mut first = BTreeMap::new();
    for (place, group) in checkpoint.groups.iter().enumerate().filter(|(_, group)| group.tasks.len() > 1) {
        first.entry(&group.group).or_insert(place);
    }
    let chosen = checkpoint.groups.iter().enumerate().filter(|(place, group)| first.get(&group.group) == Some(place));
    let chosen = chosen.map(|(_, group)| group).collect::<Vec<_>>();
    let inside = |tasks: &[String], others: &[String]| {
        tasks.len() < others.len() && tasks.iter().all(|task| others.contains(task))
    };
    let top = chosen.iter().filter(|group| !chosen.iter().any(|other| inside(&group.tasks, &other.tasks)));
    top.filter_map(|group| {
        let tasks = checkpoint.tasks.iter().filter(|task| group.tasks.contains(&task.task)).collect::<Vec<_>>();
        let all = tasks.iter().map(|task| task.instances).sum::<usize>() as f64;
        let members = tasks.iter().filter_map(|task| {
            let metric = task.metrics.iter().find(|m| m.metric == group.metric && m.filter == group.filter)?;
            let share = if group.weight_by_size { task.instances as f64 / all } else { 1.0 / tasks.len() as f64 };
            Some(member(task, metric, share))
        });
        let members = members.collect::<Vec<_>>();
        let spec = members.first().and_then(|first| spec_of(samples, &first.task, &first.metric, &first.filter))?;
        let benchmark = Benchmark {
            name: group.group.clone(),
            title: group.title.clone(),
            kind: BenchmarkKind::Group,
            members,
            spec,
            left_out: Vec::new(),
        };
        benchmark.is_mean().then_some(benchmark)
    })
    .collect()
}

/// The unweighted mean over benchmarks whose numbers are means of credits.
fn average(top: &[Benchmark]) -> Option<Benchmark> {
    let (means, others): (Vec<_>, Vec<_>) = top.iter().partition(|benchmark| benchmark.is_mean());
    let spec = means.first()?.spec.clone();
    let members = means.iter().flat_map(|benchmark| {
        benchmark.members.iter().map(|member| Member { weight: member.weight / means.len() as f64, ..member.clone() })
    });
    (means.len() > 1).then(|| Benchmark {
        name: "average".to_owned(),
        title: format!("mean of {} benchmarks", means.len()),
        kind: BenchmarkKind::Average,
        members: members.collect(),
        spec,
        left_out: others.iter().map(|benchmark| benchmark.name.clone()).collect(),
    })
}
