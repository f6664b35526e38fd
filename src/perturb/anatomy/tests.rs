//! Tests of the reading of queries.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use super::*;

fn options(query: &str) -> Option<Vec<String>> {
    let structure = parse(query);
    assert_eq!(structure.render(), query, "the reading must be lossless");
    structure.options.map(|list| list.texts().into_iter().map(str::to_owned).collect())
}

fn names(query: &str) -> Vec<String> {
    let structure = parse(query);
    assert_eq!(structure.render(), query);
    structure.fields.into_iter().chain(structure.tail).map(|field| field.name).collect()
}

fn cue(query: &str) -> Option<String> {
    let structure = parse(query);
    assert_eq!(structure.render(), query);
    structure.cue.map(|cue| cue.name)
}

#[test]
fn an_mmlu_query_has_a_question_four_options_and_a_cue() {
    let query = "What is 2+2?\nA. 3\nB. 4\nC. 5\nD. 22\nAnswer:";
    let structure = parse(query);
    let list = structure.options.clone().unwrap();
    assert_eq!(list.labels(), ["A", "B", "C", "D"]);
    assert_eq!(list.texts(), ["3", "4", "5", "22"]);
    assert_eq!((list.style, list.wrapper.to_string()), (LabelStyle::UpperLetter, "x.".to_owned()));
    assert_eq!(structure.cue.as_ref().map(|cue| (cue.name.as_str(), cue.separator.as_str())), Some(("Answer", ":")));
    let kinds = anatomy(query).into_iter().map(|piece| (piece.kind, piece.text)).collect::<Vec<_>>();
    assert_eq!(kinds[0], (PieceKind::FieldText, "What is 2+2?".to_owned()));
    assert_eq!(kinds[1], (PieceKind::Gap, "\n".to_owned()));
    assert_eq!(kinds[2], (PieceKind::OptionLabel, "A.".to_owned()));
    assert_eq!(kinds[3], (PieceKind::OptionSeparator, " ".to_owned()));
    assert_eq!(kinds[4], (PieceKind::OptionText, "3".to_owned()));
    assert_eq!(kinds.last().unwrap(), &(PieceKind::Cue, "Answer:".to_owned()));
}

#[test]
fn a_bbh_query_has_fields_bracketed_options_and_a_cue_with_its_trailing_space() {
    let query = "Q: Clarify it.\nSentence: The cook met the judge because he was free.\nOptions:\n(A) The cook\n(B) The judge\n(C) Ambiguous\nA: ";
    assert_eq!(names(query), ["Q", "Sentence", "Options"]);
    assert_eq!(options(query).unwrap(), ["The cook", "The judge", "Ambiguous"]);
    let cue = parse(query).cue.unwrap();
    assert_eq!((cue.name.as_str(), cue.end.as_str()), ("A", " "));
}

#[test]
fn a_cue_may_open_the_answer() {
    let query = "Q: not True is\nA: Let's think step by step.\n";
    let cue = parse(query).cue.unwrap();
    assert_eq!((cue.opening.as_str(), cue.end.as_str()), ("Let's think step by step.", "\n"));
    assert_eq!(parse(query).render(), query);
}

#[test]
fn statements_of_the_stem_are_not_the_options() {
    let query = "Which hold?\nI. One\nII. Two\nIII. Three\nA. I only\nB. II only\nC. I and II\nD. All\nAnswer:";
    assert_eq!(options(query).unwrap(), ["I only", "II only", "I and II", "All"]);
}

#[test]
fn an_author_s_initials_at_a_line_start_are_not_an_option() {
    let query = "It failed to turn.\nA. J. P. Taylor, 1945\nWhy?\nA. B. F. Skinner\nB. Carl Jung\nAnswer:";
    assert_eq!(options(query).unwrap(), ["B. F. Skinner", "Carl Jung"]);
}

#[test]
fn an_option_may_run_over_several_lines() {
    let query = "Which code?\nA. x = 1\n y = 2\nB. x = 2\n\n y = 1\nC. z\n w\nAnswer:";
    assert_eq!(options(query).unwrap(), ["x = 1\n y = 2", "x = 2\n\n y = 1", "z\n w"]);
}

