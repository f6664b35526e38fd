//! An [`Analysis`] as people and programs read it: terminal, Markdown, JSON, CSV and one HTML page.
//!
//! Renderers return text; nothing here prints or writes files. Text from prompts, replies and names is shown literally
//! in every format: see [`text`].

mod csv_rows;
pub mod figure;
mod flip_view;
mod glossary;
mod headline;
pub(crate) mod html;
pub mod lm_eval;
pub(crate) mod markdown;
mod page;
mod perturbation_cells;
mod plot;
mod tables;
pub(crate) mod terminal;
pub mod text;
mod weighting_lines;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::analyze::Analysis;

pub use markdown::MARKDOWN_CHARACTERS;
pub use terminal::TERMINAL_WIDTH;

/// Why a report could not be written.
#[derive(Debug, Error)]
pub enum ReportError {
    /// No such format.
    #[error("`{name}` is no report format; choose one of terminal, markdown, json, csv, html")]
    UnknownFormat {
        /// What was asked for.
        name: String,
    },
    /// The page's template failed.
    #[error("the HTML template could not be rendered: {0}; this is a fault of the program, please report it")]
    Template(#[from] minijinja::Error),
    /// A value has no JSON form.
    #[error("the analysis could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A row could not be written as CSV.
    #[error("the analysis could not be written as CSV: {0}")]
    Csv(#[from] csv::Error),
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tables for a terminal, 100 columns wide.
    Terminal,
    /// GitHub-flavoured Markdown, for pull requests.
    Markdown,
    /// The analysis itself: `analysis.json`.
    Json,
    /// One number a line.
    Csv,
    /// One self-contained page.
    Html,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Terminal, Self::Markdown, Self::Json, Self::Csv, Self::Html];

    /// The name that the command line takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Markdown => "markdown",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }

    /// The name of the file that a report folder holds.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Terminal => "report.txt",
            Self::Markdown => "report.md",
            Self::Json => "analysis.json",
            Self::Csv => "report.csv",
            Self::Html => "report.html",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = ReportError;

    fn from_str(name: &str) -> Result<Self, ReportError> {
        match name.trim().to_ascii_lowercase().as_str() {
            "terminal" | "text" | "txt" => Ok(Self::Terminal),
            "markdown" | "md" => Ok(Self::Markdown),
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "html" => Ok(Self::Html),
            _ => Err(ReportError::UnknownFormat { name: name.to_owned() }),
        }
    }
}

/// Writes an analysis in one format. Equal analyses give equal bytes.
pub fn render(analysis: &Analysis, format: Format) -> Result<String, ReportError> {
    match format {
        Format::Terminal => Ok(terminal::render(analysis)),
        Format::Markdown => Ok(markdown::render(analysis)),
        Format::Json => {
            let json = serde_json::to_string_pretty(analysis)?;
            Ok(text::json_ascii_controls(&json) + "\n")
        }
        Format::Csv => csv_rows::render(analysis),
        Format::Html => html::render(analysis),
    }
}
