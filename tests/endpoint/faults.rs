//! What a server may do wrong.

use std::time::Duration;

use serde_json::json;
use wit_eval::backend::endpoint::{Endpoint, EndpointSettings, SecretKey};
use wit_eval::backend::{BackendError, LanguageModel};
use wit_eval::response::Response;

use super::script::{FastClock, Server, Step, ok, page, says};
use super::{ask, question, text_of};

/// Answers to the first request; the second one is answered well.
fn transient_faults() -> Vec<(&'static str, Vec<Step>)> {
    let good = r#"{"choices":[{"message":{"content":"yes"}}]}"#;
    let send = |text: String| vec![Step::Send(text.into_bytes())];
    let json = |body: &str| page("200 OK", "", body);
    let cut = |text: &str, length: usize| send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}"));
    vec![
        ("too many requests", page("429 Too Many Requests", "", "{\"error\":{\"message\":\"slow down\"}}")),
        ("asked to wait", page("429 Too Many Requests", "Retry-After: 2\r\n", "")),
        ("internal error", page("500 Internal Server Error", "", "Internal Server Error")),
        ("bad gateway", page("502 Bad Gateway", "", "<html><body>502</body></html>")),
        ("unavailable", page("503 Service Unavailable", "Retry-After: soon\r\n", "")),
        ("slow to begin", vec![Step::Wait(Duration::from_millis(1600))]),
        ("dribbling header", vec![Step::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Step::Dribble]),
        (
            "dribbling body",
            vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n{".to_vec()), Step::Dribble],
        ),
        ("closed without a word", Vec::new()),
        ("cut in the header", send("HTTP/1.1 200 OK\r\nContent-Le".to_owned())),
        ("cut in the body", cut(r#"{"choices":[{"mess"#, 400)),
        ("length too long", cut(good, good.len() + 10)),
        ("length too short", cut(good, good.len() - 10)),
        ("not HTTP", send("SSH-2.0-OpenSSH_9.6\r\n".to_owned())),
        ("cut in a chunk", send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"ch".to_owned())),
        ("malformed JSON", json("{\"choices\": [")),
        ("NaN", json("{\"choices\": NaN}")),
        ("an HTML page", page("200 OK", "Content-Type: text/html\r\n", "<!DOCTYPE html><title>Hello</title>")),
        ("nothing", json("")),
        ("deep nesting", json(&"[".repeat(100_000))),
        (
            "bytes that are no text",
            vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\"\xff\xfe\"".to_vec())],
        ),
        ("an error under 200", json("{\"error\": {\"message\": \"overloaded\"}}")),
        ("a list", json("[]")),
        ("no choice", json("{\"choices\": []}")),
        ("two choices", json("{\"choices\": [{\"text\": \"a\"}, {\"text\": \"b\"}]}")),
        ("choices of another type", json("{\"choices\": \"yes\"}")),
        ("content of another type", json("{\"choices\": [{\"message\": {\"content\": 7}}]}")),
    ]
}

#[test]
fn every_transient_fault_is_asked_again_and_leaves_no_trace_in_the_answer() {
    std::thread::scope(|scope| {
        for (name, fault) in transient_faults() {
            scope.spawn(move || {
                let server =
                    Server::start(move |received| if received.number == 0 { fault.clone() } else { says("yes") });
                let endpoint = server.endpoint();
                let answers = ask(&endpoint, &[question("?")]).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(text_of(&answers[0]), "yes", "{name}");
                assert_eq!((server.requests().len(), endpoint.usage().retries), (2, 1), "{name}");
            });
        }
    });
}

#[test]
fn an_answer_of_endless_length_is_given_up() {
    let endless = || {
        let mut steps = vec![Step::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec())];
        steps.extend(std::iter::repeat_n(Step::Send(vec![b' '; 1 << 20]), 40));
        steps
    };
    let server = Server::start(move |received| if received.number == 0 { endless() } else { says("yes") });
    let settings = EndpointSettings { timeout: Duration::from_secs(10), ..server.settings() };
    let endpoint = Endpoint::new(settings, Box::new(FastClock::default())).unwrap();
    assert_eq!(text_of(&ask(&endpoint, &[question("?")]).unwrap()[0]), "yes");
    assert_eq!(endpoint.usage().retries, 1);
}

