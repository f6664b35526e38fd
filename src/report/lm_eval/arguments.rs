//! Requests and responses as samples hold them.

use serde_json::{Map, Value, json};

use crate::request::{Continuation, Decoding, Prompt, Request, Sampling};
use crate::response::Response;

use super::python_json::{PythonJson, float_text};

/// `--gen_kwargs` as lm-evaluation-harness reads it: `key=value` pairs with booleans, numbers and texts told apart.
pub(super) fn gen_kwargs(given: Option<&str>) -> Map<String, Value> {
    let pairs = given.unwrap_or_default().trim().split(',').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), argument(value.trim()))
        })
        .collect()
}

fn argument(text: &str) -> Value {
    let quoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    if let Some(text) = quoted {
        return json!(text);
    }
    match text.to_ascii_lowercase().as_str() {
        "true" => return json!(true),
        "false" => return json!(false),
        "none" => return Value::Null,
        _ => {}
    }
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(number), _) => json!(number),
        (_, Ok(number)) if number.is_finite() => json!(number),
        _ => json!(text),
    }
}

/// A prompt as text: plain, rendered, or where the rendering is not known the conversation as JSON.
pub(super) fn prompt_text(prompt: &Prompt, rendered: impl Fn(&Prompt) -> Option<String>) -> String {
    match prompt {
        Prompt::Text(text) => text.clone(),
        Prompt::Chat { messages, assistant_prefix } => rendered(prompt).unwrap_or_else(|| {
            let prefix =
                (!assistant_prefix.is_empty()).then(|| json!({"role": "assistant", "content": assistant_prefix}));
            let turns = messages.iter().map(|turn| json!({"role": turn.role, "content": turn.content}));
            PythonJson::LINE.text(&Value::Array(turns.chain(prefix).collect()))
        }),
    }
}

/// The arguments of each request that lm-evaluation-harness makes of one of ours: one a choice, one a turn.
pub(super) fn of_request(
    request: &Request,
    rendered: impl Fn(&Prompt) -> Option<String>,
    kwargs: Option<&Value>,
) -> Vec<Vec<Value>> {
    let kwargs = |decoding: &Decoding| kwargs.cloned().unwrap_or_else(|| decoded(decoding));
    match request {
        Request::Generate { prompt, decoding } => vec![vec![json!(prompt_text(prompt, rendered)), kwargs(decoding)]],
        Request::LogLikelihood { prompt, continuations } => {
            let context = prompt_text(prompt, rendered);
            continuations.iter().map(|text| vec![json!(context), continuation(text)]).collect()
        }
        Request::Dialogue { prompt, turns, decoding, .. } => {
            let first = json!(prompt_text(prompt, rendered));
            let later = turns.iter().map(|turn| json!(turn));
            std::iter::once(first).chain(later).map(|said| vec![said, kwargs(decoding)]).collect()
        }
        Request::NextToken { prompt, candidates } => {
            let context = prompt_text(prompt, rendered);
            candidates.iter().map(|text| vec![json!(context), json!(text)]).collect()
        }
        Request::Rolling { text } => vec![vec![json!(text)]],
        Request::PromptSet { prompts, decoding } => {
            prompts.iter().map(|prompt| vec![json!(prompt_text(prompt, &rendered)), kwargs(decoding)]).collect()
        }
    }
}

fn continuation(continuation: &Continuation) -> Value {
    match continuation {
        Continuation::Text(text) => json!(text),
        Continuation::Tokens(ids) => json!(ids),
    }
}

fn decoded(decoding: &Decoding) -> Value {
    let Decoding { max_new_tokens, stop, sampling, .. } = decoding;
    let temperature = match sampling {
        Sampling::Greedy => 0.0,
        Sampling::Random { temperature, .. } => *temperature,
    };
    json!({"until": stop, "max_gen_toks": max_new_tokens, "do_sample": temperature > 0.0, "temperature": temperature})
}

/// `arguments` of a sample.
pub(super) fn as_logged(arguments: &[Vec<Value>]) -> Value {
    let one = |one: &Vec<Value>| -> Value {
        let named = one.iter().enumerate().map(|(index, value)| (format!("arg_{index}"), value.clone()));
        Value::Object(named.collect())
    };
    Value::Object(arguments.iter().enumerate().map(|(index, it)| (format!("gen_args_{index}"), one(it))).collect())
}

/// What each request was answered, every inner value as Python's `str` prints it; `None` for a failure.
pub(super) fn answers(response: &Response) -> Option<Vec<Value>> {
    let truth = |flag: bool| if flag { "True" } else { "False" };
    match response {
        Response::Generated(_) | Response::Dialogue { .. } => {
            Some(response.replies().iter().map(|reply| json!(reply.text)).collect())
        }
        Response::LogProbs { continuations } => {
            let pair = continuations.iter().map(|one| json!([float_text(one.sum_nats), truth(one.is_greedy)]));
            Some(pair.collect())
        }
        Response::Rolling { sum_nats, .. } => Some(vec![json!(float_text(*sum_nats))]),
        Response::NextToken { log_probs } => {
            Some(log_probs.iter().map(|one| one.map_or(json!("None"), |nats| json!(float_text(nats)))).collect())
        }
        Response::PromptSet { .. } | Response::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Message, Role};

    /// Printed by `simple_parse_args_string` of `lm_eval` 0.4.13.
    #[test]
    fn gen_kwargs_are_read_as_lm_eval_reads_them() {
        let found = gen_kwargs(Some("temperature=0.7,do_sample=True,max_gen_toks=-1,until='3',x=None,y=1e3,z=a=b"));
        let expected = json!({"temperature": 0.7, "do_sample": true, "max_gen_toks": -1, "until": "3", "x": null,
            "y": 1000.0, "z": "a=b"});
        assert_eq!(Value::Object(found), expected);
        assert!(gen_kwargs(None).is_empty());
    }

    #[test]
    fn a_conversation_whose_rendering_is_unknown_is_written_as_json() {
        let prompt =
            Prompt::Chat { messages: vec![Message::new(Role::User, "Was \"é\"?")], assistant_prefix: "So".to_owned() };
        let expected = r#"[{"role": "user", "content": "Was \"é\"?"}, {"role": "assistant", "content": "So"}]"#;
        assert_eq!(prompt_text(&prompt, |_| None), expected);
        assert_eq!(prompt_text(&prompt, |_| Some("<s>Was?".to_owned())), "<s>Was?");
    }
}
