//! Formats and option orders on real questions, and the properties that every one of them must have.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;
use wit_eval::instance::{Expectation, Instance, PromptParts, Shot};
use wit_eval::perturb::anatomy::{anatomy, parse};
use wit_eval::perturb::format::{self, Format, FormatData, Grammar, Rule, Shape};
use wit_eval::perturb::option_order::{self, OptionOrderData};
use wit_eval::perturb::{Outcome, Perturbed, Strength, embedded_files};
use wit_eval::seed::Seed;

/// The shared data folder, or `None` with the reason printed.
fn data(folder: &str) -> Option<PathBuf> {
    let fixtures = std::env::var_os("WIT_EVAL_FIXTURES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures")), PathBuf::from);
    let path = fixtures.join("../data").join(folder);
    if !path.is_dir() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn sorted_files(folder: &PathBuf) -> Vec<PathBuf> {
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    files
}

/// Question, four options and the letter of the right one, of every row of a split.
fn mmlu(split: &str) -> Option<Vec<[String; 6]>> {
    let mut rows = Vec::new();
    for file in sorted_files(&data("mmlu")?.join(split)) {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(file).unwrap();
        for row in reader.records() {
            let row = row.unwrap();
            rows.push(std::array::from_fn(|column| row[column].to_owned()));
        }
    }
    Some(rows)
}

fn mmlu_query(row: &[String; 6]) -> String {
    format!("{}\nA. {}\nB. {}\nC. {}\nD. {}\nAnswer:", row[0].trim(), row[1], row[2], row[3], row[4])
}

/// Task, input and target of every example.
fn bbh() -> Option<Vec<(String, String, String)>> {
    let mut rows = Vec::new();
    for file in sorted_files(&data("bbh")?.join("bbh")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        for example in value["examples"].as_array().unwrap() {
            let field = |key: &str| example[key].as_str().unwrap().to_owned();
            rows.push((name.clone(), field("input"), field("target")));
        }
    }
    Some(rows)
}

#[test]
fn the_options_of_every_mmlu_subject_are_read() {
    let Some(rows) = mmlu("test") else { return };
    let mut wrong = Vec::new();
    for row in &rows {
        let query = mmlu_query(row);
        let pieces = anatomy(&query);
        assert_eq!(pieces.iter().map(|piece| piece.text.as_str()).collect::<String>(), query);
        let structure = parse(&query);
        assert_eq!(structure.render(), query);
        let texts = structure.options.as_ref().map(|list| list.texts()).unwrap_or_default();
        if texts != [1, 2, 3, 4].map(|column: usize| row[column].trim()) || structure.cue.is_none() {
            wrong.push(query);
        }
    }
    let share = 1.0 - wrong.len() as f64 / rows.len() as f64;
    println!("{} of {} MMLU queries read exactly ({:.3} %)", rows.len() - wrong.len(), rows.len(), 100.0 * share);
    assert!(share >= 0.995, "{wrong:#?}");
    for query in &wrong {
        println!("not read exactly: {query:?}");
    }
}

#[test]
fn the_options_of_every_bbh_task_are_read() {
    let Some(rows) = bbh() else { return };
    let (mut right, mut total) = (0_u32, 0_u32);
    for (task, input, target) in &rows {
        let query = format!("Q: {input}\nA: ");
        let structure = parse(&query);
        assert_eq!(structure.render(), query);
        assert_eq!(structure.fields[0].name, "Q", "{query}");
        assert!(structure.cue.is_some(), "{query}");
        let labels = input
            .lines()
            .skip_while(|line| *line != "Options:")
            .filter(|line| line.starts_with('(') && line.get(2..4) == Some(") "));
        let expected = labels.map(|line| line[4..].trim()).collect::<Vec<_>>();
        let texts = structure.options.as_ref().map(|list| list.texts()).unwrap_or_default();
        total += 1;
        let known = structure.options.as_ref().is_none_or(|list| list.named(target).is_some());
        if texts == expected && known {
            right += 1;
        } else {
            println!("not read exactly: {task} {query:?} {texts:?}");
        }
    }
    println!("{right} of {total} BBH queries read exactly");
    assert!(f64::from(right) >= 0.995 * f64::from(total));
}

