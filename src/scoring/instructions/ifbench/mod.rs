//! IFBench's 58 out-of-distribution constraints (Pyatkin et al. 2025, "Generalizing Verifiable Instruction Following").
//!
//! Every constraint is a pure function of the reply, one family a file. The rules are those of the benchmark's own
//! program, which exists in several editions; [`Edition`] says which one a mode means. Where that program ends with an
//! exception (an empty CSV field, a line break inside an unquoted CSV field) the reply does not follow the
//! instruction; where it draws an absent argument at random, the argument is required.
//!
//! Two constraints rest on resources that this crate does not carry, and are approximated by own rules:
//! `words:start_verb` ([`words`]: a part-of-speech tagger there, a list of English verbs here) and
//! `words:odd_even_syllables` (a dictionary of syllable counts there, a shorter one here, over the same spelling rule).

mod count;
mod custom;
mod edges;
mod format;
mod ratio;
mod repeat;
mod sentence;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests;
mod words;

use super::{Arguments, BoxedCheck, CheckError};
use crate::instance::Check;
use crate::task::VerifierMode;

/// The cases that ship with each family: its name and the text of its `cases.toml`.
pub(super) const CASES: [(&str, &str); 7] = [
    ("count", include_str!("count/cases.toml")),
    ("custom", include_str!("custom/cases.toml")),
    ("format", include_str!("format/cases.toml")),
    ("ratio", include_str!("ratio/cases.toml")),
    ("repeat", include_str!("repeat/cases.toml")),
    ("sentence", include_str!("sentence/cases.toml")),
    ("words", include_str!("words/cases.toml")),
];

/// Which edition of the benchmark's program. They differ in eight constraints; each says how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edition {
    /// The first one, with which the paper's and the repository's published verdicts agree.
    Published,
    /// The latest one, which mends what the first does other than its prompts say.
    Revised,
}

impl Edition {
    fn of(mode: VerifierMode) -> Self {
        match mode {
            VerifierMode::Official | VerifierMode::LmEval => Self::Published,
            VerifierMode::Fixed => Self::Revised,
        }
    }
}

/// The verifier of a constraint; `None` where no constraint has this identifier.
pub(super) fn build(check: &Check, mode: VerifierMode) -> Option<Result<BoxedCheck, CheckError>> {
    let (family, name) = check.id.split_once(':')?;
    let edition = Edition::of(mode);
    match family {
        "count" => count::build(name, check, edition),
        "custom" => custom::build(name, check, edition),
        "format" => format::build(name, check),
        "ratio" => ratio::build(name, check, edition),
        "repeat" => repeat::build(name, check, edition),
        "sentence" => sentence::build(name, check),
        "words" => words::build(name, check, edition),
        _ => None,
    }
}

/// A constraint without arguments.
fn plain(check: &Check, follows: fn(&str) -> bool) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    Ok(Box::new(follows))
}

/// A number from 1.
fn ordinal(arguments: Arguments<'_>, key: &str) -> Result<usize, CheckError> {
    match arguments.count(key)? {
        0 => Err(arguments.invalid(key, "a whole number from 1")),
        number => Ok(number),
    }
}

/// A word to look for, without white space at its ends.
fn keyword<'a>(arguments: Arguments<'a>, key: &str) -> Result<&'a str, CheckError> {
    match super::python::strip(arguments.text(key)?) {
        "" => Err(arguments.invalid(key, "a word")),
        word => Ok(word),
    }
}
