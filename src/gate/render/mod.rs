//! A gate as people and programs read it: terminal, Markdown, JSON, `JUnit` XML and GitHub's workflow commands.
//!
//! Names come from files that others wrote: every format shows them literally.

mod github;
mod junit;
mod markdown;
mod terminal;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::results::Gate;
use crate::report::text::json_ascii_controls;

pub use github::annotations;
pub use markdown::MARKDOWN_LIMIT;

/// Why a gate could not be written.
#[derive(Debug, Error)]
pub enum RenderError {
    /// No such format.
    #[error("`{name}` is no gate format; choose one of terminal, markdown, json, junit, github")]
    UnknownFormat {
        /// What was asked for.
        name: String,
    },
    /// A value has no JSON form.
    #[error("the gate could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The `JUnit` document could not be written.
    #[error("the gate could not be written as JUnit XML: {0}")]
    Junit(#[from] quick_junit::SerializeError),
}

/// How a gate is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateFormat {
    /// Tables for a terminal, 100 columns wide.
    Terminal,
    /// GitHub-flavoured Markdown, for step summaries and pull requests.
    Markdown,
    /// `gate.json`.
    Json,
    /// `JUnit` XML.
    Junit,
    /// GitHub's workflow commands, which annotate a run.
    Github,
}

impl GateFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Terminal, Self::Markdown, Self::Json, Self::Junit, Self::Github];

    /// The name that the command line takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Markdown => "markdown",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Github => "github",
        }
    }

    /// The name of the file that an output folder holds; `None` for what is only printed.
    pub fn file_name(self) -> Option<&'static str> {
        match self {
            Self::Markdown => Some("gate.md"),
            Self::Json => Some("gate.json"),
            Self::Junit => Some("junit.xml"),
            Self::Terminal | Self::Github => None,
        }
    }

    /// Whether the verdict is the last line of the text: elsewhere it is inside the document.
    pub fn ends_with_verdict(self) -> bool {
        matches!(self, Self::Terminal | Self::Markdown | Self::Github)
    }
}

impl fmt::Display for GateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for GateFormat {
    type Err = RenderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || RenderError::UnknownFormat { name: text.to_owned() };
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(unknown)
    }
}

/// Writes a gate.
pub fn render(gate: &Gate, format: GateFormat) -> Result<String, RenderError> {
    Ok(match format {
        GateFormat::Terminal => terminal::render(gate),
        GateFormat::Markdown => markdown::render(gate),
        GateFormat::Json => json_ascii_controls(&(serde_json::to_string_pretty(gate)? + "\n")),
        GateFormat::Junit => junit::render(gate)?,
        GateFormat::Github => github::render(gate),
    })
}