#[test]
fn plain_instructions_have_no_options() {
    let Some(folder) = data("ifeval") else { return };
    let text = std::fs::read_to_string(folder.join("input_data.jsonl")).unwrap();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let prompt = row["prompt"].as_str().unwrap();
        let structure = parse(prompt);
        assert_eq!(structure.render(), prompt);
        assert_eq!(structure.options, None, "{prompt:?}");
    }
}

fn choice(task: &str, query: String, labels: &[&str], gold: usize) -> Instance {
    Instance {
        task: task.to_owned(),
        id: format!("{task}/0"),
        cluster: format!("{task}/0"),
        prompt: PromptParts { query, target_delimiter: " ".to_owned(), ..PromptParts::default() },
        expectation: Expectation::Choice {
            choices: labels.iter().map(|&label| label.to_owned()).collect(),
            gold: vec![gold],
        },
        temperature: None,
    }
}

fn mmlu_instance(row: &[String; 6]) -> Instance {
    let gold = usize::from(row[5].as_bytes()[0] - b'A');
    choice("mmlu", mmlu_query(row), &["A", "B", "C", "D"], gold)
}

fn generated(query: String, target: &str) -> Instance {
    let expectation = Expectation::Text { targets: vec![target.to_owned()], choices: Vec::new() };
    Instance { expectation, ..choice("bbh", query, &[], 0) }
}

fn format_data() -> FormatData {
    FormatData::from_files(&embedded_files("format").unwrap()).unwrap()
}

fn order_data() -> OptionOrderData {
    OptionOrderData::from_files(&embedded_files("option_order").unwrap()).unwrap()
}

const STRENGTHS: [Strength; 3] = [Strength::Light, Strength::Default, Strength::Heavy];

/// Every combination of the atoms that a shape leaves free.
fn all_formats<'g>(grammar: &'g Grammar, shape: &Shape) -> Vec<Format<'g>> {
    fn axis<T: Copy>(free: bool, atoms: impl Iterator<Item = T>) -> Vec<Option<T>> {
        if free { atoms.map(Some).collect() } else { vec![None] }
    }
    let separators = || grammar.separators.iter().map(String::as_str);
    let mut formats = vec![Format::default()];
    let mut product = |set: &dyn Fn(Format<'g>) -> Vec<Format<'g>>| {
        formats = formats.drain(..).flat_map(set).collect();
    };
    product(&|format| {
        axis(shape.separators, separators()).into_iter().map(|separator| Format { separator, ..format }).collect()
    });
    product(&|format| {
        axis(shape.spaces, grammar.spaces.iter()).into_iter().map(|space| Format { space, ..format }).collect()
    });
    product(&|format| {
        axis(shape.gaps, grammar.gaps.iter().map(String::as_str))
            .into_iter()
            .map(|gap| Format { gap, ..format })
            .collect()
    });
    product(&|format| {
        axis(shape.items, separators()).into_iter().map(|item_separator| Format { item_separator, ..format }).collect()
    });
    product(&|format| {
        axis(shape.items, grammar.spaces.iter()).into_iter().map(|item_space| Format { item_space, ..format }).collect()
    });
    product(&|format| {
        axis(shape.wrappers, grammar.wrappers.iter()).into_iter().map(|wrapper| Format { wrapper, ..format }).collect()
    });
    formats
}

