//! What a model answers does not depend on how it is asked: same text and same log-probabilities, to the last bit and so
//! within the 1e-5 that is promised, for batches of 1, 7 and 64, one thread and two, sorted and shuffled requests,
//! prefixes shared and computed anew. For every family, in every type that weights are held in, and for adapters.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

#[allow(dead_code)]
#[path = "gguf/convert.rs"]
mod convert;

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use rand::seq::SliceRandom;
use serde_json::Value;
use tempfile::TempDir;
use wit_eval::backend::{LanguageModel, LocalModel, LocalOptions};
use wit_eval::model::checkpoint::{Checkpoint, CheckpointOptions};
use wit_eval::model::engine::{EngineOptions, MemoryPlan, weight_bytes};
use wit_eval::model::kernels::WeightType;
use wit_eval::request::{Continuation, Decoding, Prompt, Request, Sampling};
use wit_eval::response::Response;
use wit_eval::seed::Seed;

/// A checkpoint of the fixtures and how it is opened.
struct Subject {
    name: String,
    dir: PathBuf,
    options: CheckpointOptions,
}

fn fixtures() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let dir = PathBuf::from(std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned()));
    if !dir.join("models/index.json").exists() {
        println!("skipped: no fixtures at {}", dir.display());
        return None;
    }
    Some(dir)
}

fn options(fixtures: &Path, tokenizer: &str) -> CheckpointOptions {
    CheckpointOptions {
        tokenizer_dir: Some(fixtures.join("tokenizers").join(tokenizer)),
        ..CheckpointOptions::default()
    }
}

/// One checkpoint a family and peculiarity; GPT-Neo, which the fixtures lack, from the models beside them.
fn models(fixtures: &Path) -> Vec<Subject> {
    let index = fs::read_to_string(fixtures.join("models/index.json")).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let subject = |(name, entry): (&String, &Value)| Subject {
        name: name.clone(),
        dir: fixtures.join("models").join(name),
        options: options(fixtures, entry["tokenizer"].as_str().unwrap()),
    };
    let mut models = index.as_object().unwrap().iter().map(subject).collect::<Vec<_>>();
    let neo = fixtures.join("../models/tinystories-instruct-3m-chat");
    if neo.is_dir() {
        models.push(Subject { name: "gpt_neo".to_owned(), dir: neo, options: CheckpointOptions::default() });
    } else {
        println!("skipped: {} is not there", neo.display());
    }
    models
}

/// Models of the fixtures as GGUF with weights in blocks of eight bits.
fn quantized(fixtures: &Path, folder: &Path) -> Vec<Subject> {
    let known = ["llama3_tied", "qwen3", "gemma3_text", "phi3", "olmo2", "gpt_neox", "gpt2"];
    let of_fixtures = models(fixtures).into_iter().filter(|subject| known.contains(&subject.name.as_str()));
    let written = of_fixtures.map(|subject| {
        let dir = folder.join(&subject.name);
        fs::create_dir(&dir).unwrap();
        convert::Model::open(&subject.dir).write(&dir.join("model.gguf"), GgmlDType::Q8_0, &[]);
        Subject { dir, ..subject }
    });
    written.collect()
}

fn adapters(fixtures: &Path) -> Vec<Subject> {
    let subject = |name: &str| Subject {
        name: name.to_owned(),
        dir: fixtures.join("adapters").join(name),
        options: CheckpointOptions {
            base_dir: Some(fixtures.join("models/llama_untied")),
            ..options(fixtures, "bpe_llama3")
        },
    };
    ["lora_qv", "lora_all"].map(subject).into()
}

