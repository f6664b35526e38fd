#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
use super::*;

fn check(id: &str, kwargs: &str) -> Check {
    Check { id: id.into(), kwargs: serde_json::from_str(kwargs).unwrap() }
}

fn survives(original: &str, perturbed: &str, id: &str, kwargs: &str) -> Result<(), LostArgument> {
    arguments_survive(original, perturbed, &[&check(id, kwargs)])
}

fn spans(text: &str, id: &str, kwargs: &str) -> Vec<String> {
    let mut spans = argument_spans(text, &[&check(id, kwargs)]);
    spans.sort_by_key(|span| (span.range.start, span.range.end));
    spans.into_iter().map(|span| text[span.range].to_owned()).collect()
}

#[test]
fn a_keyword_must_be_stated_as_often_and_in_the_same_letters() {
    let kwargs = r#"{"keywords": ["river", "Sarah"]}"#;
    let original = "Write of the River and the river, for sarah.";
    let survives = |perturbed: &str| survives(original, perturbed, "keywords:existence", kwargs);
    assert_eq!(survives("Pen something of the River and the river, for sarah!"), Ok(()));
    let lost = survives("Write of the River and the rivr, for sarah.").unwrap_err();
    assert_eq!((lost.before, lost.after), (2, 1));
    assert!(lost.to_string().contains("keywords = \"river\""), "{lost}");
    assert!(survives("Write of the RIVER and the river, for sarah.").is_err(), "another case");
    assert!(survives("Write of the River and the river by the river, for sarah.").is_err(), "stated once more");
    assert!(survives("Write of the River and the river, for Sarahh.").is_err());
}

#[test]
fn a_prompt_to_repeat_must_stay_whole_but_for_nothing() {
    let kwargs = r#"{"prompt_to_repeat": "Name a tree. Say why."}"#;
    let original = "Repeat the request first.\n\nName a tree.  Say why.";
    let id = "combination:repeat_prompt";
    assert_eq!(survives(original, "Repeat the request first!\n\nName a tree.  Say why.", id, kwargs), Ok(()));
    assert!(survives(original, "Repeat the request first.\n\nName a tree.  Say why", id, kwargs).is_err());
    assert!(survives(original, "Repeat the request first.\n\nName one tree. Say why.", id, kwargs).is_err());
}

#[test]
fn numbers_count_in_digits_and_words_and_with_their_neighbours_in_relations() {
    let relation = r#"{"relation": "less than", "num_words": 31}"#;
    let id = "length_constraints:number_words";
    assert!(survives("At most thirty words.", "At most thirthy words.", id, relation).is_err());
    assert!(survives("At most 30 words.", "At most 31 words.", id, relation).is_err());
    assert!(survives("In 3 lines, 30 words.", "In 4 lines, 30 words.", id, relation).is_err(), "any digit");
    let third = r#"{"nth_paragraph": 3, "num_paragraphs": 5}"#;
    let id = "length_constraints:nth_paragraph_first_word";
    assert!(survives("The third of five paragraphs", "The thrd of five paragraphs", id, third).is_err());
}

#[test]
fn relations_negations_and_the_subject_must_not_get_lost() {
    let id = "detectable_format:number_bullet_lists";
    let kwargs = r#"{"num_bullets": 2}"#;
    let original = "Give at least two bullet points, no more.";
    assert_eq!(survives(original, "Please give at least two bullet points, no more.", id, kwargs), Ok(()));
    for lost in ["Give at most two bullet points, no more.", "Give at least two bulet points, no more."] {
        assert!(survives(original, lost, id, kwargs).is_err(), "{lost}");
    }
    assert!(survives(original, "Give at least two bullet points, more.", id, kwargs).is_err());
}

#[test]
fn a_letter_counts_where_it_is_mentioned_and_nowhere_else() {
    let kwargs = r#"{"letter": "a", "let_frequency": 40, "let_relation": "at least"}"#;
    let id = "keywords:letter_frequency";
    let original = "Write a poem in which the letter a or \"A\" appears.";
    assert_eq!(survives(original, "Write poem in which the letter a or \"A\" appears.", id, kwargs), Ok(()));
    assert!(survives(original, "Write a poem in which the letter A or \"A\" appears.", id, kwargs).is_err());
    assert_eq!(spans("Type # twice!", id, r##"{"letter": "#"}"##), ["#"]);
}

#[test]
fn spans_hold_arguments_shapes_and_subjects() {
    let text = "Answer in Korean. Use <<title>>, *this*, P.S. and commas.";
    assert_eq!(spans(text, "language:response_language", r#"{"language": "ko"}"#)[..2], ["in Korean", "<<title>>"]);
    let all = spans(text, "punctuation:no_comma", "{}");
    assert_eq!(all, ["<<title>>", "*", "*this*", "P.S.", "commas"]);
    assert!(argument_spans(text, &[]).is_empty());
}

#[test]
fn hostile_arguments_are_no_trouble() {
    let odd =
        r#"{"keywords": ["", " ", "\u0000", ["x"], null, true, {"a": 1}], "n": -1, "m": 1e300, "language": "??"}"#;
    let text = "İstanbul ß \u{0} ﬃ \u{85} x";
    assert_eq!(survives(text, text, "no:such", odd), Ok(()));
    assert!(spans(text, "", odd).len() < 10);
}
