//! Conversations to prompts, through the checkpoint's own Jinja template.

mod date;
mod engine;
mod error;
mod python_json;
mod source;

use std::path::Path;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};

use crate::chat::{Message, Role};
use crate::digest::Digest;
use crate::model::checkpoint::file::{self, CONFIG_LIMIT_BYTES};
use crate::model::tokens::NamedTokens;
pub use date::{Date, DateError};
use engine::{BoundedText, RaisedByTemplate};
pub use error::ChatTemplateError;
use source::TemplateSource;

const TEMPLATE: &str = "chat_template";

/// A chat template, parsed once.
///
/// Settings as in transformers: `trim_blocks`, `lstrip_blocks`, loop controls, Python's string methods, `tojson` without
/// HTML escapes, `raise_exception`, `strftime_now`, `{% generation %}`. Bounded in instructions, depth and output. The
/// length of an intermediate string is not bounded: a template made to exhaust memory by doubling a string can.
#[derive(Debug)]
pub struct ChatTemplate {
    label: String,
    source: String,
    environment: Environment<'static>,
    named: NamedTokens,
}

/// What the caller decides about a rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChatOptions {
    /// End with the opening of an assistant's turn.
    pub add_generation_prompt: bool,
    /// The day that `strftime_now` prints. Without it the function is undefined, and templates that ask whether it
    /// is (Llama 3.1) take their fixed date.
    pub date: Option<Date>,
}

impl ChatTemplate {
    /// The template of a folder: `chat_template.jinja`, else `chat_template` in `tokenizer_config.json`; `choice` names
    /// one of several. `None` where the folder has no template.
    pub fn open(dir: &Path, choice: Option<&str>, named: &NamedTokens) -> Result<Option<Self>, ChatTemplateError> {
        source::find(dir, choice)?.map(|TemplateSource { label, text }| Self::new(&label, &text, named)).transpose()
    }

    /// A template from a file of its own; `None` where there is no such file.
    pub fn from_file(path: &Path, named: &NamedTokens) -> Result<Option<Self>, ChatTemplateError> {
        let text = file::read_text(path, CONFIG_LIMIT_BYTES)?;
        text.map(|text| Self::new(&path.display().to_string(), &text, named)).transpose()
    }

    /// A template from text. `label` is what errors call it by.
    pub fn new(label: &str, source: &str, named: &NamedTokens) -> Result<Self, ChatTemplateError> {
        let environment = engine::environment(TEMPLATE, source).map_err(|error| ChatTemplateError::Syntax {
            template: label.to_owned(),
            line: error.line().unwrap_or(1),
            message: in_words(&error),
        })?;
        Ok(Self { label: label.to_owned(), source: source.to_owned(), environment, named: named.clone() })
    }

    /// The Jinja source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Content hash of what decides the prompt.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(format!("{:?} {}", self.named, self.source).as_bytes())
    }

    /// The prompt of a conversation.
    ///
    /// # Errors
    /// [`ChatTemplateError::Raised`] where the template refuses the conversation, [`ChatTemplateError::Render`] with the
    /// line where it fails.
    pub fn render(&self, messages: &[Message], options: ChatOptions) -> Result<String, ChatTemplateError> {
        let NamedTokens { bos, eos, pad, unk } = &self.named;
        let text = |token: &Option<String>| token.as_deref().map_or(Value::UNDEFINED, Value::from);
        let context = context! {
            messages => messages,
            add_generation_prompt => options.add_generation_prompt,
            tools => Value::from(()),
            documents => Value::from(()),
            bos_token => text(bos),
            eos_token => text(eos),
            pad_token => text(pad),
            unk_token => text(unk),
            strftime_now => options.date.map_or(Value::UNDEFINED, strftime_now),
        };
        let mut prompt = BoundedText::default();
        self.environment
            .get_template(TEMPLATE)
            .and_then(|template| template.render_captured_to(context, &mut prompt).map(drop))
            .map_err(|error| self.explain(&error, options.date))?;
        Ok(prompt.into_text())
    }

    /// The prompt of a conversation whose last turn is the model's and is to be continued from `prefix`: rendered as a
    /// turn and cut off behind it, as transformers does (`continue_final_message`). `None` where the template does not
    /// print the prefix.
    ///
    /// # Errors
    /// Those of [`Self::render`].
    pub fn render_open(
        &self,
        messages: &[Message],
        prefix: &str,
        date: Option<Date>,
    ) -> Result<Option<String>, ChatTemplateError> {
        let turn = Message::new(Role::Assistant, prefix);
        let messages = messages.iter().cloned().chain(std::iter::once(turn)).collect::<Vec<_>>();
        let mut prompt = self.render(&messages, ChatOptions { add_generation_prompt: false, date })?;
        let Some(start) = prompt.rfind(prefix.trim()) else { return Ok(None) };
        // White space at the prefix's end stays where the template keeps it.
        let whole = prefix.trim_start();
        let kept = if prompt.get(start..).is_some_and(|rest| rest.starts_with(whole)) { whole } else { prefix.trim() };
        prompt.truncate(start + kept.len());
        Ok(Some(prompt))
    }

    fn explain(&self, error: &Error, date: Option<Date>) -> ChatTemplateError {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(RaisedByTemplate(message)) = error.downcast_ref() {
                return ChatTemplateError::Raised { message: message.clone() };
            }
            cause = error.source();
        }
        let line = error.line().unwrap_or(1);
        let remedy = match error.kind() {
            ErrorKind::OutOfFuel => "; it loops without end: correct the template, or give another one",
            _ if date.is_none() && self.line_mentions(line, "strftime_now") => "; the template prints a date: give one",
            _ => "; correct the template, or give another one",
        };
        ChatTemplateError::Render { template: self.label.clone(), line, message: in_words(error) + remedy }
    }

    fn line_mentions(&self, line: usize, word: &str) -> bool {
        self.source.lines().nth(line.saturating_sub(1)).is_some_and(|line| line.contains(word))
    }
}

fn strftime_now(date: Date) -> Value {
    Value::from_function(move |pattern: String| {
        date.format(&pattern).ok_or_else(|| {
            Error::new(ErrorKind::InvalidOperation, format!("strftime_now: `{pattern}` has an unsupported directive"))
        })
    })
}

/// The engine's words, causes included, without its own line numbers.
fn in_words(error: &Error) -> String {
    let mut words =
        error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
