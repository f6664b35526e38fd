use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{CASES, build};
use crate::instance::Check;
use crate::scoring::instructions::{BoxedCheck, CheckError};
use crate::task::VerifierMode;

/// All constraints of the benchmark.
const IDS: [&str; 58] = [
    "count:conjunctions",
    "count:keywords_multiple",
    "count:numbers",
    "count:person_names",
    "count:pronouns",
    "count:punctuation",
    "count:unique_word_count",
    "count:word_count_range",
    "count:words_japanese",
    "custom:character_reverse",
    "custom:csv_city",
    "custom:csv_quotes",
    "custom:csv_special_character",
    "custom:date_format_list",
    "custom:european_capitals_sort",
    "custom:mcq_count_length",
    "custom:multiples",
    "custom:reverse_newline",
    "custom:sentence_alphabet",
    "custom:word_reverse",
    "format:emoji",
    "format:line_indent",
    "format:list",
    "format:newline",
    "format:no_bullets_bullets",
    "format:no_whitespace",
    "format:options",
    "format:output_template",
    "format:parentheses",
    "format:quote_unquote",
    "format:quotes",
    "format:sub-bullets",
    "format:thesis",
    "format:title_case",
    "ratio:overlap",
    "ratio:sentence_balance",
    "ratio:sentence_type",
    "ratio:sentence_words",
    "ratio:stop_words",
    "repeat:repeat_change",
    "repeat:repeat_simple",
    "repeat:repeat_span",
    "sentence:alliteration_increment",
    "sentence:increment",
    "sentence:keyword",
    "words:alphabet",
    "words:consonants",
    "words:keywords_specific_position",
    "words:last_first",
    "words:no_consecutive",
    "words:odd_even_syllables",
    "words:palindrome",
    "words:paragraph_last_first",
    "words:prime_lengths",
    "words:repeats",
    "words:start_verb",
    "words:vowel",
    "words:words_position",
];

fn check(id: &str, kwargs: &Value) -> Check {
    Check { id: id.to_owned(), kwargs: kwargs.as_object().cloned().unwrap_or_default() }
}

fn built(id: &str, kwargs: &Value) -> Result<BoxedCheck, CheckError> {
    build(&check(id, kwargs), VerifierMode::Official).unwrap()
}

/// Of every shipped case the identifier, the arguments and the strict verdict in mode `official`.
fn cases() -> Vec<(String, Map<String, Value>, Option<bool>)> {
    let files = CASES.into_iter().map(|(_, text)| toml::from_str::<Value>(text).unwrap());
    let cases = files.flat_map(|file| file["case"].as_array().unwrap().clone());
    cases
        .map(|case| {
            let kwargs = case.get("kwargs").and_then(Value::as_object).cloned().unwrap_or_default();
            (case["id"].as_str().unwrap().to_owned(), kwargs, case.get("strict").and_then(Value::as_bool))
        })
        .collect()
}

#[test]
fn every_constraint_has_a_case_that_passes_and_one_that_does_not() {
    for verdict in [true, false] {
        let seen = cases().into_iter().filter(|(_, _, strict)| *strict == Some(verdict)).map(|(id, ..)| id);
        let seen = seen.collect::<BTreeSet<_>>();
        assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), IDS, "{verdict}");
    }
}

#[test]
fn an_unknown_identifier_is_nobodys() {
    for id in ["count:letters", "keywords:existence", "count", ""] {
        assert!(build(&check(id, &json!({})), VerifierMode::Official).is_none(), "{id}");
    }
}

/// Where the benchmark's program draws at random or ends with an exception.
#[test]
fn a_missing_or_senseless_argument_is_an_error_that_names_it() {
    for (id, kwargs, named) in [
        ("count:numbers", json!({}), "\"N\""),
        ("count:numbers", json!({"N": null}), "\"N\""),
        ("count:numbers", json!({"N": -1}), "\"N\""),
        ("count:numbers", json!({"N": 1.5}), "\"N\""),
        ("count:words_japanese", json!({"N": 0}), "\"N\""),
        ("count:keywords_multiple", json!({"keyword1": "a"}), "\"keyword2\""),
        ("ratio:overlap", json!({"percentage": 3}), "\"reference_text\""),
        ("sentence:keyword", json!({"word": " ", "N": 1}), "\"word\""),
        ("format:list", json!({"sep": ""}), "\"sep\""),
        ("format:options", json!({"options": ["a", "b"]}), "\"options\""),
        ("format:quotes", json!({"N": 1}), "\"N\""),
        ("repeat:repeat_change", json!({"prompt_to_repeat": ""}), "\"prompt_to_repeat\""),
        ("words:keywords_specific_position", json!({"keyword": "a", "n": 1, "m": 0}), "\"m\""),
    ] {
        let Err(error) = built(id, &kwargs) else { panic!("{id} {kwargs}") };
        assert!(error.to_string().contains(named) && error.to_string().contains(id), "{error}");
    }
}

#[test]
fn numbers_may_be_written_as_floats_and_absent_arguments_as_nulls() {
    let follows = built("count:numbers", &json!({"N": 2.0, "word": null})).unwrap();
    assert!(follows("1 and 2"));
}

#[test]
fn hostile_replies_get_the_same_verdict_every_time() {
    let nested = "([{<i>\"'*-. ".repeat(100);
    let replies = ["", " ", "\n", "\r", "a\rb", "\"", "'", "*", "\u{0}", "İ", "<i></i", &nested, "😀🏽\u{200d}"];
    let mut cases = cases();
    cases.dedup_by(|after, before| after.0 == before.0);
    for (id, kwargs, _) in cases {
        for mode in [VerifierMode::Official, VerifierMode::Fixed] {
            let check = Check { id: id.clone(), kwargs: kwargs.clone() };
            let [first, second] = [(); 2].map(|()| build(&check, mode).unwrap().unwrap());
            assert!(replies.iter().all(|reply| first(reply) == second(reply)), "{id}");
        }
    }
}

#[test]
fn a_long_reply_of_line_breaks_is_judged_in_linear_time() {
    let reply = "\n".repeat(200_000) + "a";
    for (id, expected) in [("format:line_indent", false), ("format:newline", true), ("custom:mcq_count_length", false)]
    {
        assert_eq!(built(id, &json!({})).unwrap()(&reply), expected, "{id}");
    }
}