#[test]
fn faults_that_do_not_end_stop_the_run_and_nothing_is_recorded_for_the_request() {
    let server = Server::start(|received| match received.number {
        0 => says("first"),
        _ => page("500 Internal Server Error", "", "{\"detail\": \"out of memory\"}"),
    });
    let endpoint = server.endpoint();
    let (first, second) = (question("1"), question("2"));
    let mut answered = Vec::new();
    let error = endpoint.answer(&[&first, &second], &mut |index, _| answered.push(index)).unwrap_err().to_string();
    assert_eq!(answered, [0], "what was answered before is kept");
    assert!(error.contains("3 attempts") && error.contains("500, out of memory"), "{error}");
    assert!(error.contains(&format!("{}/v1/chat/completions", server.url)), "{error}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for_and_one_that_asks_for_a_day_is_not() {
    let clock = FastClock::default();
    let dates = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:51:37 GMT\r\n";
    let server = Server::start(move |received| match received.number {
        0 => page("429 Too Many Requests", "Retry-After: 7\r\n", ""),
        1 => page("503 Service Unavailable", dates, ""),
        _ => says("yes"),
    });
    let endpoint = Endpoint::new(server.settings(), Box::new(clock.clone())).unwrap();
    ask(&endpoint, &[question("?")]).unwrap();
    let waited = Duration::from_nanos(clock.nanoseconds.load(std::sync::atomic::Ordering::SeqCst));
    assert!((Duration::from_secs(127)..Duration::from_secs(130)).contains(&waited), "{waited:?}");

    let server = Server::start(|_| page("429 Too Many Requests", "Retry-After: 86400\r\n", ""));
    let error = ask(&server.endpoint(), &[question("?")]).unwrap_err().to_string();
    assert!(error.contains("86400 seconds"), "{error}");
}

#[test]
fn a_request_that_is_refused_for_itself_is_recorded_as_failed() {
    let long =
        "{\"error\": {\"message\": \"maximum context length is 512 tokens\", \"code\": \"context_length_exceeded\"}}";
    let server = Server::start(move |received| {
        if received.body.to_string().contains("long") { page("400 Bad Request", "", long) } else { says("yes") }
    });
    let answers = ask(&server.endpoint(), &[question("long"), question("short"), question("long too")]).unwrap();
    for index in [0, 2] {
        let Response::Failed { reason } = &answers[index] else { panic!("{:?}", answers[index]) };
        assert!(reason.contains("400, maximum context length is 512 tokens"), "{reason}");
    }
    assert_eq!(text_of(&answers[1]), "yes");
    assert_eq!(server.requests().len(), 3, "a refusal is not repeated");
}

#[test]
fn a_server_that_refuses_everything_stops_the_run_with_nothing_recorded() {
    let server = Server::always("422 Unprocessable Entity", "{\"detail\": [{\"msg\": \"unknown field top_k\"}]}");
    let requests: Vec<_> = (0..100).map(|number| question(&number.to_string())).collect();
    let requests: Vec<_> = requests.iter().collect();
    let mut answered = 0;
    let error = server.endpoint().answer(&requests, &mut |_, _| answered += 1).unwrap_err().to_string();
    assert_eq!((answered, server.requests().len()), (0, 16));
    assert!(error.contains("first 16 requests") && error.contains("unknown field top_k"), "{error}");
}

#[test]
fn what_repeating_cannot_mend_stops_the_run_at_once() {
    for (status, headers, body, advice) in [
        ("401 Unauthorized", "", "{\"error\": {\"message\": \"bad key\"}}", "--api_key_env"),
        ("403 Forbidden", "", "", "--api_key_env"),
        ("404 Not Found", "", "<html>nginx</html>", "--endpoint_api"),
        ("307 Temporary Redirect", "Location: http://127.0.0.1:1/v1\r\n", "", "http://127.0.0.1:1/v1"),
        ("429 Too Many Requests", "", "{\"error\": {\"code\": \"insufficient_quota\"}}", "no credit"),
    ] {
        let server = Server::start(move |_| page(status, headers, body));
        let error = ask(&server.endpoint(), &[question("1"), question("2")]).unwrap_err();
        assert!(matches!(error, BackendError::Endpoint(_)), "{error:?}");
        assert!(error.to_string().contains(advice), "{status}: {error}");
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn the_key_is_sent_and_appears_in_no_error_answer_or_debug_text_even_if_the_server_repeats_it() {
    const KEY: &str = "sk-test-0123456789abcdef";
    for status in ["200 OK", "302 Found", "400 Bad Request", "401 Unauthorized", "500 Internal Server Error"] {
        for body in [
            "{\"error\": {\"message\": \"no, Bearer KEY\"}}",
            "<html>KEY",
            "{\"choices\": [{\"message\": {\"content\": \"KEY\"}}]}",
            "{\"choices\": \"KEY\"}",
        ] {
            let quoted = body.contains("Bearer");
            let body = body.replace("KEY", KEY);
            let headers = format!("Location: http://host/?key={KEY}\r\n");
            let server = Server::start(move |_| page(status, &headers, &body));
            let settings = EndpointSettings { key: Some(SecretKey::new(KEY).unwrap()), ..server.settings() };
            let endpoint = Endpoint::new(settings, Box::new(FastClock::default())).unwrap();
            let outcome = ask(&endpoint, &[question("?")]);
            let shown = match &outcome {
                Ok(answers) => serde_json::to_string(answers).unwrap(),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("0123456789"), "{shown}");
            assert!(shown.contains("***") || !quoted, "{status}: {shown}");
            assert!(!format!("{endpoint:?}").contains("0123456789"));
            assert!(server.requests().iter().all(|r| r.authorization.as_deref() == Some(&format!("Bearer {KEY}"))));
        }
    }
}

#[test]
fn one_threads_fault_stops_the_others_while_their_answers_are_kept() {
    let server = Server::start(|received| {
        if received.body.to_string().contains("bad") { page("401 Unauthorized", "", "") } else { says("yes") }
    });
    let settings = EndpointSettings { concurrency: 4, ..server.settings() };
    let endpoint = Endpoint::new(settings, Box::new(FastClock::default())).unwrap();
    let requests: Vec<_> = (0..500).map(|n| question(if n == 20 { "bad" } else { "good" })).collect();
    let requests: Vec<_> = requests.iter().collect();
    let mut answered = Vec::new();
    assert!(endpoint.answer(&requests, &mut |index, _| answered.push(index)).is_err());
    assert!(!answered.contains(&20) && answered.len() >= 16 && answered.len() < 500, "{}", answered.len());
}

#[test]
fn a_server_that_is_not_there_or_serves_another_model_is_named() {
    let gone = EndpointSettings::new("http://127.0.0.1:1", "tiny");
    let error = Endpoint::new(gone, Box::new(FastClock::default())).unwrap().probe().unwrap_err().to_string();
    assert!(error.contains("is the server running") && error.contains("http://127.0.0.1:1/v1"), "{error}");

    let server = Server::start(|_| ok(&json!({"data": [{"id": "large"}, {"id": "larger"}]})));
    let error = server.endpoint().probe().unwrap_err().to_string();
    assert!(error.contains("`tiny`") && error.contains("large, larger"), "{error}");
    assert_eq!(server.requests()[0].path, "/v1/models");

    let server = Server::start(|_| ok(&json!({"data": [{"id": "tiny"}]})));
    assert_eq!(server.endpoint().probe().unwrap(), ["tiny"]);
    assert_eq!(Server::always("404 Not Found", "").endpoint().probe().unwrap(), Vec::<String>::new());
    assert_eq!(Server::always("500 Internal Server Error", "").endpoint().probe().unwrap(), Vec::<String>::new());
    assert!(Server::always("401 Unauthorized", "").endpoint().probe().is_err());
    assert!(Server::always("200 OK", "<html>").endpoint().probe().is_err());
}
