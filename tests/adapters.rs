//! Adapters over a base, against reference values computed with peft and transformers (versions and tolerances are in
//! the fixtures' README), and adapters that must be refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use wit_eval::model::checkpoint::{Checkpoint, CheckpointOptions, WIT_JSON_FORMAT, WitJson};
use wit_eval::model::engine::{Engine, EngineOptions, Prediction, Probe};
use wit_eval::model::weights::Weights;
use wit_eval::train::folder::{self, FolderSource, StoredDtype};
use wit_eval::train::merge::merge;
use wit_eval::train::parameters::{Adapter, LoraSettings, Parameter, Parameters};

/// Absolute tolerance of a log-probability, in nats, on average.
const MEAN_NATS: f64 = 1e-4;
/// Below this margin between the two likeliest tokens either is right.
const MARGIN: f64 = 1e-3;
/// The adapters, and the absolute tolerance of a single log-probability or log-sum-exp, in nats. The second amplifies
/// rounding: peft's own merged weights in `f32` are up to 3.2e-4 away from the reference values, unmerged ones in `f64`
/// 2.3e-4.
const ADAPTERS: [(&str, f64); 2] = [("lora_qv", 1e-4), ("lora_all", 5e-4)];

fn fixtures() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let dir = PathBuf::from(std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned()));
    if dir.join("adapters").exists() {
        return Some(dir);
    }
    println!("skipped: no fixtures at {}", dir.display());
    None
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The adapters' base carries no tokenizer.
fn options(fixtures: &Path) -> CheckpointOptions {
    CheckpointOptions { tokenizer_dir: Some(fixtures.join("tokenizers/bpe_llama3")), ..CheckpointOptions::default() }
}

fn open(dir: &Path, fixtures: &Path) -> Checkpoint {
    Checkpoint::open(dir, &options(fixtures)).unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
}

fn predictions(checkpoint: Checkpoint, sequences: &[Vec<u32>]) -> Vec<Vec<Prediction>> {
    let engine = Engine::open(checkpoint.architecture, &checkpoint.weights, EngineOptions::default()).unwrap();
    let targets = |ids: &Vec<u32>| ids.iter().skip(1).copied().map(Some).chain([None]).collect::<Vec<_>>();
    let targets = sequences.iter().map(targets).collect::<Vec<_>>();
    let probe = |(tokens, targets)| {
        let (tokens, targets): (&Vec<u32>, &Vec<Option<u32>>) = (tokens, targets);
        Probe { tokens, first: 0, targets, all_logits: true }
    };
    let probes = sequences.iter().zip(&targets).map(probe).collect::<Vec<_>>();
    let mut all = vec![Vec::new(); probes.len()];
    engine.predict(&probes, &mut |at, predictions| all[at] = predictions).unwrap();
    all
}

