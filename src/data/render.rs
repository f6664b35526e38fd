//! Works out question, choices and answer of a document from a task's rules.

use serde_json::Value;

use super::documents::Doc;
use super::python_literal::{Literal, python_str};
use super::source::{ChoiceRule, Rendering, TargetRule};
use super::template;

/// The answer of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Positions in the choices.
    Indices(Vec<usize>),
    /// Texts; the first is the one that an example shows.
    Texts(Vec<String>),
}

/// The key that failed and why.
pub(super) type Failure = (&'static str, String);

/// A column's text if the rule names one, or the rendered template.
pub(super) fn column_or_template(rule: &str, doc: &Doc) -> Result<String, String> {
    match doc.get(rule) {
        Some(value) => Ok(text_of(value)),
        None => template::render(rule, doc),
    }
}

/// A field as Python's `str` prints it.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => python_str(&minijinja::Value::from_serialize(other)).unwrap_or_default(),
    }
}

/// The column `choices`, where lm-evaluation-harness's `multi_choice_regex` looks for option texts; empty without one.
pub(super) fn options_column(doc: &Doc) -> Vec<String> {
    match doc.get("choices") {
        Some(Value::Array(items)) => items.iter().map(text_of).collect(),
        _ => Vec::new(),
    }
}

impl Rendering {
    /// `doc_to_text`.
    pub(super) fn question(&self, doc: &Doc) -> Result<String, Failure> {
        let key = "doc_to_text";
        let is_identifier = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if is_identifier(&self.text) && !doc.contains_key(&self.text) {
            let known: Vec<&str> = doc.keys().map(String::as_str).collect();
            return Err((key, format!("no column `{}`; there are {}", self.text, known.join(", "))));
        }
        column_or_template(&self.text, doc).map_err(|message| (key, message))
    }

    /// `doc_to_choice`; empty without one.
    pub(super) fn choices(&self, doc: &Doc) -> Result<Vec<String>, Failure> {
        let fail = |message: String| ("doc_to_choice", message);
        let rule = match &self.choice {
            ChoiceRule::None => return Ok(Vec::new()),
            ChoiceRule::List(choices) => return Ok(choices.clone()),
            ChoiceRule::Text(rule) => rule,
        };
        let choices = if let Some(value) = doc.get(rule) {
            let Value::Array(items) = value else { return Err(fail(format!("column `{rule}` holds no list"))) };
            items.iter().map(text_of).collect()
        } else {
            let printed = template::render(rule, doc).map_err(fail)?;
            let Literal::List(items) = Literal::parse(&printed).map_err(fail)? else {
                return Err(fail("the template gives no list".to_owned()));
            };
            let texts: Option<Vec<String>> = items.into_iter().map(Literal::into_text).collect();
            texts.ok_or_else(|| fail("the template gives a list in a list".to_owned()))?
        };
        if choices.is_empty() { Err(fail("there are no choices".to_owned())) } else { Ok(choices) }
    }

    /// `doc_to_target`. Numbers are positions where there are choices; a printed list is several answers.
    pub(super) fn answer(&self, doc: &Doc, choices: &[String]) -> Result<Answer, Failure> {
        let fail = |message: String| ("doc_to_target", message);
        let has_choices = !choices.is_empty();
        match &self.target {
            TargetRule::Index(index) if has_choices => Ok(Answer::Indices(vec![*index])),
            TargetRule::Index(index) => Ok(Answer::Texts(vec![index.to_string()])),
            TargetRule::List(items) => Ok(Answer::Texts(items.clone())),
            TargetRule::Text(rule) => match doc.get(rule) {
                Some(value) => column_answer(value, has_choices).map_err(fail),
                None => template::render(rule, doc).map(|printed| printed_answer(printed, has_choices)).map_err(fail),
            },
        }
    }

    /// `gen_prefix`.
    pub(super) fn prefix(&self, doc: &Doc) -> Result<String, Failure> {
        column_or_template(&self.gen_prefix, doc).map_err(|message| ("gen_prefix", message))
    }
}

fn column_answer(value: &Value, has_choices: bool) -> Result<Answer, String> {
    let index = |value: &Value| value.as_u64().and_then(|index| usize::try_from(index).ok());
    match value {
        Value::Number(_) if has_choices => {
            index(value).map(|index| Answer::Indices(vec![index])).ok_or_else(|| format!("{value} is no position"))
        }
        Value::Array(items) if has_choices && items.iter().all(Value::is_number) => {
            let indices: Option<Vec<usize>> = items.iter().map(index).collect();
            indices.map(Answer::Indices).ok_or_else(|| format!("{value} holds what is no position"))
        }
        Value::Array(items) => Ok(Answer::Texts(items.iter().map(text_of).collect())),
        value => Ok(Answer::Texts(vec![text_of(value)])),
    }
}

fn printed_answer(printed: String, has_choices: bool) -> Answer {
    let is_digits = !printed.is_empty() && printed.chars().all(|c| c.is_ascii_digit());
    if let (true, true, Ok(index)) = (is_digits, has_choices, printed.parse()) {
        return Answer::Indices(vec![index]);
    }
    if printed.len() >= 2
        && printed.starts_with('[')
        && printed.ends_with(']')
        && let Ok(Literal::List(items)) = Literal::parse(&printed)
    {
        let are_numbers = items.iter().all(|item| matches!(item, Literal::Bare(_)));
        let texts: Option<Vec<String>> = items.into_iter().map(Literal::into_text).collect();
        if let Some(texts) = texts {
            let indices: Result<Vec<usize>, _> = texts.iter().map(|text| text.parse()).collect();
            return match indices {
                Ok(indices) if has_choices && are_numbers && !indices.is_empty() => Answer::Indices(indices),
                _ => Answer::Texts(texts),
            };
        }
    }
    Answer::Texts(vec![printed])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_answers_are_positions_lists_or_texts() {
        let texts = |items: &[&str]| Answer::Texts(items.iter().map(|&item| item.to_owned()).collect());
        assert_eq!(printed_answer("2".into(), true), Answer::Indices(vec![2]));
        assert_eq!(printed_answer("2".into(), false), texts(&["2"]));
        assert_eq!(printed_answer("[0, 3]".into(), true), Answer::Indices(vec![0, 3]));
        assert_eq!(printed_answer("['a', 'b']".into(), false), texts(&["a", "b"]));
        assert_eq!(printed_answer("[not a list]".into(), false), texts(&["[not a list]"]));
        assert_eq!(printed_answer("[ { ] }".into(), false), texts(&["[ { ] }"]));
    }
}
