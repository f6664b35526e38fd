//! `wit-eval report --scores` as a newcomer meets it: files, exit codes, and what is said where.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wit-eval");

const TABLE: &str = "model,dataset,stage,benchmark,lambda_p,lambda_r,score\n\
                     m,d,sft,MMLU,0,0,20\nm,d,sft,MMLU,0,1,50\nm,d,sft,MMLU,0.4,0.6,60\n\
                     m,d,sft,MT-Bench,0,0,2\nm,d,sft,MT-Bench,0,1,5\nm,d,sft,MT-Bench,0.4,0.6,6\n\
                     m,d,sft,posix,0,1,0.5\nm,d,sft,posix,0.4,0.6,0.4\n";

fn report(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output: Output = Command::new(PROGRAM).arg("report").args(args).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_table_of_scores_becomes_a_report_beside_it_with_figures() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::create_dir(here.join("grids")).unwrap();
    fs::write(here.join("grids/t.csv"), TABLE).unwrap();
    let (code, stdout, stderr) = report(here, &["--scores", "grids/t.csv"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("no intervals"), "{stdout}");
    let made = here.join("grids/report");
    for file in ["report.html", "report.md", "report.csv", "analysis.json"] {
        assert!(made.join(file).is_file(), "{file}");
    }
    let drawn = fs::read_dir(made.join("figures")).unwrap().map(|entry| entry.unwrap().file_name());
    let drawn = drawn.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let has = |end: &str| drawn.iter().any(|name| name.ends_with(end));
    assert!(has(".svg") && has(".png"), "{drawn:?}");
    let again =
        report(here, &["--scores", "grids/t.csv", "--output_path", "plain", "--no-figures", "--scale", "MT-Bench=1"]);
    assert_eq!(again.0, Some(0), "{}", again.2);
    assert!(!here.join("plain/figures").exists());
    let json = fs::read_to_string(here.join("plain/analysis.json")).unwrap();
    assert!(json.contains("\"scales\": {\n      \"MT-Bench\": 1.0"), "the factor that was asked for is on record");
}

#[test]
fn what_cannot_be_reported_exits_with_2_or_3_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("t.csv"), TABLE).unwrap();
    fs::write(here.join("empty.csv"), "").unwrap();
    fs::write(here.join("inf.csv"), TABLE.replace(",60", ",inf")).unwrap();
    fs::write(here.join("lone.csv"), TABLE.lines().take(2).collect::<Vec<_>>().join("\n")).unwrap();
    let cases: [(&[&str], i32, &str); 9] = [
        (&[], 2, "<RUN"),
        (&["run", "--scores", "t.csv"], 2, "RUN and --scores together: runs are compared instance by instance"),
        (&["--scores", "none.csv"], 2, "cannot read none.csv"),
        (&["--scores", "empty.csv"], 2, "the file is empty; a table of scores has a header"),
        (&["--scores", "inf.csv"], 2, "inf.csv:4: score is `inf`"),
        (&["--scores", "t.csv", "--scores", "t.csv"], 2, "the same content"),
        (&["--scores", "t.csv", "--scale", "BBH=2"], 2, "the table has no such benchmark; it has MMLU, MT-Bench"),
        (&["--scores", "t.csv", "--scale", "MMLU=0"], 2, "a factor above 0"),
        (&["--scores", "lone.csv"], 3, "nothing to compare: 1 model with 0 tuned"),
    ];
    for (args, code, words) in cases {
        let (found, stdout, stderr) = report(here, args);
        assert_eq!(found, Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(words) && stdout.is_empty(), "{args:?}: {stderr}");
    }
    assert!(!here.join("report").exists(), "nothing is left behind");
}

#[test]
fn a_report_is_never_written_over_what_it_is_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let known = "model,dataset,prompt_length\nm,d,12\n";
    for name in ["report.csv", "t.csv"] {
        fs::write(here.join(name), TABLE).unwrap();
    }
    fs::create_dir(here.join("made")).unwrap();
    fs::write(here.join("made/report.csv"), known).unwrap();
    let cases: [&[&str]; 3] = [
        &["--scores", "report.csv", "--output_path", "."],
        &["--scores", "report.csv", "--output_path", "made/.."],
        &["--scores", "t.csv", "--characteristics", "made/report.csv", "--output_path", "made"],
    ];
    for args in cases {
        let (code, stdout, stderr) = report(here, args);
        assert_eq!(code, Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains("report.csv: the report would be written over this file"), "{args:?}: {stderr}");
        assert!(stderr.contains("choose another --output_path") && stdout.is_empty(), "{args:?}: {stderr}");
    }
    assert_eq!(fs::read_to_string(here.join("report.csv")).unwrap(), TABLE);
    assert_eq!(fs::read_to_string(here.join("made/report.csv")).unwrap(), known);
    assert!(!here.join("report.html").exists() && !here.join("made/report.html").exists(), "nothing is written");
}
