//! `model_judgment/JUDGE_pair.jsonl`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::FastChatError;
use super::row::{Row, read};
use crate::scoring::mt_bench::{Game, Verdict};

/// Who won one of the two games.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Winner {
    /// `model_1`.
    #[serde(rename = "model_1")]
    Model1,
    /// `model_2`.
    #[serde(rename = "model_2")]
    Model2,
    /// Neither.
    Tie,
    /// Nobody knows: the verdict could not be read.
    Error,
}

/// Two models compared at one turn of a question, in both orders: `g1` shows the first model's answer first, `g2` the
/// second's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairJudgment {
    /// The question's number.
    pub question_id: i64,
    /// One model.
    pub model_1: String,
    /// The other; the baseline, where there is one.
    pub model_2: String,
    /// Who won the first game.
    pub g1_winner: Winner,
    /// Who won the second.
    pub g2_winner: Winner,
    /// The judge and the name of its prompt.
    pub judge: (String, String),
    /// What the judge was shown in the first game.
    pub g1_user_prompt: String,
    /// What it answered.
    pub g1_judgment: String,
    /// What the judge was shown in the second game.
    pub g2_user_prompt: String,
    /// What it answered.
    pub g2_judgment: String,
    /// The turn that is judged, from 1.
    pub turn: usize,
    /// Seconds since 1970; 0.0 where nobody looked at the clock.
    pub tstamp: f64,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl PairJudgment {
    /// The comparison as `model` sees it, with the name of the other model; `None` where it takes no part.
    pub fn game_of(&self, model: &str) -> Option<(Game, &str)> {
        if model == self.model_1 {
            let game = Game {
                original: place(self.g1_winner, Winner::Model1),
                swapped: place(self.g2_winner, Winner::Model2),
            };
            return Some((game, &self.model_2));
        }
        let game =
            Game { original: place(self.g2_winner, Winner::Model2), swapped: place(self.g1_winner, Winner::Model1) };
        (model == self.model_2).then_some((game, &self.model_1))
    }
}

/// The verdict on a game in which `first` stood first.
fn place(winner: Winner, first: Winner) -> Option<Verdict> {
    match winner {
        Winner::Error => None,
        Winner::Tie => Some(Verdict::Tie),
        other if other == first => Some(Verdict::First),
        _ => Some(Verdict::Second),
    }
}

/// The winner of a game in which `first` stood first, from the verdict on it.
pub(super) fn winner(verdict: Option<Verdict>, first: Winner) -> Winner {
    let second = if first == Winner::Model1 { Winner::Model2 } else { Winner::Model1 };
    match verdict {
        None => Winner::Error,
        Some(Verdict::Tie) => Winner::Tie,
        Some(Verdict::First) => first,
        Some(Verdict::Second) => second,
    }
}

/// Reads a file of pairwise judgments; `file` is its name in errors.
pub fn pair_judgments(text: &str, file: &str) -> Result<Vec<PairJudgment>, FastChatError> {
    read(text, file, |row| {
        Ok(PairJudgment {
            question_id: row.integer("question_id")?,
            model_1: row.text("model_1")?,
            model_2: row.text("model_2")?,
            g1_winner: read_winner(row, "g1_winner")?,
            g2_winner: read_winner(row, "g2_winner")?,
            judge: row.judge()?,
            g1_user_prompt: row.text("g1_user_prompt")?,
            g1_judgment: row.text("g1_judgment")?,
            g2_user_prompt: row.text("g2_user_prompt")?,
            g2_judgment: row.text("g2_judgment")?,
            turn: row.turn()?,
            tstamp: row.number("tstamp")?,
            other: row.rest(),
        })
    })
}

fn read_winner(row: &mut Row, field: &str) -> Result<Winner, FastChatError> {
    match row.text(field)?.as_str() {
        "model_1" => Ok(Winner::Model1),
        "model_2" => Ok(Winner::Model2),
        "tie" => Ok(Winner::Tie),
        "error" => Ok(Winner::Error),
        other => {
            let shown = other.chars().take(40).collect::<String>();
            Err(row.value(field, format!("{shown:?} is none of model_1, model_2, tie and error; correct it")))
        }
    }
}
