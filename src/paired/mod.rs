//! Two runs laid side by side, instance by instance: what `compare` and `gate` decide from.
//!
//! Only the same question, asked of both, is paired: equal prompt, continuations, decoding and expectation. Whatever keeps
//! two runs from being compared is refused by name, with both values and the flag that allows it.

mod checkpoints;
mod columns;
mod definitions;
mod error;
mod flips;
mod questions;
mod records;
mod types;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use error::PairError;
pub use types::{
    FlippedItem, PairedColumn, PairedGroup, PairedRow, PairedRuns, PairedSide, PairedTask, ShownFlip, TaskDifference,
    TaskFlips,
};

use crate::analyze::{RunInputs, TaskPlan, by_task, tasks_below};
use crate::record::PlanRecord;
use crate::sensitivity::PosixMode;
use crate::store::CheckpointEntry;
use crate::task::{Group, Task};

use columns::{TaskColumns, task_columns};
use records::{Tables, check_records};

/// What may be paired.
#[derive(Debug, Clone)]
pub struct PairOptions {
    /// The baseline's checkpoint, by label, where its run has several.
    pub baseline_checkpoint: Option<String>,
    /// The candidate's checkpoint, by label, where its run has several.
    pub candidate_checkpoint: Option<String>,
    /// Compare the questions that both runs have, and leave out the others.
    pub allow_other_data: bool,
    /// Compare although tasks were defined, or replies judged, in another way.
    pub allow_other_version: bool,
    /// Which arithmetic POSIX uses.
    pub posix_mode: PosixMode,
}

impl Default for PairOptions {
    fn default() -> Self {
        Self {
            baseline_checkpoint: None,
            candidate_checkpoint: None,
            allow_other_data: false,
            allow_other_version: false,
            posix_mode: PosixMode::Definition,
        }
    }
}

/// One of the two runs with its checkpoint.
#[derive(Clone, Copy)]
struct Side<'s, 'r> {
    run: &'s RunInputs<'r>,
    entry: &'s CheckpointEntry,
}

/// Lays two runs side by side.
///
/// # Errors
/// [`PairError`] for runs that cannot be compared or are damaged; [`PairError::is_nothing_in_common`] tells those apart in
/// which there is nothing to compare.
pub fn pair<'r>(
    baseline: &RunInputs<'r>,
    candidate: &RunInputs<'r>,
    options: &PairOptions,
) -> Result<PairedRuns, PairError> {
    Ok(side_by_side(baseline, candidate, options, None)?.0)
}

/// [`pair`], with the items whose credit differs; of `shown` gained and as many lost items a task, what was asked and replied.
pub fn pair_with_flips<'r>(
    baseline: &RunInputs<'r>,
    candidate: &RunInputs<'r>,
    options: &PairOptions,
    shown: usize,
) -> Result<(PairedRuns, Vec<TaskFlips>), PairError> {
    side_by_side(baseline, candidate, options, Some(shown))
}

fn side_by_side<'r>(
    baseline: &RunInputs<'r>,
    candidate: &RunInputs<'r>,
    options: &PairOptions,
    shown: Option<usize>,
) -> Result<(PairedRuns, Vec<TaskFlips>), PairError> {
    let (own, other) = checkpoints::choose(baseline, candidate, options)?;
    let sides = [Side { run: baseline, entry: own }, Side { run: candidate, entry: other }];
    let indexed = [check_records(sides[0])?, check_records(sides[1])?];
    let mut notes = notes(&sides);
    notes.extend(definitions::check(&sides, options.allow_other_version)?);
    let common = questions::common(&sides, &indexed, options.allow_other_data)?;
    notes.extend(common.notes());
    let plans = by_task(&RunInputs {
        name: baseline.name,
        manifest: baseline.manifest,
        plan: &common.records,
        skipped: &[],
        scores: &[],
        judged_by: None,
        response_of: &|_, _| None,
    });
    let tables = [Tables::of(sides[0], &plans), Tables::of(sides[1], &plans)];
    let mut found = (Vec::new(), Vec::new());
    for task in &baseline.manifest.tasks {
        if let Some(plan) = plans.get(task.name.as_str())
            && let Some(definition) = candidate.manifest.tasks.iter().find(|other| other.name == task.name)
        {
            let columns =
                TaskColumns { sides: &sides, plan, tables: &tables, task, other: definition, mode: options.posix_mode };
            let entries = task_columns(&columns);
            found.1.extend(shown.and_then(|shown| flips::task_flips(&columns, shown)));
            notes.extend(unpaired(&entries));
            found.0.extend(entries);
        }
    }
    let (mut tasks, flips) = found;
    if tasks.is_empty() {
        return Err(PairError::nothing_in_common(&sides.map(|side| side.run)));
    }
    titles_unique(&mut tasks);
    let groups = groups(&baseline.manifest.groups, &baseline.manifest.tasks, &tasks);
    let [own, other] = sides.map(described);
    let (baseline, candidate) = (own?, other?);
    let left_out = common.differences;
    Ok((PairedRuns { baseline, candidate, posix_mode: options.posix_mode, tasks, groups, left_out, notes }, flips))
}

