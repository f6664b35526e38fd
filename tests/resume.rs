//! A run that is killed at any moment loses nothing recorded and ends with the bytes of an undisturbed run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr, missing_docs)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of a file's length

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng as _;
use wit_eval::seed::Seed;

const KILLS: usize = 20;
const PROGRAM: &str = env!("CARGO_BIN_EXE_wit-eval");

/// The real model where it is at hand, otherwise the untrained one that the program writes itself.
fn checkpoint(folder: &Path) -> PathBuf {
    let fixtures = std::env::var_os("WIT_EVAL_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"), PathBuf::from);
    let real = fixtures.join("../models/tinystories-656k");
    if real.join("model.safetensors").is_file() {
        return real;
    }
    eprintln!("no model at {}: an untrained checkpoint is used", real.display());
    let own = folder.join("untrained");
    wit_eval::model::untrained::write_untrained_checkpoint(&own, Seed(3)).unwrap();
    own
}

fn command(checkpoint: &Path, results: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .arg("--checkpoint")
        .arg(checkpoint)
        .args([
            "--tasks",
            "wit_choice,wit_cloze,wit_follow,wit_prose,wit_dialogue",
            "--gen_kwargs",
            "max_gen_toks=16",
            "--limit",
            "12",
            "--seed",
            "5",
            "--posix_limit",
            "3",
        ])
        .args(["--run_name", "run", "--batch_size", "16", "--output_path"])
        .arg(results)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn finish(checkpoint: &Path, results: &Path) {
    let output = command(checkpoint, results).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
fn a_killed_run_resumes_without_repeating_a_request_and_ends_with_the_same_scores() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let undisturbed = folder.path().join("undisturbed");
    finish(&checkpoint, &undisturbed);
    let expected = fs::read(undisturbed.join("run/scores.jsonl")).unwrap();
    assert!(!expected.is_empty());
    let whole = length(&undisturbed.join("run/responses.jsonl"));

    let disturbed = folder.path().join("disturbed");
    let responses = disturbed.join("run/responses.jsonl");
    let mut rng = Seed(11).stream(&["kill"]);
    // Some kills fall into the start, the others wait until a random share of all responses is recorded.
    let mut shares: Vec<f64> = (0..KILLS).map(|kill| if kill < 4 { 0.0 } else { rng.random::<f64>() }).collect();
    shares.sort_by(f64::total_cmp);
    let mut kills_under_way = 0;
    for share in shares {
        let mut child = command(&checkpoint, &disturbed).stderr(Stdio::null()).spawn().unwrap();
        let target = (share * whole as f64) as u64;
        let patience = Instant::now();
        let pause = Duration::from_micros(rng.random_range(0..30_000));
        while length(&responses) < target && child.try_wait().unwrap().is_none() {
            assert!(patience.elapsed() < Duration::from_secs(120), "the run makes no progress");
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(pause);
        kills_under_way += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills_under_way >= KILLS / 2, "only {kills_under_way} kills met a living process");

    finish(&checkpoint, &disturbed);
    assert!(fs::read(disturbed.join("run/scores.jsonl")).unwrap() == expected, "the scores differ");
    let lines = fs::read_to_string(&responses).unwrap();
    let keys: BTreeSet<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), lines.lines().count(), "a request was asked twice");
}

#[test]
fn a_finished_run_asks_nothing_again_and_repeats_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let results = folder.path().join("results");
    finish(&checkpoint, &results);
    let read = |name: &str| fs::read(results.join("run").join(name)).unwrap();
    let first = ["responses.jsonl", "scores.jsonl", "plan.jsonl", "run.json"].map(read);
    finish(&checkpoint, &results);
    assert!(["responses.jsonl", "scores.jsonl", "plan.jsonl", "run.json"].map(read) == first);
}
