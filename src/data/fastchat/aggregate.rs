//! Judgments in files as what the benchmark's numbers are made of.

use std::collections::BTreeMap;

use super::judgment::SingleJudgment;
use super::pair::PairJudgment;
use super::question::Question;
use crate::scoring::mt_bench::{Rating, TurnGames, TurnRatings};

/// The category of each question.
pub fn categories(questions: &[Question]) -> BTreeMap<i64, String> {
    questions.iter().map(|question| (question.question_id, question.category.clone())).collect()
}

/// The models that are judged, sorted.
pub fn models(judgments: &[SingleJudgment]) -> Vec<&str> {
    let mut models = judgments.iter().map(|judgment| judgment.model.as_str()).collect::<Vec<_>>();
    models.sort_unstable();
    models.dedup();
    models
}

/// One model's ratings, in the order of questions and turns. Rows about the same turn are its repeats; the stored
/// scores are taken as they stand. Questions without a known category have an empty one.
pub fn rated_turns(judgments: &[SingleJudgment], categories: &BTreeMap<i64, String>, model: &str) -> Vec<TurnRatings> {
    let mut turns = BTreeMap::<(i64, usize), (Vec<f64>, usize)>::new();
    for judgment in judgments.iter().filter(|judgment| judgment.model == model) {
        let (ratings, unparsable) = turns.entry((judgment.question_id, judgment.turn)).or_default();
        match judgment.score.map(Rating::points) {
            Some(points) => ratings.push(points),
            None => *unparsable += 1,
        }
    }
    let turns = turns.into_iter().map(|((question, turn), (ratings, unparsable))| TurnRatings {
        question: question.to_string(),
        category: categories.get(&question).cloned().unwrap_or_default(),
        turn,
        ratings,
        unparsable,
    });
    turns.collect()
}

/// One model's comparisons with a baseline, or with every other model where none is named, in the order of questions
/// and turns.
pub fn compared_turns(
    judgments: &[PairJudgment],
    categories: &BTreeMap<i64, String>,
    model: &str,
    baseline: Option<&str>,
) -> Vec<TurnGames> {
    let mut turns = BTreeMap::<(i64, usize), Vec<_>>::new();
    for judgment in judgments {
        let game = judgment.game_of(model).filter(|(_, other)| baseline.is_none_or(|baseline| baseline == *other));
        if let Some((game, _)) = game {
            turns.entry((judgment.question_id, judgment.turn)).or_default().push(game);
        }
    }
    let turns = turns.into_iter().map(|((question, turn), games)| TurnGames {
        question: question.to_string(),
        category: categories.get(&question).cloned().unwrap_or_default(),
        turn,
        games,
    });
    turns.collect()
}
