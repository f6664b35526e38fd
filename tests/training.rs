//! Training against numbers of an independent reference: the fixtures' losses, optimizer steps, adapters, preferences.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]
#![allow(clippy::float_cmp, clippy::similar_names, clippy::cast_possible_truncation)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wit_eval::instruction::{TokenRole, TokenizedExample};
use wit_eval::model::checkpoint::{Checkpoint, CheckpointOptions};
use wit_eval::train::folder::read_parameters;
use wit_eval::train::gradient::{Network, NetworkOptions, PathChoice};
use wit_eval::train::objective::{Objective, PreferencePair, StepSums, TrainingItem};
use wit_eval::train::optimizer::AdamW;
use wit_eval::train::order::ExampleOrder;
use wit_eval::train::parameters::{Adapter, LoraSettings, ModelParameters, Parameter, Parameters};
use wit_eval::train::preference::DpoLoss;
use wit_eval::train::schedule::Decay;
use wit_eval::train::settings::{Settings, WeightType};
use wit_eval::train::trainer::{Trainer, ask_reference};
use wit_eval::weighting::Weighting;

fn fixtures() -> Option<PathBuf> {
    let dir = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let dir = PathBuf::from(dir);
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: {} is not there; set WIT_EVAL_FIXTURES", dir.display());
    None
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn open(fixtures: &Path, model: &str) -> Checkpoint {
    let index = json(&fixtures.join("models/index.json"));
    let tokenizer_dir = fixtures.join("tokenizers").join(index[model]["tokenizer"].as_str().unwrap());
    let options = CheckpointOptions { tokenizer_dir: Some(tokenizer_dir), ..CheckpointOptions::default() };
    Checkpoint::open(&fixtures.join("models").join(model), &options).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

fn example(all: Vec<u32>, prompt_tokens: usize) -> TokenizedExample {
    let role = |at| match at {
        0 => TokenRole::Special,
        at if at < prompt_tokens => TokenRole::Prompt,
        _ => TokenRole::Response,
    };
    TokenizedExample { roles: (0..all.len()).map(role).collect(), ids: all }
}

/// The examples of a `wit.json`, rendered by this program in the authors' format.
fn items(checkpoint: &Checkpoint, pairs: &Value, count: usize) -> Vec<TrainingItem> {
    use wit_eval::instruction::{InstructionBody, InstructionRow};
    use wit_eval::train::render::{PromptFormat, RenderSettings, Rendered, Renderer, Truncation};
    let settings = RenderSettings {
        format: PromptFormat::Wit,
        max_tokens: 512,
        truncation: Truncation::Right,
        end_ids: checkpoint.end_token_ids.clone(),
        date: None,
    };
    let renderer = Renderer::new(&checkpoint.tokenizer, None, settings).unwrap();
    let row = |(index, pair): (usize, &Value)| {
        let body = InstructionBody::Text {
            prompt: pair["prompt"].as_str().unwrap().to_owned(),
            response: pair["response"].as_str().unwrap().to_owned(),
        };
        match renderer.render(&InstructionRow { number: index + 1, body }).unwrap() {
            Rendered::Whole(example) => TrainingItem::Example(example),
            other => unreachable!("{other:?}"),
        }
    };
    pairs.as_array().unwrap().iter().take(count).enumerate().map(row).collect()
}

fn network(checkpoint: &Checkpoint) -> Network {
    let options = NetworkOptions { path: PathChoice::Fused, checkpointing: false };
    Network::new(&checkpoint.architecture, options).unwrap()
}

fn settings(objective: Objective, run: &Value) -> Settings {
    let number = |key: &str| run[key].as_f64().unwrap();
    Settings {
        objective,
        learning_rate: number("learning_rate"),
        schedule: Decay::Cosine,
        warmup_ratio: number("lr_warmup_fraction"),
        optimizer: AdamW { weight_decay: number("weight_decay"), epsilon: number("eps"), ..AdamW::default() },
        max_grad_norm: None,
        batch_size: 4,
        micro_batch_tokens: 100,
        total_steps: 5,
        order: ExampleOrder::File,
        seed: 0,
        weights: WeightType::F32,
        checkpointing: false,
    }
}

/// The model that a fixture folder tunes: the checkpoint's weights, with the adapter where there is one.
fn model(fixtures: &Path, folder: &str) -> (Checkpoint, ModelParameters) {
    let name = if folder == "lora_qv" { "llama_untied" } else { folder };
    let checkpoint = open(fixtures, name);
    let base = read_parameters(&checkpoint).unwrap();
    let adapter = (folder == "lora_qv").then(|| {
        let bytes = fs::read(fixtures.join("adapters/lora_qv/adapter_model.safetensors")).unwrap();
        let settings = LoraSettings { rank: 4, alpha: 8.0, targets: vec!["q_proj".into(), "v_proj".into()] };
        Adapter { settings, tensors: tensors(&bytes) }
    });
    (checkpoint, ModelParameters { base, adapter })
}

fn tensors(bytes: &[u8]) -> Parameters {
    let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let one = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        (name, Parameter { shape: view.shape().to_vec(), values })
    };
    file.tensors().into_iter().filter(|(_, view)| view.dtype() == safetensors::Dtype::F32).map(one).collect()
}

const FOLDERS: [&str; 3] = ["llama3_tied", "llama_untied", "lora_qv"];

#[test]
fn the_loss_of_every_weighting_is_the_references_however_the_step_is_split() {
    let Some(fixtures) = fixtures() else { return };
    for folder in FOLDERS {
        let wit = json(&fixtures.join("wit").join(folder).join("wit.json"));
        let (checkpoint, model) = model(&fixtures, folder);
        let network = network(&checkpoint);
        let items = items(&checkpoint, &wit["pairs"], 4);
        for case in wit["weightings"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let weighting = Weighting::new(number("prompt_weight"), number("response_weight")).unwrap();
            let objective = Objective::Wit(weighting);
            let denominator = items.iter().map(|item| objective.share(item)).sum::<usize>();
            assert_eq!(denominator as f64, number("num_items"), "{folder} {weighting}");
            for split in [1, 2, 4] {
                let mut sums = StepSums::default();
                for part in items.iter().collect::<Vec<_>>().chunks(split) {
                    let batch = objective.micro_batch(part, false);
                    let nats = network.log_probs(&model, &batch).unwrap();
                    objective.slopes(part, &batch, &nats, denominator, &mut sums);
                }
                let (loss, expected) = (sums.loss, number("loss_float64"));
                assert!((loss / expected - 1.0).abs() < 1e-5, "{folder} {weighting} by {split}: {loss} not {expected}");
            }
        }
    }
}

#[test]
fn five_optimizer_steps_follow_the_reference() {
    let Some(fixtures) = fixtures() else { return };
    for folder in FOLDERS {
        let dir = fixtures.join("wit").join(folder);
        let wit = json(&dir.join("wit.json"));
        for run in wit["training"].as_array().unwrap() {
            let number = |key: &str| run[key].as_f64().unwrap();
            let (checkpoint, model) = model(&fixtures, folder);
            let weighting = Weighting::new(number("prompt_weight"), number("response_weight")).unwrap();
            let pairs = run["num_pairs"].as_u64().unwrap() as usize;
            let items = items(&checkpoint, &wit["pairs"], pairs);
            let settings = settings(Objective::Wit(weighting), run);
            let mut trainer = Trainer::new(network(&checkpoint), model, settings, items.len());
            for step in 0..5 {
                let report = trainer.step(&items, false).unwrap();
                let expected = |key: &str| run[key][step].as_f64().unwrap();
                let what = format!("{folder} {weighting} step {step}: {report:?}");
                assert!((report.rate - expected("lr_used_per_step")).abs() < 1e-12, "{what}");
                assert!((report.sums.loss - expected("loss_per_step")).abs() < 1e-3, "{what}");
                assert!((report.gradient_norm / expected("grad_l2_per_step") - 1.0).abs() < 1e-2, "{what}");
            }
            let trained = trainer.model().trained();
            for (name, expected) in run["final"].as_object().unwrap() {
                // The reference's names in memory; PEFT's files leave the adapter's name out.
                let name = &name.replace(".default.", ".");
                let found = trained.get(name).unwrap_or_else(|| panic!("{folder}: no {name}"));
                let (first, last) = (found.values[0], found.values[found.values.len() - 1]);
                assert!((f64::from(first) - expected["first"].as_f64().unwrap()).abs() < 2e-3, "{folder} {name}");
                assert!((f64::from(last) - expected["last"].as_f64().unwrap()).abs() < 2e-3, "{folder} {name}");
            }
            if (number("prompt_weight"), number("response_weight")) == (0.4, 0.6) {
                compare_parameters(&dir, folder, trained);
            }
        }
    }
}

fn compare_parameters(dir: &Path, folder: &str, trained: &Parameters) {
    // Not every folder has the file; the others are compared by first and last value only.
    let Ok(bytes) = fs::read(dir.join("params_after_5_steps_p0.4_r0.6.safetensors")) else { return };
    let expected = tensors(&bytes);
    assert!(!expected.is_empty());
    for (name, expected) in expected {
        let pairs = trained[&name.replace(".default.", ".")].values.iter().zip(&expected.values);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
        assert!(worst < 2e-3, "{folder} {name}: {worst}");
    }
}

#[test]
fn preferences_have_the_references_loss_rewards_and_gradients() {
    let Some(fixtures) = fixtures() else { return };
    let dpo = json(&fixtures.join("dpo/dpo.json"));
    let policy = open(&fixtures, dpo["policy"].as_str().unwrap());
    let reference = open(&fixtures, dpo["reference"].as_str().unwrap());
    let network = network(&policy);
    let frozen = ModelParameters { base: read_parameters(&reference).unwrap(), adapter: None };
    let model = ModelParameters { base: read_parameters(&policy).unwrap(), adapter: None };
    let pair = |pair: &Value| {
        let prompt = ids(&pair["prompt_ids"]);
        let side = |key: &str| example([prompt.clone(), ids(&pair[key])].concat(), prompt.len());
        let (chosen, rejected) = (side("chosen_ids"), side("rejected_ids"));
        TrainingItem::Pair(Box::new(PreferencePair { chosen, rejected, reference: None }))
    };
    let mut items = dpo["pairs"].as_array().unwrap().iter().map(pair).collect::<Vec<_>>();
    ask_reference(&network, &frozen, &mut items, 64, |_| {}).unwrap();
    let beta = dpo["beta"].as_f64().unwrap();
    let objective = Objective::Dpo(DpoLoss { beta, label_smoothing: 0.0 });
    let items = items.iter().collect::<Vec<_>>();
    let batch = objective.micro_batch(&items, false);
    let mut sums = StepSums::default();
    let mut gradients = wit_eval::train::parameters::Gradients::new();
    let mut weigh = |nats: &[f32]| objective.slopes(&items, &batch, nats, items.len(), &mut sums);
    network.gradients(&model, &batch, &mut weigh, &mut gradients).unwrap();
    let near = |found: f64, expected: f64, what: &str| {
        assert!((found / expected - 1.0).abs() < 1e-4, "{what}: {found} not {expected}");
    };
    near(sums.loss, dpo["loss"].as_f64().unwrap(), "loss");
    near(sums.rewards.chosen / 3.0, dpo["trl"]["rewards_chosen_mean"].as_f64().unwrap(), "chosen reward");
    near(sums.rewards.rejected / 3.0, dpo["trl"]["rewards_rejected_mean"].as_f64().unwrap(), "rejected reward");
    for (name, expected) in dpo["grad_l2"].as_object().unwrap() {
        let norm = gradients[name].iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        near(norm, expected.as_f64().unwrap(), name);
    }
}
