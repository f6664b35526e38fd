//! Text to token ids and back, as the checkpoint's own tokenizer does it.

mod config;
mod error;
mod offsets;
mod pair;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tokenizers::{AddedToken, ModelWrapper, Tokenizer};

use crate::digest::Digest;
use crate::model::checkpoint::file;
pub use config::NamedTokens;
use config::TokenizerConfig;
pub use error::TokenizerError;
pub use offsets::TokenSpan;
pub use pair::{Specials, TokenPair};

/// Largest `tokenizer.json` that is read: 512 MiB.
const TOKENIZER_LIMIT_BYTES: u64 = 512 << 20;

/// Ids that `config.json` declares, for folders whose tokenizer files name no special tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeclaredIds {
    /// `bos_token_id`.
    pub bos: Option<u32>,
    /// `eos_token_id`, the first if there are several.
    pub eos: Option<u32>,
}

/// The tokenizer of a checkpoint.
///
/// `tokenizer.json` decides which special tokens are added to a text; truncation, padding and subword
/// sampling that a training script left in it are switched off.
#[derive(Debug)]
pub struct TextTokenizer {
    file: PathBuf,
    tokenizer: Tokenizer,
    named: NamedTokens,
    bos_id: Option<u32>,
    eos_id: Option<u32>,
    pad_id: Option<u32>,
    digest: Digest,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json` of a folder; only the first is
    /// required. `declared` fills in for special tokens that none of them names.
    pub fn open(dir: &Path, declared: DeclaredIds) -> Result<Self, TokenizerError> {
        let path = dir.join("tokenizer.json");
        let bytes = file::read_bytes(&path, TOKENIZER_LIMIT_BYTES)?
            .ok_or_else(|| TokenizerError::NoTokenizer { dir: dir.to_owned(), remedy: remedy(dir) })?;
        let config = TokenizerConfig::read(dir)?;
        let invalid = |message| TokenizerError::Invalid { file: path.clone(), message };
        let tokenizer = contained(|| {
            let mut tokenizer = Tokenizer::from_bytes(&bytes)?;
            tokenizer.with_truncation(None)?;
            tokenizer.with_padding(None);
            switch_off_sampling(&mut tokenizer);
            add_tokens(&mut tokenizer, &config)?;
            Ok(tokenizer)
        })
        .map_err(invalid)?;
        let declarations = format!("{config:?}");
        let id =
            |role, text: &Option<String>, declared: Option<u32>| match text {
                None => Ok(declared),
                Some(token) => tokenizer.token_to_id(token).map(Some).ok_or_else(|| {
                    TokenizerError::UnknownNamedToken { dir: dir.to_owned(), role, token: token.clone() }
                }),
            };
        let bos_id = id("bos_token", &config.named.bos, declared.bos)?;
        let eos_id = id("eos_token", &config.named.eos, declared.eos)?;
        let pad_id = id("pad_token", &config.named.pad, None)?;
        let mut named = config.named;
        let text = |id: Option<u32>| id.and_then(|id| tokenizer.id_to_token(id));
        named.bos = named.bos.or_else(|| text(bos_id));
        named.eos = named.eos.or_else(|| text(eos_id));
        let content = format!("{} {declarations} {named:?} {bos_id:?} {eos_id:?}", Digest::of_bytes(&bytes));
        Ok(Self { file: path, tokenizer, named, bos_id, eos_id, pad_id, digest: Digest::of_bytes(content.as_bytes()) })
    }

    /// A tokenizer that was built already. `bos_id`, `eos_id`, `pad_id`; `content` is all that decides the ids; `file` is
    /// named in errors.
    pub(in crate::model) fn from_parts(
        file: PathBuf,
        tokenizer: Tokenizer,
        named: NamedTokens,
        [bos_id, eos_id, pad_id]: [Option<u32>; 3],
        content: &str,
    ) -> Self {
        Self { file, tokenizer, named, bos_id, eos_id, pad_id, digest: Digest::of_bytes(content.as_bytes()) }
    }

    /// Token ids of a text. `add_special`: with the special tokens that the tokenizer adds by default (often a
    /// beginning token). Special tokens that are spelled out in the text become their ids either way.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoded = contained(|| Ok(self.tokenizer.encode_fast(text, add_special)?.get_ids().to_vec()));
        encoded.map_err(|message| TokenizerError::Encode {
            file: self.file.clone(),
            bytes: text.len(),
            start: text.chars().take(40).collect(),
            message,
        })
    }

    /// Text of token ids; bytes that are no UTF-8 become U+FFFD, ids outside the vocabulary nothing.
    /// `skip_special`: without special tokens.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, TokenizerError> {
        contained(|| self.tokenizer.decode(ids, skip_special)).map_err(|message| TokenizerError::Decode {
            file: self.file.clone(),
            count: ids.len(),
            message,
        })
    }

    /// The vocabulary entry of an id, in the tokenizer's own spelling (`Ġthe`, `▁the`, `<0x0A>`).
    pub fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// The id of a vocabulary entry.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The beginning token.
    pub fn bos_id(&self) -> Option<u32> {
        self.bos_id
    }

    /// The end token.
    pub fn eos_id(&self) -> Option<u32> {
        self.eos_id
    }

    /// The padding token.
    pub fn pad_id(&self) -> Option<u32> {
        self.pad_id
    }

    /// What stands before the first token where nothing else does: the beginning token, else the end token.
    pub fn prefix_id(&self) -> Option<u32> {
        self.bos_id.or(self.eos_id)
    }

    /// The texts of the tokens that have a role.
    pub fn named_tokens(&self) -> &NamedTokens {
        &self.named
    }

    /// Number of entries, added tokens included. The model's embedding may have more rows (padding) or, where a
    /// padding token was added without training it, fewer.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// Content hash of what decides the ids.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// Subword sampling is a device of training: with it, one text has other ids each time.
fn switch_off_sampling(tokenizer: &mut Tokenizer) {
    let steady = match tokenizer.get_model() {
        ModelWrapper::BPE(model) if model.dropout.is_some() => {
            let mut model = model.clone();
            model.dropout = None;
            ModelWrapper::BPE(model)
        }
        ModelWrapper::Unigram(model) if model.alpha.is_some() || model.nbest_size.is_some() => {
            let mut model = model.clone();
            (model.alpha, model.nbest_size) = (None, None);
            ModelWrapper::Unigram(model)
        }
        _ => return,
    };
    tokenizer.with_model(steady);
}

/// Makes the tokens that `tokenizer_config.json` declares indivisible, where `tokenizer.json` does not already.
fn add_tokens(tokenizer: &mut Tokenizer, config: &TokenizerConfig) -> tokenizers::Result<()> {
    let known: Vec<String> = tokenizer.get_added_tokens_decoder().into_values().map(|token| token.content).collect();
    let mut added: Vec<AddedToken> = config
        .added
        .values()
        .map(|fields| AddedToken {
            content: fields.content.clone(),
            single_word: fields.single_word,
            lstrip: fields.lstrip,
            rstrip: fields.rstrip,
            normalized: fields.normalized,
            special: fields.special,
        })
        .collect();
    let NamedTokens { bos, eos, pad, unk } = &config.named;
    let named = [bos, eos, unk, pad].into_iter().flatten().chain(&config.additional_special);
    added.extend(named.map(|content| AddedToken::from(content.clone(), true)));
    let mut seen = known;
    for token in added {
        if seen.contains(&token.content) || token.content.is_empty() {
            continue;
        }
        seen.push(token.content.clone());
        if token.special {
            tokenizer.add_special_tokens([token])?;
        } else {
            tokenizer.add_tokens([token])?;
        }
    }
    Ok(())
}

/// Runs the tokenizers crate on data from outside: a panic in it is an error like any other.
pub(in crate::model) fn contained<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the tokenizer library gave up on it".to_owned()),
    }
}

/// What to do about a folder without `tokenizer.json`.
fn remedy(dir: &Path) -> &'static str {
    let has = |name: &str| dir.join(name).exists();
    if !dir.is_dir() {
        "there is no such folder; check the path"
    } else if has("tokenizer.model") || has("vocab.json") || has("spiece.model") {
        "convert the older files with transformers: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
    } else {
        "fetch it, or name a folder that has the checkpoint's tokenizer with --tokenizer DIR"
    }
}
