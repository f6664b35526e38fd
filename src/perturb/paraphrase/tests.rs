#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::format_collect
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;

use super::text::takes_an;
use super::*;
use crate::instance::PromptParts;
use crate::perturb::{DataFile, embedded_files};
use crate::seed::Seed;

fn shipped() -> ParaphraseData {
    ParaphraseData::from_files(&embedded_files("paraphrase").unwrap()).unwrap()
}

fn instance(query: &str) -> Instance {
    Instance {
        task: "t".to_owned(),
        id: "t/0".to_owned(),
        cluster: "t/0".to_owned(),
        prompt: PromptParts { query: query.to_owned(), ..PromptParts::default() },
        expectation: Expectation::Text { targets: vec!["@".to_owned()], choices: Vec::new() },
        temperature: None,
    }
}

fn problems(text: &str) -> String {
    let file = DataFile { path: "paraphrase/x.toml", text };
    ParaphraseData::validate(&[file]).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_data_are_valid_and_every_template_has_several_paraphrases() {
    assert_eq!(ParaphraseData::validate(&embedded_files("paraphrase").unwrap()), []);
    let data = shipped();
    let (sets, templates, paraphrases) = data.sizes();
    assert!(sets >= 250 && templates >= 100 && paraphrases >= 600, "{sets} {templates} {paraphrases}");
    for template in &data.templates {
        assert!(template.rewordings.len() >= 5, "{:?}", template.items);
    }
}

#[test]
fn the_validator_names_what_is_wrong() {
    for (text, wanted) in [
        ("sets = [{ any = [\"a\", \"b\"] }, { any = [\"b\", \"c\"] }]", "`b` is a head of"),
        ("sets = [{ from = [\"a\"], to = [\"b\"] }, { from = [\"b\"], to = [\"a\"] }]", "lead back to it"),
        ("sets = [{ any = [\"a\", \"b\"], after = [\"@nouns\"] }]", "unknown class `@nouns`"),
        ("sets = [{ any = [\"a\", \"b\"], after = [\"<begin>\"] }]", "unknown marker `<begin>`"),
        ("sets = [{ any = [\"a\", \"b\"], class = \"verb\" }]", "unknown inflection class `verb`"),
        ("sets = [{ any = [\"a\", \"\"] }]", "an empty form"),
        ("sets = [{ any = [\"a\"] }]", "nothing to stand for it"),
        ("sets = [{ from = [\"a\"] }]", "write either `any`"),
        ("[[templates]]\nmatch = \"a {x}\"\nends = [\".\"]\nto = [\"b\"]", "slot `x` has to appear exactly once"),
        ("[[templates]]\nmatch = \"a {x}\"\nends = [\".\"]\nto = [\"b {y}\"]", "no slot `y`"),
        ("[[templates]]\nmatch = \"a\"\nends = [\".\"]\nto = [\"\"]", "an empty paraphrase"),
        ("[[templates]]\nmatch = \"a\"\nends = [\".\"]\nto = []", "no paraphrases"),
        ("[[templates]]\nmatch = \"a {x\"\nto = [\"b\"]", "`{` without `}`"),
        ("[[sets]]\nanny = [\"a\"]", "unknown field `anny`"),
    ] {
        let found = problems(text);
        assert!(found.contains(wanted) && found.contains("paraphrase"), "{text}: {found}");
    }
    assert_eq!(
        problems("sets = [{ any = [\"a\", \"b\"], after = [\"x\"] }, { any = [\"b\", \"c\"], after = [\"y\"] }]"),
        ""
    );
}

#[test]
fn every_literal_template_rewords_its_own_sentence() {
    let data = shipped();
    for template in data.templates.iter().filter(|template| template.slots.is_empty()) {
        let words = template.items.iter().flat_map(|item| match &item.kind {
            ItemKind::Word(word) => [item.gap.as_str(), word],
            ItemKind::Slot(_) => [""; 2],
        });
        let end = template.ends.first().cloned().unwrap_or_default();
        let sentence = format!("{}{}{end}", words.collect::<String>(), template.tail);
        let passage = Passage::new(&sentence, Vec::new());
        assert!(template.captures(&passage, 0).is_some(), "{sentence}");
    }
}

/// Checks what must hold of any paraphrase, whatever the text.
fn check(instance: &Instance, data: &ParaphraseData, seed: u64) -> bool {
    let mut changed = false;
    for strength in [Strength::Light, Strength::Default, Strength::Heavy] {
        let draw = || apply(instance, &strength, &mut Seed(seed).stream(&["test"]), data);
        let outcome = draw();
        assert_eq!(outcome, draw(), "the same stream gives the same wording");
        let Some(found) = outcome.changed() else { continue };
        changed = true;
        assert!(!found.changes.is_empty());
        let source = PromptText::of(instance);
        for (part, text) in [(Part::Query, &found.prompt.query), (Part::Instruction, &found.prompt.instruction)] {
            let kept = source.part(part).protected_substrings();
            assert!(in_order(kept.iter().copied(), text), "{kept:?} in {text:?}");
            let original = source.part(part).text();
            let (before, after) = (bad_articles(original), bad_articles(text));
            assert!(after.is_subset(&before), "{:?} in {text:?}", after.difference(&before));
            for clumsy in ["  ", " ,", "??", "?.", ".?", " .", " please please "] {
                assert!(original.contains(clumsy) || !text.contains(clumsy), "{clumsy:?} in {text:?} of {original:?}");
            }
        }
        assert_eq!(found.expectation, instance.expectation);
        assert_eq!(found.prompt.shots, instance.prompt.shots);
    }
    changed
}

fn bad_articles(text: &str) -> BTreeSet<String> {
    let passage = Passage::new(text, Vec::new());
    let mut bad = BTreeSet::new();
    for (index, pair) in passage.words.windows(2).enumerate() {
        let [article, word] = pair else { continue };
        let wrong =
            (article.lower == "a" && takes_an(&word.lower)) || (article.lower == "an" && !takes_an(&word.lower));
        let doubled = matches!(word.lower.as_str(), "a" | "an");
        if wrong && !doubled && passage.gap_after(index) == " " {
            bad.insert(format!("{} {}", article.lower, word.lower));
        }
    }
    bad
}

fn fragment() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "do not",
        "don't",
        "a huge",
        "an enormous",
        "kids",
        "the film",
        "for example",
        "in order to",
        "because of",
        "at least 3",
        "\"do not\"",
        "`it is not`",
        "{name}",
        "[do not]",
        "x = 3",
        "someone",
        "I am",
        "It is",
        "write",
        "Write",
        "a poem",
        "about",
        "dogs",
        "which of the following",
        "is",
        "are able to",
        "utilize",
        "demonstrated",
        "the majority of",
        "NOT",
        "USA",
        "e.g.",
        "Please",
        "the following sentence",
        "word",
        "'kids'",
        "'",
        "\"",
        "(",
        ")",
        "é",
        "don’t",
        "ß",
        "—",
        "an",
        "a",
        "entire",
        "5 kids",
        "difficult",
        "to",
    ]);
    let marks = prop::sample::select(vec![" ", " ", " ", " ", ", ", ". ", "? ", ": ", "\n", "\n\n", "; "]);
    prop::collection::vec((words, marks), 1..24)
        .prop_map(|pieces| pieces.into_iter().map(|(word, mark)| format!("{word}{mark}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn protected_text_survives_in_order_and_articles_agree(query in fragment(), seed in 0_u64..1_000) {
        check(&instance(&query), &DATA, seed);
    }

    #[test]
    fn any_text_at_all_is_taken_without_a_panic(query in "\\PC{0,200}", seed in 0_u64..1_000) {
        let _ = apply(&instance(&query), &Strength::Heavy, &mut Seed(seed).stream(&["test"]), &DATA);
    }
}

static DATA: std::sync::LazyLock<ParaphraseData> = std::sync::LazyLock::new(shipped);

fn shared(path: &str) -> Option<String> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let fixtures = std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned());
    let path = PathBuf::from(fixtures).join("../data").join(path);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    text
}

#[test]
fn real_prompts_are_reworded_for_the_most_part_and_keep_what_is_protected() {
    let Some(text) = shared("ifeval/input_data.jsonl") else { return };
    let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let prompts = rows.map(|row| row["prompt"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let changed = prompts.iter().filter(|prompt| check(&instance(prompt), &DATA, 7)).count();
    assert!(changed * 100 >= prompts.len() * 80, "{changed} of {}", prompts.len());
}

#[test]
fn real_instructions_are_reworded_for_the_most_part_and_keep_what_they_work_on() {
    let Some(text) = shared("instruct/alpaca_data_cleaned_1000.json") else { return };
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut changed = 0;
    for row in &rows {
        let (instruction, input) = (row["instruction"].as_str().unwrap(), row["input"].as_str().unwrap());
        let query = if input.is_empty() { instruction.to_owned() } else { format!("{instruction}\n\n{input}") };
        changed += usize::from(check(&instance(&query), &DATA, 3));
    }
    assert!(changed * 100 >= rows.len() * 80, "{changed} of {}", rows.len());
}