#[test]
fn every_wrapper_and_style_is_read() {
    for query in [
        "Pick.\n(1) a\n(2) b\nAnswer:",
        "Pick.\n1. a\n2. b\nAnswer:",
        "Pick.\na) a\nb) b\nAnswer:",
        "Pick.\n[i] a\n[ii] b\nAnswer:",
        "Pick.\n<I> a\n<II> b\nAnswer:",
        "Pick.\n\u{2160}. a\n\u{2161}. b\nAnswer:",
        "Pick.\nA ) a\nB ) b\nAnswer:",
        "Pick.\n\tA\t) a\n\tB\t) b\nAnswer:",
        "Pick.\nOptions:\nA: a\nB: b\nAnswer:",
        "Options: (A) a (B) b\nAnswer:",
        "Options: A. a B. b\nAnswer:",
        "Which one? (A) a (B) b",
        "Pick.\nA. a\n\nB. b\n\nAnswer:",
    ] {
        assert_eq!(options(query), Some(vec!["a".to_owned(), "b".to_owned()]), "{query:?}");
    }
}

#[test]
fn free_text_is_never_read_as_options() {
    for query in [
        "Write about A. Smith and B. Jones.",
        "A. Smith wrote it. What is it about?",
        "Name a food rich in vitamin A. B. Franklin flew a kite.",
        "Rewrite these steps as prose:\n1. Boil water.\n2. Add tea.",
        "Do this:\na) read\nb) write",
        "A: Hello!\nB: Hi!\nA: How are you?\nB: Fine.",
        "Compare (a) the first plan and (b) the second plan.",
        "Compare plan (A) and plan (B)",
        "Which is better: (A) the first, or (B) the second? Answer in English.",
        "Which is better: (A) the first or (B) the second?",
        "i. am lower case\nii. so am i",
        "1. First\n2. Second\nNow explain the order of the items.",
        "(A) alone",
        "",
        "\n\n",
    ] {
        assert_eq!(options(query), None, "{query:?}");
    }
}

#[test]
fn a_list_followed_by_a_remark_needs_a_heading() {
    let query = "Which?\nOptions:\nA. x\nB. y\n\nAnswer with a letter.";
    assert_eq!(options(query).unwrap(), ["x", "y"]);
    assert_eq!(parse(query).tail[0].text, "Answer with a letter.");
    assert_eq!(options("Which?\nA. x\nB. y\n\nAnswer with a letter."), None);
}

#[test]
fn names_outside_the_vocabulary_stay_text() {
    assert_eq!(names("Note: this is text.\nhttp://x: no\nTime: 10:30"), [""]);
    assert_eq!(names("Passage - A cat sat.\nQuestion: Who sat?\nAnswer:"), ["Passage", "Question"]);
    assert_eq!(
        names("### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\n"),
        ["### Instruction", "### Input"]
    );
    assert_eq!(names("Sentence 1: a\nSentence 2: b\nAnswer:"), ["Sentence 1", "Sentence 2"]);
    assert_eq!(names("Self-question - is it one?"), [""]);
}

#[test]
fn a_cue_is_the_last_line_only_and_short() {
    assert_eq!(cue("Question: 1+1? Answer:").as_deref(), Some("Answer"));
    assert_eq!(cue("Translate it.\nFrench:").as_deref(), Some("French"));
    assert_eq!(cue("### Instruction:\nAdd.\n\n### Response:\n").as_deref(), Some("### Response"));
    assert_eq!(cue("Which sentence has the correct adjective order:"), None);
    assert_eq!(cue("Pick one.\nOptions:"), None);
    assert_eq!(cue("Answer: yes\nIs that right?"), None);
    assert_eq!(cue("if x:\n    y\nelse:"), None);
    assert_eq!(cue("List three things:"), None);
}

#[test]
fn an_answer_names_an_option_bare_or_wrapped() {
    let list = parse("Pick.\n(A) a\n(B) b\nAnswer:").options.unwrap();
    for answer in ["B", "(B)", "B.", " B) ", "[B]"] {
        assert_eq!(list.named(answer), Some(1), "{answer}");
    }
    assert_eq!(list.named("b"), None);
    assert_eq!(list.named("C"), None);
    assert_eq!(list.named(""), None);
}

#[test]
fn a_long_hostile_text_is_read_in_linear_time() {
    for line in ["A. x\nB. y\n", "A. x\n", "(A) x (B) y ", "Q:\n", "Answer: ", "\n \n"] {
        let text = line.repeat(100_000) + "z";
        assert_eq!(parse(&text).render(), text);
    }
}
