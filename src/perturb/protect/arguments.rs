//! Arguments of instructions that a program verifies: where a prompt states them, and whether a wording keeps them.
//!
//! A reply to a perturbed prompt is verified with the arguments of the original (`kwargs`), so the wording has to state
//! the same ones. An argument may be
//!
//! - a *text*: a keyword, a phrase, a marker, a prompt to be repeated. Its occurrences are found whatever their case,
//!   white space and kind of quotation mark. A single character occurs only where it is mentioned: between quotation marks,
//!   after `letter`, or, if it is no letter, between white space;
//! - the name of a *language*, for its code;
//! - a *number*, in digits or words; where it is one side of a relation, its two neighbours too (`at least 31` may be
//!   written `more than 30`);
//! - a *relation* (`at least`) or negation, and what the instruction is about (`bullet points`), by the words of
//!   `perturbations/arguments/words.toml`.

use std::ops::Range;

use thiserror::Error;

use super::numerals::number_forms;
use super::scan::whole_words;
use super::subjects::InstructionWords;
use super::{ProtectedSpan, Reason};
use crate::instance::{Check, Expectation};

/// A wording that does not state what the original states.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{check}` is verified with {argument}, which the original states {before} and the wording {after} times")]
pub struct LostArgument {
    /// Identifier of the instruction.
    pub check: String,
    /// The argument, by name and value.
    pub argument: String,
    /// How often the original states it.
    pub before: usize,
    /// How often the wording does.
    pub after: usize,
}

/// The instructions that the replies to any turn of an instance are verified with. What is verified after a later turn
/// may have been stated in an earlier one, so every turn keeps all of them.
pub fn checks_of(expectation: &Expectation) -> Vec<&Check> {
    match expectation {
        Expectation::Verified { turns } => turns.iter().flatten().collect(),
        _ => Vec::new(),
    }
}

/// Where a text states arguments of these instructions.
pub fn argument_spans(text: &str, checks: &[&Check]) -> Vec<ProtectedSpan> {
    let Ok(words) = InstructionWords::shipped() else { return Vec::new() };
    if checks.is_empty() {
        return Vec::new();
    }
    let mut ranges = words.relations(text);
    ranges.extend(words.shapes(text));
    let haystack = Folded::of(text);
    for check in checks {
        ranges.extend(words.subject_of(&check.id, text));
        for argument in arguments(check, words) {
            ranges.extend(argument.occurrences(text, &haystack));
        }
    }
    let spans = neighbours_joined(text, ranges).into_iter();
    spans.map(|range| ProtectedSpan { range, reason: Reason::Argument }).collect()
}

/// Stretches with nothing but a space or a hyphen between them are one: `bullet` and `points`.
fn neighbours_joined(text: &str, mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if matches!(text.get(last.end..range.start), Some(" " | "-")) => last.end = range.end,
            Some(last) if range.end <= last.end => {}
            _ => joined.push(range),
        }
    }
    joined
}

/// Whether a wording states every argument as the original does: texts, languages and numbers as often and in the same
/// letters; relations, negations and the words of the subject at least as often; and every digit in the same order.
pub fn arguments_survive(original: &str, perturbed: &str, checks: &[&Check]) -> Result<(), LostArgument> {
    let Ok(words) = InstructionWords::shipped() else { return Ok(()) };
    let (before, after) = (Folded::of(original), Folded::of(perturbed));
    let relations = (words.relations(original), words.relations(perturbed));
    for check in checks {
        let lost = |argument: &str, before: &[&str], after: &[&str]| LostArgument {
            check: check.id.clone(),
            argument: argument.to_owned(),
            before: before.len(),
            after: after.len(),
        };
        for argument in arguments(check, words) {
            let stated = sorted(original, argument.occurrences(original, &before));
            let kept = sorted(perturbed, argument.occurrences(perturbed, &after));
            if stated != kept {
                return Err(lost(&argument.shown(), &stated, &kept));
            }
        }
        let subject = (words.subject_of(&check.id, original), words.subject_of(&check.id, perturbed));
        for (what, found) in [("its subject", &subject), ("its relations", &relations)] {
            let (stated, kept) = (sorted(original, found.0.clone()), sorted(perturbed, found.1.clone()));
            if let Some(missing) = first_missing(&stated, &kept) {
                let same = |list: &[&str]| list.iter().filter(|text| **text == missing).count();
                let (before, after) = (same(&stated), same(&kept));
                return Err(LostArgument {
                    check: check.id.clone(),
                    argument: format!("{what}, {missing:?}"),
                    before,
                    after,
                });
            }
        }
        let (stated, kept) = (digits(original), digits(perturbed));
        if stated != kept {
            return Err(lost("its numbers", &stated, &kept));
        }
    }
    Ok(())
}

/// Whether a wording of somebody's own states every text, language and number that the original states, in whatever
/// case and however often: relations and subjects are theirs to put.
pub fn arguments_are_stated(original: &str, wording: &str, checks: &[&Check]) -> Result<(), LostArgument> {
    let Ok(words) = InstructionWords::shipped() else { return Ok(()) };
    let (before, after) = (Folded::of(original), Folded::of(wording));
    for check in checks {
        for argument in arguments(check, words) {
            let before = argument.occurrences(original, &before).len();
            if before > 0 && argument.occurrences(wording, &after).is_empty() {
                return Err(LostArgument { check: check.id.clone(), argument: argument.shown(), before, after: 0 });
            }
        }
    }
    Ok(())
}

