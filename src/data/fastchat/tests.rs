//! Files in and out.

use super::*;
use crate::judgment::JudgeCall;
use crate::request::{Decoding, Prompt, Request};
use crate::response::{FinishReason, Generation, Response};
use crate::scoring::mt_bench::{Game, Outcome, Rating, Reading};

const SINGLE: &str = concat!(
    r#"{"question_id": 81, "model": "m", "judge": ["gpt-4", "single-v1"], "user_prompt": "p \u00e9", "#,
    r#""judgment": "[[8]]", "score": 8, "turn": 1, "tstamp": 1715788241.8373516}"#,
    "\n",
    r#"{"question_id": 81, "model": "m", "judge": ["gpt-4", "single-v1-multi-turn"], "user_prompt": "p", "#,
    r#""judgment": "?", "score": -1, "turn": 2, "tstamp": 0.0, "note": {"z": 1, "a": 7.5}}"#,
    "\n",
    r#"{"question_id": 81, "model": "m", "judge": ["gpt-4", "single-v1"], "user_prompt": "p", "#,
    r#""judgment": "[[8.0]]", "score": 8.0, "turn": 1, "tstamp": 0.0}"#,
    "\n",
);

const PAIR: &str = concat!(
    r#"{"question_id": 81, "model_1": "a", "model_2": "b", "g1_winner": "model_1", "g2_winner": "model_2", "#,
    r#""judge": ["gpt-4", "pair-v2"], "g1_user_prompt": "1", "g1_judgment": "[[A]]", "g2_user_prompt": "2", "#,
    r#""g2_judgment": "[[A]]", "turn": 1, "tstamp": 1.5}"#,
    "\n",
    r#"{"question_id": 82, "model_1": "a", "model_2": "b", "g1_winner": "model_1", "g2_winner": "model_1", "#,
    r#""judge": ["gpt-4", "pair-v2"], "g1_user_prompt": "1", "g1_judgment": "[[A]]", "g2_user_prompt": "2", "#,
    r#""g2_judgment": "[[B]]", "turn": 1, "tstamp": 1.5}"#,
    "\n",
    r#"{"question_id": 83, "model_1": "a", "model_2": "b", "g1_winner": "tie", "g2_winner": "error", "#,
    r#""judge": ["gpt-4", "pair-v2"], "g1_user_prompt": "1", "g1_judgment": "[[C]]", "g2_user_prompt": "2", "#,
    r#""g2_judgment": "?", "turn": 2, "tstamp": 1.5}"#,
    "\n",
);

#[test]
fn judgments_come_back_byte_for_byte() {
    let rows = single_judgments(SINGLE, "f").unwrap();
    assert_eq!(to_jsonl(&rows).unwrap(), SINGLE);
    assert_eq!(
        (rows[0].score, rows[1].score, rows[2].score),
        (Some(Rating::Whole(8)), None, Some(Rating::Decimal(8.0)))
    );
    assert_eq!(to_jsonl(&pair_judgments(PAIR, "f").unwrap()).unwrap(), PAIR);
}

#[test]
fn rows_about_the_same_turn_are_repeats() {
    let rows = single_judgments(SINGLE, "f").unwrap();
    let turns = rated_turns(&rows, &[(81, "writing".to_owned())].into(), "m");
    assert_eq!((turns[0].ratings.as_slice(), turns[0].unparsable), (&[8.0, 8.0][..], 0));
    assert_eq!((turns[1].ratings.len(), turns[1].unparsable, turns[1].category.as_str()), (0, 1, "writing"));
    assert!(rated_turns(&rows, &[].into(), "other").is_empty());
    assert_eq!(models(&rows), ["m"]);
}

#[test]
fn a_pair_is_a_win_for_one_and_a_loss_for_the_other() {
    let rows = pair_judgments(PAIR, "f").unwrap();
    let outcomes = |model: &str| {
        let turns = compared_turns(&rows, &[].into(), model, None);
        turns.iter().flat_map(|turn| turn.games.iter().map(|game| game.outcome())).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("a"), [Some(Outcome::Tie), Some(Outcome::Win), None]);
    assert_eq!(outcomes("b"), [Some(Outcome::Tie), Some(Outcome::Loss), None]);
    assert!(compared_turns(&rows, &[].into(), "a", Some("c")).is_empty());
    let game: Game = rows[0].game_of("b").unwrap().0;
    assert_eq!(game.preferred_place(), Some(crate::scoring::mt_bench::Place::First));
}

