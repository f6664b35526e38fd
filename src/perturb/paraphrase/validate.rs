//! What is wrong with a lexicon as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::lexicon::{Entry, Lexicon};

/// Heads that are defined twice, and chains of replacements that lead back to their start through several sets.
pub(super) fn lexicon(lexicon: &Lexicon) -> Vec<String> {
    let entries = lexicon.by_first.values().flatten().collect::<Vec<_>>();
    let mut problems = duplicates(&entries);
    problems.extend(cycles(&entries));
    problems.extend(
        entries
            .iter()
            .filter(|entry| entry.alternatives.is_empty())
            .map(|entry| format!("{}: `{}` has nothing to stand for it", entry.origin, entry.head.join(" "))),
    );
    problems
}

fn duplicates(entries: &[&Entry]) -> Vec<String> {
    let mut by_head: BTreeMap<&[String], Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        by_head.entry(&entry.head).or_default().push(entry);
    }
    let mut problems = Vec::new();
    for (head, entries) in by_head {
        for (index, entry) in entries.iter().enumerate() {
            let clash = entries.iter().skip(index + 1).find(|other| {
                let always = |entry: &Entry| entry.guard.asks_nothing() && entry.inflection_guard.asks_nothing();
                let same_context = other.guard == entry.guard && other.inflection_guard == entry.inflection_guard;
                other.origin != entry.origin && (always(entry) || always(other) || same_context)
            });
            if let Some(other) = clash {
                problems.push(format!("`{}` is a head of {} and of {}", head.join(" "), entry.origin, other.origin));
            }
        }
    }
    problems
}

/// Follows replacements that hold in every context from set to set; within one set forms stand for each other by intent,
/// and guarded sets may well lead both ways, each in its own context.
fn cycles(entries: &[&Entry]) -> Vec<String> {
    let always = entries.iter().filter(|entry| entry.guard.asks_nothing() && entry.inflection_guard.asks_nothing());
    let always = always.collect::<Vec<_>>();
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut sets_of: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for entry in &always {
        sets_of.entry(entry.head.join(" ")).or_default().insert(&entry.origin);
    }
    for entry in &always {
        for target in &entry.alternatives {
            let sets = sets_of.get(&target.to_lowercase()).into_iter().flatten();
            let onward = sets.filter(|set| **set != entry.origin).copied().collect::<BTreeSet<_>>();
            next.entry(&entry.origin).or_default().extend(onward);
        }
    }
    let leads_back = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(set) = open.pop() {
            for onward in next.get(set).into_iter().flatten() {
                if *onward == start {
                    return Some(set.to_owned());
                }
                if seen.insert(*onward) {
                    open.push(onward);
                }
            }
        }
        None
    };
    let problem = |start: &&str| {
        leads_back(start)
            .map(|last| format!("{start}: its replacements lead back to it through {last}; merge the sets"))
    };
    next.keys().filter_map(problem).collect()
}
