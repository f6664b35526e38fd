//! The `multi_choice_regex` filter: the option that a free answer chose.

use std::cmp::Reverse;

use regex::Regex;

use crate::task::MultiChoiceRegexFilter;

use super::pattern::{Pattern, PatternError};
use super::python_text::{at_python_index, is_space, strip};

/// The filter, compiled.
///
/// Three ways are tried in order, each taking the match at `group_select`: the task's pattern on the response; the
/// option texts, found in the response (both first freed of `regexes_to_ignore`, case and punctuation, as asked); an
/// option letter after a colon. The last two answer with the option's letter in parentheses, `(B)`. The semantics are
/// those of lm-evaluation-harness's `MultiChoiceRegexFilter`; where that raises an error (too few matches for
/// `group_select`) the next way is tried.
#[derive(Debug)]
pub(super) struct MultiChoiceRegex {
    pattern: Pattern,
    group_select: i32,
    fallback: String,
    ignore_case: bool,
    punctuation: Option<Regex>,
    ignored: Vec<Pattern>,
}

impl MultiChoiceRegex {
    pub(super) fn new(filter: &MultiChoiceRegexFilter) -> Result<Self, PatternError> {
        let invalid =
            |error: regex::Error| PatternError::Invalid { pattern: r"\p{P}".to_owned(), reason: error.to_string() };
        Ok(Self {
            pattern: Pattern::new(&filter.pattern)?,
            group_select: filter.group_select,
            fallback: filter.fallback.clone(),
            ignore_case: filter.ignore_case,
            punctuation: filter.ignore_punctuation.then(|| Regex::new(r"\p{P}")).transpose().map_err(invalid)?,
            ignored: filter.regexes_to_ignore.iter().map(|source| Pattern::new(source)).collect::<Result<_, _>>()?,
        })
    }

    /// The answer, and whether nothing was found.
    pub(super) fn apply(&self, response: &str, choices: &[String]) -> Result<(String, bool), PatternError> {
        let found = self.pattern.find_at(response, self.group_select)?.map(|found| strip(&found).to_owned());
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            return Ok((found, false));
        }
        let found = match self.option_text(response, choices)? {
            Some(answer) => Some(answer),
            None => self.letter_after_colon(response, choices.len()),
        };
        Ok(found.map_or_else(|| (self.fallback.clone(), true), |answer| (answer, false)))
    }

    fn option_text(&self, response: &str, choices: &[String]) -> Result<Option<String>, PatternError> {
        let response = self.without_ignored(response)?;
        let texts = choices.iter().map(|choice| self.without_ignored(strip(choice))).collect::<Result<Vec<_>, _>>()?;
        let found = occurrences(&response, &texts);
        let Some(text) = at_python_index(&found, self.group_select).map(|text| strip(text)) else { return Ok(None) };
        if text.is_empty() {
            return Ok(None);
        }
        // Of equal texts the last one counts, as in Python's dict; a stripped text that is no option stays itself.
        let letter = texts.iter().rposition(|option| option == text).and_then(option_letter);
        Ok(Some(letter.map_or_else(|| text.to_owned(), |letter| format!("({letter})"))))
    }

    /// `:[\s]*(A|B|...)`.
    fn letter_after_colon(&self, response: &str, options: usize) -> Option<String> {
        let letters = response
            .split(':')
            .skip(1)
            .filter_map(|tail| tail.trim_start_matches(is_space).chars().next())
            .filter(|letter| (0..options).filter_map(option_letter).any(|option| option == *letter))
            .collect::<Vec<_>>();
        at_python_index(&letters, self.group_select).map(|letter| format!("({letter})"))
    }

    fn without_ignored(&self, text: &str) -> Result<String, PatternError> {
        let mut text = text.to_owned();
        for pattern in &self.ignored {
            text = pattern.remove_from(&text)?;
        }
        if self.ignore_case {
            text = text.to_lowercase();
        }
        if let Some(punctuation) = &self.punctuation {
            text = punctuation.replace_all(&text, "").into_owned();
        }
        Ok(text)
    }
}

/// `A` for 0.
fn option_letter(index: usize) -> Option<char> {
    u32::try_from(index).ok().and_then(|index| char::from_u32('A' as u32 + index)).filter(char::is_ascii_uppercase)
}

/// Occurrences of the options in the text, without overlap; at one place the longest option wins, so that an option
/// that begins another one does not hide it.
fn occurrences<'a>(text: &str, options: &'a [String]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let places = options.iter().filter_map(|option| rest.find(option.as_str()).map(|place| (place, option)));
        let Some((place, option)) = places.min_by_key(|(place, option)| (*place, Reverse(option.len()))) else { break };
        found.push(option.as_str());
        let step = if option.is_empty() {
            rest.get(place..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
        } else {
            option.len()
        };
        from += place + step;
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn filter(group_select: i32) -> MultiChoiceRegexFilter {
        MultiChoiceRegexFilter {
            pattern: r"(\([A-Z]\))".into(),
            group_select,
            fallback: "[invalid]".into(),
            ignore_case: true,
            ignore_punctuation: true,
            regexes_to_ignore: vec!["(?i)probably ".into()],
        }
    }

    fn apply(group_select: i32, response: &str) -> String {
        let choices = ["a red fox".to_owned(), " The Moon.".to_owned(), "the moon".to_owned()];
        MultiChoiceRegex::new(&filter(group_select)).unwrap().apply(response, &choices).unwrap().0
    }

    #[test]
    fn the_pattern_comes_before_option_texts_and_those_before_letters() {
        assert_eq!(apply(0, "Not (A) but (B): C"), "(A)");
        assert_eq!(apply(-1, "Not (A) but (B): C"), "(B)");
        assert_eq!(apply(0, "It is probably A, RED fox! Answer: C"), "(A)");
        assert_eq!(apply(0, "Answer:  C"), "(C)");
        assert_eq!(apply(0, "Answer: D"), "[invalid]");
        assert_eq!(apply(0, ""), "[invalid]");
    }

    #[test]
    fn of_equal_option_texts_the_last_counts_as_in_python() {
        assert_eq!(apply(0, "the moon, I think"), "(C)");
    }

    #[test]
    fn options_are_found_from_the_left_without_overlap() {
        let options = ["ab".to_owned(), "b".to_owned(), String::new()];
        assert_eq!(occurrences("babx", &options), ["b", "ab", "", ""]);
        assert_eq!(occurrences("é", &options), ["", ""]);
    }

    /// As lm-evaluation-harness 0.4.13 answers, which sorts the alternatives by length.
    #[test]
    fn an_option_that_begins_another_does_not_hide_it() {
        let choices = ["Guilty".to_owned(), "Guilty of Romance".to_owned()];
        let found = MultiChoiceRegex::new(&filter(0)).unwrap().apply("I say Guilty of Romance.", &choices).unwrap();
        assert_eq!(found, ("(B)".to_owned(), false));
    }
}
