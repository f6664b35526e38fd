//! `wit-eval score --task`: replies and judgments that were made elsewhere, through the command line.
#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const TASK: &str = "task: capitals
dataset_path: json
dataset_kwargs: {data_files: {test: capitals.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: \"Capital of {{country}}?\"
doc_to_target: capital
generation_kwargs: {until: [\"\\n\"]}
metric_list: [{metric: exact_match, ignore_case: true, ignore_punctuation: true}]
metadata: {version: 1.0}
";
const DATA: &str = r#"{"key": 10, "country": "France", "capital": "Paris"}
{"key": 11, "country": "Peru", "capital": "Lima"}
{"key": 12, "country": "Ghana", "capital": "Accra"}
"#;

fn score(folder: &Path, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_wit-eval");
    Command::new(program).arg("score").args(args).current_dir(folder).env("NO_COLOR", "1").output().unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("capitals.yaml"), TASK).unwrap();
    fs::write(folder.path().join("capitals.jsonl"), DATA).unwrap();
    folder
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Data of other programs, where they are at hand.
fn shared() -> Option<PathBuf> {
    let fixtures = std::env::var_os("WIT_EVAL_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"), PathBuf::from);
    let data = fixtures.join("../data");
    if !data.is_dir() {
        eprintln!("skipped: {} is not there", data.display());
        return None;
    }
    Some(data)
}

#[test]
fn replies_are_judged_and_what_has_no_partner_is_listed() {
    let folder = folder();
    let rows = r#"{"prompt": "Capital of France?", "response": "paris."}
{"key": 11, "prompt": "What is Peru's capital?", "response": "Cusco"}
{"prompt": "Capital of Mars?", "response": "none"}
"#;
    fs::write(folder.path().join("replies.jsonl"), rows).unwrap();
    let args = ["--task", "capitals", "--include_path", ".", "--responses", "replies.jsonl", "--json", "out.json"];
    let output = score(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    for said in [
        "1 rows that answer no prompt",
        "row 3: Capital of Mars?",
        "1 prompts without a row",
        "capitals/2: Capital of Ghana?",
        "1 rows matched by key, or by nearly the same wording, whose prompt is another one",
        "exact_match",
        "0.500 [",
    ] {
        assert!(text.contains(said), "`{said}` is missing:\n{text}");
    }
    let json: Value = serde_json::from_str(&fs::read_to_string(folder.path().join("out.json")).unwrap()).unwrap();
    assert_eq!((&json["rows"], &json["matched"]), (&Value::from(3), &Value::from(2)));
    assert_eq!(json["scores"].as_array().unwrap().len(), 2);
    assert_eq!(json["numbers"][0]["estimate"]["point"], 0.5);
    assert_eq!(json["prompts_without_row"][0]["instance"], "capitals/2");
}

#[test]
fn a_file_of_another_task_ends_with_3_and_wrong_use_with_2() {
    let folder = folder();
    fs::write(folder.path().join("other.jsonl"), "{\"prompt\": \"x\", \"response\": \"y\"}\n").unwrap();
    let output = score(folder.path(), &["--task", "capitals", "--include_path", ".", "--responses", "other.jsonl"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("no row answers a prompt"), "{}", stderr(&output));
    let capitals = ["--task", "capitals", "--include_path", "."];
    let cases: [(&[&str], &str); 6] = [
        (&["--task", "capital", "--include_path", "."], "no such task"),
        (&capitals, "needs --responses, --annotations or --judgments"),
        (&[&capitals[..], &["--annotations", "other.jsonl"]].concat(), "is not judged that way"),
        (&[&capitals[..], &["--responses", "absent.jsonl"]].concat(), "absent.jsonl"),
        (
            &[&capitals[..], &["--responses", "other.jsonl", "--judgments", "other.jsonl"]].concat(),
            "cannot be used with",
        ),
        (&["--task", "alpaca_eval", "--responses", "other.jsonl"], "judged by a model"),
    ];
    for (args, why) in cases {
        let output = score(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{args:?}: {}", stderr(&output));
    }
}

/// The benchmark's published verdicts on GPT-4's replies; one prompt is worded differently in the two files.
#[test]
fn published_verdicts_are_written_byte_for_byte() {
    let Some(data) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let replies = data.join("ifeval/input_response_data_gpt4_20231107_145030.jsonl");
    let (data_flag, replies) = (data.display().to_string(), replies.display().to_string());
    let args = ["--task", "ifeval", "--responses", &replies, "--data", &data_flag, "--official-output", "verdicts"];
    let output = score(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for name in ["eval_results_strict.jsonl", "eval_results_loose.jsonl"] {
        let published = fs::read_to_string(data.join("ifeval/gpt4_run_a").join(name)).unwrap();
        let prompt = |line: &str| serde_json::from_str::<Value>(line).unwrap()["prompt"].as_str().unwrap().to_owned();
        let published: BTreeMap<String, &str> = published.lines().map(|line| (prompt(line), line)).collect();
        let written = fs::read_to_string(folder.path().join("verdicts").join(name)).unwrap();
        assert_eq!(written.lines().count(), 541);
        let unlike = written.lines().filter(|line| published.get(&prompt(line)) != Some(line)).collect::<Vec<_>>();
        assert_eq!(unlike.len(), 1, "{unlike:?}");
        assert!(unlike[0].contains("Shinto shrines") && !published.contains_key(&prompt(unlike[0])), "{unlike:?}");
    }
}

#[test]
fn published_judgments_give_their_published_numbers() {
    let Some(data) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |path: &str| data.join(path).display().to_string();
    let annotations = file("alpaca_eval/annotations/alpaca-7b.weighted_alpaca_eval_gpt4_turbo.json");
    let output = score(folder.path(), &["--task", "alpaca_eval", "--annotations", &annotations]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("2.591 [") && text.contains("length_controlled_minimal"), "{text}");
    let judgments = file("mt_bench/model_judgment/gpt-4_single.jsonl");
    let args = ["--task", "mt_bench", "--judgments", &judgments, "--data", &file(""), "--json", "out.json"];
    let output = score(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("humanities") && text.contains("8.363 ["), "{text}");
    let json: Value = serde_json::from_str(&fs::read_to_string(folder.path().join("out.json")).unwrap()).unwrap();
    assert_eq!(json["phi-3-dpo"]["turns"][1]["rating"]["mean"]["point"], 8.0375);
}
