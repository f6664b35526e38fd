//! The fused path against the plain one and against references computed elsewhere.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::fs;
use std::path::PathBuf;

use candle_core::{DType, Device};
use serde_json::Value;

use super::*;
use crate::instruction::TokenRole;
use crate::model::weights::Weights;
use crate::train::batch::Target;
use crate::train::parameters::{Adapter, LoraSettings, Parameter, Parameters};

const FUSED: NetworkOptions = NetworkOptions { path: PathChoice::Fused, checkpointing: false };

/// In double precision, so that differences are the fused path's own.
const PLAIN: NetworkOptions = NetworkOptions { path: PathChoice::Plain(Device::Cpu, DType::F64), checkpointing: false };

fn fixtures() -> Option<PathBuf> {
    let fixtures = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let dir = PathBuf::from(fixtures);
    if !dir.is_dir() {
        println!("skipped: {} is not there; set WIT_EVAL_FIXTURES", dir.display());
        return None;
    }
    Some(dir)
}

fn load(name: &str) -> Option<(Architecture, ModelParameters)> {
    let dir = fixtures()?.join("models").join(name);
    let config = fs::read_to_string(dir.join("config.json")).unwrap();
    let architecture = Architecture::from_config_json(&config).unwrap();
    let weights = Weights::open(&dir).unwrap();
    let mut base = Parameters::new();
    for view in architecture.tensors() {
        let name = view.names.iter().find(|name| weights.contains(name)).unwrap();
        let values = weights.to_f32(name, &view.shape).unwrap();
        base.insert(name.clone(), Parameter { shape: view.shape.clone(), values });
    }
    Some((architecture, ModelParameters { base, adapter: None }))
}

fn families() -> Vec<String> {
    let Some(dir) = fixtures() else { return Vec::new() };
    let entries = fs::read_dir(dir.join("models")).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names = folders.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>();
    names.sort();
    names
}

/// Sequences of these lengths; every row but the last of a sequence has its next token as target, some a second one.
fn batch(lengths: &[usize]) -> MicroBatch {
    let mut batch = MicroBatch { starts: vec![0], target_starts: vec![0], ..MicroBatch::default() };
    for (number, length) in lengths.iter().enumerate() {
        let first = batch.tokens.len();
        batch.tokens.extend((0..*length).map(|i| ((i * i * 37 + i * 11 + number * 501) % 1_999 + 8) as u32));
        for row in first..first + length - 1 {
            let role = TokenRole::Response;
            batch.targets.push(Target { row: row as u32, token: batch.tokens[row + 1], role });
            if row % 5 == 0 {
                batch.targets.push(Target { row: row as u32, token: (row * 13 % 2_000) as u32, role });
            }
        }
        batch.starts.push(batch.tokens.len());
        batch.target_starts.push(batch.targets.len());
    }
    batch
}

/// A loss's derivatives that differ from target to target.
fn slopes(log_probs: &[f32]) -> Vec<f32> {
    (0..log_probs.len()).map(|i| -((i * 7 % 11) as f32 + 0.5) / 300.0).collect()
}

fn run(
    options: NetworkOptions,
    architecture: &Architecture,
    model: &ModelParameters,
    batch: &MicroBatch,
) -> (Vec<f32>, Gradients) {
    let network = Network::new(architecture, options).unwrap();
    let mut gradients = Gradients::new();
    let log_probs = network.gradients(model, batch, &mut slopes, &mut gradients).unwrap();
    (log_probs, gradients)
}

/// `||a - b|| / ||b||`, where `b` is not much smaller than `scale`.
fn distance(a: &[f32], b: &[f32], scale: f64) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / norm(&mut b.iter().map(|b| f64::from(*b))).max(1e-3 * scale)
}

fn agree(what: &str, found: &Gradients, expected: &Gradients, tolerance: f64) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
    let squares = expected.values().flatten().map(|value| f64::from(*value) * f64::from(*value));
    let scale = (squares.sum::<f64>() / expected.len() as f64).sqrt();
    for (name, expected) in expected {
        let distance = distance(&found[name], expected, scale);
        assert!(distance < tolerance, "{what}, {name}: {distance:e}");
    }
}

