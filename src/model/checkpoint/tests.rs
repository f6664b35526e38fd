#![allow(clippy::unwrap_used, clippy::print_stderr)]

use super::*;

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

/// A copy of a fixture model in a folder of this name.
fn copy_as(parent: &Path, name: &str) -> Option<PathBuf> {
    let from = fixtures()?.join("models/llama3_tied");
    let to = parent.join(name);
    std::fs::create_dir_all(&to).unwrap();
    for file in
        ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]
    {
        std::fs::write(to.join(file), std::fs::read(from.join(file)).unwrap()).unwrap();
    }
    Some(to)
}

fn open(dir: &Path) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::open(dir, &CheckpointOptions::default())
}

#[test]
fn every_fixture_model_opens_with_the_tokenizer_that_the_index_names() {
    let Some(fixtures) = fixtures() else { return };
    let index: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(fixtures.join("models/index.json")).unwrap()).unwrap();
    for (model, entry) in index.as_object().unwrap() {
        let tokenizer_dir = fixtures.join("tokenizers").join(entry.get("tokenizer").unwrap().as_str().unwrap());
        let options = CheckpointOptions { tokenizer_dir: Some(tokenizer_dir), ..CheckpointOptions::default() };
        let checkpoint = Checkpoint::open(&fixtures.join("models").join(model), &options).unwrap();
        assert_eq!(&checkpoint.name, model);
        assert_eq!(checkpoint.end_token_ids, [checkpoint.tokenizer.eos_id().unwrap()], "{model}");
        // Each of these tokenizers has a template, in one file or the other.
        assert!(checkpoint.chat_template.is_some(), "{model}");
        assert_eq!(checkpoint.provenance.weighting_source, WeightingSource::Unknown, "{model}");
    }
}

#[test]
fn the_digest_follows_every_file_that_decides_a_reply() {
    let parent = tempfile::tempdir().unwrap();
    let Some(dir) = copy_as(parent.path(), "model") else { return };
    let before = open(&dir).unwrap().digest();
    assert_eq!(open(&dir).unwrap().digest(), before);
    std::fs::write(dir.join("README.md"), "of no consequence").unwrap();
    assert_eq!(open(&dir).unwrap().digest(), before);
    let flip_last = |name: &str| {
        let mut bytes = std::fs::read(dir.join(name)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(dir.join(name), bytes).unwrap();
    };
    flip_last("model.safetensors");
    let with_other_weights = open(&dir).unwrap().digest();
    assert_ne!(with_other_weights, before);
    flip_last("model.safetensors");
    for name in ["config.json", "tokenizer.json"] {
        let text = std::fs::read_to_string(dir.join(name)).unwrap();
        std::fs::write(dir.join(name), format!("{text} \n")).unwrap();
        assert_ne!(open(&dir).unwrap().digest(), before, "{name}");
        std::fs::write(dir.join(name), text).unwrap();
    }
    assert_eq!(open(&dir).unwrap().digest(), before);
    std::fs::write(dir.join("chat_template.jinja"), "{{ messages }}").unwrap();
    assert_ne!(open(&dir).unwrap().digest(), before);
}

#[test]
fn generation_config_names_the_end_tokens_before_config_does() {
    let parent = tempfile::tempdir().unwrap();
    let Some(dir) = copy_as(parent.path(), "model") else { return };
    let generation = dir.join("generation_config.json");
    std::fs::write(&generation, r#"{"eos_token_id": [7, 3, 7], "temperature": 0.6, "do_sample": true}"#).unwrap();
    let checkpoint = open(&dir).unwrap();
    assert_eq!(checkpoint.end_token_ids, [1, 3, 7]);
    assert_eq!((checkpoint.generation.temperature, checkpoint.generation.do_sample), (Some(0.6), Some(true)));
    let config = std::fs::read_to_string(dir.join("config.json")).unwrap();
    std::fs::write(dir.join("config.json"), config.replace("\"eos_token_id\": 1", "\"eos_token_id\": [9, 8]")).unwrap();
    assert_eq!(open(&dir).unwrap().end_token_ids, [1, 3, 7]);
    std::fs::remove_file(&generation).unwrap();
    assert_eq!(open(&dir).unwrap().end_token_ids, [1, 8, 9]);
}

#[test]
fn the_weighting_comes_from_the_caller_then_wit_json_then_the_folder_name() {
    let parent = tempfile::tempdir().unwrap();
    let Some(dir) = copy_as(parent.path(), "llama-lambda_p-0.2-lambda_r-0.8") else { return };
    let weighting = |prompt, response| Weighting::new(prompt, response).ok();
    let said = |options: &CheckpointOptions| {
        let provenance = Checkpoint::open(&dir, options).unwrap().provenance;
        (provenance.weighting, provenance.weighting_source)
    };
    let silent = CheckpointOptions::default();
    assert_eq!(said(&silent), (weighting(0.2, 0.8), WeightingSource::FolderName));
    for fields in [r#""lambda_p": 0.4, "lambda_r": 0.6"#, r#""weighting": {"prompt": 0.4, "response": 0.6}"#] {
        std::fs::write(dir.join("wit.json"), format!("{{\"format\": 1, {fields}}}")).unwrap();
        assert_eq!(said(&silent), (weighting(0.4, 0.6), WeightingSource::WitJson));
    }
    let loud = CheckpointOptions { weighting: weighting(1.0, 1.0), ..CheckpointOptions::default() };
    assert_eq!(said(&loud), (weighting(1.0, 1.0), WeightingSource::CommandLine));
}

#[test]
fn a_folder_inside_a_named_run_takes_its_weighting_from_the_run() {
    let parent = tempfile::tempdir().unwrap();
    let Some(dir) = copy_as(parent.path(), "p0.4-r0.6/checkpoint-500") else { return };
    let provenance = open(&dir).unwrap().provenance;
    assert_eq!(provenance.weighting, Weighting::new(0.4, 0.6).ok());
}

#[test]
fn a_written_wit_json_is_read_back() {
    let parent = tempfile::tempdir().unwrap();
    let Some(dir) = copy_as(parent.path(), "model") else { return };
    let written = WitJson {
        format: WIT_JSON_FORMAT,
        base: Some("story-base".to_owned()),
        lambda_p: Some(0.4),
        lambda_r: Some(1.0),
        weighting: None,
        data_digest: Some(Digest::of_bytes(b"data")),
        seed: Some(23),
        steps: Some(240),
        stage: Some(Stage::Sft),
    };
    std::fs::write(dir.join("wit.json"), serde_json::to_string(&written).unwrap()).unwrap();
    let provenance = open(&dir).unwrap().provenance;
    assert_eq!(
        provenance,
        Provenance {
            weighting: Weighting::new(0.4, 1.0).ok(),
            weighting_source: WeightingSource::WitJson,
            base: written.base,
            data_digest: written.data_digest,
            seed: written.seed,
            steps: written.steps,
            stage: written.stage,
        }
    );
}

#[test]
fn a_folder_of_a_download_cache_goes_by_its_repository() {
    let parent = tempfile::tempdir().unwrap();
    let Some(dir) = copy_as(parent.path(), "models--org--tuned-p0.2-r1/snapshots/0123abcd") else { return };
    let checkpoint = open(&dir).unwrap();
    assert_eq!(checkpoint.name, "org--tuned-p0.2-r1");
    assert_eq!(checkpoint.provenance.weighting, Weighting::new(0.2, 1.0).ok());
}
