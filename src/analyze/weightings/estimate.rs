//! Means and paired differences of arms on a benchmark, over items and training seeds.

use crate::estimate::Estimate;
use crate::stats::{
    Component, JointMeans, ReplicateVariance, composite, mcnemar_exact, ratio_estimate, student_p_value,
    with_replicates,
};

use super::results::Headline;
use super::samples::{Column, TaskSamples};

/// A task of a benchmark.
#[derive(Clone)]
pub(super) struct Member {
    pub task: String,
    pub metric: String,
    pub filter: String,
    /// Share of the benchmark.
    pub weight: f64,
    /// What its credits are multiplied by: 1 / 10 for a rating among shares.
    pub scale: f64,
}

impl Member {
    /// What a measure is multiplied by.
    fn factor(&self, headline: Headline) -> f64 {
        match headline {
            Headline::Performance | Headline::Perturbed | Headline::WorstCase | Headline::Spread => self.scale,
            Headline::Variance => self.scale * self.scale,
            Headline::Posix | Headline::FlipRate => 1.0,
        }
    }
}

/// The samples of all checkpoints on the tasks of a benchmark, for one measure.
pub(super) struct Sampled<'a> {
    /// A task: its weight, its clusters, and a column a checkpoint.
    tasks: Vec<SampledTask<'a>>,
    pub level: f64,
}

struct SampledTask<'a> {
    task: &'a str,
    weight: f64,
    factor: f64,
    clusters: &'a [usize],
    columns: Vec<Option<&'a Column>>,
}

/// A difference with what is needed to judge it.
#[derive(Clone, Copy)]
pub(super) struct Judged {
    pub estimate: Estimate,
    pub p_value: Option<f64>,
}

impl<'a> Sampled<'a> {
    /// The columns of a measure; tasks on which no checkpoint has a number are left out, and the weights of the others add
    /// up to 1 again. `None` where no task is left.
    pub fn new(samples: &'a [Vec<TaskSamples>], members: &[Member], headline: Headline, level: f64) -> Option<Self> {
        let task = |member: &Member| {
            let of = |tasks: &'a Vec<TaskSamples>| {
                let task = tasks.iter().find(|task| task.task == member.task)?;
                Some((task.task.as_str(), task.column(&member.metric, &member.filter, headline)?))
            };
            let found = samples.iter().map(of).collect::<Vec<_>>();
            let (task, (_, clusters)) = found.iter().flatten().next().copied()?;
            let columns = found.into_iter().map(|found| found.map(|(_, (column, _))| column)).collect::<Vec<_>>();
            let any = columns.iter().flatten().any(|column| column.iter().any(Option::is_some));
            any.then_some(SampledTask {
                task,
                weight: member.weight,
                factor: member.factor(headline),
                clusters,
                columns,
            })
        };
        let mut tasks = members.iter().filter_map(task).collect::<Vec<_>>();
        let total = tasks.iter().map(|task| task.weight).sum::<f64>();
        for task in &mut tasks {
            task.weight /= total;
        }
        (!tasks.is_empty() && total > 0.0).then_some(Self { tasks, level })
    }

    /// The task, where one has the measure and its numbers are not rescaled.
    pub fn only_task(&self) -> Option<&'a str> {
        if let [only] = self.tasks.as_slice() { Some(only.task).filter(|_| only.factor >= 1.0) } else { None }
    }

    /// Whether every number lies in [0, 1].
    pub fn are_shares(&self) -> bool {
        let in_range = |task: &SampledTask<'_>| {
            let values = task.columns.iter().flatten().flat_map(|column| column.iter().flatten());
            values.map(|(value, _)| value * task.factor).all(|value| (0.0..=1.0).contains(&value))
        };
        self.tasks.iter().all(in_range)
    }

    /// The mean over the checkpoints `plus`, less that over `minus` (nothing where there are none), on the items that all of
    /// them have: with the components of its variance over items, one a task.
    pub fn mean(&self, plus: &[usize], minus: &[usize]) -> Option<(Estimate, Vec<Component>)> {
        let parts = self.tasks.iter().map(|task| Some((task.weight, task.mean(plus, minus, self.level)?)));
        composite(&parts.collect::<Option<Vec<_>>>()?)
    }

    /// A weighted sum over checkpoints of their means, on the items that all of them have: a slope, a mean over arms. With the
    /// components of its variance over items, one a task.
    pub fn contrast(&self, parts: &[(usize, f64)]) -> Option<(Estimate, Vec<Component>)> {
        let tasks = self.tasks.iter().map(|task| Some((task.weight, task.contrast(parts, self.level)?)));
        composite(&tasks.collect::<Option<Vec<_>>>()?)
    }

    /// The means of two sets of checkpoints on the items that all of them have, with their joint error over items.
    pub fn joint(&self, a: &[usize], b: &[usize]) -> Option<JointMeans> {
        let tasks = self.tasks.iter().map(|task| Some((task.weight, task.joint(a, b)?)));
        JointMeans::weighted_sum(&tasks.collect::<Option<Vec<_>>>()?)
    }

    /// The difference of two sets of checkpoints; `seeds` is what training seeds add to its variance.
    pub fn difference(&self, plus: &[usize], minus: &[usize], seeds: &[Component]) -> Option<Judged> {
        let (estimate, mut components) = self.mean(plus, minus)?;
        if components.is_empty() {
            return Some(Judged { estimate, p_value: None });
        }
        components.extend_from_slice(seeds);
        let (estimate, df) = with_replicates(estimate, &components, self.level);
        let mut p_value = student_p_value(&estimate, df);
        if seeds.is_empty()
            && let ([task], [a], [b]) = (self.tasks.as_slice(), plus, minus)
            && let Some((gained, lost)) = task.discordant(*a, *b)
        {
            // Few discordant pairs are not normal: the exact test has the last word.
            p_value = p_value.map(|p| p.max(mcnemar_exact(gained, lost)));
        }
        Some(Judged { estimate, p_value })
    }

    /// Seed variance pooled over arms, each a list of checkpoints.
    pub fn seed_variance(&self, arms: &[&[usize]]) -> Option<ReplicateVariance> {
        let mut treatments = Vec::new();
        for arm in arms.iter().filter(|arm| arm.len() > 1) {
            let mut pairs = Vec::new();
            for (place, a) in arm.iter().enumerate() {
                for b in arm.iter().skip(place + 1) {
                    pairs.push(self.mean(&[*a], &[*b])?.0);
                }
            }
            treatments.push((arm.len(), pairs));
        }
        ReplicateVariance::pooled(&treatments)
    }
}

