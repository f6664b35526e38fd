//! A run in the layout of lm-evaluation-harness 0.4.13: `results_<date>.json` and `samples_<task>_<date>.jsonl`, key by
//! key, for programs that read those. Only original wordings are in it; what this program does not know is null. Keys,
//! rules and differences are listed in `docs/lm_eval.md`.

mod arguments;
mod date;
mod groups;
mod numbers;
pub mod python_json;
mod results;
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::analyze::RunInputs;
use crate::data::LoggedTask;
use crate::request::Prompt;

pub use date::Moment;
use python_json::PythonJson;

/// Why the files could not be made.
#[derive(Debug, Error)]
pub enum LmEvalError {
    /// An instance's identifier does not end with its position.
    #[error(
        "task `{task}`: the identifier `{instance}` does not end with the document's position; the plan was changed"
    )]
    Position {
        /// Name of the task.
        task: String,
        /// The identifier.
        instance: String,
    },
    /// A name cannot be part of a file name.
    #[error("`{name}` cannot be the name of a file; rename the checkpoint's folder or the task")]
    Name {
        /// The name.
        name: String,
    },
}

/// A token and its id; both null where the tokenizer has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedToken {
    /// The text.
    pub text: Option<String>,
    /// The id.
    pub id: Option<u32>,
}

/// What the checkpoint's folder says and a run's records do not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelFacts {
    /// The name or path that the checkpoint was given by; its label in the run stands in.
    pub name: Option<String>,
    /// Number format that was computed in (`torch.float32`).
    pub dtype: Option<String>,
    /// Padding, end and beginning token.
    pub tokens: Option<[NamedToken; 3]>,
    /// The longest context, in tokens.
    pub max_length_tokens: Option<usize>,
    /// The chat template that prompts were rendered with.
    pub chat_template: Option<String>,
}

/// Renders a prompt of a checkpoint (by label) as the model saw it; `None` where that is not known.
pub type Rendered<'a> = dyn Fn(&str, &Prompt) -> Option<String> + Sync + 'a;

/// What the files are made from.
pub struct LmEvalInputs<'a> {
    /// The run.
    pub run: &'a RunInputs<'a>,
    /// Settings and documents, by task; a task that is missing gets null documents.
    pub tasks: &'a BTreeMap<String, LoggedTask>,
    /// What is known of the checkpoints, by label; may be empty.
    pub models: &'a BTreeMap<String, ModelFacts>,
    /// Renders chat prompts.
    pub rendered: &'a Rendered<'a>,
    /// When the run was evaluated or the files were written.
    pub moment: Moment,
    /// How long the evaluation took, if known.
    pub duration_seconds: Option<f64>,
}

/// The files of a run, one results file and one samples file a task for each checkpoint.
///
/// `output` is what lm-evaluation-harness takes as `--output_path`: a folder, in which every checkpoint gets one of its
/// own, or a name that ends in `.json`, beside which the date is put and the samples are written.
pub fn files(output: &Path, inputs: &LmEvalInputs<'_>) -> Result<Vec<(PathBuf, Vec<u8>)>, LmEvalError> {
    let mut written = Vec::new();
    let mut used = BTreeSet::new();
    let date = inputs.moment.file_stamp();
    for entry in &inputs.run.manifest.checkpoints {
        let unknown = ModelFacts::default();
        let facts = inputs.models.get(&entry.label).unwrap_or(&unknown);
        let name = facts.name.as_ref().unwrap_or(&entry.label);
        let mut folder = sanitized_model_name(name);
        while !used.insert(folder.clone()) {
            folder.push('_');
        }
        let single = output.extension().is_some_and(|extension| extension == "json");
        let (place, results_name) = if single {
            let stem = output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let stem = if inputs.run.manifest.checkpoints.len() > 1 { format!("{stem}_{folder}") } else { stem };
            (output.parent().unwrap_or(Path::new("")).to_owned(), format!("{stem}_{date}.json"))
        } else {
            (output.join(checked(&folder)?), format!("results_{date}.json"))
        };
        let tasks = samples::of_checkpoint(entry, inputs)?;
        let results = results::document(entry, (name, facts), &tasks, inputs);
        written.push((place.join(checked(&results_name)?), PythonJson::PRETTY.text(&results).into_bytes()));
        let prefix =
            if single && inputs.run.manifest.checkpoints.len() > 1 { format!("{folder}_") } else { String::new() };
        for task in &tasks {
            let lines: String = task.samples.iter().map(|sample| PythonJson::LINE.text(sample) + "\n").collect();
            let name = format!("samples_{prefix}{}_{date}.jsonl", task.task.name);
            written.push((place.join(checked(&name)?), lines.into_bytes()));
        }
    }
    Ok(written)
}

/// The folder of a model: every run of characters that a path or shell may mind becomes two underscores.
fn sanitized_model_name(name: &str) -> String {
    let mut sanitized = String::new();
    let mut minded_before = false;
    for c in name.chars() {
        let minded = "\"<>:/|\\?*[]".contains(c);
        match (minded, minded_before) {
            (true, false) => sanitized.push_str("__"),
            (true, true) => {}
            (false, _) => sanitized.push(c),
        }
        minded_before = minded;
    }
    sanitized
}

/// A name that stays in its folder.
fn checked(name: &str) -> Result<&str, LmEvalError> {
    let fine = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0']);
    if fine { Ok(name) } else { Err(LmEvalError::Name { name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by `sanitize_model_name` of `lm_eval` 0.4.13.
    #[test]
    fn model_names_become_folders_as_in_lm_eval() {
        assert_eq!(sanitized_model_name("./models//tiny-3m"), ".__models__tiny-3m");
        assert_eq!(sanitized_model_name("org/a::b*?[c]"), "org__a__b__c__");
    }

    #[test]
    fn a_name_that_would_leave_its_folder_is_refused() {
        for name in ["", "..", "a/b", "a\\b", "a\0"] {
            assert!(checked(name).is_err(), "{name:?}");
        }
        assert_eq!(sanitized_model_name(".."), "..");
    }
}
