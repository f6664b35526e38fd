//! What can go wrong between a task file and its instances.

use std::path::PathBuf;

/// A task file, or a choice among tasks, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// A file or folder that cannot be read.
    #[error("cannot read {file}: {message}")]
    Read {
        /// The file or folder.
        file: String,
        /// Why.
        message: String,
    },
    /// A file that is no valid YAML, or whose values have the wrong type.
    #[error("{file}:{line}: {message}")]
    Yaml {
        /// The file.
        file: String,
        /// Where in it; 0 if unknown.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A key that is not part of the task format as supported here.
    #[error("{file}:{line}: unknown key `{key}`{hint}; remove it or put it under `metadata`")]
    UnknownKey {
        /// The file.
        file: String,
        /// Where in it; 0 if unknown.
        line: usize,
        /// The key.
        key: String,
        /// A likely meaning, or nothing.
        hint: String,
    },
    /// Python code, which is not run.
    #[error(
        "{file}:{line}: `{key}: !function {function}` is Python code, which is not run; express it as a Jinja template, \
         a filter or prepared data"
    )]
    Function {
        /// The file.
        file: String,
        /// Where in it; 0 if unknown.
        line: usize,
        /// The key.
        key: String,
        /// Module and function.
        function: String,
    },
    /// A value that is understood but not possible.
    #[error("{file}:{line}: {key}: {message}")]
    Invalid {
        /// The file.
        file: String,
        /// Where in it; 0 if unknown.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// Includes that lead back to themselves, or too deep.
    #[error("{file}: `include` leads in a circle or too deep: {chain}")]
    IncludeCycle {
        /// The file that was asked for.
        file: String,
        /// The files on the way.
        chain: String,
    },
    /// Two files that define the same name.
    #[error("`{name}` is defined twice: in {first} and in {second}; rename one")]
    Duplicate {
        /// The name.
        name: String,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// A group that holds itself.
    #[error("group `{group}` holds itself or nests too deep: {chain}")]
    GroupCycle {
        /// The group.
        group: String,
        /// The groups on the way.
        chain: String,
    },
    /// A member of a group, or a name that was asked for, that nothing defines.
    #[error("{asked_by}: no task, group or tag is named `{name}`{hint}; `wit-eval list` shows all")]
    Unknown {
        /// Who asks.
        asked_by: String,
        /// The name.
        name: String,
        /// Similar names, or nothing.
        hint: String,
    },
    /// Nothing was asked for.
    #[error("no task is selected; name tasks, groups or tags, separated by commas")]
    NothingSelected,
}

/// Data from which no instance can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// Files that are nowhere.
    #[error("{}", missing_message(task, expected, data_dir.as_deref()))]
    Missing {
        /// The task.
        task: String,
        /// Where the file may be, relative to the data folder.
        expected: Vec<String>,
        /// The folder that was searched, if one was given.
        data_dir: Option<PathBuf>,
    },
    /// A split for which the task names no local file.
    #[error(
        "task `{task}` ({file}) needs split `{split}` of `{dataset}`, and nothing says which local file holds it (known: \
         {known}); declare it under metadata.wit_eval.data or dataset_kwargs.data_files"
    )]
    NoSplit {
        /// The task.
        task: String,
        /// Its file.
        file: String,
        /// The split.
        split: String,
        /// `dataset_path`.
        dataset: String,
        /// Splits that are declared.
        known: String,
    },
    /// A file that cannot be read as what it should be.
    #[error("cannot read {file}: {message}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        message: String,
    },
    /// A row that is not what the layout says.
    #[error("{file}: row {row}{}{column}: {message}", if column.is_empty() { "" } else { ", column " })]
    Row {
        /// The file.
        file: String,
        /// Line of the file, or position in the list, from 1.
        row: u64,
        /// Column or field; may be empty.
        column: String,
        /// What is wrong.
        message: String,
    },
    /// No documents.
    #[error("task `{task}`: split `{split}` holds no documents")]
    Empty {
        /// The task.
        task: String,
        /// The split.
        split: String,
    },
    /// A document that a template or an answer key does not fit.
    #[error("task `{task}` ({file}): document {doc} of split `{split}`: {key}: {message}")]
    Document {
        /// The task.
        task: String,
        /// Its file.
        file: String,
        /// The split.
        split: String,
        /// Position in the split, from 0.
        doc: usize,
        /// The key of the task file that was being worked out.
        key: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A request for instances that cannot be met.
    #[error("task `{task}`: {message}")]
    Options {
        /// The task.
        task: String,
        /// What is wrong and what to do.
        message: String,
    },
}

fn missing_message(task: &str, expected: &[String], data_dir: Option<&std::path::Path>) -> String {
    let places = expected.join("\n  ");
    match data_dir {
        Some(folder) => format!(
            "task `{task}` needs a data file that is not under {}; expected one of\n  {places}\n--data DIR sets the folder",
            folder.display()
        ),
        None => format!("task `{task}` needs data; --data DIR names the folder that holds one of\n  {places}"),
    }
}

/// "; did you mean ..." for a name among the known ones, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let close = similar::get_close_matches(name, &known, 3, 0.6);
    if close.is_empty() { String::new() } else { format!("; did you mean {}?", close.join(", ")) }
}
