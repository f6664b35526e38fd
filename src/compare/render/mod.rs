//! A [`Comparison`] as people and programs read it: terminal, Markdown, JSON, CSV and one HTML page. Renderers return text;
//! text from prompts, replies and names is shown literally in every format, see [`crate::report::text`].

mod csv_rows;
mod flips;
mod markdown;
mod page;
mod terminal;

use crate::report::text::json_ascii_controls;
use crate::report::{Format, ReportError};

use super::{ComparedTask, Comparison};

/// The name of the file that a folder of comparisons holds.
pub fn file_name(format: Format) -> &'static str {
    match format {
        Format::Terminal => "comparison.txt",
        Format::Markdown => "comparison.md",
        Format::Json => "comparison.json",
        Format::Csv => "comparison.csv",
        Format::Html => "comparison.html",
    }
}

/// Writes a comparison in one format. Equal comparisons give equal bytes.
pub fn render(comparison: &Comparison, format: Format) -> Result<String, ReportError> {
    match format {
        Format::Terminal => Ok(terminal::render(comparison)),
        Format::Markdown => Ok(markdown::render(comparison)),
        Format::Json => {
            let json = serde_json::to_string_pretty(comparison)?;
            Ok(json_ascii_controls(&json) + "\n")
        }
        Format::Csv => csv_rows::render(comparison),
        Format::Html => page::render(comparison),
    }
}

/// A task's title with its metric, and its filter where the task has several.
fn task_title(comparison: &Comparison, task: &ComparedTask) -> String {
    let several = comparison.tasks.iter().any(|other| other.task == task.task && other.filter != task.filter);
    let filter = if several { format!(" ({})", task.filter) } else { String::new() };
    format!("{} · {}{filter}", task.title, task.metric)
}

/// How to read the tables.
fn legend(comparison: &Comparison) -> String {
    format!(
        "Differences are candidate minus baseline, paired on instances, with {} intervals. Better and worse: the adjusted \
         p-value is below {:.2} and the interval excludes 0. Not told apart is no evidence of equality: MDE is the smallest \
         true difference that one test finds with {} probability. Spread, POSIX, variance, flip rate: less is less \
         sensitive.",
        crate::analyze::number::percent(comparison.level),
        1.0 - comparison.level,
        crate::analyze::number::percent(comparison.power)
    )
}
