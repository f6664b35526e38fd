//! Prompt formats by name.

use std::fmt;
use std::str::FromStr;

use super::builtin;

/// How a row becomes one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PromptFormat {
    /// The checkpoint's own chat template.
    Chat,
    /// As the authors' script: prompt, a space, response, end token.
    Wit,
    /// Stanford Alpaca's text.
    Alpaca,
    /// Tulu's `<|user|>` and `<|assistant|>` lines.
    Tulu,
    /// `<|im_start|>` and `<|im_end|>`.
    Chatml,
    /// Prompt, response and end token with nothing between.
    Plain,
}

/// A name that no prompt format has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no prompt format; known are {known}")]
pub struct UnknownPromptFormat {
    name: String,
    known: String,
}

impl PromptFormat {
    /// All formats.
    pub const ALL: [Self; 6] = [Self::Chat, Self::Wit, Self::Alpaca, Self::Tulu, Self::Chatml, Self::Plain];

    /// What is used where nothing is chosen.
    pub fn default_for(has_template: bool) -> Self {
        if has_template { Self::Chat } else { Self::Wit }
    }

    /// The name that people choose it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Wit => "wit",
            Self::Alpaca => "alpaca",
            Self::Tulu => "tulu",
            Self::Chatml => "chatml",
            Self::Plain => "plain",
        }
    }

    /// One line for people.
    pub fn description(self) -> &'static str {
        match self {
            Self::Chat => "the checkpoint's own chat template; the default where it has one",
            Self::Wit => {
                "as the reference trainer: prompt, one space, response, end token; the default without a template; single turns"
            }
            Self::Alpaca => "the text of Stanford Alpaca, with or without an input",
            Self::Tulu => {
                "<|user|>, <|assistant|> and <|system|> on lines of their own, the end token after each answer"
            }
            Self::Chatml => "<|im_start|>role ... <|im_end|>",
            Self::Plain => "prompt, response and end token with nothing between; single turns",
        }
    }

    /// The format as a Jinja chat template, so that a tuned checkpoint can be asked the way it was tuned; `None` for the
    /// checkpoint's own and for the formats without turns. `with_beginning`: the tokenizer begins texts with a beginning
    /// token, which a template must then write itself.
    pub fn chat_template(self, with_beginning: bool) -> Option<String> {
        let body = match self {
            Self::Chat | Self::Wit | Self::Plain => return None,
            Self::Alpaca => builtin::alpaca(),
            Self::Tulu => builtin::TULU.to_owned(),
            Self::Chatml => builtin::CHATML.to_owned(),
        };
        Some(if with_beginning { format!("{{{{ bos_token }}}}{body}") } else { body })
    }

    pub(super) fn names_without_template() -> String {
        Self::ALL.into_iter().filter(|format| *format != Self::Chat).map(Self::name).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for PromptFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PromptFormat {
    type Err = UnknownPromptFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownPromptFormat { name: name.to_owned(), known: Self::ALL.map(Self::name).join(", ") })
    }
}
