//! Pretraining the embedded base model.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use clap::Parser as _;
use serde_json::json;

use super::super::Exit;
use super::super::progress::note;
use super::super::train::pretrain;
use super::TrainFlags;
use crate::corpus::{self, recipe};
use crate::instruction::{TokenRole, TokenizedExample};
use crate::model::architecture::Architecture;
use crate::model::checkpoint::{Checkpoint, CheckpointOptions, Stage, WIT_JSON_FORMAT, WitJson};
use crate::seed::Seed;
use crate::store::write_atomically;
use crate::train::folder::{FolderSource, StoredDtype, read_parameters, write_checkpoint};
use crate::train::initial::{initial_parameters, write_initial_weights};
use crate::train::objective::TrainingItem;

/// Writes an untrained network, pretrains it on generated text, and leaves the result in `folder`.
pub(super) fn make(folder: &Path, quiet: bool) -> anyhow::Result<Exit> {
    let initial = folder.join("initial");
    let config = corpus::config_json();
    for (name, text) in [
        ("config.json", config.clone()),
        ("tokenizer.json", corpus::tokenizer_json()),
        ("tokenizer_config.json", corpus::tokenizer_config_json()),
    ] {
        write_atomically(&initial.join(name), text.as_bytes())?;
    }
    let architecture = Architecture::from_config_json(&config)?;
    let parameters = initial_parameters(&architecture, recipe::INITIAL_DEVIATION, Seed(recipe::DATA_SEED));
    write_initial_weights(&initial, &parameters)?;
    let checkpoint = Checkpoint::open(&initial, &CheckpointOptions::default())?;
    let items = documents(&checkpoint)?;
    note(quiet, &format!("{} documents of generated text", items.len()));
    let mut flags: Vec<OsString> = recipe::PRETRAINING_FLAGS.iter().map(Into::into).collect();
    let trained = folder.join("trained");
    for (flag, value) in
        [("--base", initial.as_os_str()), ("--data", "generated".as_ref()), ("--out", trained.as_os_str())]
    {
        flags.extend([flag.into(), value.to_owned()]);
    }
    if quiet {
        flags.push("--quiet".into());
    }
    let flags = TrainFlags::try_parse_from(flags).context("the demo's own settings")?;
    let wit = WitJson { format: WIT_JSON_FORMAT, base: None, stage: Some(Stage::Base), ..WitJson::default() };
    let text = json!({ "text": recipe::DATA_SEED, "tokens": recipe::PRETRAINING_TOKENS });
    let exit = pretrain(&flags.args.tuning, &checkpoint, items, text, wit)?;
    // Half the bytes, for what is to be embedded.
    let checkpoint = Checkpoint::open(&trained, &CheckpointOptions::default())?;
    let wit = WitJson::from(&checkpoint.provenance);
    let parameters = read_parameters(&checkpoint)?;
    write_checkpoint(folder, &FolderSource::of(&checkpoint), &parameters, StoredDtype::Bf16, &wit)?;
    note(quiet, &format!("the base model is in {}", folder.display()));
    Ok(exit)
}

/// The generated text, a document a sequence, each between its begin and end tokens; every token but the first is predicted.
fn documents(checkpoint: &Checkpoint) -> anyhow::Result<Vec<TrainingItem>> {
    let (begin, end) = (checkpoint.tokenizer.bos_id(), checkpoint.tokenizer.eos_id());
    let (begin, end) = begin.zip(end).context("the demo's tokenizer has no begin or end token")?;
    let mut items = Vec::new();
    let mut tokens = 0;
    for document in corpus::prose(Seed(recipe::DATA_SEED), usize::MAX) {
        let mut ids = vec![begin];
        ids.extend(checkpoint.tokenizer.encode(&document, false)?);
        ids.push(end);
        tokens += ids.len();
        let mut roles = vec![TokenRole::Response; ids.len()];
        if let Some(first) = roles.first_mut() {
            *first = TokenRole::Special;
        }
        items.push(TrainingItem::Example(TokenizedExample { ids, roles }));
        if tokens >= recipe::PRETRAINING_TOKENS {
            break;
        }
    }
    Ok(items)
}
