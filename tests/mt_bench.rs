//! MT-Bench against published files: the questions, answers, reference answers, judge prompts and judgments of
//! `FastChat`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wit_eval::chat::Role;
use wit_eval::data::fastchat;
use wit_eval::digest::Digest;
use wit_eval::instance::{Baseline, Expectation};
use wit_eval::judgment::JudgeCall;
use wit_eval::request::{Prompt, Request};
use wit_eval::response::{FinishReason, Generation, Response};
use wit_eval::scoring::mt_bench::{
    Mode, PromptRole, PromptSet, Reading, Settings, Wording, calls, needs_reference, parse_rating, score, summary,
};

/// The folder of published files; `None`, with the reason printed, where it is not there.
fn folder() -> Option<PathBuf> {
    let fixtures = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let folder = Path::new(&fixtures).join("../data/mt_bench");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: the published files of MT-Bench are not beside the fixtures");
    None
}

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn shipped() -> String {
    text(Path::new(env!("CARGO_MANIFEST_DIR")), "benchmarks/mt_bench/judge_prompts.jsonl")
}

fn answers(folder: &Path, name: &str) -> BTreeMap<i64, Vec<String>> {
    let rows = fastchat::model_answers(&text(folder, name), name).unwrap();
    rows.iter().map(|row| (row.question_id, row.replies().to_vec())).collect()
}

/// Each question as it is judged, with phi-3's answers as baseline.
fn expectations(folder: &Path) -> Vec<(i64, Expectation)> {
    let references = answers(folder, "reference_answer/gpt-4.jsonl");
    let mut baseline = answers(folder, "model_answer/phi-3.jsonl");
    let questions = fastchat::questions(&text(folder, "question.jsonl"), "question.jsonl").unwrap();
    let judged = questions.into_iter().map(|question| {
        let id = question.question_id;
        let expectation = Expectation::Judged {
            category: question.category,
            questions: question.turns,
            references: references.get(&id).cloned().unwrap_or_default(),
            baseline: baseline.remove(&id).map(|replies| Baseline { generator: "phi-3".into(), replies }),
        };
        (id, expectation)
    });
    judged.collect()
}

fn published_prompts(folder: &Path) -> PromptSet {
    PromptSet::new(fastchat::judge_prompts(&text(folder, "judge_prompts.jsonl"), "judge_prompts.jsonl").unwrap())
        .unwrap()
}

fn shown(call: &JudgeCall, role: Role) -> &str {
    let Request::Generate { prompt: Prompt::Chat { messages, .. }, .. } = &call.request else {
        panic!("the judge is asked in a chat")
    };
    messages.iter().find(|message| message.role == role).map_or("", |message| &message.content)
}

#[test]
fn published_judgments_aggregate_to_their_known_means() {
    let Some(folder) = folder() else { return };
    let judgments = fastchat::single_judgments(&text(&folder, "model_judgment/gpt-4_single.jsonl"), "f").unwrap();
    let questions = fastchat::questions(&text(&folder, "question.jsonl"), "f").unwrap();
    assert_eq!(fastchat::models(&judgments), ["phi-3-dpo"]);
    let rows = fastchat::rated_turns(&judgments, &fastchat::categories(&questions), "phi-3-dpo");
    let found = summary(&rows, 0.95);
    // Means and errors by Python over the same file (clustered by question: 80/79 of the squared sums of residuals).
    let close = |estimate: Option<wit_eval::estimate::Estimate>, point: f64, error: f64| {
        let estimate = estimate.unwrap();
        assert!((estimate.point - point).abs() < 1e-12, "{estimate:?}");
        assert!((estimate.standard_error.unwrap() - error).abs() < 1e-9, "{estimate:?}");
    };
    close(found.turns.first().unwrap().rating.mean, 8.3625, 0.309_779_295_669_217_6);
    close(found.turns.last().unwrap().rating.mean, 8.0375, 0.327_748_239_091_910_5);
    close(found.overall.mean, 8.2, 0.274_380_775_796_305_2);
    assert_eq!((found.overall.kept, found.overall.unparsable, found.overall.off_scale), (160, 0, 0));
    let bounds = found.overall.bounds.unwrap();
    assert!((bounds.low - 8.2).abs() < 1e-12 && (bounds.high - 8.2).abs() < 1e-12);
    let category = |name: &str, turn: usize| {
        let row = found.categories.iter().find(|row| row.category == name).unwrap();
        row.turns.iter().find(|row| row.turn == turn).unwrap().rating.mean.unwrap().point
    };
    assert_eq!(found.categories.len(), 8);
    for (name, first, second) in [("writing", 9.9, 9.3), ("math", 6.3, 6.0), ("coding", 7.8, 5.1), ("stem", 10.0, 9.6)]
    {
        assert!((category(name, 1) - first).abs() < 1e-12 && (category(name, 2) - second).abs() < 1e-12, "{name}");
    }
    assert_eq!(found.variance, None);
}

