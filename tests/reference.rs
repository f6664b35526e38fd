//! The network against reference values computed with transformers, lm-evaluation-harness and the POSIX package
//! (the versions and tolerances are in the fixtures' README).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use wit_eval::backend::{LanguageModel as _, LocalModel, LocalOptions};
use wit_eval::model::architecture::{Architecture, Family};
use wit_eval::model::checkpoint::CheckpointOptions;
use wit_eval::model::engine::{
    Engine, EngineOptions, GenerationRequest, Prediction, Probe, PromptSetRequest, Scoring, rolling_windows,
};
use wit_eval::model::tokens::{DeclaredIds, Specials, TextTokenizer};
use wit_eval::model::weights::Weights;
use wit_eval::request::{Decoding, Prompt, Request, Sampling};
use wit_eval::response::{FinishReason, Response};

/// Absolute tolerance of a log-probability, in nats.
const NATS: f64 = 1e-4;
/// Below this margin between the two likeliest tokens either is right.
const MARGIN: f64 = 1e-3;

fn fixtures() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let dir = PathBuf::from(std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned()));
    if dir.join("models/index.json").exists() {
        return Some(dir);
    }
    println!("skipped: no fixtures at {}", dir.display());
    None
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[derive(Deserialize)]
struct Entry {
    tokenizer: String,
    model_type: String,
}

struct Model {
    name: String,
    dir: PathBuf,
    engine: Engine,
    tokenizer: TextTokenizer,
    reference: Option<Reference>,
    full_rows: PathBuf,
}

#[derive(Deserialize)]
struct Reference {
    sequences: Vec<Sequence>,
    greedy: Vec<Greedy>,
    early_eos: Vec<EarlyEnd>,
    lm_eval: LmEval,
}

#[derive(Deserialize)]
struct Sequence {
    ids: Vec<u32>,
    next_token_logprobs: Vec<f64>,
    sum_logprob: f64,
    logsumexp: Vec<f64>,
    argmax: Vec<u32>,
    argmax_margin: Vec<f64>,
    full_row_positions: Vec<usize>,
}

#[derive(Deserialize)]
struct Greedy {
    prompt_ids: Vec<u32>,
    new_ids: Vec<u32>,
    text: String,
    margins: Vec<f64>,
}

#[derive(Deserialize)]
struct EarlyEnd {
    prompt: String,
    eos_token_ids: Vec<u32>,
    new_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct LmEval {
    max_length: usize,
    prefix_token_id: u32,
    loglikelihood: Vec<LogLikelihood>,
    rolling: Vec<Rolling>,
    generate_until: Vec<GenerateUntil>,
}

#[derive(Deserialize)]
struct LogLikelihood {
    context: String,
    continuation: String,
    context_ids_len: usize,
    continuation_ids: Vec<u32>,
    logprob: f64,
    is_greedy: bool,
}

#[derive(Deserialize)]
struct Rolling {
    text: String,
    logprob: f64,
}

#[derive(Deserialize)]
struct GenerateUntil {
    context: String,
    until: Vec<String>,
    max_gen_toks: usize,
    result: String,
}

/// Every model of a supported family; unsupported ones are printed by name.
fn models(dir: &Path) -> Vec<Model> {
    let index: std::collections::BTreeMap<String, Entry> = json(&dir.join("models/index.json"));
    let mut models = Vec::new();
    for (name, entry) in index {
        if !Family::ALL.iter().any(|family| family.as_str() == entry.model_type) {
            println!("skipped: {name} (family {} is not supported)", entry.model_type);
            continue;
        }
        let model_dir = dir.join("models").join(&name);
        let config = fs::read_to_string(model_dir.join("config.json")).unwrap();
        let architecture = Architecture::from_config_json(&config).unwrap_or_else(|error| panic!("{name}: {error}"));
        let weights = Weights::open(&model_dir).unwrap();
        let engine = Engine::open(architecture, &weights, EngineOptions::default()).unwrap();
        let declared = DeclaredIds::default();
        let tokenizer = TextTokenizer::open(&dir.join("tokenizers").join(&entry.tokenizer), declared).unwrap();
        let reference = dir.join("ref").join(format!("{name}.json"));
        let reference = reference.exists().then(|| json(&reference));
        let full_rows = dir.join("ref").join(format!("{name}.safetensors"));
        models.push(Model { name, dir: model_dir, engine, tokenizer, reference, full_rows });
    }
    assert!(!models.is_empty());
    models
}

impl Model {
    fn text(&self, ids: &[u32]) -> String {
        self.tokenizer.decode(ids, true).unwrap()
    }

