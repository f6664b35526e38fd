//! The verb, saved baselines, and the action: the shell steps of `action.yml` are run as they stand, with the environment
//! that the service would give them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_yaml_ng::Value;

use crate::runs::TinyRun;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wit-eval");

const BASELINE: TinyRun<'_> = TinyRun { label: "base", task: "anatomy", instances: 400, right: 70 };

/// Folders of runs that a gate compares with [`BASELINE`].
fn folders() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    BASELINE.write(&folder.path().join("baseline"));
    for (name, instances, right) in [("same", 400, 70), ("worse", 400, 50), ("better", 400, 85)] {
        TinyRun { label: name, instances, right, ..BASELINE }.write(&folder.path().join(name));
    }
    TinyRun { instances: 30, ..BASELINE }.write(&folder.path().join("few_base"));
    TinyRun { label: "few", instances: 30, ..BASELINE }.write(&folder.path().join("few"));
    TinyRun { label: "other", task: "geology", ..BASELINE }.write(&folder.path().join("other"));
    folder
}

fn gate(folder: &Path, baseline: &str, candidate: &str, flags: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).env_remove("GITHUB_STEP_SUMMARY");
    command.args(["gate", "--baseline", baseline, "--candidate", candidate]).args(flags);
    command.output().unwrap()
}

