//! `AlpacaEval`'s files: model outputs, annotations, the table of difficulties, judge prompts.
//!
//! Outputs and annotations are JSON lists of objects as the `AlpacaEval` program reads and writes them. Fields that are
//! not known here are kept and written back. Numbers and texts are written as pandas does (`"key":value`, `\/`,
//! `\u2019`), with as many digits as it takes to read the same number back.

mod aggregate;
mod annotations;
mod difficulty;
mod error;
mod evaluator;
mod layout;
mod outputs;
mod records;

pub use aggregate::{AnnotationSummary, summarize};
pub use annotations::{Annotation, annotations_json, parse_annotations, read_annotations};
pub use difficulty::{parse_difficulty_table, read_difficulty_table};
pub use error::AlpacaEvalError;
pub use evaluator::{read_evaluator, read_prompt};
pub use outputs::{ModelOutput, outputs_json, parse_outputs, read_outputs};
