//! The embedded demonstration's language: a small generated English with its tokenizer, the text that the base model
//! reads, the instructions that it is tuned on, and the held-out ones that evaluate it. Everything follows from a seed.

mod draw;
mod instructions;
mod kinds;
mod lexicon;
mod prose;
pub mod recipe;
mod tokenizer;
mod turns;
mod wordings;

pub use instructions::{
    EvaluationRow, EvaluationRows, evaluation_files, evaluation_rows, prompt_digest, training_rows,
};
pub use kinds::Kind;
pub use prose::prose;
pub use tokenizer::{
    ASSISTANT, BEGIN, END, SYSTEM, USER, config_json, tokenizer_config_json, tokenizer_json, vocabulary_size,
};
pub use turns::TurnKind;
