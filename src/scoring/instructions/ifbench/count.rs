//! `count:*`: how many of something a reply holds.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::nltk::word_tokenize;
use super::super::python::{lower, split_words, word_count};
use super::edges::{Case, occurrences, strip_edges};
use super::{Arguments, BoxedCheck, CheckError, Edition, keyword, ordinal, plain};
use crate::instance::Check;
use crate::scoring::python_text::without_ascii_punctuation;

/// The constraint `count:{name}`.
pub(super) fn build(name: &str, check: &Check, edition: Edition) -> Option<Result<BoxedCheck, CheckError>> {
    Some(match name {
        "conjunctions" => at_least(check, "small_n", conjunctions),
        "keywords_multiple" => keywords_multiple(check, edition),
        "numbers" => numbers(check),
        "person_names" => at_least(check, "N", person_names),
        "pronouns" => match edition {
            Edition::Published => at_least(check, "N", |reply| pronouns(reply, &[PERSONAL])),
            Edition::Revised => at_least(check, "N", |reply| pronouns(reply, &[PERSONAL, OTHER_PRONOUNS])),
        },
        "punctuation" => plain(check, punctuation),
        "unique_word_count" => at_least(check, "N", unique_words),
        "word_count_range" => word_count_range(check),
        "words_japanese" => words_japanese(check),
        _ => return None,
    })
}

/// At least as many as the argument `key` says.
fn at_least(check: &Check, key: &str, count: fn(&str) -> usize) -> Result<BoxedCheck, CheckError> {
    let least = Arguments::new(check, &[key])?.count(key)?;
    Ok(Box::new(move |reply| count(reply) >= least))
}

const CONJUNCTIONS: [&str; 7] = ["and", "but", "for", "nor", "or", "so", "yet"];

/// Different coordinating conjunctions, told apart as they are written: `and`, `And` and `and,` are three.
fn conjunctions(reply: &str) -> usize {
    let found = split_words(reply).filter(|word| CONJUNCTIONS.contains(&lower(strip_edges(word)).as_str()));
    found.collect::<BTreeSet<_>>().len()
}

/// `keyword1` to `keyword5` occur exactly 1, 2, 3, 5 and 7 times, whatever their case. Published: also inside other
/// words (`cat` in `concatenate`). Revised: whole words only.
fn keywords_multiple(check: &Check, edition: Edition) -> Result<BoxedCheck, CheckError> {
    const KEYS: [&str; 5] = ["keyword1", "keyword2", "keyword3", "keyword4", "keyword5"];
    let arguments = Arguments::new(check, &KEYS)?;
    let words = KEYS.map(|key| keyword(arguments, key).map(lower));
    let words = words.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(move |reply| {
        let small = lower(reply);
        words.iter().zip([1, 2, 3, 5, 7]).all(|(word, times)| match edition {
            Edition::Published => small.matches(word.as_str()).count() == times,
            Edition::Revised => occurrences(reply, word, Case::Ignored) == times,
        })
    }))
}

/// Runs of decimal digits (Python's `\d`); compiled once, and checked by the cases.
static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{Nd}+").ok());

/// The runs of digits in a text.
pub(super) fn digit_runs(text: &str) -> impl Iterator<Item = &str> {
    DIGITS.iter().flat_map(move |digits| digits.find_iter(text).map(|run| run.as_str()))
}

/// Exactly `N` numbers: runs of digits after ASCII punctuation was taken out, so that `1,234.5` is one.
fn numbers(check: &Check) -> Result<BoxedCheck, CheckError> {
    let wanted = Arguments::new(check, &["N"])?.count("N")?;
    Ok(Box::new(move |reply| digit_runs(&without_ascii_punctuation(reply)).count() == wanted))
}

/// The names that the instruction lists.
const NAMES: &str = "Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander \
    Amelia Benjamin Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett \
    Nathan Victoria Elijah Layla Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph \
    Claire Ryan Stella Jonathan";

/// Different names of the list, as whole words.
fn person_names(reply: &str) -> usize {
    NAMES.split(' ').filter(|name| occurrences(reply, name, Case::Exact) > 0).count()
}

/// Personal, possessive and reflexive pronouns: all that the first edition knows.
const PERSONAL: &str = "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his \
    himself she her hers herself it its itself they them their theirs themselves";

/// Demonstrative, interrogative, relative and indefinite pronouns, which the latest edition adds.
const OTHER_PRONOUNS: &str = "this that these those who whom whose which what whoever whomever whatever whichever \
    anybody anyone anything everybody everyone everything nobody nothing somebody someone something each either \
    neither both all some any none";

/// Pronouns among the tokens; `/` separates words here (`she/her`).
fn pronouns(reply: &str, known: &[&str]) -> usize {
    let words = word_tokenize(&lower(&reply.replace('/', " ")));
    words.iter().filter(|word| known.iter().any(|list| list.split(' ').any(|pronoun| *word == pronoun))).count()
}

/// Each of `. , ! ? ; :` and an interrobang (`?!`, `!?` or `‽`), of which the marks of one do not count.
fn punctuation(reply: &str) -> bool {
    let rest = match (reply.contains("?!"), reply.contains("!?")) {
        (true, _) => reply.replacen("?!", "", 1),
        (false, true) => reply.replacen("!?", "", 1),
        (false, false) if reply.contains('‽') => reply.to_owned(),
        (false, false) => return false,
    };
    ['.', ',', '!', '?', ';', ':'].into_iter().all(|mark| rest.contains(mark))
}

/// Different words, case and punctuation at their edges aside. What is punctuation only counts as one more.
fn unique_words(reply: &str) -> usize {
    split_words(&lower(reply)).map(strip_edges).collect::<BTreeSet<_>>().len()
}

/// From `min_words` to `max_words` runs of `\w`.
fn word_count_range(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["min_words", "max_words"])?;
    let (least, most) = (arguments.count("min_words")?, arguments.count("max_words")?);
    Ok(Box::new(move |reply| (least..=most).contains(&word_count(reply))))
}

/// Every `N`th word holds a Japanese character (hiragana, katakana or a unified ideograph); words of digits or of
/// punctuation are let pass.
fn words_japanese(check: &Check) -> Result<BoxedCheck, CheckError> {
    let step = ordinal(Arguments::new(check, &["N"])?, "N")?;
    Ok(Box::new(move |reply| {
        split_words(reply).skip(step - 1).step_by(step).map(strip_edges).all(|word| {
            word.is_empty()
                || is_digits(word)
                || word.contains(|character| matches!(character, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'))
        })
    }))
}

/// `text.isdigit()`: decimal digits and those that cannot form a decimal number (superscripts, circled digits).
fn is_digits(text: &str) -> bool {
    const OTHER_DIGITS: &str = "²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒\u{1369}-\u{1371}\u{19da}\u{10a40}-\u{10a43}\
        \u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}";
    static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!(r"^[\p{{Nd}}{OTHER_DIGITS}]+$")).ok());
    DIGIT.as_ref().is_some_and(|digit| digit.is_match(text))
}
