//! `AlpacaEval` on its published files: outputs and annotations of alpaca-7b, leaderboard rows, judge configurations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stderr, missing_docs)]

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use wit_eval::data::alpaca_eval::{
    Annotation, ModelOutput, annotations_json, outputs_json, parse_annotations, parse_outputs, read_annotations,
    read_evaluator, read_outputs,
};
use wit_eval::data::shipped_file;
use wit_eval::instance::{Baseline, Expectation};
use wit_eval::request::{Prompt, Request};
use wit_eval::response::Response;
use wit_eval::scoring::alpaca_eval::{
    Annotator, AnswerForm, CallSettings, Comparison, DifficultyTable, GamedRow, LengthControlSettings, Preference,
    Summary, Verdict, calls, chat_ml_prompt, length_controlled,
};
use wit_eval::seed::Seed;

/// `AlpacaEval` 2 and 1.
const ANNOTATIONS: [&str; 2] = ["alpaca-7b.weighted_alpaca_eval_gpt4_turbo.json", "alpaca-7b.alpaca_eval_gpt4.json"];

/// The folder with `AlpacaEval`'s files; `None`, with the reason printed, where it is missing.
fn folder() -> Option<PathBuf> {
    let fixtures = std::env::var_os("WIT_EVAL_FIXTURES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures")), PathBuf::from);
    let folder = fixtures.join("../data/alpaca_eval");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is missing", folder.display());
    None
}

fn annotations(number: usize) -> Option<Vec<Annotation>> {
    Some(read_annotations(&folder()?.join("annotations").join(ANNOTATIONS[number])).unwrap())
}

