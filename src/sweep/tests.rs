#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::store::RunFolder;

const SMALL: &str = r#"
name = "small"
base = "tiny"
data = ["one.jsonl", "two.json"]
weightings = ["0,1", [0.4, 0.6], "p1-r1"]
seeds = [0, 7]
include_base = true
[train]
epochs = 2
learning_rate = 1e-3
log_every = 10
[evaluate]
tasks = ["wit_follow", "wit_choice"]
perturbations = "none"
"#;

fn plan(text: &str) -> Result<Sweep, SweepError> {
    Sweep::parse(text, "sweep.toml", Path::new(""), &Overrides::default())
}

fn fault(text: &str) -> String {
    plan(text).expect_err("a fault").to_string()
}

/// A folder with a base, two data sets and the sweep of them.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tiny")).unwrap();
    fs::write(folder.path().join("tiny/config.json"), "{}").unwrap();
    fs::write(folder.path().join("tiny/model.safetensors"), "weights").unwrap();
    fs::write(folder.path().join("one.jsonl"), "{}").unwrap();
    fs::write(folder.path().join("two.json"), "[]").unwrap();
    fs::write(folder.path().join("prefs.json"), "[]").unwrap();
    fs::write(folder.path().join("sweep.toml"), SMALL).unwrap();
    folder
}

fn read(folder: &Path, text: &str) -> Sweep {
    fs::write(folder.join("sweep.toml"), text).unwrap();
    Sweep::read(&folder.join("sweep.toml"), &Overrides::default()).unwrap()
}

/// Identities of all steps, by folder.
fn identities(sweep: &Sweep) -> BTreeMap<PathBuf, String> {
    let mut digests = ContentDigests::default();
    let steps = sweep.cells().into_iter().flat_map(|cell| sweep.steps(&cell, &mut digests).unwrap());
    steps.map(|step| (step.folder, step.identity.to_string())).collect()
}

/// Does a step as a caller would: it leaves its last file behind.
#[allow(clippy::unnecessary_wraps)]
fn pretend(step: &Step) -> Result<f64, String> {
    fs::create_dir_all(&step.folder).unwrap();
    fs::write(step.last_file(), "").unwrap();
    Ok(2.0)
}

#[test]
fn cells_come_by_base_data_weighting_and_seed_and_the_untuned_base_last() {
    let folders: Vec<String> =
        plan(SMALL).unwrap().cells().iter().map(|cell| cell.folder().display().to_string()).collect();
    assert_eq!(folders.len(), 13);
    assert_eq!(folders[0], "tiny/one/p0-r1-s0");
    assert_eq!(folders[1], "tiny/one/p0-r1-s7");
    assert_eq!(folders[2], "tiny/one/p0.4-r0.6-s0");
    assert_eq!(folders[5], "tiny/one/p1-r1-s7");
    assert_eq!(folders[6], "tiny/two/p0-r1-s0");
    assert_eq!(folders[12], "tiny/untuned");
}

#[test]
fn a_weighting_or_seed_more_leaves_every_other_step_the_same() {
    let folder = folder();
    let before = identities(&read(folder.path(), SMALL));
    let wider = SMALL.replace("\"p1-r1\"]", "\"p1-r1\", [1, 0]]").replace("[0, 7]", "[0, 7, 8]");
    let after = identities(&read(folder.path(), &wider));
    assert_eq!(before.len(), 25);
    assert_eq!(after.len(), 49);
    for (step, identity) in &before {
        assert_eq!(after.get(step), Some(identity), "{}", step.display());
    }
    let faster = SMALL.replace("log_every = 10", "log_every = 20\nmicro_batch_tokens = 512\ndevice = \"cuda\"");
    assert_eq!(identities(&read(folder.path(), &faster)), before, "what decides only speed changes no identity");
    let distinct: BTreeSet<_> = before.values().collect();
    assert_eq!(distinct.len(), before.len(), "no two steps are taken for each other");
}

