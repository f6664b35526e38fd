//! A model folder, opened and checked as one thing: architecture, weights, tokenizer, chat template, provenance.

pub mod file;
mod generation;
mod provenance;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::file::{CONFIG_LIMIT_BYTES, FileError};
use self::generation::TokenIds;
use crate::digest::Digest;
use crate::model::adapter::{AdapterError, AdapterFolder};
use crate::model::architecture::{Architecture, ArchitectureError};
use crate::model::chat_template::{ChatTemplate, ChatTemplateError};
use crate::model::tokens::{DeclaredIds, NamedTokens, TextTokenizer, TokenizerError};
use crate::model::weights::{Weights, WeightsError};
use crate::weighting::Weighting;
pub use generation::GenerationDefaults;
pub use provenance::{Provenance, ProvenanceError, Stage, WIT_JSON_FORMAT, WeightingSource, WitJson};

/// What the caller decides about opening a folder.
#[derive(Debug, Clone, Default)]
pub struct CheckpointOptions {
    /// Take the tokenizer from this folder, for checkpoints that carry none.
    pub tokenizer_dir: Option<PathBuf>,
    /// Which chat template.
    pub chat_template: TemplateChoice,
    /// The loss weights, where the folder does not say or says wrong.
    pub weighting: Option<Weighting>,
    /// The base model's folder, where the folder to open is an adapter and its base is not where it says.
    pub base_dir: Option<PathBuf>,
}

/// Which chat template a checkpoint gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TemplateChoice {
    /// Its own, else that of the tokenizer's folder, else none.
    #[default]
    Own,
    /// The one of this name in `tokenizer_config.json`.
    Named(String),
    /// A Jinja file.
    File(PathBuf),
    /// None: prompts are plain text.
    Plain,
}

