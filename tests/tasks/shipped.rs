//! The tasks that ship with their data.

use std::collections::BTreeMap;

use super::*;

#[test]
fn the_default_run_needs_no_data_and_asks_in_all_four_ways() {
    let catalog = shipped();
    let selection = catalog.select("wit_default").unwrap();
    let mut sizes = BTreeMap::new();
    for source in &selection.tasks {
        assert!(source.needed_files().is_empty(), "{}", source.task.name);
        let made = instances(source, &InstanceOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        let prompts: std::collections::BTreeSet<String> = made.iter().map(text).collect();
        assert_eq!(prompts.len(), made.len(), "{} asks something twice", source.task.name);
        for instance in &made {
            let prompt = text(instance);
            let asked = [&[prompt], instance.prompt.later.as_slice()].concat().join("\n");
            assert!(instance.prompt.protected.iter().all(|part| asked.contains(part)), "{}", instance.id);
        }
        sizes.entry(source.task.output.as_str()).or_insert_with(Vec::new).push(made.len());
    }
    let expected = [
        ("generate_until", vec![48, 129, 72]),
        ("loglikelihood", vec![48]),
        ("loglikelihood_rolling", vec![40]),
        ("multiple_choice", vec![48]),
    ];
    assert_eq!(sizes, BTreeMap::from(expected));
}

#[test]
fn every_option_of_the_shipped_choice_task_is_right_equally_often() {
    let made = make(&shipped(), "wit_choice", &InstanceOptions { num_fewshot: Some(5), ..InstanceOptions::default() });
    let mut right = [0; 4];
    for instance in &made {
        let Expectation::Choice { gold, .. } = &instance.expectation else { panic!("choices were expected") };
        right[gold[0]] += 1;
        assert_eq!(instance.prompt.shots.len(), 5);
    }
    assert_eq!(right, [12; 4]);
}

#[test]
fn a_last_word_carries_its_own_space_and_a_passage_is_the_whole_prompt() {
    let catalog = shipped();
    let cloze = make(&catalog, "wit_cloze", &InstanceOptions::default());
    assert_eq!(text(&cloze[1]), "He opened the door with his");
    assert_eq!(cloze[1].prompt.target_delimiter, "");
    assert_eq!(cloze[1].expectation, Expectation::Continuation { text: " key".into() });
    let prose = make(&catalog, "wit_prose", &InstanceOptions::default());
    assert!(text(&prose[0]).starts_with("The ferry left before the sun was up."));
    assert_eq!(prose[0].expectation, Expectation::Document);
}

/// Every group, and the tasks that stand alone.
const SELECTED: &str = "wit_default,demo,mmlu,mmlu_flexible,bbh,bbh_cot_fewshot*,ifeval,ifbench,mt_bench*,alpaca_eval*";

/// A flat listing of every shipped file: nothing is named like another, nothing is left out of its group.
#[test]
fn every_shipped_task_loads_without_remarks_and_belongs_to_a_group() {
    let catalog = shipped();
    assert_eq!(catalog.notes(), &[]);
    let selection = catalog.select(SELECTED).unwrap();
    assert_eq!(selection.tasks.len(), catalog.tasks().count());
    let summaries = catalog.summaries();
    let of = |name: &str| summaries.iter().find(|summary| summary.name == name).unwrap();
    assert_eq!((of("mmlu").kind, of("mmlu").tasks), (Kind::Group, 57));
    assert_eq!(of("mmlu_anatomy").needs, ["mmlu/test/anatomy_test.csv"]);
    assert_eq!(of("wit_choice").metrics, [Metric::Acc]);
    assert!(summaries.iter().all(|summary| summary.kind == Kind::Tag || !summary.description.is_empty()));
}
