//! `wit-eval merge`: an adapter and its base, as one checkpoint.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::progress::note;
use crate::model::checkpoint::{Checkpoint, CheckpointOptions};
use crate::train::folder::StoredDtype;
use crate::train::merge::merge;

/// Flags of `merge`.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The adapter's folder (PEFT layout: adapter_config.json, adapter_model.safetensors)
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// The base model's folder, where it is not where the adapter says
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Tokenizer folder, where neither adapter nor base has one
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Folder to write the merged checkpoint to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How the merged weights are stored: f32, bf16 or f16; as the base's where not given
    #[arg(long, value_name = "TYPE")]
    dtype: Option<StoredDtype>,
}

/// Merges and writes.
pub(super) fn run(args: &MergeArgs) -> anyhow::Result<Exit> {
    let options = CheckpointOptions {
        base_dir: args.base.clone(),
        tokenizer_dir: args.tokenizer.clone(),
        ..CheckpointOptions::default()
    };
    let checkpoint = Checkpoint::open(&args.adapter, &options)?;
    if let Some(file) = checkpoint.gguf.as_ref().filter(|_| checkpoint.is_adapter()) {
        anyhow::bail!(
            "the adapter's base {} is in GGUF, which cannot be written as a checkpoint's folder; evaluate the adapter over it \
             (wit-eval --checkpoint ADAPTER --base {0}), or merge over the folder that it was made from with --base DIR",
            file.display()
        );
    }
    let dtype = merge(&checkpoint, &args.out, args.dtype)?;
    let base = checkpoint.model_dir.display();
    note(false, &format!("{} merged into {base}, stored as {dtype} in {}", checkpoint.name, args.out.display()));
    Ok(Exit::Success)
}
