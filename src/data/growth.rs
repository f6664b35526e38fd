//! How large a text a template may make. What its tags can ask for is worked out from their words before it is compiled;
//! what its filters add is counted while it runs.
//!
//! A tag makes a text at most as long as the largest one so far times the names it uses (`a ~ a` doubles) times the whole
//! numbers it multiplies by. Names stay within their loop's round, so nothing else grows with the rounds of a loop; tags
//! whose result is not bounded so (macros, blocks, captured text) are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::Object;
use minijinja::{Error, ErrorKind, State};
use serde_json::Value;

use super::documents::Doc;

/// What the filters of one rendering may add to texts and lists.
pub(super) const FILTER_BYTES: usize = 2 << 20;
/// What the tags of one template may make, and how many times its own and the document's length it may be besides.
const TAG_BYTES: usize = 128 << 20;
const TIMES_THE_INPUT: usize = 16;
/// Statements that are bounded.
const STATEMENTS: [&str; 10] = ["set", "with", "endwith", "for", "endfor", "if", "elif", "else", "endif", "break"];
/// Words that are no names.
const KEYWORDS: [&str; 14] =
    ["if", "else", "elif", "and", "or", "not", "in", "is", "true", "false", "none", "True", "False", "None"];
/// What makes a text or list that is not made of the names beside it.
const MAKERS: [&str; 8] = ["replace", "regex_replace", "join", "tojson", "string", "range", "map", "list"];

/// A word of a tag.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word<'a> {
    Name(&'a str),
    /// A whole number, if it is one.
    Number(Option<usize>),
    Text,
    /// An operator or bracket; `^` stands for `**`.
    Sign(char),
}

/// What lies between `{{` and `}}` or `{%` and `%}`.
#[derive(Debug, Default)]
struct Tag<'a> {
    is_statement: bool,
    words: Vec<Word<'a>>,
}

/// Refuses a template that may ask for much more memory than its text and the document's are worth.
pub(super) fn check(template: &str, doc_bytes: usize) -> Result<(), String> {
    let input = template.len().saturating_add(doc_bytes);
    let most = TAG_BYTES.saturating_add(input.saturating_mul(TIMES_THE_INPUT));
    let tags = tags(template)?;
    let makes = |word: &Word<'_>| matches!(word, Word::Name(name) if MAKERS.contains(name));
    let made = if tags.iter().any(|tag| tag.words.iter().any(makes)) { FILTER_BYTES } else { 0 };
    let mut largest = input.saturating_add(made);
    let mut kept = 0_usize;
    for tag in &tags {
        let size = largest.saturating_mul(tag.growth()?);
        if tag.binds() {
            kept = kept.saturating_add(size);
            largest = largest.max(size);
        }
        if size.max(kept) > most {
            return Err("the template may make a text that is too long; use fewer names and smaller factors".to_owned());
        }
    }
    Ok(())
}

/// Length of a document's fields.
pub(super) fn bytes_of(doc: &Doc) -> usize {
    fn bytes(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(|item| 8 + bytes(item)).sum(),
            Value::Object(doc) => bytes_of(doc),
            _ => 8,
        }
    }
    doc.iter().map(|(key, value)| key.len() + bytes(value)).sum()
}

#[derive(Debug, Default)]
struct Grown(AtomicUsize);

impl Object for Grown {}

