//! The demonstration's data: what ships is what the generator makes, and nothing that evaluates was trained on.
#![allow(
    clippy::format_collect,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;
use wit_eval::chat::{Message, Role};
use wit_eval::corpus::{self, recipe};
use wit_eval::data::{Catalog, InstanceOptions, instances};
use wit_eval::instance::{Expectation, Presentation};
use wit_eval::instruction::InstructionBody;
use wit_eval::request::Prompt;
use wit_eval::seed::Seed;

fn benchmark() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benchmarks/demo")
}

fn user_turns(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter(|message| message.role == Role::User).map(|message| message.content.as_str()).collect()
}

fn training(seed: u64, rows: usize) -> Vec<Vec<Message>> {
    let conversation = |body| match body {
        InstructionBody::Conversation(messages) => messages,
        other => panic!("a row is no conversation: {other:?}"),
    };
    corpus::training_rows(Seed(seed), rows).into_iter().map(|row| conversation(row.body)).collect()
}

#[test]
fn no_evaluation_prompt_is_in_the_training_data_of_any_shipped_size_and_seed() {
    let rows = corpus::evaluation_rows();
    let evaluated: BTreeSet<_> = rows
        .follow
        .iter()
        .chain(&rows.recall)
        .map(|row| corpus::prompt_digest(user_turns(&row.before).into_iter().chain([row.instruction.as_str()])))
        .collect();
    assert_eq!(evaluated.len(), 303);
    let questions: BTreeSet<_> = rows.follow.iter().map(|row| row.instruction.to_lowercase()).collect();
    let mut checked = 0;
    for seed in recipe::DATA_SEED..recipe::DATA_SEED + 3 {
        for messages in training(seed, recipe::TRAINING_ROWS) {
            let turns = user_turns(&messages);
            assert!(!evaluated.contains(&corpus::prompt_digest(turns.clone())), "{turns:?}");
            assert!(!turns.iter().any(|turn| questions.contains(&turn.to_lowercase())), "{turns:?}");
            checked += 1;
        }
    }
    assert!(checked == 3 * recipe::TRAINING_ROWS, "the whole of the training data was read");
}

#[test]
fn the_shipped_evaluation_files_are_what_the_generator_writes() {
    for (name, text) in corpus::evaluation_files().unwrap() {
        let shipped = fs::read_to_string(benchmark().join(name)).expect("the file ships");
        assert_eq!(shipped, text, "{name} differs: cargo test --test demo_corpus -- --ignored writes it anew");
    }
}

#[test]
#[ignore = "writes benchmarks/demo/*.jsonl anew after a change of the generator"]
fn write_the_evaluation_files() {
    for (name, text) in corpus::evaluation_files().unwrap() {
        fs::write(benchmark().join(name), text).unwrap();
    }
}

#[test]
fn every_word_of_the_data_is_one_token_and_every_text_survives_the_tokenizer() {
    let tokenizer = Tokenizer::from_bytes(corpus::tokenizer_json()).unwrap();
    assert_eq!(tokenizer.get_vocab_size(true), corpus::vocabulary_size());
    for mark in [corpus::BEGIN, corpus::END, corpus::SYSTEM, corpus::USER, corpus::ASSISTANT] {
        assert_eq!(tokenizer.encode(mark, false).unwrap().len(), 1, "{mark}");
    }
    let rows = corpus::evaluation_rows();
    let evaluated = rows.follow.iter().chain(&rows.recall).map(|row| {
        let turns = row.before.iter().map(|turn| turn.content.as_str());
        turns.chain([row.instruction.as_str(), row.answer.as_str()]).map(|text| format!(" {text}")).collect::<String>()
    });
    let trained = training(0, 2000)
        .into_iter()
        .map(|messages| messages.iter().map(|message| format!(" {}", message.content)).collect::<String>());
    for text in evaluated.chain(trained) {
        let encoding = tokenizer.encode(text.as_str(), false).unwrap();
        assert_eq!(tokenizer.decode(encoding.get_ids(), false).unwrap(), text);
        let spelled = encoding.get_tokens().iter().filter(|token| token.len() == 1);
        let letters = spelled.filter(|token| token.chars().all(char::is_alphanumeric)).count();
        assert_eq!(letters, 0, "a word is spelled: {:?}", encoding.get_tokens());
    }
    for text in ["  Wrods,\tnever “seen” – 1234567!\n\nÄ 日本", "REVERSE tHis lIne :  a"] {
        let encoding = tokenizer.encode(text, false).unwrap();
        assert_eq!(tokenizer.decode(encoding.get_ids(), false).unwrap(), text);
    }
}

