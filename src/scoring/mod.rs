//! Judging: from a task, an expectation and a response to scores, without a model and without I/O.
//!
//! A [`Judge`] holds a task's compiled filters; [`score`] is the same for a single response. [`aggregate()`] turns the
//! credits of many instances into the task's number and [`crate::stats::group_estimate`] those of many tasks into a
//! group's.
//!
//! # What a credit is
//!
//! | metric | credit of one response | weight | aggregate |
//! | --- | --- | --- | --- |
//! | `acc`, `acc_norm`, `exact_match` | 1 right, 0 wrong | 1 | mean |
//! | `perplexity` | -log P(continuation), nats | 1 | `exp(mean)` |
//! | `word_perplexity` | -log P(document) / words, nats | words | `exp(weighted mean)` |
//! | `byte_perplexity` | -log P(document) / bytes, nats | bytes | `exp(weighted mean)` |
//! | `bits_per_byte` | -log2 P(document) / bytes | bytes | weighted mean |
//!
//! Perplexities are kept as their logarithm per document: it is always finite, its mean over documents is what the
//! corpus number is made of, and sensitivity indices over it are not ruled by one document. The weight of a response
//! follows from its request ([`weight`]), so that no record has to carry it.

mod aggregate;
pub mod alpaca_eval;
mod exact_match;
mod filter;
pub mod instructions;
mod judge;
mod likelihood;
pub mod mt_bench;
mod multi_choice_regex;
pub(crate) mod number_words;
mod pattern;
mod python_text;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::float_cmp)]
mod tests;
mod verified;
mod wording;

pub use aggregate::{WeightedCredit, aggregate, aggregate_estimate};
pub use judge::{Judge, MetricScore, score};
pub use likelihood::weight;
pub use pattern::{BACKTRACK_LIMIT, Pattern, PatternError};
pub use python_text::is_space;
