#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::path::PathBuf;

use super::*;
use crate::chat::{Message, Role};
use crate::model::checkpoint::CheckpointOptions;
use crate::request::{Continuation, Decoding, Prompt};

fn model() -> Option<LocalModel> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let dir = PathBuf::from(std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned()));
    let dir = dir.join("models/llama3_tied");
    if !dir.exists() {
        println!("skipped: no {}", dir.display());
        return None;
    }
    Some(LocalModel::open(&dir, &CheckpointOptions::default(), &LocalOptions::default()).unwrap())
}

fn text(text: &str) -> Prompt {
    Prompt::Text(text.to_owned())
}

fn greedy(max_new_tokens: usize) -> Decoding {
    Decoding::greedy(max_new_tokens)
}

fn answers(model: &LocalModel, requests: &[Request]) -> Vec<Response> {
    let mut answers = requests.iter().map(|_| None).collect::<Vec<_>>();
    let done = &mut |index: usize, response| assert!(answers[index].replace(response).is_none(), "answered twice");
    model.answer(&requests.iter().collect::<Vec<_>>(), done).unwrap();
    answers.into_iter().map(Option::unwrap).collect()
}

#[test]
fn all_kinds_of_requests_are_answered_once_and_agree_with_each_other() {
    let Some(model) = model() else { return };
    let prompt = text("Q: What is the capital of France?\nA:");
    let requests = [
        Request::Generate { prompt: prompt.clone(), decoding: greedy(6) },
        Request::PromptSet { prompts: vec![prompt.clone(), text("Name a city.")], decoding: greedy(6) },
        Request::Rolling { text: "We have the chance today.".into() },
        Request::LogLikelihood {
            prompt: prompt.clone(),
            continuations: vec![Continuation::Text(" Paris".into()), Continuation::Text(" Rome".into())],
        },
        Request::LogLikelihood { prompt: text(""), continuations: vec![Continuation::Text("A".into())] },
    ];
    let got = answers(&model, &requests);
    let Response::Generated(generation) = &got[0] else { panic!("{:?}", got[0]) };
    let Response::PromptSet { replies, log_probs } = &got[1] else { panic!("{:?}", got[1]) };
    assert_eq!(&replies[0], generation, "a set's reply is the generation from the same prompt");
    assert!(matches!(&got[2], Response::Rolling { sum_nats, tokens } if *sum_nats < 0.0 && *tokens > 3));
    assert!(matches!(&got[3], Response::LogProbs { continuations } if continuations.len() == 2));
    assert!(matches!(&got[4], Response::LogProbs { continuations } if continuations[0].tokens == 1));
    // The matrix is what the replies' ids score as continuations, to the last bit.
    let reply = Continuation::Tokens(replies[1].token_ids.clone());
    let scored = answers(&model, &[Request::LogLikelihood { prompt, continuations: vec![reply] }]);
    let Response::LogProbs { continuations } = &scored[0] else { panic!("{scored:?}") };
    assert_eq!(continuations[0].sum_nats.to_bits(), log_probs[0][1].to_bits());
}

#[test]
fn a_request_that_cannot_be_answered_fails_with_a_reason_and_leaves_the_others_alone() {
    let Some(model) = model() else { return };
    let prompt =
        Prompt::Chat { messages: vec![Message::new(Role::Assistant, "?"); 2], assistant_prefix: String::new() };
    let long = Continuation::Tokens(vec![7; 600]);
    let unknown = Continuation::Tokens(vec![70_000]);
    let requests = [
        Request::LogLikelihood { prompt: text("a"), continuations: vec![long] },
        Request::LogLikelihood { prompt: text("a"), continuations: vec![unknown] },
        Request::Generate { prompt: text("Hello"), decoding: greedy(2) },
        Request::LogLikelihood { prompt: text("a"), continuations: Vec::new() },
        Request::Generate { prompt, decoding: greedy(2) },
    ];
    let got = answers(&model, &requests);
    assert!(matches!(&got[0], Response::Failed { reason } if reason.contains("600")), "{:?}", got[0]);
    assert!(matches!(&got[1], Response::Failed { reason } if reason.contains("70000")), "{:?}", got[1]);
    assert!(matches!(&got[2], Response::Generated(_)));
    assert!(matches!(&got[3], Response::LogProbs { continuations } if continuations.is_empty()));
}

#[test]
fn a_script_answers_as_it_is_told() {
    let model = ScriptedModel::new("echo", |_: &Request| Response::Failed { reason: "told so".into() });
    let request = Request::Rolling { text: "x".into() };
    let mut seen = Vec::new();
    model.answer(&[&request, &request], &mut |index, response| seen.push((index, response))).unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(model.identity().digest, Digest::of_bytes(b"echo"));
}