#[test]
fn every_published_judgment_is_read_as_the_score_that_stands_beside_it() {
    let Some(folder) = folder() else { return };
    let judgments = fastchat::single_judgments(&text(&folder, "model_judgment/gpt-4_single.jsonl"), "f").unwrap();
    let differing = |reading| judgments.iter().filter(|row| parse_rating(&row.judgment, reading) != row.score).count();
    assert_eq!(judgments.len(), 160);
    assert_eq!(differing(Reading::Published), 0);
    assert_eq!(differing(Reading::Strict), 0);
}

#[test]
fn published_judge_prompts_give_the_published_questions_to_the_judge() {
    let Some(folder) = folder() else { return };
    let prompts = published_prompts(&folder);
    assert_eq!(prompts.wording(), Wording::Published);
    let replies = answers(&folder, "model_answer/phi-3-dpo.jsonl");
    let mut asked = BTreeMap::new();
    for (id, expectation) in expectations(&folder) {
        for call in calls(&expectation, replies.get(&id).unwrap(), &prompts, &Settings::default()).unwrap() {
            asked.insert((id, call.turn), call);
        }
    }
    let judgments = fastchat::single_judgments(&text(&folder, "model_judgment/gpt-4_single.jsonl"), "f").unwrap();
    let equal = judgments.iter().filter(|row| {
        let call = asked.get(&(row.question_id, row.turn)).unwrap();
        shown(call, Role::User) == row.user_prompt && call.prompt_name == row.judge.1
    });
    assert_eq!((equal.count(), asked.len()), (160, 160));
    assert_eq!(shown(asked.get(&(81, 1)).unwrap(), Role::System), "You are a helpful assistant.");
}

/// The digest is Python's, over system prompt and `str.format` of the template, phi-3 first and then phi-3-dpo first,
/// for every question and turn.
#[test]
fn pairs_are_shown_as_the_published_program_shows_them() {
    let Some(folder) = folder() else { return };
    let prompts = published_prompts(&folder);
    let settings = Settings { mode: Mode::Pairwise, ..Settings::default() };
    let replies = answers(&folder, "model_answer/phi-3-dpo.jsonl");
    let mut all = String::new();
    for (id, expectation) in expectations(&folder) {
        let mut asked = calls(&expectation, replies.get(&id).unwrap(), &prompts, &settings).unwrap();
        // The baseline is phi-3: swapped calls show it first.
        asked.sort_by_key(|call| (call.turn, !call.swapped));
        for call in &asked {
            all.push_str(shown(call, Role::System));
            all.push_str(shown(call, Role::User));
        }
    }
    let expected = "f0fce780d4946860a0ed1142a79125098033a1942d663e6cb921c0819d48d96f";
    assert_eq!(Digest::of_bytes(all.as_bytes()).as_str(), expected);
}

#[test]
fn published_files_come_back_byte_for_byte() {
    let Some(folder) = folder() else { return };
    let read = text(&folder, "question.jsonl");
    assert!(fastchat::to_jsonl(&fastchat::questions(&read, "f").unwrap()).unwrap() == read);
    for name in ["model_answer/phi-3.jsonl", "model_answer/phi-3-dpo.jsonl", "reference_answer/gpt-4.jsonl"] {
        let read = text(&folder, name);
        assert!(fastchat::to_jsonl(&fastchat::model_answers(&read, name).unwrap()).unwrap() == read, "{name}");
    }
    let read = text(&folder, "model_judgment/gpt-4_single.jsonl");
    assert!(fastchat::to_jsonl(&fastchat::single_judgments(&read, "f").unwrap()).unwrap() == read);
}

