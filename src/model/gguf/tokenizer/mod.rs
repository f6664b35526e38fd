//! The tokenizer that a GGUF file carries in its metadata.
//!
//! `tokenizer.ggml.model` names the kind. `llama`: `SentencePiece` with byte-pair merges, which are derived from the
//! scores where the file does not list them. `gpt2`: byte-level merges, with the words cut as `tokenizer.ggml.pre` says.
//! What is built gives the ids of the `tokenizer.json` that the model was published with. Other kinds are refused by name.

mod error;
mod merges;
mod pre_tokenizer;
mod special;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::{DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, Tokenizer};

use super::Metadata;
use crate::model::tokens::{NamedTokens, TextTokenizer, contained};

pub use error::GgufTokenizerError;
use pre_tokenizer::PreTokenizer;
use special::Roles;
use vocabulary::Vocabulary;

const MODEL: &str = "tokenizer.ggml.model";
const CHAT_TEMPLATE: &str = "tokenizer.chat_template";

/// A tokenizer out of GGUF metadata, with what is known of its special tokens.
#[derive(Debug)]
pub struct GgufTokenizer {
    /// Turns text into ids and back.
    pub tokenizer: Tokenizer,
    /// Texts of the tokens with a role.
    pub named: NamedTokens,
    /// The beginning token.
    pub bos_id: Option<u32>,
    /// The end token.
    pub eos_id: Option<u32>,
    /// The padding token.
    pub pad_id: Option<u32>,
    /// All tokens that end a generation, ascending: the declared ends of text, turn and message, and tokens that are
    /// known by their texts to end a turn.
    pub end_ids: Vec<u32>,
    /// The chat template, the default one where there are several.
    pub chat_template: Option<String>,
    /// All that decides the ids, for a content hash.
    pub digest_text: String,
}

/// Builds the tokenizer.
pub fn from_metadata(metadata: &Metadata) -> Result<GgufTokenizer, GgufTokenizerError> {
    let parts = match metadata.text(MODEL)? {
        None => return Err(GgufTokenizerError::missing(metadata, MODEL)),
        Some("llama") => sentencepiece(metadata)?,
        Some("gpt2") => byte_level(metadata)?,
        Some(other) => {
            return Err(GgufTokenizerError::unsupported(metadata, MODEL, other, "llama, gpt2"));
        }
    };
    let phi3 = metadata.text("general.architecture")? == Some("phi3");
    let post_processor = parts.roles.post_processor(metadata, &parts.vocabulary, parts.adds_bos)?;
    let digest_text = digest_text(&parts, post_processor.as_ref(), phi3);
    let Parts { vocabulary, roles, .. } = &parts;
    let named = |id: Option<u32>| id.and_then(|id| vocabulary.text(id)).map(str::to_owned);
    let named =
        NamedTokens { bos: named(roles.bos), eos: named(roles.eos), pad: named(roles.pad), unk: named(roles.unknown) };
    let (bos_id, eos_id, pad_id, end_ids) = (roles.bos, roles.eos, roles.pad, roles.ends.clone());
    let tokenizer = contained(|| parts.build(post_processor, phi3))
        .map_err(|message| GgufTokenizerError::build(metadata, &message))?;
    let chat_template = match metadata.text(CHAT_TEMPLATE)? {
        Some(template) => Some(template),
        None => metadata.text(&format!("{CHAT_TEMPLATE}.default"))?,
    };
    let chat_template = chat_template.map(str::to_owned);
    Ok(GgufTokenizer { tokenizer, named, bos_id, eos_id, pad_id, end_ids, chat_template, digest_text })
}

impl TextTokenizer {
    /// The tokenizer that a GGUF file carries; `file` is named in errors.
    pub fn from_gguf(made: GgufTokenizer, file: impl Into<PathBuf>) -> Self {
        let GgufTokenizer { tokenizer, named, bos_id, eos_id, pad_id, digest_text, .. } = made;
        Self::from_parts(file.into(), tokenizer, named, [bos_id, eos_id, pad_id], &digest_text)
    }
}

/// What a tokenizer is built of; steps as `tokenizer.json` writes them.
struct Parts {
    vocabulary: Vocabulary,
    roles: Roles,
    merges: merges::Merges,
    byte_fallback: bool,
    ignores_merges: bool,
    adds_bos: bool,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    decoder: Value,
}

