//! Python's semantics where a verdict depends on them: the programs that define the checks are Python.

mod case;
mod json;
mod regex;
mod space;

pub(super) use case::{is_lower, is_upper, lower};
pub(super) use json::is_json;
pub(super) use regex::{Regex, is_word_character, word_count, words};
pub(super) use space::{split_words, strip};