fn ids(sequence: &Value) -> Vec<u32> {
    sequence["ids"].as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

/// Asserts that a checkpoint has the log-probabilities of `ref/{name}.json` within `tolerance`.
fn assert_agrees(checkpoint: Checkpoint, name: &str, fixtures: &Path, tolerance: f64) {
    let reference = json(&fixtures.join("ref").join(format!("{name}.json")));
    let sequences = reference["sequences"].as_array().unwrap();
    let tokens = sequences.iter().map(ids).collect::<Vec<_>>();
    let (mut worst, mut sum, mut count) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (k, (sequence, predictions)) in sequences.iter().zip(predictions(checkpoint, &tokens)).enumerate() {
        for (t, prediction) in predictions.iter().enumerate() {
            let what = format!("{name} seq{k} position {t}");
            if let Some(got) = prediction.target_nats {
                let difference = (f64::from(got) - sequence["next_token_logprobs"][t].as_f64().unwrap()).abs();
                worst = worst.max(difference);
                sum += difference;
                count += 1.0;
                assert!(difference < tolerance, "{what}: log-probability differs by {difference}");
            }
            let difference = (prediction.log_sum_exp - sequence["logsumexp"][t].as_f64().unwrap()).abs();
            assert!(difference < tolerance, "{what}: log-sum-exp differs by {difference}");
            let same = u64::from(prediction.argmax) == sequence["argmax"][t].as_u64().unwrap();
            assert!(same || sequence["argmax_margin"][t].as_f64().unwrap() < MARGIN.max(tolerance), "{what}: argmax");
        }
    }
    println!("{name}: largest difference {worst:.2e} nats, mean {:.2e}", sum / count);
    assert!(sum / count < MEAN_NATS, "{name}: mean difference {}", sum / count);
}

#[test]
fn an_adapter_over_its_base_has_the_log_probabilities_of_peft() {
    let Some(fixtures) = fixtures() else { return };
    for (name, tolerance) in ADAPTERS {
        let checkpoint = open(&fixtures.join("adapters").join(name), &fixtures);
        assert!(checkpoint.is_adapter());
        assert_eq!(checkpoint.name, name);
        assert_eq!(checkpoint.provenance.base.as_deref(), Some("llama_untied"));
        assert_agrees(checkpoint, name, &fixtures, tolerance);
    }
}

#[test]
fn a_merged_adapter_is_a_checkpoint_with_the_same_log_probabilities() {
    let Some(fixtures) = fixtures() else { return };
    for (name, tolerance) in ADAPTERS {
        let adapter = open(&fixtures.join("adapters").join(name), &fixtures);
        let out = tempfile::tempdir().unwrap();
        assert_eq!(merge(&adapter, out.path(), None).unwrap(), StoredDtype::F32);
        let merged = Checkpoint::open(out.path(), &CheckpointOptions::default()).unwrap();
        assert!(!merged.is_adapter());
        assert_eq!(merged.provenance.base.as_deref(), Some("llama_untied"));
        assert_agrees(merged, name, &fixtures, tolerance);
        let text = merge(&open(out.path(), &fixtures), &out.path().join("again"), None).unwrap_err().to_string();
        assert!(text.contains("nothing to merge"), "{text}");
    }
}

#[test]
fn the_digest_covers_base_and_adapter() {
    let Some(fixtures) = fixtures() else { return };
    let base = open(&fixtures.join("models/llama_untied"), &fixtures).digest();
    let digests = ADAPTERS.map(|(name, _)| open(&fixtures.join("adapters").join(name), &fixtures).digest());
    assert!(base != digests[0] && base != digests[1] && digests[0] != digests[1]);
    let dir = copy_of("lora_qv", &fixtures, |_| {});
    assert_eq!(open(dir.path(), &fixtures).digest(), digests[0].clone(), "the same files elsewhere");
    let dir = copy_of("lora_qv", &fixtures, |config| config["lora_alpha"] = json!(9));
    assert_ne!(open(dir.path(), &fixtures).digest(), digests[0], "another scale");
}

/// A copy of an adapter that finds its base, with its configuration changed.
fn copy_of(name: &str, fixtures: &Path, change: impl FnOnce(&mut Value)) -> TempDir {
    let from = fixtures.join("adapters").join(name);
    let dir = tempfile::tempdir().unwrap();
    let base = fixtures.join("models/llama_untied").canonicalize().unwrap();
    let mut config = json(&from.join("adapter_config.json"));
    config["base_model_name_or_path"] = json!(base);
    let bytes = fs::read(from.join("adapter_model.safetensors")).unwrap();
    fs::write(dir.path().join("adapter_model.safetensors"), bytes).unwrap();
    change(&mut config);
    // The same text as in the fixture, where nothing is changed but the path.
    fs::write(dir.path().join("adapter_config.json"), serde_json::to_string_pretty(&config).unwrap()).unwrap();
    dir
}

fn refusal(dir: &Path, options: &CheckpointOptions) -> String {
    match Checkpoint::open(dir, options) {
        Ok(_) => panic!("{} was accepted", dir.display()),
        Err(error) => error.to_string(),
    }
}

fn assert_refused(dir: &Path, options: &CheckpointOptions, words: &[&str]) {
    let text = refusal(dir, options);
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn the_base_is_found_by_path_or_given_by_the_caller() {
    let Some(fixtures) = fixtures() else { return };
    let base = fixtures.join("models/llama_untied");
    let nowhere = ["meta-llama/Llama-3.2-1B", "", "../..", "/nowhere/at/all", "\0", "../../../../../../../../../etc"];
    for named in nowhere {
        let dir = copy_of("lora_qv", &fixtures, |config| config["base_model_name_or_path"] = json!(named));
        assert_refused(dir.path(), &options(&fixtures), &["--base DIR"]);
        let given = CheckpointOptions { base_dir: Some(base.clone()), ..options(&fixtures) };
        assert!(Checkpoint::open(dir.path(), &given).is_ok());
    }
    let dir = copy_of("lora_qv", &fixtures, |_| {});
    let wrong = CheckpointOptions { base_dir: Some(dir.path().join("none")), ..options(&fixtures) };
    assert_refused(dir.path(), &wrong, &["none", "--base DIR"]);
    // Of another width.
    let other = CheckpointOptions { base_dir: Some(fixtures.join("models/gpt2")), ..options(&fixtures) };
    assert_refused(dir.path(), &other, &["adapter_model.safetensors", "is this the adapter's base?"]);
}

#[test]
fn a_base_that_is_an_adapter_is_refused_and_no_circle_is_followed() {
    let Some(fixtures) = fixtures() else { return };
    let base = fixtures.join("adapters/lora_all");
    let dir = copy_of("lora_qv", &fixtures, |config| config["base_model_name_or_path"] = json!(base));
    assert_refused(dir.path(), &options(&fixtures), &["is an adapter itself", "wit-eval merge"]);
    let dir = copy_of("lora_qv", &fixtures, |config| config["base_model_name_or_path"] = json!("."));
    assert_refused(dir.path(), &options(&fixtures), &["is an adapter itself"]);
}

#[test]
fn ranks_that_do_not_fit_the_tensors_are_refused_before_anything_is_computed() {
    let Some(fixtures) = fixtures() else { return };
    for rank in [1, 3, 4_000_000_000_u64] {
        let dir = copy_of("lora_qv", &fixtures, |config| config["r"] = json!(rank));
        assert_refused(dir.path(), &options(&fixtures), &["lora_A", &rank.to_string(), "[4, 64]"]);
    }
}

/// Name and shape.
type Tensor<'a> = (&'a str, &'a [usize]);

/// An adapter folder of these tensors over `llama_untied`.
fn forged(fixtures: &Path, tensors: &[Tensor<'_>]) -> TempDir {
    let dir = copy_of("lora_qv", fixtures, |_| {});
    let data = tensors.iter().map(|(_, shape)| vec![0_u8; 4 * shape.iter().product::<usize>()]).collect::<Vec<_>>();
    let view =
        |shape: &[usize], data| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), data);
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| (format!("base_model.model.{name}"), view(shape, data.as_slice()).unwrap()));
    let bytes = safetensors::serialize(views, None).unwrap();
    fs::write(dir.path().join("adapter_model.safetensors"), bytes).unwrap();
    dir
}

