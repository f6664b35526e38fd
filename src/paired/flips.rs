//! The items whose credit differs, with what was asked and what both replied.

use crate::analyze::{Cells, exchange, expected};
use crate::sensitivity::is_flip;

use super::columns::TaskColumns;
use super::{FlippedItem, ShownFlip, TaskFlips};

/// An item that changed.
struct Changed {
    row: usize,
    item: FlippedItem,
}

/// The items of a task by its primary metric, on the original wording; `None` where credits are no judgments (likelihoods
/// of a text) or nothing was scored in both.
pub(super) fn task_flips(inputs: &TaskColumns<'_, '_, '_, '_>, shown: usize) -> Option<TaskFlips> {
    let (spec, filter) = (inputs.task.metrics.first()?, inputs.task.filters.first()?);
    if !spec.metric.higher_is_better() {
        return None;
    }
    let [own, other] = inputs.tables;
    let name = (inputs.task.name.as_str(), spec.metric.as_str(), filter.name.as_str());
    let (own, other) = (own.cells(name.0, name.1, name.2)?, other.cells(name.0, name.1, name.2)?);
    let mut flips = TaskFlips { task: inputs.task.name.clone(), gained: 0, lost: 0, equal: 0, items: Vec::new() };
    let mut changed = Vec::new();
    for (row, (instance, _)) in inputs.plan.instances.iter().enumerate() {
        let Some((baseline, candidate)) = own.credit(row, 0).zip(other.credit(row, 0)) else { continue };
        if !is_flip(baseline, candidate) {
            flips.equal += 1;
            continue;
        }
        let gained = (candidate > baseline) == spec.higher_is_better;
        let item = FlippedItem { instance: (*instance).to_owned(), baseline, candidate, gained, shown: None };
        changed.push(Changed { row, item });
    }
    let size = |entry: &Changed| (entry.item.candidate - entry.item.baseline).abs();
    changed.sort_by(|a, b| a.item.gained.cmp(&b.item.gained).then(size(b).total_cmp(&size(a))).then(a.row.cmp(&b.row)));
    for mut entry in changed {
        let before = if entry.item.gained { &mut flips.gained } else { &mut flips.lost };
        if *before < shown {
            entry.item.shown = details(inputs, [own, other], entry.row);
        }
        *before += 1;
        flips.items.push(entry.item);
    }
    Some(flips)
}

fn details(inputs: &TaskColumns<'_, '_, '_, '_>, cells: [&Cells<'_, '_>; 2], row: usize) -> Option<Box<ShownFlip>> {
    let question = inputs.plan.question.get(&(row, 0))?;
    let [baseline, candidate] = inputs.sides;
    let [own, other] = cells;
    Some(Box::new(ShownFlip {
        expected: expected(question),
        baseline: exchange(baseline.run, &baseline.entry.label, own, row, 0)?,
        candidate: exchange(candidate.run, &candidate.entry.label, other, row, 0)?,
    }))
}
