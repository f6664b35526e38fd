//! From a judge's answers to the credits of one reply.

use std::borrow::Borrow;

use crate::instance::Expectation;
use crate::judgment::JudgeCall;
use crate::response::Response;
use crate::score::{Score, ScorePart};
use crate::task::Metric;

use super::annotator::{Annotator, AnswerForm};
use super::calls::comparison;
use super::preference::Preference;
use super::ranking::preferred_of_ranking;
use super::summary;

/// What the judge made of one reply, with the baseline's answer as the first and the reply as the second.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    preference: Result<Preference, String>,
    judged: bool,
    parts: Vec<ScorePart>,
}

impl Verdict {
    /// Reads the judge's answers to [`calls`](super::calls): each is turned back where the reply was shown first, and
    /// repeats are averaged. Answers without a preference count as missing; where none has one, the reply is unscored
    /// with the first reason. A reply that equals the baseline's answer is a draw.
    pub fn new(
        annotator: &Annotator,
        expectation: &Expectation,
        reply: &str,
        answers: &[(impl Borrow<JudgeCall>, impl Borrow<Response>)],
    ) -> Self {
        let (_, baseline) = match comparison(expectation) {
            Ok(texts) => texts,
            Err(error) => return Self { preference: Err(error.to_string()), judged: false, parts: Vec::new() },
        };
        if reply == baseline {
            let credits = vec![Preference::DRAW.share()];
            let parts = summary::parts(baseline, reply, credits, 0);
            return Self { preference: Ok(Preference::DRAW), judged: false, parts };
        }
        let mut found = Vec::with_capacity(answers.len());
        for (call, response) in answers {
            let shown = shown_preference(annotator.form(), response.borrow());
            found.push(shown.map(|shown| if call.borrow().swapped { shown } else { shown.flipped() }));
        }
        let shares = found.iter().flatten().map(|preference| preference.share()).collect::<Vec<_>>();
        let missing = found.len() - shares.len();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let preference = Preference::from_share(mean).ok_or_else(|| {
            let reason = found.iter().find_map(|found| found.as_ref().err().cloned());
            reason.unwrap_or_else(|| "the judge was not asked".to_owned())
        });
        Self { preference, judged: true, parts: summary::parts(baseline, reply, shares, missing) }
    }

    /// The preference for the reply over the baseline's answer, or why there is none.
    pub fn preference(&self) -> Result<Preference, &str> {
        self.preference.as_ref().copied().map_err(String::as_str)
    }

    /// What the credit is made of and what the length-controlled win rate needs: `win_rate` (once a repeat, with the
    /// missing ones), `length_difference` and `length` in characters.
    pub fn parts(&self) -> &[ScorePart] {
        &self.parts
    }

    /// The score under `win_rate` or `discrete_win_rate`; other metrics are not defined.
    pub fn score(&self, metric: Metric) -> Score {
        let preference = match &self.preference {
            Ok(preference) => *preference,
            Err(reason) => return Score::Unscored { reason: reason.clone() },
        };
        let credit = match metric {
            Metric::WinRate => preference.share(),
            Metric::DiscreteWinRate => preference.discrete(),
            other => return Score::Unscored { reason: format!("{other} is not defined for AlpacaEval") },
        };
        let winner = match preference.discrete() {
            share if share > 0.5 => "the reply",
            share if share < 0.5 => "the baseline's answer",
            _ => "neither",
        };
        let explanation = if self.judged {
            format!("preferred: {winner} (preference {:.4} between 1, the baseline, and 2)", preference.value())
        } else {
            "the reply equals the baseline's answer: a draw, not judged".to_owned()
        };
        Score::Scored { credit, answer: winner.to_owned(), explanation }
    }
}

