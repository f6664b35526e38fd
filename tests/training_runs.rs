//! `train`, `dpo` and `merge` as a user runs them, on the embedded base model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

struct Bench {
    home: TempDir,
}

impl Bench {
    /// A folder with the embedded base and 64 rows of its training data.
    fn new() -> Self {
        let bench = Self { home: tempfile::tempdir().unwrap() };
        let output = bench.run(&["demo", "--export", "--output_path", "material"]);
        assert!(output.status.success(), "{}", text(&output));
        let rows = fs::read_to_string(bench.path("material/train.jsonl")).unwrap();
        let few = rows.split_inclusive('\n').take(64).collect::<String>();
        fs::write(bench.path("few.jsonl"), few).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wit-eval"));
        command.current_dir(self.home.path()).args(args).env_remove("NO_COLOR");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn train(&self, out: &str, more: &[&str]) -> Output {
        let base = ["train", "--base", "material/base", "--data", "few.jsonl", "--out", out, "--batch-size", "8"];
        self.run(&[&base[..], more].concat())
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path(name)).unwrap()).unwrap()
    }

    fn metrics(&self, out: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(out).join("metrics.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn weights(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model.safetensors")).unwrap()
}

#[test]
fn a_killed_training_continues_and_ends_with_the_same_weights() {
    let bench = Bench::new();
    let more =
        ["--max-steps", "60", "--save-every", "3", "--learning-rate", "1e-3", "--lambda-p", "0.3", "--log-every", "1"];
    assert!(bench.train("whole", &more).status.success());
    let base = ["train", "--base", "material/base", "--data", "few.jsonl", "--out", "killed", "--batch-size", "8"];
    let mut kills = 0;
    for step in ["step-000006", "step-000021", "step-000045"] {
        let mut child = bench.command(&[&base[..], &more].concat()).stderr(Stdio::null()).spawn().unwrap();
        let snapshot = bench.path("killed/.snapshots").join(step);
        while !snapshot.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills > 0, "every run ended before it could be killed");
    let output = bench.train("killed", &more);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(weights(&bench.path("killed")), weights(&bench.path("whole")));
    let steps = |out: &str| {
        bench.metrics(out).iter().map(|row| (row["step"].clone(), row["split"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(steps("killed"), steps("whole"), "no step is missing and none appears twice");
    assert!(!bench.path("killed/.snapshots").exists(), "a finished run keeps no snapshots");
}

#[test]
fn a_finished_run_is_left_alone_and_another_is_refused() {
    let bench = Bench::new();
    assert!(bench.train("out", &["--max-steps", "2"]).status.success());
    let before = fs::metadata(bench.path("out/model.safetensors")).unwrap().modified().unwrap();
    let again = bench.train("out", &["--max-steps", "2"]);
    assert!(again.status.success() && text(&again).contains("trained already"), "{}", text(&again));
    assert_eq!(fs::metadata(bench.path("out/model.safetensors")).unwrap().modified().unwrap(), before);
    let other = bench.train("out", &["--max-steps", "2", "--learning-rate", "1e-3"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(
        text(&other).contains("settings.learning_rate") && text(&other).contains("--overwrite"),
        "{}",
        text(&other)
    );
    let forced = bench.train("out", &["--max-steps", "2", "--learning-rate", "1e-3", "--overwrite"]);
    assert!(forced.status.success(), "{}", text(&forced));
}

#[test]
fn a_training_that_diverges_ends_with_exit_code_2_and_names_the_step() {
    let bench = Bench::new();
    let output = bench.train(
        "out",
        &[
            "--max-steps",
            "50",
            "--learning-rate",
            "10",
            "--warmup-ratio",
            "0",
            "--weight-decay",
            "100",
            "--max-grad-norm",
            "0",
            "--schedule",
            "constant",
        ],
    );
    let said = text(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("step ") && said.contains("not finite") && said.contains("--learning-rate"), "{said}");
    assert!(!bench.path("out/config.json").exists(), "nothing that looks like a result is left");
}

#[test]
fn the_names_of_trl_and_underscores_are_understood_and_wit_json_records_the_weighting() {
    let bench = Bench::new();
    let output =
        bench.train("out", &["--prompt_loss_weight", "0.4", "--completion-loss-weight=0.6", "--max_steps", "1"]);
    assert!(output.status.success(), "{}", text(&output));
    let wit = bench.json("out/wit.json");
    assert_eq!((wit["lambda_p"].as_f64(), wit["lambda_r"].as_f64()), (Some(0.4), Some(0.6)));
    assert_eq!((wit["stage"].as_str(), wit["steps"].as_u64()), (Some("sft"), Some(1)));
    let refused = bench.train("other", &["--lambda-p", "0", "--lambda-r", "0"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("nothing would be learned"), "{}", text(&refused));
}

#[test]
fn unweighted_nats_of_both_roles_are_reported_for_every_weighting() {
    let bench = Bench::new();
    for (out, prompt, response) in [("a", "0", "1"), ("b", "1", "0")] {
        let more = ["--lambda-p", prompt, "--lambda-r", response, "--max-steps", "1", "--learning-rate", "0"];
        assert!(bench.train(out, &more).status.success());
    }
    let row = |out: &str| {
        let row = bench.metrics(out)[0].clone();
        (
            row["prompt_nats_per_token"].as_f64().unwrap(),
            row["response_nats_per_token"].as_f64().unwrap(),
            row["loss"].as_f64().unwrap(),
        )
    };
    let ((prompt, response, conventional), (other_prompt, other_response, prompt_only)) = (row("a"), row("b"));
    assert!((prompt - other_prompt).abs() < 1e-5 && (response - other_response).abs() < 1e-5);
    assert!((conventional - response).abs() < 1e-6 && (prompt_only - prompt).abs() < 1e-6);
}

#[test]
fn an_adapter_costs_few_weights_is_evaluated_as_it_is_and_merges() {
    let bench = Bench::new();
    let output = bench.train("lora", &["--max-steps", "8", "--lora-rank", "2", "--learning-rate", "1e-2"]);
    assert!(output.status.success(), "{}", text(&output));
    let config = bench.json("lora/adapter_config.json");
    assert_eq!((config["r"].as_u64(), config["peft_type"].as_str()), (Some(2), Some("LORA")));
    assert!(!bench.path("lora/model.safetensors").exists());
    let merged = bench.run(&["merge", "--adapter", "lora", "--out", "merged", "--dtype", "f32"]);
    assert!(merged.status.success(), "{}", text(&merged));
    let evaluated = bench.run(&[
        "--checkpoint",
        "lora",
        "--checkpoint",
        "merged",
        "--tasks",
        "demo_follow",
        "--limit",
        "16",
        "--apply_chat_template",
        "--perturbations",
        "none",
        "--output_path",
        "runs",
        "--run_name",
        "both",
        "--posix_limit",
        "0",
        "-q",
    ]);
    assert!(evaluated.status.success(), "{}", text(&evaluated));
    let answers = fs::read_to_string(bench.path("runs/both/scores.jsonl")).unwrap();
    assert_eq!(answers.lines().count(), 32);
    let missing = bench.train("none", &["--lora-rank", "2", "--lora-targets", "nonsense", "--max-steps", "1"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing).contains("q_proj"), "{}", text(&missing));
}

#[test]
fn early_stop_keeps_the_weights_of_the_lowest_validation_loss() {
    let bench = Bench::new();
    let output = bench.train(
        "out",
        &[
            "--max-steps",
            "40",
            "--learning-rate",
            "0.3",
            "--warmup-ratio",
            "0",
            "--validation-fraction",
            "0.25",
            "--evaluate-every",
            "1",
            "--early-stop",
            "2",
        ],
    );
    assert!(output.status.success(), "{}", text(&output));
    let rows = bench.metrics("out");
    let losses = rows.iter().filter(|row| row["split"] == "validation").map(|row| row["loss"].as_f64().unwrap());
    let losses = losses.collect::<Vec<_>>();
    assert!(losses.len() < 40, "it ends early: {losses:?}");
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    // The kept weights have that loss: one more validation without learning says so.
    let base = [
        "train",
        "--base",
        "out",
        "--data",
        "few.jsonl",
        "--out",
        "check",
        "--batch-size",
        "8",
        "--max-steps",
        "1",
        "--learning-rate",
        "0",
        "--validation-fraction",
        "0.25",
        "--evaluate-every",
        "1",
    ];
    assert!(bench.run(&base).status.success());
    let check =
        bench.metrics("check").iter().rfind(|row| row["split"] == "validation").unwrap()["loss"].as_f64().unwrap();
    assert!((check - best).abs() < 1e-4, "{check} is not {best} of {losses:?}");
}

#[test]
fn preferences_raise_the_reward_of_what_is_chosen_and_keep_the_weighting() {
    let bench = Bench::new();
    assert!(bench.train("p0.4-r0.6", &["--lambda-p", "0.4", "--lambda-r", "0.6", "--max-steps", "2"]).status.success());
    let row = |n: usize| format!("{{\"prompt\": \"Say the word {n}\", \"chosen\": \"cat\", \"rejected\": \"lamp\"}}\n");
    fs::write(bench.path("prefs.jsonl"), (0..16).map(row).collect::<Vec<_>>().concat()).unwrap();
    let output = bench.run(&[
        "dpo",
        "--base",
        "p0.4-r0.6",
        "--data",
        "prefs.jsonl",
        "--out",
        "dpo",
        "--learning-rate",
        "1e-3",
        "--batch-size",
        "8",
        "--max-steps",
        "12",
        "--log-every",
        "1",
    ]);
    assert!(output.status.success(), "{}", text(&output));
    let rows = bench.metrics("dpo");
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    assert!(
        (first["loss"].as_f64().unwrap() - std::f64::consts::LN_2).abs() < 1e-4,
        "policy and reference agree at first: {first}"
    );
    assert!(
        last["rewards"]["margins"].as_f64().unwrap() > 0.1 && last["rewards"]["accuracies"].as_f64() == Some(1.0),
        "{last}"
    );
    let wit = bench.json("dpo/wit.json");
    assert_eq!(
        (wit["stage"].as_str(), wit["lambda_p"].as_f64(), wit["base"].as_str()),
        (Some("dpo"), Some(0.4), Some("base"))
    );
}

#[test]
fn half_precision_weights_are_stored_as_such_and_gradient_checkpointing_changes_nothing() {
    let bench = Bench::new();
    assert!(bench.train("half", &["--dtype", "bf16", "--max-steps", "2"]).status.success());
    assert_eq!(bench.json("half/config.json")["torch_dtype"].as_str(), Some("bfloat16"));
    assert!(bench.train("kept", &["--max-steps", "3"]).status.success());
    assert!(bench.train("again", &["--max-steps", "3", "--gradient-checkpointing"]).status.success());
    assert_eq!(weights(&bench.path("kept")), weights(&bench.path("again")));
}

#[test]
fn show_marks_every_token_by_its_role_and_trains_nothing() {
    let bench = Bench::new();
    let output = bench.run(&["train", "--base", "material/base", "--data", "few.jsonl", "--show", "2"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("example 2") && said.contains("[P|") && said.contains("[R|"), "{said}");
}

#[test]
fn bad_data_and_bad_settings_end_with_exit_code_2_and_say_what_to_do() {
    let bench = Bench::new();
    fs::write(bench.path("odd.jsonl"), "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"question\": \"a\"}\n").unwrap();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--data", "odd.jsonl"], &["odd.jsonl", "2", "question"]),
        (&["--data", "absent.jsonl"], &["absent.jsonl"]),
        (&["--data", "few.jsonl", "--prompt-format", "nonsense"], &["--prompt-format", "chatml"]),
        (&["--data", "few.jsonl", "--max-length", "100000"], &["--max-length", "512"]),
        (&["--data", "few.jsonl", "--device", "tpu"], &["--device", "cuda"]),
        (&["--data", "few.jsonl", "--validation-fraction", "2"], &["--validation-fraction"]),
    ];
    for (flags, words) in cases {
        let base = ["train", "--base", "material/base", "--out", "out", "--max-steps", "1"];
        let output = bench.run(&[&base[..], flags].concat());
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{flags:?} does not name {word}: {said}");
        }
    }
}
