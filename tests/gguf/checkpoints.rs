//! Opening models in GGUF as checkpoints: file or folder, tokenizer, template, end tokens, name, weighting, parts.

use std::path::Path;

use candle_core::quantized::gguf_file::Value;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use serde_json::Value as Json;
use wit_eval::model::checkpoint::{Checkpoint, CheckpointOptions, TemplateChoice, WeightingSource};
use wit_eval::model::engine::{Engine, EngineOptions};
use wit_eval::model::gguf::GgufFile;
use wit_eval::model::weights::Weights;
use wit_eval::weighting::Weighting;

use super::convert::{self, Model};
use super::fixtures;

/// What the converter writes of a byte-level tokenizer.
fn tokenizer_keys(dir: &Path) -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(dir.join("tokenizer.json")).unwrap();
    let file: Json = serde_json::from_str(&text).unwrap();
    let mut tokens: Vec<(u64, String, i32)> = file["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(token, id)| (id.as_u64().unwrap(), token.clone(), 1))
        .collect();
    for added in file["added_tokens"].as_array().unwrap() {
        let id = added["id"].as_u64().unwrap();
        tokens.retain(|(known, ..)| *known != id);
        tokens.push((id, added["content"].as_str().unwrap().to_owned(), 3));
    }
    tokens.sort();
    let merge = |merge: &Json| match merge {
        Json::String(text) => text.clone(),
        pair => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
    };
    let merges = file["model"]["merges"].as_array().unwrap().iter().map(|pair| Value::String(merge(pair))).collect();
    let id = |text: &str| {
        let (id, ..) = tokens.iter().find(|(_, token, _)| token == text).unwrap();
        Value::U32(u32::try_from(*id).unwrap())
    };
    let keys = [
        ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::String("llama-bpe".to_owned())),
        (
            "tokenizer.ggml.tokens",
            Value::Array(tokens.iter().map(|(_, text, _)| Value::String(text.clone())).collect()),
        ),
        ("tokenizer.ggml.token_type", Value::Array(tokens.iter().map(|(.., kind)| Value::I32(*kind)).collect())),
        ("tokenizer.ggml.merges", Value::Array(merges)),
        ("tokenizer.ggml.bos_token_id", id("<|begin_of_text|>")),
        ("tokenizer.ggml.eos_token_id", id("<|eot|>")),
        ("tokenizer.ggml.padding_token_id", id("<pad>")),
        ("tokenizer.ggml.add_bos_token", Value::Bool(true)),
        ("tokenizer.chat_template", Value::String("{{ bos_token }}{{ messages[0].content }} own".to_owned())),
        ("tokenizer.chat_template.short", Value::String("{{ messages[0].content }} short".to_owned())),
    ];
    keys.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

