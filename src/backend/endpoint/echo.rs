//! Log-probabilities of given texts, from servers that repeat the prompt with them.
//!
//! A text behind a context is scored as lm-evaluation-harness and this program's own engine do it: the context's tokens on
//! its own (without white space at its end), then those tokens of both together that come after as many. Context and whole
//! are both sent as text, and where the whole begins with the context's tokens, the rest is summed. Where a token reaches from
//! the context into the text, the tokens have to be put together by id, which needs a server that tells ids; another server's
//! request fails with that token named, instead of getting a number that means something else.
//!
//! The server's character offsets are not used: servers differ in them for special tokens and for characters of several
//! tokens. The price is one more request a context.

use serde_json::{Map, Value, json};

use super::ask::Asker;
use super::error::Fault;
use super::generate::{Asked, COMPLETIONS};
use super::{EndpointError, wire};
use crate::request::{Continuation, Prompt};
use crate::response::{ContinuationLogProb, Response};

/// Above this, rounding does not explain a log-probability over 0.
const ROUNDING_NATS: f64 = 1e-2;

/// Why a text that adds no token cannot be scored.
const NO_TOKENS: &str = "the text has no token of its own behind the prompt, so it has no probability";

/// How a server tells the log-probabilities of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EchoForm {
    /// `echo` with `logprobs`: the prompt's tokens stand before the generated ones.
    Echoed,
    /// `prompt_logprobs`, an extension of vLLM.
    PromptLogProbs,
}

/// A prompt's tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScoredTokens {
    /// Log-probability of each token, in nats; `None` where nothing stands before it.
    pub nats: Vec<Option<f64>>,
    /// Whether each was the likeliest.
    pub greedy: Vec<bool>,
    /// The tokens, as the server writes them.
    pub tokens: Vec<String>,
}

impl ScoredTokens {
    /// Sum over the tokens from `start` on.
    fn sum_from(&self, start: usize) -> Result<ContinuationLogProb, Fault> {
        let tail = self.nats.get(start..).filter(|tail| !tail.is_empty()).ok_or_else(|| Fault::request(NO_TOKENS))?;
        let sum_nats = tail.iter().copied().sum::<Option<f64>>().ok_or_else(|| {
            Fault::request(
                "the text's first token has no probability, because the server shows no beginning token before it: give a \
                 prompt that is not empty",
            )
        })?;
        let is_greedy = self.greedy.iter().skip(start).all(|greedy| *greedy);
        Ok(ContinuationLogProb { sum_nats, tokens: tail.len(), is_greedy, prompt_tokens_cut: 0 })
    }

    /// Where a text begins that was sent without a context: behind a beginning token, if the server shows one there.
    fn start_of(&self, text: &str) -> usize {
        let first = self.tokens.first().map_or("", |token| token.trim_matches([' ', '▁', 'Ġ']));
        let is_text = first.is_empty() || text.trim_start().starts_with(first);
        usize::from(self.nats.first() == Some(&None) && !is_text)
    }
}

/// Reads the tokens of a prompt.
pub(super) fn scored_tokens(answer: &Value, form: EchoForm) -> Result<ScoredTokens, Fault> {
    let choice = wire::only_choice(answer)?;
    let scored = match form {
        EchoForm::Echoed => echoed(answer, choice)?,
        EchoForm::PromptLogProbs => prompt_log_probs(choice)?,
    };
    if scored.nats.iter().flatten().any(|nats| *nats > ROUNDING_NATS) {
        return Err(Fault::malformed("a log-probability above 0"));
    }
    Ok(scored)
}