#[test]
fn tensors_that_do_not_belong_are_refused_by_name() {
    let Some(fixtures) = fixtures() else { return };
    let q = "model.layers.0.self_attn.q_proj";
    let down = format!("{q}.lora_A.weight");
    let cases: [(&[Tensor<'_>], &[&str]); 8] = [
        (&[(&down, &[4, 64])], &["counterpart", "lora_A"]),
        (&[(&down, &[4, 63]), (&format!("{q}.lora_B.weight"), &[64, 4])], &["[4, 63]", "[4, 64]"]),
        (&[(&down, &[4, 64]), (&format!("{q}.lora_B.weight"), &[4, 64])], &["lora_B", "[64, 4]"]),
        (&[("x.lora_A.weight", &[4, 64]), ("x.lora_B.weight", &[64, 4])], &["`x`", "base does not have"]),
        (&[("model.norm.lora_A.weight", &[4, 64]), ("model.norm.lora_B.weight", &[64, 4])], &["no matrix"]),
        (&[(&format!("{q}.lora_magnitude_vector"), &[64])], &["no kind", "lora_magnitude_vector"]),
        (&[("lm_head.weight", &[2049, 64])], &["[2049, 64]", "[2048, 64]", "vocabulary"]),
        (&[(&format!("{q}.lora_embedding_A"), &[4, 64]), (&format!("{q}.lora_embedding_B"), &[64, 4])], &["embedding"]),
    ];
    for (tensors, words) in cases {
        let dir = forged(&fixtures, tensors);
        assert_refused(dir.path(), &options(&fixtures), words);
    }
    let dir = copy_of("lora_qv", &fixtures, |_| {});
    fs::write(dir.path().join("adapter_model.safetensors"), [7; 40]).unwrap();
    assert_refused(dir.path(), &options(&fixtures), &["adapter_model.safetensors"]);
    fs::remove_file(dir.path().join("adapter_model.safetensors")).unwrap();
    assert_refused(dir.path(), &options(&fixtures), &["no adapter_model.safetensors"]);
}

#[test]
fn tied_embeddings_stay_tied() {
    let Some(fixtures) = fixtures() else { return };
    let tied = fixtures.join("models/llama3_tied");
    let over = |tensors: &[Tensor<'_>]| {
        let dir = forged(&fixtures, tensors);
        let given = CheckpointOptions { base_dir: Some(tied.clone()), ..CheckpointOptions::default() };
        (dir, given)
    };
    let (dir, given) = over(&[("lm_head.lora_A.weight", &[4, 64]), ("lm_head.lora_B.weight", &[2048, 4])]);
    assert_refused(dir.path(), &given, &["one matrix"]);
    let (dir, given) = over(&[("lm_head.weight", &[2048, 64])]);
    assert_refused(dir.path(), &given, &["one matrix"]);
}

/// Factors of a rank-2 adapter for every projection that `targets` names, with small numbers.
fn made_up(base: &Checkpoint, targets: &[&str]) -> Adapter {
    let mut tensors = Parameters::new();
    for view in base.architecture.tensors() {
        let Some(module) = view.names.iter().find_map(|name| name.strip_suffix(".weight")) else { continue };
        let (Some(last), [rows, columns]) = (module.rsplit('.').next(), view.shape.as_slice()) else { continue };
        if targets.contains(&last) {
            let transposed = matches!(view.selection, wit_eval::model::architecture::Selection::Columns { .. });
            let (inputs, outputs) = if transposed { (*rows, *columns) } else { (*columns, *rows) };
            let fill = |shape: [usize; 2], salt: usize| Parameter {
                shape: shape.to_vec(),
                values: (0..shape[0] * shape[1]).map(|i| ((i * 7 + salt) % 13) as f32 / 130.0 - 0.04).collect(),
            };
            tensors.insert(format!("base_model.model.{module}.lora_A.weight"), fill([2, inputs], 1));
            tensors.insert(format!("base_model.model.{module}.lora_B.weight"), fill([outputs, 2], 5));
        }
    }
    let targets = targets.iter().map(|&target| target.to_owned()).collect();
    Adapter { settings: LoraSettings { rank: 2, alpha: 3.0, targets }, tensors }
}

#[test]
fn a_written_adapter_reads_back_as_base_plus_product_in_both_layouts_of_weights() {
    let Some(fixtures) = fixtures() else { return };
    let wit = WitJson::from(&open(&fixtures.join("models/llama_untied"), &fixtures).provenance);
    assert_eq!(wit.format, WIT_JSON_FORMAT);
    for (model, targets, tensor, shape) in [
        ("llama3_tied", &["q_proj", "down_proj"][..], "model.layers.1.mlp.down_proj.weight", [64, 128]),
        // Stored as (inputs, outputs).
        ("gpt2", &["c_attn"][..], "transformer.h.1.attn.c_attn.weight", [64, 192]),
    ] {
        let base = Checkpoint::open(&fixtures.join("models").join(model), &CheckpointOptions::default()).unwrap();
        let adapter = made_up(&base, targets);
        let out = tempfile::tempdir().unwrap();
        folder::write_adapter(out.path(), &FolderSource::of(&base), &adapter, &wit).unwrap();
        let config = json(&out.path().join("adapter_config.json"));
        assert_eq!(config["fan_in_fan_out"], model == "gpt2");
        let read = Checkpoint::open(out.path(), &CheckpointOptions::default()).unwrap();
        let module = tensor.strip_suffix(".weight").unwrap();
        let factor = |end: &str| &adapter.tensors[&format!("base_model.model.{module}.{end}.weight")];
        let (down, up) = (factor("lora_A"), factor("lora_B"));
        let before = base.weights.to_f32(tensor, &shape).unwrap();
        let after = read.weights.to_f32(tensor, &shape).unwrap();
        let inputs = down.shape[1];
        for (at, (before, after)) in before.iter().zip(&after).enumerate() {
            let (row, column) = (at / shape[1], at % shape[1]);
            let (output, input) = if model == "gpt2" { (column, row) } else { (row, column) };
            let product: f32 = (0..2).map(|k| up.values[output * 2 + k] * down.values[k * inputs + input]).sum();
            assert!((after - (before + 1.5 * product)).abs() < 1e-6, "{model} {tensor} [{row}, {column}]");
        }
        assert!(before.iter().zip(&after).any(|(before, after)| (before - after).abs() > 1e-3), "{model}");
        let untouched = "model.layers.0.self_attn.k_proj.weight";
        if model == "llama3_tied" {
            let shape = base.weights.shape(untouched).unwrap();
            let raw = Weights::open(&base.dir).unwrap().to_f32(untouched, shape).unwrap();
            assert_eq!(read.weights.to_f32(untouched, shape).unwrap(), raw);
        }
        let text = folder::write_adapter(&base.dir, &FolderSource::of(&base), &adapter, &wit).unwrap_err().to_string();
        assert!(text.contains("base model"), "{text}");
        let over = folder::write_adapter(&out.path().join("over"), &FolderSource::of(&read), &adapter, &wit);
        assert!(over.unwrap_err().to_string().contains("merge that one first"));
    }
}
