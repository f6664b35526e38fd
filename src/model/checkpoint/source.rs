//! Where a checkpoint's network and tokenizer come from: a folder in Hugging Face layout, or a model in GGUF.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::file::{self, CONFIG_LIMIT_BYTES};
use super::generation::TokenIds;
use super::{CheckpointError, TemplateChoice};
use crate::model::architecture::Architecture;
use crate::model::chat_template::{ChatTemplate, ChatTemplateError};
use crate::model::gguf::tokenizer::from_metadata;
use crate::model::gguf::{GgufFile, Metadata, is_gguf, model_in};
use crate::model::tokens::{DeclaredIds, NamedTokens, TextTokenizer};
use crate::model::weights::{Weights, WeightsError};

const TEMPLATE_KEY: &str = "tokenizer.chat_template";

/// The special ids of `config.json`; the rest of it is the architecture's.
#[derive(Deserialize)]
struct ConfigIds {
    bos_token_id: Option<TokenIds>,
    eos_token_id: Option<TokenIds>,
}

/// A network as it lies on disk.
pub(super) struct Network {
    /// The folder with the files that may lie beside it.
    pub folder: PathBuf,
    pub architecture: Architecture,
    pub weights: Weights,
    /// `bos_token_id`, the first if there are several.
    pub begin: Option<u32>,
    /// `eos_token_id`, and whatever else the model itself declares to end a reply.
    pub ends: Vec<u32>,
    pub gguf: Option<GgufFile>,
}

/// A tokenizer and what was learnt of ends from it.
pub(super) struct Tokens {
    pub tokenizer: TextTokenizer,
    pub folder: PathBuf,
    pub ends: Vec<u32>,
    pub template: Option<ChatTemplateText>,
}

/// A chat template's source and what errors call it.
pub(super) struct ChatTemplateText {
    label: String,
    text: String,
}

impl Network {
    /// Opens a folder, or a `.gguf` file.
    pub fn open(path: &Path, max_length_tokens: Option<usize>) -> Result<Self, CheckpointError> {
        let in_gguf = if is_gguf(path) {
            Some(path.to_owned())
        } else if Weights::are_in(path) {
            None
        } else {
            model_in(path).map_err(WeightsError::from)?
        };
        match in_gguf {
            Some(file) => Self::in_gguf(path, &file, max_length_tokens),
            None => Self::in_folder(path, max_length_tokens),
        }
    }

    fn in_folder(dir: &Path, max_length_tokens: Option<usize>) -> Result<Self, CheckpointError> {
        let config_path = dir.join("config.json");
        let config = file::read_text(&config_path, CONFIG_LIMIT_BYTES)?
            .ok_or_else(|| CheckpointError::NoConfig { dir: dir.to_owned() })?;
        let ids: ConfigIds = file::parse_json(&config_path, &config)?;
        let architecture = Architecture::for_length(&config, max_length_tokens)
            .map_err(|source| CheckpointError::Architecture { file: config_path, source })?;
        let begins = ids.bos_token_id.map(TokenIds::into_vec).unwrap_or_default();
        Ok(Self {
            folder: dir.to_owned(),
            architecture,
            weights: Weights::open(dir)?,
            begin: begins.first().copied(),
            ends: ids.eos_token_id.map(TokenIds::into_vec).unwrap_or_default(),
            gguf: None,
        })
    }

    fn in_gguf(path: &Path, file: &Path, max_length_tokens: Option<usize>) -> Result<Self, CheckpointError> {
        let gguf = GgufFile::open(file).map_err(WeightsError::from)?;
        let config = gguf.config_json().map_err(WeightsError::from)?;
        let architecture = Architecture::for_length(&config, max_length_tokens)
            .map_err(|source| CheckpointError::Architecture { file: file.to_owned(), source })?;
        let weights = Weights::open_gguf(&gguf)?;
        let views = architecture.tensors();
        let read = |name: &str| views.iter().any(|view| view.names.iter().any(|known| known == name));
        if let Some(stray) = weights.names().find(|name| !read(name)) {
            let (file, tensor) = (file.to_owned(), stray.to_owned());
            return Err(WeightsError::Unread { file, tensor }.into());
        }
        let id = |key: &str| {
            let id = gguf.metadata().integer(&format!("tokenizer.ggml.{key}_token_id"));
            id.map(|id| id.and_then(|id| u32::try_from(id).ok())).map_err(WeightsError::from)
        };
        let ends = [id("eos")?, id("eot")?, id("eom")?].into_iter().flatten().collect();
        let begin = id("bos")?;
        let folder =
            if path == file { file.parent().map_or_else(PathBuf::new, Path::to_owned) } else { path.to_owned() };
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        Ok(Self { folder, architecture, weights, begin, ends, gguf: Some(gguf) })
    }