#[test]
fn hostile_lines_give_an_error_that_names_line_and_field() {
    let cases = [
        ("", "f: there is no row"),
        ("\n{", "f:2: no JSON object"),
        ("[1]", "f:1: no JSON object"),
        ("{}", "f:1: the field `question_id` is missing"),
        (r#"{"question_id": "81"}"#, "f:1: `question_id` is text where a whole number is expected"),
        (r#"{"question_id": 1, "category": "x", "turns": []}"#, "f:1: `turns`: there is no turn"),
        (r#"{"question_id": 1, "category": "x", "turns": ["a", 2]}"#, "f:1: `turns[1]` is a number"),
        (r#"{"question_id": 1, "category": "x", "turns": ["a"], "reference": "r"}"#, "f:1: `reference` is text"),
    ];
    for (text, expected) in cases {
        let error = questions(text, "f").unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let twice = "{\"question_id\": 1, \"category\": \"x\", \"turns\": [\"a\"]}\n".repeat(2);
    assert!(questions(&twice, "f").unwrap_err().to_string().contains("given in line 1 already"));
    let deep = format!("{{\"a\": {}", "[".repeat(100_000));
    assert!(single_judgments(&deep, "f").is_err());
    for (field, value) in [("\"score\": 8", "\"score\": -2"), ("\"turn\": 1", "\"turn\": 0"), ("[\"gpt-4\", ", "[")] {
        let line = SINGLE.lines().next().unwrap().replace(field, value);
        assert!(matches!(single_judgments(&line, "f"), Err(FastChatError::Value { .. })), "{line}");
    }
    let line = PAIR.lines().next().unwrap().replace("\"g1_winner\": \"model_1\"", "\"g1_winner\": \"a\"");
    assert!(pair_judgments(&line, "f").unwrap_err().to_string().contains("`g1_winner`"));
    let choice = r#"{"question_id": 1, "answer_id": "x", "model_id": "m", "choices": [{"index": 0, "turns": []}]}"#;
    assert!(model_answers(choice, "f").unwrap_err().to_string().contains("`choices[0]`"));
}

#[test]
fn a_template_that_asks_for_another_form_of_answer_is_refused() {
    let row = |name: &str, kind: &str, format: &str| {
        let head = format!(r#"{{"name": "{name}", "type": "{kind}", "system_prompt": "", "#);
        format!(r#"{head}"prompt_template": "{{answer}}", "output_format": "{format}"}}"#)
    };
    assert_eq!(judge_prompts(&row("single-v1", "single", "[[rating]]"), "f").unwrap()[0].name, "single-v1");
    assert!(judge_prompts(&row("other", "pairwise", "[[rating_a,rating_b]]"), "f").is_ok());
    for bad in [row("pair-v2", "pairwise", "[[rating_a,rating_b]]"), row("wit-single-v1", "pairwise", "[[A]]")] {
        assert!(matches!(judge_prompts(&bad, "f"), Err(FastChatError::Value { .. })), "{bad}");
    }
}

#[test]
fn an_answer_has_the_same_identifier_whenever_it_is_written() {
    let replies = ["one".to_owned(), "two".to_owned()];
    let rows = answers_of_run([(82, &replies[..]), (81, &replies[..])], "m", 0.0);
    assert_eq!((rows[0].question_id, rows[0].replies()), (81, &replies[..]));
    assert_eq!(rows[0], answers_of_run([(81, &replies[..])], "m", 0.0)[0]);
    assert_ne!(rows[0].answer_id, rows[1].answer_id);
    assert_eq!(rows[0].answer_id.len(), 22);
    let text = to_jsonl(&rows).unwrap();
    assert_eq!(model_answers(&text, "f").unwrap(), rows);
}

fn call(turn: usize, swapped: bool, text: &str) -> (JudgeCall, Response) {
    let prompt = Prompt::Text(format!("turn {turn}, swapped {swapped}"));
    let request = Request::Generate { prompt, decoding: Decoding::greedy(8) };
    let call = JudgeCall { turn, repeat: 0, prompt_name: "pair-v2".into(), swapped, request };
    let (token_ids, finish) = (Vec::new(), FinishReason::EndToken);
    (call, Response::Generated(Generation { text: text.into(), token_ids, finish, prompt_tokens_cut: 0 }))
}

#[test]
fn judgments_of_a_run_become_rows_that_say_the_same() {
    let by = JudgedBy { model: "m", judge: "j", reading: Reading::Published, tstamp: 0.0 };
    let mut asked = vec![call(1, false, "[[A]]"), call(1, true, "[[B]]"), call(2, false, "[[A]]"), call(2, true, "x")];
    asked.push(call(3, false, "[[A]]"));
    let answers = asked.iter().map(|(call, response)| (call, response)).collect::<Vec<_>>();
    let rows = pair_judgments_of_run(81, &answers, "base", &by);
    let winners = rows.iter().map(|row| (row.turn, row.g1_winner, row.g2_winner)).collect::<Vec<_>>();
    assert_eq!(winners, [(1, Winner::Model1, Winner::Model1), (2, Winner::Model1, Winner::Error)]);
    assert_eq!((rows[0].g2_user_prompt.as_str(), rows[0].g2_judgment.as_str()), ("turn 1, swapped true", "[[B]]"));
    let mut asked = [call(1, false, "so [[7]]"), call(2, false, "")];
    asked[1].1 = Response::Failed { reason: "429".into() };
    let answers = asked.iter().map(|(call, response)| (call, response)).collect::<Vec<_>>();
    let rows = single_judgments_of_run(81, &answers, &by);
    assert_eq!((rows[0].score, rows[1].score), (Some(Rating::Whole(7)), None));
    assert_eq!((rows[1].judgment.as_str(), rows[0].judge.1.as_str()), ("$ERROR$", "pair-v2"));
}
