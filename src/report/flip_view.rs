//! Flipped instances with what the perturbation changed, for the formats that show text.

use crate::analyze::Analysis;
use crate::analyze::analysis::FlippedInstance;
use crate::perturb::diff::{DiffRun, word_diff};

/// A flipped instance of a checkpoint.
pub(super) struct FlipView<'a> {
    pub checkpoint: &'a str,
    pub title: &'a str,
    pub flipped: &'a FlippedInstance,
    /// Original prompt to variant prompt, word by word.
    pub changes: Vec<DiffRun>,
    /// Original reply to variant reply, word by word.
    pub reply_changes: Vec<DiffRun>,
}

/// All of them, in the analysis' order.
pub(super) fn flip_views(analysis: &Analysis) -> Vec<FlipView<'_>> {
    let mut views = Vec::new();
    for checkpoint in &analysis.checkpoints {
        for task in &checkpoint.tasks {
            for flipped in &task.flipped {
                views.push(FlipView {
                    checkpoint: &checkpoint.id,
                    title: &task.title,
                    flipped,
                    changes: word_diff(&flipped.original.prompt, &flipped.variant.prompt),
                    reply_changes: word_diff(&flipped.original.reply, &flipped.variant.reply),
                });
            }
        }
    }
    views
}