/// The preference between the two answers in the order in which they were shown.
fn shown_preference(form: AnswerForm, response: &Response) -> Result<Preference, String> {
    match (form, response) {
        (_, Response::Failed { reason }) => Err(format!("the judge gave no answer: {reason}")),
        (AnswerForm::Weighted | AnswerForm::LikelierToken, Response::NextToken { log_probs }) => {
            let &[first, second] = log_probs.as_slice() else {
                return Err(format!("the judge gave {} probabilities where 2 were asked", log_probs.len()));
            };
            let preference = if form == AnswerForm::Weighted {
                Preference::from_log_probs(first, second)
            } else {
                Preference::from_likelier(first, second)
            };
            preference.ok_or_else(|| "neither `m` nor `M` is among the judge's likeliest tokens".to_owned())
        }
        (AnswerForm::Ranking, Response::Generated(generation)) => preferred_of_ranking(&generation.text)
            .map_err(|fault| format!("the judge's ranking cannot be read: {fault}")),
        _ => Err("the judge's answer is of another kind than was asked".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::{CallSettings, calls};
    use super::*;
    use crate::instance::Baseline;
    use crate::judgment::JudgePrompt;
    use crate::request::Request;
    use crate::response::{FinishReason, Generation};
    use crate::seed::Seed;

    fn annotator(form: AnswerForm) -> Annotator {
        let prompt_template = "{instruction}\n{output_1}\n{output_2}".to_owned();
        Annotator::new(JudgePrompt { name: "own".into(), system_prompt: String::new(), prompt_template }, form).unwrap()
    }

    fn expectation(question: &str) -> Expectation {
        Expectation::Judged {
            category: String::new(),
            questions: vec![question.to_owned()],
            references: Vec::new(),
            baseline: Some(Baseline { generator: "b".into(), replies: vec!["base".into()] }),
        }
    }

    const NONE: &[(JudgeCall, Response)] = &[];
    const SETTINGS: CallSettings = CallSettings { seed: Seed(7), repeats: 1 };

    fn generated(text: &str) -> Response {
        Response::Generated(Generation {
            text: text.to_owned(),
            token_ids: Vec::new(),
            finish: FinishReason::EndToken,
            prompt_tokens_cut: 0,
        })
    }

    /// A judge that always names the reply, wherever it stands.
    fn fair_judge(call: &JudgeCall) -> Response {
        let [reply, other] = [Some(-0.1), Some(-4.0)];
        Response::NextToken { log_probs: if call.swapped { vec![other, reply] } else { vec![reply, other] } }
    }

    #[test]
    fn a_judge_that_names_the_reply_is_read_alike_in_both_places() {
        let annotator = annotator(AnswerForm::Weighted);
        let mut places = [0; 2];
        for number in 0..60 {
            let expectation = expectation(&format!("question {number}"));
            let calls = calls(&annotator, &expectation, "mine", SETTINGS).unwrap();
            let [call] = calls.as_slice() else { unreachable!("one call") };
            places[usize::from(call.swapped)] += 1;
            let Request::NextToken { prompt, .. } = &call.request else { unreachable!("one token is asked") };
            let order = if call.swapped { "base\nmine" } else { "mine\nbase" };
            assert!(prompt.as_readable_text().ends_with(order));
            let verdict = Verdict::new(&annotator, &expectation, "mine", &[(call.clone(), fair_judge(call))]);
            let expected = 1.0 / (1.0 + (-3.9_f64).exp());
            assert!((verdict.score(Metric::WinRate).credit().unwrap() - expected).abs() < 1e-12);
            assert_eq!(verdict.score(Metric::DiscreteWinRate).credit(), Some(1.0));
        }
        assert!(places.iter().all(|count| *count > 15), "{places:?}");
    }

    #[test]
    fn the_place_of_a_reply_depends_on_instruction_and_seed_alone() {
        let annotator = annotator(AnswerForm::Ranking);
        let place = |seed, question: &str, reply: &str| {
            let settings = CallSettings { seed: Seed(seed), repeats: 1 };
            calls(&annotator, &expectation(question), reply, settings).unwrap().first().unwrap().swapped
        };
        assert_eq!(place(1, "q", "one"), place(1, "q", "two"));
        let places = |seed| (0..32).map(|n| place(seed, &n.to_string(), "x")).collect::<Vec<_>>();
        assert_eq!(places(1), places(1));
        assert_ne!(places(1), places(2));
    }

    #[test]
    fn the_baselines_own_answer_is_a_draw_that_nobody_is_asked_about() {
        let annotator = annotator(AnswerForm::Weighted);
        assert_eq!(calls(&annotator, &expectation("q"), "base", SETTINGS), Ok(Vec::new()));
        let verdict = Verdict::new(&annotator, &expectation("q"), "base", NONE);
        assert_eq!(verdict.score(Metric::WinRate).credit(), Some(0.5));
        assert_eq!(verdict.score(Metric::DiscreteWinRate).credit(), Some(0.5));
    }

    #[test]
    fn repeats_are_asked_under_different_numbers_and_averaged_over_those_that_can_be_read() {
        let annotator = annotator(AnswerForm::Ranking);
        let settings = CallSettings { repeats: 3, ..SETTINGS };
        let calls = calls(&annotator, &expectation("q"), "mine", settings).unwrap();
        assert_eq!(calls.len(), 3);
        assert_ne!(calls.first().unwrap().request, calls.last().unwrap().request);
        let first = "[{'model': 'model_1', 'rank': 1}]";
        let answers = calls.into_iter().zip([generated(first), generated("neither"), generated(first)]);
        let verdict = Verdict::new(&annotator, &expectation("q"), "mine", &answers.clone().collect::<Vec<_>>());
        let shown_second = answers.clone().all(|(call, _)| call.swapped);
        assert_eq!(verdict.score(Metric::WinRate).credit(), Some(if shown_second { 0.0 } else { 1.0 }));
        let part = verdict.parts().first().unwrap();
        assert_eq!((part.name.as_str(), part.credits.len(), part.missing), ("win_rate", 2, 1));
    }

    #[test]
    fn an_answer_without_a_preference_leaves_the_reply_unscored_with_the_reason() {
        let annotator = annotator(AnswerForm::Weighted);
        let call = calls(&annotator, &expectation("q"), "mine", SETTINGS).unwrap().remove(0);
        for (response, why) in [
            (Response::NextToken { log_probs: vec![None, None] }, "neither `m` nor `M`"),
            (Response::NextToken { log_probs: vec![Some(-1.0)] }, "1 probabilities"),
            (Response::Failed { reason: "time-out".into() }, "time-out"),
            (generated("m"), "another kind"),
        ] {
            let verdict = Verdict::new(&annotator, &expectation("q"), "mine", &[(call.clone(), response)]);
            assert!(verdict.preference().unwrap_err().contains(why), "{verdict:?}");
            assert_eq!(verdict.score(Metric::WinRate).credit(), None);
            assert_eq!(verdict.parts().iter().map(|part| part.credits.len()).collect::<Vec<_>>(), [0, 1, 1]);
        }
        let unasked = Verdict::new(&annotator, &expectation("q"), "mine", NONE);
        assert!(unasked.preference().unwrap_err().contains("not asked"));
    }

    #[test]
    fn what_has_no_baseline_is_not_compared() {
        let error = calls(&annotator(AnswerForm::Weighted), &Expectation::Document, "x", SETTINGS).unwrap_err();
        assert!(error.to_string().contains("no judge is expected"));
    }

    /// Python: `len("né🙂") == 3`.
    #[test]
    fn lengths_are_counted_in_code_points() {
        let verdict = Verdict::new(&annotator(AnswerForm::Weighted), &expectation("q"), "né🙂", NONE);
        let credits = verdict.parts().iter().map(|part| part.credits.clone()).collect::<Vec<_>>();
        assert_eq!(credits, [vec![], vec![1.0], vec![3.0]]);
    }
}