fn comparisons(annotations: &[Annotation]) -> Vec<Comparison> {
    annotations.iter().enumerate().map(|(position, annotation)| annotation.comparison(position)).collect()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

/// The row of a published leaderboard file, by column.
fn leaderboard(file: &str, model: &str) -> impl Fn(&str) -> f64 {
    let path = folder().unwrap().join("leaderboards").join(file);
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let row = reader.records().map(Result::unwrap).find(|row| &row[0] == model).unwrap();
    move |column| row[header.iter().position(|found| found == column).unwrap()].parse().unwrap()
}

fn equals_leaderboard(summary: &Summary, published: impl Fn(&str) -> f64) {
    let row = summary.leaderboard_row();
    // Stored preferences have ten decimals.
    close(row.win_rate, published("win_rate"), 5e-9);
    close(row.standard_error.unwrap(), published("standard_error"), 5e-9);
    close(row.discrete_win_rate, published("discrete_win_rate"), 1e-12);
    let counts = [row.n_wins, row.n_wins_base, row.n_draws, row.n_total].map(|count| count as f64);
    for (count, column) in counts.into_iter().zip(["n_wins", "n_wins_base", "n_draws", "n_total"]) {
        close(count, published(column), 0.0);
    }
    close(row.avg_length as f64, published("avg_length"), 0.0);
}

#[test]
fn the_leaderboard_row_of_alpaca_7b_under_alpaca_eval_2_is_reproduced() {
    let Some(annotations) = annotations(0) else { return };
    let summary = Summary::new(&comparisons(&annotations), 0.95).unwrap();
    equals_leaderboard(&summary, leaderboard("weighted_alpaca_eval_gpt4_turbo_leaderboard.csv", "alpaca-7b"));
    assert_eq!(format!("{:.3}", summary.leaderboard_row().win_rate), "2.591");
    let interval = summary.win_rate.interval.unwrap();
    assert!(0.015 < interval.low && interval.low < 0.0259 && 0.0259 < interval.high && interval.high < 0.04);
}

#[test]
fn the_leaderboard_row_of_alpaca_7b_under_alpaca_eval_1_is_reproduced() {
    let Some(annotations) = annotations(1) else { return };
    let summary = Summary::new(&comparisons(&annotations), 0.95).unwrap();
    equals_leaderboard(&summary, leaderboard("alpaca_eval_gpt4_leaderboard.csv", "alpaca-7b"));
}

#[test]
fn average_lengths_of_published_outputs_are_those_of_the_leaderboard() {
    let Some(folder) = folder() else { return };
    for (model, file) in [
        ("gpt4_1106_preview", "weighted_alpaca_eval_gpt4_turbo_leaderboard.csv"),
        ("text_davinci_003", "alpaca_eval_gpt4_leaderboard.csv"),
        ("gemma-2b-it", "weighted_alpaca_eval_gpt4_turbo_leaderboard.csv"),
        ("FuseChat-Llama-3.2-1B-Instruct", "weighted_alpaca_eval_gpt4_turbo_leaderboard.csv"),
    ] {
        let outputs = read_outputs(&folder.join("outputs").join(format!("{model}.json"))).unwrap();
        let comparison = |output: &ModelOutput| Comparison::new(0, Some(Preference::DRAW), "", &output.output);
        let summary = Summary::new(&outputs.iter().map(comparison).collect::<Vec<_>>(), 0.95).unwrap();
        close(summary.leaderboard_row().avg_length as f64, leaderboard(file, model)("avg_length"), 0.0);
    }
}

/// Each stored preference is `2 - P` of the stored log-probabilities, or `3 - (2 - P)` where the answers had been shown
/// in the other order. The three exceptions have no stored answer: both outputs are equal, which is a draw without a
/// question.
#[test]
fn every_stored_preference_follows_from_the_stored_log_probabilities() {
    let Some(annotations) = annotations(0) else { return };
    let (mut straight, mut flipped, mut unasked) = (0, 0, 0);
    for annotation in &annotations {
        let stored = annotation.preference.unwrap();
        let (Some(first), Some(second)) = (annotation.first_token_log_prob("m"), annotation.first_token_log_prob("M"))
        else {
            assert_eq!(annotation.output_1, annotation.output_2);
            close(stored, 1.5, 0.0);
            unasked += 1;
            continue;
        };
        let derived = Preference::from_log_probs(first, second).unwrap();
        // Both numbers are stored with ten decimals; a log-probability near 0 makes 5e-11 of P.
        let equals = |preference: Preference| (preference.value() - stored).abs() < 2e-10;
        match (equals(derived), equals(derived.flipped())) {
            (true, false) => straight += 1,
            (false, true) => flipped += 1,
            other => unreachable!("{other:?}: {} is not {stored}", derived.value()),
        }
    }
    assert_eq!((straight, flipped, unasked), (399, 403, 3));
}

/// The order of all 802 questions is that of the published run: otherwise preferences near 1 would come out near 2.
#[test]
fn replaying_the_stored_answers_gives_every_stored_preference_in_the_published_order() {
    let (Some(annotations), Some(folder)) = (annotations(0), folder()) else { return };
    let annotator = read_evaluator(&folder.join("evaluators/weighted_alpaca_eval_gpt4_turbo")).unwrap();
    let settings = CallSettings { seed: Seed(0), repeats: 1 };
    for annotation in &annotations {
        let baseline =
            Baseline { generator: annotation.generator_1.clone(), replies: vec![annotation.output_1.clone()] };
        let expectation = Expectation::Judged {
            category: String::new(),
            questions: vec![annotation.instruction.clone()],
            references: Vec::new(),
            baseline: Some(baseline),
        };
        let calls = calls(&annotator, &expectation, &annotation.output_2, settings).unwrap();
        let (first, second) = (annotation.first_token_log_prob("m"), annotation.first_token_log_prob("M"));
        assert_eq!(calls.is_empty(), first.is_none());
        let answered = calls
            .into_iter()
            .map(|call| (call, Response::NextToken { log_probs: vec![first.unwrap(), second.unwrap()] }));
        let verdict = Verdict::new(&annotator, &expectation, &annotation.output_2, &answered.collect::<Vec<_>>());
        close(verdict.preference().unwrap().value(), annotation.preference.unwrap(), 2e-10);
    }
}

#[test]
fn sigma_and_length_differences_of_the_published_outputs_are_pandas_numbers() {
    let Some(annotations) = annotations(0) else { return };
    let comparisons = comparisons(&annotations);
    assert_eq!(comparisons.iter().map(|comparison| comparison.length_difference).sum::<i64>(), 1_330_748);
    let settings = LengthControlSettings { seed: Seed(0), draws: 0, level: 0.95 };
    // numpy: `np.std(delta, ddof=1)`.
    close(length_controlled(&comparisons, None, settings).unwrap().length_difference_sd, 1_032.211_565_992_144_2, 1e-9);
}

/// A made-up table in the place of `df_gamed.csv`, which is not among the data.
fn table(instructions: usize) -> DifficultyTable {
    let row = |i: usize| GamedRow {
        position: i % instructions,
        share: f64::midpoint(1.0, (3.1 * i as f64 + 0.5).sin()),
        standardized_length_difference: 2.0 * (1.7 * i as f64).cos(),
        difficulty: ((i % instructions) as f64).sin(),
        not_gamed: false,
    };
    DifficultyTable::new((0..2 * instructions).map(row).collect()).unwrap()
}

/// Golden: scikit-learn 1.5.2, numpy 2.4.6, liblinear at a tolerance of 1e-12 on the same rows; at its default
/// tolerance of 1e-4, which `AlpacaEval` leaves as it is, it gives 19.549, 3.890, 25.773 and 27.301.
#[test]
fn length_controlled_win_rates_of_real_annotations_equal_scikit_learn() {
    let golden = [
        (0, false, 2.782_559_402_207_126, [-4.257_007_578_268_727, 0.0, -1.410_811_712_358_06], 19.610_605_958_552_28),
        (
            0,
            true,
            0.359_381_366_380_462_6,
            [-0.388_488_020_031_028_7, 0.0, -3.207_349_936_313_314_7],
            3.889_006_660_832_733_6,
        ),
        (
            1,
            false,
            2.782_559_402_207_126,
            [-2.354_796_553_029_122_4, 0.0, -1.057_810_090_168_570_7],
            25.772_817_167_962_632,
        ),
        (
            1,
            true,
            2.782_559_402_207_126,
            [-1.180_177_820_297_679, 0.110_918_481_466_212_57, -0.980_786_509_489_005_7],
            27.300_989_453_514_607,
        ),
    ];
    let settings = LengthControlSettings { seed: Seed(0), draws: 0, level: 0.95 };
    for (number, full, inverse_penalty, coefficients, win_rate) in golden {
        let Some(annotations) = annotations(number) else { return };
        let table = full.then(|| table(annotations.len()));
        let found = length_controlled(&comparisons(&annotations), table.as_ref(), settings).unwrap();
        close(found.inverse_penalty, inverse_penalty, 1e-9);
        close(found.coefficients.length, coefficients[0], 1e-6);
        close(found.coefficients.difficulty.unwrap_or_default(), coefficients[1], 1e-6);
        close(found.coefficients.not_gamed, coefficients[2], 1e-6);
        close(100.0 * found.win_rate.point, win_rate, 1e-5);
    }
}

/// Byte for byte, but for the outputs of alpaca-7b, whose keys stand in another order.
#[test]
fn published_files_come_out_as_they_went_in() {
    let Some(folder) = folder() else { return };
    for file in ANNOTATIONS {
        let text = fs::read_to_string(folder.join("annotations").join(file)).unwrap();
        let written = annotations_json(&parse_annotations(file, &text).unwrap()).unwrap();
        assert!(written == text, "{file}: {}", first_difference(&written, &text));
    }
    for model in ["gpt4_1106_preview", "text_davinci_003", "gemma-2b-it", "FuseChat-Llama-3.2-1B-Instruct", "alpaca-7b"]
    {
        let text = fs::read_to_string(folder.join("outputs").join(format!("{model}.json"))).unwrap();
        let written = outputs_json(&parse_outputs(model, &text).unwrap()).unwrap();
        if model == "alpaca-7b" {
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(parse(&written), parse(&text));
        } else {
            assert!(written == text, "{model}: {}", first_difference(&written, &text));
        }
    }
}

fn first_difference(written: &str, text: &str) -> String {
    let at = written.bytes().zip(text.bytes()).position(|(a, b)| a != b).unwrap_or_default();
    let excerpt = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(40)..(at + 40).min(text.len())]).into_owned()
    };
    format!("wrote {:?} for {:?}", excerpt(written), excerpt(text))
}

