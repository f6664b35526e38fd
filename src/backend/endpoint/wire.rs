//! The bodies that are sent and the parts of answers that are read.

use serde_json::{Map, Value, json};

use super::error::Fault;
use crate::chat::{Message, Role};
use crate::digest::Digest;
use crate::request::{Decoding, Sampling};
use crate::response::{FinishReason, Generation};

/// Stop strings that are sent; some servers refuse more. Texts are cut at all of them here, so that the others cost
/// tokens only.
const MOST_STOP_STRINGS: usize = 4;

/// A body with the model's name.
pub(super) fn body(model: &str) -> Map<String, Value> {
    Map::from_iter([("model".to_owned(), json!(model))])
}

/// Adds a conversation, and the beginning of the answer as an open turn of the model.
pub(super) fn set_conversation(body: &mut Map<String, Value>, messages: &[Message], assistant_prefix: &str) {
    let turn = |message: &Message| json!({"role": message.role.as_str(), "content": message.content});
    let mut turns: Vec<Value> = messages.iter().map(turn).collect();
    if !assistant_prefix.is_empty() {
        turns.push(turn(&Message::new(Role::Assistant, assistant_prefix)));
        body.insert("add_generation_prompt".to_owned(), json!(false));
        body.insert("continue_final_message".to_owned(), json!(true));
    }
    body.insert("messages".to_owned(), Value::Array(turns));
}

/// Adds the decoding settings. A random generation is seeded by the whole request, its number among repeats included.
pub(super) fn set_decoding(
    body: &mut Map<String, Value>,
    decoding: &Decoding,
    limit_name: &str,
) -> Result<(), serde_json::Error> {
    body.insert(limit_name.to_owned(), json!(decoding.max_new_tokens));
    let stop: Vec<&String> = decoding.stop.iter().filter(|stop| !stop.is_empty()).take(MOST_STOP_STRINGS).collect();
    if !stop.is_empty() {
        body.insert("stop".to_owned(), json!(stop));
    }
    match decoding.sampling {
        Sampling::Greedy => {
            body.insert("temperature".to_owned(), json!(0));
        }
        Sampling::Random { temperature, top_p, top_k, .. } => {
            body.insert("temperature".to_owned(), json!(temperature));
            body.insert("top_p".to_owned(), json!(top_p));
            if let Some(top_k) = top_k {
                body.insert("top_k".to_owned(), json!(top_k));
            }
            let digest = Digest::of_json(&(&*body, decoding))?;
            // Seven hexadecimal digits: every server takes a seed of 28 bits.
            let seed = digest.as_str().get(..7).and_then(|digits| u32::from_str_radix(digits, 16).ok());
            body.insert("seed".to_owned(), json!(seed.unwrap_or(0)));
        }
    }
    Ok(())
}

/// The only choice of an answer.
pub(super) fn only_choice(answer: &Value) -> Result<&Value, Fault> {
    match answer.get("choices") {
        Some(Value::Array(choices)) => match choices.as_slice() {
            [choice] if choice.is_object() => Ok(choice),
            [_] => Err(Fault::malformed("the choice is no object")),
            choices => Err(Fault::malformed(format!("{} choices instead of 1", choices.len()))),
        },
        _ => Err(Fault::malformed("no list of choices")),
    }
}

/// A generated text, cut at the first stop string.
pub(super) fn generation(answer: &Value, decoding: &Decoding) -> Result<Generation, Fault> {
    let choice = only_choice(answer)?;
    let text = match choice.get("message") {
        Some(message) => message_text(message)?,
        None => choice.get("text").and_then(Value::as_str).ok_or_else(|| Fault::malformed("a choice without text"))?,
    };
    let finish = match choice.get("finish_reason") {
        None | Some(Value::Null) => FinishReason::EndToken,
        Some(Value::String(reason)) => match reason.as_str() {
            "length" => FinishReason::Length,
            "content_filter" => return Err(Fault::request("the server's content filter withheld the answer")),
            _ if choice.get("stop_reason").is_some_and(Value::is_string) => FinishReason::StopString,
            _ => FinishReason::EndToken,
        },
        Some(_) => return Err(Fault::malformed("finish_reason is no text")),
    };
    Ok(cut(text, finish, &decoding.stop))
}

/// What a message says: its content, or the refusal that stands in for it. A model that spent all its tokens on reasoning
/// has neither.
fn message_text(message: &Value) -> Result<&str, Fault> {
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    match message.get("content") {
        Some(Value::String(content)) => Ok(content),
        None | Some(Value::Null) if message.is_object() => Ok(text("refusal").unwrap_or_default()),
        _ => Err(Fault::malformed("the content of a message is no text")),
    }
}