#[test]
fn the_base_has_about_a_million_parameters_and_fits_the_longest_conversation() {
    let key_width = recipe::HIDDEN / recipe::HEADS * recipe::KEY_VALUE_HEADS;
    let layer =
        2 * recipe::HIDDEN * (recipe::HIDDEN + key_width) + 3 * recipe::HIDDEN * recipe::INNER + 2 * recipe::HIDDEN;
    let parameters = corpus::vocabulary_size() * recipe::HIDDEN + recipe::LAYERS * layer + recipe::HIDDEN;
    assert!((800_000..1_300_000).contains(&parameters), "{parameters}");
    let tokenizer = Tokenizer::from_bytes(corpus::tokenizer_json()).unwrap();
    let lengths = training(0, 3000).into_iter().map(|messages| {
        let text: String = messages.iter().map(|message| format!(" {}", message.content)).collect();
        tokenizer.encode(text, false).unwrap().len() + 2 * messages.len() + 1
    });
    let longest = lengths.max().unwrap_or_default();
    assert!(longest < recipe::MAX_TOKENS, "{longest}");
}

#[test]
fn the_shipped_tasks_ask_what_the_generator_made_with_the_earlier_turns_as_turns() {
    let rows = corpus::evaluation_rows();
    let catalog = Catalog::load(&[]).unwrap_or_else(|error| panic!("{error}"));
    for (task, rows) in [("demo_follow", rows.follow), ("demo_recall", rows.recall)] {
        let made = instances(catalog.task(task).unwrap(), &InstanceOptions::default()).unwrap();
        assert_eq!(made.len(), rows.len());
        for (instance, row) in made.iter().zip(&rows) {
            let targets = vec![row.answer.clone()];
            assert_eq!(instance.expectation, Expectation::Text { targets, choices: Vec::new() }, "{}", instance.id);
            let Prompt::Chat { messages, .. } = instance.prompt.present(Presentation::ChatMultiturn) else {
                panic!("a conversation was asked");
            };
            let mut expected = row.before.clone();
            expected.push(Message::new(Role::User, &row.instruction));
            assert_eq!(messages, expected);
            assert_eq!(instance.prompt.protected, row.arguments);
        }
    }
    let selection = catalog.select("demo").unwrap();
    assert_eq!(selection.tasks.len(), 2);
}

/// A task file whose conversations are as given, and what becomes of it.
fn with_conversation(before: &str, shots: usize) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let task = "task: talk\ndataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\ntest_split: test\n\
        doc_to_text: question\ndoc_to_target: answer\nmetadata: {wit_eval: {turns_before: before}}\n";
    fs::write(folder.path().join("talk.yaml"), task).unwrap();
    let row = |n: usize| format!("{{\"before\": {before}, \"question\": \"Who? {n}\", \"answer\": \"Ada\"}}\n");
    fs::write(folder.path().join("rows.jsonl"), [row(1), row(2), row(3)].concat()).unwrap();
    let catalog = Catalog::load(&[folder.path().to_path_buf()]).map_err(|error| error.to_string())?;
    let options = InstanceOptions { num_fewshot: Some(shots), ..InstanceOptions::default() };
    let made = instances(catalog.task("talk").unwrap(), &options).map_err(|error| error.to_string())?;
    Ok(made[0].prompt.earlier.len())
}

#[test]
fn earlier_turns_that_are_no_conversation_are_refused_with_the_column() {
    let turns = r#"[{"role": "user", "content": "I am Ada."}, {"role": "assistant", "content": "Hello."}]"#;
    assert_eq!(with_conversation(turns, 0), Ok(2));
    assert_eq!(with_conversation("[]", 0), Ok(0));
    for (before, shots, part) in [
        (turns, 1, "num_fewshot"),
        ("\"I am Ada.\"", 0, "no list of turns"),
        (r#"[{"role": "user", "content": "I am Ada."}]"#, 0, "end with the assistant"),
        (r#"[{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Hi."}]"#, 0, "by turns"),
        (r#"[{"role": "robot", "content": "?"}]"#, 0, "no list of turns"),
    ] {
        let message = with_conversation(before, shots).unwrap_err();
        assert!(message.contains(part) && message.contains("before"), "{message}");
    }
}

#[test]
fn the_shipped_base_has_the_generated_tokenizer_and_configuration_and_is_small() {
    let base = benchmark().join("base");
    assert_eq!(fs::read_to_string(base.join("tokenizer.json")).unwrap(), corpus::tokenizer_json());
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let mut shipped = json(&fs::read_to_string(base.join("config.json")).unwrap());
    let mut generated = json(&corpus::config_json());
    for config in [&mut shipped, &mut generated] {
        // The shipped weights are rounded.
        config.as_object_mut().unwrap().retain(|key, _| key != "torch_dtype" && key != "dtype");
    }
    assert_eq!(shipped, generated);
    let bytes: u64 = fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 4 << 20, "{bytes} bytes");
}
