//! Checks of replies within a conversation: what IFEval's instructions cannot say, such as which of several facts a
//! reply names as the answer.
//!
//! | id | arguments | a reply follows if |
//! | --- | --- | --- |
//! | `dialogue:answers` | `accept`, `reject` (lists) | it affirms one of `accept` and none of `reject` |
//! | `dialogue:mentions` | `all_of`, `any_of` (lists, at least one of the two), `none_of` | it affirms all of `all_of`, one of `any_of` and none of `none_of` |
//! | `dialogue:omits` | `phrases` | it affirms none of them |
//! | `dialogue:in_order` | `phrases` | it affirms them all, each for the first time after the one before |
//! | `dialogue:number` | `value` | the first or the last number that it names is `value`, and it names at most six |
//! | `dialogue:verdict` | `verdict` (`yes` or `no`) | its first word says so, and the opposite does not follow at once |
//! | `dialogue:letter_case` | `case` (`upper`, `lower`, `not_upper`, `not_lower`) | its letters are all capitals, all small, not all capitals, not all small |
//! | `dialogue:list_items` | `num_items`, `marker` (`bullet`, `number` or `any`) | so many lines are list items with such a marker |
//! | `dialogue:opening` | `phrase`, `present` (default true) | it begins with the phrase; where `present` is false, it does not |
//! | `dialogue:closing` | `phrase`, `present` (default true) | it ends with the phrase; where `present` is false, it does not |
//! | `dialogue:json_value` | `key`, `accept` | it is a JSON object whose `key` is one of `accept` |
//!
//! # When a phrase is affirmed
//!
//! Phrases are compared word by word, without case; `seven` equals `7` and `third` equals `3rd`, an `s` or `es` at the
//! end of a word and a possessive `'s` do not matter. A mention does not count where the sentence is a question ("Is it
//! Tom?") or where its clause dismisses it: "not Tom", "Tom is no longer in", "Lisbon instead of Porto", "moved from
//! Tuesday to Thursday", "I took the milk off". So a reply may explain what has changed, and may not name old and new side
//! by side. A reply that lists every option fails `dialogue:answers`, as does one that repeats the conversation, where
//! `reject` holds the other facts of the conversation. The rules for dismissal are a short list of words with a reach of
//! a few words (`Mentions`), not a parser: a denial in other words counts as an affirmation.
//!
//! Strict and loose readings and the rule that an empty reply follows nothing come from the caller, as for every other
//! instruction.

mod content;
mod dismissal;
mod form;
mod mentions;
mod numbers;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests;
mod words;

use super::check::{BoxedCheck, CheckError};
use crate::instance::Check;

/// Cases of the checks, as data.
pub(super) const CASES: &[(&str, &str)] =
    &[("dialogue: content", include_str!("content/cases.toml")), ("dialogue: form", include_str!("form/cases.toml"))];

/// The check of a `dialogue:` identifier; `None` for any other prefix.
pub(super) fn build(check: &Check) -> Option<Result<BoxedCheck, CheckError>> {
    let name = check.id.strip_prefix("dialogue:")?;
    Some(match name {
        "answers" => content::answers(check),
        "mentions" => content::mentions(check),
        "omits" => content::omits(check),
        "in_order" => content::in_order(check),
        "number" => content::number(check),
        "verdict" => content::verdict(check),
        "letter_case" => form::letter_case(check),
        "list_items" => form::list_items(check),
        "opening" => form::opening(check),
        "closing" => form::closing(check),
        "json_value" => form::json_value(check),
        _ => Err(CheckError::UnknownId { id: check.id.clone() }),
    })
}