#[test]
fn what_decides_a_cell_changes_its_identity() {
    let folder = folder();
    let sweep = read(folder.path(), SMALL);
    let before = identities(&sweep);
    let checkpoint = folder.path().join("results/small/tiny/one/p0-r1-s0/checkpoint");
    let run = checkpoint.with_file_name("run");
    let other = identities(&read(folder.path(), &SMALL.replace("epochs = 2", "epochs = 3")));
    assert_ne!(before[&checkpoint], other[&checkpoint]);
    assert_ne!(before[&run], other[&run], "what evaluates another checkpoint is another evaluation");
    let other = identities(&read(folder.path(), &SMALL.replace("\"none\"", "\"typo\"")));
    assert_eq!(before[&checkpoint], other[&checkpoint], "evaluation does not decide training");
    assert_ne!(before[&run], other[&run]);
    fs::write(folder.path().join("one.jsonl"), "{ }").unwrap();
    let other = identities(&sweep);
    assert_ne!(before[&checkpoint], other[&checkpoint]);
    assert_eq!(before[&folder.path().join("results/small/tiny/two/p0-r1-s0/checkpoint")], {
        other[&folder.path().join("results/small/tiny/two/p0-r1-s0/checkpoint")].clone()
    });
    fs::write(folder.path().join("tiny/model.safetensors"), "other weights").unwrap();
    let untuned = folder.path().join("results/small/tiny/untuned/run");
    assert_ne!(before[&untuned], identities(&sweep)[&untuned]);
}

#[test]
fn a_step_is_a_command_line_that_anybody_can_run() {
    let folder = folder();
    let text = SMALL.to_owned() + "[dpo]\ndata = \"prefs.json\"\nbeta = 0.1\n";
    let sweep = read(folder.path(), &text);
    let steps = sweep.steps(&sweep.cells()[2], &mut ContentDigests::default()).unwrap();
    let shown: Vec<String> = steps
        .iter()
        .map(|step| {
            let flags: Vec<_> = step.flags.iter().map(|flag| flag.to_string_lossy()).collect();
            let line = format!("{} {}", step.stage.verb(), flags.join(" "));
            line.replace(&folder.path().display().to_string(), "").replace('\\', "/")
        })
        .collect();
    let cell = "/results/small/tiny/one/p0.4-r0.6-s0";
    assert_eq!(
        shown,
        [
            format!(
                "train --base=/tiny --out={cell}/checkpoint --data=/one.jsonl --lambda-p=0.4 --lambda-r=0.6 --seed=0 \
                 --epochs=2 --learning-rate=0.001 --log-every=10"
            ),
            format!(
                "run --checkpoint={cell}/checkpoint --output-path={cell} --run-name=run --perturbations=none \
                 --tasks=wit_follow,wit_choice"
            ),
            format!("dpo --base={cell}/checkpoint --out={cell}/dpo --seed=0 --beta=0.1 --data=/prefs.json"),
            format!(
                "run --checkpoint={cell}/dpo --output-path={cell} --run-name=run-dpo --perturbations=none \
                 --tasks=wit_follow,wit_choice"
            ),
        ]
    );
}

#[test]
fn a_fault_names_file_line_key_and_remedy() {
    let cases = [
        (
            "log_every = 10",
            "log_evry = 10",
            "sweep.toml:11: `log_evry = 10`",
            "no key `log_evry`; its keys are columns",
        ),
        ("epochs = 2", "epochs = \"two\"", "sweep.toml:9: `epochs = \"two\"`", "write a whole number above 0"),
        ("epochs = 2", "epochs = -1", "sweep.toml:9", "epochs: -1 does not fit"),
        ("epochs = 2", "lambda_p = 1", "sweep.toml:9: `lambda_p = 1`", "the sweep sets it"),
        ("epochs = 2", "seed = 1", "sweep.toml:9", "write `seeds = [...]`"),
        ("epochs = 2", "schedule = \"step\"", "sweep.toml:9", "\"cosine\", \"linear\", \"constant\""),
        ("seeds = [0, 7]", "seeds = [7, 7]", "sweep.toml:6: `seeds = [7, 7]`", "each once"),
        ("seeds = [0, 7]", "seed = 1", "sweep.toml:6: `seed = 1`", "unknown field `seed`, expected one of"),
        ("[0.4, 0.6]", "[0.4, 1.6]", "sweep.toml:5", "response weight 1.6 is outside [0, 1]"),
        ("[0.4, 0.6]", "[0, 0]", "sweep.toml:5", "nothing would be learned"),
        ("[0.4, 0.6]", "\"p0-r1\"", "sweep.toml:5", "p0-r1 is listed twice"),
        ("\"two.json\"", "\"x/one.csv\"", "sweep.toml:4", "the name `one` is given twice"),
        ("\"two.json\"", "\"untuned.csv\"", "sweep.toml:4", "taken by the cell without tuning"),
        ("\"two.json\"", "\"..\"", "sweep.toml:4", "no name can be made"),
        ("\"small\"", "\"../small\"", "sweep.toml:2", "no folder name"),
        ("name = \"small\"", "name = ", "sweep.toml:2", ""),
    ];
    for (before, after, place, remedy) in cases {
        let text = fault(&SMALL.replacen(before, after, 1));
        assert!(text.contains(place) && text.contains(remedy), "{after}: {text}");
    }
    assert!(fault(&SMALL.replace("base = \"tiny\"", "")).contains("no base; add"));
    assert!(fault(&(SMALL.to_owned() + "[dpo]\nbeta = 0.1\n")).contains("[dpo] has no data"));
    let both = SMALL.replace("epochs = 2", "validation_fraction = 0.1\nvalidation_data = \"v.json\"");
    assert!(fault(&both).contains("keep one of them"));
}

