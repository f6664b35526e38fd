//! A checkpoint on this machine.

mod encoder;
mod generated;
mod memory;
mod scored;
#[cfg(test)]
mod tests;
mod workload;

use std::path::Path;

use super::{BackendError, LanguageModel, ModelIdentity};
use crate::digest::Digest;
use crate::model::chat_template::{ChatTemplate, Date};
use crate::model::checkpoint::{Checkpoint, CheckpointOptions};
use crate::model::decoder::device_type;
use crate::model::engine::{Engine, EngineError, EngineOptions};
use crate::model::tokens::TextTokenizer;
use crate::request::Request;
use crate::response::Response;
use encoder::Encoder;

pub use memory::{held_types, memory_plan, rounded_to};
pub use workload::Workload;

/// How a checkpoint is asked. Only `max_length_tokens`, a `weight_type` that rounds, a `device` and `date` can change an
/// answer; the digest covers them.
#[derive(Debug, Clone, Default)]
pub struct LocalOptions {
    /// Threads, batch, memory, and the type of the weights.
    pub engine: EngineOptions,
    /// The day that chat templates may print.
    pub date: Option<Date>,
}

/// A checkpoint with its network in memory.
#[derive(Debug)]
pub struct LocalModel {
    identity: ModelIdentity,
    engine: Engine,
    tokenizer: TextTokenizer,
    chat_template: Option<ChatTemplate>,
    end_tokens: Vec<u32>,
    date: Option<Date>,
}

/// Told once for every request: its index and the answer.
type Done<'a> = &'a mut dyn FnMut(usize, Response);

impl LocalModel {
    /// Opens a folder.
    pub fn open(dir: &Path, checkpoint: &CheckpointOptions, options: &LocalOptions) -> Result<Self, BackendError> {
        Self::new(Checkpoint::open(dir, checkpoint)?, options)
    }

    /// Loads an opened checkpoint's weights.
    pub fn new(checkpoint: Checkpoint, options: &LocalOptions) -> Result<Self, BackendError> {
        let digest = Self::digest(&checkpoint, options)?;
        Self::with_digest(checkpoint, digest, options)
    }

    /// The same where [`LocalModel::digest`] is known already: it reads every byte of the weights.
    pub fn with_digest(checkpoint: Checkpoint, digest: Digest, options: &LocalOptions) -> Result<Self, BackendError> {
        let engine = Engine::open(checkpoint.architecture, &checkpoint.weights, options.engine.clone())?;
        Ok(Self {
            identity: ModelIdentity { name: checkpoint.name, digest },
            engine,
            tokenizer: checkpoint.tokenizer,
            chat_template: checkpoint.chat_template,
            end_tokens: checkpoint.end_token_ids,
            date: options.date,
        })
    }

    /// Hash over everything that decides an answer: the checkpoint, the day, the length limit, the type that weights are
    /// rounded to, if they are, and that another device than the CPU computes, if one does.
    pub fn digest(checkpoint: &Checkpoint, options: &LocalOptions) -> Result<Digest, BackendError> {
        let date = options.date.map(|date| format!("{date:?}"));
        let parts = (checkpoint.digest(), date, options.engine.max_length_tokens);
        let rounded = rounded_to(checkpoint, options.engine.weight_type);
        let device = options.engine.device.as_ref().map(|device| {
            let dtype = device_type(&checkpoint.architecture, &checkpoint.weights, options.engine.weight_type);
            format!("{} {}", if device.is_cuda() { "cuda" } else { "tensors" }, dtype.as_str())
        });
        Ok(match (rounded, device) {
            (None, None) => Digest::of_json(&parts)?,
            (Some(name), None) => Digest::of_json(&(parts, name))?,
            (rounded, Some(device)) => Digest::of_json(&(parts, rounded, device))?,
        })
    }

    /// The network.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn encoder(&self) -> Encoder<'_> {
        Encoder {
            tokenizer: &self.tokenizer,
            chat_template: self.chat_template.as_ref(),
            end_tokens: &self.end_tokens,
            date: self.date,
            max_length_tokens: self.engine.max_length_tokens(),
        }
    }
}

#[allow(clippy::needless_pass_by_value)]
fn failed(error: EngineError) -> Response {
    Response::Failed { reason: error.to_string() }
}

impl LanguageModel for LocalModel {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        self.answer_scored(requests, done)?;
        self.answer_generations(requests, done)?;
        self.answer_dialogues(requests, done)?;
        self.answer_prompt_sets(requests, done)
    }
}