/// Counts what a filter is about to add.
pub(super) fn spend(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let grown: Arc<Grown> = state.get_or_set_temp_object("wit_grown", Grown::default);
    let before = grown.0.load(Ordering::Relaxed);
    let after = before.saturating_add(bytes);
    if after > FILTER_BYTES {
        let message = format!("filters add more than {FILTER_BYTES} bytes to one prompt");
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    grown.0.store(after, Ordering::Relaxed);
    Ok(())
}

/// What is left of the bytes that filters may add.
pub(super) fn left(state: &State<'_, '_>) -> usize {
    let grown: Arc<Grown> = state.get_or_set_temp_object("wit_grown", Grown::default);
    FILTER_BYTES.saturating_sub(grown.0.load(Ordering::Relaxed))
}

impl Tag<'_> {
    fn statement(&self) -> Option<&str> {
        match self.words.first() {
            Some(Word::Name(name)) if self.is_statement => Some(name),
            _ => None,
        }
    }

    /// Whether the tag gives a value a name.
    fn binds(&self) -> bool {
        matches!(self.statement(), Some("set" | "with" | "for"))
    }

    /// How many times longer than the longest text the tag's result may be.
    fn growth(&self) -> Result<usize, String> {
        let start = match self.statement() {
            Some("set" | "with") => self.words.iter().position(|word| *word == Word::Sign('=')),
            Some("for") => self.words.iter().position(|word| *word == Word::Name("in")),
            _ => None,
        };
        let words = self.words.get(start.unwrap_or(0)..).unwrap_or_default();
        let mut names = 0_usize;
        let mut factors = 1_usize;
        for (place, word) in words.iter().enumerate() {
            let before = place.checked_sub(1).and_then(|place| words.get(place));
            match word {
                Word::Name(name) if !KEYWORDS.contains(name) => {
                    names += usize::from(!matches!(before, Some(Word::Sign('.' | '|'))));
                }
                Word::Sign('*') => {
                    let factor = factor(words, place).ok_or("`*` needs a whole number beside it")?;
                    factors = factors.saturating_mul(factor.max(1));
                }
                _ => {}
            }
        }
        let grown = names.max(1).saturating_mul(factors);
        // One `with` may give several names, each of use to the next.
        let steps = words.iter().filter(|word| **word == Word::Sign('=')).count();
        let steps = if self.statement() == Some("with") { steps } else { 1 };
        Ok(grown.saturating_pow(u32::try_from(steps).unwrap_or(u32::MAX)))
    }
}

/// The whole number right before or after the `*` at `place`, if it stands for itself.
fn factor(words: &[Word<'_>], place: usize) -> Option<usize> {
    let at = |place: Option<usize>| place.and_then(|place| words.get(place)).copied();
    let ends = |word: Option<Word<'_>>| match word {
        None => true,
        Some(Word::Sign(sign)) => !matches!(sign, '^' | '.' | '|' | '[' | '('),
        Some(Word::Name(name)) => KEYWORDS.contains(&name),
        Some(_) => false,
    };
    let begins = |word: Option<Word<'_>>| match word {
        None => true,
        Some(Word::Sign(sign)) => matches!(sign, '(' | '[' | '{' | ',' | ':' | '=' | '~' | '+'),
        Some(Word::Name(name)) => KEYWORDS.contains(&name),
        Some(_) => false,
    };
    if let Some(Word::Number(number)) = at(place.checked_add(1))
        && ends(at(place.checked_add(2)))
    {
        return number;
    }
    match at(place.checked_sub(1)) {
        Some(Word::Number(number)) if begins(at(place.checked_sub(2))) => number,
        _ => None,
    }
}

/// All tags of a template, read as the template engine reads them.
fn tags(template: &str) -> Result<Vec<Tag<'_>>, String> {
    let mut tags = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        rest = rest.get(open + 1..).unwrap_or_default();
        let kind = rest.chars().next();
        let Some(kind) = kind.filter(|kind| matches!(kind, '{' | '%' | '#')) else { continue };
        rest = rest.get(1..).unwrap_or_default();
        rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if kind == '#' {
            rest = rest.split_once("#}").ok_or("a comment is not closed")?.1;
            continue;
        }
        let (words, tail) = words(rest, if kind == '{' { "}}" } else { "%}" })?;
        let tag = Tag { is_statement: kind == '%', words };
        refuse_unbounded(&tag)?;
        tags.push(tag);
        rest = tail;
    }
    Ok(tags)
}

