//! `keywords`: words and letters that a reply has, has so often, or has not.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::super::python::{Regex, is_word_character, lower, strip};
use super::literal;
use super::relation::Quota;
use crate::instance::Check;
use crate::task::VerifierMode;

/// `keywords:existence` {keywords}: every keyword is found.
///
/// Python: `re.search(keyword, reply, IGNORECASE)` for all; a keyword is a pattern and matches within a word. Fixed: the
/// literal keyword as a whole word, also with `s` or `es`, so that `art` is not found in `party` and `C++` is not a faulty
/// pattern.
pub(super) fn existence(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["keywords"])?;
    let patterns =
        patterns(arguments, "keywords", |word| if fixed { whole_word(word, PLURAL) } else { word.to_owned() })?;
    Ok(Box::new(move |reply| patterns.iter().all(|pattern| pattern.is_match(reply).unwrap_or(false))))
}

/// `keywords:forbidden_words` {`forbidden_words`}: none of the words is found.
///
/// Python: `re.search(r"\b" + word + r"\b", reply, IGNORECASE)` for none; a word is a pattern. Fixed: the literal word. A
/// search that is given up counts as a word found.
pub(super) fn forbidden_words(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["forbidden_words"])?;
    let words = arguments.texts("forbidden_words")?;
    let patterns = if !words.is_empty() && words.iter().all(|word| is_plain(word)) {
        // One pattern for all, and half of each boundary: the same matches, compiled in a tenth of the time.
        vec![arguments.pattern("forbidden_words", "i", &format!(r"(?<!\w)(?:{})(?!\w)", words.join("|")))?]
    } else {
        let bounded = |word: &str| if fixed { whole_word(word, "") } else { format!(r"\b{word}\b") };
        patterns(arguments, "forbidden_words", bounded)?
    };
    Ok(Box::new(move |reply| !patterns.iter().any(|pattern| pattern.is_match(reply).unwrap_or(true))))
}

/// `keywords:frequency` {keyword, frequency, relation}: the keyword is found less often than, or at least as often as, asked.
///
/// Python: `len(re.findall(keyword.strip(), reply, IGNORECASE))` against the threshold; matches do not overlap. Fixed: the
/// literal keyword as a whole word, also with `s` or `es`.
pub(super) fn frequency(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["keyword", "frequency", "relation"])?;
    let keyword = not_blank(arguments, "keyword", strip(arguments.text("keyword")?))?;
    let source = if fixed { whole_word(keyword, PLURAL) } else { keyword.to_owned() };
    let pattern = arguments.pattern("keyword", "i", &source)?;
    let quota = Quota::read(arguments, "frequency", "relation")?;
    Ok(Box::new(move |reply| pattern.count(reply).is_ok_and(|count| quota.holds(count))))
}

/// `keywords:letter_frequency` {letter, `let_frequency`, `let_relation`}: the letter occurs less often than, or at least as
/// often as, asked, in either case.
///
/// Python: `Counter(reply.lower())[letter.lower()]` against the threshold. Where the character is none of a-z (`#` and `!`
/// in two of the 541 prompts), the edition of the benchmark's program that made the published verdicts, and
/// lm-evaluation-harness, put a letter in its place that they draw at random, for the strict and the loose reading anew.
/// Nothing is drawn here. `Fixed` counts the character. The other modes count the 26 letters that the quota holds for:
///
/// | mode | followed if the quota holds for |
/// | --- | --- |
/// | `Official`, strict | all of them: no draw could fail |
/// | `Official`, loose | at least two in three |
/// | `LmEval` | more than half |
///
/// The shares of `Official` are such that the published verdicts on GPT-4 come out.
pub(super) fn letter_frequency(check: &Check, mode: VerifierMode, loose: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["letter", "let_frequency", "let_relation"])?;
    let letter = arguments.text("letter")?;
    let mut characters = letter.chars();
    if characters.next().is_none_or(char::is_whitespace) || characters.next().is_some() {
        return Err(arguments.invalid("letter", "one character that is not white space"));
    }
    let quota = Quota::read(arguments, "let_frequency", "let_relation")?;
    let letter = lower(letter);
    let occurrences = |reply: &str, letter: &str| lower(reply).matches(letter).count();
    let latin = letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_lowercase());
    let letters_needed = match (mode, loose) {
        _ if latin => None,
        (VerifierMode::Fixed, _) => None,
        (VerifierMode::Official, false) => Some(26),
        (VerifierMode::Official, true) => Some(18),
        (VerifierMode::LmEval, _) => Some(14),
    };
    let Some(letters_needed) = letters_needed else {
        return Ok(Box::new(move |reply| quota.holds(occurrences(reply, &letter))));
    };
    Ok(Box::new(move |reply| {
        let holding = ('a'..='z').filter(|drawn| quota.holds(occurrences(reply, &drawn.to_string()))).count();
        holding >= letters_needed
    }))
}

