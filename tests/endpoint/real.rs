//! A checkpoint behind a real server answers as the same checkpoint does here.
//!
//! Opt-in: `WIT_EVAL_REAL_SERVER` names a Python with the packages of `requirements.txt` beside this file.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wit_eval::backend::endpoint::{Endpoint, EndpointError, EndpointSettings, MachineClock};
use wit_eval::backend::{BackendError, LocalModel, LocalOptions};
use wit_eval::model::checkpoint::CheckpointOptions;
use wit_eval::request::{Continuation, Decoding, Prompt, Request};
use wit_eval::response::{Generation, Response};

use super::{ask, text_of};

/// A server that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn python() -> Option<String> {
    let python = std::env::var("WIT_EVAL_REAL_SERVER").ok();
    if python.is_none() {
        eprintln!("skipped: WIT_EVAL_REAL_SERVER names no Python with tests/endpoint/requirements.txt");
    }
    python
}

fn checkpoint() -> Option<PathBuf> {
    let fixtures = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let folder = Path::new(&fixtures).join("../models/tinystories-656k");
    if !folder.is_dir() {
        eprintln!("skipped: {} is missing", folder.display());
        return None;
    }
    folder.canonicalize().ok()
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn endpoint(port: u16, model: &str) -> Endpoint {
    let settings =
        EndpointSettings { concurrency: 2, ..EndpointSettings::new(format!("http://127.0.0.1:{port}"), model) };
    Endpoint::new(settings, Box::new(MachineClock::new(Instant::now))).unwrap()
}

/// tests/endpoint/server.py, which echoes log-probabilities and tells token ids.
fn stand_in(python: &str, folder: &Path) -> (Running, Endpoint) {
    let port = free_port();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/endpoint/server.py");
    let mut command = Command::new(python);
    command.arg(script).arg(folder).arg(port.to_string()).stdout(Stdio::piped());
    let mut running = Running(command.spawn().expect("the Python starts"));
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready", "the server starts");
    (running, endpoint(port, "stand-in"))
}

/// transformers' own server, which generates and echoes nothing.
fn transformers_serve(python: &str, folder: &Path) -> (Running, Endpoint) {
    let port = free_port();
    let mut command = Command::new(python);
    command.args(["-c", "from transformers.cli.transformers import main; main()", "serve"]).arg(folder);
    command.args(["--host", "127.0.0.1", "--device", "cpu", "--dtype", "float32", "--port", &port.to_string()]);
    let running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the Python starts"));
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(180), "the server starts");
        std::thread::sleep(Duration::from_millis(200));
    }
    (running, endpoint(port, &folder.to_string_lossy()))
}

fn text(prompt: &str) -> Prompt {
    Prompt::Text(prompt.to_owned())
}

fn generations() -> Vec<Request> {
    ["Once upon a time", "One day, a little girl named Lily", "Tom had a big red ball. He", "The dog was"]
        .map(|prompt| Request::Generate {
            prompt: text(prompt),
            decoding: Decoding { stop: vec!["\n".to_owned()], ..Decoding::greedy(40) },
        })
        .to_vec()
}

fn local(folder: &Path, requests: &[Request]) -> Vec<Response> {
    let model = LocalModel::open(folder, &CheckpointOptions::default(), &LocalOptions::default()).unwrap();
    ask(&model, requests).unwrap()
}

