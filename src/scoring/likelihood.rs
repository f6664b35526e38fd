//! Metrics over log-probabilities.

use crate::instance::Expectation;
use crate::request::Request;
use crate::response::{ContinuationLogProb, Response};
use crate::score::Score;
use crate::task::Metric;

use super::python_text::split_count;
use super::wording::{quoted, quoted_list, scored, unscored};

/// Weight of a response's credit when credits are combined: words ([`Metric::WordPerplexity`], counted as Python's
/// `len(re.split(r"\s+", text))` like lm-evaluation-harness) or UTF-8 bytes ([`Metric::BytePerplexity`],
/// [`Metric::BitsPerByte`]) of the document, or instructions of the prompt ([`Metric::InstLevelStrictAcc`],
/// [`Metric::InstLevelLooseAcc`]); 1 for every other metric.
pub fn weight(metric: Metric, expectation: &Expectation, request: &Request) -> f64 {
    if let (Metric::InstLevelStrictAcc | Metric::InstLevelLooseAcc, Expectation::Verified { turns }) =
        (metric, expectation)
    {
        return turns.iter().map(Vec::len).sum::<usize>() as f64;
    }
    match (metric, request) {
        (Metric::WordPerplexity, Request::Rolling { text }) => split_count(text) as f64,
        (Metric::BytePerplexity | Metric::BitsPerByte, Request::Rolling { text }) => text.len() as f64,
        _ => 1.0,
    }
}

/// Multiple choice. `acc`: the continuation with the highest summed log-probability is a right one; ties go to the first.
/// `acc_norm`: the same after dividing each sum by the option's length in characters (without the delimiter before it;
/// an option without characters is never chosen). `exact_match`: greedy decoding would give a right continuation.
pub(super) fn choice(metric: Metric, choices: &[String], gold: &[usize], found: &[ContinuationLogProb]) -> Score {
    if found.len() != choices.len() || choices.is_empty() {
        return unscored(format!("{} log-probabilities for {} options", found.len(), choices.len()));
    }
    if gold.is_empty() || gold.iter().any(|index| *index >= choices.len()) {
        return unscored(format!("the right option {gold:?} is not among the {} options", choices.len()));
    }
    if let Some(place) = found.iter().position(|one| one.sum_nats.is_nan()) {
        return unscored(format!("the log-probability of option {} is not a number", place + 1));
    }
    let expected = || quoted_list(gold.iter().filter_map(|index| choices.get(*index)));
    let values = match metric {
        Metric::Acc => found.iter().map(|one| one.sum_nats).collect::<Vec<_>>(),
        Metric::AccNorm => found.iter().zip(choices).map(|(one, text)| per_character(one.sum_nats, text)).collect(),
        Metric::ExactMatch => {
            let right = gold.iter().any(|index| found.get(*index).is_some_and(|one| one.is_greedy));
            let answer = found.iter().zip(choices).find(|(one, _)| one.is_greedy).map(|(_, text)| text.clone());
            let answered = answer.as_deref().map_or_else(|| "none of the options".to_owned(), quoted);
            return scored(
                right,
                answer.unwrap_or_default(),
                format!("greedy decoding gives {answered}, expected {}", expected()),
            );
        }
        other => return unscored(format!("{other} is not defined for multiple_choice")),
    };
    let chosen = first_maximum(&values);
    let right = gold.contains(&chosen);
    let text = choices.get(chosen).cloned().unwrap_or_default();
    let value = |index: usize| values.get(index).copied().unwrap_or_default();
    let unit = if metric == Metric::AccNorm { "nats per character" } else { "nats" };
    let explanation = if right {
        format!("chose {} ({:.3} {unit}), as expected", quoted(&text), value(chosen))
    } else {
        let best = gold.iter().map(|index| value(*index)).fold(f64::NEG_INFINITY, f64::max);
        format!("chose {} ({:.3} {unit}), expected {} ({best:.3})", quoted(&text), value(chosen), expected())
    };
    scored(right, text, explanation)
}

/// Log-likelihood tasks. `acc`: greedy decoding gives the continuation. `perplexity`: the credit is `-log P` in nats.
pub(super) fn continuation(metric: Metric, text: &str, found: &[ContinuationLogProb]) -> Score {
    let [found] = found else {
        return unscored(format!("{} log-probabilities for one continuation", found.len()));
    };
    match metric {
        Metric::Acc if found.is_greedy => {
            scored(true, text.to_owned(), format!("greedy decoding gives {}, as expected", quoted(text)))
        }
        Metric::Acc => scored(
            false,
            String::new(),
            format!("greedy decoding gives something else, expected {} ({:.3} nats)", quoted(text), found.sum_nats),
        ),
        Metric::Perplexity => nats(
            -found.sum_nats,
            format!("log P of {} is {:.3} nats over {} tokens", quoted(text), found.sum_nats, found.tokens),
        ),
        other => unscored(format!("{other} is not defined for loglikelihood")),
    }
}

/// Whole texts: the credit is nats (or bits) per word or byte of this document.
pub(super) fn document(metric: Metric, request: &Request, sum_nats: f64, tokens: usize) -> Score {
    let Request::Rolling { text } = request else {
        return unscored("the request is not a whole text".to_owned());
    };
    if text.is_empty() {
        return unscored("the document is empty".to_owned());
    }
    let weight = weight(metric, &Expectation::Document, request);
    let (unit, per_unit) = match metric {
        Metric::WordPerplexity => ("words", -sum_nats / weight),
        Metric::BytePerplexity => ("bytes", -sum_nats / weight),
        Metric::BitsPerByte => ("bytes", -sum_nats / weight / std::f64::consts::LN_2),
        other => return unscored(format!("{other} is not defined for loglikelihood_rolling")),
    };
    nats(per_unit, format!("log P is {sum_nats:.3} nats over {tokens} tokens, {weight} {unit}"))
}

/// Judges a response of a log-probability task under one metric.
pub(super) fn judge(metric: Metric, expectation: &Expectation, request: &Request, response: &Response) -> Score {
    match (expectation, response) {
        (_, Response::Failed { reason }) => unscored(format!("the request failed: {reason}")),
        (Expectation::Choice { choices, gold }, Response::LogProbs { continuations }) => {
            choice(metric, choices, gold, continuations)
        }
        (Expectation::Continuation { text }, Response::LogProbs { continuations }) => {
            continuation(metric, text, continuations)
        }
        (Expectation::Document, Response::Rolling { sum_nats, tokens }) => {
            document(metric, request, *sum_nats, *tokens)
        }
        _ => unscored("the response is of another kind than the task asks for".to_owned()),
    }
}

fn nats(credit: f64, explanation: String) -> Score {
    if credit.is_finite() {
        // A credit of -0 would print as such.
        Score::Scored { credit: credit + 0.0, answer: String::new(), explanation }
    } else {
        unscored(format!("the log-probability is not finite: {explanation}"))
    }
}

fn per_character(sum_nats: f64, text: &str) -> f64 {
    let characters = text.chars().count();
    if characters == 0 { f64::NEG_INFINITY } else { sum_nats / characters as f64 }
}

fn first_maximum(values: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, value) in values.iter().enumerate() {
        if *value > best.1 {
            best = (index, *value);
        }
    }
    best.0
}
