//! Dialogues, and replies that a program verifies or a judge rates.

use super::*;
use wit_eval::task::{Scorer, VerifierMode};

const VERIFIED: &str = "task: v\ndataset_path: json\ndataset_kwargs: {data_files: {test: v.jsonl}}\ntest_split: test\n\
output_type: generate_until\ndoc_to_text: prompt\nmetadata:\n  version: 1\n  wit_eval: {scorer: ifeval}\n";

fn verified(row: &str) -> Result<Vec<Instance>, String> {
    let (catalog, _folder) = load(&[("v.yaml", VERIFIED), ("v.jsonl", row)]).map_err(|error| error.to_string())?;
    let source = catalog.task("v").ok_or("no such task")?;
    instances(source, &InstanceOptions::default()).map_err(|error| error.to_string())
}

#[test]
fn instructions_are_read_with_their_arguments_and_nulls_are_dropped() {
    let row = r#"{"prompt": "Say no more.", "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
        "kwargs": [{}, {"num_words": 5.0, "relation": "less than", "keywords": null}]}"#;
    let made = verified(&row.replace('\n', " ")).unwrap();
    let Expectation::Verified { turns } = &made[0].expectation else { panic!("checks were expected") };
    assert_eq!(turns[0].len(), 2);
    assert_eq!(turns[0][1].id, "length_constraints:number_words");
    assert_eq!(turns[0][1].kwargs.len(), 2);
}

#[test]
fn an_instruction_that_nobody_can_verify_is_refused_with_document_and_argument() {
    for (ids, kwargs, said) in [
        (r#"["keywords:existance"]"#, "[{}]", "keywords:existance"),
        (r#"["keywords:existence"]"#, "[{}]", "keywords"),
        (r#"["punctuation:no_comma"]"#, "[{}, {}]", "1 instructions and 2 entries"),
        (r#"["length_constraints:number_words"]"#, r#"[{"num_words": 3, "relation": "about"}]"#, "about"),
        ("[]", "[]", "0 instructions"),
        ("7", "[]", "instruction_id_list"),
    ] {
        let row = format!(r#"{{"prompt": "p", "instruction_id_list": {ids}, "kwargs": {kwargs}}}"#);
        let error = verified(&row).unwrap_err();
        assert!(error.contains(said) && error.contains('v'), "{error}");
    }
}

#[test]
fn stock_ifeval_files_name_two_python_functions_that_this_program_has() {
    let stock = "task: stock\ndataset_path: google/IFEval\ntest_split: train\noutput_type: generate_until\ndoc_to_text: prompt\n\
doc_to_target: 0\ngeneration_kwargs: {until: [], do_sample: false, temperature: 0.0, max_gen_toks: 1280}\n\
process_results: !function utils.process_results\nmetric_list:\n  - metric: prompt_level_strict_acc\n    aggregation: mean\n  \
- metric: inst_level_strict_acc\n    aggregation: !function utils.agg_inst_level_acc\nmetadata:\n  version: 4.0\n";
    let (catalog, _folder) = load(&[("stock.yaml", stock)]).unwrap();
    let task = &catalog.task("stock").unwrap().task;
    assert_eq!(task.scorer, Scorer::Instructions(VerifierMode::Official));
    assert_eq!(task.metrics.len(), 2);
    let other = stock.replace("utils.process_results", "utils.other");
    let error = load(&[("stock.yaml", &other)]).unwrap_err().to_string();
    assert!(error.contains("utils.other") && error.contains("stock.yaml:8"), "{error}");
}

#[test]
fn scorers_and_their_columns_must_fit_the_task() {
    let file = |extras: &str, output: &str| {
        format!(
            "task: t\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: t.jsonl}}}}\ntest_split: test\n\
output_type: {output}\ndoc_to_text: q\ndoc_to_target: a\ndoc_to_choice: [a, b]\nmetadata:\n  version: 1\n  wit_eval: {{{extras}}}\n"
        )
    };
    for (extras, output, said) in [
        ("scorer: nobody", "generate_until", "`nobody` is not one of targets, ifeval"),
        ("scorer: ifeval", "multiple_choice", "only replies of generate_until tasks are judged"),
        ("scorer: dialogue", "generate_until", "column of its turns"),
        ("scorer: alpaca_eval", "generate_until", "`baseline`"),
        ("turns: turns", "multiple_choice", "only generate_until continues a conversation"),
        ("temperatures: {a: 0.5}", "generate_until", "`category`"),
        ("category: c, temperatures: {a: -1}", "generate_until", "not in [0, 100]"),
    ] {
        let error = load(&[("t.yaml", &file(extras, output))]).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("t.yaml"), "{error}");
    }
}

#[test]
fn every_turn_of_a_shipped_dialogue_is_asked_and_checked() {
    let made = make(&shipped(), "wit_dialogue", &InstanceOptions::default());
    for instance in &made {
        let Expectation::Verified { turns } = &instance.expectation else { panic!("checks were expected") };
        assert_eq!(turns.len(), 1 + instance.prompt.later.len(), "{}", instance.id);
        assert!(turns.iter().skip(1).any(|checks| !checks.is_empty()), "{}", instance.id);
    }
}

#[test]
fn the_chance_that_reports_show_is_the_mean_over_the_dialogues() {
    let text = String::from_utf8(wit_eval::data::shipped_file("dialogue/dialogue.jsonl").unwrap().to_vec()).unwrap();
    let rows =
        text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["chance"].as_f64().unwrap());
    let chances = rows.collect::<Vec<_>>();
    let mean = chances.iter().sum::<f64>() / chances.len() as f64;
    let told = shipped().task("wit_dialogue").unwrap().task.profile.chance.unwrap();
    assert!((mean - told).abs() < 1e-4, "{mean} and {told}");
}

#[test]
fn the_real_benchmarks_of_instructions_and_conversations_load() {
    let Some(data) = real_data() else { return };
    let catalog = shipped();
    let options = InstanceOptions { data_dir: Some(&data), ..InstanceOptions::default() };
    let count = |name: &str| make(&catalog, name, &options);
    assert_eq!((count("ifeval").len(), count("ifbench").len()), (541, 300));
    assert_eq!((count("alpaca_eval").len(), count("alpaca_eval_1").len()), (805, 805));
    let conversations = count("mt_bench");
    let at = |temperature: f64| conversations.iter().filter(|one| one.temperature == Some(temperature)).count();
    let with_reference = conversations
        .iter()
        .filter(|one| matches!(&one.expectation, Expectation::Judged { references, .. } if references.len() == 2));
    assert_eq!((conversations.len(), with_reference.count()), (80, 30));
    assert_eq!([at(0.7), at(0.1), at(0.0)], [20, 20, 40], "two, two and four categories of ten questions");
}
