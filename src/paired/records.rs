//! The records of one run, checked before anything is compared: nothing stray, nothing twice, nothing missing.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::analyze::Cells;
use crate::record::{PlanRecord, Purpose};
use crate::task::Task;
use crate::variant::VariantId;

use super::{PairError, Plans, Side};

/// Names a question: task, instance and wording; `None` is the prompt set.
pub(super) type Key<'a> = (&'a str, &'a str, Option<&'a VariantId>);

/// The questions of a run by name. Looked up, never iterated.
pub(super) type Questions<'a> = HashMap<Key<'a>, &'a PlanRecord>;

/// The name of a question; `None` for those that belong to no task.
pub(super) fn key(record: &PlanRecord) -> Option<Key<'_>> {
    let wording = match &record.purpose {
        Purpose::Judge { variant, .. } => Some(variant),
        Purpose::Posix { .. } => None,
        Purpose::Likelihood { .. } => return None,
    };
    Some((&record.task, &record.instance, wording))
}

fn named((task, instance, wording): Key<'_>) -> String {
    let wording = wording.map_or_else(|| "prompt set".to_owned(), |variant| format!("variant {variant}"));
    format!("{task}, instance {instance}, {wording}")
}

/// Checks a run's questions and the checkpoint's scores against each other.
pub(super) fn check_records<'s>(side: Side<'s, '_>) -> Result<Questions<'s>, PairError> {
    let run = side.run;
    let label = &side.entry.label;
    if run.manifest.checkpoints.iter().filter(|entry| entry.label == *label).count() > 1 {
        return Err(PairError::Duplicate { run: run.name.to_owned(), what: format!("checkpoint {label}") });
    }
    let twice = |what: String| PairError::Duplicate { run: run.name.to_owned(), what };
    let mut questions = HashMap::new();
    for record in run.plan {
        if let Some(key) = key(record)
            && questions.insert(key, record).is_some()
        {
            return Err(twice(format!("the question {}", named(key))));
        }
    }
    let mut scored = HashSet::new();
    for score in run.scores.iter().filter(|score| score.checkpoint == *label) {
        let key = (score.task.as_str(), score.instance.as_str(), Some(&score.variant));
        if !questions.contains_key(&key) {
            return Err(PairError::StrayScore {
                run: run.name.to_owned(),
                task: score.task.clone(),
                instance: score.instance.clone(),
                variant: score.variant.to_string(),
            });
        }
        if !scored.insert((key, score.metric.as_str(), score.filter.as_str())) {
            return Err(twice(format!("the {} ({}) of {}", score.metric, score.filter, named(key))));
        }
    }
    let missing = |task: &Task, record: &PlanRecord| {
        let mut wanted = task.metrics.iter().flat_map(|spec| task.filters.iter().map(move |filter| (spec, filter)));
        key(record).is_some_and(|key| {
            wanted.any(|(spec, filter)| !scored.contains(&(key, spec.metric.as_str(), filter.name.as_str())))
        })
    };
    for task in &run.manifest.tasks {
        let judged = run.plan.iter().filter(|record| record.task == task.name);
        let judged = judged.filter(|record| matches!(record.purpose, Purpose::Judge { .. })).collect::<Vec<_>>();
        let missing = judged.iter().filter(|record| missing(task, record)).count();
        if missing > 0 {
            return Err(PairError::Unfinished {
                run: run.name.to_owned(),
                checkpoint: label.clone(),
                task: task.name.clone(),
                missing,
                asked: judged.len(),
            });
        }
    }
    Ok(questions)
}

/// A checkpoint's scores of the questions that both runs asked, by task, metric and filter.
pub(super) struct Tables<'p, 'a> {
    by_name: BTreeMap<(&'a str, &'a str, &'a str), Cells<'p, 'a>>,
}

impl<'p, 'a> Tables<'p, 'a> {
    /// Sorts the scores; those of questions that are not compared are left aside.
    pub fn of(side: Side<'a, '_>, plans: &'p Plans<'a>) -> Self {
        let mut by_name = BTreeMap::new();
        for score in side.run.scores.iter().filter(|score| score.checkpoint == side.entry.label) {
            let Some(plan) = plans.get(score.task.as_str()) else { continue };
            let row = plan.row.get(score.instance.as_str());
            let Some((row, column)) = row.zip(plan.column.get(&score.variant)) else { continue };
            if plan.question.contains_key(&(*row, *column)) {
                let name = (score.task.as_str(), score.metric.as_str(), score.filter.as_str());
                by_name.entry(name).or_insert_with(|| Cells::empty(plan)).insert(*row, *column, score);
            }
        }
        Self { by_name }
    }

    /// One metric's table.
    pub fn cells(&self, task: &str, metric: &str, filter: &str) -> Option<&Cells<'p, 'a>> {
        self.by_name.iter().find(|(name, _)| **name == (task, metric, filter)).map(|(_, cells)| cells)
    }
}
