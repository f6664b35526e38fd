//! Tests of the order of options.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::instance::{Expectation, PromptParts, Shot};
use crate::perturb::{Perturbed, embedded_files};
use crate::seed::Seed;

fn data() -> OptionOrderData {
    OptionOrderData::from_files(&embedded_files("option_order").unwrap()).unwrap()
}

fn instance(query: &str, expectation: Expectation) -> Instance {
    Instance {
        task: "t".into(),
        id: "t/0".into(),
        cluster: "t/0".into(),
        prompt: PromptParts { query: query.into(), target_delimiter: " ".into(), ..PromptParts::default() },
        expectation,
        temperature: None,
    }
}

fn letters(count: usize, gold: &[usize]) -> Expectation {
    let choices = (0..count).map(|at| char::from(b'A' + u8::try_from(at).unwrap()).to_string()).collect();
    Expectation::Choice { choices, gold: gold.to_vec() }
}

fn draw_of(instance: &Instance, strength: Strength, draw: usize) -> Outcome {
    let mut rng = Seed(3).stream(&["test", &draw.to_string()]);
    apply(instance, &strength, &mut rng, &data())
}

fn changed(instance: &Instance, strength: Strength, draw: usize) -> Perturbed {
    match draw_of(instance, strength, draw) {
        Outcome::Changed(found) => *found,
        Outcome::Nothing { reason } => panic!("{reason}"),
    }
}

fn texts(query: &str) -> Vec<String> {
    parse(query).options.unwrap().texts().into_iter().map(str::to_owned).collect()
}

const STRENGTHS: [Strength; 3] = [Strength::Light, Strength::Default, Strength::Heavy];
const QUERY: &str = "Which is red?\nA. grass\nB. blood\nC. sky\nD. snow\nAnswer:";

#[test]
fn the_gold_label_follows_the_right_text() {
    let original = instance(QUERY, letters(4, &[1]));
    for strength in STRENGTHS {
        for draw in 0..40 {
            let found = changed(&original, strength, draw);
            let Expectation::Choice { choices, gold } = &found.expectation else { panic!("still a choice") };
            assert_eq!(choices, &["A", "B", "C", "D"]);
            assert_eq!(texts(&found.prompt.query)[gold[0]], "blood");
            assert_ne!(found.prompt.query, QUERY);
        }
    }
}

#[test]
fn light_moves_two_options_and_heavy_moves_all_with_the_right_one_anywhere_else() {
    let original = instance(QUERY, letters(4, &[1]));
    let before = texts(QUERY);
    let mut places = [0; 4];
    for draw in 0..300 {
        let moved = |query: &str| texts(query).iter().zip(&before).filter(|(a, b)| a != b).count();
        assert_eq!(moved(&changed(&original, Strength::Light, draw).prompt.query), 2);
        let heavy = changed(&original, Strength::Heavy, draw);
        assert_eq!(moved(&heavy.prompt.query), 4);
        let Expectation::Choice { gold, .. } = heavy.expectation else { panic!("still a choice") };
        places[gold[0]] += 1;
    }
    assert_eq!(places[1], 0);
    assert!([0, 2, 3].iter().all(|&place: &usize| places[place] > 70), "{places:?}");
}

#[test]
fn default_draws_every_other_order_about_equally_often() {
    let original = instance("Pick.\nA. x\nB. y\nC. z\nAnswer:", letters(3, &[0]));
    let mut counts = std::collections::BTreeMap::new();
    for draw in 0..1000 {
        *counts.entry(texts(&changed(&original, Strength::Default, draw).prompt.query)).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 5);
    assert!(counts.values().all(|&count| (150..250).contains(&count)), "{counts:?}");
}

#[test]
fn several_right_choices_all_follow() {
    let original = instance(QUERY, letters(4, &[1, 3]));
    for draw in 0..20 {
        let found = changed(&original, Strength::Heavy, draw);
        let Expectation::Choice { gold, .. } = &found.expectation else { panic!("still a choice") };
        let mut right = gold.iter().map(|&at| texts(&found.prompt.query)[at].clone()).collect::<Vec<_>>();
        right.sort();
        assert_eq!(right, ["blood", "snow"]);
        assert!(gold.is_sorted());
    }
}

