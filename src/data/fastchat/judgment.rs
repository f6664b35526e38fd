//! `model_judgment/JUDGE_single.jsonl`.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::error::FastChatError;
use super::row::{Row, read};
use crate::scoring::mt_bench::Rating;

/// What stands in place of a score where there is no rating.
const NO_RATING: i64 = -1;

/// A judge's rating of one turn of an answer. Several rows about the same turn are repeats.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SingleJudgment {
    /// The question's number.
    pub question_id: i64,
    /// The judged model.
    pub model: String,
    /// The judge and the name of its prompt.
    pub judge: (String, String),
    /// What the judge was shown.
    pub user_prompt: String,
    /// What it answered; `$ERROR$` where it did not.
    pub judgment: String,
    /// The rating; `None` is written -1.
    #[serde(serialize_with = "write_score")]
    pub score: Option<Rating>,
    /// The turn that is judged, from 1.
    pub turn: usize,
    /// Seconds since 1970; 0.0 where nobody looked at the clock.
    pub tstamp: f64,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Reads a file of single-answer judgments; `file` is its name in errors.
pub fn single_judgments(text: &str, file: &str) -> Result<Vec<SingleJudgment>, FastChatError> {
    read(text, file, |row| {
        Ok(SingleJudgment {
            question_id: row.integer("question_id")?,
            model: row.text("model")?,
            judge: row.judge()?,
            user_prompt: row.text("user_prompt")?,
            judgment: row.text("judgment")?,
            score: score(row)?,
            turn: row.turn()?,
            tstamp: row.number("tstamp")?,
            other: row.rest(),
        })
    })
}

fn score(row: &mut Row) -> Result<Option<Rating>, FastChatError> {
    let value = row.need("score")?;
    if let Some(points) = value.as_u64() {
        return Ok(Some(Rating::Whole(points)));
    }
    match value.as_f64() {
        Some(points) if points >= 0.0 => Ok(Some(Rating::Decimal(points))),
        Some(points) if (points - NO_RATING as f64).abs() < f64::EPSILON => Ok(None),
        Some(points) => {
            Err(row.value("score", format!("{points} is neither a rating nor -1 (unparsable); correct it")))
        }
        None => Err(row.kind("score", &value, "a number")),
    }
}

// The signature that serde calls.
#[allow(clippy::ref_option)]
fn write_score<S: Serializer>(score: &Option<Rating>, serializer: S) -> Result<S::Ok, S::Error> {
    match score {
        None => serializer.serialize_i64(NO_RATING),
        Some(Rating::Whole(points)) => serializer.serialize_u64(*points),
        Some(Rating::Decimal(points)) => serializer.serialize_f64(*points),
    }
}
