#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::path::PathBuf;

use super::*;
use crate::model::kernels::WeightType;
use crate::request::{Continuation, Decoding, Prompt};

fn checkpoint(name: &str) -> Option<Checkpoint> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let fixtures = PathBuf::from(std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned()));
    let dir = fixtures.join("models").join(name);
    if !dir.exists() {
        println!("skipped: no {}; set WIT_EVAL_FIXTURES", dir.display());
        return None;
    }
    let tokenizer_dir = (!dir.join("tokenizer.json").exists()).then(|| fixtures.join("models/llama3_tied"));
    Some(Checkpoint::open(&dir, &CheckpointOptions { tokenizer_dir, ..CheckpointOptions::default() }).unwrap())
}

fn held_as(weight_type: WeightType) -> LocalOptions {
    let engine = EngineOptions { weight_type, threads: Some(2), ..EngineOptions::default() };
    LocalOptions { engine, date: None }
}

fn prompt(text: &str) -> Prompt {
    Prompt::Text(text.to_owned())
}

/// Some of each kind, with heads in common.
fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for question in ["What is the capital of France?", "What is the capital of Spain?", "Who wrote Hamlet?"] {
        let asked = prompt(&format!("Answer shortly, and do not explain.\n\nQ: {question}\nA:"));
        let continuations =
            [" Paris", " Madrid", " Shakespeare, in London"].map(|text| Continuation::Text(text.into()));
        requests.push(Request::Generate { prompt: asked.clone(), decoding: Decoding::greedy(5) });
        requests.push(Request::LogLikelihood { prompt: asked.clone(), continuations: continuations.into() });
        requests.push(Request::NextToken { prompt: asked.clone(), candidates: vec!["A".into(), "B".into()] });
        requests.push(Request::Rolling { text: question.repeat(3) });
        let prompts = vec![asked.clone(), prompt(question)];
        requests.push(Request::PromptSet { prompts, decoding: Decoding::greedy(4) });
        let turns = vec!["And why?".to_owned()];
        requests.push(Request::Dialogue { prompt: asked, turns, plain: None, decoding: Decoding::greedy(3) });
    }
    requests
}

fn answers(model: &LocalModel, requests: &[Request], together: usize) -> Vec<Response> {
    let mut answers = vec![None; requests.len()];
    for (some, slots) in requests.chunks(together).zip(answers.chunks_mut(together)) {
        let some = some.iter().collect::<Vec<_>>();
        let done = &mut |index: usize, response| assert!(slots[index].replace(response).is_none(), "answered twice");
        model.answer(&some, done).unwrap();
    }
    answers.into_iter().map(Option::unwrap).collect()
}

#[test]
fn answers_are_the_same_however_many_requests_are_handed_over_together() {
    let Some(checkpoint) = checkpoint("llama3_tied") else { return };
    let model = LocalModel::new(checkpoint, &held_as(WeightType::Stored)).unwrap();
    let requests = requests();
    let alone = answers(&model, &requests, 1);
    assert!(alone.iter().all(|answer| !matches!(answer, Response::Failed { .. })), "{alone:?}");
    for together in [4, requests.len()] {
        assert_eq!(answers(&model, &requests, together), alone);
    }
}

#[test]
fn a_type_that_rounds_makes_another_model_and_one_that_does_not_the_same() {
    let types = [WeightType::Stored, WeightType::Float32, WeightType::Bfloat16, WeightType::Float16];
    let asked = &requests()[..6];
    for (name, words) in [
        ("llama3_tied", [None, None, Some("bfloat16"), Some("float16")]),
        ("llama_bf16", [None, None, None, Some("float16")]),
    ] {
        let mut seen: Vec<(Option<&str>, Digest, Vec<Response>)> = Vec::new();
        for (weight_type, expected) in types.into_iter().zip(words) {
            let Some(checkpoint) = checkpoint(name) else { return };
            let options = held_as(weight_type);
            assert_eq!(rounded_to(&checkpoint, weight_type), expected, "{name}");
            let model = LocalModel::new(checkpoint, &options).unwrap();
            seen.push((expected, model.identity().digest.clone(), answers(&model, asked, asked.len())));
        }
        for (word, digest, responses) in &seen {
            for (other, other_digest, others) in &seen {
                assert_eq!(word == other, digest == other_digest, "{name}: {word:?} {other:?}");
                assert_eq!(word == other, responses == others, "{name}: {word:?} {other:?}");
            }
        }
    }
}

#[test]
fn the_tokens_of_a_workload_are_those_that_answering_computes() {
    let Some(checkpoint) = checkpoint("llama3_tied") else { return };
    let options = held_as(WeightType::Stored);
    let requests = requests();
    let scored = requests.iter().filter(|request| {
        matches!(request, Request::LogLikelihood { .. } | Request::NextToken { .. } | Request::Rolling { .. })
    });
    let scored = scored.collect::<Vec<_>>();
    let mut workload = Workload::default();
    workload.add(&checkpoint, &options, &scored).unwrap();
    assert_eq!((workload.log_likelihoods, workload.next_tokens, workload.texts), ((3, 9), 3, 3));
    let tokens = workload.tokens();
    assert!(tokens.computed < tokens.asked / 2, "{tokens:?}");
    let model = LocalModel::new(checkpoint, &options).unwrap();
    model.answer(&scored, &mut |_, _| {}).unwrap();
    assert_eq!(model.engine().computed_tokens(), tokens.computed);
}

#[test]
fn the_types_and_the_memory_of_weights_are_those_of_the_files_unless_others_are_asked_for() {
    let (Some(single), Some(half)) = (checkpoint("llama3_tied"), checkpoint("llama_bf16")) else { return };
    let bytes =
        |checkpoint: &Checkpoint, weight_type| memory_plan(checkpoint, &held_as(weight_type)).unwrap().weight_bytes;
    let parameters = single.architecture.parameters() as u64;
    assert_eq!(held_types(&single, WeightType::Stored), "float32");
    assert_eq!(bytes(&single, WeightType::Stored), 4 * parameters);
    assert_eq!(held_types(&single, WeightType::Float16), "float16");
    assert_eq!(bytes(&single, WeightType::Float16), 2 * parameters);
    assert_eq!(held_types(&half, WeightType::Stored), "bfloat16");
    assert_eq!(bytes(&half, WeightType::Stored), 2 * half.architecture.parameters() as u64);
}

#[test]
fn what_cannot_be_asked_is_counted_with_its_reason() {
    let Some(checkpoint) = checkpoint("llama3_tied") else { return };
    let continuations = vec![Continuation::Text(String::new())];
    let requests = [
        Request::LogLikelihood { prompt: prompt("Q:"), continuations },
        Request::Generate { prompt: prompt("Q:"), decoding: Decoding::greedy(7) },
    ];
    let mut workload = Workload::default();
    workload.add(&checkpoint, &held_as(WeightType::Stored), &requests.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!((workload.refused, workload.generations, workload.new_tokens_at_most), (1, 1, 7));
    assert!(workload.refusal.is_some_and(|reason| reason.contains("no token of its own")));
}
