//! A run's answers and judgments as rows of `FastChat`'s files.

use std::collections::BTreeMap;

use serde_json::Map;

use super::answer::ModelAnswer;
use super::judgment::SingleJudgment;
use super::pair::{PairJudgment, Winner, winner};
use crate::chat::Role;
use crate::judgment::JudgeCall;
use crate::request::{Prompt, Request};
use crate::response::Response;
use crate::scoring::mt_bench::{Reading, parse_rating, parse_verdict};

/// What stands in place of a judgment where the judge did not answer.
const NO_ANSWER: &str = "$ERROR$";

/// What rows say about who judged whom.
#[derive(Debug, Clone, Copy)]
pub struct JudgedBy<'a> {
    /// The judged model.
    pub model: &'a str,
    /// The judge.
    pub judge: &'a str,
    /// How its text is read.
    pub reading: Reading,
    /// Seconds since 1970, or 0.0.
    pub tstamp: f64,
}

/// Rows of `model_answer/MODEL.jsonl`, sorted by question.
pub fn answers_of_run<'a>(
    conversations: impl IntoIterator<Item = (i64, &'a [String])>,
    model: &str,
    tstamp: f64,
) -> Vec<ModelAnswer> {
    let rows = conversations.into_iter().map(|(question, replies)| ModelAnswer::new(question, model, replies, tstamp));
    let mut rows = rows.collect::<Vec<_>>();
    rows.sort_by_key(|row| row.question_id);
    rows
}

/// Rows of `model_judgment/JUDGE_single.jsonl` about one question: one a judge's answer, in their order.
pub fn single_judgments_of_run(
    question_id: i64,
    answers: &[(&JudgeCall, &Response)],
    by: &JudgedBy,
) -> Vec<SingleJudgment> {
    let rows = answers.iter().map(|(call, response)| {
        let judgment = judgment_text(response);
        SingleJudgment {
            question_id,
            model: by.model.to_owned(),
            judge: (by.judge.to_owned(), call.prompt_name.clone()),
            user_prompt: user_prompt(&call.request).to_owned(),
            score: parse_rating(judgment, by.reading),
            judgment: judgment.to_owned(),
            turn: call.turn,
            tstamp: by.tstamp,
            other: Map::new(),
        }
    });
    rows.collect()
}

/// Rows of `model_judgment/JUDGE_pair.jsonl` about one question: one a turn and repeat. A comparison that was asked in
/// one order only gives no row.
pub fn pair_judgments_of_run(
    question_id: i64,
    answers: &[(&JudgeCall, &Response)],
    baseline: &str,
    by: &JudgedBy,
) -> Vec<PairJudgment> {
    let mut games = BTreeMap::<(usize, usize), (Option<_>, Option<_>)>::new();
    for (call, response) in answers {
        let (original, swapped) = games.entry((call.turn, call.repeat)).or_default();
        let game = Some((*call, judgment_text(response)));
        if call.swapped {
            *swapped = game;
        } else {
            *original = game;
        }
    }
    let rows = games.into_values().filter_map(|(original, swapped)| {
        let ((call, g1), (swapped, g2)) = (original?, swapped?);
        Some(PairJudgment {
            question_id,
            model_1: by.model.to_owned(),
            model_2: baseline.to_owned(),
            g1_winner: winner(parse_verdict(g1, by.reading), Winner::Model1),
            g2_winner: winner(parse_verdict(g2, by.reading), Winner::Model2),
            judge: (by.judge.to_owned(), call.prompt_name.clone()),
            g1_user_prompt: user_prompt(&call.request).to_owned(),
            g1_judgment: g1.to_owned(),
            g2_user_prompt: user_prompt(&swapped.request).to_owned(),
            g2_judgment: g2.to_owned(),
            turn: call.turn,
            tstamp: by.tstamp,
            other: Map::new(),
        })
    });
    rows.collect()
}

fn judgment_text(response: &Response) -> &str {
    match response {
        Response::Generated(reply) => &reply.text,
        _ => NO_ANSWER,
    }
}

/// The user turn that the judge was given.
fn user_prompt(request: &Request) -> &str {
    match request {
        Request::Generate { prompt: Prompt::Chat { messages, .. }, .. } => {
            messages.iter().rfind(|message| message.role == Role::User).map_or("", |message| &message.content)
        }
        Request::Generate { prompt: Prompt::Text(text), .. } => text,
        _ => "",
    }
}