#[test]
fn annotations_of_our_own_are_read_back_with_the_same_preference() {
    let output = |generator: &str, output: &str| ModelOutput {
        dataset: Some("own".into()),
        instruction: "i".into(),
        output: output.into(),
        generator: generator.into(),
        extra: serde_json::Map::new(),
    };
    let preference = Preference::from_log_probs(Some(-0.123_456_789_012_345), Some(-2.5));
    let own = Annotation::new(&output("b", "base"), &output("m", "mine"), "judge", preference);
    let text = annotations_json(std::slice::from_ref(&own)).unwrap();
    let read = parse_annotations("own", &text).unwrap();
    assert_eq!(read, [own]);
    assert_eq!(read[0].comparison(0).preference, preference);
}

#[test]
fn alpaca_evals_own_judge_folders_can_be_used() {
    let Some(folder) = folder() else { return };
    let read = |name: &str| read_evaluator(&folder.join("evaluators").join(name));
    for (name, form) in [
        ("weighted_alpaca_eval_gpt4_turbo", AnswerForm::Weighted),
        ("alpaca_eval_clf_gpt4_turbo", AnswerForm::LikelierToken),
        ("alpaca_eval_gpt4", AnswerForm::Ranking),
    ] {
        let annotator = read(name).unwrap();
        assert_eq!((annotator.form(), annotator.prompt().name.as_str()), (form, name));
        assert!(annotator.prompt().prompt_template.contains("{output_2}"));
        assert!(!annotator.prompt().prompt_template.contains("<|im_"));
    }
    assert!(read("alpaca_eval_gpt4_turbo_fn").unwrap_err().to_string().contains("configs.yaml"));
}

