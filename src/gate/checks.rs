//! Which checks a policy makes of two paired runs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::policy::{CheckRule, FloorBy, Margin, Policy, matches};
use super::sample::{Stratum, range_of};
use crate::analyze::analysis::Headline;
use crate::paired::{PairedColumn, PairedRuns, PairedTask};

/// The name of the mean over everything that is checked by itself.
pub const AVERAGE: &str = "average";

/// Names of tasks that a message lists.
const NAMES_SHOWN: usize = 10;

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// The unweighted mean over groups and tasks.
    Average,
    /// A group's mean over tasks.
    Group,
    /// A task.
    Task,
}

/// A group of the run: tasks whose mean is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskGroup {
    /// Name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// The metric that is averaged.
    pub metric: String,
    /// The filter pipeline.
    pub filter: String,
    /// Whether tasks count by their number of instances.
    pub weight_by_size: bool,
    /// Its tasks, those of the groups in it included.
    pub tasks: BTreeSet<String>,
}

impl TaskGroup {
    /// The groups of two runs, each by the first of its means.
    pub fn of(runs: &PairedRuns) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for group in &runs.groups {
            if groups.iter().any(|earlier| earlier.name == group.group) {
                continue;
            }
            let members = group.members.iter().filter_map(|place| runs.tasks.get(*place));
            groups.push(Self {
                name: group.group.clone(),
                title: group.title.clone(),
                metric: group.metric.clone(),
                filter: group.filter.clone(),
                weight_by_size: group.weight_by_size,
                tasks: members.map(|task| task.task.clone()).collect(),
            });
        }
        groups
    }
}

/// Tasks with their parts in a mean.
type Parts<'a> = Vec<(&'a PairedTask, f64)>;

/// Something that can be checked by itself.
#[derive(Clone)]
struct Unit<'a> {
    kind: SubjectKind,
    name: &'a str,
    title: &'a str,
    parts: Parts<'a>,
}

/// A floor or a ceiling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    pub is_floor: bool,
    pub value: f64,
}

/// A check, ready to be decided.
pub(super) struct Check<'a> {
    pub kind: SubjectKind,
    pub name: &'a str,
    pub title: &'a str,
    pub metric: String,
    pub filter: String,
    pub measure: Headline,
    pub perturbation: Option<String>,
    pub more_is_better: bool,
    /// Whether the candidate's rows are shares in [0, 1].
    pub is_unit: bool,
    /// By how much the measure can get worse; `None` where there is no bound.
    pub largest_drop: Option<f64>,
    pub strata: Vec<Stratum<'a>>,
    pub margin: Margin,
    pub limits: Vec<Limit>,
    pub floor_by: FloorBy,
    pub required: bool,
}

/// The checks of a policy, and what it asked for in vain.
#[derive(Default)]
pub(super) struct Selection<'a> {
    pub checks: Vec<Check<'a>>,
    /// Required checks that cannot be made, in words.
    pub missing: Vec<String>,
    /// What else cannot be checked, in words.
    pub left_out: Vec<String>,
}

/// The paired tasks and groups that checks are chosen from.
pub(super) struct Catalogue<'a> {
    tasks: Vec<&'a PairedTask>,
    groups: &'a [TaskGroup],
}

impl<'a> Catalogue<'a> {
    /// Tasks in the order of their names, so that the order in which they come moves nothing.
    pub(super) fn new(tasks: &'a [PairedTask], groups: &'a [TaskGroup]) -> Self {
        let mut tasks = tasks.iter().collect::<Vec<_>>();
        tasks.sort_by(|a, b| a.task.cmp(&b.task));
        Self { tasks, groups }
    }