fn echoed(answer: &Value, choice: &Value) -> Result<ScoredTokens, Fault> {
    let list = |name: &str| choice.get("logprobs").and_then(|log_probs| log_probs.get(name)).and_then(Value::as_array);
    let lists = (list("tokens"), list("token_logprobs"), list("top_logprobs"));
    let (Some(tokens), Some(nats), Some(top)) = lists else {
        return Err(Fault::request("the answer lacks `tokens`, `token_logprobs` or `top_logprobs`"));
    };
    if tokens.len() != nats.len() || top.len() != nats.len() {
        let lengths = format!(
            "{} tokens, {} log-probabilities, {} lists of likeliest tokens",
            tokens.len(),
            nats.len(),
            top.len()
        );
        return Err(Fault::malformed(lengths));
    }
    // One token was asked for; a server that stopped before it says so.
    let generated = answer.pointer("/usage/completion_tokens").and_then(Value::as_u64).map_or(1, |count| count.min(1));
    let prompt = nats.len().saturating_sub(usize::from(generated == 1));
    let mut scored = ScoredTokens {
        nats: Vec::with_capacity(prompt),
        greedy: Vec::with_capacity(prompt),
        tokens: tokens.iter().take(prompt).map(|token| token.as_str().unwrap_or_default().to_owned()).collect(),
    };
    for (nats, top) in nats.iter().zip(top).take(prompt) {
        let nats = number_or_null(nats)?;
        let best = top.as_object().map(|top| top.values().filter_map(Value::as_f64).fold(f64::NEG_INFINITY, f64::max));
        scored.greedy.push(nats.is_some_and(|nats| best.is_some_and(|best| nats >= best)));
        scored.nats.push(nats);
    }
    Ok(scored)
}

/// Each entry lists the prompt's own token first.
fn prompt_log_probs(choice: &Value) -> Result<ScoredTokens, Fault> {
    let Some(entries) = choice.get("prompt_logprobs").and_then(Value::as_array) else {
        return Err(Fault::request("the answer lacks `prompt_logprobs`"));
    };
    let mut scored = ScoredTokens { nats: Vec::new(), greedy: Vec::new(), tokens: Vec::new() };
    for (place, entry) in entries.iter().enumerate() {
        let (id, own) = entry.as_object().and_then(|entry| entry.iter().next()).unzip();
        let nats = own.map(|own| own.get("logprob").and_then(Value::as_f64));
        if own.is_none() && !(place == 0 && entry.is_null()) || nats == Some(None) {
            return Err(Fault::malformed("an entry of `prompt_logprobs` without `logprob`"));
        }
        scored.greedy.push(own.and_then(|own| own.get("rank")).and_then(Value::as_u64) == Some(1));
        scored.nats.push(nats.flatten());
        scored.tokens.push(id.cloned().unwrap_or_default());
    }
    Ok(scored)
}

fn number_or_null(value: &Value) -> Result<Option<f64>, Fault> {
    match value {
        Value::Null => Ok(None),
        other => other.as_f64().map(Some).ok_or_else(|| Fault::malformed("a log-probability that is no number")),
    }
}

/// Says which token joins context and text.
fn straddle(context: &[String], whole: &[String]) -> String {
    let place = context.iter().zip(whole).take_while(|(alone, joined)| alone == joined).count();
    let joined = whole.get(place).map_or("", String::as_str);
    format!("the token {joined:?} reaches from the prompt into the text, which has to be scored by token ids")
}

