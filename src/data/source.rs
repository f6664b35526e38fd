//! A task with what is needed to make its instances: where its documents are and how they become prompts.

use std::collections::BTreeMap;

use super::conversation::{BASELINE, Conversation, REFERENCES};
use super::documents::Doc;
use super::tree::Tree;
use crate::task::Task;

/// How a data file is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Headerless csv: question, four options, answer letter.
    MmluCsv,
    /// Csv with a header line.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Model answers as FastChat writes them, one object a line: `question_id`, `model_id`, `choices[0].turns`.
    FastChatAnswers,
    /// `{"examples": [{"input", "target"}]}`.
    BbhJson,
    /// A chain-of-thought prompt file of BIG-Bench Hard: its solved examples.
    BbhCot,
    /// A JSON array, at the top or under `field`; without `field` also one object a line.
    Json {
        /// Key of the array.
        field: Option<String>,
    },
}

/// A file that holds documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataFile {
    /// Its layout.
    pub(crate) layout: Layout,
    /// Relative paths at which it may be, first one first: beside the task file, or under the data folder.
    pub(crate) candidates: Vec<String>,
}

/// Where a task's documents are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dataset {
    /// `dataset_path`, empty if not stated.
    pub(crate) path: String,
    /// Files of each split.
    pub(crate) splits: BTreeMap<String, Vec<DataFile>>,
}

/// `doc_to_target`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TargetRule {
    /// The same choice for every document.
    Index(usize),
    /// A column or a template.
    Text(String),
    /// Several accepted answers, the same for every document.
    List(Vec<String>),
}

/// `doc_to_choice`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChoiceRule {
    /// No choices.
    None,
    /// A column or a template that gives a list.
    Text(String),
    /// The same choices for every document.
    List(Vec<String>),
}

/// How a document becomes question, answer and choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendering {
    /// `doc_to_text`: a column or a template.
    pub(crate) text: String,
    /// `doc_to_target`.
    pub(crate) target: TargetRule,
    /// `doc_to_choice`.
    pub(crate) choice: ChoiceRule,
    /// `gen_prefix`: a column or a template; empty for none.
    pub(crate) gen_prefix: String,
    /// `target_delimiter`.
    pub(crate) target_delimiter: String,
}

/// How few-shot examples are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sampler {
    /// Drawn for each document.
    Random,
    /// The first ones of the pool, the same for every document.
    FirstN,
}

/// Where few-shot examples come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ShotPool {
    /// Documents of a split.
    Split(String),
    /// Documents in the task file itself.
    Inline(Vec<Doc>),
}

/// Few-shot examples of a task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shots {
    /// How they are chosen.
    pub(crate) sampler: Sampler,
    /// From where.
    pub(crate) pool: ShotPool,
    /// Whether one more is drawn although the pool is not what is evaluated: lm-evaluation-harness compares the names of
    /// the split of examples and of the test split, and two that are absent are equal.
    pub(crate) spare: bool,
    /// Positions in the pool that may be used; `None` is all.
    pub(crate) indices: Option<Vec<usize>>,
    /// How they are rendered.
    pub(crate) rendering: Rendering,
    /// Between examples.
    pub(crate) delimiter: String,
}

/// A task, its prompt templates and the whereabouts of its data.
#[derive(Debug, Clone)]
pub struct TaskSource {
    /// The task.
    pub task: Task,
    /// The file that defines it, for people.
    pub file: String,
    pub(crate) tree: Tree,
    pub(crate) path: String,
    pub(crate) dataset: Dataset,
    pub(crate) split: String,
    pub(crate) description: String,
    pub(crate) rendering: Rendering,
    pub(crate) shots: Shots,
    /// Columns that make documents conversations.
    pub(crate) conversation: Conversation,
}

impl TaskSource {
    /// Relative paths of which one must exist under the data folder for each file that is needed; empty where the data
    /// ship with the task.
    pub fn needed_files(&self) -> Vec<&[String]> {
        let folder = super::tree::folder_of(&self.path);
        let beside =
            |candidate: &String| super::tree::join(folder, candidate).is_some_and(|path| self.tree.contains(&path));
        let pool = match &self.shots.pool {
            ShotPool::Split(split) if self.task.num_fewshot > 0 => Some(split),
            _ => None,
        };
        let splits = std::iter::once(self.split.as_str())
            .chain(pool.filter(|pool| **pool != self.split).map(String::as_str))
            .chain([REFERENCES, BASELINE]);
        splits
            .filter_map(|split| self.dataset.splits.get(split))
            .flatten()
            .filter(|file| !file.candidates.iter().any(beside))
            .map(|file| file.candidates.as_slice())
            .collect()
    }

    /// The hosted data set that the task names and no local file stands for, if so.
    pub fn unlocated_dataset(&self) -> Option<&str> {
        (!self.dataset.splits.contains_key(&self.split)).then_some(self.dataset.path.as_str())
    }
}
