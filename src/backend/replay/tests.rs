//! Recording and replaying with a scripted model.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::backend::{BackendError, LanguageModel, ScriptedModel};
use crate::chat::{Message, Role};
use crate::request::{Decoding, Prompt, Request};
use crate::response::{FinishReason, Generation, Response};

fn question(text: &str) -> Request {
    let messages = vec![Message::new(Role::System, "Judge the answer."), Message::new(Role::User, text)];
    let prompt = Prompt::Chat { messages, assistant_prefix: String::new() };
    Request::Generate { prompt, decoding: Decoding::greedy(8) }
}

fn generated(text: &str) -> Response {
    let (text, finish) = (text.to_owned(), FinishReason::EndToken);
    Response::Generated(Generation { text, token_ids: Vec::new(), finish, prompt_tokens_cut: 0 })
}

/// Answers with the number of its calls, so that a second asking shows.
fn counting(name: &str) -> ScriptedModel<impl Fn(&Request) -> Response> {
    let calls = AtomicUsize::new(0);
    ScriptedModel::new(name, move |_| generated(&calls.fetch_add(1, Ordering::Relaxed).to_string()))
}

fn ask(model: &dyn LanguageModel, requests: &[Request]) -> Result<Vec<Option<Response>>, BackendError> {
    let answers = RefCell::new(vec![None; requests.len()]);
    let requests: Vec<&Request> = requests.iter().collect();
    model.answer(&requests, &mut |index, response| answers.borrow_mut()[index] = Some(response))?;
    Ok(answers.into_inner())
}

fn record(path: &Path, questions: &[&str]) -> Vec<Option<Response>> {
    let requests: Vec<Request> = questions.iter().map(|text| question(text)).collect();
    ask(&Recorder::open(counting("judge"), path).unwrap(), &requests).unwrap()
}

#[test]
fn what_was_recorded_is_replayed_and_never_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    let first = record(&path, &["one", "two", "one"]);
    assert_eq!(first, [Some(generated("0")), Some(generated("1")), Some(generated("0"))]);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(record(&path, &["one", "two", "one"]), first);
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "a rerun adds nothing");
    let replay = ReplayModel::open(&path).unwrap();
    assert_eq!(replay.identity(), counting("judge").identity());
    assert_eq!(ask(&replay, &[question("two"), question("one")]).unwrap(), [first[1].clone(), first[0].clone()]);
    assert_eq!(replay.len(), 2);
}

#[test]
fn a_changed_prompt_is_named_with_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    record(&path, &["Rate this answer:\nParis is in France.\nUse 1 to 10.", "Something else entirely"]);
    let replay = ReplayModel::open(&path).unwrap();
    let error =
        ask(&replay, &[question("Rate this answer:\nParis is in France.\nUse 1 to 5.")]).unwrap_err().to_string();
    for part in
        ["replay.jsonl", "1 requests", "The prompt changed", "  - Use 1 to 10.", "  + Use 1 to 5.", "[system]\\nJudge"]
    {
        assert!(error.contains(part), "{part} in {error}");
    }
    let Request::Generate { prompt, .. } = question("Something else entirely") else { unreachable!() };
    let longer = Request::Generate { prompt: prompt.clone(), decoding: Decoding::greedy(16) };
    let error = ask(&replay, &[longer]).unwrap_err().to_string();
    assert!(error.contains("other settings") && error.contains("\"max_new_tokens\": 16"), "{error}");
    let other_kind = Request::NextToken { prompt, candidates: vec!["m".to_owned()] };
    assert!(ask(&replay, &[other_kind]).unwrap_err().to_string().contains("No request of its kind"));
}

#[test]
fn what_is_recorded_is_answered_before_the_error_about_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    record(&path, &["one"]);
    let replay = ReplayModel::open(&path).unwrap();
    let (known, unknown) = (question("one"), question("unknown"));
    let mut answered = Vec::new();
    let outcome = replay.answer(&[&unknown, &known, &unknown], &mut |index, _| answered.push(index));
    assert!(outcome.is_err_and(|error| error.to_string().contains("2 requests")));
    assert_eq!(answered, [1]);
}

#[test]
fn a_line_cut_at_any_byte_costs_that_answer_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    record(&path, &["one", "two\nlines"]);
    let whole = std::fs::read(&path).unwrap();
    let first_line = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for cut in (0..=whole.len()).step_by(7).chain([first_line - 1, first_line, whole.len()]) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let kept = usize::from(cut >= first_line) + usize::from(cut == whole.len());
        let recorder = Recorder::open(counting("judge"), &path).unwrap();
        assert_eq!(recorder.recorded_before, kept, "cut at byte {cut}");
        ask(&recorder, &[question("one"), question("two\nlines")]).unwrap();
        drop(recorder);
        assert_eq!(ReplayModel::open(&path).unwrap().len(), 2);
    }
}

#[test]
fn failures_and_answers_of_another_kind_are_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    for response in [Response::Failed { reason: "no".to_owned() }, Response::NextToken { log_probs: vec![None] }] {
        let model = ScriptedModel::new("judge", move |_| response.clone());
        ask(&Recorder::open(model, &path).unwrap(), &[question("one")]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
    assert!(matches!(ReplayModel::open(&path), Err(ReplayError::Empty { .. })));
}

#[test]
fn models_in_one_file_are_kept_apart_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    record(&path, &["one"]);
    let other = Recorder::open(counting("other"), &path).unwrap();
    assert_eq!(other.recorded_before, 0);
    ask(&other, &[question("one"), question("two")]).unwrap();
    drop(other);
    let error = ReplayModel::open(&path).unwrap_err().to_string();
    assert!(error.contains("judge") && error.contains("other"), "{error}");
    assert_eq!(ReplayModel::open_named(&path, Some("other")).unwrap().len(), 2);
    assert!(matches!(ReplayModel::open_named(&path, Some("third")), Err(ReplayError::NoSuchModel { .. })));
}

#[test]
fn damaged_lines_are_named_and_nothing_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    record(&path, &["one", "two"]);
    let whole = std::fs::read_to_string(&path).unwrap();
    let edited = whole.replace("two", "too");
    let other_kind = whole.replace("{\"kind\":\"generated\"", "{\"kind\":\"rolling\",\"sum_nats\":0,\"tokens\":1");
    let deep = format!("{{\"unknown\": {}\n", "[".repeat(100_000));
    let cases = [
        (edited, ":2:", "its request was changed"),
        (other_kind, ":1:", "another kind"),
        (format!("{whole}{{}}\n"), ":3:", "missing field"),
        (format!("{whole}\n"), ":3:", ""),
        (deep, ":1:", "EOF"),
        (format!("{whole}\u{0}\n"), ":3:", ""),
    ];
    for (text, place, reason) in cases {
        std::fs::write(&path, &text).unwrap();
        for error in [
            ReplayModel::open(&path).err().unwrap().to_string(),
            Recorder::open(counting("judge"), &path).err().unwrap().to_string(),
        ] {
            assert!(error.contains(place) && error.contains(reason), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn two_recorders_do_not_write_into_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.jsonl");
    let _first = Recorder::open(counting("judge"), &path).unwrap();
    assert!(matches!(Recorder::open(counting("judge"), &path), Err(ReplayError::Locked { .. })));
}