    /// The tokenizer: of the folder that is asked for, else a `tokenizer.json` of `dir` or beside the network, else the one
    /// that the network's own file carries.
    pub fn tokens(&self, dir: &Path, asked: Option<&Path>) -> Result<Tokens, CheckpointError> {
        let beside = [dir, &self.folder].into_iter().find(|folder| folder.join("tokenizer.json").exists());
        let folder = asked.or(beside);
        if let (None, Some(gguf)) = (folder, &self.gguf) {
            let made = from_metadata(gguf.metadata())?;
            let (ends, template) = (made.end_ids.clone(), made.chat_template.clone());
            let label = format!("{} ({TEMPLATE_KEY})", gguf.path().display());
            return Ok(Tokens {
                tokenizer: TextTokenizer::from_gguf(made, gguf.path()),
                folder: self.folder.clone(),
                ends,
                template: template.map(|text| ChatTemplateText { label, text }),
            });
        }
        let folder = folder.unwrap_or(&self.folder);
        let declared = DeclaredIds { bos: self.begin, eos: self.ends.first().copied() };
        let tokenizer = TextTokenizer::open(folder, declared)?;
        let template = match &self.gguf {
            Some(gguf) => named_template(gguf.metadata(), "default")?,
            None => None,
        };
        Ok(Tokens { tokenizer, folder: folder.to_owned(), ends: self.ends.clone(), template })
    }

    /// The chat template: the one that is chosen, else the first that one of the folders has, else that of the network's own
    /// file.
    pub fn template(
        &self,
        dirs: &[&Path],
        choice: &TemplateChoice,
        tokens: &Tokens,
    ) -> Result<Option<ChatTemplate>, CheckpointError> {
        let named = tokens.tokenizer.named_tokens();
        let name = match choice {
            TemplateChoice::Plain => return Ok(None),
            TemplateChoice::File(path) => {
                let template = ChatTemplate::from_file(path, named)?;
                return template.map(Some).ok_or_else(|| CheckpointError::NoTemplateFile { file: path.clone() });
            }
            TemplateChoice::Named(name) => Some(name.as_str()),
            TemplateChoice::Own => None,
        };
        let (found, refusal) = in_folders(dirs, name, named)?;
        if found.is_some() {
            return Ok(found);
        }
        let own = match (&self.gguf, name) {
            (Some(gguf), Some(name)) => named_template(gguf.metadata(), name)?,
            _ => None,
        };
        let own = own.as_ref().or(tokens.template.as_ref().filter(|_| name.is_none()));
        match (own, refusal) {
            (Some(own), _) => Ok(Some(ChatTemplate::new(&own.label, &own.text, named)?)),
            (None, Some(refusal)) => Err(refusal.into()),
            (None, None) => Ok(None),
        }
    }
}

/// The first template that one of the folders has, or why none has the one that is asked for.
fn in_folders(
    dirs: &[&Path],
    name: Option<&str>,
    named: &NamedTokens,
) -> Result<(Option<ChatTemplate>, Option<ChatTemplateError>), CheckpointError> {
    let mut refusal = None;
    for dir in dirs {
        match ChatTemplate::open(dir, name, named) {
            Ok(Some(template)) => return Ok((Some(template), None)),
            Ok(None) => {}
            // The name may be in the other folder's list.
            Err(error @ ChatTemplateError::NoSuchName { .. }) => refusal = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((None, refusal))
}

/// A template of the metadata by its name.
fn named_template(metadata: &Metadata, name: &str) -> Result<Option<ChatTemplateText>, CheckpointError> {
    let of_name = format!("{TEMPLATE_KEY}.{name}");
    let keys = if name == "default" { vec![TEMPLATE_KEY, &of_name] } else { vec![of_name.as_str()] };
    for key in keys {
        if let Some(text) = metadata.text(key).map_err(WeightsError::from)? {
            let label = format!("{} ({key})", metadata.file().display());
            return Ok(Some(ChatTemplateText { label, text: text.to_owned() }));
        }
    }
    Ok(None)
}
