//! What can be wrong with a chat template.

use crate::model::checkpoint::file::FileError;

/// Why a conversation cannot be turned into a prompt.
#[derive(Debug, thiserror::Error)]
pub enum ChatTemplateError {
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// `chat_template` of an unknown form.
    #[error("{file}: `chat_template` {fault}; it must be a string or a list of {{name, template}}")]
    Form {
        /// The file.
        file: String,
        /// What is wrong.
        fault: &'static str,
    },
    /// A choice between templates that cannot be made.
    #[error("{file}: there is no chat template named `{wanted}`; name one of: {names}")]
    NoSuchName {
        /// The file.
        file: String,
        /// The name asked for, `default` where none was.
        wanted: String,
        /// The names there are.
        names: String,
    },
    /// A template that does not parse.
    #[error("{template}:{line}: {message}; correct the template, or give another one")]
    Syntax {
        /// File and, in a list, name.
        template: String,
        /// Line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// The template called `raise_exception`: it does not take this conversation.
    #[error("{message}")]
    Raised {
        /// The template's own words.
        message: String,
    },
    /// A template that fails on a conversation.
    #[error("{template}:{line}: {message}")]
    Render {
        /// File and, in a list, name.
        template: String,
        /// Line, from 1.
        line: usize,
        /// What went wrong and what to do.
        message: String,
    },
}
