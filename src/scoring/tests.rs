//! Judging, end to end: task, expectation, response, score.

use crate::instance::Expectation;
use crate::request::{Decoding, Prompt, Request, Sampling};
use crate::response::{ContinuationLogProb, FinishReason, Generation, Response};
use crate::score::Score;
use crate::task::{FilterPipeline, FilterStep, Metric, MetricSpec, OutputType, RegexFilter, Scorer, Task, TaskProfile};

use super::{score, weight};

fn task(output: OutputType, filters: &[(&str, Vec<FilterStep>)], metrics: &[Metric]) -> Task {
    Task {
        name: "t".into(),
        alias: None,
        tags: Vec::new(),
        version: "1".into(),
        output,
        filters: filters
            .iter()
            .map(|(name, steps)| FilterPipeline { name: (*name).into(), steps: steps.clone() })
            .collect(),
        metrics: metrics.iter().map(|metric| MetricSpec::new(*metric)).collect(),
        num_fewshot: 0,
        repeats: 1,
        scorer: Scorer::Targets,
        profile: TaskProfile::default(),
    }
}

fn request() -> Request {
    Request::LogLikelihood { prompt: Prompt::Text("Q".into()), continuations: Vec::new() }
}

fn log_probs(rows: &[(f64, bool)]) -> Response {
    let one = |(sum_nats, is_greedy): &(f64, bool)| ContinuationLogProb {
        sum_nats: *sum_nats,
        tokens: 1,
        is_greedy: *is_greedy,
        prompt_tokens_cut: 0,
    };
    Response::LogProbs { continuations: rows.iter().map(one).collect() }
}

fn reply(text: &str) -> Response {
    Response::Generated(Generation {
        text: text.into(),
        token_ids: Vec::new(),
        finish: FinishReason::Length,
        prompt_tokens_cut: 0,
    })
}

fn generation() -> OutputType {
    OutputType::GenerateUntil(Decoding { max_new_tokens: 9, stop: Vec::new(), sampling: Sampling::Greedy, sample: 0 })
}

fn regex(pattern: &str, group_select: i32) -> FilterStep {
    FilterStep::Regex(RegexFilter { pattern: pattern.into(), group_select, fallback: "[invalid]".into() })
}

fn choice(choices: &[&str], gold: &[usize]) -> Expectation {
    Expectation::Choice { choices: choices.iter().map(|text| (*text).to_owned()).collect(), gold: gold.to_vec() }
}

fn credits(task: &Task, expectation: &Expectation, response: &Response) -> Vec<Option<f64>> {
    score(task, expectation, &request(), response).iter().map(|one| one.score.credit()).collect()
}

fn words(score: &Score) -> &str {
    match score {
        Score::Scored { explanation, .. } => explanation,
        Score::Unscored { reason } => reason,
    }
}

/// By hand: sums -4, -6 choose the first; per character -4/2 = -2 and -6/6 = -1 choose the second.
#[test]
fn acc_takes_the_likeliest_option_and_acc_norm_the_likeliest_per_character() {
    let task =
        task(OutputType::MultipleChoice, &[("none", vec![])], &[Metric::Acc, Metric::AccNorm, Metric::ExactMatch]);
    let response = log_probs(&[(-4.0, false), (-6.0, true)]);
    let credits = credits(&task, &choice(&["no", "élèves"], &[1]), &response);
    assert_eq!(credits, [Some(0.0), Some(1.0), Some(1.0)]);
}

