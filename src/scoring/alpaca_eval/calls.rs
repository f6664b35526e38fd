//! The question to the judge about one reply.

use crate::instance::Expectation;
use crate::judgment::JudgeCall;
use crate::seed::Seed;

use super::annotator::{Annotator, AnswerForm};
use super::order::reply_stands_second;

/// Why a reply cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The instance has no answer to compare with.
    #[error("nothing to compare with: {0}; AlpacaEval needs one question with one baseline answer")]
    NoBaseline(String),
}

/// How the judge is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallSettings {
    /// Decides which answer is shown first; with 0 it is the order of the published leaderboard.
    pub seed: Seed,
    /// How often a generated judgment is asked for; at least 1. The probability of a token does not vary and is asked
    /// for once.
    pub repeats: usize,
}

/// The question and the baseline's answer of an instance.
pub(super) fn comparison(expectation: &Expectation) -> Result<(&str, &str), CallError> {
    let fail = |why: &str| Err(CallError::NoBaseline(why.to_owned()));
    let Expectation::Judged { questions, baseline, .. } = expectation else {
        return fail("no judge is expected");
    };
    let Some(baseline) = baseline else { return fail("no baseline") };
    match (questions.as_slice(), baseline.replies.as_slice()) {
        ([question], [reply]) => Ok((question, reply)),
        (questions, replies) => fail(&format!("{} questions and {} baseline answers", questions.len(), replies.len())),
    }
}

/// The questions to the judge about a reply; none where the reply equals the baseline's answer, which is a draw without
/// being judged.
///
/// The answer's preference is in the order shown: [`Verdict::new`](super::Verdict::new) turns it back.
pub fn calls(
    annotator: &Annotator,
    expectation: &Expectation,
    reply: &str,
    settings: CallSettings,
) -> Result<Vec<JudgeCall>, CallError> {
    let (instruction, baseline) = comparison(expectation)?;
    if reply == baseline {
        return Ok(Vec::new());
    }
    let swapped = reply_stands_second(settings.seed, instruction);
    let shown = if swapped { [baseline, reply] } else { [reply, baseline] };
    let repeats = match annotator.form() {
        AnswerForm::Weighted | AnswerForm::LikelierToken => 1,
        AnswerForm::Ranking => settings.repeats.max(1),
    };
    let call = |repeat| JudgeCall {
        turn: 1,
        repeat,
        prompt_name: annotator.prompt().name.clone(),
        swapped,
        request: annotator.request(instruction, shown, repeat),
    };
    Ok((0..repeats).map(call).collect())
}