/// `SentencePiece`: spaces are written `▁`, one stands before the text unless `add_space_prefix` is false, and what the
/// vocabulary lacks falls back to bytes.
fn sentencepiece(metadata: &Metadata) -> Result<Parts, GgufTokenizerError> {
    let vocabulary = Vocabulary::read(metadata)?;
    let merges = match merges::read(metadata, &vocabulary)? {
        Some(merges) => merges,
        None => merges::from_scores(metadata, &vocabulary)?,
    };
    let prefixed = metadata.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let escape = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let normalizer = if prefixed {
        json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, escape]})
    } else {
        escape
    };
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefixed {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    Ok(Parts {
        roles: Roles::read(metadata, &vocabulary, true)?,
        vocabulary,
        merges,
        byte_fallback: true,
        ignores_merges: false,
        adds_bos: true,
        normalizer: Some(normalizer),
        pre_tokenizer: None,
        decoder: json!({"type": "Sequence", "decoders": decoders}),
    })
}

/// Byte-level merges as GPT-2 has them.
fn byte_level(metadata: &Metadata) -> Result<Parts, GgufTokenizerError> {
    let pre = PreTokenizer::read(metadata)?;
    let vocabulary = Vocabulary::read(metadata)?;
    let merges = merges::read(metadata, &vocabulary)?;
    Ok(Parts {
        roles: Roles::read(metadata, &vocabulary, false)?,
        vocabulary,
        merges: merges.ok_or_else(|| GgufTokenizerError::missing(metadata, "tokenizer.ggml.merges"))?,
        byte_fallback: false,
        ignores_merges: pre.ignores_merges,
        adds_bos: pre.adds_bos,
        normalizer: pre.normalizer(),
        pre_tokenizer: Some(pre.pre_tokenizer()),
        decoder: json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
    })
}

impl Parts {
    fn build(self, post_processor: Option<Value>, phi3: bool) -> tokenizers::Result<Tokenizer> {
        let vocab: Vocab = self.vocabulary.iter().map(|(id, text, _)| (text.to_owned(), id)).collect();
        let unknown = self.roles.unknown.filter(|_| self.byte_fallback).and_then(|id| self.vocabulary.text(id));
        let mut model = BPE::builder()
            .vocab_and_merges(vocab, self.merges)
            .byte_fallback(self.byte_fallback)
            .ignore_merges(self.ignores_merges);
        if let Some(unknown) = unknown {
            model = model.unk_token(unknown.to_owned()).fuse_unk(true);
        }
        let mut tokenizer = Tokenizer::new(model.build()?);
        tokenizer.with_normalizer(step::<NormalizerWrapper>(self.normalizer)?)?;
        tokenizer.with_pre_tokenizer(step::<PreTokenizerWrapper>(self.pre_tokenizer)?);
        tokenizer.with_decoder(step::<DecoderWrapper>(Some(self.decoder))?);
        tokenizer.with_post_processor(step::<PostProcessorWrapper>(post_processor)?);
        tokenizer.add_tokens(self.roles.added_tokens(&self.vocabulary, phi3))?;
        Ok(tokenizer)
    }
}

/// A step of a tokenizer from what `tokenizer.json` would hold.
fn step<T: DeserializeOwned>(written: Option<Value>) -> tokenizers::Result<Option<T>> {
    Ok(written.map(serde_json::from_value).transpose()?)
}

/// Everything that the ids depend on, each list with its length.
fn digest_text(parts: &Parts, post_processor: Option<&Value>, phi3: bool) -> String {
    let Parts { vocabulary, roles, merges, .. } = parts;
    let steps = [parts.normalizer.as_ref(), parts.pre_tokenizer.as_ref(), Some(&parts.decoder), post_processor];
    let switches = (parts.byte_fallback, parts.ignores_merges, phi3);
    let tokens = vocabulary.iter().map(|(_, token, kind)| format!("{kind:?} {} {token}\n", token.len()));
    let merges = merges.iter().map(|(left, right)| format!("{} {left} {right}\n", left.len()));
    let head = format!("{steps:?} {switches:?} {roles:?} {} tokens {} merges\n", vocabulary.len(), merges.len());
    std::iter::once(head).chain(tokens).chain(merges).collect()
}