/// The rules of the grammar as PROTOCOLS 3.7 words them, stated here a second time.
fn breaks_a_published_rule(format: &Format<'_>) -> bool {
    let has_break = |text: &str| text.contains('\n');
    let space = format.space.map_or("\n", |space| space.text.as_str());
    let (separator, item_separator) = (format.separator.unwrap_or(": "), format.item_separator.unwrap_or(" "));
    let item_space = format.item_space.map_or("\n", |space| space.text.as_str());
    separator.is_empty()
        || ((has_break(item_separator) || has_break(format.gap.unwrap_or(""))) && !has_break(item_space))
        || (!has_break(space) && (has_break(separator) || has_break(item_separator)))
        || space.is_empty()
        || item_space.is_empty()
}

#[test]
fn exactly_the_combinations_that_the_published_rules_allow_are_valid() {
    let data = format_data();
    let query = "Question: Which?\nOptions:\n(A) one\n(B) two\nAnswer:";
    let shape = Shape::of(&choice("t", query.to_owned(), &["A", "B"], 0), Strength::Heavy);
    assert!(
        shape.separators
            && shape.spaces
            && shape.casings
            && shape.gaps
            && shape.items
            && shape.wrappers
            && shape.numberings
    );
    let formats = all_formats(data.grammar(), &shape);
    let mut valid = 0_usize;
    for format in &formats {
        match format.broken_rule(&shape) {
            None => {
                valid += 1;
                assert!(!breaks_a_published_rule(format), "{format}");
            }
            Some(Rule::LabelRunsIntoText) => assert_eq!(format.item_separator, Some("")),
            Some(rule) => assert!(breaks_a_published_rule(format), "{rule:?} {format}"),
        }
    }
    let rest = data.grammar().casings.len() * data.grammar().numberings.len();
    println!("{} of {} combinations are valid", valid * rest, formats.len() * rest);
    assert_eq!(formats.len(), 15 * 15 * 4 * 15 * 15 * 6);
    assert!(valid > 100_000);
}

#[test]
fn draws_are_valid_and_uniform() {
    let data = format_data();
    let instance = choice("t", "Question: Which?\nAnswer:".to_owned(), &["yes", "no"], 0);
    let shape = Shape::of(&instance, Strength::Light);
    let valid = all_formats(data.grammar(), &shape).into_iter().filter(|format| format.broken_rule(&shape).is_none());
    let mut counts = valid.map(|format| (format.to_string(), 0_u32)).collect::<BTreeMap<_, _>>();
    let mut rng = Seed(11).stream(&["uniform"]);
    let draws = 200 * counts.len();
    for _ in 0..draws {
        let format = data.grammar().draw(&shape, &mut rng).unwrap();
        *counts.get_mut(&format.to_string()).expect("a valid format") += 1;
    }
    let chi_square: f64 = counts.values().map(|&count| (f64::from(count) - 200.0).powi(2) / 200.0).sum();
    let degrees = counts.len() as f64 - 1.0;
    println!("{} formats, chi square {chi_square:.1}", counts.len());
    assert!((chi_square - degrees).abs() < 5.0 * (2.0 * degrees).sqrt());
}

