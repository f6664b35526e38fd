//! A model's folder or GGUF file, opened and checked as one thing: architecture, weights, tokenizer, chat template,
//! provenance.

pub mod file;
mod generation;
mod provenance;
mod source;

use std::path::{Path, PathBuf};

use self::file::FileError;
use self::source::Network;
use crate::digest::Digest;
use crate::model::adapter::{AdapterError, AdapterFolder};
use crate::model::architecture::{Architecture, ArchitectureError, RotaryScaling};
use crate::model::chat_template::{ChatTemplate, ChatTemplateError};
use crate::model::gguf::tokenizer::GgufTokenizerError;
use crate::model::gguf::{GgufFile, is_gguf};
use crate::model::tokens::{TextTokenizer, TokenizerError};
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
    /// Longest sequence that will be asked for, where it decides what is computed: a model with `LongRoPE` has one network
    /// up to its original context and another beyond.
    pub max_length_tokens: Option<usize>,
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
    /// What was opened: a folder, or a `.gguf` file.
    pub dir: PathBuf,
    /// Where configuration and weights are: the same, or an adapter's base.
    pub model_dir: PathBuf,
    /// The model's file, where it is in GGUF.
    pub gguf: Option<PathBuf>,
    /// The folder of the tokenizer; where the tokenizer is in the GGUF file, the file's folder.
    pub tokenizer_dir: PathBuf,
    /// What reports call it: the name of the folder or of the file.
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
    #[error("{}: no config.json, so this is no checkpoint folder; point at the folder that holds config.json and model.safetensors, or at a .gguf file", dir.display())]
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
    /// A tokenizer in a GGUF file that cannot be used.
    #[error(transparent)]
    GgufTokenizer(#[from] GgufTokenizerError),
    /// A chat template that cannot be used.
    #[error(transparent)]
    ChatTemplate(#[from] ChatTemplateError),
    /// A `wit.json` that cannot be believed.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
}

impl Checkpoint {
    /// Opens a folder in Hugging Face layout, a `.gguf` file, or a folder with one model in GGUF, and checks everything in
    /// it; nothing in it is trusted.
    ///
    /// An adapter's folder is opened over its base: architecture and weights are the base's, the latter read with the
    /// adapter's changes; tokenizer, chat template and generation defaults are the adapter's where it has them. Beside a
    /// model in GGUF, the files of a Hugging Face folder stand for what the file itself says of tokenizer, chat template
    /// and end tokens.
    pub fn open(dir: &Path, options: &CheckpointOptions) -> Result<Self, CheckpointError> {
        let adapter = AdapterFolder::open(dir, options.base_dir.as_deref())?;
        let model_dir = adapter.as_ref().map_or(dir, AdapterFolder::base);
        let mut network = Network::open(model_dir, options.max_length_tokens)?;
        if let Some(adapter) = &adapter {
            let overlay = adapter.overlay(&network.architecture, &network.weights)?;
            network.weights.change(overlay);
        }
        let folder = if is_gguf(dir) { network.folder.as_path() } else { dir };
        let tokens = network.tokens(folder, options.tokenizer_dir.as_deref())?;
        let places = [folder, &tokens.folder, &network.folder];
        let chat_template = network.template(&places, &options.chat_template, &tokens)?;
        let own = folder.join("generation_config.json").exists();
        let generation_dir = if own { folder } else { &network.folder };
        let generation = GenerationDefaults::read(generation_dir)?;
        let declared_ends = if generation.eos_token_ids.is_empty() { &tokens.ends } else { &generation.eos_token_ids };
        let mut end_token_ids: Vec<u32> = declared_ends.iter().copied().chain(tokens.tokenizer.eos_id()).collect();
        end_token_ids.sort_unstable();
        end_token_ids.dedup();
        let mut provenance = Provenance::read(dir, options.weighting)?;
        if let Some(adapter) = &adapter {
            provenance.base.get_or_insert_with(|| provenance::checkpoint_name(adapter.base()));
        }
        Ok(Self {
            dir: dir.to_owned(),
            model_dir: model_dir.to_owned(),
            gguf: network.gguf.as_ref().map(|gguf| GgufFile::path(gguf).to_owned()),
            tokenizer_dir: tokens.folder,
            name: provenance::checkpoint_name(dir),
            architecture: network.architecture,
            weights: network.weights,
            tokenizer: tokens.tokenizer,
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
        let scalings = self.architecture.layers.iter().filter_map(|layer| layer.attention.rotary);
        let mut long = scalings.filter(|rotary| matches!(rotary.scaling, RotaryScaling::LongRope { .. }));
        // One checkpoint is two networks, of which the opened one answers.
        let long = long.next().map(|_| format!("context_tokens {}\n", self.architecture.context_tokens));
        let text = format!(
            "weights {}\ntokenizer {}\nchat_template {}\nend_tokens {:?}\n{}",
            self.weights.digest(),
            self.tokenizer.digest(),
            template.as_ref().map_or("-", Digest::as_str),
            self.end_token_ids,
            long.unwrap_or_default(),
        );
        Digest::of_bytes(text.as_bytes())
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
