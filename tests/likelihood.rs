//! `--likelihood` and `characteristics` as a user runs them, on the embedded base model.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

#[allow(dead_code)]
#[path = "endpoint/script.rs"]
mod script;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use wit_eval::backend::{LocalModel, LocalOptions};
use wit_eval::data::characteristics;
use wit_eval::model::checkpoint::CheckpointOptions;
use wit_eval::store::RunSettings;

const PAIRS: usize = 12;
const ASKED: [&str; 4] = ["--likelihood", "material/held-out.jsonl", "--likelihood_limit", "12"];

struct Bench {
    home: TempDir,
}

impl Bench {
    /// A folder with the embedded base and its held-out pairs.
    fn new() -> Self {
        let bench = Self { home: tempfile::tempdir().unwrap() };
        bench.succeed(&["demo", "--export", "--output_path", "material"]);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wit-eval"));
        command.current_dir(self.home.path()).args(args).output().unwrap()
    }

    fn succeed(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", words(&output));
        words(&output)
    }

    fn evaluate(&self, name: &str, more: &[&str]) -> String {
        let base = ["--checkpoint", "material/base", "--tasks", "demo", "--limit", "3", "--perturbations", "typo:1"];
        self.succeed(&[&base[..], &["--posix_limit", "0", "--run_name", name], more].concat())
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn likelihoods(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        let analysis: Value = serde_json::from_str(&text).unwrap();
        analysis["likelihoods"].as_array().cloned().unwrap_or_default()
    }
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn asked_for_likelihood(plan: &[Value]) -> Vec<&Value> {
    plan.iter().filter(|record| record["purpose"] == "likelihood").collect()
}

#[test]
fn a_run_reports_how_likely_prompts_and_responses_are_and_scores_its_tasks_as_without() {
    let bench = Bench::new();
    let said = bench.evaluate("with", &ASKED);
    assert!(said.contains("24 texts for likelihoods") && said.contains("12 of 303 different pairs"), "{said}");
    bench.evaluate("without", &[]);
    let scores = |name: &str| fs::read(bench.path(&format!("results/{name}/scores.jsonl"))).unwrap();
    assert_eq!(scores("with"), scores("without"));
    assert!(bench.likelihoods("results/without/report/analysis.json").is_empty());
    let found = bench.likelihoods("results/with/report/analysis.json");
    assert_eq!(found.iter().map(|one| one["part"].as_str().unwrap()).collect::<Vec<_>>(), ["prompt", "response"]);
    for one in &found {
        let mean = &one["mean"];
        assert_eq!((mean["n"].as_u64(), mean["clusters"].as_u64()), (Some(12), Some(12)), "{one}");
        let (low, high) = (mean["interval"]["low"].as_f64().unwrap(), mean["interval"]["high"].as_f64().unwrap());
        assert!(low < high && high < 0.0, "{one}");
        assert_eq!((one["source"].as_str(), one["density"].as_array().unwrap().len()), (Some("held-out.jsonl"), 128));
        assert_eq!(one["failed"], Value::Array(Vec::new()));
    }
}

#[test]
fn every_prompt_token_counts_but_the_one_that_begins_the_sequence() {
    let bench = Bench::new();
    bench.evaluate("run", &ASKED);
    let plan = bench.lines("results/run/plan.jsonl");
    let prompts = asked_for_likelihood(&plan);
    let prompts = prompts.iter().filter(|record| record["part"] == "prompt").collect::<Vec<_>>();
    assert_eq!(prompts.len(), PAIRS);
    let model = LocalModel::open(&bench.path("material/base"), &CheckpointOptions::default(), &LocalOptions::default());
    let (model, checkpoint) = (
        model.unwrap(),
        wit_eval::model::checkpoint::Checkpoint::open(&bench.path("material/base"), &CheckpointOptions::default())
            .unwrap(),
    );
    let by_hand = prompts.iter().map(|record| {
        let text = record["request"]["continuations"][0]["text"].as_str().unwrap();
        let mut ids = vec![checkpoint.tokenizer.prefix_id().unwrap()];
        ids.extend(checkpoint.tokenizer.encode(text, false).unwrap());
        let nats = model.engine().sequence_log_probs(&ids).unwrap();
        assert_eq!(nats.len(), ids.len() - 1);
        nats.iter().map(|nats| f64::from(*nats)).sum::<f64>() / nats.len() as f64
    });
    let by_hand = by_hand.sum::<f64>() / PAIRS as f64;
    let reported = bench.likelihoods("results/run/report/analysis.json")[0]["mean"]["point"].as_f64().unwrap();
    assert!((reported - by_hand).abs() < 1e-4, "{reported} {by_hand}");
}

#[test]
fn a_run_that_ended_early_asks_only_the_likelihoods_that_are_not_recorded() {
    let bench = Bench::new();
    bench.evaluate("run", &ASKED);
    let file = bench.path("results/run/responses.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    let lines = whole.lines().count();
    fs::write(&file, whole.split_inclusive('\n').take(lines - 9).collect::<String>()).unwrap();
    let scores = fs::read(bench.path("results/run/scores.jsonl")).unwrap();
    let report = bench.likelihoods("results/run/report/analysis.json");
    let said = bench.evaluate("run", &ASKED);
    assert!(said.contains(&format!("{} of {lines} requests are recorded already", lines - 9)), "{said}");
    let sorted = |text: &str| {
        let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&fs::read_to_string(&file).unwrap()), sorted(&whole));
    assert_eq!(fs::read(bench.path("results/run/scores.jsonl")).unwrap(), scores);
    assert_eq!(bench.likelihoods("results/run/report/analysis.json"), report);
    let other = bench.run(&["--checkpoint", "material/base", "--tasks", "demo", "--limit", "3", "--run_name", "run"]);
    assert!(other.status.code() == Some(2) && words(&other).contains("other settings"), "{}", words(&other));
}

#[test]
fn with_a_chat_template_the_prompt_is_what_the_template_writes_and_the_draw_is_the_seeds() {
    let bench = Bench::new();
    bench.evaluate("chat", &[&ASKED[..], &["--apply_chat_template"]].concat());
    let plan = bench.lines("results/chat/plan.jsonl");
    let records = asked_for_likelihood(&plan);
    let text = |record: &Value| record["request"]["continuations"][0]["text"].as_str().unwrap().to_owned();
    let (prompt, response) = (&records[0], &records[1]);
    let turns = response["request"]["prompt"]["chat"]["messages"].as_array().unwrap();
    let asked = turns.last().unwrap()["content"].as_str().unwrap();
    assert!(text(prompt).contains(asked) && text(prompt).trim() != asked, "{}", text(prompt));
    // The embedded template writes a space before an answer, which its opening of the turn lacks.
    assert!(text(prompt).ends_with("<|assistant|>") && text(response).starts_with(' '), "{prompt} {response}");
    assert_eq!(prompt["instance"], response["instance"]);
    let drawn = |name: &str, more: &[&str]| bench.evaluate(name, &[&ASKED[..], more, &["--dry_run"]].concat());
    assert!(drawn("dry", &[]).contains("24 texts for likelihoods") && !bench.path("results/dry").exists());
    bench.evaluate("seed", &[&ASKED[..], &["--seed", "9"]].concat());
    let ids =
        |plan: &[Value]| asked_for_likelihood(plan).iter().map(|record| record["instance"].clone()).collect::<Vec<_>>();
    let other = bench.lines("results/seed/plan.jsonl");
    assert_ne!(ids(&plan), ids(&other));
    assert_eq!(ids(&plan).len(), ids(&other).len());
}

#[test]
fn a_file_that_cannot_be_used_is_named_before_anything_is_asked() {
    let bench = Bench::new();
    fs::write(bench.path("odd.jsonl"), "{\"question\": \"?\"}\n").unwrap();
    for (file, expected) in [("odd.jsonl", "odd.jsonl: row 1"), ("none.jsonl", "none.jsonl"), ("odd.txt", "odd.txt")] {
        let output = bench.run(&["--checkpoint", "material/base", "--tasks", "demo", "--likelihood", file]);
        let said = words(&output);
        assert!(output.status.code() == Some(2) && said.contains("--likelihood") && said.contains(expected), "{said}");
    }
    assert!(!bench.path("results").exists());
}

#[test]
fn a_server_without_log_probabilities_answers_the_tasks_and_its_likelihoods_count_as_failed() {
    let bench = Bench::new();
    let server = script::Server::start(|received| match received.path.trim_start_matches("/v1") {
        "/chat/completions" => script::says("yes"),
        "/completions" => script::ok(&serde_json::json!({"choices": [{"text": "yes", "finish_reason": "stop"}]})),
        _ => script::page("404 Not Found", "", "{}"),
    });
    let questions = ["--tasks", "demo", "--limit", "2", "--perturbations", "none", "--posix_limit", "0"];
    for (name, mode) in [("chat", ["--endpoint_api", "chat"]), ("text", ["--endpoint_api", "completions"])] {
        let model = ["--endpoint", &server.url, "--model", "tiny", "--run_name", name];
        let said = bench.succeed(&[&model[..], &mode, &questions, &ASKED].concat());
        assert!(said.contains("recorded as failed"), "{said}");
        let found = bench.likelihoods(&format!("results/{name}/report/analysis.json"));
        assert_eq!(found.len(), 2, "{said}");
        for one in &found {
            let failed = &one["failed"][0];
            assert_eq!((failed["count"].as_u64(), one["mean"]["state"].as_str()), (Some(12), Some("undefined")));
            assert!(failed["reason"].as_str().unwrap().contains("log-probabilities of given texts"), "{one}");
        }
        let scored = bench.lines(&format!("results/{name}/scores.jsonl"));
        assert!(!scored.is_empty());
    }
}

/// A run that was written before likelihoods could be asked.
#[test]
fn settings_without_likelihoods_read_back_and_are_written_as_they_were() {
    let old = r#"{"tasks":"demo","perturbations":[],"seed":0,"fewshot_seed":1234,"limit":null,"num_fewshot":null,"presentation":"text","system_instruction":null,"gen_kwargs":null,"posix":null}"#;
    let settings: RunSettings = serde_json::from_str(old).unwrap();
    assert_eq!(settings.likelihood, None);
    assert_eq!(serde_json::to_string(&settings).unwrap(), old);
}

#[test]
fn characteristics_go_to_a_table_that_is_read_back_and_joined() {
    let bench = Bench::new();
    let words_only = bench.run(&["characteristics", "--data", "material/held-out.jsonl"]);
    let table = String::from_utf8(words_only.stdout.clone()).unwrap();
    assert!(words_only.status.success() && table.starts_with("model,dataset,"), "{}", words(&words_only));
    assert!(table.contains("prompt_length_words") && !table.contains("prompt_log_prob"), "{table}");
    let command = ["characteristics", "--data", "material/held-out.jsonl", "--out", "c.csv", "--name", "demo"];
    bench.succeed(&command);
    bench.succeed(&[&command[..], &["--base", "material/base", "--limit", "20"]].concat());
    bench.succeed(&[&command[..], &["--base", "material/base", "--limit", "20", "--model-name", "BASE"]].concat());
    let rows = characteristics::read(&bench.path("c.csv")).unwrap();
    assert_eq!(rows.len(), 2, "one for the data alone, one for the pair, whose name differs in case only: {rows:?}");
    let of_base = rows.iter().find(|row| row.model.as_deref() == Some("base")).unwrap();
    assert_eq!(of_base.dataset.as_deref(), Some("demo"));
    let value = |name: &str| of_base.values[name];
    assert!(value("prompt_log_prob") < 0.0 && value("model_size") > 500_000.0, "{of_base:?}");
    assert!(value("prompt_length") > value("generation_ratio") && value("ngram_diversity") < 1.0, "{of_base:?}");
    let text = fs::read_to_string(bench.path("c.csv")).unwrap();
    fs::write(bench.path("c.csv"), text.replace("demo", "demo,")).unwrap();
    let broken = bench.run(&command);
    assert!(broken.status.code() == Some(2) && words(&broken).contains("c.csv:2"), "{}", words(&broken));
}

fn shared_data(name: &str) -> Option<PathBuf> {
    let fixtures = std::env::var_os("WIT_EVAL_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"), PathBuf::from);
    let path = fixtures.join("../data/instruct").join(name);
    if !path.is_file() {
        eprintln!("skipped: {} is missing", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn data_of_the_field_have_the_characteristics_that_they_are_known_for() {
    let (Some(alpaca), Some(lima)) = (shared_data("alpaca_5000.json"), shared_data("lima_data.jsonl")) else { return };
    let bench = Bench { home: tempfile::tempdir().unwrap() };
    for (data, name) in [(&alpaca, "alpaca"), (&lima, "lima")] {
        bench.succeed(&["characteristics", "--data", data.to_str().unwrap(), "--name", name, "--out", "c.csv"]);
    }
    let rows = characteristics::read(&bench.path("c.csv")).unwrap();
    let [alpaca, lima] = rows.as_slice() else { panic!("two rows") };
    // LIMA's questions and answers are by far the longer ones, and less alike than Alpaca's instructions.
    for name in ["prompt_length_words", "generation_ratio_words", "ngram_diversity"] {
        assert!(lima.values[name] > alpaca.values[name], "{name}: {rows:?}");
    }
}