fn last_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim_end().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn the_verb_prints_the_verdict_that_its_exit_code_repeats() {
    let folder = folders();
    let at = folder.path();
    for (baseline, candidate, flags, code, words) in [
        ("baseline", "same", &[][..], 0, "gate: unchanged (exit code 0)"),
        ("baseline", "better", &[], 0, "gate: improved (exit code 0)"),
        ("baseline", "worse", &[], 1, "gate: regressed (exit code 1)"),
        ("few_base", "few", &[], 3, "gate: inconclusive (exit code 3)"),
        ("few_base", "few", &["--inconclusive", "pass"], 0, "gate: inconclusive, passed by policy (exit code 0)"),
        ("few_base", "few", &["--inconclusive", "fail"], 1, "gate: inconclusive, failed by policy (exit code 1)"),
        ("few_base", "same", &[], 2, "gate: no verdict: could not compare (exit code 2)"),
        ("baseline", "other", &[], 3, "gate: nothing compared (exit code 3)"),
        ("baseline", "missing", &[], 2, "gate: no verdict: could not compare (exit code 2)"),
    ] {
        let output = gate(at, baseline, candidate, flags);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(last_line(&output), words, "{candidate}: {said}");
        assert_eq!(output.status.code(), Some(code), "{candidate}: {said}");
    }
    for name in ["gate.json", "gate.md", "junit.xml"] {
        assert!(at.join("worse/gate").join(name).is_file(), "{name}");
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_refused_with_its_line() {
    let folder = folders();
    fs::write(folder.path().join("gate.toml"), "[defaults]\nalhpa = 0.05\n").unwrap();
    let output = gate(folder.path(), "baseline", "same", &["--policy", "gate.toml"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("line 2") && said.contains("alhpa"), "{said}");
}

fn program(folder: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM).current_dir(folder).args(args).output().unwrap()
}

#[test]
fn a_saved_baseline_decides_as_its_run_does_and_a_changed_one_is_refused() {
    let folder = folders();
    let at = folder.path();
    let saved = program(at, &["baseline", "save", "baseline", "--out", "kept", "--name", "release 1"]);
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    let document = |name: &str, baseline: &str| {
        assert_eq!(gate(at, baseline, name, &["--output_path", "documents"]).status.code(), Some(1));
        let mut read: Value =
            serde_yaml_ng::from_str(&fs::read_to_string(at.join("documents/gate.json")).unwrap()).unwrap();
        read["baseline"]["run"].take_string()
    };
    let (run, kept) = (document("worse", "baseline"), document("worse", "kept"));
    assert_eq!((run.0.as_str(), kept.0.as_str()), ("baseline", "release 1"));
    assert_eq!(run.1, kept.1, "POSIX included");
    let size = |name: &str| fs::metadata(at.join(name).join("responses.jsonl")).unwrap().len();
    assert!(size("kept") < size("baseline") / 2 && size("kept") > 0);
    let shown = program(at, &["baseline", "show", "kept"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("release 1"));

    let again = program(at, &["baseline", "save", "worse", "--out", "kept"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--overwrite"));
    let foreign = program(at, &["baseline", "save", "worse", "--out", "same", "--overwrite"]);
    assert_eq!(foreign.status.code(), Some(2), "only a baseline is replaced");
    assert!(program(at, &["baseline", "save", "worse", "--out", "kept", "--overwrite"]).status.success());
    assert_eq!(gate(at, "kept", "worse", &[]).status.code(), Some(0), "the baseline is the new one");
    let beside = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    assert!(!beside.into_iter().any(|name| name.contains("partial") || name.contains(".old")));

    let scores = at.join("kept/scores.jsonl");
    let text = fs::read_to_string(&scores).unwrap();
    fs::write(&scores, text.replacen("\"credit\":0.0", "\"credit\":1.0", 1)).unwrap();
    let output = gate(at, "kept", "same", &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("scores.jsonl was changed"), "{said}");
    fs::write(&scores, text).unwrap();
    fs::write(at.join("kept/judging.json"), "{}").unwrap();
    assert_eq!(program(at, &["baseline", "show", "kept"]).status.code(), Some(2), "nor may a file be added");
}

#[test]
fn nothing_is_added_to_a_saved_baseline() {
    let folder = folders();
    let at = folder.path();
    assert!(program(at, &["baseline", "save", "baseline", "--out", "kept"]).status.success());
    fs::write(at.join("kept/.lock"), "").unwrap();
    assert!(program(at, &["baseline", "show", "kept"]).status.success(), "an empty lock says nothing");
    for output in ["kept", "kept/gate", "same/../kept/new/gate"] {
        let refused = gate(at, "kept", "same", &["--output_path", output]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains("another --output_path"), "{said}");
    }
    for (name, text) in [("judgments.jsonl", "{}"), ("notes.txt", ""), (".lock", "x")] {
        fs::write(at.join("kept").join(name), text).unwrap();
        let refused = gate(at, "kept", "same", &[]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(name) && said.contains("not listed") && said.contains("remove it"), "{said}");
        fs::remove_file(at.join("kept").join(name)).unwrap();
    }
    assert_eq!(gate(at, "kept", "same", &[]).status.code(), Some(0));
    let none = program(at, &["baseline", "show", "same"]);
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(none.status.code() == Some(2) && said.contains("baseline save RUN --out DIR"), "{said}");
}

#[test]
fn no_earlier_gate_stands_where_this_one_has_no_verdict() {
    let folder = folders();
    let at = folder.path();
    let documents = ["gate.json", "gate.md", "junit.xml"].map(|name| at.join("out").join(name));
    for (baseline, candidate, code) in [("few_base", "same", 2), ("baseline", "other", 3), ("missing", "same", 2)] {
        assert_eq!(gate(at, "baseline", "same", &["--output_path", "out"]).status.code(), Some(0));
        assert!(documents.iter().all(|path| path.is_file()));
        fs::write(at.join("out/other.txt"), "kept").unwrap();
        assert_eq!(gate(at, baseline, candidate, &["--output_path", "out"]).status.code(), Some(code));
        assert!(!documents.iter().any(|path| path.exists()), "{baseline} {candidate}");
        assert!(at.join("out/other.txt").is_file(), "nothing else is removed");
    }
}

#[test]
fn a_summary_that_cannot_be_written_leaves_the_verdict() {
    let folder = folders();
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder.path()).env("GITHUB_STEP_SUMMARY", folder.path());
    let output = command.args(["gate", "--baseline", "few_base", "--candidate", "few"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("summary was not written"), "{said}");
    assert_eq!(last_line(&output), "gate: inconclusive (exit code 3)");
}

#[test]
fn a_margin_that_no_share_can_have_is_refused() {
    let folder = folders();
    for (margin, words) in [("2", "2 is no margin of a share; write 0.02"), ("-0.1", "a margin is a number from 0 up")]
    {
        let output = gate(folder.path(), "baseline", "same", &["--margin", margin]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
    }
    fs::write(folder.path().join("gate.toml"), "[defaults.margin]\nspread = 2\n").unwrap();
    let output = gate(folder.path(), "baseline", "same", &["--policy", "gate.toml"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(2) && said.contains("line 2") && said.contains("no margin of a share"),
        "{said}"
    );
}

/// Takes the baseline's name out of a document, so that the rest can be compared.
trait TakeString {
    fn take_string(&mut self) -> (String, Value);
}

impl TakeString for Value {
    fn take_string(&mut self) -> (String, Value) {
        let text = self.as_str().unwrap_or_default().to_owned();
        *self = Value::Null;
        (text, self.clone())
    }
}

#[derive(Deserialize)]
struct Action {
    inputs: BTreeMap<String, Input>,
    runs: Steps,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    default: String,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
struct Steps {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    id: String,
    #[serde(rename = "if", default)]
    condition: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    run: Option<String>,
    uses: Option<String>,
}

fn read<T: for<'de> Deserialize<'de>>(path: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github").join(path);
    serde_yaml_ng::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A runner of composite actions: as much of one as this action needs.
struct Runner {
    folder: PathBuf,
    inputs: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
    log: String,
}

impl Runner {
    fn new(folder: &Path, action: &Action, given: &[(&str, &str)]) -> Self {
        let mut inputs: BTreeMap<_, _> =
            action.inputs.iter().map(|(name, input)| (name.clone(), input.default.clone())).collect();
        for (name, value) in given {
            assert!(inputs.insert((*name).to_owned(), (*value).to_owned()).is_some(), "`{name}` is no input");
        }
        let lacking = action.inputs.iter().find(|(name, input)| input.required && inputs[*name].is_empty());
        assert!(lacking.is_none(), "a required input is missing");
        Self { folder: folder.to_owned(), inputs, outputs: BTreeMap::new(), log: String::new() }
    }

    /// The value of `${{ inputs.x }}`, `${{ steps.x.outputs.y }}` or `${{ github.action_path }}`.
    fn expression(&self, text: &str) -> String {
        let Some(inner) = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")) else {
            assert!(!text.contains("${{"), "not an expression alone: {text}");
            return text.to_owned();
        };
        if let Some(name) = inner.strip_prefix("inputs.") {
            return self.inputs[name].clone();
        }
        if inner == "github.action_path" {
            return concat!(env!("CARGO_MANIFEST_DIR"), "/.github/actions/wit-eval-gate").to_owned();
        }
        let (step, output) = inner.strip_prefix("steps.").unwrap().split_once(".outputs.").unwrap();
        self.outputs.get(&format!("{step}.{output}")).cloned().unwrap_or_default()
    }

    fn applies(&self, condition: &str) -> bool {
        condition.is_empty() || {
            let name = condition.strip_prefix("inputs.").and_then(|rest| rest.strip_suffix(" == ''")).unwrap();
            self.inputs[name].is_empty()
        }
    }

    /// Runs the shell steps in order, up to the first that fails; answers its exit code.
    fn run(&mut self, action: &Action) -> i32 {
        let (output, summary) = (self.folder.join("github_output"), self.folder.join("github_summary"));
        for step in action.runs.steps.iter().filter(|step| step.uses.is_none()) {
            if !self.applies(&step.condition) {
                continue;
            }
            let script = step.run.as_deref().expect("a step runs or uses something");
            fs::write(&output, "").unwrap();
            let mut command = Command::new("bash");
            command.args(["--noprofile", "--norc", "-c", script]).current_dir(&self.folder);
            command.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary);
            command.envs(step.env.iter().map(|(name, value)| (name, self.expression(value))));
            let done = command.output().unwrap();
            self.log += &String::from_utf8_lossy(&done.stdout);
            self.log += &String::from_utf8_lossy(&done.stderr);
            for line in fs::read_to_string(&output).unwrap().lines() {
                let (name, value) = line.split_once('=').expect("NAME=VALUE");
                self.outputs.insert(format!("{}.{name}", step.id), value.to_owned());
            }
            if !done.status.success() {
                return done.status.code().unwrap_or(-1);
            }
        }
        0
    }

    fn summary(&self) -> String {
        fs::read_to_string(self.folder.join("github_summary")).unwrap_or_default()
    }
}

fn has_bash() -> bool {
    let found = Command::new("bash").arg("--version").output().is_ok();
    if !found {
        println!("skipped: there is no bash");
    }
    found
}

#[test]
fn the_actions_own_steps_give_exit_code_summary_and_annotations() {
    if !has_bash() {
        return;
    }
    let action: Action = read("actions/wit-eval-gate/action.yml");
    for (candidate, code, kind) in [("same", 0, "notice"), ("worse", 1, "error"), ("missing", 2, "error")] {
        let folder = folders();
        let given = [("binary", PROGRAM), ("baseline", "baseline"), ("candidate", candidate), ("output", "out folder")];
        let mut runner = Runner::new(folder.path(), &action, &given);
        assert_eq!(runner.run(&action), code, "{}", runner.log);
        assert_eq!(runner.outputs["gate.exit-code"], code.to_string());
        let verdicts = runner.log.lines().filter(|line| line.starts_with("::")).collect::<Vec<_>>();
        assert!(verdicts.last().unwrap().starts_with(&format!("::{kind} title=gate::gate: ")), "{}", runner.log);
        assert!(runner.log.contains(&format!("(exit code {code})")), "{}", runner.log);
        let written = code != 2;
        assert_eq!(runner.summary().contains("## Gate: "), written, "{}", runner.summary());
        assert_eq!(folder.path().join("out folder/gate/junit.xml").is_file(), written);
    }
}

#[test]
fn flags_come_one_a_line_and_the_policy_reaches_the_gate() {
    if !has_bash() {
        return;
    }
    let action: Action = read("actions/wit-eval-gate/action.yml");
    let folder = folders();
    fs::write(folder.path().join("strict policy.toml"), "inconclusive = \"fail\"\n").unwrap();
    let given = [
        ("binary", PROGRAM),
        ("baseline", "few_base"),
        ("candidate", "few"),
        ("policy", "strict policy.toml"),
        ("gate-args", "--alpha=0.01\n\n--quiet\n"),
    ];
    let mut runner = Runner::new(folder.path(), &action, &given);
    assert_eq!(runner.run(&action), 1, "{}", runner.log);
    assert!(runner.log.contains("failed by policy") && runner.summary().contains("at most 0.01"), "{}", runner.log);
}

#[test]
fn no_input_can_reach_a_shell_as_code() {
    if !has_bash() {
        return;
    }
    let action: Action = read("actions/wit-eval-gate/action.yml");
    for step in &action.runs.steps {
        assert!(!step.run.as_deref().unwrap_or_default().contains("${{"), "inputs go through the environment only");
    }
    let folder = folders();
    let evil = "x\"; touch owned; $(touch owned) `touch owned` '; touch owned #";
    for name in ["baseline", "candidate", "policy", "gate-args", "output", "tasks", "args", "checkpoint"] {
        let mut given = vec![("binary", PROGRAM), ("baseline", "baseline"), ("candidate", "same")];
        given.retain(|(given, _)| *given != name);
        given.push((name, evil));
        Runner::new(folder.path(), &action, &given).run(&action);
        assert!(!folder.path().join("owned").exists(), "{name}");
    }
    let given = [("binary", PROGRAM), ("baseline", "baseline"), ("checkpoint", evil), ("tasks", evil), ("args", evil)];
    assert_ne!(Runner::new(folder.path(), &action, &given).run(&action), 0);
    assert!(!folder.path().join("owned").exists());
}

#[test]
fn a_job_without_candidate_or_checkpoint_is_told_so() {
    if !has_bash() {
        return;
    }
    let action: Action = read("actions/wit-eval-gate/action.yml");
    let folder = folders();
    let mut runner = Runner::new(folder.path(), &action, &[("binary", PROGRAM), ("baseline", "baseline")]);
    assert_eq!(runner.run(&action), 2);
    assert!(runner.log.contains("give either checkpoint or candidate"));
}

#[test]
fn the_workflows_name_the_action_its_inputs_and_the_checks_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let action: Action = read("actions/wit-eval-gate/action.yml");
    let example: Value = read("workflows/gate.yml");
    let step = &example["jobs"]["gate"]["steps"][1];
    assert!(root.join(step["uses"].as_str().unwrap()).join("action.yml").is_file());
    let given = step["with"].as_mapping().unwrap();
    for (name, value) in given {
        assert!(action.inputs.contains_key(name.as_str().unwrap()), "{name:?} is no input");
        if name == "policy" {
            assert!(root.join(value.as_str().unwrap()).is_file());
        }
    }
    let ci: Value = read("workflows/ci.yml");
    let steps = ci["jobs"]["check"]["steps"].as_sequence().unwrap();
    let run = steps.last().unwrap()["run"].as_str().unwrap();
    assert!(root.join(run.trim()).is_file(), "{run}");
}
