//! `question.jsonl`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::FastChatError;
use super::row::{Seen, read};

/// A question of one or more turns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// Its number.
    pub question_id: i64,
    /// Its category.
    pub category: String,
    /// What the user says, turn by turn; never empty.
    pub turns: Vec<String>,
    /// What a right answer contains, turn by turn, where the authors noted it. Judges are not shown this but the file
    /// of reference answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<String>,
    /// A temperature that overrides the category's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_temperature: Option<f64>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Reads `question.jsonl`; `file` is its name in errors. A number that is used twice is an error.
pub fn questions(text: &str, file: &str) -> Result<Vec<Question>, FastChatError> {
    let mut seen = Seen::new("question_id");
    read(text, file, |row| {
        let question_id = row.integer("question_id")?;
        seen.once(&question_id, row)?;
        let category = row.text("category")?;
        let turns = row.texts("turns")?;
        if turns.is_empty() {
            return Err(row.value("turns", "there is no turn; write at least one question".to_owned()));
        }
        let reference = match row.take("reference") {
            None => Vec::new(),
            Some(Value::Array(list)) => row.as_texts("reference", list)?,
            Some(other) => return Err(row.kind("reference", &other, "a list")),
        };
        let required_temperature = match row.take("required_temperature") {
            None => None,
            Some(value) => match value.as_f64() {
                Some(temperature) if temperature >= 0.0 => Some(temperature),
                _ => return Err(row.kind("required_temperature", &value, "a number of at least 0")),
            },
        };
        Ok(Question { question_id, category, turns, reference, required_temperature, other: row.rest() })
    })
}