#[test]
fn the_grid_of_the_paper_has_35_weightings_and_not_the_one_that_learns_nothing() {
    for preset in Preset::ALL {
        let overrides = Overrides { dpo_is_optional: true, ..Overrides::default() };
        let sweep = Sweep::parse(preset.text(), preset.name(), Path::new(""), &overrides).unwrap();
        assert_eq!(sweep.weightings.len(), 35, "{preset}");
        let cells = sweep.cells();
        assert_eq!(cells.len(), 5 * 36, "{preset}: the untuned base is the 36th cell of each base");
        assert_eq!(cells.iter().filter(|cell| cell.tuning.is_none()).count(), 5);
        let distinct: BTreeSet<_> = cells.iter().map(Cell::folder).collect();
        assert_eq!(distinct.len(), cells.len());
        assert!(sweep.dpo.is_none(), "without preference data there is no preference stage");
    }
}

#[test]
fn the_sweeps_that_ship_have_the_numbers_of_the_paper() {
    let overrides = Overrides { preferences: Some("prefs.json".into()), ..Overrides::default() };
    for (preset, epochs) in [(Preset::Lima, "5"), (Preset::AlpacaCleaned, "2"), (Preset::TuluV2, "1")] {
        let sweep = Sweep::parse(preset.text(), preset.name(), Path::new(""), &overrides).unwrap();
        let expected = [
            ("epochs", epochs),
            ("batch_size", "64"),
            ("learning_rate", "0.00002"),
            ("schedule", "cosine"),
            ("warmup_ratio", "0.01"),
            ("weight_decay", "0.1"),
            ("max_length", "4096"),
            ("dtype", "bf16"),
        ];
        for (key, value) in expected {
            assert_eq!(sweep.train.text(key), Some(value), "{preset}: {key}");
        }
        let dpo = sweep.dpo.as_ref().unwrap();
        let expected = [
            ("epochs", "2"),
            ("batch_size", "32"),
            ("learning_rate", "0.0000005"),
            ("warmup_ratio", "0.1"),
            ("weight_decay", "0"),
        ];
        for (key, value) in expected {
            assert_eq!(dpo.text(key), Some(value), "{preset}: {key}");
        }
        let rates: Vec<_> = sweep.bases.iter().map(|base| (base.name.as_str(), base.learning_rate)).collect();
        assert_eq!(rates[3], ("Mistral-7B", Some(5e-6)));
        assert_eq!(rates.iter().filter(|(_, rate)| rate.is_some()).count(), 1);
    }
}

#[test]
fn the_command_line_stands_in_for_the_file() {
    let overrides = Overrides {
        out: Some("elsewhere".into()),
        bases: vec!["cache/models--org--base/snapshots/abc".into()],
        data: vec!["x/mine.parquet".into()],
        limit: Some(5.0),
        device: Some("cuda:1".to_owned()),
        dpo_is_optional: true,
        ..Overrides::default()
    };
    let sweep = Sweep::parse(Preset::Lima.text(), "lima", Path::new(""), &overrides).unwrap();
    assert_eq!(sweep.cells()[0].folder(), Path::new("org--base/mine/p0-r0.2-s0"));
    assert_eq!((sweep.out.as_path(), sweep.bases.len()), (Path::new("elsewhere"), 1));
    assert_eq!(sweep.evaluate.text("limit"), Some("5"));
    assert_eq!(sweep.train.text("device"), Some("cuda:1"));
}

#[test]
fn a_base_may_have_its_own_learning_rate() {
    let folder = folder();
    let named = SMALL.replace("\"tiny\"", "{ name = \"slow\", path = \"tiny\", learning_rate = 5e-6 }");
    let sweep = read(folder.path(), &named);
    let steps = sweep.steps(&sweep.cells()[0], &mut ContentDigests::default()).unwrap();
    assert!(steps[0].flags.iter().any(|flag| flag == "--learning-rate=0.000005"));
    assert!(!steps[0].flags.iter().any(|flag| flag == "--learning-rate=0.001"));
}