/// An adapter with values everywhere, over projections that end so.
fn adapted(architecture: &Architecture, model: ModelParameters, targets: &[&str], rank: usize) -> ModelParameters {
    let mut tensors = Parameters::new();
    for view in architecture.tensors() {
        let name = view.names.iter().find(|name| model.base.contains_key(*name)).unwrap();
        let Some(module) = name.strip_suffix(".weight") else { continue };
        if !targets.iter().any(|target| module.ends_with(target)) {
            continue;
        }
        let conv = matches!(view.selection, crate::model::architecture::Selection::Columns { .. });
        let (rows, columns) = (view.shape[0], view.shape[1]);
        let (inputs, outputs) = if conv { (rows, columns) } else { (columns, rows) };
        let seed = module.len() as u32 + module.bytes().map(u32::from).sum::<u32>();
        let mut put = |part: &str, shape: [usize; 2], seed| {
            let values = checks::numbers(shape[0] * shape[1], seed, 0.2);
            let name = format!("base_model.model.{module}.lora_{part}.weight");
            tensors.insert(name, Parameter { shape: shape.to_vec(), values });
        };
        put("A", [rank, inputs], seed);
        put("B", [outputs, rank], seed + 1);
    }
    let settings =
        LoraSettings { rank, alpha: 7.0, targets: targets.iter().map(|target| (*target).to_owned()).collect() };
    ModelParameters { adapter: Some(Adapter { settings, tensors }), ..model }
}

#[test]
fn both_paths_give_the_same_log_probabilities_and_gradients_for_every_family() {
    for name in families() {
        let Some((architecture, model)) = load(&name) else { return };
        // Longer than the windows, and more rows than the plain path takes together.
        let batch = batch(&[30, 2, 45, 130, 64]);
        let (log_probs, gradients) = run(FUSED, &architecture, &model, &batch);
        let (expected, reference) = run(PLAIN, &architecture, &model, &batch);
        assert!(distance(&log_probs, &expected, 0.0) < 1e-6, "{name}: log-probabilities");
        agree(&name, &gradients, &reference, 1e-5);
        assert_eq!(gradients.keys().collect::<Vec<_>>(), model.base.keys().collect::<Vec<_>>(), "{name}");
        for (tensor, gradient) in &gradients {
            // A bias of keys shifts all scores of a query alike: its gradient is zero by right.
            let some = gradient.iter().any(|value| *value != 0.0) || tensor.contains("k_proj.bias");
            assert!(some && gradient.iter().all(|value| value.is_finite()), "{name}, {tensor}");
        }
        let network = Network::new(&architecture, FUSED).unwrap();
        assert_eq!(network.log_probs(&model, &batch).unwrap(), log_probs, "{name}: without gradients");
    }
}

