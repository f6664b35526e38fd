//! What arms are compared on: tasks, means over groups of tasks, and the mean over all of these.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::analysis::{CheckpointAnalysis, MetricAnalysis, TaskAnalysis};
use crate::analyze::picture::Ability;
use crate::task::{Aggregation, Metric, MetricSpec};

use super::estimate::Member;
use super::results::BenchmarkKind;
use super::samples::TaskSamples;

/// With more tasks than this, those that are part of a group have no entry of their own.
const MOST_TASKS: usize = 12;

/// The highest rating: a rating `r` counts as `r / 10` among shares, as the paper's mean has it.
const TOP_RATING: f64 = 10.0;

/// A benchmark before anything is computed.
pub(super) struct Benchmark {
    pub name: String,
    pub title: String,
    pub kind: BenchmarkKind,
    pub members: Vec<Member>,
    /// How the members' credits become the metric.
    pub spec: MetricSpec,
    pub left_out: Vec<String>,
    /// The ability that it asks for.
    pub ability: Option<Ability>,
}

impl Benchmark {
    /// Whether the metric is a mean of shares of which more is better: such numbers may be averaged over tasks.
    fn is_mean(&self) -> bool {
        self.spec.aggregation == Aggregation::Mean && self.spec.higher_is_better && self.spec.metric.is_share()
    }

    /// Whether the metric is a mean of ratings from 1 to 10.
    fn is_rating(&self) -> bool {
        self.spec.aggregation == Aggregation::Mean && self.spec.higher_is_better && self.spec.metric == Metric::Rating
    }

    /// Whether credits are in the metric's own unit, so that ratios and slopes of their means are those of the metric.
    pub fn is_in_credit_units(&self) -> bool {
        matches!(self.spec.aggregation, Aggregation::Mean | Aggregation::WeightedMean)
    }

    /// The metrics of its members, each once.
    pub fn metric(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        for member in &self.members {
            let is_scaled = member.scale < 1.0;
            let name = if is_scaled { format!("{} / {TOP_RATING}", member.metric) } else { member.metric.clone() };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }
}

/// The benchmarks of a set of checkpoints that answered the same questions, as the first of them knows them; and how many tasks
/// of groups have no entry of their own.
pub(super) fn benchmarks(checkpoint: &CheckpointAnalysis, samples: &[TaskSamples]) -> (Vec<Benchmark>, usize) {
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
    let folded = if many { inside.len() } else { 0 };
    out.extend(inside.into_iter().filter(|_| !many));
    (out, folded)
}

fn spec_of(samples: &[TaskSamples], task: &str, metric: &str, filter: &str) -> Option<MetricSpec> {
    let found = samples.iter().find(|found| found.task == task)?;
    Some(found.metric(metric, filter)?.spec.clone())
}

fn member(task: &TaskAnalysis, metric: &MetricAnalysis, weight: f64) -> Member {
    Member { task: task.task.clone(), metric: metric.metric.clone(), filter: metric.filter.clone(), weight, scale: 1.0 }
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
        ability: None,
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
            ability: None,
        };
        benchmark.is_mean().then_some(benchmark)
    })
    .collect()
}

/// The unweighted mean over benchmarks whose numbers are means of credits. Among shares a rating `r` counts as `r / 10`.
fn average(top: &[Benchmark]) -> Option<Benchmark> {
    let (means, others): (Vec<_>, Vec<_>) =
        top.iter().partition(|benchmark| benchmark.is_mean() || benchmark.is_rating());
    // Ratings alone keep their scale.
    let shares = means.iter().find(|benchmark| benchmark.is_mean());
    let spec = shares.or(means.first())?.spec.clone();
    let members = means.iter().flat_map(|benchmark| {
        let scale = if benchmark.is_rating() && shares.is_some() { 1.0 / TOP_RATING } else { 1.0 };
        let weight = 1.0 / means.len() as f64;
        benchmark.members.iter().map(move |member| Member { weight: member.weight * weight, scale, ..member.clone() })
    });
    (means.len() > 1).then(|| Benchmark {
        name: "average".to_owned(),
        title: format!("mean of {} benchmarks", means.len()),
        kind: BenchmarkKind::Average,
        members: members.collect(),
        spec,
        left_out: others.iter().map(|benchmark| benchmark.name.clone()).collect(),
        ability: None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::estimate::Sampled;
    use super::super::results::Headline;
    use super::*;

    fn single(name: &str, metric: Metric) -> Benchmark {
        let task = name.to_owned();
        Benchmark {
            name: name.to_owned(),
            title: name.to_owned(),
            kind: BenchmarkKind::Task,
            members: vec![Member {
                task,
                metric: metric.as_str().to_owned(),
                filter: "none".to_owned(),
                weight: 1.0,
                scale: 1.0,
            }],
            spec: MetricSpec::new(metric),
            left_out: Vec::new(),
            ability: None,
        }
    }

    /// By hand: shares 0 and 1, ratings 5 and 7: (0.5 + 0.6) / 2. The samples are those of `acc`, whatever they are called.
    #[test]
    fn a_rating_counts_as_a_tenth_of_itself_among_shares() {
        let mut mean = average(&[single("a", Metric::Acc), single("b", Metric::Rating)]).unwrap();
        assert_eq!((mean.metric().as_str(), mean.left_out.len()), ("acc, rating / 10", 0));
        mean.members[1].metric = "acc".to_owned();
        let tasks = vec![TaskSamples::of_performance("a", &[0.0, 1.0]), TaskSamples::of_performance("b", &[5.0, 7.0])];
        let samples = [tasks];
        let drawn = Sampled::new(&samples, &mean.members, Headline::Performance, 0.95).unwrap();
        assert!((drawn.mean(&[0], &[]).unwrap().0.point - 0.55).abs() < 1e-12);
        assert!(drawn.are_shares());
        let ratings = average(&[single("a", Metric::Rating), single("b", Metric::Rating)]).unwrap();
        assert!(ratings.members.iter().all(|member| member.scale >= 1.0) && ratings.spec.metric == Metric::Rating);
        let apart = average(&[single("a", Metric::Acc), single("b", Metric::Acc), single("c", Metric::Perplexity)]);
        assert_eq!(apart.unwrap().left_out, ["c"]);
    }
}