/// Cuts at the earliest occurrence of any stop string.
fn cut(text: &str, finish: FinishReason, stop: &[String]) -> Generation {
    let found = stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min();
    let (text, finish) = match found.and_then(|at| text.get(..at)) {
        Some(text) => (text, FinishReason::StopString),
        None => (text, finish),
    };
    Generation { text: text.to_owned(), token_ids: Vec::new(), finish, prompt_tokens_cut: 0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decoding(stop: &[&str], sampling: Sampling) -> Decoding {
        Decoding { max_new_tokens: 8, stop: stop.iter().map(|&stop| stop.to_owned()).collect(), sampling, sample: 0 }
    }

    fn read(answer: &Value) -> Result<Generation, String> {
        generation(answer, &decoding(&["\n\n", "Q:"], Sampling::Greedy)).map_err(|fault| format!("{fault:?}"))
    }

    #[test]
    fn a_greedy_body_has_no_seed_and_a_random_one_is_seeded_by_the_whole_request() {
        let mut greedy = body("m");
        set_decoding(&mut greedy, &decoding(&["a", "", "b", "c", "d", "e"], Sampling::Greedy), "max_tokens").unwrap();
        assert_eq!(
            Value::Object(greedy),
            json!({"model": "m", "max_tokens": 8, "stop": ["a", "b", "c", "d"], "temperature": 0})
        );
        let random = |prompt: &str, sample| {
            let mut body = body("m");
            body.insert("prompt".to_owned(), json!(prompt));
            let sampling = Sampling::Random { temperature: 0.7, top_p: 0.9, top_k: Some(40), seed: 3 };
            set_decoding(&mut body, &Decoding { sample, ..decoding(&[], sampling) }, "max_tokens").unwrap();
            Value::Object(body)
        };
        let first = random("a", 0);
        assert_eq!(first, random("a", 0));
        assert_eq!((first.get("temperature"), first.get("top_k")), (Some(&json!(0.7)), Some(&json!(40))));
        assert_ne!(first.get("seed"), random("a", 1).get("seed"));
        assert_ne!(first.get("seed"), random("b", 0).get("seed"));
    }

    #[test]
    fn the_beginning_of_an_answer_is_an_open_turn() {
        let mut open = body("m");
        set_conversation(&mut open, &[Message::new(Role::User, "hi")], "Sure");
        assert_eq!(
            open.get("messages"),
            Some(&json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Sure"}]))
        );
        assert_eq!(open.get("continue_final_message"), Some(&json!(true)));
        let mut closed = body("m");
        set_conversation(&mut closed, &[Message::new(Role::User, "hi")], "");
        assert!(!closed.contains_key("continue_final_message"));
    }

    #[test]
    fn a_text_is_cut_at_the_earliest_stop_string_and_says_so() {
        let answer = json!({"choices": [{"text": "yes Q: no\n\nmore", "finish_reason": "length"}]});
        let generation = read(&answer).unwrap();
        assert_eq!((generation.text.as_str(), generation.finish), ("yes ", FinishReason::StopString));
        let finish = |choice: Value| read(&json!({ "choices": [choice] })).unwrap().finish;
        assert_eq!(finish(json!({"text": "a", "finish_reason": "length"})), FinishReason::Length);
        assert_eq!(finish(json!({"text": "a", "finish_reason": "stop"})), FinishReason::EndToken);
        assert_eq!(finish(json!({"text": "a", "finish_reason": "stop", "stop_reason": "x"})), FinishReason::StopString);
        assert_eq!(finish(json!({"message": {"content": null, "refusal": "no"}})), FinishReason::EndToken);
    }

    #[test]
    fn answers_of_another_shape_are_faults_that_a_repeat_may_mend() {
        for answer in [
            json!([]),
            json!({"choices": []}),
            json!({"choices": {}}),
            json!({"choices": [1]}),
            json!({"choices": [{"text": "a"}, {"text": "b"}]}),
            json!({"choices": [{"text": 3}]}),
            json!({"choices": [{"message": []}]}),
            json!({"choices": [{"message": {"content": ["a"]}}]}),
            json!({"choices": [{"text": "a", "finish_reason": 1}]}),
        ] {
            assert!(read(&answer).is_err_and(|fault| fault.starts_with("Transient")), "{answer}");
        }
        let filtered = json!({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]});
        assert!(read(&filtered).is_err_and(|fault| fault.starts_with("Request")));
    }
}