#[test]
fn selections_are_read_and_checked() {
    let picked = |text: &str| {
        let selection: CellSelection = text.parse().unwrap();
        (0..20).filter(|index| selection.contains(*index)).collect::<Vec<_>>()
    };
    assert_eq!(picked("17"), [17]);
    assert_eq!(picked("0..3"), [0, 1, 2]);
    assert_eq!(picked("3, 5,8..10"), [3, 5, 8, 9]);
    for wrong in ["", "x", "5..5", "8..3", "1..", "-1", "1,,2", "18446744073709551615"] {
        assert!(wrong.parse::<CellSelection>().is_err(), "{wrong}");
    }
    let selection: CellSelection = "0..36".parse().unwrap();
    assert_eq!(selection.check(36), Ok(()));
    assert_eq!(selection.check(35), Err(SelectionError::Beyond { index: 35, last: 34 }));
}

#[test]
fn finished_steps_are_not_done_again_and_a_failed_one_is_tried_again() {
    let folder = folder();
    let sweep = read(folder.path(), SMALL);
    let cell = &sweep.cells()[0];
    let mut digests = ContentDigests::default();
    let mut stages = Vec::new();
    let mut failing = |step: &Step| {
        stages.push(step.stage);
        if step.stage == Stage::Evaluate { Err("no such task".to_owned()) } else { pretend(step) }
    };
    let failed = CellOutcome::Failed { error: "evaluate: no such task".to_owned() };
    assert_eq!(sweep.run_cell(cell, &mut digests, &mut failing), failed);
    assert_eq!(sweep.run_cell(cell, &mut digests, &mut failing), failed);
    assert_eq!(stages, [Stage::Train, Stage::Evaluate, Stage::Evaluate], "training is not repeated");
    let steps = sweep.steps(cell, &mut digests).unwrap();
    let standings = CellRecord::read(&sweep.folder(cell)).unwrap().standings(&steps);
    assert_eq!(standings, [Standing::Done, Standing::Failed { error: "no such task".to_owned() }]);
    assert_eq!(CellState::of(&standings), CellState::Failed);

    let outcome = sweep.run_cell(cell, &mut digests, &mut pretend);
    assert_eq!(outcome, CellOutcome::Done { steps: 1 });
    assert_eq!(sweep.run_cell(cell, &mut digests, &mut pretend), CellOutcome::Done { steps: 0 });
    fs::remove_file(sweep.folder(cell).join("checkpoint/wit.json")).unwrap();
    let outcome = sweep.run_cell(cell, &mut digests, &mut pretend);
    assert_eq!(outcome, CellOutcome::Done { steps: 1 }, "a checkpoint that is gone is made again");
}

#[test]
fn a_step_that_leaves_nothing_behind_has_failed() {
    let folder = folder();
    let sweep = read(folder.path(), SMALL);
    let outcome = sweep.run_cell(&sweep.cells()[0], &mut ContentDigests::default(), &mut |_| Ok(1.0));
    assert!(matches!(outcome, CellOutcome::Failed { error } if error.contains("wit.json was not written")));
}

#[test]
fn what_other_settings_made_is_neither_kept_nor_overwritten() {
    let folder = folder();
    let sweep = read(folder.path(), SMALL);
    let cell = &sweep.cells()[0];
    assert_eq!(sweep.run_cell(cell, &mut ContentDigests::default(), &mut pretend), CellOutcome::Done { steps: 2 });
    let other = read(folder.path(), &SMALL.replace("epochs = 2", "epochs = 3"));
    let outcome = other.run_cell(cell, &mut ContentDigests::default(), &mut |_| panic!("nothing may run"));
    assert!(matches!(outcome, CellOutcome::Failed { error } if error.contains("delete it to make it again")));
}

#[test]
fn a_cell_that_another_process_works_on_is_left_to_it() {
    let folder = folder();
    let sweep = read(folder.path(), SMALL);
    let cell = &sweep.cells()[0];
    let lock = RunFolder::at(sweep.folder(cell)).lock().unwrap();
    let mut digests = ContentDigests::default();
    let outcome = sweep.run_cell(cell, &mut digests, &mut |_| panic!("nothing may run"));
    assert_eq!(outcome, CellOutcome::Busy);
    drop(lock);
    assert_eq!(sweep.run_cell(cell, &mut digests, &mut pretend), CellOutcome::Done { steps: 2 });
}