/// From a conversation through the judge's text to the row of the published file, time stamp given.
#[test]
fn a_run_with_the_published_judgments_writes_the_published_file() {
    let Some(folder) = folder() else { return };
    let prompts = published_prompts(&folder);
    let replies = answers(&folder, "model_answer/phi-3-dpo.jsonl");
    let expectations = expectations(&folder).into_iter().collect::<BTreeMap<_, _>>();
    let name = "model_judgment/gpt-4_single.jsonl";
    let mut published = fastchat::single_judgments(&text(&folder, name), name).unwrap();
    published.sort_by_key(|row| (row.question_id, row.turn));
    let mut written = Vec::new();
    let mut credits = Vec::new();
    for rows in published.chunk_by(|a, b| a.question_id == b.question_id) {
        let id = rows.first().unwrap().question_id;
        let asked =
            calls(expectations.get(&id).unwrap(), replies.get(&id).unwrap(), &prompts, &Settings::default()).unwrap();
        let judged = rows.iter().map(|row| {
            let (text, token_ids, finish) = (row.judgment.clone(), Vec::new(), FinishReason::EndToken);
            Response::Generated(Generation { text, token_ids, finish, prompt_tokens_cut: 0 })
        });
        let judged = judged.collect::<Vec<_>>();
        let pairs = asked.iter().zip(&judged).collect::<Vec<_>>();
        let by = fastchat::JudgedBy { model: "phi-3-dpo", judge: "gpt-4", reading: Reading::Published, tstamp: 0.0 };
        written.extend(fastchat::single_judgments_of_run(id, &pairs, &by));
        credits.push(score(&pairs, &Settings::default()).score.credit().unwrap());
    }
    for row in &mut published {
        row.tstamp = 0.0;
    }
    assert!(fastchat::to_jsonl(&written).unwrap() == fastchat::to_jsonl(&published).unwrap());
    let mean = credits.iter().sum::<f64>() / credits.len() as f64;
    assert!((mean - 8.2).abs() < 1e-9, "{mean}");
}

#[test]
fn shipped_prompts_serve_every_role_in_words_of_their_own() {
    let prompts = fastchat::judge_prompts(&shipped(), "judge_prompts.jsonl").unwrap();
    let set = PromptSet::new(prompts.clone()).unwrap();
    assert_eq!((prompts.len(), set.wording()), (8, Wording::Shipped));
    for role in PromptRole::all() {
        assert_eq!(set.prompt_name(role), Some(format!("wit-{}", role.name()).as_str()));
    }
    for category in ["writing", "math"] {
        let expectation = Expectation::Judged {
            category: category.into(),
            questions: vec!["<q1>".into(), "<q2>".into()],
            references: if needs_reference(category) { vec!["<r1>".into(), "<r2>".into()] } else { Vec::new() },
            baseline: Some(Baseline { generator: "b".into(), replies: vec!["<b1>".into(), "<b2>".into()] }),
        };
        for mode in [Mode::Single, Mode::Pairwise] {
            let settings = Settings { mode, ..Settings::default() };
            let asked = calls(&expectation, &["<a1>".into(), "<a2>".into()], &set, &settings).unwrap();
            for call in &asked {
                let (system, user) = (shown(call, Role::System), shown(call, Role::User));
                let (judged, tag) = (format!("<a{}>", call.turn), if mode == Mode::Single { "[[6]]" } else { "[[C]]" });
                assert!(user.contains(&judged) && user.contains("<q1>"), "{}", call.prompt_name);
                assert!(format!("{system}{user}").contains(tag), "{}", call.prompt_name);
                assert_eq!(user.contains("<r1>"), category == "math", "{}", call.prompt_name);
                assert_eq!(user.contains("<b1>"), mode == Mode::Pairwise, "{}", call.prompt_name);
            }
        }
    }
}

#[test]
fn shipped_prompts_share_no_sentence_with_the_published_ones() {
    let Some(folder) = folder() else { return };
    let sentences = |rows: &[wit_eval::judgment::JudgePrompt]| {
        let texts = rows.iter().flat_map(|row| [row.system_prompt.clone(), row.prompt_template.clone()]);
        let texts = texts.collect::<Vec<_>>().join("\n");
        let parts = texts.split(['.', '\n', ',', ':']).map(|part| part.trim().to_lowercase());
        parts.filter(|part| part.split_whitespace().count() > 3).collect::<Vec<_>>()
    };
    let own = sentences(&fastchat::judge_prompts(&shipped(), "f").unwrap());
    let published = sentences(&fastchat::judge_prompts(&text(&folder, "judge_prompts.jsonl"), "f").unwrap());
    assert!(own.len() > 20 && published.len() > 20);
    let shared = own.iter().filter(|part| published.contains(part)).collect::<Vec<_>>();
    assert!(shared.is_empty(), "{shared:?}");
}
