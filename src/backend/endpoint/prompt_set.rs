//! Sets of prompts with one intent: replies as token ids, each scored under every prompt.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::ask::Asker;
use super::error::Fault;
use super::{EndpointError, transport, wire};
use crate::request::{Decoding, Prompt};
use crate::response::{Generation, Response};

/// Why most servers cannot answer.
const NO_IDS: &str = "this server gives no token ids, which prompt sets (POSIX) and tokens across a joint need; vLLM does \
                      (`return_token_ids`). Leave such tasks out or evaluate the checkpoint locally";

/// A generation with the ids of its prompt.
#[derive(Debug)]
struct Identified {
    prompt_ids: Vec<u32>,
    reply: Generation,
}

impl Asker<'_> {
    /// The ids of a prompt as the server tokenizes it.
    pub fn prompt_ids(&self, prompt: &Prompt) -> Result<Vec<u32>, Fault> {
        Ok(self.identified(prompt, &Decoding::greedy(1))?.prompt_ids)
    }

    /// Answers `PromptSet`: nothing is tokenized twice, so every reply is scored as the tokens that were generated.
    pub fn prompt_set(&self, prompts: &[Prompt], decoding: &Decoding) -> Result<Response, Fault> {
        if let Err(fault) = self.echo_form() {
            return Err(match fault {
                Fault::Endpoint(EndpointError::NoEcho { .. }) => Fault::request(transport::told(&fault)),
                other => other,
            });
        }
        let whole = Decoding { stop: Vec::new(), ..decoding.clone() };
        let asked = prompts.iter().map(|prompt| self.identified(prompt, &whole)).collect::<Result<Vec<_>, _>>()?;
        let row = |under: &Identified| {
            let one = |of: &Identified| match of.reply.token_ids.as_slice() {
                [] => Ok(0.0),
                ids => self.sum_of_ids(&under.prompt_ids, ids).map(|sum| sum.sum_nats),
            };
            asked.iter().map(one).collect::<Result<Vec<f64>, Fault>>()
        };
        let log_probs = asked.iter().map(row).collect::<Result<_, _>>()?;
        Ok(Response::PromptSet { replies: asked.into_iter().map(|asked| asked.reply).collect(), log_probs })
    }

    fn identified(&self, prompt: &Prompt, decoding: &Decoding) -> Result<Identified, Fault> {
        let missing = &self.endpoint.no_token_ids;
        if missing.load(Ordering::Relaxed) {
            return Err(Fault::request(NO_IDS));
        }
        let asked = self.asked(prompt)?;
        let mut body = asked.body(&self.endpoint.settings.model);
        body.insert("return_token_ids".to_owned(), json!(true));
        self.decoded(&asked, &body, decoding, &|answer| {
            let ids = (ids_of(answer, "prompt_token_ids"), ids_of(answer, "token_ids"));
            let (Some(prompt_ids), Some(token_ids)) = ids else {
                missing.store(true, Ordering::Relaxed);
                return Err(Fault::request(NO_IDS));
            };
            let reply = Generation { token_ids, ..wire::generation(answer, decoding)? };
            Ok(Identified { prompt_ids, reply })
        })
    }
}

/// A list of ids in the choice or beside the choices.
fn ids_of(answer: &Value, name: &str) -> Option<Vec<u32>> {
    let list = |holder: &Value| {
        let ids = holder.get(name)?.as_array()?;
        ids.iter().map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect::<Option<Vec<u32>>>()
    };
    answer.pointer("/choices/0").and_then(list).or_else(|| list(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_the_choice_or_beside_it() {
        let answer = json!({"prompt_token_ids": [1, 2], "choices": [{"token_ids": [3]}]});
        assert_eq!(ids_of(&answer, "prompt_token_ids"), Some(vec![1, 2]));
        assert_eq!(ids_of(&answer, "token_ids"), Some(vec![3]));
        assert_eq!(ids_of(&json!({"choices": [{"token_ids": [-1]}]}), "token_ids"), None);
        assert_eq!(ids_of(&json!({"choices": [{"token_ids": null}]}), "token_ids"), None);
    }
}
