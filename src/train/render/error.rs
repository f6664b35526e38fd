//! Why rows cannot become examples.

use super::format::PromptFormat;
use crate::model::chat_template::ChatTemplateError;
use crate::model::tokens::TokenizerError;

/// Why a row, or any row, cannot become an example.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// `chat` for a checkpoint that has no template.
    #[error(
        "the checkpoint has no chat template; choose another prompt format ({}) or give a template",
        PromptFormat::names_without_template()
    )]
    NoTemplate,
    /// Nothing to end an answer with.
    #[error(
        "the tokenizer names no end token, so no answer could end; name `eos_token` in its tokenizer_config.json or \
         `eos_token_id` in config.json"
    )]
    NoEndToken,
    /// A limit that leaves room for nothing.
    #[error("a longest example of {max_tokens} tokens leaves no room for a prompt and an answer; allow at least 2")]
    MaximumTooSmall {
        /// The limit.
        max_tokens: usize,
    },
    /// A conversation that the template refuses or fails on.
    #[error(
        "row {row}: the chat template does not take this conversation: {source}; choose another prompt format or remove the row"
    )]
    Template {
        /// The row; 0 for the template itself.
        row: usize,
        /// What it says.
        source: ChatTemplateError,
    },
    /// A template that writes earlier turns differently once later ones follow.
    #[error(
        "row {row}: what the chat template writes for the turns before answer {answer} is not the beginning of what it \
         writes for the whole conversation (it rewrites earlier turns), so the answer has no certain place; split the \
         conversation into one row an answer, or choose another prompt format"
    )]
    Rewritten {
        /// The row.
        row: usize,
        /// The answer, from 1.
        answer: usize,
    },
    /// A conversation for a format that has no turns.
    #[error(
        "row {row}: the prompt format `{format}` takes one question and one answer, and this is a conversation with other \
         turns; choose one of chat, tulu, chatml, alpaca"
    )]
    NotOneTurn {
        /// The row.
        row: usize,
        /// The format.
        format: PromptFormat,
    },
    /// Text that the tokenizer fails on.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl RenderError {
    pub(super) fn template(row: usize, source: ChatTemplateError) -> Self {
        Self::Template { row, source }
    }
}