fn described(side: Side<'_, '_>) -> Result<PairedSide, PairError> {
    let run = side.run;
    let identity = run.manifest.identity();
    Ok(PairedSide {
        run: run.name.to_owned(),
        identity: identity.map_err(|source| PairError::Identity { run: run.name.to_owned(), source })?,
        program: run.manifest.program.clone(),
        checkpoint: side.entry.clone(),
        judged_by: run.judged_by.map(str::to_owned),
    })
}

/// What the two have in common, or have not, that readers should know.
fn notes(sides: &[Side<'_, '_>; 2]) -> Vec<String> {
    let [a, b] = sides;
    let mut notes = Vec::new();
    if a.entry.digest == b.entry.digest {
        notes.push(format!(
            "Baseline and candidate are the same weights (digest {}): a difference between them does not come from training.",
            a.entry.digest.short()
        ));
    }
    let (one, two) = (&a.run.manifest.program, &b.run.manifest.program);
    if one != two {
        notes.push(format!("The runs were made by different programs: {one} and {two}."));
    }
    notes
}

/// Instances of a task's primary entry that only one run has a number for.
fn unpaired(entries: &[PairedTask]) -> Option<String> {
    let entry = entries.first()?;
    let lost = entry.columns.first().map_or(0, |column| column.unpaired);
    (lost > 0).then(|| {
        format!(
            "{}: {lost} instances could be scored in one run only and are left out of the comparison of {}.",
            entry.task, entry.metric
        )
    })
}

/// Tasks that share a title go by their names.
fn titles_unique(tasks: &mut [PairedTask]) {
    let mut owner: BTreeMap<String, Option<String>> = BTreeMap::new();
    for entry in tasks.iter() {
        let known = owner.entry(entry.title.clone()).or_insert_with(|| Some(entry.task.clone()));
        if known.as_ref().is_some_and(|task| *task != entry.task) {
            *known = None;
        }
    }
    for entry in tasks {
        if owner.get(&entry.title).is_some_and(Option::is_none) {
            entry.title.clone_from(&entry.task);
        }
    }
}

/// One entry a group, aggregate and filter, with the places of its tasks.
fn groups(groups: &[Group], definitions: &[Task], tasks: &[PairedTask]) -> Vec<PairedGroup> {
    let by_name = groups.iter().map(|group| (group.name.as_str(), group)).collect::<BTreeMap<_, _>>();
    let mut out: Vec<PairedGroup> = Vec::new();
    for group in groups {
        let names = tasks_below(group, &by_name);
        for aggregate in &group.aggregates {
            let metric = aggregate.metric.as_str();
            let own = definitions.iter().filter(|task| names.contains(task.name.as_str()));
            let mut filters: Vec<&str> = Vec::new();
            for filter in own.flat_map(|task| &task.filters).map(|filter| filter.name.as_str()) {
                let wanted = aggregate.filters.is_empty() || aggregate.filters.iter().any(|name| name == filter);
                if wanted && !filters.contains(&filter) {
                    filters.push(filter);
                }
            }
            out.extend(filters.into_iter().filter_map(|filter| {
                let belongs = |entry: &PairedTask| {
                    names.contains(entry.task.as_str()) && entry.metric == metric && entry.filter == filter
                };
                let members = tasks.iter().enumerate().filter(|(_, entry)| belongs(entry)).map(|(place, _)| place);
                let members = members.collect::<Vec<_>>();
                (!members.is_empty()).then(|| PairedGroup {
                    group: group.name.clone(),
                    title: group.title().to_owned(),
                    metric: metric.to_owned(),
                    filter: filter.to_owned(),
                    weight_by_size: aggregate.weight_by_size,
                    members,
                })
            }));
        }
    }
    out
}

/// Questions that both runs asked, by task.
type Plans<'a> = BTreeMap<&'a str, TaskPlan<'a>>;

/// The questions of both, and how they differ.
struct Common<'a> {
    records: Cow<'a, [PlanRecord]>,
    differences: Vec<TaskDifference>,
}
