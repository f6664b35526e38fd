//! A sweep from its file to the joined report, through the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use wit_eval::model::untrained::write_untrained_checkpoint;
use wit_eval::seed::Seed;

const SWEEP: &str = r#"
name = "grid"
out = "out"
base = "tiny"
data = "rows.jsonl"
weightings = ["0,1", "0.4,0.6"]
include_base = true
[train]
max_steps = 2
batch_size = 2
learning_rate = 1e-3
[evaluate]
tasks = "wit_follow"
limit = 2
perturbations = "none"
posix_limit = 0
"#;

fn wit_eval(folder: &Path, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_wit-eval");
    Command::new(program).args(args).current_dir(folder).env("NO_COLOR", "1").output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_untrained_checkpoint(&folder.path().join("tiny"), Seed(0)).unwrap();
    let row = |number| format!("{{\"prompt\": \"Say the number {number}.\", \"response\": \"{number}\"}}\n");
    let rows = [1, 2, 3, 4].map(row).concat();
    fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
    fs::write(folder.path().join("sweep.toml"), SWEEP).unwrap();
    folder
}

#[test]
fn a_sweep_trains_and_evaluates_every_cell_once_and_joins_the_reports() {
    let folder = folder();
    let here = folder.path();
    let plan = wit_eval(here, &["sweep", "sweep.toml", "--dry-run", "--verbose"]);
    assert_eq!(plan.status.code(), Some(0), "{}", said(&plan));
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(text.contains("3 cells, 3 to do") && text.contains("--lambda-p=0.4"), "{text}");
    assert!(!here.join("out").exists(), "a dry run leaves nothing behind");

    let one = wit_eval(here, &["sweep", "sweep.toml", "--cell", "1"]);
    assert_eq!(one.status.code(), Some(0), "{}", said(&one));
    let cell = here.join("out/tiny/rows/p0.4-r0.6-s0");
    assert!(cell.join("checkpoint/wit.json").is_file() && cell.join("run/scores.jsonl").is_file());
    assert!(!here.join("out/tiny/rows/p0-r1-s0").exists());
    assert!(said(&one).contains("wit-eval report"), "{}", said(&one));
    let weights = fs::read(cell.join("checkpoint/model.safetensors")).unwrap();

    let all = wit_eval(here, &["sweep", "sweep.toml"]);
    assert_eq!(all.status.code(), Some(0), "{}", said(&all));
    assert!(said(&all).contains("p0.4-r0.6-s0): is done already"), "{}", said(&all));
    assert!(fs::read(cell.join("checkpoint/model.safetensors")).unwrap() == weights);
    for name in ["report.html", "report.md", "report.csv", "analysis.json"] {
        assert!(here.join("out").join(name).is_file(), "{name}");
    }
    let analysis: serde_json::Value =
        serde_json::from_slice(&fs::read(here.join("out/analysis.json")).unwrap()).unwrap();
    let runs: Vec<&str> =
        analysis["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
    assert_eq!(runs, ["tiny/rows/p0-r1-s0", "tiny/rows/p0.4-r0.6-s0", "tiny/untuned"]);
    assert_eq!(analysis["checkpoints"][1]["checkpoint"]["weighting"]["prompt"], 0.4);

    let page = fs::read(here.join("out/report.html")).unwrap();
    let joined = wit_eval(here, &["report", "out"]);
    assert_eq!(joined.status.code(), Some(0), "{}", said(&joined));
    assert!(said(&joined).contains("3 finished runs joined"), "{}", said(&joined));
    assert!(fs::read(here.join("out/report.html")).unwrap() == page);

    let status = wit_eval(here, &["sweep", "sweep.toml", "--status"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("3 cells, 3 done"));
    fs::remove_file(cell.join("run/scores.jsonl")).unwrap();
    let joined = wit_eval(here, &["report", "out"]);
    assert!(said(&joined).contains("2 finished runs joined") && said(&joined).contains("1 unfinished, left out"));
}

#[test]
fn a_cell_that_fails_is_recorded_and_the_others_go_on() {
    let folder = folder();
    let here = folder.path();
    let broken =
        SWEEP.replace("\"rows.jsonl\"", "[\"broken.jsonl\", \"rows.jsonl\"]").replace("\"0.4,0.6\"", "\"1,1\"");
    fs::write(here.join("broken.jsonl"), "{\"prompt\": 1}\n").unwrap();
    fs::write(here.join("sweep.toml"), broken).unwrap();
    let output = wit_eval(here, &["sweep", "sweep.toml", "--cells", "1..3"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("1 of 2 cells failed"), "{}", said(&output));
    assert!(here.join("out/tiny/rows/p0-r1-s0/run/scores.jsonl").is_file());
    let record = fs::read_to_string(here.join("out/tiny/broken/p1-r1-s0/cell.json")).unwrap();
    assert!(record.contains("\"failed\"") && record.contains("broken.jsonl"), "{record}");
    let status = wit_eval(here, &["sweep", "sweep.toml", "--status"]);
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.contains("1 failed") && text.contains("cell 1 "), "{text}");
}

#[test]
fn faults_show_before_anything_is_trained() {
    let folder = folder();
    let here = folder.path();
    let cases = [
        ("tasks = \"wit_follow\"", "tasks = \"wit_folow\"", "wit_folow"),
        ("perturbations = \"none\"", "perturbations = \"tipo\"", "tipo"),
        ("max_steps = 2", "max_steps = 2\nlora_alpha = 2", "lora-rank"),
        ("max_steps = 2", "max_step = 2", "sweep.toml:9: `max_step = 2`"),
    ];
    for (before, after, expected) in cases {
        fs::write(here.join("sweep.toml"), SWEEP.replace(before, after)).unwrap();
        let output = wit_eval(here, &["sweep", "sweep.toml"]);
        assert_eq!(output.status.code(), Some(2), "{after}: {}", said(&output));
        assert!(said(&output).contains(expected), "{after}: {}", said(&output));
        assert!(!here.join("out").exists(), "{after}");
    }
    let output = wit_eval(here, &["sweep", "sweep.toml", "--cell", "36"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn a_sweep_that_ships_is_printed_to_be_edited_and_runs_on_own_data() {
    let folder = folder();
    let here = folder.path();
    let printed = wit_eval(here, &["sweep", "--print-preset", "lima"]);
    assert_eq!(printed.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&printed.stdout).contains("learning_rate = 2e-5"));
    let args = ["sweep", "--preset", "lima", "--base", "tiny", "--data", "rows.jsonl", "--dry-run"];
    let plan = wit_eval(here, &args);
    assert_eq!(plan.status.code(), Some(0), "{}", said(&plan));
    assert!(String::from_utf8_lossy(&plan.stdout).contains("36 cells, 36 to do"));
    assert!(said(&plan).contains("--preferences"), "{}", said(&plan));
}
