//! `model_answer/MODEL.jsonl` and `reference_answer/JUDGE.jsonl`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::FastChatError;
use super::row::{Seen, read};
use crate::digest::Digest;

/// Digits of an answer's identifier.
const ANSWER_ID_DIGITS: usize = 22;

/// One of several conversations about the same question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// Which one, from 0.
    pub index: i64,
    /// The replies, turn by turn.
    pub turns: Vec<String>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A model's answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelAnswer {
    /// The question's number.
    pub question_id: i64,
    /// Identifier of the answer.
    pub answer_id: String,
    /// The model.
    pub model_id: String,
    /// Its conversations; never empty. The first is the one that is judged.
    pub choices: Vec<Choice>,
    /// Seconds since 1970; 0.0 where nobody looked at the clock.
    pub tstamp: f64,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ModelAnswer {
    /// One conversation. Its identifier follows from question, model and replies.
    pub fn new(question_id: i64, model: &str, replies: &[String], tstamp: f64) -> Self {
        let mut content = format!("{question_id}\n{model}");
        for reply in replies {
            content.push('\n');
            content.push_str(Digest::of_bytes(reply.as_bytes()).as_str());
        }
        let digest = Digest::of_bytes(content.as_bytes());
        Self {
            question_id,
            answer_id: digest.as_str().chars().take(ANSWER_ID_DIGITS).collect(),
            model_id: model.to_owned(),
            choices: vec![Choice { index: 0, turns: replies.to_vec(), other: Map::new() }],
            tstamp,
            other: Map::new(),
        }
    }

    /// The replies that are judged.
    pub fn replies(&self) -> &[String] {
        self.choices.first().map_or(&[], |choice| &choice.turns)
    }
}

/// Reads a file of answers; `file` is its name in errors. A question that is answered twice is an error.
pub fn model_answers(text: &str, file: &str) -> Result<Vec<ModelAnswer>, FastChatError> {
    let mut seen = Seen::new("question_id");
    read(text, file, |row| {
        let question_id = row.integer("question_id")?;
        seen.once(&question_id, row)?;
        let answer_id = row.text("answer_id")?;
        let model_id = row.text("model_id")?;
        let mut choices = Vec::new();
        for (index, value) in row.list("choices")?.into_iter().enumerate() {
            let place = format!("choices[{index}]");
            let Value::Object(fields) = value else { return Err(row.kind(&place, &value, "an object")) };
            let mut inner = row.inner(fields);
            let choice = Choice { index: inner.integer("index")?, turns: inner.texts("turns")?, other: inner.rest() };
            if choice.turns.is_empty() {
                return Err(row.value(&place, "there is no turn; give a reply to each turn of the question".to_owned()));
            }
            choices.push(choice);
        }
        if choices.is_empty() {
            return Err(row.value("choices", "there is no conversation; give at least one".to_owned()));
        }
        let tstamp = row.number("tstamp")?;
        Ok(ModelAnswer { question_id, answer_id, model_id, choices, tstamp, other: row.rest() })
    })
}
