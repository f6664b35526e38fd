//! What is asked and how answers are read.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wit_eval::backend::endpoint::{Api, Endpoint, EndpointSettings, MachineClock, Price};
use wit_eval::backend::replay::{Recorder, ReplayModel};
use wit_eval::chat::{Message, Role};
use wit_eval::request::{Continuation, Decoding, PlainTurns, Prompt, Request, Sampling};
use wit_eval::response::Response;

use super::script::{FastClock, Received, Server, Step, ok, page, says};
use super::{ask, question, text_of};

fn last_message(received: &Received) -> String {
    let messages = received.body["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

#[test]
fn a_chat_request_is_what_the_interface_defines() {
    let server = Server::start(|_| says("Hello. STOP and more"));
    let settings = EndpointSettings {
        price: Some(Price { per_million_prompt_tokens: 1e5, per_million_completion_tokens: 1e6 }),
        ..server.settings()
    };
    let endpoint = Endpoint::new(settings, Box::new(FastClock::default())).unwrap();
    let messages = vec![Message::new(Role::System, "Be brief."), Message::new(Role::User, "Hi")];
    let prompt = Prompt::Chat { messages, assistant_prefix: String::new() };
    let decoding = Decoding { stop: vec!["STOP".to_owned()], ..Decoding::greedy(16) };
    let answers = ask(&endpoint, &[Request::Generate { prompt, decoding }]).unwrap();
    assert_eq!(text_of(&answers[0]), "Hello. ");
    let [received] = server.requests().try_into().unwrap();
    assert_eq!((received.path.as_str(), received.authorization), ("/v1/chat/completions", None));
    assert_eq!(
        received.body,
        json!({"model": "tiny", "max_tokens": 16, "stop": ["STOP"], "temperature": 0,
               "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]})
    );
    let usage = endpoint.usage();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.cost), (10, 2, Some(3.0)));
}

#[test]
fn answers_do_not_depend_on_how_many_are_asked_at_a_time() {
    let serve = || {
        // Some questions get a fault at their first attempt, whatever the order in which they come.
        let seen = std::sync::Mutex::new(std::collections::BTreeSet::new());
        Server::start(move |received| {
            let text = last_message(received);
            let number = text.parse::<u64>().unwrap();
            let delay = Duration::from_millis(number * 7 % 5 * 3);
            let fault = seen.lock().unwrap().insert(number) && number % 11 == 3;
            let reply = if fault { page("503 Service Unavailable", "", "") } else { says(&format!("re {text}")) };
            [vec![Step::Wait(delay)], reply].concat()
        })
    };
    let requests: Vec<_> = (0..64).map(|number| question(&number.to_string())).collect();
    let answers = [1, 8].map(|concurrency| {
        let server = serve();
        let settings = EndpointSettings { concurrency, timeout: Duration::from_secs(5), ..server.settings() };
        ask(&Endpoint::new(settings, Box::new(FastClock::default())).unwrap(), &requests).unwrap()
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(text_of(&answers[1][63]), "re 63");
}

#[test]
fn the_rate_limit_spaces_requests_of_all_threads() {
    let server = Server::start(|_| says("yes"));
    let settings = EndpointSettings { concurrency: 8, requests_per_minute: Some(3000), ..server.settings() };
    let endpoint = Endpoint::new(settings, Box::new(MachineClock::new(Instant::now))).unwrap();
    let requests: Vec<_> = (0..21).map(|number| question(&number.to_string())).collect();
    let began = Instant::now();
    ask(&endpoint, &requests).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(20 * 20), "{:?}", began.elapsed());
    assert_eq!(server.requests().len(), 21);
}

#[test]
fn a_dialogue_sees_its_own_replies() {
    let server = Server::start(|received| says(&format!("reply to {}", last_message(received))));
    let Request::Generate { prompt, decoding } = question("one") else { unreachable!() };
    let turns = vec!["two".to_owned(), "three".to_owned()];
    let request = Request::Dialogue { prompt, turns, plain: None, decoding };
    let answers = ask(&server.endpoint(), &[request]).unwrap();
    let replies: Vec<&str> = answers[0].replies().iter().map(|reply| reply.text.as_str()).collect();
    assert_eq!(replies, ["reply to one", "reply to two", "reply to three"]);
    let last = server.requests().pop().unwrap().body["messages"].clone();
    assert_eq!(last.as_array().unwrap().len(), 5);
    assert_eq!(last[1], json!({"role": "assistant", "content": "reply to one"}));

    let server = Server::start(|_| ok(&json!({"choices": [{"text": " fine", "finish_reason": "stop"}]})));
    let plain = Some(PlainTurns { after_user: "\nBot:".to_owned(), after_reply: "\nUser: ".to_owned() });
    let (prompt, turns) = (Prompt::Text("User: hi".to_owned()), vec!["why".to_owned()]);
    let request =
        Request::Dialogue { prompt: prompt.clone(), turns, plain: plain.clone(), decoding: Decoding::greedy(4) };
    ask(&server.endpoint(), std::slice::from_ref(&request)).unwrap();
    assert_eq!(server.requests()[1].path, "/v1/completions");
    let Prompt::Text(second) = prompt.continued("fine", "why", plain.as_ref()) else { unreachable!() };
    assert_eq!(server.requests()[1].body["prompt"], second, "as a checkpoint on this machine is asked");

    let server = Server::start(|_| says("fine"));
    let settings = EndpointSettings { api: Api::Chat, ..server.settings() };
    ask(&Endpoint::new(settings, Box::new(FastClock::default())).unwrap(), &[request]).unwrap();
    let roles: Vec<Value> =
        server.requests()[1].body["messages"].as_array().unwrap().iter().map(|turn| turn["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "user"], "a text that is sent as a turn goes on in turns");
}

#[test]
fn the_next_tokens_log_probability_is_read_from_the_list_or_absent() {
    let server = Server::start(|received| {
        if received.body["top_logprobs"].as_u64() > Some(5) {
            return page("400 Bad Request", "", "{\"error\": {\"message\": \"top_logprobs must be at most 5\"}}");
        }
        ok(&json!({"choices": [{"message": {"content": "m"}, "logprobs": {"content": [{"token": "m", "logprob": -0.25,
            "top_logprobs": [{"token": "m", "logprob": -0.25}, {"token": " M", "logprob": -3.0}]}]}}]}))
    });
    let Request::Generate { prompt, .. } = question("m or M?") else { unreachable!() };
    let request = Request::NextToken { prompt, candidates: vec!["m".to_owned(), "M".to_owned()] };
    let endpoint = server.endpoint();
    let answers = ask(&endpoint, &[request.clone(), request.clone()]).unwrap();
    assert_eq!(answers, [Response::NextToken { log_probs: vec![Some(-0.25), None] }, answers[0].clone()]);
    let asked: Vec<Value> = server.requests().iter().map(|received| received.body["top_logprobs"].clone()).collect();
    assert_eq!(asked, [20, 5, 5], "the shorter list is remembered");

    let silent = Server::start(|_| says("m"));
    assert!(ask(&silent.endpoint(), &[request]).unwrap_err().to_string().contains("top_logprobs"));
}

#[test]
fn the_token_limits_newer_name_is_learned_from_the_refusal() {
    let server = Server::start(|received| {
        if received.body.get("max_tokens").is_some() {
            let advice = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
            return page("400 Bad Request", "", &json!({"error": {"message": advice}}).to_string());
        }
        ok(&json!({"choices": [{"message": {"content": "m"}, "logprobs": {"content": [
            {"top_logprobs": [{"token": "m", "logprob": -0.25}]}]}}]}))
    });
    let Request::Generate { prompt, .. } = question("?") else { unreachable!() };
    let next = Request::NextToken { prompt, candidates: vec!["m".to_owned()] };
    for requests in [[next.clone(), question("?")], [question("?"), next]] {
        let before = server.requests().len();
        let answers = ask(&server.endpoint(), &requests).unwrap();
        assert!(answers.iter().all(|answer| !matches!(answer, Response::Failed { .. })), "{answers:?}");
        assert_eq!(server.requests().len() - before, 3);
    }
}

/// A server whose tokens are words with the space before them; a word's log-probability is minus its length, and `xy` is one
/// token with whatever follows it. It puts a beginning token before everything.
fn echo(received: &Received) -> Vec<Step> {
    let prompt = received.body["prompt"].as_str().unwrap();
    let mut tokens = vec!["<s>".to_owned()];
    for word in prompt.split_inclusive(|_: char| true).collect::<Vec<_>>() {
        let joins = tokens.last().is_some_and(|last| last != "<s>" && (word != " " || last.ends_with("xy")));
        match tokens.last_mut() {
            Some(last) if joins => last.push_str(word),
            _ => tokens.push(word.to_owned()),
        }
    }
    let mut nats: Vec<Option<f64>> = tokens.iter().map(|token| Some(-(token.len() as f64))).collect();
    nats[0] = None;
    let top: Vec<Value> =
        nats.iter().map(|nats| nats.map_or(Value::Null, |nats| json!({"best": nats.max(-4.0)}))).collect();
    tokens.push(" generated".to_owned());
    let mut all = json!(nats);
    all.as_array_mut().unwrap().push(json!(-0.5));
    let mut top = json!(top);
    top.as_array_mut().unwrap().push(json!({" generated": -0.5}));
    ok(
        &json!({"choices": [{"text": format!("{prompt} generated"), "logprobs": {"tokens": tokens, "token_logprobs": all, "top_logprobs": top}}],
               "usage": {"prompt_tokens": nats.len(), "completion_tokens": 1}}),
    )
}

fn log_likelihood(context: &str, continuations: &[&str]) -> Request {
    let continuations = continuations.iter().map(|&text| Continuation::Text(text.to_owned())).collect();
    Request::LogLikelihood { prompt: Prompt::Text(context.to_owned()), continuations }
}

fn sums(response: &Response) -> Vec<(f64, usize, bool)> {
    let Response::LogProbs { continuations } = response else { panic!("{response:?}") };
    continuations.iter().map(|one| (one.sum_nats, one.tokens, one.is_greedy)).collect()
}

#[test]
fn log_likelihoods_are_sums_over_the_continuations_own_tokens() {
    let server = Server::start(echo);
    let endpoint = server.endpoint();
    let requests = [
        log_likelihood("the cat", &[" sat", " on a mat"]),
        // White space at the end of the context belongs to the continuation.
        log_likelihood("the cat ", &["sat"]),
        // Here a token reaches over the joint.
        log_likelihood("wxy", &[" z", " z end"]),
        log_likelihood("", &["one two"]),
        Request::Rolling { text: "one two".to_owned() },
    ];
    let answers = ask(&endpoint, &requests).unwrap();
    assert_eq!(sums(&answers[0]), [(-4.0, 1, true), (-9.0, 3, true)]);
    assert_eq!(sums(&answers[1]), [(-4.0, 1, true)]);
    let Response::Failed { reason } = &answers[2] else { panic!("{:?}", answers[2]) };
    assert!(reason.contains("\"wxy z\" reaches") && reason.contains("token ids"), "{reason}");
    assert_eq!(sums(&answers[3]), [(-7.0, 2, true)]);
    assert_eq!(answers[4], Response::Rolling { sum_nats: -7.0, tokens: 2 });
    let asked = server.requests();
    let (echoed, others): (Vec<_>, Vec<_>) = asked.iter().partition(|received| received.body["echo"] == true);
    assert!(echoed.iter().all(|received| received.body["max_tokens"] == 1 && received.body["logprobs"] == 1));
    assert!(others.len() == 1 && others[0].body["return_token_ids"] == true, "ids are asked for once");
}

#[test]
fn texts_that_cannot_be_scored_are_not_taken_for_a_server_that_refuses_everything() {
    let requests = vec![log_likelihood("wxy", &[" z"]); 40];
    let answers = ask(&Server::start(echo).endpoint(), &requests).unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Response::Failed { .. })));
}

#[test]
fn a_server_without_echo_is_refused_once_and_nothing_is_recorded() {
    let generates = |_: &Received| {
        ok(&json!({"choices": [{"text": " x", "logprobs": {"tokens": [" x"], "token_logprobs": [-0.5],
        "top_logprobs": [{" x": -0.5}]}}], "usage": {"completion_tokens": 1}}))
    };
    let refuses = |_: &Received| page("400 Bad Request", "", "{\"error\": \"echo is not supported\"}");
    let without = |_: &Received| page("404 Not Found", "", "");
    for server in [Server::start(generates), Server::start(refuses), Server::start(without)] {
        let requests: Vec<_> = (0..50).map(|number| log_likelihood(&format!("q{number}"), &[" a"])).collect();
        let error = ask(&server.endpoint(), &requests).unwrap_err().to_string();
        assert!(error.contains("`echo`") && error.contains("vLLM") && error.contains("multiple_choice"), "{error}");
        assert_eq!(server.requests().len(), 2, "both forms are tried once");
    }
}

#[test]
fn what_no_such_server_can_answer_is_refused_before_anything_is_sent() {
    let server = Server::always("500 Internal Server Error", "");
    let Request::Generate { prompt, .. } = question("?") else { unreachable!() };
    let chat = Request::LogLikelihood { prompt, continuations: vec![Continuation::Text("a".to_owned())] };
    for (api, request, advice) in [
        (Api::Auto, chat, "--apply_chat_template"),
        (Api::Chat, log_likelihood("a", &["b"]), "--endpoint_api auto"),
        (Api::Completions, question("?"), "--endpoint_api auto"),
    ] {
        let settings = EndpointSettings { api, ..server.settings() };
        let endpoint = Endpoint::new(settings, Box::new(FastClock::default())).unwrap();
        let error = ask(&endpoint, &[request]).unwrap_err().to_string();
        assert!(error.contains(advice), "{error}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn prompt_sets_need_token_ids_and_are_scored_by_them() {
    // Ids are bytes; the log-probability of a token is minus its id; every reply is the ids 7 and 2.
    let server = Server::start(|received| {
        let prompt: Vec<u64> = match &received.body["prompt"] {
            Value::String(text) => text.bytes().map(u64::from).collect(),
            ids => ids.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect(),
        };
        let tokens: Vec<String> = prompt.iter().chain(&[7]).map(u64::to_string).collect();
        let nats: Vec<Value> = prompt.iter().chain(&[7]).map(|&id| json!(-(id as f64))).collect();
        let top: Vec<Value> = nats.iter().map(|nats| json!({"best": nats})).collect();
        ok(
            &json!({"choices": [{"text": "reply", "finish_reason": "stop", "token_ids": [7, 2], "prompt_token_ids": prompt,
            "logprobs": {"tokens": tokens, "token_logprobs": nats, "top_logprobs": top}}], "usage": {"completion_tokens": 1}}),
        )
    });
    let sampling = Sampling::Random { temperature: 0.5, top_p: 1.0, top_k: None, seed: 1 };
    let prompts = ["ab", "c"].map(|text| Prompt::Text(text.to_owned())).to_vec();
    let set = Request::PromptSet { prompts, decoding: Decoding { sampling, ..Decoding::greedy(4) } };
    let answers = ask(&server.endpoint(), std::slice::from_ref(&set)).unwrap();
    let Response::PromptSet { replies, log_probs } = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(replies[0].token_ids, [7, 2]);
    assert_eq!(log_probs, &[[-9.0, -9.0], [-9.0, -9.0]]);
    assert!(server.requests().iter().any(|received| received.body["prompt"] == json!([97, 98, 7, 2])));

    let without = Server::start(echo);
    let answers = ask(&without.endpoint(), &[set.clone(), set]).unwrap();
    let Response::Failed { reason } = &answers[1] else { panic!("{answers:?}") };
    assert!(reason.contains("return_token_ids"), "{reason}");
    assert_eq!(without.requests().len(), 2, "one question about echo, one about ids");
}

#[test]
fn an_endpoints_answers_are_recorded_and_replayed_without_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    let server =
        Server::start(|received| if received.number == 1 { page("400 Bad Request", "", "no") } else { says("[[7]]") });
    let requests = [question("a"), question("b")];
    let recorder = Recorder::open(server.endpoint(), &path).unwrap();
    let answers = ask(&recorder, &requests).unwrap();
    assert!(matches!(answers[1], Response::Failed { .. }));
    assert_eq!(recorder.model().usage().answered_requests, 1);
    drop(recorder);
    let replay = ReplayModel::open(&path).unwrap();
    assert_eq!(ask(&replay, &requests[..1]).unwrap(), answers[..1]);
    assert!(ask(&replay, &requests).is_err(), "a failure is not recorded");
}

#[test]
fn the_identity_is_the_models_name_and_interface_and_not_the_address() {
    let digest = |url: &str, model: &str, api| {
        let settings = EndpointSettings { api, concurrency: 3, ..EndpointSettings::new(url, model) };
        let endpoint = Endpoint::new(settings, Box::new(FastClock::default())).unwrap();
        wit_eval::backend::LanguageModel::identity(&endpoint).digest.clone()
    };
    let base = digest("http://a", "m", Api::Auto);
    assert_eq!(base, digest("https://b/v1", "m", Api::Auto));
    assert_ne!(base, digest("http://a", "n", Api::Auto));
    assert_ne!(base, digest("http://a", "m", Api::Chat));
}
