//! Tokens, splits and chat prompts against reference values of transformers, tokenizers and lm-evaluation-harness
//! (versions in the fixtures' `versions.json`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wit_eval::chat::Message;
use wit_eval::model::chat_template::{ChatOptions, ChatTemplate, ChatTemplateError};
use wit_eval::model::tokens::{DeclaredIds, NamedTokens, Specials, TextTokenizer};

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

/// The folder, unless it is missing; the reason is printed.
fn present(dir: PathBuf) -> Option<PathBuf> {
    let there = dir.is_dir();
    if !there {
        eprintln!("skipped: {} is not there", dir.display());
    }
    there.then_some(dir)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn open(dir: &Path) -> TextTokenizer {
    TextTokenizer::open(dir, DeclaredIds::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_text_gets_the_reference_ids_tokens_and_decodings() {
    let Some(fixtures) = fixtures() else { return };
    let cases = json(&fixtures.join("tokenization.json"));
    let mut tokenizers: BTreeMap<String, TextTokenizer> = BTreeMap::new();
    for case in cases.as_array().unwrap() {
        let (kind, text) = (case["tokenizer"].as_str().unwrap(), case["text"].as_str().unwrap());
        let tokenizer =
            tokenizers.entry(kind.to_owned()).or_insert_with(|| open(&fixtures.join("tokenizers").join(kind)));
        let what = format!("{kind} {text:?}");
        let with_special = tokenizer.encode(text, true).unwrap();
        let without = tokenizer.encode(text, false).unwrap();
        let tokens: Vec<String> = without.iter().map(|id| tokenizer.token(*id).unwrap()).collect();
        assert_eq!(with_special, ids(&case["ids"]), "{what}");
        assert_eq!(without, ids(&case["ids_no_special"]), "{what}");
        assert_eq!(Value::from(tokens), case["tokens"], "{what}");
        assert_eq!(tokenizer.decode(&with_special, false).unwrap(), case["decoded"].as_str().unwrap(), "{what}");
        assert_eq!(
            tokenizer.decode(&with_special, true).unwrap(),
            case["decoded_skip_special"].as_str().unwrap(),
            "{what}"
        );
    }
    assert!(!tokenizers.is_empty(), "the fixtures name no tokenizer");
}

#[test]
fn contexts_and_continuations_split_where_lm_eval_splits_them() {
    let Some(fixtures) = fixtures() else { return };
    let index = json(&fixtures.join("models/index.json"));
    let mut compared = 0;
    for (model, entry) in index.as_object().unwrap() {
        let reference_file = fixtures.join("ref").join(format!("{model}.json"));
        if !reference_file.exists() {
            continue;
        }
        let tokenizer = open(&fixtures.join("tokenizers").join(entry["tokenizer"].as_str().unwrap()));
        let reference = &json(&reference_file)["lm_eval"];
        assert_eq!(tokenizer.prefix_id().map(Value::from), Some(reference["prefix_token_id"].clone()), "{model}");
        for case in reference["loglikelihood"].as_array().unwrap() {
            let (context, continuation) = (case["context"].as_str().unwrap(), case["continuation"].as_str().unwrap());
            let pair = tokenizer.split_pair(context, continuation, Specials::Added).unwrap();
            assert_eq!(Value::from(pair.context.len()), case["context_ids_len"], "{model} {context:?}");
            assert_eq!(pair.continuation, ids(&case["continuation_ids"]), "{model} {context:?} {continuation:?}");
            compared += 1;
        }
    }
    assert!(compared > 0, "no lm_eval case was compared");
}

#[test]
fn rendered_chats_and_their_ids_equal_those_of_transformers() {
    let Some(fixtures) = fixtures() else { return };
    let reference = json(&fixtures.join("chat_templates.json"));
    let tokenizer = open(&fixtures.join("tokenizers").join(reference["tokenizer"].as_str().unwrap()));
    let named = NamedTokens {
        bos: reference["bos_token"].as_str().map(str::to_owned),
        eos: reference["eos_token"].as_str().map(str::to_owned),
        ..NamedTokens::default()
    };
    for case in reference["cases"].as_array().unwrap() {
        let name = case["template"].as_str().unwrap();
        let template = ChatTemplate::new(name, reference["templates"][name].as_str().unwrap(), &named).unwrap();
        let messages: Vec<Message> = serde_json::from_value(case["messages"].clone()).unwrap();
        let add_generation_prompt = case["add_generation_prompt"].as_bool().unwrap();
        let rendered = template.render(&messages, ChatOptions { add_generation_prompt, date: None });
        match (rendered, case["error"].as_str()) {
            (Ok(text), None) => {
                assert_eq!(text, case["rendered"].as_str().unwrap(), "{name}");
                assert_eq!(tokenizer.encode_prompt(&text, Specials::AsWritten).unwrap(), ids(&case["ids"]), "{name}");
            }
            (Err(ChatTemplateError::Raised { message }), Some(expected)) => assert_eq!(message, expected, "{name}"),
            (rendered, expected) => panic!("{name}: {rendered:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn published_templates_render_a_plain_conversation() {
    let Some(fixtures) = fixtures() else { return };
    let Some(tokenizers) = present(fixtures.join("../models/tokenizers")) else { return };
    let named = NamedTokens { bos: Some("<s>".to_owned()), eos: Some("</s>".to_owned()), ..NamedTokens::default() };
    let mut templates = Vec::new();
    for entry in std::fs::read_dir(tokenizers.join("chat_templates")).unwrap() {
        templates.push(ChatTemplate::from_file(&entry.unwrap().path(), &named).unwrap().unwrap());
    }
    let dir = tokenizers.join("mistral32k_chatml");
    templates.push(ChatTemplate::open(&dir, None, open(&dir).named_tokens()).unwrap().unwrap());
    let messages: Vec<Message> = serde_json::from_value(serde_json::json!([
        {"role": "user", "content": "What is <b>2 & 2</b>?"},
        {"role": "assistant", "content": "Four."},
        {"role": "user", "content": "And 3?"},
    ]))
    .unwrap();
    for template in templates {
        let options = ChatOptions { add_generation_prompt: true, date: None };
        let prompt = template.render(&messages, options).unwrap_or_else(|error| panic!("{error}"));
        let places: Vec<_> = messages.iter().map(|message| prompt.find(&message.content)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{prompt}");
    }
}

#[test]
fn a_folder_with_tokenizer_json_alone_opens() {
    let Some(fixtures) = fixtures() else { return };
    let Some(dir) = present(fixtures.join("../models/tinystories-instruct-3m-chat")) else { return };
    let declared = DeclaredIds { bos: Some(14018), eos: Some(14018) };
    let tokenizer = TextTokenizer::open(&dir, declared).unwrap();
    assert_eq!(tokenizer.named_tokens().eos.as_deref(), Some("<|endoftext|>"));
    let text = "User: Hey, how are you?\nBot:";
    let ids = tokenizer.encode(text, true).unwrap();
    assert_eq!(tokenizer.decode(&ids, false).unwrap(), text);
}

#[test]
fn truncation_and_padding_left_in_a_tokenizer_file_are_off() {
    let Some(fixtures) = fixtures() else { return };
    // This tokenizer.json truncates to 64 tokens and pads to 64.
    let Some(dir) = present(fixtures.join("../models/tokenizers/gpt2")) else { return };
    let tokenizer = open(&dir);
    assert_eq!(tokenizer.encode("Hello", true).unwrap(), [15496]);
    let long = "word ".repeat(200);
    assert_eq!(tokenizer.decode(&tokenizer.encode(&long, true).unwrap(), false).unwrap(), long);
}

#[test]
fn a_beginning_token_in_the_text_is_not_doubled() {
    let Some(fixtures) = fixtures() else { return };
    let Some(dir) = present(fixtures.join("tokenizers/bpe_llama3")) else { return };
    let tokenizer = open(&dir);
    let bos = tokenizer.bos_id().unwrap();
    let plain = tokenizer.encode_prompt("Hello", Specials::Added).unwrap();
    assert_eq!(plain[0], bos);
    assert_eq!(tokenizer.encode_prompt("<|begin_of_text|>Hello", Specials::Added).unwrap(), plain);
    assert_eq!(tokenizer.encode_prompt("<|begin_of_text|>Hello", Specials::AsWritten).unwrap(), plain);
    let pair = tokenizer.split_pair("", "<|begin_of_text|>Hello", Specials::Added).unwrap();
    assert_eq!((pair.context, pair.continuation), (vec![bos], plain[1..].to_vec()));
}

#[test]
fn a_blank_context_starts_from_the_prefix_token() {
    let Some(fixtures) = fixtures() else { return };
    let Some(dir) = present(fixtures.join("tokenizers/bpe_qwen")) else { return };
    let tokenizer = open(&dir);
    let pair = tokenizer.split_pair(" \n", "x", Specials::Added).unwrap();
    assert_eq!(pair.context, [tokenizer.eos_id().unwrap()]);
    assert_eq!(tokenizer.decode(&pair.continuation, false).unwrap(), " \nx");
}

#[test]
fn subword_sampling_left_in_a_tokenizer_file_is_off_and_every_declared_token_is_in_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    wit_eval::model::untrained::write_untrained_checkpoint(folder.path(), wit_eval::seed::Seed(0)).unwrap();
    let before = open(folder.path());
    let path = folder.path().join("tokenizer.json");
    let mut file = json(&path);
    file["model"]["vocab"]["ab"] = 258.into();
    file["model"]["merges"] = serde_json::json!([["a", "b"]]);
    file["model"]["dropout"] = serde_json::json!(0.5);
    std::fs::write(&path, file.to_string()).unwrap();
    let tokenizer = open(folder.path());
    for _ in 0..50 {
        assert_eq!(tokenizer.encode("abab", false).unwrap(), [258, 258]);
    }
    assert_ne!(tokenizer.digest(), before.digest());

    let path = folder.path().join("tokenizer_config.json");
    let mut config = json(&path);
    config["additional_special_tokens"] = serde_json::json!(["<tool>"]);
    std::fs::write(&path, config.to_string()).unwrap();
    assert_ne!(open(folder.path()).digest(), tokenizer.digest());
}