impl Asker<'_> {
    /// Finds out once how the server tells log-probabilities of a prompt.
    pub fn echo_form(&self) -> Result<EchoForm, Fault> {
        const SAMPLE: &str = "The sky is blue and the grass is green.";
        let none = |reason: &String| {
            let url = self.endpoint.transport.base().to_owned();
            Fault::Endpoint(EndpointError::NoEcho { url, reason: reason.clone() })
        };
        if let Some(known) = self.endpoint.echo.get() {
            return known.as_ref().copied().map_err(none);
        }
        let mut reasons = Vec::new();
        for form in [EchoForm::Echoed, EchoForm::PromptLogProbs] {
            match self.echo(json!(SAMPLE), form) {
                Ok(scored) if scored.nats.len() > 1 && scored.nats.iter().skip(1).all(Option::is_some) => {
                    return self.endpoint.echo.get_or_init(|| Ok(form)).as_ref().copied().map_err(none);
                }
                Ok(_) => reasons.push("only generated tokens have log-probabilities".to_owned()),
                Err(Fault::Request { reason }) => reasons.push(reason),
                Err(Fault::Endpoint(EndpointError::Refused { status: Some(404 | 405), reason, .. })) => {
                    reasons.push(reason);
                }
                Err(fault) => return Err(fault),
            }
        }
        reasons.dedup();
        self.endpoint.echo.get_or_init(|| Err(reasons.join("; "))).as_ref().copied().map_err(none)
    }

    /// Scores a prompt: a text or token ids.
    fn echo(&self, prompt: Value, form: EchoForm) -> Result<ScoredTokens, Fault> {
        let mut body: Map<String, Value> = wire::body(&self.endpoint.settings.model);
        body.extend([
            ("prompt".to_owned(), prompt),
            ("max_tokens".to_owned(), json!(1)),
            ("temperature".to_owned(), json!(0)),
        ]);
        match form {
            EchoForm::Echoed => {
                body.extend([("echo".to_owned(), json!(true)), ("logprobs".to_owned(), json!(1))]);
            }
            EchoForm::PromptLogProbs => {
                body.insert("prompt_logprobs".to_owned(), json!(1));
            }
        }
        self.post(COMPLETIONS, &body, &|answer| scored_tokens(answer, form))
    }

    /// Scores token ids.
    pub fn sum_of_ids(&self, context: &[u32], continuation: &[u32]) -> Result<ContinuationLogProb, Fault> {
        let ids = [context, continuation].concat();
        if continuation.is_empty() {
            return Err(Fault::request(NO_TOKENS));
        }
        let scored = self.echo(json!(ids), self.echo_form()?)?;
        if scored.nats.len() != ids.len() {
            return Err(Fault::request(format!("{} token ids came back as {} tokens", ids.len(), scored.nats.len())));
        }
        scored.sum_from(context.len())
    }

    /// Answers `LogLikelihood`.
    pub fn log_likelihood(&self, prompt: &Prompt, continuations: &[Continuation]) -> Result<Response, Fault> {
        let Asked::Text(context) = self.asked(prompt)? else {
            return Err(EndpointError::ChatLogProbs { url: self.endpoint.transport.base().to_owned() }.into());
        };
        let form = self.echo_form()?;
        let stem = context.trim_end();
        let has_text = continuations.iter().any(|one| matches!(one, Continuation::Text(_)));
        let stem_tokens = if stem.is_empty() || !has_text { None } else { Some(self.echo(json!(stem), form)?.tokens) };
        let one = |continuation: &Continuation| match continuation {
            Continuation::Text(text) => {
                let whole = [context.as_str(), text].concat();
                let scored = self.echo(json!(whole), form)?;
                match &stem_tokens {
                    None => scored.sum_from(scored.start_of(&whole)),
                    Some(tokens) if scored.tokens.starts_with(tokens) => scored.sum_from(tokens.len()),
                    Some(tokens) => self.joined_by_ids(stem, &whole).map_err(|fault| match fault {
                        Fault::Request { reason } => {
                            Fault::request(format!("{}: {reason}", straddle(tokens, &scored.tokens)))
                        }
                        other => other,
                    }),
                }
            }
            Continuation::Tokens(ids) => self.sum_of_ids(&self.prompt_ids(prompt)?, ids),
        };
        let continuations = continuations.iter().map(one).collect::<Result<_, _>>()?;
        Ok(Response::LogProbs { continuations })
    }

    /// Scores what comes behind a context whose tokens change when more text follows.
    fn joined_by_ids(&self, context: &str, whole: &str) -> Result<ContinuationLogProb, Fault> {
        let ids = |text: &str| self.prompt_ids(&Prompt::Text(text.to_owned()));
        let (context, whole) = (ids(context)?, ids(whole)?);
        self.sum_of_ids(&context, whole.get(context.len()..).unwrap_or_default())
    }

    /// Answers `Rolling`, in one window: a text that is longer than the server's context is refused by it.
    pub fn rolling(&self, text: &str) -> Result<Response, Fault> {
        let scored = self.echo(json!(text), self.echo_form()?)?;
        let sum = scored.sum_from(scored.start_of(text))?;
        Ok(Response::Rolling { sum_nats: sum.sum_nats, tokens: sum.tokens })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn echoed_answer(generated: u64) -> Value {
        json!({
            "choices": [{"text": "<s>a b c", "logprobs": {
                "tokens": ["<s>", "a", " b", " c"],
                "token_logprobs": [null, -1.5, -0.25, -2.0],
                "top_logprobs": [null, {"x": -0.5, "a": -1.5}, {" b": -0.25}, {" c": -2.0}],
                "text_offset": [0, 3, 4, 6]}}],
            "usage": {"prompt_tokens": 4 - generated, "completion_tokens": generated}
        })
    }

    #[test]
    fn only_the_prompts_tokens_are_scored_and_a_generated_one_is_left_out() {
        let scored = scored_tokens(&echoed_answer(1), EchoForm::Echoed).unwrap();
        assert_eq!(scored.nats, [None, Some(-1.5), Some(-0.25)]);
        assert_eq!(scored.greedy, [false, false, true]);
        let sum = scored.sum_from(1).unwrap();
        assert_eq!((sum.sum_nats, sum.tokens, sum.is_greedy), (-1.75, 2, false));
        assert!(scored.sum_from(2).unwrap().is_greedy);
        assert_eq!(scored_tokens(&echoed_answer(0), EchoForm::Echoed).unwrap().nats.len(), 4);
    }

    #[test]
    fn a_sum_over_no_token_or_over_one_without_probability_is_refused() {
        let scored = scored_tokens(&echoed_answer(1), EchoForm::Echoed).unwrap();
        assert!(scored.sum_from(3).is_err() && scored.sum_from(usize::MAX).is_err());
        assert!(scored.sum_from(0).is_err());
    }

    #[test]
    fn a_beginning_token_is_told_from_the_texts_own_first_token() {
        let first =
            |first: &str, nats| ScoredTokens { nats: vec![nats], greedy: vec![false], tokens: vec![first.to_owned()] };
        assert_eq!(first("<s>", None).start_of("Once"), 1);
        assert_eq!(first("", None).start_of("Once"), 0, "unknown: the sum is refused");
        assert_eq!(first("▁On", None).start_of("Once"), 0);
        assert_eq!(first("<s>", Some(-1.0)).start_of("Once"), 0);
    }

    #[test]
    fn the_extension_of_vllm_gives_the_same_tokens() {
        let answer = json!({"choices": [{"text": "x", "prompt_logprobs": [
            null,
            {"97": {"logprob": -1.5, "rank": 4, "decoded_token": "a"}, "5": {"logprob": -0.5, "rank": 1}},
            {"98": {"logprob": -0.25, "rank": 1, "decoded_token": " b"}}]}]});
        let scored = scored_tokens(&answer, EchoForm::PromptLogProbs).unwrap();
        assert_eq!(scored.nats, [None, Some(-1.5), Some(-0.25)]);
        assert_eq!(
            (scored.greedy, scored.tokens),
            (vec![false, false, true], ["", "97", "98"].map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn lists_of_different_lengths_and_impossible_numbers_are_faults() {
        for (place, value) in [
            ("/choices/0/logprobs/tokens", json!(["a"])),
            ("/choices/0/logprobs/token_logprobs/1", json!("x")),
            ("/choices/0/logprobs/token_logprobs/1", json!(0.5)),
        ] {
            let mut answer = echoed_answer(1);
            *answer.pointer_mut(place).unwrap() = value;
            let fault = scored_tokens(&answer, EchoForm::Echoed).unwrap_err();
            assert!(matches!(fault, Fault::Transient { .. }), "{place}: {fault:?}");
        }
        let without = json!({"choices": [{"text": "x", "logprobs": null}]});
        assert!(matches!(scored_tokens(&without, EchoForm::Echoed), Err(Fault::Request { .. })));
        assert!(matches!(scored_tokens(&without, EchoForm::PromptLogProbs), Err(Fault::Request { .. })));
    }
}
