//! `tokenizer_config.json` and `special_tokens_map.json`: which tokens have a role.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::model::checkpoint::file::{self, CONFIG_LIMIT_BYTES, FileError};

/// The texts of the tokens that have a role; templates see them as `bos_token` and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedTokens {
    /// Begins a sequence.
    pub bos: Option<String>,
    /// Ends a sequence.
    pub eos: Option<String>,
    /// Fills a batch.
    pub pad: Option<String>,
    /// Stands for what the vocabulary lacks.
    pub unk: Option<String>,
}

/// What `tokenizer_config.json` says beyond `tokenizer.json`.
///
/// `add_bos_token` and `add_eos_token` are absent on purpose: where a `tokenizer.json` exists, transformers 5 discards
/// both and lets the post-processor of `tokenizer.json` decide, and so do we. `clean_up_tokenization_spaces` is absent
/// because it would make decoded text differ from what the model wrote.
#[derive(Debug, Default)]
pub(super) struct TokenizerConfig {
    pub named: NamedTokens,
    /// Tokens that must never be split, besides those of `tokenizer.json`.
    pub additional_special: Vec<String>,
    /// Added tokens by id, as `tokenizer_config.json` repeats them.
    pub added: BTreeMap<u32, AddedTokenFields>,
}

/// A token written as text or as an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a token must be a string or an object with `content`")]
enum TokenField {
    Text(String),
    Object { content: String },
}

impl TokenField {
    fn into_text(self) -> String {
        match self {
            Self::Text(content) | Self::Object { content } => content,
        }
    }
}

// The file has these five switches.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AddedTokenFields {
    pub content: String,
    #[serde(default)]
    pub lstrip: bool,
    #[serde(default)]
    pub rstrip: bool,
    #[serde(default)]
    pub single_word: bool,
    #[serde(default)]
    pub normalized: bool,
    #[serde(default)]
    pub special: bool,
}

#[derive(Debug, Default, Deserialize)]
struct ConfigFile {
    bos_token: Option<TokenField>,
    eos_token: Option<TokenField>,
    pad_token: Option<TokenField>,
    unk_token: Option<TokenField>,
    #[serde(default)]
    additional_special_tokens: Option<Vec<TokenField>>,
    #[serde(default)]
    added_tokens_decoder: BTreeMap<String, AddedTokenFields>,
}

impl TokenizerConfig {
    /// Reads both files of a folder; either may be absent. `tokenizer_config.json` wins.
    pub fn read(dir: &Path) -> Result<Self, FileError> {
        let read = |name: &str| file::read_json::<ConfigFile>(&dir.join(name), CONFIG_LIMIT_BYTES);
        let config = read("tokenizer_config.json")?.unwrap_or_default();
        let map = read("special_tokens_map.json")?.unwrap_or_default();
        let text =
            |field: Option<TokenField>, fallback: Option<TokenField>| field.or(fallback).map(TokenField::into_text);
        let special = config.additional_special_tokens.or(map.additional_special_tokens).unwrap_or_default();
        Ok(Self {
            named: NamedTokens {
                bos: text(config.bos_token, map.bos_token),
                eos: text(config.eos_token, map.eos_token),
                pad: text(config.pad_token, map.pad_token),
                unk: text(config.unk_token, map.unk_token),
            },
            additional_special: special.into_iter().map(TokenField::into_text).collect(),
            added: config
                .added_tokens_decoder
                .into_iter()
                .filter_map(|(id, fields)| Some((id.parse().ok()?, fields)))
                .collect(),
        })
    }
}
