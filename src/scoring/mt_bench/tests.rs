//! The way from a conversation to the benchmark's numbers.

use super::*;
use crate::chat::Role;
use crate::instance::{Baseline, Expectation};
use crate::judgment::{JudgeCall, JudgePrompt};
use crate::request::{Prompt, Request, Sampling};
use crate::response::{FinishReason, Generation};
use crate::score::Score;
use crate::seed::Seed;
use crate::task::Metric;

fn prompt(name: &str, system: &str, template: &str) -> JudgePrompt {
    JudgePrompt { name: name.into(), system_prompt: system.into(), prompt_template: template.into() }
}

fn prompts() -> PromptSet {
    let rows = vec![
        prompt("single-v1", "", "Q:{question}|A:{answer}"),
        prompt("single-v1-multi-turn", "second", "{question_1}|{answer_1}|{question_2}|{answer_2}"),
        prompt("single-math-v1", "maths", "{question}|R:{ref_answer_1}|{answer}"),
        prompt("pair-v2", "pair", "{question}|A:{answer_a}|B:{answer_b}"),
        prompt("pair-v2-multi-turn", "pair", "A:{answer_a_1},{answer_a_2}|B:{answer_b_1},{answer_b_2}"),
    ];
    PromptSet::new(rows).unwrap()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn judged(category: &str, questions: &[&str], references: &[&str]) -> Expectation {
    let baseline = Some(Baseline { generator: "base".into(), replies: texts(&["b1", "b2"]) });
    let (questions, references) = (texts(questions), texts(references));
    Expectation::Judged { category: category.into(), questions, references, baseline }
}

fn shown(call: &JudgeCall) -> (Option<&str>, &str) {
    let Request::Generate { prompt: Prompt::Chat { messages, .. }, .. } = &call.request else { panic!("a chat") };
    let of = |role| messages.iter().find(|message| message.role == role).map(|message| message.content.as_str());
    (of(Role::System), of(Role::User).unwrap())
}

fn answer(text: &str) -> Response {
    let (token_ids, finish) = (Vec::new(), FinishReason::EndToken);
    Response::Generated(Generation { text: text.into(), token_ids, finish, prompt_tokens_cut: 0 })
}

fn scored(mode: Mode, repeats: usize, texts_of_judge: &[&str]) -> Judged {
    let settings = Settings { mode, repeats, ..Settings::default() };
    let expectation = judged("writing", &["q1", "q2"], &[]);
    let calls = calls(&expectation, &texts(&["a1", "a2"]), &prompts(), &settings).unwrap();
    assert_eq!(calls.len(), texts_of_judge.len());
    let responses = texts_of_judge.iter().map(|text| answer(text)).collect::<Vec<_>>();
    score(&calls.iter().zip(&responses).collect::<Vec<_>>(), &settings)
}

fn credit(judged: &Judged) -> f64 {
    judged.score.credit().unwrap()
}

#[test]
fn each_turn_is_asked_about_once_a_repeat_greedily() {
    let settings = Settings { repeats: 2, ..Settings::default() };
    let asked = calls(&judged("writing", &["q1", "q2"], &[]), &texts(&["a1", "a2"]), &prompts(), &settings).unwrap();
    let order = asked.iter().map(|call| (call.turn, call.repeat, call.swapped)).collect::<Vec<_>>();
    assert_eq!(order, [(1, 0, false), (1, 1, false), (2, 0, false), (2, 1, false)]);
    assert_eq!(shown(&asked[0]), (None, "Q:q1|A:a1"));
    assert_eq!(shown(&asked[3]), (Some("second"), "q1|a1|q2|a2"));
    let Request::Generate { decoding, .. } = &asked[3].request else { panic!("a generation") };
    assert_eq!((decoding.sampling, decoding.sample, decoding.max_new_tokens), (Sampling::Greedy, 1, 2048));
}

#[test]
fn pairs_are_asked_about_in_both_orders() {
    let settings = Settings { mode: Mode::Pairwise, ..Settings::default() };
    let asked = calls(&judged("writing", &["q1", "q2"], &[]), &texts(&["a1", "a2"]), &prompts(), &settings).unwrap();
    let seen = asked.iter().map(|call| (call.turn, call.swapped, shown(call).1)).collect::<Vec<_>>();
    let expected = [
        (1, false, "q1|A:a1|B:b1"),
        (1, true, "q1|A:b1|B:a1"),
        (2, false, "A:a1,a2|B:b1,b2"),
        (2, true, "A:b1,b2|B:a1,a2"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_reply_that_quotes_placeholders_is_shown_as_it_is() {
    let asked = calls(
        &judged("writing", &["{answer}"], &[]),
        &texts(&["{question} {answer} {{x}} {0}"]),
        &prompts(),
        &Settings::default(),
    );
    assert_eq!(shown(&asked.unwrap()[0]).1, "Q:{answer}|A:{question} {answer} {{x}} {0}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_reason() {
    let ask = |expectation: &Expectation, replies: &[&str], settings: &Settings| {
        calls(expectation, &texts(replies), &prompts(), settings).unwrap_err()
    };
    let single = Settings::default();
    let pair = Settings { mode: Mode::Pairwise, ..Settings::default() };
    assert_eq!(ask(&Expectation::Document, &["a"], &single), CallError::NotJudged);
    assert_eq!(ask(&judged("writing", &["1", "2", "3"], &[]), &["a"], &single), CallError::Turns { turns: 3 });
    assert_eq!(ask(&judged("writing", &[], &[]), &[], &single), CallError::Turns { turns: 0 });
    let replies = CallError::Replies { who: "the model".into(), replies: 1, turns: 2 };
    assert_eq!(ask(&judged("writing", &["1", "2"], &[]), &["a"], &single), replies);
    let baseline = CallError::Replies { who: "`base`".into(), replies: 2, turns: 1 };
    assert_eq!(ask(&judged("writing", &["1"], &[]), &["a"], &pair), baseline);
    let none = CallError::NoReference { category: "math".into(), turn: 1 };
    assert_eq!(ask(&judged("math", &["1"], &[]), &["a"], &single), none);
    let missing = CallError::NoPrompt { name: "pair-math-v1" };
    assert_eq!(ask(&judged("coding", &["1", "2"], &["r", "r"]), &["a", "a"], &pair), missing);
    assert_eq!(ask(&judged("writing", &["1"], &[]), &["a"], &Settings { repeats: 0, ..single }), CallError::NoRepeats);
    let set = PromptSet::new(vec![prompt("single-v1", "", "{question_1} {answer}")]).unwrap();
    let error = calls(&judged("writing", &["1"], &[]), &texts(&["a"]), &set, &Settings::default()).unwrap_err();
    assert!(matches!(&error, CallError::Placeholder { placeholder, .. } if placeholder == "question_1"), "{error}");
}

#[test]
fn a_rating_is_the_mean_over_turns_of_the_median_over_repeats() {
    let judged = scored(Mode::Single, 3, &["[[9]]", "[[2]]", "[[8]]", "[[4]]", "none", "[[7]]"]);
    assert_eq!(judged.metric, Metric::Rating);
    assert_eq!(credit(&judged), f64::midpoint(8.0, 5.5));
    let parts = judged.parts.iter().map(|part| (part.name.as_str(), part.credits.as_slice(), part.missing));
    let expected = [("turn 1", &[9.0, 2.0, 8.0][..], 0), ("turn 2", &[4.0, 7.0][..], 1)];
    assert!(parts.eq(expected), "{:?}", judged.parts);
}

#[test]
fn a_turn_without_any_rating_leaves_the_conversation_unscored_and_its_other_turn_known() {
    let judged = scored(Mode::Single, 1, &["[[9]]", "I cannot say."]);
    assert!(matches!(&judged.score, Score::Unscored { reason } if reason.contains("turn 2: no rating")), "{judged:?}");
    assert_eq!((judged.parts[0].credits.as_slice(), judged.parts[1].missing), (&[9.0][..], 1));
    let none = score(&[], &Settings::default());
    assert!(matches!(none.score, Score::Unscored { .. }) && none.parts.is_empty());
}

#[test]
fn a_judge_that_failed_gives_no_rating_whatever_its_message_says() {
    let expectation = judged("writing", &["q1"], &[]);
    let calls = calls(&expectation, &texts(&["a1"]), &prompts(), &Settings::default()).unwrap();
    let failed = Response::Failed { reason: "status [[10]]".into() };
    let judged = score(&[(&calls[0], &failed)], &Settings::default());
    assert_eq!((judged.score.credit(), judged.parts[0].missing), (None, 1));
}

#[test]
fn a_comparison_counts_by_both_orders() {
    for (texts, expected) in [
        (["[[A]]", "[[B]]", "[[B]]", "[[A]]"], Some(0.5)),
        (["[[A]]", "[[B]]", "[[A]]", "[[B]]"], Some(1.0)),
        (["[[A]]", "[[A]]", "[[A]]", "[[B]]"], Some(0.75)),
        (["[[C]]", "[[A]]", "[[B]]", "[[A]]"], Some(0.25)),
        (["[[A]]", "?", "[[A]]", "[[B]]"], None),
    ] {
        let judged = scored(Mode::Pairwise, 1, &texts);
        assert_eq!((judged.metric, judged.score.credit()), (Metric::WinRate, expected), "{texts:?}");
    }
}

fn ratings(question: &str, category: &str, turn: usize, ratings: &[f64], unparsable: usize) -> TurnRatings {
    TurnRatings { question: question.into(), category: category.into(), turn, ratings: ratings.to_vec(), unparsable }
}

/// By hand: kept ratings 8, 6, 10, 4 have mean 7 and cluster sums of residuals 0 (a) and 3 - 3 (b), so no error; bounds
/// (28 + 1)/5 and (28 + 10)/5.
#[test]
fn unparsable_ratings_are_counted_and_bounded() {
    let rows = [
        ratings("a", "writing", 1, &[8.0], 0),
        ratings("a", "writing", 2, &[6.0], 0),
        ratings("b", "math", 1, &[10.0], 1),
        ratings("b", "math", 2, &[4.0], 0),
    ];
    let summary = summary(&rows, 0.95);
    let mean = summary.overall.mean.unwrap();
    assert_eq!((mean.point, mean.n, mean.clusters, mean.standard_error), (7.0, 4, 2, Some(0.0)));
    assert_eq!((summary.overall.kept, summary.overall.unparsable), (4, 1));
    assert_eq!(summary.overall.bounds, Some(Bounds { low: 5.8, high: 7.6 }));
    assert_eq!(summary.turns[0].rating.mean.unwrap().point, 9.0);
    assert_eq!(summary.turns[1].rating.mean.unwrap().point, 5.0);
    let categories = summary.categories.iter().map(|row| (row.category.as_str(), row.overall.mean.unwrap().point));
    assert!(categories.eq([("writing", 7.0), ("math", 7.0)]));
    assert_eq!(summary.variance, None, "one repeat says nothing about the judge");
}

#[test]
fn nothing_kept_gives_no_mean_and_the_whole_scale_as_bounds() {
    let overall = summary(&[ratings("a", "", 1, &[], 2)], 0.95).overall;
    assert_eq!((overall.mean, overall.unparsable), (None, 2));
    assert_eq!(overall.bounds, Some(Bounds { low: 1.0, high: 10.0 }));
    let empty = summary(&[], 0.95);
    assert_eq!((empty.overall.mean, empty.overall.bounds, empty.turns.len()), (None, None, 0));
}

#[test]
fn a_rating_off_the_scale_is_kept_and_seen() {
    let overall = summary(&[ratings("a", "", 1, &[100.0, 0.0, 5.0], 0)], 0.95).overall;
    assert_eq!((overall.mean.unwrap().point, overall.off_scale), (35.0, 2));
    assert_eq!(overall.mean_of_medians.unwrap().point, 5.0);
}

/// By hand, one turn and K = 2, so the one-way analysis of variance: means 5, 7, 9, within squares 2, 0, 8; MSW = 10/3,
/// MSB = 2 * 4 = 8, item variance (8 - 10/3)/2 = 7/3; SE² = 4/3, of which the judge's (10/3/2)/3 = 5/9.
#[test]
fn judge_and_item_variance_are_those_of_the_one_way_model() {
    let rows = [
        ratings("a", "", 1, &[4.0, 6.0], 0),
        ratings("b", "", 1, &[7.0, 7.0], 0),
        ratings("c", "", 1, &[7.0, 11.0], 0),
    ];
    let found = variance_components(&rows, 0.95).unwrap();
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    close(found.judge_variance.point, 10.0 / 3.0);
    close(found.item_variance.point, 7.0 / 3.0);
    close(found.standard_error.powi(2), 4.0 / 3.0);
    close(found.judge_standard_error.powi(2), 5.0 / 9.0);
    close(found.item_standard_error.powi(2), 7.0 / 9.0);
    assert_eq!((found.questions, found.fewest_repeats, found.most_repeats), (3, 2, 2));
}

/// 80 questions with item variance 4 (three quarters of it shared by both turns), judge variance 1 and three to five
/// repeats; also the variance of the items as they were drawn, which the judge hides.
fn simulated(stream: &mut impl rand::Rng) -> (Vec<TurnRatings>, f64) {
    let mut normal = || (0..12).map(|_| stream.random::<f64>()).sum::<f64>() - 6.0;
    let (mut rows, mut items) = (Vec::new(), Vec::new());
    for question in 0..80 {
        let shared = normal() * 3.0_f64.sqrt();
        let mut sum = 0.0;
        for turn in 1..=2 {
            let item = shared + normal() * 2.0_f64.sqrt() - turn as f64;
            let missing = (question + turn) % 3;
            let values = (missing..5).map(|_| 20.0 + item + normal()).collect::<Vec<_>>();
            rows.push(ratings(&question.to_string(), "", turn, &values, missing));
            sum += item / 2.0;
        }
        items.push(sum);
    }
    let mean = items.iter().sum::<f64>() / 80.0;
    let drawn = items.iter().map(|item| (item - mean).powi(2)).sum::<f64>() / 79.0;
    (rows, drawn)
}

#[test]
fn the_components_of_simulated_ratings_are_found_again() {
    let mut stream = Seed(7).stream(&["variance"]);
    let (mut judge_covered, mut item_covered, mut item_error) = (0, 0, 0.0);
    for _ in 0..200 {
        let (rows, drawn) = simulated(&mut stream);
        let found = variance_components(&rows, 0.95).unwrap();
        let covers = |estimate: crate::estimate::Estimate, truth: f64| {
            estimate.interval.is_some_and(|interval| interval.low < truth && truth < interval.high)
        };
        judge_covered += usize::from(covers(found.judge_variance, 1.0));
        item_covered += usize::from(covers(found.item_variance, 4.0));
        item_error += (found.item_variance.point - drawn) / 200.0;
        let parts = found.judge_standard_error.powi(2) + found.item_standard_error.powi(2);
        assert!((parts - found.standard_error.powi(2)).abs() < 1e-12);
    }
    assert!(judge_covered > 180 && item_covered > 170, "{judge_covered} {item_covered} of 200");
    assert!(item_error.abs() < 0.03, "the judge's part is taken off without bias: {item_error}");
}

#[test]
fn questions_without_repeats_in_every_turn_take_no_part_in_the_variance() {
    let rows = [
        ratings("a", "", 1, &[4.0, 6.0], 0),
        ratings("a", "", 2, &[4.0, 6.0], 0),
        ratings("b", "", 1, &[7.0, 7.0], 0),
        ratings("c", "", 1, &[7.0, 8.0], 0),
        ratings("c", "", 2, &[7.0], 1),
    ];
    assert_eq!(variance_components(&rows, 0.95), None);
}

fn turn_games(question: &str, games: &[(Option<Verdict>, Option<Verdict>)]) -> TurnGames {
    let games = games.iter().map(|(original, swapped)| Game { original: *original, swapped: *swapped }).collect();
    TurnGames { question: question.into(), category: "writing".into(), turn: 1, games }
}

#[test]
fn win_rates_are_those_of_the_published_table() {
    use Verdict::{First, Second, Tie};
    let rows = [
        turn_games("a", &[(Some(First), Some(Second))]),
        turn_games("b", &[(Some(Second), Some(First))]),
        turn_games("c", &[(Some(First), Some(First))]),
        turn_games("d", &[(Some(First), Some(Tie))]),
        turn_games("e", &[(Some(First), None)]),
        turn_games("f", &[(Some(First), Some(Second))]),
    ];
    let overall = pair_summary(&rows, 0.95).overall;
    assert_eq!((overall.wins, overall.ties, overall.losses, overall.unparsable), (2, 2, 1, 1));
    assert_eq!((overall.first_place, overall.second_place), (1, 0));
    let point = |estimate: Option<crate::estimate::Estimate>| estimate.unwrap().point;
    assert!((point(overall.win_rate) - 0.4).abs() < 1e-12);
    assert!((point(overall.loss_rate) - 0.2).abs() < 1e-12);
    assert!((point(overall.win_rate_adjusted) - 0.6).abs() < 1e-12);
    assert!((point(overall.agreement) - 0.6).abs() < 1e-12);
    assert_eq!(overall.win_rate.unwrap().clusters, 5);
}

#[test]
fn parts_of_scores_become_rows_of_the_summary() {
    let judged = scored(Mode::Single, 1, &["[[9]]", "no"]);
    let rows = TurnRatings::from_parts("q", "writing", &judged.parts);
    assert_eq!(rows, [ratings("q", "writing", 1, &[9.0], 0), ratings("q", "writing", 2, &[], 1)]);
}
