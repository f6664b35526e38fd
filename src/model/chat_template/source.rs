//! Where a folder keeps its chat template.

use std::path::Path;

use serde::Deserialize;

use super::ChatTemplateError;
use crate::model::checkpoint::file::{self, CONFIG_LIMIT_BYTES};

/// A template's source and the name that errors call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TemplateSource {
    pub label: String,
    pub text: String,
}

#[derive(Deserialize)]
struct ConfigFile {
    chat_template: Option<Field>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Field {
    One(String),
    Named(Vec<NamedTemplate>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct NamedTemplate {
    name: String,
    template: String,
}

/// The template of a folder: `chat_template.jinja`, else `chat_template` of `tokenizer_config.json`, which may be a
/// list to choose from by name. `None` where the folder has no template.
pub(super) fn find(dir: &Path, choice: Option<&str>) -> Result<Option<TemplateSource>, ChatTemplateError> {
    let wanted = choice.unwrap_or("default");
    let jinja = dir.join("chat_template.jinja");
    let text = file::read_text(&jinja, CONFIG_LIMIT_BYTES)?;
    if let (Some(text), "default") = (text, wanted) {
        return Ok(Some(TemplateSource { label: jinja.display().to_string(), text }));
    }
    let config = dir.join("tokenizer_config.json");
    let label = config.display().to_string();
    let field = file::read_json::<ConfigFile>(&config, CONFIG_LIMIT_BYTES)?.and_then(|config| config.chat_template);
    let templates = match field {
        None => Vec::new(),
        Some(Field::One(template)) => vec![NamedTemplate { name: "default".to_owned(), template }],
        Some(Field::Named(templates)) => templates,
        Some(Field::Other(_)) => {
            return Err(ChatTemplateError::Form { file: label, fault: "is neither text nor a list of templates" });
        }
    };
    if templates.is_empty() && choice.is_none() {
        return Ok(None);
    }
    let names: Vec<&str> = templates.iter().map(|template| template.name.as_str()).collect();
    let missing =
        ChatTemplateError::NoSuchName { file: label.clone(), wanted: wanted.to_owned(), names: names.join(", ") };
    let only = templates.len() == 1 && choice.is_none();
    let chosen = templates.into_iter().find(|template| only || template.name == wanted).ok_or(missing)?;
    Ok(Some(TemplateSource { label: format!("{label} (chat_template `{}`)", chosen.name), text: chosen.template }))
}
