//! The files that the demonstration starts from, written out of the binary.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use crate::chat::{Message, Role};
use crate::corpus::{evaluation_rows, recipe, training_rows};
use crate::data::shipped_file;
use crate::instruction::InstructionBody;
use crate::seed::Seed;
use crate::store::write_atomically;

/// Files of the embedded base model.
const BASE_FILES: [&str; 6] =
    ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "model.safetensors", "wit.json"];

/// Writes the embedded base model as a Hugging Face folder.
pub(super) fn write_base(folder: &Path) -> anyhow::Result<()> {
    for name in BASE_FILES {
        let bytes =
            shipped_file(&format!("demo/base/{name}")).with_context(|| format!("demo/base/{name} is not embedded"))?;
        write_where_new(&folder.join(name), bytes)?;
    }
    Ok(())
}

/// Writes the training rows in the `messages` layout.
pub(super) fn write_training_rows(path: &Path) -> anyhow::Result<()> {
    let mut text = String::new();
    for row in training_rows(Seed(recipe::DATA_SEED), recipe::TRAINING_ROWS) {
        if let InstructionBody::Conversation(messages) = row.body {
            text.push_str(&serde_json::to_string(&json!({ "messages": messages }))?);
            text.push('\n');
        }
    }
    write_where_new(path, text.as_bytes())
}

/// Writes the prompts of the evaluation with their answers, in the same layout: no training row has one of them.
pub(super) fn write_held_out_rows(path: &Path) -> anyhow::Result<()> {
    let rows = evaluation_rows();
    let mut text = String::new();
    for row in rows.follow.into_iter().chain(rows.recall) {
        let mut messages = row.before;
        messages.push(Message::new(Role::User, row.instruction));
        messages.push(Message::new(Role::Assistant, row.answer));
        text.push_str(&serde_json::to_string(&json!({ "messages": messages }))?);
        text.push('\n');
    }
    write_where_new(path, text.as_bytes())
}

/// A file that another process may have mapped is not written in place, nor without need.
fn write_where_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    Ok(write_atomically(path, bytes)?)
}