impl Subject {
    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::open(&self.dir, &self.options).unwrap_or_else(|error| panic!("{error}"))
    }

    fn open(&self, engine: EngineOptions) -> LocalModel {
        let options = LocalOptions { engine, date: None };
        LocalModel::new(self.checkpoint(), &options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Memory for the weights, the work and one sequence of the longest length.
    fn least_memory_bytes(&self, options: &EngineOptions) -> usize {
        let Checkpoint { architecture, weights, .. } = self.checkpoint();
        let weight_bytes = weight_bytes(&architecture, &weights, options.weight_type);
        let plan = MemoryPlan::new(&architecture, weight_bytes, options, None).unwrap();
        let cache_bytes = plan.cache_bytes_per_token * architecture.context_tokens as u64;
        usize::try_from(plan.weight_bytes + plan.work_bytes + cache_bytes).unwrap()
    }
}

/// Questions with choices under one head, the same choices each by itself, replies, texts and prompt sets: what
/// multiple choice, open questions and POSIX ask.
fn requests() -> Vec<Request> {
    let head = "Answer with a letter.\nQuestion: Which is a bird?\nA. cat\nB. owl\nAnswer: B\n\n";
    let questions = ["Which one flies?", "What did Lily see in the park, one day, with her mom?", "2 + 2 = ?"];
    let text = |question: &str| Prompt::Text(format!("{head}Question: {question}\nAnswer:"));
    let choices =
        [" A", " B", " a big red ball", " nothing at all"].map(|choice| Continuation::Text(choice.to_owned()));
    let mut requests = Vec::new();
    for question in questions {
        let continuations = choices.to_vec();
        requests.push(Request::LogLikelihood { prompt: text(question), continuations });
        for choice in &choices {
            requests.push(Request::LogLikelihood { prompt: text(question), continuations: vec![choice.clone()] });
        }
    }
    for (number, question) in questions.iter().enumerate() {
        let mut decoding = Decoding::greedy(8 + number);
        decoding.stop = vec!["\n\n".to_owned()];
        requests.push(Request::Generate { prompt: text(question), decoding: decoding.clone() });
        decoding.sampling = Sampling::Random { temperature: 1.2, top_p: 0.9, top_k: Some(40), seed: 3 };
        requests.push(Request::Generate { prompt: Prompt::Text((*question).to_owned()), decoding });
    }
    requests.push(Request::Rolling { text: head.to_owned() });
    requests.push(Request::Rolling { text: format!("{head}Once upon a time, there was a little girl.") });
    for set in [&questions[..2], &questions[1..]] {
        let worded = |question: &&str| [text(question), text(&question.to_uppercase())];
        let prompts = set.iter().flat_map(worded).collect();
        requests.push(Request::PromptSet { prompts, decoding: Decoding::greedy(5) });
    }
    requests
}

/// Answers in the order of the requests, asked `batch` at a time in another order.
fn ask(model: &LocalModel, requests: &[Request], order: &[usize], batch: usize) -> Vec<Response> {
    let mut answers = vec![None; requests.len()];
    for asked in order.chunks(batch) {
        let some = asked.iter().map(|at| &requests[*at]).collect::<Vec<_>>();
        let done = &mut |at: usize, response: Response| {
            assert!(!matches!(response, Response::Failed { .. }), "{response:?}");
            assert!(answers[asked[at]].replace(response).is_none(), "answered twice");
        };
        model.answer(&some, done).unwrap();
    }
    answers.into_iter().map(Option::unwrap).collect()
}

fn shuffled(count: usize) -> Vec<usize> {
    let mut order = (0..count).collect::<Vec<_>>();
    order.shuffle(&mut Seed(11).stream(&["order"]));
    order
}

/// Longest first, as lm-evaluation-harness sorts.
fn sorted(requests: &[Request]) -> Vec<usize> {
    let mut order = (0..requests.len()).collect::<Vec<_>>();
    order.sort_by_key(|at| std::cmp::Reverse(serde_json::to_string(&requests[*at]).unwrap().len()));
    order
}

/// Asks in every way; gives the answers.
fn invariant(subject: &Subject, weight_type: WeightType) -> Vec<Response> {
    let requests = requests();
    let count = requests.len();
    let engine = |threads, max_batch_tokens| EngineOptions {
        threads: Some(threads),
        max_batch_tokens,
        weight_type,
        ..EngineOptions::default()
    };
    let model = subject.open(engine(1, None));
    let expected = ask(&model, &requests, &(0..count).collect::<Vec<_>>(), count);
    let shared_tokens = model.engine().computed_tokens();

    let what = |way: &str| format!("{} {weight_type:?}: {way}", subject.name);
    let model = subject.open(engine(2, Some(64)));
    assert_same(&ask(&model, &requests, &shuffled(count), 64), &expected, &what("64, shuffled"));
    assert_same(&ask(&model, &requests, &sorted(&requests), 7), &expected, &what("7, sorted"));
    let small = engine(2, Some(7));
    let model = subject.open(EngineOptions { memory_bytes: Some(subject.least_memory_bytes(&small)), ..small });
    assert_same(&ask(&model, &requests, &shuffled(count), 1), &expected, &what("one by one, little memory"));
    let unshared_tokens = model.engine().computed_tokens();
    assert!(2 * shared_tokens < unshared_tokens, "{}: {shared_tokens} {unshared_tokens}", subject.name);
    expected
}

fn assert_same(answers: &[Response], expected: &[Response], what: &str) {
    for (at, (answer, expected)) in answers.iter().zip(expected).enumerate() {
        assert_eq!(answer, expected, "{what}: request {at}");
    }
}

/// A question's choices asked at once and each by itself.
fn assert_choices_agree(answers: &[Response]) {
    for question in answers.chunks(5).take(3) {
        let one = |response: &Response| match response {
            Response::LogProbs { continuations } => continuations.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(one(&question[0]), question[1..].iter().flat_map(one).collect::<Vec<_>>());
    }
}

/// Log-probabilities of choices, for telling models apart.
fn sums(answers: &[Response]) -> Vec<u64> {
    let sums = answers.iter().filter_map(|answer| match answer {
        Response::LogProbs { continuations } => Some(continuations.iter().map(|one| one.sum_nats.to_bits())),
        _ => None,
    });
    sums.flatten().collect()
}

#[test]
fn every_family_answers_alike_however_it_is_asked() {
    let Some(fixtures) = fixtures() else { return };
    for subject in models(&fixtures) {
        assert_choices_agree(&invariant(&subject, WeightType::Stored));
    }
}

#[test]
fn every_family_in_sixteen_bits_answers_alike_however_it_is_asked() {
    let Some(fixtures) = fixtures() else { return };
    for subject in models(&fixtures) {
        let brain = sums(&invariant(&subject, WeightType::Bfloat16));
        let half = sums(&invariant(&subject, WeightType::Float16));
        assert_ne!(brain, half, "{}: both types give the same", subject.name);
    }
}

#[test]
fn quantized_models_answer_alike_however_they_are_asked() {
    let Some(fixtures) = fixtures() else { return };
    let folder = TempDir::new().unwrap();
    for subject in quantized(&fixtures, folder.path()) {
        assert_choices_agree(&invariant(&subject, WeightType::Stored));
    }
}

#[test]
fn adapters_answer_alike_however_they_are_asked() {
    let Some(fixtures) = fixtures() else { return };
    let [first, second]: [Subject; 2] = adapters(&fixtures).try_into().ok().unwrap();
    let answers = [&first, &second].map(|subject| {
        invariant(subject, WeightType::Bfloat16);
        sums(&invariant(subject, WeightType::Stored))
    });
    assert_ne!(answers[0], answers[1], "both adapters give the same");
}
