//! Damaged, forged and misplaced checkpoint folders: each is refused with the file and the key at fault, none panics,
//! none leads out of its folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wit_eval::model::checkpoint::{Checkpoint, CheckpointOptions};
use wit_eval::model::tokens::{DeclaredIds, TextTokenizer};
use wit_eval::model::weights::Weights;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A safetensors file of this header and this many bytes of data.
fn safetensors(header: &str, data_bytes: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend(std::iter::repeat_n(0_u8, data_bytes));
    file
}

fn tensor(name: &str, shape: &str, start: i64, end: i64) -> String {
    format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}"#)
}

fn put(dir: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(dir.join(name), content).unwrap();
}

fn refusal(dir: &Path) -> String {
    match Weights::open(dir) {
        Ok(_) => panic!("{} was accepted", dir.display()),
        Err(error) => error.to_string(),
    }
}

/// Asserts that `model.safetensors` of these bytes is refused in words that hold all of `words`.
fn assert_file_refused(bytes: impl AsRef<[u8]>, words: &[&str]) {
    let dir = folder();
    put(dir.path(), "model.safetensors", bytes);
    let text = refusal(dir.path());
    for word in words.iter().chain(&["model.safetensors"]) {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn headers_that_lie_are_refused_by_file_and_tensor() {
    let t = |shape, start, end| format!("{{{}}}", tensor("w", shape, start, end));
    assert_file_refused(b"", &["0 bytes", "fetch"]);
    assert_file_refused([1, 0, 0, 0, 0, 0, 0], &["7 bytes"]);
    assert_file_refused(u64::MAX.to_le_bytes(), &["claims 18446744073709551615 bytes"]);
    assert_file_refused(9_u64.to_le_bytes(), &["claims 9 bytes"]);
    assert_file_refused(safetensors("hello", 0), &["header is not valid"]);
    assert_file_refused(safetensors("[1]", 0), &["object that maps tensor names"]);
    assert_file_refused(safetensors(&"[".repeat(100_000), 0), &["header is not valid"]);
    assert_file_refused(safetensors(&format!(r#"{{"w":{}}}"#, "[".repeat(100_000)), 0), &["`w`"]);
    assert_file_refused(safetensors(r#"{"w":{"shape":[1],"data_offsets":[0,4]}}"#, 4), &["`w`", "dtype"]);
    assert_file_refused(safetensors(r#"{"w":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}"#, 4), &["`w`", "`F31`"]);
    assert_file_refused(safetensors(&t("[1]", -4, 0), 4), &["`w`", "-4"]);
    assert_file_refused(safetensors(&t("[1.5]", 0, 4), 4), &["`w`", "1.5"]);
    assert_file_refused(safetensors(&t("[1]", 4, 0), 4), &["`w`", "starts at 4 after its end 0"]);
    assert_file_refused(safetensors(&t("[2]", 0, 8), 4), &["`w`", "beyond the 4 bytes"]);
    assert_file_refused(safetensors(&t("[1]", i64::MAX - 4, i64::MAX), 4), &["`w`", "beyond"]);
    assert_file_refused(safetensors(&t("[3]", 0, 8), 8), &["`w`", "[3]", "cannot have 8 bytes"]);
    let huge = "[4294967296,4294967296,4294967296]";
    assert_file_refused(safetensors(&t(huge, 0, 8), 8), &["`w`", "cannot have 8 bytes"]);
    assert_file_refused(safetensors(&t("[1]", 0, 4), 9), &["5 bytes", "no tensor"]);
    assert_file_refused(safetensors(&t("[1]", 4, 8), 8), &["`w`", "gap of 4 bytes"]);
    let two = |second: String| format!("{{{},{second}}}", tensor("a", "[2]", 0, 8));
    assert_file_refused(safetensors(&two(tensor("b", "[1]", 4, 8)), 8), &["`b`", "overlaps tensor `a`"]);
    assert_file_refused(safetensors(&two(tensor("b", "[1]", 12, 16)), 16), &["`b`", "gap of 4 bytes"]);
    assert_file_refused(safetensors(&two(tensor("a", "[1]", 8, 12)), 12), &["`a`", "twice"]);
}

#[test]
fn a_tensor_asked_for_wrongly_is_named_with_both_shapes() {
    let dir = folder();
    let header = r#"{"__metadata__":{"format":"pt"},"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},
        "w":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]}}"#;
    put(dir.path(), "model.safetensors", safetensors(header, 16));
    let weights = Weights::open(dir.path()).unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["ids", "w"]);
    assert_eq!(weights.to_f32("w", &[2, 1]).unwrap(), [0.0, 0.0]);
    let text = |name, shape: &[usize]| weights.to_f32(name, shape).unwrap_err().to_string();
    assert!(
        text("w", &[1, 2]).contains("model.safetensors: tensor `w` has shape [2, 1] where config.json asks for [1, 2]")
    );
    assert!(text("v", &[3]).contains("no tensor `v` of shape [3]"));
    assert!(text("ids", &[1]).contains("`ids` is stored as I64"));
}

const INDEX: &str = "model.safetensors.index.json";

fn shard(dir: &Path, name: &str, tensors: &[&str]) {
    let entries: Vec<String> =
        (0_i64..).zip(tensors).map(|(at, name)| tensor(name, "[1]", at * 4, at * 4 + 4)).collect();
    put(dir, name, safetensors(&format!("{{{}}}", entries.join(",")), tensors.len() * 4));
}

fn assert_index_refused(weight_map: &str, words: &[&str]) {
    let dir = folder();
    shard(dir.path(), "a.safetensors", &["one", "two"]);
    shard(dir.path(), "b.safetensors", &["two"]);
    put(dir.path(), INDEX, format!(r#"{{"weight_map": {weight_map}}}"#));
    let text = refusal(dir.path());
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn an_index_may_only_name_files_of_its_own_folder() {
    let outside = folder();
    shard(outside.path(), "x.safetensors", &["one"]);
    let absolute = outside.path().join("x.safetensors");
    for name in [absolute.to_str().unwrap(), "../x.safetensors", "./a.safetensors", "sub/a.safetensors", "..", ""] {
        assert_index_refused(&format!(r#"{{"one": "{name}"}}"#), &[INDEX, "`one`", name, "not a plain file name"]);
    }
    assert_index_refused(r#"{"one": "a.bin"}"#, &[INDEX, "`one`", "`a.bin`", "not a .safetensors file"]);
}

#[test]
fn an_index_that_its_shards_contradict_is_refused() {
    assert_index_refused(r#"{"one": "c.safetensors"}"#, &[INDEX, "`one`", "`c.safetensors`", "not in the folder"]);
    assert_index_refused(r#"{"three": "a.safetensors"}"#, &[INDEX, "`three`", "`a.safetensors`", "does not hold it"]);
    let both = r#"{"one": "a.safetensors", "two": "b.safetensors"}"#;
    assert_index_refused(both, &["`two`", "a.safetensors", "b.safetensors"]);
    assert_index_refused(r#"{"one": "a.safetensors", "one": "a.safetensors"}"#, &[INDEX, "`one` twice"]);
    assert_index_refused("{}", &[INDEX, "empty"]);
    assert_index_refused("[]", &[INDEX, "weight_map"]);
    assert_index_refused(r#"{"one": 5}"#, &[INDEX, "`one`", "1:"]);
    assert_index_refused(&"[".repeat(100_000), &[INDEX]);
}

#[cfg(unix)]
#[test]
fn a_shard_that_links_out_of_the_folder_is_refused_but_a_download_cache_loads() {
    use std::os::unix::fs::symlink;
    let root = folder();
    let elsewhere = root.path().join("elsewhere");
    let repository = root.path().join("models--org--name");
    let snapshot = repository.join("snapshots/0123");
    let plain = root.path().join("plain");
    for dir in [&elsewhere, &snapshot, &repository.join("blobs"), &plain] {
        fs::create_dir_all(dir).unwrap();
    }
    shard(&elsewhere, "secret.safetensors", &["one"]);
    shard(&repository.join("blobs"), "abcd", &["one"]);
    let map = r#"{"weight_map": {"one": "s.safetensors"}}"#;
    put(&plain, INDEX, map);
    symlink("../elsewhere/secret.safetensors", plain.join("s.safetensors")).unwrap();
    let text = refusal(&plain);
    assert!(text.contains(INDEX) && text.contains("`one`") && text.contains("leads out of the folder"), "{text}");

    put(&snapshot, INDEX, map);
    symlink("../../blobs/abcd", snapshot.join("s.safetensors")).unwrap();
    assert!(Weights::open(&snapshot).unwrap().contains("one"));
    fs::remove_file(snapshot.join(INDEX)).unwrap();
    fs::rename(snapshot.join("s.safetensors"), snapshot.join("model.safetensors")).unwrap();
    assert!(Weights::open(&snapshot).unwrap().contains("one"));
    fs::remove_file(repository.join("blobs/abcd")).unwrap();
    assert!(refusal(&snapshot).contains("model.safetensors: cannot be read"));
}

#[test]
fn a_folder_without_safetensors_says_what_to_do() {
    let cases = [
        ("pytorch_model.bin", "convert it to safetensors"),
        ("adapter_config.json", "merge it into its base model"),
        ("README.md", "fetch the weights"),
    ];
    for (file, remedy) in cases {
        let dir = folder();
        put(dir.path(), file, "");
        let text = refusal(dir.path());
        assert!(text.contains("no model.safetensors") && text.contains(remedy), "{text}");
    }
    assert!(refusal(Path::new("no/such/folder")).contains("there is no such folder"));
    let dir = folder();
    fs::create_dir(dir.path().join("model.safetensors")).unwrap();
    assert!(refusal(dir.path()).contains("model.safetensors: is not a regular file"));
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_does_not_hang() {
    let dir = folder();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("model.safetensors")).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system has no mkfifo");
        return;
    }
    assert!(refusal(dir.path()).contains("is not a regular file"));
}

fn fixtures() -> Option<PathBuf> {
    let dir = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let dir = PathBuf::from(dir);
    if !dir.is_dir() {
        eprintln!("skipped: {} is not there; set WIT_EVAL_FIXTURES", dir.display());
        return None;
    }
    Some(dir)
}

#[test]
fn a_real_checkpoint_cut_off_anywhere_in_its_header_is_refused() {
    let Some(fixtures) = fixtures() else { return };
    let whole = fs::read(fixtures.join("models/llama3_tied/model.safetensors")).unwrap();
    let header_bytes = usize::try_from(u64::from_le_bytes(whole[..8].try_into().unwrap())).unwrap();
    let dir = folder();
    let data_cuts = [8 + header_bytes + 1, whole.len() / 2, whole.len() - 1];
    for cut in (0..=8 + header_bytes).chain(data_cuts) {
        put(dir.path(), "model.safetensors", &whole[..cut]);
        let text = refusal(dir.path());
        assert!(text.contains("model.safetensors"), "{text}");
    }
    put(dir.path(), "model.safetensors", &whole);
    assert!(Weights::open(dir.path()).is_ok());
}

#[test]
fn a_header_with_any_byte_changed_gives_tensors_inside_the_file_or_an_error() {
    let header = format!("{{{},{}}}", tensor("a", "[2,1]", 0, 8), tensor("b", "[3]", 8, 20));
    let whole = safetensors(&header, 20);
    let dir = folder();
    let mut refused = 0;
    for at in 0..8 + header.len() {
        for other in [0_u8, b'0', b'9', b'"', b',', b'[', b'}', 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = other;
            put(dir.path(), "model.safetensors", &bytes);
            match Weights::open(dir.path()) {
                Ok(weights) => {
                    for name in weights.names() {
                        assert!(weights.raw(name).is_some_and(|raw| raw.bytes.len() <= 20));
                    }
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > header.len(), "only {refused} changes were noticed");
}

/// A folder with a good model in it, some of its files replaced.
fn checkpoint_with(replaced: &[(&str, &[u8])]) -> Option<TempDir> {
    let from = fixtures()?.join("models/llama3_tied");
    let dir = folder();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        put(dir.path(), file, fs::read(from.join(file)).unwrap());
    }
    for (name, content) in replaced {
        put(dir.path(), name, content);
    }
    Some(dir)
}

fn assert_checkpoint_refused(file: &str, content: &str, words: &[&str]) {
    let Some(dir) = checkpoint_with(&[(file, content.as_bytes())]) else { return };
    let text = Checkpoint::open(dir.path(), &CheckpointOptions::default()).unwrap_err().to_string();
    for word in words.iter().chain(&[file]) {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn small_files_that_are_wrong_are_refused_by_name_line_and_key() {
    let deep = "[".repeat(200_000);
    for file in
        ["config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "wit.json"]
    {
        assert_checkpoint_refused(file, "{", &["1:"]);
        assert_checkpoint_refused(file, &deep, &["1:"]);
        assert_checkpoint_refused(file, &format!(r#"{{"unheard_of": {deep}"#), &["1:"]);
    }
    assert_checkpoint_refused("generation_config.json", r#"{"eos_token_id": "x"}"#, &["token id"]);
    assert_checkpoint_refused("generation_config.json", r#"{"eos_token_id": -1}"#, &["token id"]);
    assert_checkpoint_refused("tokenizer_config.json", r#"{"bos_token": 5}"#, &["token must be a string"]);
    assert_checkpoint_refused("chat_template.jinja", "a\n{% for %}", &[":2:"]);
    let wit = |fields: &str, words: &[&str]| assert_checkpoint_refused("wit.json", &format!("{{{fields}}}"), words);
    wit(r#""lambda_p": 1, "lambda_r": 1"#, &["format"]);
    wit(r#""format": 2"#, &["format 2 is not known"]);
    wit(r#""format": 1, "lambda_p": 1.5, "lambda_r": 1"#, &["lambda_p", "1.5"]);
    wit(r#""format": 1, "lambda_p": 0, "lambda_r": 0"#, &["both 0"]);
    wit(r#""format": 1, "lambda_p": 0.4"#, &["go together"]);
    wit(
        r#""format": 1, "lambda_p": 0.4, "lambda_r": 1, "weighting": {"prompt": 0, "response": 1}"#,
        &["weighting differs"],
    );
    wit(r#""format": 1, "data_digest": "abc""#, &["data_digest", "`abc`"]);
    wit(r#""format": 1, "stage": "rlhf""#, &["rlhf"]);
    wit(r#""format": 1, "steps": -3"#, &["-3"]);
}

#[test]
fn configuration_cut_off_anywhere_is_refused_by_file_and_line() {
    for name in ["config.json", "tokenizer_config.json", "generation_config.json"] {
        let Some(fixtures) = fixtures() else { return };
        let whole = fs::read_to_string(fixtures.join("models/llama3_tied").join(name)).unwrap();
        let end = whole.trim_end().len();
        for cut in (0..end).step_by(13).chain([end - 1]) {
            assert_checkpoint_refused(name, &whole[..cut], &[".json:"]);
        }
    }
}

#[test]
fn files_too_large_or_missing_are_refused_unread() {
    let Some(dir) = checkpoint_with(&[]) else { return };
    let open = || Checkpoint::open(dir.path(), &CheckpointOptions::default()).map(drop).map_err(|e| e.to_string());
    let oversized = |name: &str, bytes: u64| {
        let path = dir.path().join(name);
        let before = fs::read(&path).unwrap();
        // A sparse file: its length costs no disk.
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes).unwrap();
        let text = open().unwrap_err();
        assert!(text.contains(name) && text.contains("more than"), "{text}");
        fs::write(&path, before).unwrap();
    };
    oversized("config.json", (16 << 20) + 1);
    oversized("tokenizer_config.json", (16 << 20) + 1);
    oversized("tokenizer.json", (512 << 20) + 1);
    open().unwrap();
    for (name, word) in [("tokenizer.json", "no tokenizer.json"), ("config.json", "no config.json")] {
        fs::remove_file(dir.path().join(name)).unwrap();
        assert!(open().unwrap_err().contains(word));
    }
}

fn tokenizer_refusal(tokenizer_json: &[u8]) -> Option<String> {
    let dir = folder();
    put(dir.path(), "tokenizer.json", tokenizer_json);
    TextTokenizer::open(dir.path(), DeclaredIds::default()).err().map(|error| error.to_string())
}

#[test]
fn a_tokenizer_cut_off_anywhere_is_refused() {
    let Some(fixtures) = fixtures() else { return };
    let whole = fs::read(fixtures.join("tokenizers/bpe_sp/tokenizer.json")).unwrap();
    assert_eq!(tokenizer_refusal(&whole), None);
    let end = whole.trim_ascii_end().len();
    for cut in (0..end).step_by(end / 150).chain([1, 2, end - 1]) {
        let text = tokenizer_refusal(&whole[..cut]).unwrap_or_else(|| panic!("{cut} bytes were accepted"));
        assert!(text.contains("tokenizer.json"), "{text}");
    }
}

#[test]
fn tokenizers_made_to_break_the_library_are_refused_or_fail_as_an_error() {
    let with = |normalizer: &str, model: &str| {
        format!(
            r#"{{"version":"1.0","added_tokens":[],"normalizer":{normalizer},"pre_tokenizer":null,"post_processor":null,
            "decoder":null,"model":{model}}}"#
        )
    };
    let empty = r#"{"type":"BPE","vocab":{},"merges":[]}"#;
    let cases = [
        with("null", r#"{"type":"BPE","vocab":{"a":0},"merges":["a b"]}"#),
        with("null", r#"{"type":"BPE","vocab":{"a":4294967295},"merges":[]}"#),
        with("null", r#"{"type":"WordLevel","vocab":{"a":0},"unk_token":"<unk>"}"#),
        with("null", r#"{"type":"Unigram","unk_id":9,"vocab":[["a",0.0]]}"#),
        with(r#"{"type":"Precompiled","precompiled_charsmap":"////////////"}"#, empty),
        with(r#"{"type":"Replace","pattern":{"Regex":"(("},"content":"x"}"#, empty),
        with(r#"{"type":"Replace","pattern":{"String":""},"content":"x"}"#, empty),
        with(&format!("{}null{}", r#"{"type":"Sequence","normalizers":["#.repeat(50_000), "]}".repeat(50_000)), empty),
        with("null", r#"{"type":"Unheard"}"#),
        "[".repeat(100_000),
    ];
    for case in cases {
        let dir = folder();
        put(dir.path(), "tokenizer.json", &case);
        // Whatever the library makes of it: no panic gets out, and a refusal names the file.
        match TextTokenizer::open(dir.path(), DeclaredIds::default()) {
            Err(error) => assert!(error.to_string().contains("tokenizer.json"), "{error}"),
            Ok(tokenizer) => {
                let ids = tokenizer.encode("a b \u{e9}\u{1f600}", true).unwrap_or_default();
                let _ = tokenizer.decode(&ids, false);
                let _ = tokenizer.decode(&[0, 1, u32::MAX], true);
            }
        }
    }
}

#[test]
fn a_declared_token_that_the_vocabulary_lacks_gets_the_next_free_id() {
    let Some(fixtures) = fixtures() else { return };
    let dir = folder();
    put(dir.path(), "tokenizer.json", fs::read(fixtures.join("tokenizers/bpe_sp/tokenizer.json")).unwrap());
    put(dir.path(), "tokenizer_config.json", r#"{"eos_token": "<|elsewhere|>"}"#);
    let tokenizer = TextTokenizer::open(dir.path(), DeclaredIds::default()).unwrap();
    // As in transformers: a declared token that the vocabulary lacks gets the next free id.
    assert_eq!(tokenizer.eos_id().map(|id| id as usize + 1), Some(tokenizer.vocab_size()));
}