#[test]
fn a_served_checkpoint_has_the_log_probabilities_and_texts_that_it_has_here() {
    let (Some(python), Some(folder)) = (python(), checkpoint()) else { return };
    let (_running, endpoint) = stand_in(&python, &folder);
    endpoint.probe().unwrap();
    let mut requests = generations();
    for (prompt, continuations) in [
        // The tokenizer joins words, so that most of these have a token across the joint.
        ("Once upon a", [" time", " time, there was"]),
        ("The cat sat on the", [" mat.", " moon and sang to the stars."]),
        ("Lily went to the park. She saw a", [" dog", " big dog"]),
        ("What is two and two? ", ["four", "five"]),
    ] {
        let continuations = continuations.map(|text| Continuation::Text(text.to_owned())).to_vec();
        requests.push(Request::LogLikelihood { prompt: text(prompt), continuations });
    }
    let prompts = ["Once upon a time there was", "Long ago there was"].map(text).to_vec();
    requests.push(Request::PromptSet { prompts, decoding: Decoding::greedy(12) });
    let turns = ["One day, a girl named Lily", "Once upon a time, a"].map(str::to_owned).to_vec();
    let decoding = Decoding::greedy(12);
    requests.push(Request::Dialogue { prompt: text("Once upon a time"), turns, plain: None, decoding });
    let (here, there) = (local(&folder, &requests), ask(&endpoint, &requests).unwrap());
    let mut worst_nats: f64 = 0.0;
    let mut compared = 0;
    let mut compare = |here: f64, there: f64| {
        worst_nats = worst_nats.max((here - there).abs());
        compared += 1;
    };
    for (here, there) in here.iter().zip(&there) {
        match (here, there) {
            (Response::LogProbs { continuations: here }, Response::LogProbs { continuations: there }) => {
                for (here, there) in here.iter().zip(there) {
                    compare(here.sum_nats, there.sum_nats);
                    assert_eq!((here.tokens, here.is_greedy), (there.tokens, there.is_greedy));
                }
            }
            (
                Response::PromptSet { replies: here, log_probs: here_nats },
                Response::PromptSet { replies: there, log_probs: there_nats },
            ) => {
                here_nats
                    .iter()
                    .flatten()
                    .zip(there_nats.iter().flatten())
                    .for_each(|(here, there)| compare(*here, *there));
                assert!(here.iter().zip(there).all(|(here, there)| here.token_ids == there.token_ids));
            }
            (Response::Dialogue { replies: here }, Response::Dialogue { replies: there }) => {
                let texts = |replies: &[Generation]| replies.iter().map(|reply| reply.text.clone()).collect::<Vec<_>>();
                assert_eq!(texts(here), texts(there));
                assert_eq!(here.len(), 3);
            }
            (Response::Failed { reason: here }, Response::Failed { reason: there }) => {
                assert!(
                    here.contains("no token of its own") && there.contains("no token of its own"),
                    "{here}; {there}"
                );
            }
            (here, there) => assert_eq!(text_of(here), text_of(there)),
        }
    }
    eprintln!("{compared} log-probabilities, largest difference {worst_nats:e} nats");
    assert!(compared >= 8 && worst_nats < 1e-4, "{compared} compared, {worst_nats:e} nats");
}

#[test]
fn a_text_that_is_too_long_for_the_server_fails_with_its_reason() {
    let (Some(python), Some(folder)) = (python(), checkpoint()) else { return };
    let (_running, endpoint) = stand_in(&python, &folder);
    let long = Request::Rolling { text: "a little cat and ".repeat(600) };
    let short = Request::Rolling { text: "A little cat.".to_owned() };
    let answers = ask(&endpoint, &[short, long]).unwrap();
    assert!(matches!(answers[0], Response::Rolling { sum_nats, .. } if sum_nats < 0.0));
    assert!(matches!(&answers[1], Response::Failed { reason } if reason.contains("maximum context length is 512")));
}

#[test]
fn transformers_own_server_generates_the_same_texts_and_is_refused_for_log_likelihoods() {
    let (Some(python), Some(folder)) = (python(), checkpoint()) else { return };
    let (_running, endpoint) = transformers_serve(&python, &folder);
    let requests = generations();
    let (here, there) = (local(&folder, &requests), ask(&endpoint, &requests).unwrap());
    for (here, there) in here.iter().zip(&there) {
        assert_eq!(text_of(here), text_of(there));
    }
    let log_likelihood =
        Request::LogLikelihood { prompt: text("Once"), continuations: vec![Continuation::Text(" upon".to_owned())] };
    let refused = ask(&endpoint, &[log_likelihood]).unwrap_err();
    assert!(matches!(refused, BackendError::Endpoint(EndpointError::NoEcho { .. })), "{refused}");
}