#[test]
fn ties_go_to_the_first_option_and_any_gold_option_is_right() {
    let task = task(OutputType::MultipleChoice, &[("none", vec![])], &[Metric::Acc]);
    let tie = log_probs(&[(-2.0, false), (-1.0, false), (-1.0, false)]);
    assert_eq!(credits(&task, &choice(&["A", "B", "C"], &[2]), &tie), [Some(0.0)]);
    assert_eq!(credits(&task, &choice(&["A", "B", "C"], &[0, 1]), &tie), [Some(1.0)]);
    let scores = score(&task, &choice(&["A", "B", "C"], &[2]), &request(), &tie);
    assert_eq!(words(&scores[0].score), r#"chose "B" (-1.000 nats), expected "C" (-1.000)"#);
}

#[test]
fn a_choice_that_cannot_be_judged_is_unscored_with_the_reason() {
    let task = task(OutputType::MultipleChoice, &[("none", vec![])], &[Metric::Acc, Metric::BitsPerByte]);
    let two = choice(&["A", "B"], &[0]);
    for (expectation, response, reason) in [
        (&two, log_probs(&[(-1.0, false)]), "1 log-probabilities for 2 options"),
        (&two, log_probs(&[(f64::NAN, false), (-1.0, false)]), "option 1 is not a number"),
        (&choice(&["A", "B"], &[7]), log_probs(&[(-1.0, false), (-1.0, false)]), "is not among the 2 options"),
        (&choice(&[], &[]), log_probs(&[]), "for 0 options"),
        (&two, reply("A"), "another kind"),
        (&two, Response::Failed { reason: "context too long".into() }, "context too long"),
    ] {
        let scores = score(&task, expectation, &request(), &response);
        assert_eq!(scores.len(), 2);
        assert_eq!(scores[0].score.credit(), None);
        assert!(words(&scores[0].score).contains(reason), "{:?}", scores[0].score);
    }
    let fine = score(&task, &two, &request(), &log_probs(&[(f64::NEG_INFINITY, false), (-1.0, false)]));
    assert_eq!(fine[0].score.credit(), Some(0.0));
    assert!(words(&fine[1].score).contains("bits_per_byte is not defined for multiple_choice"));
}

#[test]
fn a_continuation_is_right_if_greedy_decoding_gives_it() {
    let task = task(OutputType::LogLikelihood, &[("none", vec![])], &[Metric::Acc, Metric::Perplexity]);
    let expectation = Expectation::Continuation { text: "moon".into() };
    assert_eq!(credits(&task, &expectation, &log_probs(&[(-2.5, true)])), [Some(1.0), Some(2.5)]);
    assert_eq!(credits(&task, &expectation, &log_probs(&[(-2.5, false)])), [Some(0.0), Some(2.5)]);
    assert_eq!(credits(&task, &expectation, &log_probs(&[(f64::NEG_INFINITY, false)])), [Some(0.0), None]);
    assert_eq!(credits(&task, &expectation, &log_probs(&[])), [None, None]);
}

/// By hand: 12 UTF-8 bytes, 4 words, log P -6: 1.5 nats a word, 0.5 nats a byte, 0.5 / ln 2 bits a byte.
#[test]
fn a_document_counts_its_words_and_bytes() {
    let metrics = [Metric::WordPerplexity, Metric::BytePerplexity, Metric::BitsPerByte];
    let task = task(OutputType::LogLikelihoodRolling, &[("none", vec![])], &metrics);
    let request = Request::Rolling { text: "é is a leaf".into() };
    let response = Response::Rolling { sum_nats: -6.0, tokens: 4 };
    let found = score(&task, &Expectation::Document, &request, &response);
    let found = found.iter().map(|one| one.score.credit().unwrap()).collect::<Vec<_>>();
    let expected = [1.5, 0.5, 0.5 / std::f64::consts::LN_2];
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    assert_eq!(metrics.map(|metric| weight(metric, &Expectation::Document, &request)), [4.0, 12.0, 12.0]);
    let empty = score(&task, &Expectation::Document, &Request::Rolling { text: String::new() }, &response);
    assert!(words(&empty[0].score).contains("empty"));
}

#[test]
fn every_pipeline_is_judged_by_every_metric_in_the_tasks_order() {
    let strict = vec![regex(r"answer is (\([A-D]\))\.", 0), FilterStep::TakeFirst];
    let flexible = vec![regex(r"\([A-D]\)", -1), FilterStep::TakeFirst];
    let task = task(generation(), &[("strict", strict), ("flexible", flexible)], &[Metric::ExactMatch]);
    let expectation = Expectation::Text { targets: vec!["(B)".into()], choices: Vec::new() };
    let scores = score(&task, &expectation, &request(), &reply("Not (A). I say (B)"));
    let told =
        scores.iter().map(|one| (one.filter.as_str(), one.metric.as_str(), one.score.credit())).collect::<Vec<_>>();
    assert_eq!(told, [("strict", "exact_match", Some(0.0)), ("flexible", "exact_match", Some(1.0))]);
    assert_eq!(words(&scores[0].score), r#"filter strict found no answer in "Not (A). I say (B)", expected "(B)""#);
    assert_eq!(words(&scores[1].score), r#"answered "(B)", as expected"#);
}

/// PROTOCOLS of the reference harness: what its BBH pattern makes of four replies.
#[test]
fn the_reference_pattern_for_bbh_keeps_its_known_faults() {
    let steps = vec![regex("(?<=the answer is )(.*)(?=.)", 0), FilterStep::TakeFirst];
    let task = task(generation(), &[("get-answer", steps)], &[Metric::ExactMatch]);
    let expectation = Expectation::Text { targets: vec!["(B)".into()], choices: Vec::new() };
    for (text, answer) in [
        ("So the answer is (B).", "(B)"),
        ("the answer is (B)", "(B"),
        ("the answer is (B). ", "(B)."),
        ("the answer is 5", ""),
    ] {
        let scores = score(&task, &expectation, &request(), &reply(text));
        let Score::Scored { answer: found, credit, .. } = &scores[0].score else { panic!("scored") };
        assert_eq!((found.as_str(), *credit > 0.5), (answer, answer == "(B)"), "{text}");
    }
}

#[test]
fn steps_follow_each_other_and_an_unknown_entry_of_a_map_is_wrong() {
    let mapping = [("yes".to_owned(), "1".to_owned())].into();
    let steps = vec![
        FilterStep::RemoveWhitespace,
        FilterStep::StripPeriod,
        FilterStep::Lowercase,
        FilterStep::Map { mapping, default: None },
    ];
    let task = task(generation(), &[("map", steps)], &[Metric::ExactMatch]);
    let expectation = Expectation::Text { targets: vec!["1".into()], choices: Vec::new() };
    assert_eq!(credits(&task, &expectation, &reply("  \n YES. ")), [Some(1.0)]);
    assert_eq!(credits(&task, &expectation, &reply("maybe")), [Some(0.0)]);
}

#[test]
fn a_reply_that_makes_a_pattern_explode_is_unscored_not_wrong() {
    let task = task(generation(), &[("slow", vec![regex(r"^(?:(?=a)a|a|aa)+(?=b)", 0)])], &[Metric::ExactMatch]);
    let expectation = Expectation::Text { targets: vec!["a".into()], choices: Vec::new() };
    let scores = score(&task, &expectation, &request(), &reply(&"a".repeat(80)));
    assert!(scores[0].score.credit().is_none() && words(&scores[0].score).contains("given up"));
    let broken = self::task(generation(), &[("bad", vec![regex("(", 0)])], &[Metric::ExactMatch]);
    let scores = score(&broken, &expectation, &request(), &reply("a"));
    assert!(words(&scores[0].score).contains("not valid"));
}

#[test]
fn explanations_shorten_long_texts_and_escape_control_characters() {
    let task = task(generation(), &[("none", vec![])], &[Metric::ExactMatch]);
    let targets = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    let scores =
        score(&task, &Expectation::Text { targets, choices: Vec::new() }, &request(), &reply(&"\u{1b}é".repeat(500)));
    let told = words(&scores[0].score);
    assert!(told.contains("(1000 characters)") && told.contains("or 2 more") && !told.contains('\u{1b}'), "{told}");
    assert!(told.chars().count() < 600);
}