#[test]
fn adapters_get_the_gradients_of_the_plain_path_and_frozen_weights_none() {
    let cases = [
        ("llama_untied", vec!["q_proj", "v_proj", "lm_head"]),
        ("llama3_tied", vec!["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]),
        ("gpt2", vec!["c_attn", "c_proj"]),
        ("gpt_neox", vec!["query_key_value", "dense"]),
        ("phi3", vec!["qkv_proj", "gate_up_proj"]),
        ("gemma2", vec!["layers.1.mlp.down_proj"]),
    ];
    for (name, targets) in cases {
        let Some((architecture, model)) = load(name) else { return };
        let model = adapted(&architecture, model, &targets, 3);
        let batch = batch(&[20, 31]);
        let (log_probs, gradients) = run(FUSED, &architecture, &model, &batch);
        let (expected, reference) = run(PLAIN, &architecture, &model, &batch);
        assert!(distance(&log_probs, &expected, 0.0) < 1e-6, "{name}: log-probabilities");
        agree(name, &gradients, &reference, 1e-5);
        let adapter = model.adapter.as_ref().unwrap();
        assert_eq!(gradients.keys().collect::<Vec<_>>(), adapter.tensors.keys().collect::<Vec<_>>(), "{name}");
        assert!(gradients.values().all(|gradient| gradient.iter().any(|value| *value != 0.0)), "{name}");
    }
}

#[test]
fn a_batch_gives_the_sum_of_its_sequences_gradients_and_adds_to_what_is_there() {
    let Some((architecture, model)) = load("mistral") else { return };
    let network = Network::new(&architecture, FUSED).unwrap();
    let lengths = [40, 7, 29, 3];
    let whole = batch(&lengths);
    let coefficients = slopes(&vec![0.0; whole.targets.len()]);
    let mut together = Gradients::new();
    network.gradients(&model, &whole, &mut |_| coefficients.clone(), &mut together).unwrap();
    let mut sum = Gradients::new();
    for sequence in 0..whole.sequences() {
        let (first, last) = (whole.starts[sequence], whole.starts[sequence + 1]);
        let asked = whole.target_starts[sequence]..whole.target_starts[sequence + 1];
        let mut one = MicroBatch { tokens: whole.tokens[first..last].to_vec(), ..MicroBatch::default() };
        one.starts = vec![0, last - first];
        one.target_starts = vec![0, asked.len()];
        one.targets = whole.targets[asked.clone()].to_vec();
        one.targets.iter_mut().for_each(|target| target.row -= first as u32);
        network.gradients(&model, &one, &mut |_| coefficients[asked.clone()].to_vec(), &mut sum).unwrap();
    }
    agree("sequences", &together, &sum, 2e-6);
}

#[test]
fn checkpointing_and_threads_change_no_bit() {
    for name in ["llama3_tied", "gemma3_text", "gpt_neox"] {
        let Some((architecture, model)) = load(name) else { return };
        let batch = batch(&[33, 70]);
        let expected = run(FUSED, &architecture, &model, &batch);
        assert_eq!(run(NetworkOptions { checkpointing: true, ..FUSED }, &architecture, &model, &batch), expected);
        for threads in [1, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| run(FUSED, &architecture, &model, &batch));
            assert_eq!(found, expected, "{name}, {threads} threads");
        }
    }
}

#[test]
fn what_is_malformed_is_refused_and_leaves_the_gradients_as_they_were() {
    let Some((architecture, mut model)) = load("gpt2") else { return };
    let network = Network::new(&architecture, FUSED).unwrap();
    let good = batch(&[5]);
    let refused = |model: &ModelParameters, batch: &MicroBatch, weigh: &mut dyn FnMut(&[f32]) -> Vec<f32>| {
        let mut gradients = Gradients::new();
        let error = network.gradients(model, batch, weigh, &mut gradients).unwrap_err().to_string();
        assert!(gradients.is_empty(), "{error}");
        error
    };
    assert!(refused(&model, &MicroBatch { starts: vec![0, 9], ..good.clone() }, &mut slopes).contains("malformed"));
    let mut tokens = good.clone();
    tokens.tokens[2] = 2_048;
    assert!(refused(&model, &tokens, &mut slopes).contains("2048"));
    let mut targets = good.clone();
    targets.targets[2].row = 5;
    assert!(refused(&model, &targets, &mut slopes).contains("malformed"));
    assert!(refused(&model, &batch(&[513]), &mut slopes).contains("513"));
    assert!(refused(&model, &good, &mut |_| vec![1.0]).contains("derivatives"));
    let (name, _) = model.base.iter().next().unwrap();
    let name = name.clone();
    model.base.get_mut(&name).unwrap().shape.push(1);
    assert!(refused(&model, &good, &mut slopes).contains(&name));
    model.base.remove(&name);
    assert!(refused(&model, &good, &mut slopes).contains(&name));
    let options = NetworkOptions { checkpointing: true, ..PLAIN };
    assert!(matches!(Network::new(&architecture, options), Err(GradientError::CheckpointingUnsupported)));
}

/// The reference's batch, and the derivative of its loss by each log-probability: `-w / N`.
fn reference_batch(wit: &Value, weighting: &Value) -> (MicroBatch, Vec<f32>) {
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap()).collect::<Vec<_>>();
    let rows = &wit["batch"];
    let items = weighting["num_items"].as_f64().unwrap();
    let (lengths, prompts) = (numbers(&rows["lengths"]), numbers(&rows["prompt_lens"]));
    let mut batch = MicroBatch { starts: vec![0], target_starts: vec![0], ..MicroBatch::default() };
    let mut slopes = Vec::new();
    for (sequence, (length, prompt)) in lengths.into_iter().zip(prompts).enumerate() {
        let ids = numbers(&rows["input_ids"][sequence]);
        let first = batch.tokens.len();
        batch.tokens.extend(ids.iter().take(length as usize).map(|id| *id as u32));
        for t in 1..length {
            let (key, role) = if t < prompt {
                ("prompt_weight", TokenRole::Prompt)
            } else {
                ("response_weight", TokenRole::Response)
            };
            let weight = weighting[key].as_f64().unwrap();
            if weight != 0.0 {
                let row = first + t as usize - 1;
                batch.targets.push(Target { row: row as u32, token: batch.tokens[row + 1], role });
                slopes.push((-weight / items) as f32);
            }
        }
        batch.starts.push(batch.tokens.len());
        batch.target_starts.push(batch.targets.len());
    }
    assert!((slopes.len() as f64 - items).abs() < 0.5);
    (batch, slopes)
}