/// One argument of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Argument {
    Text { name: String, folded: Vec<char> },
    Character { name: String, character: char },
    Language { name: String, names: Vec<String> },
    Number { name: String, forms: Vec<String> },
}

/// The arguments of an instruction. Relations (`at least`) are no text to look for: prompts write them in other words.
fn arguments(check: &Check, words: &InstructionWords) -> Vec<Argument> {
    use serde_json::Value;
    let related = check.kwargs.keys().any(|name| name.ends_with("relation"));
    let mut found = Vec::new();
    for (name, value) in &check.kwargs {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                Value::String(_) if name.ends_with("relation") => {}
                Value::String(code) if name == "language" => {
                    found.push(Argument::Language { name: name.clone(), names: words.language(code).to_vec() });
                }
                Value::String(text) => found.extend(of_text(name, text)),
                Value::Number(number) => {
                    let forms = number.as_f64().map(|number| number_forms(number, related)).unwrap_or_default();
                    found.push(Argument::Number { name: name.clone(), forms });
                }
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
            }
        }
    }
    found
}

fn of_text(name: &str, text: &str) -> Option<Argument> {
    let folded = Folded::of(text.trim()).letters;
    match folded.as_slice() {
        [] => None,
        [character] => Some(Argument::Character { name: name.to_owned(), character: *character }),
        _ => Some(Argument::Text { name: name.to_owned(), folded }),
    }
}

impl Argument {
    fn shown(&self) -> String {
        match self {
            Self::Text { name, folded } => format!("{name} = {:?}", folded.iter().collect::<String>()),
            Self::Character { name, character } => format!("{name} = {character:?}"),
            Self::Language { name, names } => format!("{name} = {}", names.join(" or ")),
            Self::Number { name, forms } => format!("{name} = {}", forms.join(" or ")),
        }
    }

    fn occurrences(&self, text: &str, haystack: &Folded) -> Vec<Range<usize>> {
        match self {
            Self::Text { folded, .. } => haystack.find(folded),
            Self::Character { character, .. } => {
                let mut found = haystack.find(&[*character]);
                found.retain(|range| is_mentioned(text, range, *character));
                found
            }
            Self::Language { names: forms, .. } | Self::Number { forms, .. } => {
                let spans = forms.iter().flat_map(|form| whole_words(text, form));
                spans.map(|span| span.range).collect()
            }
        }
    }
}

/// Whether a single character stands for itself rather than in or as a word.
fn is_mentioned(text: &str, range: &Range<usize>, character: char) -> bool {
    let head = text.get(..range.start).unwrap_or_default();
    let tail = text.get(range.end..).unwrap_or_default();
    let (before, after) = (head.chars().next_back(), tail.chars().next());
    let quoted = before.is_some_and(is_quote) && after.is_some_and(is_quote);
    let apart = |neighbour: Option<char>| neighbour.is_none_or(char::is_whitespace);
    if quoted {
        return true;
    }
    if character.is_alphanumeric() {
        let word = head.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
        return ["letter", "letters", "character", "vowel", "alphabet"].contains(&word.as_str())
            && !after.is_some_and(char::is_alphanumeric);
    }
    apart(before) && tail.chars().find(|c| !matches!(c, '.' | ',' | ';')).is_none_or(char::is_whitespace)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '”' | '‘' | '’' | '`' | '«' | '»')
}

/// A text in one case, with one kind of quotation marks and single spaces, and where each of its letters comes from.
struct Folded {
    letters: Vec<char>,
    ranges: Vec<Range<usize>>,
}

impl Folded {
    fn of(text: &str) -> Self {
        let mut folded = Self { letters: Vec::with_capacity(text.len()), ranges: Vec::with_capacity(text.len()) };
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            let letter = match c {
                c if c.is_whitespace() || c.is_control() => ' ',
                '“' | '”' => '"',
                '‘' | '’' => '\'',
                c => c.to_lowercase().next().unwrap_or(c),
            };
            match folded.ranges.last_mut() {
                Some(last) if letter == ' ' && folded.letters.last() == Some(&' ') => last.end = end,
                _ => {
                    folded.letters.push(letter);
                    folded.ranges.push(at..end);
                }
            }
        }
        folded
    }

    /// Where a folded needle occurs, overlaps included.
    fn find(&self, needle: &[char]) -> Vec<Range<usize>> {
        let windows = self.letters.windows(needle.len().max(1)).enumerate();
        let found = windows.filter(|(_, window)| *window == needle);
        let range = |start: usize| {
            let (first, last) = (self.ranges.get(start)?, self.ranges.get(start + needle.len() - 1)?);
            Some(first.start..last.end)
        };
        found.filter_map(|(start, _)| range(start)).collect()
    }
}

/// The stretches of a text, sorted.
fn sorted(text: &str, ranges: Vec<Range<usize>>) -> Vec<&str> {
    let mut found = ranges.into_iter().filter_map(|range| text.get(range)).collect::<Vec<_>>();
    found.sort_unstable();
    found
}

/// The first of a sorted list that another sorted list holds less often.
fn first_missing<'a>(wanted: &[&'a str], held: &[&str]) -> Option<&'a str> {
    let count = |list: &[&str], text: &str| list.iter().filter(|found| **found == text).count();
    wanted.iter().copied().find(|text| count(wanted, text) > count(held, text))
}

/// The runs of digits of a text, in order.
fn digits(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_numeric()).filter(|run| !run.is_empty()).collect()
}

#[cfg(test)]
mod tests;