/// The texts occur in this order, without overlap.
fn occur_in_order<'a>(text: &str, parts: impl IntoIterator<Item = &'a str>) -> bool {
    let mut rest = text;
    parts.into_iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// What every format must hold, on an instance whose choices are labels or whose answer is generated.
fn check_format(instance: &Instance, found: &Perturbed) {
    let before = parse(&instance.prompt.query);
    let after = &found.prompt.query;
    assert_ne!(after, &instance.prompt.query, "the identity is no variant");
    let fields = before.fields.iter().map(|field| field.text.as_str());
    let options = before.options.iter().flat_map(|list| list.texts());
    let tail = before.tail.iter().map(|field| field.text.as_str());
    assert!(occur_in_order(after, fields.chain(options).chain(tail)), "{:?}\n{after:?}", instance.prompt.query);
    assert_eq!(found.prompt.instruction, instance.prompt.instruction);
    let end = &before.cue.as_ref().unwrap().end;
    assert_eq!(&after[after.trim_end().len()..], end, "{after:?}");
    if let (Expectation::Choice { choices, gold }, Expectation::Choice { gold: right, .. }) =
        (&found.expectation, &instance.expectation)
    {
        assert_eq!(gold, right, "options keep their places");
        let texts = before.options.as_ref().unwrap().texts();
        let labelled = choices.iter().zip(texts).flat_map(|(label, text)| [label.as_str(), text]);
        let list_from = before.fields.iter().map(|field| field.text.len()).sum::<usize>().min(after.len());
        let list = after.get(list_from..).unwrap_or(after);
        assert!(occur_in_order(list, labelled), "{choices:?} {after:?}");
    }
}

#[test]
fn every_format_of_real_questions_keeps_texts_order_and_answers() {
    let (Some(mmlu), Some(bbh)) = (mmlu("val"), bbh()) else { return };
    let data = format_data();
    let mmlu = mmlu.iter().map(mmlu_instance);
    let bbh = bbh.iter().step_by(4).map(|(_, input, target)| generated(format!("Q: {input}\nA: "), target));
    let mut total = 0;
    for (place, instance) in mmlu.chain(bbh).enumerate() {
        for strength in STRENGTHS {
            for draw in 0..3 {
                let mut rng = Seed(1).stream(&["format", &strength.to_string(), &place.to_string(), &draw.to_string()]);
                match format::apply(&instance, &strength, &mut rng, &data) {
                    Outcome::Changed(found) => check_format(&instance, &found),
                    Outcome::Nothing { reason } => panic!("{reason}: {:?}", instance.prompt.query),
                }
                total += 1;
            }
        }
    }
    println!("{total} formats checked");
}

fn option_texts(query: &str) -> Vec<String> {
    parse(query).options.map(|list| list.texts().into_iter().map(str::to_owned).collect()).unwrap_or_default()
}

/// The text of the right option, by an instance's or a variant's expectation.
fn right_text(query: &str, expectation: &Expectation) -> String {
    let list = parse(query).options.unwrap();
    let slot = match expectation {
        Expectation::Choice { choices, gold } => list.named(&choices[gold[0]]),
        Expectation::Text { targets, .. } => list.named(&targets[0]),
        other => panic!("{other:?}"),
    };
    list.texts()[slot.unwrap()].to_owned()
}

fn check_order(instance: &Instance, found: &Perturbed) {
    let (before, after) = (&instance.prompt.query, &found.prompt.query);
    let (old, new) = (option_texts(before), option_texts(after));
    assert_ne!(old, new, "the identity is no variant: {after:?}");
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    assert_eq!(sorted(old), sorted(new), "no option is lost: {after:?}");
    assert_eq!(right_text(before, &instance.expectation), right_text(after, &found.expectation));
    assert_eq!(parse(before).options.unwrap().labels(), parse(after).options.unwrap().labels());
    assert_eq!(parse(before).fields, parse(after).fields);
    assert_eq!(parse(before).cue, parse(after).cue);
}

#[test]
fn every_order_of_real_questions_keeps_the_options_and_the_right_answer() {
    let (Some(mmlu), Some(bbh)) = (mmlu("test"), bbh()) else { return };
    let data = order_data();
    let mmlu = mmlu.iter().map(mmlu_instance);
    let bbh = bbh.iter().filter(|(_, input, _)| input.contains("\n(A) "));
    let bbh = bbh.map(|(_, input, target)| generated(format!("Q: {input}\nA: "), target));
    let mut outcomes = BTreeMap::<(String, String), u32>::new();
    for (place, instance) in mmlu.chain(bbh).enumerate() {
        let strength = STRENGTHS[place % STRENGTHS.len()];
        let mut rng = Seed(1).stream(&["order", &place.to_string()]);
        let outcome = match option_order::apply(&instance, &strength, &mut rng, &data) {
            Outcome::Changed(found) => {
                check_order(&instance, &found);
                "moved".to_owned()
            }
            Outcome::Nothing { reason } => reason,
        };
        *outcomes.entry((instance.task, outcome)).or_default() += 1;
    }
    println!("{outcomes:#?}");
    for task in ["mmlu", "bbh"] {
        let count = |moved: bool| {
            let kept = outcomes.iter().filter(|((of, outcome), _)| of == task && (!moved || outcome == "moved"));
            f64::from(kept.map(|(_, count)| count).sum::<u32>())
        };
        println!("{task}: {} of {} moved", count(true), count(false));
        assert!(count(true) > 0.98 * count(false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_loss(query in "([A-Da-d1-4iI(\\[.:) ?\n\t-]|Question|Answer|Options|Q|#|é|text){0,40}") {
        let structure = parse(&query);
        prop_assert_eq!(structure.render(), query.clone());
        let pieces = anatomy(&query);
        prop_assert!(pieces.iter().all(|piece| !piece.text.is_empty()));
        prop_assert_eq!(pieces.into_iter().map(|piece| piece.text).collect::<String>(), query.clone());
        let instance = choice("t", query.clone(), &["A", "B"], 0);
        let (prompt, _) = format::applied(&instance, &Format::default()).unwrap();
        prop_assert_eq!(prompt.query, query);
    }

    #[test]
    fn made_up_questions_keep_their_parts_in_every_format_and_order(
        question in "[A-Za-z][a-z ,]{3,30}[a-z]",
        texts in prop::collection::vec("[a-z]{2,8}( [a-z0-9,]{3,6}){0,3}", 2..9),
        named in any::<bool>(),
        bracketed in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let labels = ["A", "B", "C", "D", "E", "F", "G", "H"];
        let mut query = if named { format!("Question: {question}?\nOptions:\n") } else { format!("{question}?\n") };
        for (label, text) in labels.iter().zip(&texts) {
            let (open, close) = if bracketed { ("(", ")") } else { ("", ".") };
            query.extend([open, label, close, " ", text, "\n"]);
        }
        query += "Answer:";
        let gold = usize::try_from(seed % texts.len() as u64).unwrap();
        let instance = choice("t", query, &labels[..texts.len()], gold);
        prop_assert_eq!(option_texts(&instance.prompt.query), texts);
        for strength in STRENGTHS {
            let mut rng = Seed(seed).stream(&["made up", &strength.to_string()]);
            if let Outcome::Changed(found) = format::apply(&instance, &strength, &mut rng, &format_data()) {
                check_format(&instance, &found);
            }
            if let Outcome::Changed(found) = option_order::apply(&instance, &strength, &mut rng, &order_data()) {
                check_order(&instance, &found);
            }
        }
    }
}

#[test]
fn examples_follow_the_question_into_its_format() {
    let (Some(dev), Some(val)) = (mmlu("dev"), mmlu("val")) else { return };
    let data = format_data();
    let shots = dev
        .iter()
        .take(5)
        .map(|row| Shot { query: mmlu_query(row), target: row[5].clone(), ..Shot::default() })
        .collect::<Vec<_>>();
    let mut renumbered = 0;
    for (place, row) in val.iter().enumerate().step_by(15) {
        let mut instance = mmlu_instance(row);
        instance.prompt.shots = shots.clone();
        let mut rng = Seed(2).stream(&["shots", &place.to_string()]);
        let Outcome::Changed(found) = format::apply(&instance, &Strength::Heavy, &mut rng, &data) else {
            panic!("no format for {:?}", instance.prompt.query);
        };
        let Expectation::Choice { choices, .. } = &found.expectation else { panic!("still a choice") };
        renumbered += usize::from(choices[0] != "A");
        for (new, old) in found.prompt.shots.iter().zip(&dev) {
            let right = usize::from(old[5].as_bytes()[0] - b'A');
            assert_eq!(new.target, choices[right]);
            assert!(occur_in_order(&new.query, [old[0].trim(), &new.target, old[1 + right].trim()]), "{:?}", new.query);
        }
    }
    assert!(renumbered > 20, "{renumbered}");
}