/// Tensors of a safetensors file, in `f32`.
fn stored(path: &std::path::Path) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let one = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
        let values = match view.dtype() {
            safetensors::Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
            _ => view.data().as_chunks::<8>().0.iter().map(|x| i64::from_le_bytes(*x) as f32).collect(),
        };
        (name.replace(".default.", "."), view.shape().to_vec(), values)
    };
    file.iter().map(one).collect()
}

/// Losses and gradients computed with transformers and PEFT.
#[test]
fn loss_and_gradients_are_those_of_the_reference_trainer() {
    for (name, base) in [("llama3_tied", "llama3_tied"), ("llama_untied", "llama_untied"), ("lora_qv", "llama_untied")]
    {
        let Some((architecture, mut model)) = load(base) else { return };
        let dir = fixtures().unwrap();
        if name == "lora_qv" {
            let tensors = stored(&dir.join("adapters/lora_qv/adapter_model.safetensors"));
            let tensors =
                tensors.into_iter().map(|(name, shape, values)| (name, Parameter { shape, values })).collect();
            let settings = LoraSettings { rank: 4, alpha: 8.0, targets: vec!["q_proj".into(), "v_proj".into()] };
            model.adapter = Some(Adapter { settings, tensors });
        }
        let dir = dir.join("wit").join(name);
        let wit: Value = serde_json::from_slice(&fs::read(dir.join("wit.json")).unwrap()).unwrap();
        let network = Network::new(&architecture, FUSED).unwrap();
        for weighting in wit["weightings"].as_array().unwrap() {
            let (batch, slopes) = reference_batch(&wit, weighting);
            let mut gradients = Gradients::new();
            let log_probs = network.gradients(&model, &batch, &mut |_| slopes.clone(), &mut gradients).unwrap();
            let loss = log_probs.iter().zip(&slopes).map(|(x, slope)| f64::from(*x) * f64::from(*slope)).sum::<f64>();
            let expected = weighting["loss_float64"].as_f64().unwrap();
            assert!((loss - expected).abs() < 1e-5 * expected, "{name}: loss {loss}, {expected}");
            let (p, r) = (&weighting["prompt_weight"], &weighting["response_weight"]);
            let path = dir.join(format!("grads_p{p}_r{r}.safetensors"));
            if !path.exists() {
                continue;
            }
            let mut expected = Gradients::new();
            let mut rows = Vec::new();
            for (name, _, values) in stored(&path) {
                match name.strip_suffix(".rows") {
                    Some(_) => rows = values,
                    None => drop(expected.insert(name.trim_end_matches(".values").to_owned(), values)),
                }
            }
            let embedding = "model.embed_tokens.weight";
            if !rows.is_empty() {
                let width = architecture.hidden;
                let mut whole = vec![0.0; architecture.vocabulary * width];
                for (row, values) in rows.iter().zip(expected[embedding].chunks(width)) {
                    whole[*row as usize * width..][..width].copy_from_slice(values);
                }
                expected.insert(embedding.to_owned(), whole);
            }
            agree(name, &gradients, &expected, 1e-4);
        }
    }
}