/// An opened checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    /// The folder.
    pub dir: PathBuf,
    /// Where `config.json` and the weights are: the same folder, or that of an adapter's base.
    pub model_dir: PathBuf,
    /// Where the tokenizer is.
    pub tokenizer_dir: PathBuf,
    /// What reports call it: the folder's name.
    pub name: String,
    /// What `config.json` describes.
    pub architecture: Architecture,
    /// The tensors.
    pub weights: Weights,
    /// Text to ids and back.
    pub tokenizer: TextTokenizer,
    /// Conversations to prompts; `None` for a model that takes plain text.
    pub chat_template: Option<ChatTemplate>,
    /// Suggestions of the checkpoint's author.
    pub generation: GenerationDefaults,
    /// Tokens that end a reply, sorted: those of `generation_config.json` (else of `config.json`), and the tokenizer's.
    pub end_token_ids: Vec<u32>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// Why a folder is no usable checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// No `config.json`.
    #[error("{}: no config.json, so this is no checkpoint folder; point at the folder that holds config.json and model.safetensors", dir.display())]
    NoConfig {
        /// The folder.
        dir: PathBuf,
    },
    /// A chat template file that is not there.
    #[error("{}: there is no such chat template file; check the path", file.display())]
    NoTemplateFile {
        /// The file.
        file: PathBuf,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A `config.json` that describes no model we can run.
    #[error("{}: {source}", file.display())]
    Architecture {
        /// The file.
        file: PathBuf,
        /// Why.
        source: ArchitectureError,
    },
    /// Weights that cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// An adapter that cannot be used.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// A tokenizer that cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A chat template that cannot be used.
    #[error(transparent)]
    ChatTemplate(#[from] ChatTemplateError),
    /// A `wit.json` that cannot be believed.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
}

/// The special ids of `config.json`; the rest of it is the architecture's.
#[derive(Deserialize)]
struct ConfigIds {
    bos_token_id: Option<TokenIds>,
    eos_token_id: Option<TokenIds>,
}

impl Checkpoint {
    /// Opens a folder in Hugging Face layout and checks everything in it; nothing in it is trusted.
    ///
    /// An adapter's folder is opened over that of its base: architecture and weights are the base's, the latter read
    /// with the adapter's changes; tokenizer, chat template and generation defaults are the adapter's where it has them.
    pub fn open(dir: &Path, options: &CheckpointOptions) -> Result<Self, CheckpointError> {
        let adapter = AdapterFolder::open(dir, options.base_dir.as_deref())?;
        let model_dir = adapter.as_ref().map_or(dir, AdapterFolder::base);
        let config_path = model_dir.join("config.json");
        let config = file::read_text(&config_path, CONFIG_LIMIT_BYTES)?
            .ok_or_else(|| CheckpointError::NoConfig { dir: model_dir.to_owned() })?;
        let ids: ConfigIds = file::parse_json(&config_path, &config)?;
        let architecture = Architecture::from_config_json(&config)
            .map_err(|source| CheckpointError::Architecture { file: config_path, source })?;
        let mut weights = Weights::open(model_dir)?;
        if let Some(adapter) = &adapter {
            weights.change(adapter.overlay(&architecture, &weights)?);
        }
        let ends = ids.eos_token_id.map(TokenIds::into_vec).unwrap_or_default();
        let begins = ids.bos_token_id.map(TokenIds::into_vec).unwrap_or_default();
        let declared = DeclaredIds { bos: begins.first().copied(), eos: ends.first().copied() };
        let own = |name: &str| if dir.join(name).exists() { dir } else { model_dir };
        let tokenizer_dir = options.tokenizer_dir.as_deref().unwrap_or_else(|| own("tokenizer.json"));
        let tokenizer = TextTokenizer::open(tokenizer_dir, declared)?;
        let places = [dir, tokenizer_dir, model_dir];
        let chat_template = template(&places, &options.chat_template, tokenizer.named_tokens())?;
        let generation = GenerationDefaults::read(own("generation_config.json"))?;
        let declared_ends = if generation.eos_token_ids.is_empty() { ends } else { generation.eos_token_ids.clone() };
        let mut end_token_ids: Vec<u32> = declared_ends.into_iter().chain(tokenizer.eos_id()).collect();
        end_token_ids.sort_unstable();
        end_token_ids.dedup();
        let mut provenance = Provenance::read(dir, options.weighting)?;
        if let Some(adapter) = &adapter {
            provenance.base.get_or_insert_with(|| provenance::checkpoint_name(adapter.base()));
        }
        Ok(Self {
            dir: dir.to_owned(),
            model_dir: model_dir.to_owned(),
            tokenizer_dir: tokenizer_dir.to_owned(),
            name: provenance::checkpoint_name(dir),
            architecture,
            weights,
            tokenizer,
            chat_template,
            generation,
            end_token_ids,
            provenance,
        })
    }

    /// Whether the folder is an adapter over a base of its own folder.
    pub fn is_adapter(&self) -> bool {
        self.dir != self.model_dir
    }

    /// Content hash of everything that decides a reply: weights, `config.json`, tokenizer, chat template, end tokens.
    /// Reads all weights; compute it once.
    pub fn digest(&self) -> Digest {
        let template = self.chat_template.as_ref().map(ChatTemplate::digest);
        let text = format!(
            "weights {}\ntokenizer {}\nchat_template {}\nend_tokens {:?}\n",
            self.weights.digest(),
            self.tokenizer.digest(),
            template.as_ref().map_or("-", Digest::as_str),
            self.end_token_ids,
        );
        Digest::of_bytes(text.as_bytes())
    }
}

/// The first template that one of the folders has.
fn template(
    dirs: &[&Path],
    choice: &TemplateChoice,
    named: &NamedTokens,
) -> Result<Option<ChatTemplate>, CheckpointError> {
    let name = match choice {
        TemplateChoice::Plain => return Ok(None),
        TemplateChoice::File(path) => {
            let template = ChatTemplate::from_file(path, named)?;
            return template.map(Some).ok_or_else(|| CheckpointError::NoTemplateFile { file: path.clone() });
        }
        TemplateChoice::Named(name) => Some(name.as_str()),
        TemplateChoice::Own => None,
    };
    let mut refusal = None;
    for dir in dirs {
        match ChatTemplate::open(dir, name, named) {
            Ok(Some(template)) => return Ok(Some(template)),
            Ok(None) => {}
            // The name may be in the other folder's list.
            Err(error @ ChatTemplateError::NoSuchName { .. }) => refusal = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    refusal.map_or(Ok(None), |error| Err(error.into()))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
