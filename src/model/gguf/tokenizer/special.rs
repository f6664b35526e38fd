//! Tokens with a role, and tokens that stand by themselves in a text.

use serde_json::{Value, json};
use tokenizers::AddedToken;

use super::Metadata;
use super::error::GgufTokenizerError;
use super::vocabulary::{TokenKind, Vocabulary};

/// Tokens that end a reply, by the texts that chat models of the supported families use.
const END_TEXTS: [&str; 7] =
    ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<|end_of_text|>"];

/// Ids of the tokens with a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Roles {
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub pad: Option<u32>,
    pub unknown: Option<u32>,
    /// All that end a generation, ascending.
    pub ends: Vec<u32>,
}

impl Roles {
    /// Reads the `tokenizer.ggml.*_token_id` keys. `sentencepiece`: without them, 0, 1 and 2 are `<unk>`, `<s>` and
    /// `</s>`, as far as their kinds agree.
    pub fn read(metadata: &Metadata, vocabulary: &Vocabulary, sentencepiece: bool) -> Result<Self, GgufTokenizerError> {
        let id = |name: &str| id(metadata, vocabulary, name);
        let otherwise = |id: u32, kind| (sentencepiece && vocabulary.kind(id) == Some(kind)).then_some(id);
        let eos = id("eos")?.or_else(|| otherwise(2, TokenKind::Control));
        let mut ends: Vec<u32> = eos.into_iter().chain(id("eot")?).chain(id("eom")?).collect();
        ends.extend(END_TEXTS.iter().filter_map(|text| vocabulary.id(text)));
        ends.sort_unstable();
        ends.dedup();
        Ok(Self {
            bos: id("bos")?.or_else(|| otherwise(1, TokenKind::Control)),
            eos,
            pad: id("padding")?,
            unknown: id("unknown")?.or_else(|| otherwise(0, TokenKind::Unknown)),
            ends,
        })
    }

    /// Tokens that are found in a text before anything else: control tokens and tokens with a role, which decoding can
    /// leave out, and tokens that the user defined, which are text.
    ///
    /// `phi3`: GGUF does not say which tokens swallow the white space behind them; those of Phi 3 do, but for
    /// `<s>`, `<unk>` and `<|endoftext|>`.
    pub fn added_tokens(&self, vocabulary: &Vocabulary, phi3: bool) -> Vec<AddedToken> {
        let phi3 = phi3 && vocabulary.id("<|placeholder1|>").is_some();
        let has_role =
            |id: u32| self.ends.contains(&id) || [self.bos, self.eos, self.pad, self.unknown].contains(&Some(id));
        let added = vocabulary.iter().filter_map(|(id, text, kind)| {
            let special = has_role(id) || matches!(kind, TokenKind::Control | TokenKind::Unknown);
            let strips = phi3 && !matches!(text, "<s>" | "<unk>" | "<|endoftext|>");
            (special || kind == TokenKind::UserDefined)
                .then(|| AddedToken::from(text, special).normalized(false).rstrip(strips))
        });
        added.collect()
    }

    /// The post-processor that puts a beginning token before a text and an end token behind it, as the file asks for;
    /// `adds_bos` where it does not say. Written as in `tokenizer.json`.
    pub fn post_processor(
        &self,
        metadata: &Metadata,
        vocabulary: &Vocabulary,
        adds_bos: bool,
    ) -> Result<Option<Value>, GgufTokenizerError> {
        let wanted = |name: &str, id: Option<u32>, default: bool| {
            let key = format!("tokenizer.ggml.add_{name}_token");
            match (metadata.flag(&key)?, id) {
                (Some(true), None) => {
                    Err(GgufTokenizerError::missing(metadata, &format!("tokenizer.ggml.{name}_token_id")))
                }
                (asked, id) => Ok(id.filter(|_| asked.unwrap_or(default))),
            }
        };
        let (bos, eos) = (wanted("bos", self.bos, adds_bos)?, wanted("eos", self.eos, false)?);
        if bos.is_none() && eos.is_none() {
            return Ok(None);
        }
        let text = |id: u32| vocabulary.text(id).unwrap_or_default();
        let piece = |id: u32, sequence: u32| json!({"SpecialToken": {"id": text(id), "type_id": sequence}});
        let around = |name: &str, sequence: u32| {
            let own = json!({"Sequence": {"id": name, "type_id": sequence}});
            let before = bos.map(|id| piece(id, sequence));
            before.into_iter().chain([own]).chain(eos.map(|id| piece(id, sequence))).collect::<Vec<_>>()
        };
        let tokens = bos.into_iter().chain(eos);
        let tokens = tokens.map(|id| (text(id).to_owned(), json!({"id": text(id), "ids": [id], "tokens": [text(id)]})));
        let pair = [around("A", 0), around("B", 1)].concat();
        Ok(Some(json!({
            "type": "TemplateProcessing",
            "single": around("A", 0),
            "pair": pair,
            "special_tokens": tokens.collect::<serde_json::Map<_, _>>(),
        })))
    }
}

fn id(metadata: &Metadata, vocabulary: &Vocabulary, name: &str) -> Result<Option<u32>, GgufTokenizerError> {
    let key = format!("tokenizer.ggml.{name}_token_id");
    let Some(number) = metadata.integer(&key)? else { return Ok(None) };
    let id = u32::try_from(number).ok().filter(|id| vocabulary.kind(*id).is_some());
    let message = || format!("{number} is not the id of one of {} tokens", vocabulary.len());
    id.map(Some).ok_or_else(|| GgufTokenizerError::invalid(metadata, &key, message()))
}
