//! Log-probabilities of the very next token, from the server's list of likeliest ones.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::ask::Asker;
use super::error::Fault;
use super::generate::{Asked, LIMIT, NEWER_LIMIT};
use super::{EndpointError, wire};
use crate::request::Prompt;
use crate::response::Response;

/// How many likeliest tokens are asked for first, and where a server refuses so many.
const MOST_LISTED: usize = 20;
const FEW_LISTED: usize = 5;

impl Asker<'_> {
    /// Answers `NextToken`: the listed log-probability of each candidate, `None` where it is not listed.
    ///
    /// A candidate is found by its exact text. The distribution is the one at temperature 1.
    pub fn next_token(&self, prompt: &Prompt, candidates: &[String]) -> Result<Response, Fault> {
        let asked = self.asked(prompt)?;
        let is_chat = matches!(asked, Asked::Conversation { .. });
        let (few, newer) = (&self.endpoint.few_listed, &self.endpoint.newer_limit_name);
        let mut count = if few.load(Ordering::Relaxed) { FEW_LISTED } else { MOST_LISTED };
        let mut limit = if is_chat && newer.load(Ordering::Relaxed) { NEWER_LIMIT } else { LIMIT };
        loop {
            match self.listed(&asked, count, limit, candidates) {
                Err(Fault::Request { reason }) if count == MOST_LISTED && reason.contains("logprobs") => {
                    few.store(true, Ordering::Relaxed);
                    count = FEW_LISTED;
                }
                Err(Fault::Request { reason }) if is_chat && limit == LIMIT && reason.contains(NEWER_LIMIT) => {
                    newer.store(true, Ordering::Relaxed);
                    limit = NEWER_LIMIT;
                }
                outcome => return outcome,
            }
        }
    }

    fn listed(&self, asked: &Asked, count: usize, limit: &str, candidates: &[String]) -> Result<Response, Fault> {
        let mut body = asked.body(&self.endpoint.settings.model);
        body.extend([("temperature".to_owned(), json!(1.0)), (limit.to_owned(), json!(1))]);
        match asked {
            Asked::Conversation { .. } => {
                body.extend([("logprobs".to_owned(), json!(true)), ("top_logprobs".to_owned(), json!(count))]);
            }
            Asked::Text(_) => {
                body.insert("logprobs".to_owned(), json!(count));
            }
        }
        let path = asked.path();
        self.post(path, &body, &|answer| {
            let choice = wire::only_choice(answer)?;
            // Some servers answer in the chat interface's shape on both interfaces.
            let listed = first_of_chat(choice).or_else(|| first_of_text(choice));
            let listed =
                listed.ok_or_else(|| EndpointError::NoTopLogProbs { url: self.endpoint.transport.url(path) })?;
            let log_prob = |candidate: &String| {
                let found = listed.iter().filter(|(token, _)| token == candidate).map(|(_, nats)| *nats);
                found.fold(None, |best: Option<f64>, nats| Some(best.map_or(nats, |best| best.max(nats))))
            };
            Ok(Response::NextToken { log_probs: candidates.iter().map(log_prob).collect() })
        })
    }
}

/// `logprobs.content[0].top_logprobs` of a chat answer: token and log-probability.
fn first_of_chat(choice: &Value) -> Option<Vec<(String, f64)>> {
    let listed = choice.pointer("/logprobs/content/0/top_logprobs")?.as_array()?;
    let entry = |entry: &Value| Some((entry.get("token")?.as_str()?.to_owned(), entry.get("logprob")?.as_f64()?));
    listed.iter().map(entry).collect::<Option<Vec<_>>>().filter(|listed| !listed.is_empty())
}

/// `logprobs.top_logprobs[0]` of a text answer.
fn first_of_text(choice: &Value) -> Option<Vec<(String, f64)>> {
    let listed: &Map<String, Value> = choice.pointer("/logprobs/top_logprobs/0")?.as_object()?;
    let entry = |(token, nats): (&String, &Value)| Some((token.clone(), nats.as_f64()?));
    listed.iter().map(entry).collect::<Option<Vec<_>>>().filter(|listed| !listed.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_interfaces_list_tokens_and_anything_else_is_none() {
        let chat = json!({"logprobs": {"content": [{"token": "m", "top_logprobs": [
            {"token": "m", "logprob": -0.1, "bytes": [109]}, {"token": "M", "logprob": -2.5}]}]}});
        assert_eq!(first_of_chat(&chat), Some(vec![("m".to_owned(), -0.1), ("M".to_owned(), -2.5)]));
        let text = json!({"logprobs": {"top_logprobs": [{"m": -0.1, "M": -2.5}]}});
        assert_eq!(first_of_text(&text), Some(vec![("m".to_owned(), -0.1), ("M".to_owned(), -2.5)]));
        for broken in [json!({}), json!({"logprobs": null}), json!({"logprobs": {"content": [], "top_logprobs": [{}]}})]
        {
            assert_eq!((first_of_chat(&broken), first_of_text(&broken)), (None, None));
        }
    }
}