impl SampledTask<'_> {
    fn columns_of(&self, places: &[usize]) -> Option<Vec<&Column>> {
        places.iter().map(|place| self.columns.get(*place).copied().flatten()).collect()
    }

    fn mean(&self, plus: &[usize], minus: &[usize], level: f64) -> Option<Estimate> {
        let (plus, minus) = (self.columns_of(plus)?, self.columns_of(minus)?);
        let (mut sums, mut weights, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
        for (row, cluster) in self.clusters.iter().enumerate() {
            if let (Some((value, weight)), Some((less, _))) = (self.row_mean(&plus, row), self.row_mean(&minus, row)) {
                sums.push((value - less) * weight);
                weights.push(weight);
                clusters.push(*cluster);
            }
        }
        ratio_estimate(&sums, &weights, &clusters, level)
    }

    fn contrast(&self, parts: &[(usize, f64)], level: f64) -> Option<Estimate> {
        let column = |(place, factor): &(usize, f64)| Some((self.columns.get(*place).copied().flatten()?, *factor));
        let columns = parts.iter().map(column).collect::<Option<Vec<_>>>()?;
        let (mut sums, mut weights, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
        for (row, cluster) in self.clusters.iter().enumerate() {
            let cells = columns.iter().map(|(column, factor)| Some((column.get(row).copied().flatten()?, *factor)));
            if let Some(cells) = cells.collect::<Option<Vec<_>>>() {
                let weight = cells.iter().map(|((_, weight), _)| weight).sum::<f64>() / cells.len().max(1) as f64;
                sums.push(cells.iter().map(|((value, _), factor)| value * factor).sum::<f64>() * self.factor * weight);
                weights.push(weight);
                clusters.push(*cluster);
            }
        }
        ratio_estimate(&sums, &weights, &clusters, level)
    }

    fn joint(&self, a: &[usize], b: &[usize]) -> Option<JointMeans> {
        let (a, b) = (self.columns_of(a)?, self.columns_of(b)?);
        let (mut sums_a, mut sums_b, mut weights, mut clusters) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (row, cluster) in self.clusters.iter().enumerate() {
            if let (Some((own, weight)), Some((other, _))) = (self.row_mean(&a, row), self.row_mean(&b, row)) {
                sums_a.push(own * weight);
                sums_b.push(other * weight);
                weights.push(weight);
                clusters.push(*cluster);
            }
        }
        JointMeans::new(&sums_a, &sums_b, &weights, &clusters)
    }

    /// The mean over checkpoints of an item's number, and of its weight.
    fn row_mean(&self, columns: &[&Column], row: usize) -> Option<(f64, f64)> {
        let (mut value, mut weight) = (0.0, 0.0);
        for column in columns {
            let (own, share) = column.get(row).copied().flatten()?;
            value += own;
            weight += share;
        }
        let count = columns.len().max(1) as f64;
        Some((self.factor * value / count, weight / count))
    }

    /// Items that only `a`, and only `b`, gets right; `None` where credits are not 0 and 1, or clusters hold several items.
    fn discordant(&self, a: usize, b: usize) -> Option<(u64, u64)> {
        let (a, b) = (self.columns.get(a).copied()??, self.columns.get(b).copied()??);
        let mut seen = std::collections::BTreeSet::new();
        let (mut gained, mut lost) = (0, 0);
        for ((a, b), cluster) in a.iter().zip(b).zip(self.clusters) {
            let (Some((a, _)), Some((b, _))) = (a, b) else { continue };
            let is_binary = |value: f64| value.abs() < f64::EPSILON || (value - 1.0).abs() < f64::EPSILON;
            if !is_binary(*a) || !is_binary(*b) || !seen.insert(*cluster) {
                return None;
            }
            gained += u64::from(a > b);
            lost += u64::from(a < b);
        }
        Some((gained, lost))
    }
}
