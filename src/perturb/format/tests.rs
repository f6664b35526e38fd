//! Tests of the format perturbation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use super::*;
use crate::perturb::anatomy::{LabelStyle, Wrapper};
use crate::perturb::{Perturbed, embedded_files};
use crate::seed::Seed;

fn data() -> FormatData {
    FormatData::from_files(&embedded_files("format").unwrap()).unwrap()
}

fn choice(query: &str) -> Instance {
    let expectation = Expectation::Choice { choices: ["A", "B"].map(String::from).to_vec(), gold: vec![1] };
    Instance {
        task: "t".into(),
        id: "t/0".into(),
        cluster: "t/0".into(),
        prompt: PromptParts { query: query.into(), target_delimiter: " ".into(), ..PromptParts::default() },
        expectation,
        temperature: None,
    }
}

fn generated(query: &str, target: &str) -> Instance {
    let expectation = Expectation::Text { targets: vec![target.into()], choices: vec![] };
    Instance { expectation, ..choice(query) }
}

fn changed(instance: &Instance, strength: Strength, draw: usize) -> Perturbed {
    let mut rng = Seed(5).stream(&["test", &draw.to_string()]);
    match apply(instance, &strength, &mut rng, &data()) {
        Outcome::Changed(found) => *found,
        Outcome::Nothing { reason } => panic!("{reason}: {:?}", instance.prompt.query),
    }
}

fn laid_out(instance: &Instance, format: &Format<'_>) -> (String, Expectation) {
    let (prompt, expectation) = applied(instance, format).unwrap();
    (prompt.query, expectation)
}

fn space(text: &str) -> Space {
    Space { text: text.into(), comma_like: false }
}

#[test]
fn a_format_without_axes_gives_the_prompt_back() {
    for query in [
        "What?\nA. x\nB. y\nAnswer:",
        "\n\nQuestion: x\n Options:\n  (A) a\n  (B) b\n\nSay which.\n\nAnswer : ",
        "  A. x\nB. y",
        "Context:\nQuestion: x? Answer:",
        "### Instruction:\nAdd.\n\n### Response:\n",
        "",
        " \n ",
    ] {
        assert_eq!(laid_out(&choice(query), &Format::default()).0, query);
    }
}

#[test]
fn the_grammar_s_example_of_the_paper_comes_out_as_written_there() {
    let instance = generated("Passage: A cat sat.\nAnswer:", "cat");
    let format =
        Format { separator: Some(":: "), space: Some(&space(" -- ")), casing: Casing::Lower, ..Format::default() };
    assert_eq!(laid_out(&instance, &format).0, "passage:: A cat sat. -- answer::");
}

#[test]
fn labels_choices_and_example_answers_take_one_numbering() {
    let mut instance = choice("Which?\nA. x\nB. y\nAnswer:");
    instance.prompt.shots.push(Shot {
        query: "Or?\nA. u\nB. v\nAnswer:".into(),
        target: "A".into(),
        ..Shot::default()
    });
    let wrapper = Wrapper::from_example("[x]").unwrap();
    let format = Format {
        separator: Some(" : "),
        space: Some(&space("\n")),
        casing: Casing::Upper,
        gap: Some("\t"),
        item_separator: Some(": "),
        item_space: Some(&space("; \n")),
        wrapper: Some(&wrapper),
        numbering: Some(LabelStyle::LowerRoman),
    };
    let (prompt, expectation) = applied(&instance, &format).unwrap();
    assert_eq!(prompt.query, "Which?\n\t[i]: x; \n\t[ii]: y\nANSWER :");
    assert_eq!(
        prompt.shots,
        [Shot { query: "Or?\n\t[i]: u; \n\t[ii]: v\nANSWER :".into(), target: "i".into(), ..Shot::default() }]
    );
    assert_eq!(expectation, Expectation::Choice { choices: vec!["i".into(), "ii".into()], gold: vec![1] });
    assert_eq!(
        format.to_string(),
        r#"sep=" : " space="\n" case=upper item_gap="\t" wrap="[x]" num=i item_sep=": " item_space="; \n""#
    );
}

#[test]
fn the_cue_ends_as_it_did_so_that_the_answer_s_delimiter_stays_right() {
    for (query, separator, expected) in [
        ("Q: x\nA:", ": ", "Q: x\nA:"),
        ("Q: x\nA: ", "::", "Q::x\nA:: "),
        ("Q: x\nA: ", "\n\t", "Q\n\tx\nA "),
        ("Q: x\nA: Let's think step by step.\n", " - ", "Q - x\nA - Let's think step by step.\n"),
        ("Text: x\n\nLabel:\n", " : ", "Text : x\n\nLabel :\n"),
    ] {
        let format = Format { separator: Some(separator), ..Format::default() };
        assert_eq!(laid_out(&generated(query, "y"), &format).0, expected);
    }
}

