#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{ParaphraseFileError, load};
use crate::instance::{Expectation, Instance, PromptParts};
use crate::perturb::paraphrase::user::UserParaphrases;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load_one(name: &str, text: &str) -> Result<UserParaphrases, ParaphraseFileError> {
    let folder = folder(&[(name, text)]);
    load(&folder.path().join(name))
}

fn instance(id: &str, query: &str) -> Instance {
    Instance {
        task: id.split('/').next().unwrap().to_owned(),
        id: id.to_owned(),
        cluster: id.to_owned(),
        prompt: PromptParts { query: query.to_owned(), ..PromptParts::default() },
        expectation: Expectation::Text { targets: vec!["@".to_owned()], choices: Vec::new() },
        temperature: None,
    }
}

fn wording(user: &UserParaphrases, instance: &Instance, draw: usize) -> String {
    user.variant(instance, draw).unwrap().changed().unwrap().prompt.query.clone()
}

fn shared(path: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let fixtures = std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned());
    let found = PathBuf::from(fixtures).join("../data/prompt_variants").join(path);
    if !found.exists() {
        println!("skipped: {} is not there", found.display());
    }
    found.exists().then_some(found)
}

#[test]
fn lines_name_an_instance_by_id_by_task_and_index_or_by_its_text() {
    let text = concat!(
        "{\"id\": \"t/0\", \"variants\": [\"zero\"]}\n\n",
        "{\"task\": \"t\", \"index\": 1, \"variants\": [\"one\"]}\n",
        "{\"original\": \"Two?\", \"variants\": [\"two\", \"deux\"]}\n",
    );
    let user = load_one("mine.jsonl", text).unwrap();
    assert_eq!(wording(&user, &instance("t/0", "x"), 0), "zero");
    assert_eq!(wording(&user, &instance("t/1", "x"), 0), "one");
    assert_eq!(wording(&user, &instance("other/7", "Two?"), 1), "deux");
    assert_eq!(user.len(), 4);
}

