#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr)]

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::model::checkpoint::{CheckpointOptions, WIT_JSON_FORMAT};
use crate::model::weights::Weights;

fn fixtures() -> Option<PathBuf> {
    let dir = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let dir = PathBuf::from(dir);
    if !dir.is_dir() {
        eprintln!("skipped: {} is not there; set WIT_EVAL_FIXTURES", dir.display());
        return None;
    }
    Some(dir)
}

fn open(name: &str) -> Option<Checkpoint> {
    let dir = fixtures()?.join("models").join(name);
    Some(Checkpoint::open(&dir, &CheckpointOptions::default()).unwrap())
}

fn wit() -> WitJson {
    WitJson {
        format: WIT_JSON_FORMAT,
        base: Some("base".to_owned()),
        lambda_p: Some(0.4),
        lambda_r: Some(0.6),
        weighting: None,
        data_digest: None,
        seed: Some(7),
        steps: Some(10),
        stage: None,
    }
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_written_checkpoint_opens_with_the_same_numbers_and_says_where_it_is_from() {
    for (name, source_dtype) in [("llama3_tied", StoredDtype::F32), ("qwen2", StoredDtype::F32)] {
        let Some(base) = open(name) else { return };
        assert_eq!(StoredDtype::of(&base), source_dtype);
        let parameters = read_parameters(&base).unwrap();
        let out = tempfile::tempdir().unwrap();
        // What a run keeps in its folder stays there.
        fs::create_dir(out.path().join(".snapshots")).unwrap();
        fs::write(out.path().join("metrics.jsonl"), "{}\n").unwrap();
        let source = FolderSource::of(&base);
        write_checkpoint(out.path(), &source, &parameters, StoredDtype::F32, &wit()).unwrap();
        let written = Checkpoint::open(out.path(), &CheckpointOptions::default()).unwrap();
        assert_eq!(read_parameters(&written).unwrap(), parameters, "{name}");
        assert_eq!(written.provenance.weighting.unwrap().prompt().to_bits(), 0.4_f64.to_bits());
        assert_eq!(written.tokenizer.digest(), base.tokenizer.digest());
        assert_eq!(written.end_token_ids, base.end_token_ids);
        assert!(files(out.path()).contains(&"metrics.jsonl".to_owned()));
        assert!(!files(out.path()).contains(&".partial".to_owned()));
    }
}

#[test]
fn sixteen_bit_weights_are_rounded_to_the_nearest_and_the_configuration_says_so() {
    let Some(base) = open("llama3_tied") else { return };
    let parameters = read_parameters(&base).unwrap();
    for (dtype, word, epsilon) in
        [(StoredDtype::Bf16, "bfloat16", 2_f32.powi(-8)), (StoredDtype::F16, "float16", 2_f32.powi(-11))]
    {
        let out = tempfile::tempdir().unwrap();
        write_checkpoint(out.path(), &FolderSource::of(&base), &parameters, dtype, &wit()).unwrap();
        let config: Value = serde_json::from_str(&fs::read_to_string(out.path().join("config.json")).unwrap()).unwrap();
        assert_eq!(config["torch_dtype"], word);
        let written = Checkpoint::open(out.path(), &CheckpointOptions::default()).unwrap();
        assert_eq!(StoredDtype::of(&written), dtype);
        for (name, read) in read_parameters(&written).unwrap() {
            for (read, exact) in read.values.iter().zip(&parameters[&name].values) {
                assert!((read - exact).abs() <= exact.abs() * epsilon + 6e-8, "{name}: {read} for {exact}");
            }
        }
    }
}

#[test]
fn large_weights_are_split_and_a_smaller_successor_leaves_no_shard_behind() {
    let Some(base) = open("llama3_tied") else { return };
    let parameters = read_parameters(&base).unwrap();
    let out = tempfile::tempdir().unwrap();
    let source = FolderSource::of(&base);
    write_in_shards(out.path(), &source, &parameters, StoredDtype::F32, &wit(), 100_000).unwrap();
    let shards = files(out.path()).into_iter().filter(|name| name.starts_with("model-")).count();
    assert!(shards > 2);
    let weights = Weights::open(out.path()).unwrap();
    assert_eq!(weights.names().count(), parameters.len());
    drop(weights);
    write_checkpoint(out.path(), &source, &parameters, StoredDtype::F32, &wit()).unwrap();
    assert_eq!(files(out.path()).iter().filter(|name| name.starts_with("model")).count(), 1);
    assert!(Checkpoint::open(out.path(), &CheckpointOptions::default()).is_ok());
}

#[test]
fn a_failed_write_leaves_the_last_good_checkpoint() {
    let Some(base) = open("llama3_tied") else { return };
    let mut parameters = read_parameters(&base).unwrap();
    let out = tempfile::tempdir().unwrap();
    let source = FolderSource::of(&base);
    let write = |parameters: &Parameters, dtype| write_checkpoint(out.path(), &source, parameters, dtype, &wit());
    write(&parameters, StoredDtype::F32).unwrap();
    let before = Checkpoint::open(out.path(), &CheckpointOptions::default()).unwrap().digest();
    let name = "model.norm.weight";
    let refusal = |parameters: &Parameters, dtype, words: &[&str]| {
        let text = write(parameters, dtype).unwrap_err().to_string();
        for word in words.iter().chain(&[name]) {
            assert!(text.contains(word), "`{word}` is missing in: {text}");
        }
        assert_eq!(Checkpoint::open(out.path(), &CheckpointOptions::default()).unwrap().digest(), before);
        assert!(!files(out.path()).contains(&".partial".to_owned()));
    };
    let good = parameters[name].clone();
    for (value, dtype, word) in [
        (f32::NAN, StoredDtype::F32, "NaN"),
        (f32::INFINITY, StoredDtype::Bf16, "inf"),
        (1e6, StoredDtype::F16, "float16"),
    ] {
        parameters.get_mut(name).unwrap().values[3] = value;
        refusal(&parameters, dtype, &[word]);
    }
    parameters.insert(name.to_owned(), Parameter { shape: vec![63], values: good.values[..63].to_vec() });
    refusal(&parameters, StoredDtype::F32, &["[63]", "[64]"]);
    parameters.remove(name);
    refusal(&parameters, StoredDtype::F32, &["not among"]);
}

#[test]
fn folders_that_hold_something_else_are_not_written_over() {
    let Some(fixtures) = fixtures() else { return };
    let Some(base) = open("llama3_tied") else { return };
    let parameters = read_parameters(&base).unwrap();
    let write = |out: &Path| {
        let source = FolderSource::of(&base);
        write_checkpoint(out, &source, &parameters, StoredDtype::F32, &wit()).unwrap_err().to_string()
    };
    assert!(write(&fixtures.join("models/llama3_tied")).contains("base model"));
    let parent = tempfile::tempdir().unwrap();
    let adapter = parent.path().join("adapter");
    fs::create_dir(&adapter).unwrap();
    fs::write(adapter.join("adapter_config.json"), "{}").unwrap();
    assert!(write(&adapter).contains("holds an adapter"));
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(write(&file.join("below")).contains("choose another folder"));
}
