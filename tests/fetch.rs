//! Fetching data and checkpoints, against a hub on this machine.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "fetch/parquet_writer.rs"]
mod parquet_writer;
#[path = "fetch/stand_in.rs"]
mod stand_in;

use std::fs;
use std::path::{Path, PathBuf};

use stand_in::{COMMIT, Fault, Hub, sha256};
use tempfile::TempDir;
use wit_eval::hub::{
    Digests, FetchOptions, FetchReport, Fetched, HubError, HubSettings, Sources, Token, checkpoint, fetch,
};

const SECRET: &str = "hf_verysecret";
const REPO: &str = "datasets/org/set";

struct Place {
    hub: Hub,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { hub: Hub::new(), folder: TempDir::new().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn settings(&self) -> HubSettings {
        HubSettings {
            endpoint: self.hub.endpoint.clone(),
            token: Token::new(SECRET),
            ..HubSettings::new(self.folder.path().join("cache"))
        }
    }

    fn fetch_with(&self, sources: &str, settings: &HubSettings, force: bool) -> Result<FetchReport, HubError> {
        let sources = Sources::read("test.toml", sources).unwrap();
        let source = sources.of_task("task").unwrap();
        fetch(&sources, source, &self.data(), settings, FetchOptions { force }, &mut ())
    }

    fn fetch(&self, sources: &str) -> Result<FetchReport, HubError> {
        self.fetch_with(sources, &self.settings(), false)
    }

    fn read(&self, target: &str) -> String {
        fs::read_to_string(self.data().join(target)).unwrap()
    }
}

/// A source of one file, with more keys.
fn one(remote: &str, target: &str, more: &str) -> String {
    of_revision(COMMIT, remote, target, more)
}

fn of_revision(revision: &str, remote: &str, target: &str, more: &str) -> String {
    format!(
        "[lists]\nabc = ['a', 'b']\n[[source]]\nname = 'task'\nabout = ''\nkind = 'dataset'\nrepo = 'org/set'\n\
         revision = '{revision}'\nlicence = 'MIT'\nknown_from = 'test'\n[[source.file]]\nremote = '{remote}'\n\
         target = '{target}'\n{more}\n"
    )
}

fn outcomes(report: &FetchReport) -> Vec<Fetched> {
    report.files.iter().map(|file| file.outcome).collect()
}

fn message(outcome: Result<FetchReport, HubError>) -> String {
    let text = outcome.unwrap_err().to_string();
    assert!(!text.contains(SECRET), "{text}");
    text
}

#[test]
fn a_file_is_fetched_and_recorded_and_fetched_again_without_a_request() {
    let place = Place::new();
    place.hub.add(REPO, "in/rows.jsonl", "{\"a\": 1}\n");
    let sources = one("in/rows.jsonl", "task/rows.jsonl", "");
    assert_eq!(outcomes(&place.fetch(&sources).unwrap()), [Fetched::Written]);
    assert_eq!(place.read("task/rows.jsonl"), "{\"a\": 1}\n");
    let record = &Digests::of(&place.data()).unwrap().files["task/rows.jsonl"];
    assert_eq!(record.sha256, sha256(b"{\"a\": 1}\n"));
    assert_eq!((record.repo.as_str(), record.commit.as_str()), ("org/set", COMMIT));
    assert_eq!(place.hub.asked().len(), 2, "identifier and content");
    assert_eq!(outcomes(&place.fetch(&sources).unwrap()), [Fetched::Unchanged]);
    fs::remove_file(place.data().join("task/rows.jsonl")).unwrap();
    assert_eq!(outcomes(&place.fetch(&sources).unwrap()), [Fetched::Written], "from the cache");
    assert_eq!(place.hub.asked(), [""; 0]);
    let elsewhere = of_revision("main", "in/rows.jsonl", "task/rows.jsonl", "");
    assert_eq!(outcomes(&place.fetch(&elsewhere).unwrap()), [Fetched::Written], "another revision");
    assert_eq!(place.hub.asked().len(), 1, "the identifier alone: the content is in the cache");
}

#[test]
fn a_changed_file_is_noticed_and_replaced_by_force_only() {
    let place = Place::new();
    place.hub.add(REPO, "a.json", "[1]");
    let sources = one("a.json", "a.json", "");
    place.fetch(&sources).unwrap();
    fs::write(place.data().join("a.json"), "[2]").unwrap();
    let text = message(place.fetch(&sources));
    assert!(text.contains("a.json") && text.contains("--force") && text.contains(&sha256(b"[2]")), "{text}");
    assert_eq!(place.read("a.json"), "[2]");
    place.fetch_with(&sources, &place.settings(), true).unwrap();
    assert_eq!(place.read("a.json"), "[1]");
}

#[test]
fn a_wrong_digest_is_refused_and_nothing_is_kept() {
    let place = Place::new();
    place.hub.add(REPO, "a.json", "[1]");
    let wanted = sha256(b"[2]");
    let text = message(place.fetch(&one("a.json", "a.json", &format!("sha256 = '{wanted}'"))));
    assert!(text.contains(&wanted) && text.contains(&sha256(b"[1]")) && text.contains("a.json of"), "{text}");
    assert!(!place.data().join("a.json").exists());
    // Content whose identifier is its digest is held to it.
    place.hub.add(REPO, "b.safetensors", "weights");
    place.hub.fault("b.safetensors", Fault::Forged);
    assert!(message(place.fetch(&one("b.safetensors", "b", ""))).contains("SHA-256"));
    let left = walk(&place.folder.path().join("cache"));
    assert!(left.iter().all(|file| !file.contains("blobs")), "{left:?}");
}

#[test]
fn a_damaged_cache_is_noticed_and_filled_anew() {
    let place = Place::new();
    place.hub.add(REPO, "a.safetensors", "weights");
    let sources = one("a.safetensors", "a", "");
    place.fetch(&sources).unwrap();
    fs::remove_file(place.data().join("a")).unwrap();
    let blob = walk(&place.folder.path().join("cache")).into_iter().find(|file| file.contains("blobs")).unwrap();
    fs::write(blob, "WEIGHTS").unwrap();
    assert!(message(place.fetch(&sources)).contains(&sha256(b"weights")));
    place.fetch(&sources).unwrap();
    assert_eq!(place.read("a"), "weights");
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn an_interrupted_download_continues_where_it_broke_off() {
    let place = Place::new();
    let content = (0..200_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>();
    place.hub.add(REPO, "a.safetensors", content.clone());
    place.hub.fault("a.safetensors", Fault::Cut { after: 300_000, times: 1 });
    let sources = one("a.safetensors", "a.bin", "");
    place.fetch(&sources).unwrap();
    assert_eq!(fs::read(place.data().join("a.bin")).unwrap(), content);
    let asked = place.hub.asked();
    assert!(asked.iter().any(|line| line.ends_with("bytes=300000-")), "{asked:?}");
}

#[test]
fn a_download_that_breaks_off_for_good_says_so_and_the_next_run_continues_it() {
    let place = Place::new();
    let content = vec![7_u8; 100_000];
    place.hub.add(REPO, "a.safetensors", content.clone());
    place.hub.fault("a.safetensors", Fault::Cut { after: 0, times: 100 });
    let sources = one("a.safetensors", "a.bin", "");
    let text = message(place.fetch(&sources));
    assert!(text.contains("0 of 100000 bytes") && text.contains("continues"), "{text}");
    let part = walk(&place.folder.path().join("cache")).into_iter().find(|file| file.ends_with(".incomplete")).unwrap();
    fs::write(&part, &content[..40_000]).unwrap();
    place.hub.fault("a.safetensors", Fault::Cut { after: 0, times: 0 });
    place.hub.asked();
    place.fetch(&sources).unwrap();
    assert!(place.hub.asked().iter().any(|line| line.ends_with("bytes=40000-")));
    assert_eq!(fs::read(place.data().join("a.bin")).unwrap(), content);
}

#[test]
fn a_server_that_sends_the_whole_again_is_understood() {
    let place = Place::new();
    let content = (0..50_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>();
    place.hub.add(REPO, "a.json", content.clone());
    place.hub.fault("a.json", Fault::Cut { after: 1, times: 100 });
    let sources = one("a.json", "a.json", "");
    assert!(message(place.fetch(&sources)).contains("broke off"));
    place.hub.fault("a.json", Fault::NoRanges);
    place.fetch(&sources).unwrap();
    assert_eq!(fs::read(place.data().join("a.json")).unwrap(), content);
}

#[test]
fn a_busy_hub_is_asked_again() {
    let place = Place::new();
    place.hub.add(REPO, "a.json", "[1]");
    place.hub.fault("a.json", Fault::Busy(503, 1));
    assert_eq!(outcomes(&place.fetch(&one("a.json", "a.json", "")).unwrap()), [Fetched::Written]);
}

#[test]
fn refusals_say_what_to_do_and_never_the_token() {
    let place = Place::new();
    place.hub.add(REPO, "a.json", "[1]");
    let refused = |fault: Fault| {
        place.hub.fault("a.json", fault);
        message(place.fetch(&one("a.json", "a.json", "")))
    };
    assert!(refused(Fault::Status(403, "GatedRepo")).contains("accept its terms at"));
    assert!(refused(Fault::Status(401, "")).contains("HF_TOKEN"));
    assert!(refused(Fault::Status(404, "RevisionNotFound")).contains("no such revision"));
    assert!(refused(Fault::Status(418, "")).contains("HF_ENDPOINT"));
    assert!(message(place.fetch(&one("b.json", "b.json", ""))).contains("no such file"));
    assert!(refused(Fault::Size(1 << 40)).contains("more than the"));
    let gone = HubSettings { endpoint: "http://127.0.0.1:9".to_owned(), ..place.settings() };
    let text = message(place.fetch_with(&one("b.json", "b.json", ""), &gone, false));
    assert!(text.contains("HF_HUB_OFFLINE=1"), "{text}");
}

#[test]
fn the_token_goes_to_the_hub_and_to_no_other_host() {
    let place = Place::new();
    place.hub.add(REPO, "a.safetensors", "weights");
    place.fetch(&one("a.safetensors", "a", "")).unwrap();
    let state = place.hub.state.lock().unwrap();
    let (own, other): (Vec<_>, Vec<_>) = state.log.iter().partition(|(path, ..)| !path.starts_with("/elsewhere"));
    assert!(
        !other.is_empty() && other.iter().all(|(_, _, token, host)| token.is_empty() && host.starts_with("localhost"))
    );
    assert!(own.iter().all(|(_, _, token, _)| *token == format!("Bearer {SECRET}")), "{own:?}");
    drop(state);
    let texts = walk(place.folder.path()).into_iter().map(|file| fs::read(file).unwrap_or_default());
    assert!(texts.into_iter().all(|text| !String::from_utf8_lossy(&text).contains(SECRET)));
}

#[test]
fn offline_says_what_to_put_where_and_takes_it_once_it_is_there() {
    let place = Place::new();
    let offline = HubSettings { offline: true, ..place.settings() };
    let digest = sha256(b"[1]");
    let sources = one("{each}.json", "task/{each}.json", "each = 'abc'")
        + &format!("[[source.file]]\nremote='c'\ntarget='c.json'\nsha256='{digest}'\n");
    let text = message(place.fetch_with(&sources, &offline, false));
    for wanted in
        ["3 of the files", "task/a.json", "task/b.json", "a.json of the data set org/set@0123", "c.json", &digest]
    {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    for (file, content) in [("task/a.json", "[7]"), ("task/b.json", "[8]"), ("c.json", "[2]")] {
        fs::create_dir_all(place.data().join("task")).unwrap();
        fs::write(place.data().join(file), content).unwrap();
    }
    assert!(message(place.fetch_with(&sources, &offline, false)).contains("move it away"), "another c.json");
    fs::write(place.data().join("c.json"), "[1]").unwrap();
    assert_eq!(outcomes(&place.fetch_with(&sources, &offline, false).unwrap()), [Fetched::Adopted; 3]);
    assert_eq!(outcomes(&place.fetch_with(&sources, &offline, false).unwrap()), [Fetched::Unchanged; 3]);
    assert_eq!(place.hub.asked(), [""; 0]);
}

#[test]
fn files_that_no_hub_has_are_named_with_their_purpose_and_checked_when_there() {
    let place = Place::new();
    place.hub.add(REPO, "a.json", "[1]");
    let digest = sha256(b"reference");
    let by_hand = format!(
        "[[source.by_hand]]\ntarget='r.jsonl'\norigin='a repository'\npurpose='references'\nsha256='{digest}'\n"
    );
    let sources = one("a.json", "a.json", "") + &by_hand;
    let report = place.fetch(&sources).unwrap();
    assert_eq!(report.by_hand.len(), 1);
    assert!(report.by_hand[0].0.to_string().contains("r.jsonl\n    from a repository"));
    fs::write(place.data().join("r.jsonl"), "other").unwrap();
    assert!(message(place.fetch(&sources)).contains("r.jsonl"));
    fs::write(place.data().join("r.jsonl"), "reference").unwrap();
    let report = place.fetch(&sources).unwrap();
    assert_eq!((outcomes(&report), report.by_hand.len()), (vec![Fetched::Unchanged, Fetched::Adopted], 0));
}

#[test]
fn parquet_becomes_what_the_tasks_read() {
    let place = Place::new();
    let rows =
        [("anatomy, \"quoted\"\nline", "a", ["w", "x", "y", "z"], 2_i64), ("second", "b", ["1", "2", "3", "4"], 0)];
    place.hub.add(REPO, "all.parquet", parquet_writer::mmlu(&rows));
    place.fetch(&one("all.parquet", "mmlu/test/{each}_test.csv", "each = 'abc'\nconvert = 'mmlu_csv'")).unwrap();
    assert_eq!(place.read("mmlu/test/a_test.csv"), "\"anatomy, \"\"quoted\"\"\nline\",w,x,y,z,C\n");
    assert_eq!(place.read("mmlu/test/b_test.csv"), "second,1,2,3,4,A\n");
    place.hub.add(REPO, "bbh.parquet", parquet_writer::pairs("input", "target", &[("not True is", "False")]));
    place.fetch(&one("bbh.parquet", "bbh/x.json", "convert = 'bbh_json'")).unwrap();
    let read: serde_json::Value = serde_json::from_str(&place.read("bbh/x.json")).unwrap();
    assert_eq!(read, serde_json::json!({ "examples": [{ "input": "not True is", "target": "False" }] }));
    place.fetch(&one("bbh.parquet", "x.jsonl", "convert = 'jsonl'")).unwrap();
    assert_eq!(place.read("x.jsonl"), "{\"input\":\"not True is\",\"target\":\"False\"}\n");
}

#[test]
fn parquet_that_is_none_or_of_another_kind_is_refused() {
    let place = Place::new();
    place.hub.add(REPO, "text.parquet", "no such thing at all");
    place.hub.add(REPO, "other.parquet", parquet_writer::pairs("question", "target", &[("q", "t")]));
    let mut broken = parquet_writer::pairs("input", "target", &[("q", "t")]);
    let middle = broken.len() / 2;
    broken[middle - 8..middle + 8].fill(0xff);
    place.hub.add(REPO, "broken.parquet", broken);
    let refused =
        |remote: &str, conversion: &str| message(place.fetch(&one(remote, "x", &format!("convert = '{conversion}'"))));
    assert!(refused("text.parquet", "jsonl").contains("no Parquet file"));
    assert!(refused("other.parquet", "bbh_json").contains("column `input`"));
    assert!(refused("other.parquet", "mmlu_csv").contains("choices"));
    assert!(refused("broken.parquet", "bbh_json").contains("broken.parquet of the data set"));
    let missing = one("other.parquet", "{each}", "each = 'abc'\nconvert = 'mmlu_csv'");
    assert!(place.fetch(&missing).is_err());
}

#[test]
fn identifiers_that_would_lead_out_of_the_cache_are_refused() {
    let place = Place::new();
    place.hub.add(REPO, "a.json", "[1]");
    for etag in ["../../../../stolen", "", "a/b/c/d/e/f", "."] {
        place.hub.fault("a.json", Fault::Etag(etag));
        assert!(message(place.fetch(&one("a.json", "a.json", ""))).contains("identifies no content"), "{etag}");
    }
    fs::create_dir_all(place.data()).unwrap();
    fs::write(place.data().join("digests.json"), "{\"files\": {\"../x\": {\"sha256\": \"\"}}}").unwrap();
    assert!(message(place.fetch(&one("a.json", "a.json", ""))).contains("no relative path"));
}

#[cfg(unix)]
#[test]
fn a_folder_of_the_data_folder_that_is_a_link_out_of_it_is_refused() {
    let place = Place::new();
    place.hub.add(REPO, "a.json", "[1]");
    fs::create_dir_all(place.data()).unwrap();
    let outside = place.folder.path().join("outside");
    fs::create_dir_all(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, place.data().join("task")).unwrap();
    assert!(message(place.fetch(&one("a.json", "task/a.json", ""))).contains("its folder is a link"));
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
}

fn model(hub: &Hub) {
    for (file, content) in [
        ("config.json", "{}"),
        ("tokenizer.json", "{}"),
        ("chat_template.jinja", "{{ messages }}"),
        ("README.md", "not wanted"),
        ("pytorch_model.bin", "not wanted"),
        ("model-1-of-2.safetensors", "first"),
        ("model-2-of-2.safetensors", "second"),
        (
            "model.safetensors.index.json",
            r#"{"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}"#,
        ),
    ] {
        hub.add("org/model", file, content);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    names.sort();
    names
}

#[test]
fn a_checkpoint_is_a_folder_of_the_cache_with_what_is_needed() {
    let place = Place::new();
    model(&place.hub);
    let folder = checkpoint("org/model", &place.settings(), &mut ()).unwrap();
    assert_eq!(folder, place.folder.path().join("cache/models--org--model/snapshots").join(COMMIT));
    let expected = [
        "chat_template.jinja",
        "config.json",
        "model-1-of-2.safetensors",
        "model-2-of-2.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
    ];
    assert_eq!(names(&folder), expected);
    assert_eq!(fs::read_to_string(folder.join("model-2-of-2.safetensors")).unwrap(), "second");
    place.hub.asked();
    checkpoint("org/model", &place.settings(), &mut ()).unwrap();
    assert_eq!(place.hub.asked(), ["/api/models/org/model/revision/main"], "the branch's commit and nothing else");
    assert_eq!(checkpoint(&format!("org/model@{COMMIT}"), &place.settings(), &mut ()).unwrap(), folder);
    let offline = HubSettings { offline: true, ..place.settings() };
    assert_eq!(checkpoint("org/model", &offline, &mut ()).unwrap(), folder);
    assert_eq!(place.hub.asked(), [""; 0]);
    fs::remove_file(folder.join("model-2-of-2.safetensors")).unwrap();
    let text = checkpoint("org/model", &offline, &mut ()).unwrap_err().to_string();
    assert!(text.contains("no model-2-of-2.safetensors") && text.contains(&folder.display().to_string()), "{text}");
    checkpoint(&format!("org/model@{COMMIT}"), &place.settings(), &mut ()).unwrap();
    assert!(folder.join("model-2-of-2.safetensors").is_file());
}

#[test]
fn a_checkpoint_that_cannot_be_had_says_why() {
    let place = Place::new();
    let why = |spec: &str, settings: &HubSettings| {
        let text = checkpoint(spec, settings, &mut ()).unwrap_err().to_string();
        assert!(!text.contains(SECRET), "{text}");
        text
    };
    let settings = place.settings();
    assert!(why("org/none", &settings).contains("does not exist or is private"));
    place.hub.add("org/old", "pytorch_model.bin", "x");
    assert!(why("org/old", &settings).contains("pytorch_model.bin"));
    place.hub.add("org/odd", "config.json", "{}");
    place.hub.add("org/odd", "model.safetensors.index.json", r#"{"weight_map": {"a": "../../x.safetensors"}}"#);
    assert!(why("org/odd", &settings).contains("../../x.safetensors"));
    let offline = HubSettings { offline: true, ..settings };
    let text = why("org/none@v1", &offline);
    assert!(text.contains("models--org--none") && text.contains("config.json"), "{text}");
    assert!(why("none", &offline).contains("organisation/name"));
}

#[test]
fn an_adapter_is_a_checkpoint_too() {
    let place = Place::new();
    place.hub.add("org/adapter", "adapter_config.json", "{}");
    place.hub.add("org/adapter", "adapter_model.safetensors", "x");
    let folder = checkpoint("org/adapter", &place.settings(), &mut ()).unwrap();
    assert_eq!(names(&folder), ["adapter_config.json", "adapter_model.safetensors"]);
    let offline = HubSettings { offline: true, ..place.settings() };
    assert_eq!(checkpoint("org/adapter", &offline, &mut ()).unwrap(), folder);
}

fn program(place: &Place, offline: bool, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wit-eval"));
    command.arg("fetch").args(args).current_dir(place.folder.path());
    for name in ["HF_HUB_CACHE", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"] {
        command.env_remove(name);
    }
    command
        .env("HF_HOME", place.folder.path().join("home"))
        .env("HF_ENDPOINT", &place.hub.endpoint)
        .env("HF_TOKEN", SECRET);
    if offline {
        command.env("HF_HUB_OFFLINE", "1");
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!out.contains(SECRET) && !err.contains(SECRET), "{out}{err}");
    (output.status.code(), out, err)
}

#[test]
fn the_verb_fetches_lists_and_fails_with_its_exit_codes() {
    let place = Place::new();
    let (code, out, _) = program(&place, false, &["--list"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("ifeval") && out.contains("mt_bench") && out.contains("Apache-2.0"), "{out}");
    assert_eq!(program(&place, false, &[]).0, Some(3), "nothing asked for");
    let (code, _, err) = program(&place, true, &["ifeval", "--data", "d"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("d/ifeval/input_data.jsonl") && err.contains("HF_HUB_OFFLINE"), "{err}");
    assert_eq!(program(&place, false, &["hellaswag"]).0, Some(2));
    place.hub.add(REPO, "a.json", "[1]");
    fs::write(place.folder.path().join("own.toml"), one("a.json", "a.json", "")).unwrap();
    let (code, out, err) = program(&place, false, &["task", "--data", "d", "--sources", "own.toml"]);
    assert_eq!((code, out.contains("1 files fetched")), (Some(0), true), "{out}{err}");
    assert!(place.folder.path().join("d/digests.json").is_file());
    model(&place.hub);
    let (code, out, _) = program(&place, false, &["--checkpoint", "org/model", "--quiet"]);
    assert_eq!(code, Some(0));
    assert!(Path::new(out.trim()).join("config.json").is_file(), "{out}");
}
