//! The command line as a newcomer meets it: what is printed where, and the exit codes of the README.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use wit_eval::model::untrained::write_untrained_checkpoint;
use wit_eval::seed::Seed;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wit-eval");

fn wit_eval(folder: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).current_dir(folder).env("NO_COLOR", "1").output().unwrap()
}

/// Exit code, standard output and standard error, with what differs from machine to machine replaced.
fn transcript(folder: &Path, args: &[&str]) -> String {
    let output = wit_eval(folder, args);
    let text = format!(
        "$ wit-eval {}\nexit {}\n--- stdout\n{}--- stderr\n{}",
        args.join(" "),
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    text.replace(&folder.display().to_string(), "FOLDER")
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"in \d+\.\d s \(\d+\.\d/s\)", "in TIME");
    settings.add_filter(r"[0-9a-f]{12}", "DIGEST");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn wrong_use_exits_with_2_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::create_dir(here.join("empty")).unwrap();
    write_untrained_checkpoint(&here.join("model"), Seed(0)).unwrap();
    let cases: [&[&str]; 14] = [
        &[],
        &["--checkpoint", "nowhere"],
        &["--checkpoint", "empty"],
        &["--checkpoint", "model", "--tasks", "mmul"],
        &["--checkpoint", "model", "--tasks", "mmlu_anatomy"],
        &["--checkpoint", "model", "--tasks", "mmlu_anatomy", "--data", "empty"],
        &["--checkpoint", "model", "--perturbations", "tipo"],
        &["--checkpoint", "model", "--limit", "1.5"],
        &["--checkpoint", "model", "--weighting", "2,0"],
        &["--checkpoint", "model", "--weighting", "0,1", "--weighting", "1,1"],
        &["--checkpoint", "model", "--apply_chat_template"],
        &["--checkpoint", "model", "--gen_kwargs", "beams=4", "--tasks", "wit_follow"],
        &["--checkpoint", "model", "--run_name", "../escape"],
        &["report", "empty"],
    ];
    let text: Vec<String> = cases.iter().map(|args| transcript(here, args)).collect();
    for (case, text) in cases.iter().zip(&text) {
        assert!(text.contains("\nexit 2\n"), "{case:?}: {text}");
        assert!(text.contains("--- stdout\n--- stderr\n"), "diagnostics belong on standard error: {text}");
    }
    snapshot("wrong_use", &text.join("\n"));
}

#[test]
fn nothing_selected_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    write_untrained_checkpoint(&folder.path().join("model"), Seed(0)).unwrap();
    fs::create_dir(folder.path().join("tasks")).unwrap();
    let yaml = "task: hollow\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: hollow.jsonl\ntest_split: test\n\
                output_type: generate_until\ndoc_to_text: \"{{q}}\"\ndoc_to_target: \"{{a}}\"\nmetadata:\n  version: 1\n";
    fs::write(folder.path().join("tasks/hollow.yaml"), yaml).unwrap();
    fs::write(folder.path().join("tasks/hollow.jsonl"), "").unwrap();
    let args = ["--checkpoint", "model", "--include_path", "tasks", "--tasks", "hollow"];
    let text = transcript(folder.path(), &args);
    assert!(text.contains("\nexit 3\n"), "{text}");
}

#[test]
fn help_and_version_go_to_standard_output_and_exit_with_0() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["--help"][..], &["--version"], &["report", "--help"], &["help", "perturb"]] {
        let output = wit_eval(folder.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn every_verb_works_one_after_the_other_on_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_untrained_checkpoint(&here.join("p0.4-r0.6"), Seed(0)).unwrap();
    let evaluate = ["--checkpoint", "p0.4-r0.6", "--limit", "4", "--run_name", "run", "--posix_limit", "2"];
    let first = wit_eval(here, &evaluate);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let table = String::from_utf8(first.stdout).unwrap();
    assert!(table.contains("p0.4-r0.6"), "the weighting is read from the folder's name: {table}");
    let scores = fs::read(here.join("results/run/scores.jsonl")).unwrap();
    let page = fs::read(here.join("results/run/report/report.html")).unwrap();

    for args in [&["score", "results/run"][..], &["report", "results/run"]] {
        let again = wit_eval(here, args);
        assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(String::from_utf8(again.stdout).unwrap(), table, "{args:?}");
        assert!(fs::read(here.join("results/run/scores.jsonl")).unwrap() == scores);
        assert!(fs::read(here.join("results/run/report/report.html")).unwrap() == page);
    }

    let other = wit_eval(here, &["--checkpoint", "p0.4-r0.6", "--limit", "5", "--run_name", "run"]);
    assert_eq!(other.status.code(), Some(2), "another question set must not mix into the run");
    assert!(String::from_utf8_lossy(&other.stderr).contains("other settings"));
    assert!(fs::read(here.join("results/run/scores.jsonl")).unwrap() == scores, "nothing computed is lost");

    let weighted = wit_eval(here, &["report", "results/run", "--format", "json", "--posix_mode", "lib"]);
    let analysis: serde_json::Value = serde_json::from_slice(&weighted.stdout).unwrap();
    assert_eq!(analysis["checkpoints"][0]["checkpoint"]["weighting"]["prompt"], 0.4);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["list"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0_u8; 1];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_gate_keeps_its_exit_code_when_nobody_reads_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["gate", "--baseline", "nowhere", "--candidate", "nowhere"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn check_passes_on_what_ships() {
    let folder = tempfile::tempdir().unwrap();
    let output = wit_eval(folder.path(), &["check"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("all checks passed"), "{text}");
}

#[test]
fn perturb_shows_what_changed_and_what_was_protected() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        wit_eval(folder.path(), &["perturb", "--task", "wit_choice", "--limit", "1", "--perturbations", "typo"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("⟦") && text.contains("{+"), "{text}");
}
