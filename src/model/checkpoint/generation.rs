//! `generation_config.json`: end tokens, and sampling defaults that are recorded but not applied.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::{self, CONFIG_LIMIT_BYTES, FileError};

/// What a checkpoint's author suggests for generation.
///
/// Only the end tokens take effect. The sampling values are recorded for the report: an evaluation states its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GenerationDefaults {
    /// Tokens that end a reply; empty where the file names none.
    pub eos_token_ids: Vec<u32>,
    /// Sample instead of taking the likeliest token.
    pub do_sample: Option<bool>,
    /// Divides the logits.
    pub temperature: Option<f64>,
    /// Probability mass that is kept.
    pub top_p: Option<f64>,
    /// Number of tokens that are kept.
    pub top_k: Option<u64>,
    /// Divides the logits of tokens already seen.
    pub repetition_penalty: Option<f64>,
    /// Longest reply, in tokens.
    pub max_new_tokens: Option<u64>,
}

/// One id or several, as both `config.json` and `generation_config.json` write end tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a token id must be a non-negative integer, or a list of them")]
pub(super) enum TokenIds {
    One(u32),
    Several(Vec<u32>),
}

impl TokenIds {
    pub fn into_vec(self) -> Vec<u32> {
        match self {
            Self::One(id) => vec![id],
            Self::Several(ids) => ids,
        }
    }
}

#[derive(Deserialize)]
struct GenerationFile {
    eos_token_id: Option<TokenIds>,
    do_sample: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
    repetition_penalty: Option<f64>,
    max_new_tokens: Option<u64>,
}

impl GenerationDefaults {
    /// Reads `generation_config.json`; all empty where there is none.
    pub(super) fn read(dir: &Path) -> Result<Self, FileError> {
        let path = dir.join("generation_config.json");
        let Some(read) = file::read_json::<GenerationFile>(&path, CONFIG_LIMIT_BYTES)? else {
            return Ok(Self::default());
        };
        Ok(Self {
            eos_token_ids: read.eos_token_id.map(TokenIds::into_vec).unwrap_or_default(),
            do_sample: read.do_sample,
            temperature: read.temperature,
            top_p: read.top_p,
            top_k: read.top_k,
            repetition_penalty: read.repetition_penalty,
            max_new_tokens: read.max_new_tokens,
        })
    }
}