#[test]
fn a_missing_base_and_a_damaged_record_fail_their_cell_with_a_remedy() {
    let folder = folder();
    let sweep = read(folder.path(), SMALL);
    let cell = &sweep.cells()[0];
    fs::create_dir_all(sweep.folder(cell)).unwrap();
    for damaged in ["{", "{\"format\": 2, \"steps\": {}}", "[]"] {
        fs::write(sweep.folder(cell).join("cell.json"), damaged).unwrap();
        let outcome = sweep.run_cell(cell, &mut ContentDigests::default(), &mut |_| panic!("nothing may run"));
        assert!(matches!(&outcome, CellOutcome::Failed { error } if error.contains("cell.json: ")), "{outcome:?}");
    }
    fs::remove_file(folder.path().join("tiny/config.json")).unwrap();
    let outcome = sweep.run_cell(cell, &mut ContentDigests::default(), &mut |_| panic!("nothing may run"));
    assert!(matches!(outcome, CellOutcome::Failed { error } if error.contains("it is no checkpoint")));
}

#[test]
fn what_is_left_is_estimated_from_cells_of_the_same_base_and_data() {
    let folder = folder();
    let sweep = read(folder.path(), SMALL);
    let cells = sweep.cells();
    let mut digests = ContentDigests::default();
    sweep.run_cell(&cells[0], &mut digests, &mut pretend);
    let mut book = CostBook::default();
    book.add(&cells[0], &CellRecord::read(&sweep.folder(&cells[0])).unwrap());
    let mut cost = |cell: &Cell| {
        let steps = sweep.steps(cell, &mut digests).unwrap();
        let standings = CellRecord::read(&sweep.folder(cell)).unwrap().standings(&steps);
        book.cost(&sweep, cell, &steps, &standings)
    };
    assert_eq!(cost(&cells[0]).seconds, Some(0.0));
    assert_eq!(cost(&cells[1]).seconds, Some(4.0));
    assert_eq!(cost(&cells[6]).seconds, None, "nothing is known of the other data set");
    assert!(cost(&cells[1]).tokens.is_some_and(|tokens| tokens > 0.0 && tokens < 2.0), "2 bytes, 2 epochs");
}

#[test]
fn runs_are_found_at_any_depth_but_not_behind_links() {
    let folder = folder();
    let root = folder.path().join("out");
    let run = |path: &str, scored: bool| {
        fs::create_dir_all(root.join(path)).unwrap();
        fs::write(root.join(path).join("run.json"), "{}").unwrap();
        if scored {
            fs::write(root.join(path).join("scores.jsonl"), "").unwrap();
        }
    };
    run("tiny/one/p0-r1-s0/run", true);
    run("tiny/one/p0-r1-s0/run-dpo", true);
    run("tiny/one/p1-r1-s0/run", false);
    run("a/b/c/d/e/run", true);
    run("a/b/c/d/e/f/run", true);
    run(".hidden/run", true);
    run("tiny/one/p0-r1-s0/run/inner/run", true);
    fs::create_dir_all(root.join("tiny/one/p0.4-r0.6-s0")).unwrap();
    fs::write(root.join("tiny/one/p0.4-r0.6-s0/cell.json"), "{}").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&root, root.join("tiny/loop")).unwrap();
    let found = find_runs(&root).unwrap();
    let names: Vec<&str> = found.finished.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a/b/c/d/e", "tiny/one/p0-r1-s0", "tiny/one/p0-r1-s0/run-dpo"]);
    assert_eq!(found.unfinished, [root.join("tiny/one/p0.4-r0.6-s0"), root.join("tiny/one/p1-r1-s0/run")]);
}

#[test]
fn every_key_is_documented() {
    let text = include_str!("../../docs/sweeps.md");
    for key in [TRAIN, DPO_ONLY, EVALUATE].into_iter().flatten() {
        assert!(text.contains(&format!("`{}`", key.name)), "docs/sweeps.md says nothing about {}", key.name);
    }
}

#[test]
fn every_key_of_evaluation_is_read_back_as_its_flag() {
    let text = SMALL.replace(
        "perturbations = \"none\"",
        "perturbations = [\"typo:2\", \"format\"]\napply_chat_template = true\nfewshot_as_multiturn = false\nlimit = 0.5\n\
         num_fewshot = 0\nbatch_size = 8\ninclude_path = [\"a\", \"b\"]\ngen_kwargs = \"temperature=0\"",
    );
    let sweep = plan(&text).unwrap();
    let flags: Vec<_> = sweep.evaluate.to_flags();
    let expected = [
        "--apply-chat-template",
        "--batch-size=8",
        "--fewshot-as-multiturn=false",
        "--gen-kwargs=temperature=0",
        "--include-path=a",
        "--include-path=b",
        "--limit=0.5",
        "--num-fewshot=0",
        "--perturbations=typo:2,format",
        "--tasks=wit_follow,wit_choice",
    ];
    assert_eq!(flags, expected);
}