/// Compiles the patterns of a list that must not be empty, nor any of its members.
fn patterns(arguments: Arguments<'_>, key: &str, source: impl Fn(&str) -> String) -> Result<Vec<Regex>, CheckError> {
    let words = arguments.texts(key)?;
    if words.is_empty() {
        return Err(arguments.invalid(key, "a list of at least one text"));
    }
    words.into_iter().map(|word| arguments.pattern(key, "i", &source(not_blank(arguments, key, word)?))).collect()
}

fn not_blank<'a>(arguments: Arguments<'_>, key: &str, text: &'a str) -> Result<&'a str, CheckError> {
    if strip(text).is_empty() { Err(arguments.invalid(key, "a text that is not blank")) } else { Ok(text) }
}

/// Whether a word is no more than letters, numbers and `_`: a pattern that matches itself, with a boundary at each end.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(is_word_character)
}

/// What may follow a keyword.
const PLURAL: &str = "(?:s|es)?";

/// The literal text and, where it ends with a word character, what may follow; with word boundaries where it begins or ends
/// with a word character.
fn whole_word(text: &str, suffix: &str) -> String {
    let text = strip(text);
    let before = if text.chars().next().is_some_and(is_word_character) { r"(?<!\w)" } else { "" };
    let after =
        if text.chars().last().is_some_and(is_word_character) { format!(r"{suffix}(?!\w)") } else { String::new() };
    format!("{before}{}{after}", literal(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scoring::PatternError;

    #[test]
    fn a_hostile_pattern_ends_and_is_not_followed() {
        let pattern = r"^(?:(?=a)a|a|aa)+(?=b)";
        let reply = "a".repeat(60);
        let check = |id: &str, kwargs: serde_json::Value| Check {
            id: id.to_owned(),
            kwargs: kwargs.as_object().unwrap().clone(),
        };
        let existence = check("keywords:existence", serde_json::json!({"keywords": [pattern]}));
        assert!(!super::existence(&existence, false).unwrap()(&reply));
        let kwargs = serde_json::json!({"keyword": pattern, "frequency": 5, "relation": "less than"});
        assert!(!frequency(&check("keywords:frequency", kwargs), false).unwrap()(&reply));
        let forbidden = check("keywords:forbidden_words", serde_json::json!({"forbidden_words": [pattern]}));
        assert!(!forbidden_words(&forbidden, false).unwrap()(&reply));
    }

    #[test]
    fn a_pattern_error_names_the_argument() {
        let check = Check {
            id: "keywords:existence".to_owned(),
            kwargs: serde_json::json!({"keywords": ["C++ (a"]}).as_object().unwrap().clone(),
        };
        let error = existence(&check, false).err().unwrap();
        assert!(matches!(&error, CheckError::Pattern { source: PatternError::Invalid { .. }, .. }), "{error}");
        assert!(error.to_string().contains("keywords:existence") && error.to_string().contains("\"keywords\""));
        assert!(existence(&check, true).unwrap()("I like C++ (a lot)"));
    }
}