#[test]
fn lists_and_tables_below_a_field_name_stay_below_it() {
    let instance = generated("Q: Valid?\nOptions:\n- valid\n- invalid\nA:", "valid");
    assert!(Shape::of(&instance, Strength::Light).blocks);
    let format = Format { separator: Some(" - "), space: Some(&space(" \n ")), ..Format::default() };
    assert_eq!(laid_out(&instance, &format).0, "Q - Valid? \n Options -\n- valid\n- invalid \n A -");
    let one_line = Format { separator: Some(": "), item_space: Some(&space(" ")), ..Format::default() };
    assert_eq!(laid_out(&choice("Q?\nOptions:\nA. x\nB. y\nAnswer:"), &one_line).0, "Q?\nOptions: A. x B. y\nAnswer:");
}

#[test]
fn generated_answers_keep_their_labels_and_wrappers_at_every_strength() {
    let instance = generated("Q: Which?\nOptions:\n(A) x\n(B) y\nA: ", "(B)");
    for strength in [Strength::Light, Strength::Default, Strength::Heavy] {
        for draw in 0..100 {
            let found = changed(&instance, strength, draw);
            assert!(found.prompt.query.contains("(A)") && found.prompt.query.contains("(B)"));
            assert_eq!(found.expectation, instance.expectation);
        }
    }
}

#[test]
fn light_leaves_case_and_labels_and_default_leaves_the_numbering() {
    let instance = choice("Which?\nA. x\nB. y\nAnswer:");
    let (mut wrapped, mut numbered) = (0, 0);
    for draw in 0..200 {
        let light = changed(&instance, Strength::Light, draw).prompt.query;
        assert!(light.contains("A.") && light.contains("B.") && light.contains("Answer"), "{light:?}");
        let default = changed(&instance, Strength::Default, draw);
        assert_eq!(default.expectation, instance.expectation);
        wrapped += usize::from(!default.prompt.query.contains("A."));
        numbered += usize::from(changed(&instance, Strength::Heavy, draw).expectation != instance.expectation);
    }
    assert!(wrapped > 120 && numbered > 120, "{wrapped} {numbered}");
}

#[test]
fn the_numbering_stays_where_something_speaks_of_labels() {
    let mut by_instruction = choice("Which?\nA. x\nB. y\nAnswer:");
    by_instruction.prompt.instruction = "Answer with A or B.\n\n".into();
    let by_option = choice("Which?\nA. x\nB. Not A, but B only\nAnswer:");
    let by_letter = choice("Which letter is right?\nA. x\nB. y\nAnswer:");
    let mut by_example = choice("Which?\nA. x\nB. y\nAnswer:");
    by_example.prompt.shots.push(Shot {
        query: "Or?\nA. u\nB. v\nAnswer:".into(),
        target: "u".into(),
        ..Shot::default()
    });
    for instance in [by_instruction, by_option, by_letter, by_example] {
        assert!(!Shape::of(&instance, Strength::Heavy).numberings);
        for draw in 0..20 {
            assert_eq!(changed(&instance, Strength::Heavy, draw).expectation, instance.expectation);
        }
    }
}

#[test]
fn instances_of_one_shape_get_one_format_from_one_stream() {
    let found = ["Which?\nA. x\nB. y\nAnswer:", "And then?\nA. u\nB. v w\nAnswer:"]
        .map(|query| changed(&choice(query), Strength::Heavy, 1).changes);
    assert_eq!(found[0], found[1]);
}

#[test]
fn a_prompt_without_parts_is_left_alone() {
    let mut rng = Seed(5).stream(&["test"]);
    for query in ["Write a poem about rain.", "", "  \n"] {
        let outcome = apply(&generated(query, "x"), &Strength::Default, &mut rng, &data());
        assert!(outcome.reason().unwrap().contains("no field name"), "{query:?}");
    }
    let document = Instance { expectation: Expectation::Document, ..choice("Text: x") };
    assert!(apply(&document, &Strength::Default, &mut rng, &data()).reason().unwrap().contains("as a whole"));
}

#[test]
fn protected_text_that_spans_parts_is_kept() {
    let mut instance = generated("Question: x\nAnswer:", "y");
    instance.prompt.protected = vec!["x\nAnswer:".into()];
    let mut found = 0;
    for draw in 0..100 {
        let mut rng = Seed(5).stream(&["test", &draw.to_string()]);
        if let Outcome::Changed(perturbed) = apply(&instance, &Strength::Default, &mut rng, &data()) {
            assert!(perturbed.prompt.query.contains("x\nAnswer:"), "{:?}", perturbed.prompt.query);
            found += 1;
        }
    }
    assert!(found > 0);
}

#[test]
fn a_faulty_grammar_is_refused_with_the_atom_at_fault() {
    let text =
        embedded_files("format").unwrap().into_iter().find(|file| file.path.ends_with("grammar.toml")).unwrap().text;
    for (from, to, problem) in [
        ("\"(x)\"", "\"( )\"", "exactly one x"),
        ("\"identity\"", "\"small\"", "small"),
        ("numberings = [\"1\"", "numberings = [\"7\"", "no numbering begins with"),
        ("gaps = [\"\"", "gaps = [\"-\"", "not white space"),
        ("separators = [\"\"", "separators = [\": \"", "stands there twice"),
        ("gaps", "gap", "gap"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let error = Grammar::read(DataFile { path: "format/grammar.toml", text: &changed }).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("format/grammar.toml"), "{error}");
    }
}
