//! Benchmarks as data: task files in the YAML format of lm-evaluation-harness, their documents, and the instances that
//! come of them.
//!
//! [`Catalog`] knows all tasks, groups and tags without opening any document; [`instances`] reads the documents of one
//! task and renders its prompts. What the format allows and this reader refuses is listed in `docs/tasks.md`.

pub mod alpaca_eval;
mod catalog;
pub mod characteristics;
mod conversation;
mod decode;
mod documents;
mod error;
pub mod fastchat;
mod filters;
mod growth;
mod instances;
pub mod instruct;
mod lm_eval;
pub mod paraphrases;
pub(crate) mod parquet_guard;
mod python_literal;
mod python_random;
mod render;
pub mod score_table;
mod selection;
mod source;
mod template;
mod tree;
mod wire;
mod yaml;

pub use catalog::{Catalog, Kind, Summary};
pub use decode::Note;
pub use error::{CatalogError, DataError};
pub use instances::{InstanceOptions, Limit, instances};
pub use lm_eval::{LoggedDocument, LoggedTask};
pub use python_random::PythonRandom;
pub use selection::Selection;
pub use source::TaskSource;
pub use tree::shipped_file;