    fn predictions(&self, probes: &[Probe<'_>]) -> Vec<Vec<Prediction>> {
        let mut all = vec![Vec::new(); probes.len()];
        self.engine.predict(probes, &mut |at, predictions| all[at] = predictions).unwrap();
        all
    }

    /// Whether the two likeliest tokens are too close to tell somewhere in a sequence.
    fn nearly_ties(&self, ids: &[u32]) -> bool {
        let ids = &ids[ids.len().saturating_sub(self.engine.max_length_tokens())..];
        let targets = vec![None; ids.len()];
        let predictions = self.predictions(&[Probe { tokens: ids, first: 0, targets: &targets, all_logits: true }]);
        predictions[0].iter().any(|prediction| {
            let mut logits = prediction.logits.clone().unwrap();
            logits.sort_by(|a, b| b.total_cmp(a));
            f64::from(logits[0] - logits[1]) < MARGIN
        })
    }

    fn generate(&self, requests: &[GenerationRequest]) -> Vec<wit_eval::response::Generation> {
        let mut all = requests.iter().map(|_| None).collect::<Vec<_>>();
        let done = &mut |at: usize, result: Result<_, _>| all[at] = Some(result.unwrap());
        self.engine.generate(requests, &|ids| self.text(ids), done).unwrap();
        all.into_iter().map(Option::unwrap).collect()
    }
}

fn request(prompt: &[u32], max_new_tokens: usize, stop: &[String], end_tokens: &[u32]) -> GenerationRequest {
    GenerationRequest {
        prompt: prompt.to_vec(),
        decoding: Decoding { max_new_tokens, stop: stop.to_vec(), sampling: Sampling::Greedy, sample: 0 },
        end_tokens: end_tokens.to_vec(),
        stream_label: String::new(),
    }
}

/// Generated ids must agree up to the first step whose margin is too small to tell.
fn assert_same_ids(got: &[u32], expected: &[u32], margins: &[f64], what: &str) {
    for (step, (got, expected)) in got.iter().zip(expected).enumerate() {
        if got != expected {
            assert!(margins[step] < MARGIN, "{what}: step {step} gives {got}, not {expected}");
            return;
        }
    }
    assert_eq!(got.len(), expected.len(), "{what}");
}

#[test]
fn both_layouts_of_a_configuration_describe_the_same_network() {
    let Some(dir) = fixtures() else { return };
    for model in models(&dir) {
        let read = |file: &str| {
            let text = fs::read_to_string(model.dir.join(file)).unwrap();
            Architecture::from_config_json(&text).unwrap_or_else(|error| panic!("{} {file}: {error}", model.name))
        };
        assert_eq!(read("config.json"), read("config.v5.json"), "{}", model.name);
    }
}

#[test]
fn log_probabilities_of_sequences_agree_at_every_position() {
    let Some(dir) = fixtures() else { return };
    for model in models(&dir) {
        let Some(reference) = &model.reference else { continue };
        let name = &model.name;
        let targets = reference
            .sequences
            .iter()
            .map(|sequence| sequence.ids.iter().skip(1).copied().map(Some).chain([None]).collect::<Vec<_>>());
        let targets = targets.collect::<Vec<_>>();
        let probe = |(sequence, targets)| {
            let sequence: &Sequence = sequence;
            let targets: &Vec<Option<u32>> = targets;
            Probe { tokens: &sequence.ids, first: 0, targets, all_logits: true }
        };
        let probes = reference.sequences.iter().zip(&targets).map(probe).collect::<Vec<_>>();
        let rows = fs::read(&model.full_rows).unwrap();
        let rows = safetensors::SafeTensors::deserialize(&rows).unwrap();
        let mut worst = 0.0_f64;
        for (k, (sequence, predictions)) in reference.sequences.iter().zip(model.predictions(&probes)).enumerate() {
            assert_eq!(predictions.len(), sequence.ids.len());
            let nats = predictions.iter().filter_map(|p| p.target_nats).map(f64::from).collect::<Vec<_>>();
            for (t, (got, expected)) in nats.iter().zip(&sequence.next_token_logprobs).enumerate() {
                worst = worst.max((got - expected).abs());
                assert!((got - expected).abs() < NATS, "{name} seq{k} position {t}: {got} instead of {expected}");
            }
            let difference = (nats.iter().sum::<f64>() - sequence.sum_logprob).abs();
            assert!(difference < NATS * nats.len() as f64, "{name} seq{k}: sum differs by {difference}");
            for (t, prediction) in predictions.iter().enumerate() {
                let difference = (prediction.log_sum_exp - sequence.logsumexp[t]).abs();
                assert!(difference < NATS, "{name} seq{k} position {t}: log-sum-exp differs by {difference}");
                let same = prediction.argmax == sequence.argmax[t] || sequence.argmax_margin[t] < MARGIN;
                assert!(same, "{name} seq{k} position {t}: argmax {}", prediction.argmax);
            }
            let expected = rows.tensor(&format!("seq{k}.logprobs")).unwrap();
            let expected = expected.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
            let expected = expected.collect::<Vec<_>>();
            for (row, position) in expected.chunks_exact(model.engine.vocabulary()).zip(&sequence.full_row_positions) {
                let prediction = &predictions[*position];
                for (logit, expected) in prediction.logits.as_ref().unwrap().iter().zip(row) {
                    let got = f64::from(*logit) - prediction.log_sum_exp;
                    assert!((got - f64::from(*expected)).abs() < NATS, "{name} seq{k} row {position}");
                }
            }
        }
        println!("{name}: largest difference {worst:.2e} nats");
    }
}

#[test]
fn greedy_generations_agree_alone_and_together() {
    let Some(dir) = fixtures() else { return };
    for model in models(&dir) {
        let Some(reference) = &model.reference else { continue };
        let requests = reference.greedy.iter().map(|g| request(&g.prompt_ids, g.new_ids.len(), &[], &[]));
        let requests = requests.collect::<Vec<_>>();
        let together = model.generate(&requests);
        for ((case, request), generation) in reference.greedy.iter().zip(&requests).zip(&together) {
            assert_same_ids(&generation.token_ids, &case.new_ids, &case.margins, &model.name);
            if generation.token_ids == case.new_ids {
                let text = model.tokenizer.decode(&generation.token_ids, false).unwrap();
                assert_eq!(text, case.text, "{}", model.name);
                assert_eq!(generation.finish, FinishReason::Length);
            }
            assert_eq!(&model.generate(std::slice::from_ref(request))[0], generation, "{}: alone", model.name);
        }
        for case in &reference.early_eos {
            let ids = model.tokenizer.encode(&case.prompt, true).unwrap();
            let Some(greedy) = reference.greedy.iter().find(|g| g.prompt_ids == ids) else {
                panic!("{}: no greedy case with this prompt", model.name)
            };
            let generation = &model.generate(&[request(&ids, 48, &[], &case.eos_token_ids)])[0];
            assert_same_ids(&generation.token_ids, &case.new_ids, &greedy.margins, &model.name);
            if generation.token_ids == case.new_ids {
                let expected = case.new_ids.last().is_some_and(|id| case.eos_token_ids.contains(id));
                assert_eq!(generation.finish == FinishReason::EndToken, expected, "{}", model.name);
            }
        }
    }
}

#[test]
fn log_likelihoods_and_rolling_log_likelihoods_are_those_of_lm_eval() {
    let Some(dir) = fixtures() else { return };
    for model in models(&dir) {
        let Some(Reference { lm_eval, .. }) = &model.reference else { continue };
        let name = &model.name;
        assert_eq!(model.engine.max_length_tokens(), lm_eval.max_length, "{name}");
        let whole = |case: &LogLikelihood| {
            let pair = model.tokenizer.split_pair(&case.context, &case.continuation, Specials::Added).unwrap();
            assert_eq!(pair.context.len(), case.context_ids_len, "{name} {:?}", case.context);
            assert_eq!(pair.continuation, case.continuation_ids, "{name} {:?}", case.context);
            Scoring { context: pair.context, continuation: pair.continuation }
        };
        let items = lm_eval.loglikelihood.iter().map(whole).collect::<Vec<_>>();
        let mut scores = items.iter().map(|_| None).collect::<Vec<_>>();
        model.engine.score(&items, &mut |at, score| scores[at] = Some(score.unwrap())).unwrap();
        for (at, (case, score)) in lm_eval.loglikelihood.iter().zip(scores).enumerate() {
            let score = score.unwrap();
            let difference = (score.sum_nats() - case.logprob).abs();
            let tolerance = NATS * case.continuation_ids.len() as f64;
            let what = format!("{name} {:?} {:?}", case.context, case.continuation);
            assert!(difference < tolerance, "{what}: {} instead of {}", score.sum_nats(), case.logprob);
            let ids = [items[at].context.as_slice(), &items[at].continuation].concat();
            assert!(score.is_greedy == case.is_greedy || model.nearly_ties(&ids), "{what}");
        }
        for case in &lm_eval.rolling {
            let ids = model.tokenizer.encode_prompt(&case.text, Specials::Added).unwrap();
            let windows = rolling_windows(&ids, lm_eval.prefix_token_id, lm_eval.max_length);
            let mut total = 0.0;
            model.engine.score(&windows, &mut |_, score| total += score.unwrap().sum_nats()).unwrap();
            let difference = (total - case.logprob).abs();
            assert!(difference < NATS * ids.len() as f64, "{name}: {total} instead of {}", case.logprob);
        }
    }
}

#[test]
fn generations_are_cut_at_stop_strings_as_lm_eval_cuts_them() {
    let Some(dir) = fixtures() else { return };
    for model in models(&dir) {
        let Some(Reference { lm_eval, .. }) = &model.reference else { continue };
        for case in &lm_eval.generate_until {
            let ids = model.tokenizer.encode_prompt(&case.context, Specials::Added).unwrap();
            let end = model.tokenizer.eos_id().into_iter().collect::<Vec<_>>();
            let generation = &model.generate(&[request(&ids, case.max_gen_toks, &case.until, &end)])[0];
            if generation.text != case.result {
                let uncertain = model.nearly_ties(&[ids.as_slice(), &generation.token_ids].concat());
                assert!(
                    uncertain,
                    "{} {:?}: {:?} instead of {:?}",
                    model.name, case.until, generation.text, case.result
                );
            }
        }
    }
}

#[test]
fn prompt_sets_give_the_replies_and_the_matrix_of_the_posix_package() {
    let Some(dir) = fixtures() else { return };
    let runs: Value = json(&dir.join("posix.json"));
    let models = models(&dir);
    for run in runs["runs"].as_array().unwrap() {
        let Some(model) = models.iter().find(|model| run["model"] == model.name.as_str()) else { continue };
        // In batched runs the package counts padding as part of a reply that ended early.
        if run["batched"] == true && !run["eos_token_id"].is_null() {
            continue;
        }
        let ids = |value: &Value| {
            value.as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect::<Vec<_>>()
        };
        let end = run["eos_token_id"].as_u64().map(|id| u32::try_from(id).unwrap());
        let limit = usize::try_from(run["max_new_tokens"].as_u64().unwrap()).unwrap();
        let sets = run["sets"].as_array().unwrap();
        let requests = sets.iter().map(|set| {
            let prompts = set["prompt_ids"].as_array().unwrap().iter();
            let ends = end.into_iter().collect::<Vec<_>>();
            PromptSetRequest { prompts: prompts.map(|prompt| request(&ids(prompt), limit, &[], &ends)).collect() }
        });
        let mut answers = sets.iter().map(|_| None).collect::<Vec<_>>();
        let done = &mut |at: usize, answer: Result<_, _>| answers[at] = Some(answer.unwrap());
        model.engine.prompt_sets(&requests.collect::<Vec<_>>(), &|ids| model.text(ids), done).unwrap();
        for (set, answer) in sets.iter().zip(answers) {
            let answer = answer.unwrap();
            let expected = set["response_ids"].as_array().unwrap().iter().map(ids).collect::<Vec<_>>();
            let got = answer.replies.iter().map(|reply| reply.token_ids.clone()).collect::<Vec<_>>();
            if got != expected {
                let mut sequences = set["prompt_ids"].as_array().unwrap().iter().map(ids).zip(&got);
                let uncertain =
                    sequences.any(|(prompt, reply)| model.nearly_ties(&[prompt.as_slice(), reply].concat()));
                assert!(uncertain, "{}: {got:?} instead of {expected:?}", model.name);
                continue;
            }
            for (i, row) in answer.log_probs.iter().enumerate() {
                for (j, got) in row.iter().enumerate() {
                    let expected = set["logprob_matrix"][i][j].as_f64().unwrap();
                    let tolerance = NATS * answer.replies[j].token_ids.len() as f64;
                    assert!((got - expected).abs() < tolerance, "{} [{i}][{j}]: {got}, {expected}", model.name);
                }
            }
        }
    }
}

/// What the models' README quotes of two trained models.
#[test]
fn trained_story_models_say_what_they_are_known_to_say() {
    let Some(dir) = fixtures() else { return };
    let cases = [
        (
            "tinystories-656k",
            "Once upon a time",
            ", a little girl named Lily lived in a small house with her mom, dad, and her dog, Spot, Spot, loved to play \
             all day. One day, Lily saw a small bird on the ground. She picked it up and tried to reach the bird and see \
             what it was.",
        ),
        (
            "tinystories-instruct-3m-chat",
            "User: Hey, how are you?\nBot:",
            " I'm good, thanks for asking. How about you?",
        ),
        ("tinystories-instruct-3m-chat", "User: I am sad today.\nBot:", " What's wrong?"),
    ];
    for (name, prompt, expected) in cases {
        let folder = dir.join("../models").join(name);
        if !folder.exists() {
            println!("skipped: no {}", folder.display());
            continue;
        }
        let model = LocalModel::open(&folder, &CheckpointOptions::default(), &LocalOptions::default()).unwrap();
        let decoding = Decoding { max_new_tokens: 100, stop: Vec::new(), sampling: Sampling::Greedy, sample: 0 };
        let request = Request::Generate { prompt: Prompt::Text(prompt.to_owned()), decoding };
        let mut text = String::new();
        let done = &mut |_: usize, response| match response {
            Response::Generated(generation) => text = generation.text,
            other => panic!("{name}: {other:?}"),
        };
        model.answer(&[&request], done).unwrap();
        assert!(text.starts_with(expected), "{name}: {text:?}");
    }
}
