//! Flipped items for the formats that show text.

use crate::analyze::analysis::Exchange;
use crate::analyze::number::figure;
use crate::paired::{FlippedItem, ShownFlip, TaskFlips};
use crate::perturb::diff::{DiffRun, word_diff};

use super::{ComparedTask, Comparison};

/// An item that is shown.
pub(super) struct FlipView<'a> {
    pub task: &'a ComparedTask,
    pub item: &'a FlippedItem,
    pub shown: &'a ShownFlip,
}

/// All of them, losses of a task first.
pub(super) fn flip_views(comparison: &Comparison) -> Vec<FlipView<'_>> {
    let flips = comparison.tasks.iter().filter_map(|task| Some((task, task.flips.as_ref()?)));
    let items = flips.flat_map(|(task, flips)| flips.items.iter().map(move |item| (task, item)));
    items.filter_map(|(task, item)| Some(FlipView { task, item, shown: item.shown.as_deref()? })).collect()
}

impl FlipView<'_> {
    /// `right → wrong`, or the two credits.
    pub fn change(&self) -> String {
        let is_binary = |credit: f64| credit.abs() < f64::EPSILON || (credit - 1.0).abs() < f64::EPSILON;
        if is_binary(self.item.baseline) && is_binary(self.item.candidate) {
            if self.item.gained { "wrong → right" } else { "right → wrong" }.to_owned()
        } else {
            format!("credit {} → {}", figure(self.item.baseline), figure(self.item.candidate))
        }
    }

    /// Baseline's reply to candidate's reply, word by word.
    pub fn changes(&self) -> Vec<DiffRun> {
        word_diff(&self.shown.baseline.reply, &self.shown.candidate.reply)
    }

    /// Both sides with their names.
    pub fn sides(&self) -> [(&'static str, &Exchange); 2] {
        [("baseline", &self.shown.baseline), ("candidate", &self.shown.candidate)]
    }
}

/// `5 better, 23 worse, 72 the same`.
pub(super) fn counts(flips: &TaskFlips) -> String {
    format!("{} better, {} worse, {} the same", flips.gained, flips.lost, flips.equal)
}