#[test]
fn a_judge_folder_that_asks_for_more_than_is_supported_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let judge = folder.path().join("judge");
    fs::create_dir(&judge).unwrap();
    fs::write(folder.path().join("secret.txt"), "<|im_start|>user\nx<|im_end|>").unwrap();
    fs::write(judge.join("p.txt"), "<|im_start|>user\n{instruction}{output_1}<|im_end|>").unwrap();
    for (prompt, rest, why) in [
        ("judge/p.txt", "  fn_completion_parser: ranking_parser\n", "{output_2}"),
        ("../judge/p.txt", "  fn_completion_parser: ranking_parser\n", "no file beside"),
        ("/etc/hostname", "  fn_completion_parser: ranking_parser\n", "no file beside"),
        ("judge/p.txt", "  fn_completion_parser: lmsys_parser\n", "`lmsys_parser`"),
        ("judge/p.txt", "  fn_completion_parser: ranking_parser\n  batch_size: 5\n", "batch_size"),
        ("judge/p.txt", "  fn_completion_parser: logprob_parser\n", "numerator_token"),
        ("judge/p.txt", "", "fn_completion_parser"),
    ] {
        fs::write(judge.join("configs.yaml"), format!("j:\n  prompt_template: {prompt}\n{rest}")).unwrap();
        let error = read_evaluator(&judge).unwrap_err().to_string();
        assert!(error.contains("configs.yaml") && error.contains(why), "{error}");
    }
}

#[test]
fn the_shipped_judge_prompts_ask_for_what_is_read() {
    let shown = |file: &str, form| {
        let text = std::str::from_utf8(shipped_file(&format!("alpaca_eval/{file}.txt")).unwrap()).unwrap();
        let annotator = Annotator::new(chat_ml_prompt(file, text).unwrap(), form).unwrap();
        let expectation = Expectation::Judged {
            category: String::new(),
            questions: vec!["Name a colour.".into()],
            references: Vec::new(),
            baseline: Some(Baseline { generator: "b".into(), replies: vec!["Red.".into()] }),
        };
        let settings = CallSettings { seed: Seed(0), repeats: 1 };
        calls(&annotator, &expectation, "Blue.", settings).unwrap().remove(0).request
    };
    let Request::NextToken { prompt: prompt @ Prompt::Chat { .. }, candidates } =
        shown("weighted", AnswerForm::Weighted)
    else {
        unreachable!("one token is asked")
    };
    let text = prompt.as_readable_text();
    assert_eq!(candidates, ["m", "M"]);
    assert!(text.ends_with("m or M."));
    for part in ["Name a colour.", "Red.", "Blue."] {
        assert_eq!(text.matches(part).count(), 1, "{part}");
    }
    let Request::Generate { decoding, .. } = shown("ranking", AnswerForm::Ranking) else {
        unreachable!("a ranking is asked")
    };
    assert_eq!(decoding.max_new_tokens, 100);
}