    /// The tasks by their first metric.
    fn primary(&self) -> impl Iterator<Item = &'a PairedTask> {
        let mut seen = BTreeSet::new();
        self.tasks.iter().copied().filter(move |task| seen.insert(task.task.as_str()))
    }

    fn group(&self, group: &'a TaskGroup) -> Option<Unit<'a>> {
        let mut seen = BTreeSet::new();
        let members = self.tasks.iter().copied().filter(|task| {
            group.tasks.contains(&task.task)
                && (&task.metric, &task.filter) == (&group.metric, &group.filter)
                && seen.insert(task.task.as_str())
        });
        let members = members.collect::<Vec<_>>();
        let size = |task: &PairedTask| {
            let rows = task.column(Headline::Performance).map_or(0, |column| column.rows.len());
            if group.weight_by_size { rows as f64 } else { 1.0 }
        };
        let total = members.iter().map(|task| size(task)).sum::<f64>();
        let parts = members.iter().map(|task| (*task, size(task) / total)).filter(|(_, part)| *part > 0.0);
        let parts = parts.collect::<Vec<_>>();
        let same = parts.iter().all(|(task, _)| {
            parts.first().is_some_and(|(first, _)| {
                (first.is_share, first.higher_is_better) == (task.is_share, task.higher_is_better)
            })
        });
        (parts.len() > 1 && same).then_some(Unit {
            kind: SubjectKind::Group,
            name: &group.name,
            title: &group.title,
            parts,
        })
    }

    /// Groups that are part of no other, and the tasks outside them. A group counts only where all its tasks are wanted.
    fn units(&self, policy: &Policy) -> Vec<Unit<'a>> {
        let wanted = |name: &str| policy.defaults.tasks.iter().any(|pattern| matches(pattern, name));
        let mut units: Vec<Unit<'a>> = Vec::new();
        let mut groups = self.groups.iter().filter(|_| policy.defaults.groups).collect::<Vec<_>>();
        groups.sort_by(|a, b| b.tasks.len().cmp(&a.tasks.len()).then_with(|| a.name.cmp(&b.name)));
        let mut covered = BTreeSet::new();
        for unit in groups.into_iter().filter_map(|group| self.group(group)) {
            let names = unit.parts.iter().map(|(task, _)| task.task.as_str()).collect::<Vec<_>>();
            if names.iter().all(|name| wanted(name) && !covered.contains(name)) {
                covered.extend(names);
                units.push(unit);
            }
        }
        let alone = self.primary().filter(|task| wanted(&task.task) && !covered.contains(task.task.as_str()));
        units.extend(alone.map(Unit::of));
        units.sort_by_key(|unit| (unit.kind, unit.name));
        units
    }

    /// The mean over units whose numbers can be averaged.
    fn average(&self, policy: &Policy, measure: Headline) -> Option<Unit<'a>> {
        let mut units = self.units(policy);
        units.retain(|unit| {
            let numbers = |task: &PairedTask| measure == Headline::Posix || (task.is_share && task.higher_is_better);
            unit.parts.iter().all(|(task, _)| self.column(task, measure, None).is_some() && numbers(task))
        });
        let share = 1.0 / units.len() as f64;
        let parts = units.into_iter().flat_map(|unit| unit.parts).collect::<Vec<_>>();
        let parts = parts.into_iter().map(|(task, part)| (task, part * share)).collect::<Vec<_>>();
        (!parts.is_empty()).then_some(Unit {
            kind: SubjectKind::Average,
            name: AVERAGE,
            title: "mean over tasks",
            parts,
        })
    }

    /// The checks of a policy.
    pub(super) fn select(&self, policy: &Policy) -> Selection<'a> {
        let mut selection = Selection { left_out: self.unmatched(policy), ..Selection::default() };
        let units = self.units(policy);
        for measure in &policy.defaults.measures {
            let before = selection.checks.len();
            selection.checks.extend(units.iter().filter_map(|unit| self.check(unit, *measure, None, policy)));
            if selection.checks.len() == before && !units.is_empty() {
                selection.left_out.push(format!("{}: measured on no task in both runs", measure.title()));
            }
        }
        for rule in &policy.checks {
            self.apply(rule, policy, &mut selection);
        }
        selection.checks.sort_by(|a, b| a.key().cmp(&b.key()));
        selection
    }

    /// Patterns of the defaults that fit no task, in words.
    fn unmatched(&self, policy: &Policy) -> Vec<String> {
        let names = self.primary().map(|task| task.task.as_str()).collect::<Vec<_>>();
        if names.is_empty() {
            return Vec::new();
        }
        let shown = names.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
        let more = match names.len().saturating_sub(NAMES_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let patterns = policy.defaults.tasks.iter();
        let unmatched = patterns.filter(|pattern| !names.iter().any(|name| matches(pattern, name)));
        unmatched.map(|pattern| format!("tasks `{pattern}`: none fits; both runs have {shown}{more}")).collect()
    }

    /// The rows of a measure. POSIX belongs to a task, not to one of its metrics.
    fn column(&self, task: &'a PairedTask, measure: Headline, perturbation: Option<&str>) -> Option<&'a PairedColumn> {
        let holder = match measure {
            Headline::Posix => self.primary().find(|primary| primary.task == task.task)?,
            _ => task,
        };
        let fits = |column: &&PairedColumn| column.measure == measure && column.perturbation.as_deref() == perturbation;
        holder.columns.iter().find(fits).filter(|column| !column.rows.is_empty())
    }

    fn check(
        &self,
        unit: &Unit<'a>,
        measure: Headline,
        perturbation: Option<&str>,
        policy: &Policy,
    ) -> Option<Check<'a>> {
        let (first, _) = unit.parts.first()?;
        let more_is_better = first.more_is_better(measure);
        let direction = if more_is_better { 1.0 } else { -1.0 };
        let stratum = |(task, part): &(&'a PairedTask, f64)| {
            let column = self.column(task, measure, perturbation)?;
            Some(Stratum { column, part: *part, direction, range: range_of(task, measure) })
        };
        let strata = unit.parts.iter().map(stratum).collect::<Option<Vec<_>>>()?;
        let joined = |name: fn(&PairedTask) -> &str| {
            let names = unit.parts.iter().map(|(task, _)| name(task)).collect::<BTreeSet<_>>();
            names.into_iter().collect::<Vec<_>>().join(", ")
        };
        let is_share = unit.parts.iter().all(|(task, _)| task.is_share);
        let bounded = !matches!(measure, Headline::Posix | Headline::Spread | Headline::Variance);
        Some(Check {
            kind: unit.kind,
            name: unit.name,
            title: unit.title,
            metric: joined(|task| &task.metric),
            filter: joined(|task| &task.filter),
            measure,
            perturbation: perturbation.map(str::to_owned),
            more_is_better,
            is_unit: bounded && is_share,
            largest_drop: largest_drop(measure, is_share),
            strata,
            margin: policy.defaults.margin.of(measure, is_share),
            limits: Vec::new(),
            floor_by: policy.defaults.floor_by,
            required: false,
        })
    }

    fn apply(&self, rule: &CheckRule, policy: &Policy, selection: &mut Selection<'a>) {
        let targets = self.targets(rule, policy);
        let mut found = false;
        for unit in targets {
            let perturbation = rule.perturbation.as_deref();
            let Some(mut check) = self.check(&unit, rule.measure, perturbation, policy) else { continue };
            found = true;
            let known = selection.checks.iter().position(|present| present.key() == check.key());
            let place = known.unwrap_or(selection.checks.len());
            if known.is_none() {
                check.required = rule.required;
                selection.checks.push(check);
            }
            if let Some(check) = selection.checks.get_mut(place) {
                check.follow(rule);
            }
        }
        if !found {
            let words = rule.words();
            if rule.required { selection.missing.push(words) } else { selection.left_out.push(words) }
        }
    }

    fn targets(&self, rule: &CheckRule, policy: &Policy) -> Vec<Unit<'a>> {
        if let Some(name) = &rule.group {
            let named = self.groups.iter().find(|group| group.name == *name).and_then(|group| self.group(group));
            let average = || (name == AVERAGE).then(|| self.average(policy, rule.measure)).flatten();
            return named.or_else(average).into_iter().collect();
        }
        let Some(pattern) = &rule.task else { return Vec::new() };
        let mut seen = BTreeSet::new();
        let fits = self.tasks.iter().copied().filter(|task| {
            matches(pattern, &task.task)
                && rule.metric.as_ref().is_none_or(|metric| *metric == task.metric)
                && rule.filter.as_ref().is_none_or(|filter| *filter == task.filter)
                && seen.insert(task.task.as_str())
        });
        fits.map(Unit::of).collect()
    }
}

