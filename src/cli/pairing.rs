//! Which two checkpoints are laid side by side, and what may differ between their runs: shared by `compare` and `gate`.

use std::path::Path;

use clap::Args;

use super::baseline::folder_name;
use super::options::PosixChoice;
use super::report::LoadedRun;
use crate::paired::PairOptions;
use crate::store::{RunFolder, SavedBaseline};

/// Flags of what is paired.
#[derive(Debug, Args)]
pub(super) struct PairArgs {
    /// The baseline's checkpoint, by label, where its run has several
    #[arg(long = "baseline_checkpoint", aliases = ["baseline-checkpoint", "checkpoint_a", "checkpoint-a"],
        value_name = "LABEL")]
    baseline_checkpoint: Option<String>,
    /// The candidate's checkpoint, by label, where its run has several
    #[arg(long = "candidate_checkpoint", aliases = ["candidate-checkpoint", "checkpoint_b", "checkpoint-b"],
        value_name = "LABEL")]
    candidate_checkpoint: Option<String>,
    /// Compare the questions that both runs have, and leave out the others
    #[arg(long = "allow_other_data", alias = "allow-other-data")]
    allow_other_data: bool,
    /// Compare although tasks were defined, or replies judged, in another way
    #[arg(long = "allow_other_version", alias = "allow-other-version")]
    allow_other_version: bool,
    /// POSIX by its definition, or as its published package computes it
    #[arg(long = "posix_mode", alias = "posix-mode", value_enum, default_value_t = PosixChoice::Definition)]
    posix_mode: PosixChoice,
}

impl PairArgs {
    /// The options of pairing.
    pub(super) fn options(&self) -> PairOptions {
        PairOptions {
            baseline_checkpoint: self.baseline_checkpoint.clone(),
            candidate_checkpoint: self.candidate_checkpoint.clone(),
            allow_other_data: self.allow_other_data,
            allow_other_version: self.allow_other_version,
            posix_mode: self.posix_mode.into(),
        }
    }
}

/// A run, or a saved baseline, whose files are checked first. The name is the folder's, or the one it was saved under.
pub(super) fn load(path: &Path) -> anyhow::Result<(LoadedRun, String)> {
    let name = if SavedBaseline::is_at(path) { SavedBaseline::open(path)?.name } else { folder_name(path) };
    Ok((LoadedRun::open(&RunFolder::at(path))?, name))
}