fn refuse_unbounded(tag: &Tag<'_>) -> Result<(), String> {
    match tag.statement() {
        Some(name) if name != "continue" && !STATEMENTS.contains(&name) => {
            Err(format!("`{{% {name} %}}` is not supported; supported: {}, continue", STATEMENTS.join(", ")))
        }
        Some("for") if tag.words.last() == Some(&Word::Name("recursive")) => {
            Err("a recursive loop is not supported".to_owned())
        }
        _ => Ok(()),
    }
}

/// The words up to the end of a tag, and what follows it.
fn words<'a>(text: &'a str, end: &str) -> Result<(Vec<Word<'a>>, &'a str), String> {
    let mut words = Vec::new();
    let mut depth = 0_isize;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let Some(first) = rest.chars().next() else { return Err("a tag is not closed".to_owned()) };
        if depth == 0
            && let Some(tail) = rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix(end)
        {
            return Ok((words, tail));
        }
        let (word, length) = match first {
            '\'' | '"' => (Word::Text, text_length(rest, first).ok_or("a text in a tag is not closed")?),
            '0'..='9' => {
                let length = length_while(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
                (Word::Number(rest.get(..length).and_then(|number| number.parse().ok())), length)
            }
            c if c == '_' || c.is_alphabetic() => {
                let length = length_while(rest, |c| c == '_' || c.is_alphanumeric());
                (Word::Name(rest.get(..length).unwrap_or_default()), length)
            }
            '*' if rest.starts_with("**") => (Word::Sign('^'), 2),
            '=' | '!' | '<' | '>' if rest.get(1..2) == Some("=") => (Word::Sign('?'), 2),
            sign => {
                depth += isize::from("([{".contains(sign)) - isize::from(")]}".contains(sign));
                (Word::Sign(sign), sign.len_utf8())
            }
        };
        words.push(word);
        rest = rest.get(length..).unwrap_or_default();
    }
}

fn length_while(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|c| !holds(c)).unwrap_or(text.len())
}

/// Length of a quoted text with its quotes.
fn text_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(place + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_templates_are_within_bounds_and_read_to_their_end() {
        for template in [
            "Q: {{ q }}\n{% for x in xs %}{{ loop.index0 + 1 }}. {{ x ~ ': ' ~ labels[loop.index0] }}\n{% endfor %}A:",
            "{{ {'a': {'b': 1}}['a'] }} it's {{- '}}' ~ \"{%\" -}} {# it's #} {{ '=' * 80 }} {{ 3 * n }}",
            "{% set letters = ['A', 'B', 'C', 'D'] %}{{ letters[gold]|string }}{% if a and not b %}c{% endif %}",
            "{% set a = x.strip()|replace('b', 'c') %}{% set d = a.split('. ') %}{{ d | join(', ') }}",
            "text { with } braces {a}",
        ] {
            assert_eq!(check(template, 10_000), Ok(()), "{template}");
        }
    }

    #[test]
    fn growth_is_refused_however_it_is_spelled() {
        let doubled = "{% set s = s ~ s %}".repeat(40);
        let hidden = "{{ \"'\" }}".to_owned() + &doubled;
        let nested = "{% for s in [s ~ s] %}".repeat(40);
        let shared = "{% set l = [l, l] %}".repeat(40);
        let with = format!("{{% with {} %}}{{% endwith %}}", vec!["s = s + s"; 40].join(", "));
        for template in [
            doubled.as_str(),
            &hidden,
            &nested,
            &shared,
            &with,
            "{{ s * 100000000 }}",
            "{{ ['a'] * 10000 * 10000 * 10000 }}",
            "{{ s * (10 ** 9) }}",
            "{{ s * 10 ** 9 }}",
            "{{ 2 ** 30 * s }}",
            "{{ s * n }}",
            "{{ s * 1e9 }}",
            "{% macro m(s) %}{{ m(s ~ s) }}{% endmacro %}{{ m('a') }}",
            "{% set s %}aaaa{% endset %}",
            "{% raw %}{{ ' }}{% endraw %}",
            "{% for x in xs recursive %}{% endfor %}",
            "{{ 'open }}",
        ] {
            assert!(check(template, 1_000).is_err(), "{template}");
        }
    }
}