#[test]
fn a_generated_answer_keeps_its_wrapping_and_takes_the_new_label() {
    let query = "Q: Pick.\nOptions:\n(A) x\n(B) y\n(C) z\nA: ";
    let expectation = Expectation::Text { targets: vec!["(B)".into(), "B".into()], choices: vec![] };
    for draw in 0..10 {
        let found = changed(&instance(query, expectation.clone()), Strength::Heavy, draw);
        let list = parse(&found.prompt.query).options.unwrap();
        let Expectation::Text { targets, .. } = &found.expectation else { panic!("still generated") };
        assert!(targets[0].starts_with('(') && targets[0].ends_with(')') && targets[1].len() == 1);
        for target in targets {
            assert_eq!(list.texts()[list.named(target).unwrap()], "y");
        }
    }
}

#[test]
fn choices_that_are_the_texts_stay_and_declared_texts_move_with_the_list() {
    let by_text =
        Expectation::Choice { choices: ["grass", "blood", "sky", "snow"].map(String::from).to_vec(), gold: vec![1] };
    let found = changed(&instance(QUERY, by_text.clone()), Strength::Heavy, 0);
    assert_eq!(found.expectation, by_text);
    let declared = Expectation::Text {
        targets: vec!["B".into()],
        choices: ["grass", "blood", "sky", "snow"].map(String::from).to_vec(),
    };
    let found = changed(&instance(QUERY, declared), Strength::Heavy, 0);
    let Expectation::Text { choices, .. } = found.expectation else { panic!("still generated") };
    assert_eq!(choices, texts(&found.prompt.query));
}

#[test]
fn all_of_the_above_stays_last_and_the_others_move() {
    let query = "Which are red?\nA. blood\nB. rust\nC. All of the above.\nD. None of the above\nAnswer:";
    for strength in STRENGTHS {
        let found = changed(&instance(query, letters(4, &[2])), strength, 1);
        assert_eq!(texts(&found.prompt.query), ["rust", "blood", "All of the above.", "None of the above"]);
        assert_eq!(found.expectation, letters(4, &[2]));
    }
}

#[test]
fn options_that_speak_of_others_are_left_alone() {
    let refused = |query: &str, expectation: Expectation, reason: &str| match draw_of(
        &instance(query, expectation),
        Strength::Default,
        0,
    ) {
        Outcome::Nothing { reason: found } => assert!(found.contains(reason), "{found}"),
        Outcome::Changed(found) => panic!("{:?}", found.prompt.query),
    };
    refused("Q?\nA. x\nB. y\nC. Both A and B\nAnswer:", letters(3, &[2]), "option C speaks of options by label");
    refused(
        "Q?\nA. x\nB. All of the above\nC. y\nAnswer:",
        letters(3, &[1]),
        "option B speaks of the options before it",
    );
    refused(
        "Q?\nA. x\nB. y\nC. two of the above\nAnswer:",
        letters(3, &[1]),
        "option C speaks of the options before it",
    );
    refused(
        "Why is option B wrong?\nA. x\nB. y\nAnswer:",
        letters(2, &[1]),
        "the question speaks of an option by label",
    );
    refused("Q?\nA. x\nB. None of these\nAnswer:", letters(2, &[1]), "fewer than two");
    refused("Q?\nA. x\nB. x\nAnswer:", letters(2, &[1]), "same text");
    refused("Q?\nAnswer:", letters(2, &[1]), "no labelled options");
    refused("Q?\nA. x\nB. y\nC. z\nAnswer:", letters(2, &[1]), "do not name each");
    refused("Q?\nA. x\nB. y\nAnswer:", Expectation::Continuation { text: "x".into() }, "a text");
    let other = Expectation::Text { targets: vec!["yes".into()], choices: vec![] };
    refused("Q?\nA. x\nB. y\nAnswer:", other, "names no option");
}

#[test]
fn examples_and_everything_around_the_list_stay() {
    let mut original =
        instance("Passage - Long.\nQuestion: Q?\nOptions:\n  (A) x\n  (B) y\n\nAnswer:", letters(2, &[0]));
    original.prompt.shots.push(Shot { query: "Q?\nA. u\nB. v\nAnswer:".into(), target: "A".into(), ..Shot::default() });
    let found = changed(&original, Strength::Default, 0);
    assert_eq!(found.prompt.query, "Passage - Long.\nQuestion: Q?\nOptions:\n  (A) y\n  (B) x\n\nAnswer:");
    assert_eq!(found.prompt.shots, original.prompt.shots);
    assert_eq!(found.changes, ["options: A was B, B was A"]);
}

#[test]
fn phrases_in_another_spelling_than_they_are_compared_in_are_refused() {
    let file = DataFile {
        path: "option_order/references.toml",
        text: "stays_last = [\"All of\"]\nstays = []\nrefuses = []\n",
    };
    assert!(OptionOrderData::from_files(&[file]).unwrap_err().to_string().contains("small letters"));
}
