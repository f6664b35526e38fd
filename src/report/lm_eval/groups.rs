//! Groups of tasks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::task::{Group, GroupAggregate, Member};

use super::numbers::group;
use super::samples::TaskSamples;

/// Groups of a run, by name.
pub(super) struct Groups<'a> {
    groups: &'a [Group],
    by_name: BTreeMap<&'a str, &'a Group>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(groups: &'a [Group]) -> Self {
        Self { groups, by_name: groups.iter().map(|group| (group.name.as_str(), group)).collect() }
    }

    /// Members of groups come before the groups that hold them.
    pub(super) fn bottom_up(&self) -> Vec<&'a Group> {
        let inner: BTreeSet<&str> = self.groups.iter().flat_map(|group| &group.members).map(Member::name).collect();
        let mut order = Vec::new();
        for group in self.groups.iter().filter(|group| !inner.contains(group.name.as_str())) {
            self.visit(group, &mut BTreeSet::new(), &mut order);
        }
        order
    }

    fn visit(&self, group: &'a Group, on_the_way: &mut BTreeSet<&'a str>, order: &mut Vec<&'a Group>) {
        if !on_the_way.insert(&group.name) || order.iter().any(|done| done.name == group.name) {
            return;
        }
        for member in &group.members {
            if let Some(inner) = self.by_name.get(member.name()) {
                self.visit(inner, on_the_way, order);
            }
        }
        on_the_way.remove(group.name.as_str());
        order.push(group);
    }

    /// Names of all tasks under a group, each once.
    pub(super) fn tasks(&self, group: &'a Group) -> Vec<&'a str> {
        let mut names = Vec::new();
        self.collect(group, &mut BTreeSet::new(), &mut names);
        names
    }

    fn collect(&self, group: &'a Group, seen: &mut BTreeSet<&'a str>, names: &mut Vec<&'a str>) {
        if !seen.insert(&group.name) {
            return;
        }
        for member in &group.members {
            match (member, self.by_name.get(member.name())) {
                (Member::Group(_), Some(inner)) => self.collect(inner, seen, names),
                (Member::Task(name), _) if !names.contains(&name.as_str()) => names.push(name),
                _ => {}
            }
        }
    }

    /// `group_subtasks`.
    pub(super) fn subtasks(&self) -> Value {
        let names = |group: &Group| group.members.iter().map(|member| json!(member.name())).collect::<Value>();
        Value::Object(self.groups.iter().map(|group| (group.name.clone(), names(group))).collect())
    }

    /// Gives every group the number of examples that all its members share, and the directions of their metrics: null
    /// where members differ.
    pub(super) fn inherit(
        &self,
        shots: &mut BTreeMap<String, Value>,
        better: &mut BTreeMap<String, Map<String, Value>>,
    ) {
        for group in self.groups {
            let members = || group.members.iter().map(Member::name);
            let counts: Vec<Value> = members().filter_map(|name| shots.get(name).cloned()).collect();
            if let Some(count) = counts.first().filter(|first| counts.iter().all(|count| count == *first)) {
                shots.insert(group.name.clone(), count.clone());
            }
            let mut directions = Map::new();
            for (metric, direction) in members().filter_map(|name| better.get(name)).flatten() {
                let known = directions.entry(metric.clone()).or_insert_with(|| direction.clone());
                if known != direction {
                    *known = Value::Null;
                }
            }
            if !directions.is_empty() {
                better.insert(group.name.clone(), directions);
            }
        }
    }
}

/// A group's entry under `results`.
pub(super) fn entry(one: &Group, leaves: &[&TaskSamples<'_>]) -> Value {
    let mut entry = Map::new();
    entry.insert("alias".to_owned(), json!(one.title()));
    entry.insert("name".to_owned(), json!(one.name));
    if one.aggregates.is_empty() {
        return Value::Object(entry);
    }
    let total: usize = leaves.iter().map(|leaf| leaf.sample_count()).sum();
    entry.insert("sample_len".to_owned(), json!(total));
    let mut counts = Map::new();
    for aggregate in &one.aggregates {
        for filter in filters(aggregate, leaves) {
            let members: Vec<(f64, Option<f64>, usize)> =
                leaves.iter().filter_map(|leaf| leaf.number(aggregate, &filter)).collect();
            if members.is_empty() {
                continue;
            }
            let (point, error) = group(&members, aggregate.weight_by_size);
            let key = format!("{},{filter}", aggregate.metric);
            entry.insert(key.clone(), json!(point));
            counts.insert(key, json!(members.iter().map(|(_, _, n)| n).sum::<usize>()));
            let error = error.map_or(json!("N/A"), |error| json!(error));
            entry.insert(format!("{}_stderr,{filter}", aggregate.metric), error);
        }
    }
    if !counts.is_empty() {
        entry.insert("sample_count".to_owned(), Value::Object(counts));
    }
    Value::Object(entry)
}

/// The filters that are averaged: those named, or all that a task has, sorted.
fn filters(aggregate: &GroupAggregate, leaves: &[&TaskSamples<'_>]) -> Vec<String> {
    if !aggregate.filters.is_empty() {
        return aggregate.filters.clone();
    }
    let numbers = leaves.iter().flat_map(|leaf| &leaf.numbers);
    let found = numbers.filter(|(metric, _, _)| *metric == aggregate.metric).map(|(_, filter, _)| (*filter).to_owned());
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

impl TaskSamples<'_> {
    /// `sample_len`: the most responses that a metric judged.
    pub(super) fn sample_count(&self) -> usize {
        self.numbers.iter().map(|(_, _, number)| number.count).max().unwrap_or(0)
    }

    /// Number, error and size under a metric and filter.
    fn number(&self, aggregate: &GroupAggregate, filter: &str) -> Option<(f64, Option<f64>, usize)> {
        let found = self.numbers.iter().find(|(metric, name, _)| *metric == aggregate.metric && *name == filter);
        let (_, _, number) = found?;
        Some((number.point?, number.standard_error, self.sample_count()))
    }
}