#[test]
fn a_wrong_line_is_named_with_its_field() {
    for (text, wanted) in [
        (
            "{\"id\": \"t/0\", \"variants\": [\"a\"]}\n{\"id\": \"t/1\", \"variant\": [\"a\"]}\n",
            ":2: unknown field `variant`",
        ),
        ("{\"id\": \"t/0\", \"variants\": []}", ":1: field `variants` is empty"),
        ("{\"id\": \"t/0\", \"original\": \"x\", \"variants\": [\"a\"]}", ":1: write exactly one of"),
        ("{\"task\": \"t\", \"variants\": [\"a\"]}", ":1: write exactly one of"),
        ("nonsense", ":1: expected"),
    ] {
        let error = load_one("mine.jsonl", text).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn a_row_with_other_placeholders_is_left_out_with_its_place() {
    let user =
        load_one("mine.jsonl", "{\"original\": \"Sort {words}.\", \"variants\": [\"Sort.\", \"Order {words}.\"]}")
            .unwrap();
    assert_eq!(user.len(), 1);
    assert!(user.refused()[0].place.ends_with("mine.jsonl:1: variants[0]"), "{:?}", user.refused());
    assert!(user.refused()[0].reason.contains("[words]"));
}

#[test]
fn any_version_of_a_prosa_set_brings_the_others_and_version_one_is_the_original() {
    let row =
        |id: &str, text: &str| format!("{{\"question_id\": \"{id}\", \"turns\": [{{\"content\": \"{text}\"}}]}}\n");
    let folder = folder(&[
        ("q_v1.jsonl", &(row("a", "How?") + &row("b", "Why?"))),
        ("q_v2.jsonl", &(row("b", "For what reason?") + &row("a", "In what way?"))),
        ("q_v3.jsonl", &row("c", "Where?")),
    ]);
    let user = load(&folder.path().join("q_v3.jsonl")).unwrap();
    assert_eq!(wording(&user, &instance("t/0", "Why?"), 0), "For what reason?");
    assert_eq!(user.refused().len(), 1);
    fs::remove_file(folder.path().join("q_v1.jsonl")).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("q_v1.jsonl"), "{error}");
}

#[test]
fn a_table_gives_templates_and_leaves_rows_out_that_are_marked_wrong() {
    let table = "prompt idx,default prompt,method,prompt template,correct\n1,True,x,\"Sort {words}.\",1\n2,False,x,\"Order {words}.\",1\n3,False,x,Order.,1\n4,False,x,\"Count {words}.\",0\n5,False,x,\"Mix {words}.\",0?\n";
    let user = load_one("table.csv", table).unwrap();
    assert_eq!(user.len(), 1);
    assert_eq!(wording(&user, &instance("t/0", "Sort b, a, c."), 0), "Order b, a, c.");
    let reasons = user.refused().iter().map(|row| row.reason.as_str()).collect::<Vec<_>>();
    assert_eq!(reasons.len(), 3);
    assert!(reasons.iter().filter(|reason| reason.starts_with("marked as not correct")).count() == 2, "{reasons:?}");
    assert!(user.refused()[0].place.ends_with("table.csv:4"), "{:?}", user.refused());
}

#[test]
fn a_table_without_its_columns_or_a_default_is_an_error() {
    assert!(load_one("t.csv", "a,b\n1,2\n").unwrap_err().to_string().contains("`default prompt`"));
    let error = load_one("t.csv", "default prompt,prompt template,correct\nFalse,x,1\n").unwrap_err().to_string();
    assert!(error.contains("no row is the default"), "{error}");
    let error = load_one("t.csv", "default prompt,prompt template,correct\nFalse,x\n").unwrap_err();
    assert!(matches!(error, ParaphraseFileError::Malformed { line: 2, .. }), "{error}");
}

#[test]
fn what_is_no_paraphrase_file_is_an_error_and_never_a_panic() {
    assert!(matches!(load_one("x.txt", "hello"), Err(ParaphraseFileError::NoFiles { .. })));
    assert!(matches!(load(&PathBuf::from("no/such/file")), Err(ParaphraseFileError::Io { .. })));
    let empty = folder(&[]);
    assert!(matches!(load(empty.path()), Err(ParaphraseFileError::NoFiles { .. })));
    for (name, text) in
        [("a.jsonl", "\u{0}\u{1}{"), ("a.csv", "\"default prompt\n\n\"\""), ("a_v1.json", "[[[[[["), ("a.jsonl", "[]")]
    {
        assert!(load_one(name, text).is_err(), "{name}");
    }
    let deep = format!("{{\"id\": {}1{}, \"variants\": [\"a\"]}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(load_one("deep.jsonl", &deep).is_err());
}

#[test]
fn the_published_prosa_sets_load_whole() {
    let Some(path) = shared("prosa") else { return };
    let user = load(&path).unwrap();
    let refused = user.refused();
    assert_eq!(user.len() + refused.len(), 2 * 805 + 2 * 500);
    assert!(refused.len() < 40, "{refused:#?}");
    let asked = instance("x/0", "How did US states get their names?");
    assert_eq!(wording(&user, &asked, 0), "What are the origins of the names of US states?");
    assert!(user.variant(&asked, 2).is_none());
}

#[test]
fn the_published_multi_prompt_tables_load_and_fit_their_benchmark() {
    let Some(path) = shared("multi_prompt") else { return };
    let user = load(&path.join("automatic_paraphrases/BBH/navigate.csv")).unwrap();
    let wrong = user.refused().iter().filter(|row| row.reason.starts_with("marked")).count();
    assert!(wrong > 0 && user.len() > 100, "{wrong} {}", user.len());
    let query = "Q: If you follow these instructions, do you return to the starting point? Always face forward. Take 1 step right.\nOptions:\n- Yes\n- No\nA: ";
    let first = wording(&user, &instance("bbh/0", query), 0);
    assert!(first.starts_with("If Always face forward. Take 1 step right. are followed"), "{first}");
    assert!(first.ends_with("\nA: "), "{first}");
    let all = load(&path).unwrap();
    assert!(all.len() > 3_000, "{} and {}", all.len(), all.refused().len());
}

#[test]
fn the_shipped_example_loads() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/perturbations/paraphrase/example_user.jsonl");
    let user = load(&PathBuf::from(path)).unwrap();
    assert_eq!((user.len(), user.refused().len()), (7, 0));
}