/// By how much a measure can get worse. A sample variance of two shares is at most 1/2.
fn largest_drop(measure: Headline, is_share: bool) -> Option<f64> {
    match measure {
        Headline::Posix => None,
        Headline::FlipRate => Some(1.0),
        _ if !is_share => None,
        Headline::Variance => Some(0.5),
        _ => Some(1.0),
    }
}

impl CheckRule {
    /// Whether both are about one subject, however strict.
    pub(super) fn is_about_same(&self, other: &Self) -> bool {
        self.measure == other.measure && self.names() == other.names()
    }

    fn names(&self) -> [Option<&str>; 5] {
        [&self.task, &self.group, &self.perturbation, &self.metric, &self.filter].map(Option::as_deref)
    }

    /// What it is about.
    pub(super) fn subject(&self) -> String {
        let subject = match (&self.task, &self.group) {
            (Some(task), _) => format!("task {task}"),
            (None, Some(group)) => format!("group {group}"),
            (None, None) => String::new(),
        };
        let metric = self.metric.iter().chain(&self.filter).fold(subject, |head, name| format!("{head}, {name}"));
        let under = self.perturbation.as_ref().map_or_else(String::new, |name| format!(" under {name}"));
        format!("{metric}: {}{under}", self.measure.title())
    }

    /// What it asks for in vain.
    fn words(&self) -> String {
        format!("{} is not measured in both runs", self.subject())
    }
}

impl<'a> Unit<'a> {
    fn of(task: &'a PairedTask) -> Self {
        Self { kind: SubjectKind::Task, name: &task.task, title: &task.title, parts: vec![(task, 1.0)] }
    }
}

impl Check<'_> {
    /// What makes it the same check as another.
    fn key(&self) -> (SubjectKind, &str, Headline, Option<&str>, &str, &str) {
        (self.kind, self.name, self.measure, self.perturbation.as_deref(), &self.metric, &self.filter)
    }

    /// Takes over what a rule says.
    fn follow(&mut self, rule: &CheckRule) {
        self.margin = rule.margin.unwrap_or(self.margin);
        self.floor_by = rule.floor_by.unwrap_or(self.floor_by);
        self.required |= rule.required;
        for (is_floor, value) in [(true, rule.floor), (false, rule.ceiling)] {
            if let Some(value) = value {
                self.limits.retain(|limit| limit.is_floor != is_floor);
                self.limits.push(Limit { is_floor, value });
            }
        }
    }
}
