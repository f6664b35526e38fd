//! The entries of a vocabulary, with what kind each is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Metadata;
use super::error::GgufTokenizerError;

pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
const TOKEN_TYPES: &str = "tokenizer.ggml.token_type";

/// What an entry of the vocabulary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A piece of text.
    Normal,
    /// Stands for what the vocabulary lacks.
    Unknown,
    /// Steers the model; never a part of text.
    Control,
    /// Text that is never split.
    UserDefined,
    /// Fills a gap.
    Unused,
    /// One byte, `<0x0A>`.
    Byte,
}

impl TokenKind {
    fn from_number(number: i64) -> Option<Self> {
        match number {
            0 | 1 => Some(Self::Normal),
            2 => Some(Self::Unknown),
            3 => Some(Self::Control),
            4 => Some(Self::UserDefined),
            5 => Some(Self::Unused),
            6 => Some(Self::Byte),
            _ => None,
        }
    }
}

/// The entries in the order of their ids.
#[derive(Debug)]
pub(super) struct Vocabulary {
    texts: Vec<String>,
    kinds: Vec<TokenKind>,
    ids: HashMap<String, u32>,
}

impl Vocabulary {
    /// Reads `tokenizer.ggml.tokens` and `tokenizer.ggml.token_type`; without the latter all tokens are text, but for
    /// bytes.
    pub fn read(metadata: &Metadata) -> Result<Self, GgufTokenizerError> {
        let texts = metadata.texts(TOKENS)?.ok_or_else(|| GgufTokenizerError::missing(metadata, TOKENS))?;
        if texts.is_empty() || u32::try_from(texts.len()).is_err() {
            return Err(GgufTokenizerError::invalid(metadata, TOKENS, format!("it has {} entries", texts.len())));
        }
        let kinds = match metadata.integers(TOKEN_TYPES)? {
            None => texts.iter().map(|text| guessed_kind(text)).collect(),
            Some(numbers) => kinds(metadata, &numbers, texts.len())?,
        };
        let mut vocabulary = Self { texts: Vec::with_capacity(texts.len()), kinds, ids: HashMap::new() };
        for (id, text) in (0_u32..).zip(texts) {
            let text = if text.is_empty() { format!("[EMPTY_{id}]") } else { text.to_owned() };
            match vocabulary.ids.entry(text.clone()) {
                Entry::Vacant(place) => place.insert(id),
                Entry::Occupied(first) => {
                    let message = format!("tokens {} and {id} are both {text:?}", first.get());
                    return Err(GgufTokenizerError::invalid(metadata, TOKENS, message));
                }
            };
            vocabulary.texts.push(text);
        }
        Ok(vocabulary)
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn text(&self, id: u32) -> Option<&str> {
        self.texts.get(usize::try_from(id).ok()?).map(String::as_str)
    }

    pub fn kind(&self, id: u32) -> Option<TokenKind> {
        self.kinds.get(usize::try_from(id).ok()?).copied()
    }

    pub fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// All entries, by id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str, TokenKind)> {
        (0_u32..).zip(&self.texts).zip(&self.kinds).map(|((id, text), kind)| (id, text.as_str(), *kind))
    }
}

fn kinds(metadata: &Metadata, numbers: &[i64], tokens: usize) -> Result<Vec<TokenKind>, GgufTokenizerError> {
    if numbers.len() != tokens {
        let message = format!("it has {} entries for {tokens} tokens", numbers.len());
        return Err(GgufTokenizerError::invalid(metadata, TOKEN_TYPES, message));
    }
    let kind = |(id, number): (usize, &i64)| {
        TokenKind::from_number(*number).ok_or_else(|| {
            let message = format!("token {id} has type {number}, types are 0 to 6");
            GgufTokenizerError::invalid(metadata, TOKEN_TYPES, message)
        })
    };
    numbers.iter().enumerate().map(kind).collect()
}

fn guessed_kind(text: &str) -> TokenKind {
    let digits = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    if digits.is_some_and(|digits| digits.len() == 2 && u8::from_str_radix(digits, 16).is_ok()) {
        TokenKind::Byte
    } else {
        TokenKind::Normal
    }
}
