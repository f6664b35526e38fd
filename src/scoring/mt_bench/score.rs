//! What the judge's answers make of one conversation.

use std::collections::BTreeMap;

use super::judgment_text;
use super::rating::{Rating, parse_rating};
use super::settings::{Mode, Reading, Settings};
use super::verdict::{Game, Outcome, Verdict, parse_verdict};
use crate::judgment::JudgeCall;
use crate::response::Response;
use crate::score::{Score, ScorePart};
use crate::task::Metric;

/// The judgment of one conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// [`Metric::Rating`] or [`Metric::WinRate`].
    pub metric: Metric,
    /// The judgment.
    pub score: Score,
    /// One part a turn (`turn 1`), with a credit a repeat.
    pub parts: Vec<ScorePart>,
}

/// One turn, as it was read: a value a repeat, or why there is none.
struct TurnReading {
    turn: usize,
    credits: Vec<f64>,
    shown: Vec<String>,
    missing: usize,
}

/// The score of one conversation from the judge's answers to its [`calls`](super::calls()).
///
/// # Formula
///
/// Single-answer grading: the metric is `rating`, the mean over turns of the median over repeats of the rating, in
/// points on a scale from 1 to 10; more is better. Pairwise: the metric is `win_rate`, the mean over turns of the
/// median over repeats of win 1, tie one half, loss 0, where a win or a loss counts only if both orders agree on it.
/// The median of an even number is the mean of the middle two.
///
/// # Unparsable answers
///
/// A repeat whose text cannot be read, or that failed, is `missing` in its part. A conversation with a turn that has no
/// value at all is unscored: a mean over the remaining turn would not be comparable, second turns being rated lower.
/// The parts keep what there is, and [`summary`](super::summary()) counts it as the published program does.
///
/// # Source
///
/// Zheng et al., arXiv 2306.05685, section 3.1; the median over repeats is what the program's maintainers advise
/// against the variation between runs (one repeat, the default, is the published protocol).
pub fn score(answers: &[(&JudgeCall, &Response)], settings: &Settings) -> Judged {
    let (metric, turns) = match settings.mode {
        Mode::Single => (Metric::Rating, rated_turns(answers, settings.reading)),
        Mode::Pairwise => (Metric::WinRate, compared_turns(answers, settings.reading)),
    };
    let parts = turns
        .iter()
        .map(|turn| ScorePart {
            name: format!("turn {}", turn.turn),
            credits: turn.credits.clone(),
            missing: turn.missing,
        })
        .collect();
    Judged { metric, score: combined(&turns), parts }
}

/// The comparisons of one conversation, by turn and then repeat: what [`pair_summary`](super::pair_summary()) counts.
/// An order that was not asked, or not answered, has no verdict.
pub fn games(answers: &[(&JudgeCall, &Response)], reading: Reading) -> Vec<(usize, Vec<Game>)> {
    let mut found = BTreeMap::<(usize, usize), Game>::new();
    for (call, response) in answers {
        let verdict: Option<Verdict> = judgment_text(response).ok().and_then(|text| parse_verdict(text, reading));
        let game = found.entry((call.turn, call.repeat)).or_insert(Game { original: None, swapped: None });
        if call.swapped {
            game.swapped = verdict;
        } else {
            game.original = verdict;
        }
    }
    let mut turns: Vec<(usize, Vec<Game>)> = Vec::new();
    for ((turn, _), game) in found {
        match turns.last_mut() {
            Some((last, games)) if *last == turn => games.push(game),
            _ => turns.push((turn, vec![game])),
        }
    }
    turns
}

fn rated_turns(answers: &[(&JudgeCall, &Response)], reading: Reading) -> Vec<TurnReading> {
    let mut ordered = answers.to_vec();
    ordered.sort_by_key(|(call, _)| (call.turn, call.repeat));
    let mut turns: Vec<TurnReading> = Vec::new();
    for (call, response) in ordered {
        if turns.last().is_none_or(|last| last.turn != call.turn) {
            turns.push(TurnReading { turn: call.turn, credits: Vec::new(), shown: Vec::new(), missing: 0 });
        }
        let Some(turn) = turns.last_mut() else { continue };
        let text = judgment_text(response);
        match text.map(|text| parse_rating(text, reading)) {
            Ok(Some(rating)) => {
                turn.credits.push(rating.points());
                turn.shown.push(shown(rating));
            }
            Ok(None) => {
                turn.missing += 1;
                turn.shown.push("no rating".to_owned());
            }
            Err(reason) => {
                turn.missing += 1;
                turn.shown.push(format!("no answer ({reason})"));
            }
        }
    }
    turns
}

fn shown(rating: Rating) -> String {
    let points = rating.points();
    if rating.is_on_scale() { points.to_string() } else { format!("{points} (off the scale)") }
}

fn compared_turns(answers: &[(&JudgeCall, &Response)], reading: Reading) -> Vec<TurnReading> {
    let turns = games(answers, reading).into_iter();
    turns
        .map(|(turn, games)| {
            let outcomes = games.iter().map(|game| game.outcome()).collect::<Vec<_>>();
            let shown = games.iter().zip(&outcomes).map(|(game, outcome)| match outcome {
                Some(Outcome::Tie) if game.agrees() == Some(false) => "tie (the orders disagree)",
                Some(outcome) => outcome.as_str(),
                None => "no verdict",
            });
            TurnReading {
                turn,
                credits: outcomes.iter().flatten().map(|outcome| outcome.credit()).collect(),
                shown: shown.map(str::to_owned).collect(),
                missing: outcomes.iter().filter(|outcome| outcome.is_none()).count(),
            }
        })
        .collect()
}

fn combined(turns: &[TurnReading]) -> Score {
    let told = turns.iter().map(|turn| format!("turn {}: {}", turn.turn, turn.shown.join(", ")));
    let explanation = told.collect::<Vec<_>>().join("; ");
    let medians = turns.iter().map(|turn| median(&turn.credits)).collect::<Option<Vec<_>>>();
    match medians {
        Some(medians) if !medians.is_empty() => Score::Scored {
            credit: medians.iter().sum::<f64>() / medians.len() as f64,
            answer: medians.iter().map(f64::to_string).collect::<Vec<_>>().join(" "),
            explanation,
        },
        Some(_) => Score::Unscored { reason: "the judge was not asked".to_owned() },
        None => Score::Unscored { reason: format!("a turn has no judgment that can be read; {explanation}") },
    }
}

/// The middle value, or the mean of the middle two.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    sorted.get(sorted.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}