fn open(path: &Path) -> Checkpoint {
    Checkpoint::open(path, &CheckpointOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(path: &Path) -> String {
    match Checkpoint::open(path, &CheckpointOptions::default()) {
        Ok(_) => panic!("{} was accepted", path.display()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_file_alone_is_a_whole_checkpoint() {
    let Some(fixtures) = fixtures() else { return };
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("models");
    std::fs::create_dir(&dir).unwrap();
    let path = dir.join("story-lambda_p-0.4-lambda_r-0.6-Q8_0.gguf");
    let original = fixtures.join("models/llama3_tied");
    Model::open(&original).write(&path, GgmlDType::F32, &tokenizer_keys(&original));
    let (checkpoint, original) = (open(&path), open(&original));
    assert_eq!(checkpoint.architecture, original.architecture);
    assert_eq!(checkpoint.name, "story-lambda_p-0.4-lambda_r-0.6-Q8_0");
    assert_eq!(checkpoint.gguf.as_deref(), Some(path.as_path()));
    assert_eq!(checkpoint.provenance.weighting, Weighting::new(0.4, 0.6).ok());
    assert_eq!(checkpoint.provenance.weighting_source, WeightingSource::FolderName);
    assert_eq!(checkpoint.end_token_ids, original.end_token_ids);
    assert_eq!(checkpoint.chat_template.as_ref().unwrap().source(), "{{ bos_token }}{{ messages[0].content }} own");
    for text in ["Once upon a time, 1234 cats.", "<|user|>hi<|eot|>", "naïve   café\n\n"] {
        let ids = checkpoint.tokenizer.encode(text, true).unwrap();
        assert_eq!(ids, original.tokenizer.encode(text, true).unwrap(), "{text}");
    }
    let ids = checkpoint.tokenizer.encode("Once upon a time there was a small dog.", true).unwrap();
    let engine = |checkpoint: &Checkpoint| {
        let architecture = checkpoint.architecture.clone();
        Engine::open(architecture, &checkpoint.weights, EngineOptions::default()).unwrap()
    };
    let (own, theirs) = (engine(&checkpoint), engine(&original));
    assert_eq!(own.sequence_log_probs(&ids).unwrap(), theirs.sequence_log_probs(&ids).unwrap());
    // The folder with it is the same checkpoint under another name.
    let folder = open(&dir);
    assert_eq!(folder.name, "models");
    assert_eq!(folder.digest(), checkpoint.digest());
    // A template is chosen by name, given, or left out.
    let with = |chat_template| {
        let options = CheckpointOptions { chat_template, ..CheckpointOptions::default() };
        let checkpoint = Checkpoint::open(&path, &options).unwrap();
        checkpoint.chat_template.map(|template| template.source().to_owned())
    };
    let named = with(TemplateChoice::Named("short".to_owned()));
    assert_eq!(named.as_deref(), Some("{{ messages[0].content }} short"));
    assert_eq!(with(TemplateChoice::Plain), None);
}

#[test]
fn files_beside_a_model_stand_for_what_it_says_itself() {
    let Some(fixtures) = fixtures() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let original = fixtures.join("models/llama3_tied");
    Model::open(&original).write(&path, GgmlDType::F16, &tokenizer_keys(&original));
    let digest = open(&path).digest();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    put("wit.json", r#"{"format": 1, "lambda_p": 0.2, "lambda_r": 0.8, "base": "story"}"#);
    let checkpoint = open(&path);
    assert_eq!(checkpoint.provenance.weighting, Weighting::new(0.2, 0.8).ok());
    assert_eq!(checkpoint.provenance.base.as_deref(), Some("story"));
    assert_eq!(checkpoint.digest(), digest);
    put("chat_template.jinja", "{{ messages }}");
    put("generation_config.json", r#"{"eos_token_id": [7]}"#);
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(original.join(name), dir.path().join(name)).unwrap();
    }
    let checkpoint = open(&path);
    assert_eq!(checkpoint.chat_template.as_ref().unwrap().source(), "{{ messages }}");
    assert_eq!(checkpoint.end_token_ids, [1, 7]);
    assert_ne!(checkpoint.digest(), digest);
    let options =
        CheckpointOptions { tokenizer_dir: Some(fixtures.join("tokenizers/bpe_qwen")), ..CheckpointOptions::default() };
    let other = Checkpoint::open(&path, &options).unwrap();
    assert_eq!(other.tokenizer_dir, fixtures.join("tokenizers/bpe_qwen"));
}

#[test]
fn one_of_several_models_in_a_folder_must_be_named() {
    let Some(fixtures) = fixtures() else { return };
    let dir = tempfile::tempdir().unwrap();
    let original = fixtures.join("models/llama3_tied");
    let model = Model::open(&original);
    for name in ["a.gguf", "b.gguf", "mmproj-a.gguf"] {
        model.write(&dir.path().join(name), GgmlDType::F32, &tokenizer_keys(&original));
    }
    let text = refusal(dir.path());
    assert!(text.contains("a.gguf, b.gguf") && !text.contains("mmproj"), "{text}");
    assert_eq!(open(&dir.path().join("b.gguf")).name, "b");
    let text = refusal(&dir.path().join("c.gguf"));
    assert!(text.contains("c.gguf: there is no such file"), "{text}");
    // Safetensors in the same folder are what the folder is.
    std::fs::remove_file(dir.path().join("b.gguf")).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(original.join(name), dir.path().join(name)).unwrap();
    }
    assert_eq!(open(dir.path()).gguf, None);
}

#[test]
fn a_model_in_several_files_is_one_model() {
    let dir = tempfile::tempdir().unwrap();
    let tensor = |rows: usize| {
        let tensor = Tensor::arange(0_f32, 4.0 * rows as f32, &Device::Cpu).unwrap().reshape((rows, 4)).unwrap();
        QTensor::quantize(&tensor, GgmlDType::F32).unwrap()
    };
    let keys = |number: u16, count: u16| {
        let text = |text: &str| Value::String(text.to_owned());
        let keys = [
            ("general.architecture", text("qwen2")),
            ("qwen2.attention.head_count", Value::U32(2)),
            ("split.no", Value::U16(number)),
            ("split.count", Value::U16(count)),
        ];
        keys.map(|(key, value)| (key.to_owned(), value)).to_vec()
    };
    let path = |number: usize| dir.path().join(format!("m-{number:05}-of-00002.gguf"));
    convert::write(&path(1), &keys(0, 2), &[("token_embd.weight".to_owned(), tensor(3))]);
    convert::write(&path(2), &keys(1, 2), &[("blk.0.attn_v.weight".to_owned(), tensor(2))]);
    for number in [1, 2] {
        let weights = Weights::open_gguf(&GgufFile::open(&path(number)).unwrap()).unwrap();
        let names: Vec<&str> = weights.names().collect();
        assert_eq!(names, ["model.embed_tokens.weight", "model.layers.0.self_attn.v_proj.weight"]);
        assert_eq!(weights.to_f32(names[1], &[2, 4]).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }
    let refused = |number| GgufFile::open(&path(number)).unwrap_err().to_string();
    convert::write(&path(2), &keys(0, 2), &[]);
    assert!(refused(1).contains("is file 1 of 2 by its own account, but 2 of 2 by its name"), "{}", refused(1));
    convert::write(&path(2), &keys(1, 2), &[("token_embd.weight".to_owned(), tensor(3))]);
    assert!(refused(1).contains("is in an earlier file of the model too"), "{}", refused(1));
    std::fs::remove_file(path(1)).unwrap();
    assert!(refused(2).contains("m-00001-of-00002.gguf: is missing"), "{}", refused(2));
    std::fs::rename(path(2), dir.path().join("renamed.gguf")).unwrap();
    let text = GgufFile::open(&dir.path().join("renamed.gguf")).unwrap_err().to_string();
    assert!(text.contains("file 2 of 2 by its own account, but 1 of 1 by its name"), "{text}");
}

#[test]
fn an_adapter_over_a_model_in_gguf_is_the_adapter_over_its_folder() {
    let Some(fixtures) = fixtures() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.gguf");
    let base = fixtures.join("models/llama_untied");
    Model::open(&base).write(&path, GgmlDType::F32, &tokenizer_keys(&fixtures.join("tokenizers/bpe_llama3")));
    for adapter in ["lora_qv", "lora_all"] {
        let open = |base: &Path| {
            let options = CheckpointOptions {
                base_dir: Some(base.to_owned()),
                tokenizer_dir: Some(fixtures.join("tokenizers/bpe_llama3")),
                ..CheckpointOptions::default()
            };
            let checkpoint = Checkpoint::open(&fixtures.join("adapters").join(adapter), &options).unwrap();
            let engine = Engine::open(checkpoint.architecture.clone(), &checkpoint.weights, EngineOptions::default());
            (checkpoint, engine.unwrap())
        };
        let ((over_file, own), (over_folder, theirs)) = (open(&path), open(&base));
        assert_eq!(over_file.provenance.base.as_deref(), Some("base"));
        assert!(over_file.is_adapter() && over_folder.is_adapter());
        let ids = over_file.tokenizer.encode("Once upon a time there was a small dog.", true).unwrap();
        assert_eq!(own.sequence_log_probs(&ids).unwrap(), theirs.sequence_log_probs(&ids).unwrap(), "{adapter}");
        let alone = Engine::open(over_file.architecture, &Weights::open(&base).unwrap(), EngineOptions::default());
        assert_ne!(alone.unwrap().sequence_log_probs(&ids).unwrap(), own.sequence_log_probs(&ids).unwrap());
    }
}
