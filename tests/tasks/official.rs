//! MMLU and BBH: prompts against the published protocols, and the real data.

use super::*;

#[test]
fn an_mmlu_prompt_is_that_of_the_protocol_with_and_without_examples() {
    let csv = "\"  What is 2+2? \",3,4,5,6,B\nLast?,w,x,y,z,D\n";
    let dev: String = (0..5).map(|i| format!("Dev {i}?,a{i},b{i},c{i},d{i},C\n")).collect();
    let data = folder(&[("test/abstract_algebra_test.csv", csv), ("dev/abstract_algebra_dev.csv", &dev)]);
    let catalog = shipped();
    let options = InstanceOptions { data_dir: Some(data.path()), ..InstanceOptions::default() };
    let zero = make(&catalog, "mmlu_abstract_algebra", &options);
    let head = "The following are multiple choice questions (with answers) about abstract algebra.\n\n";
    let question = "What is 2+2?\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer:";
    assert_eq!(text(&zero[0]), format!("{head}{question}"));
    assert_eq!(zero[0].prompt.target_delimiter, " ");
    assert_eq!(zero[0].id, "mmlu_abstract_algebra/0");
    let letters = ["A", "B", "C", "D"].map(str::to_owned).to_vec();
    assert_eq!(zero[0].expectation, Expectation::Choice { choices: letters, gold: vec![1] });

    let five = make(&catalog, "mmlu_abstract_algebra", &InstanceOptions { num_fewshot: Some(5), ..options.clone() });
    let shots: String =
        (0..5).map(|i| format!("Dev {i}?\nA. a{i}\nB. b{i}\nC. c{i}\nD. d{i}\nAnswer: C\n\n")).collect();
    assert_eq!(text(&five[0]), format!("{head}{shots}{question}"));

    let flexible = make(&catalog, "mmlu_flexible_abstract_algebra", &options);
    assert_eq!(text(&flexible[0]), format!("{head}{question}"));
    let choices = ["3", "4", "5", "6"].map(str::to_owned).to_vec();
    assert_eq!(flexible[0].expectation, Expectation::Text { targets: vec!["B".into()], choices });
}

#[test]
fn with_a_chat_template_choices_follow_without_a_space_and_examples_keep_theirs() {
    let dev = "Dev?,a,b,c,d,C\n";
    let data = folder(&[("mmlu/test/anatomy_test.csv", "Q?,w,x,y,z,D\n"), ("mmlu/dev/anatomy_dev.csv", dev)]);
    let catalog = shipped();
    let options = InstanceOptions { data_dir: Some(data.path()), num_fewshot: Some(1), ..InstanceOptions::default() };
    let with = |presentation| {
        let made = make(&catalog, "mmlu_anatomy", &InstanceOptions { presentation, ..options.clone() });
        (made[0].prompt.target_delimiter.clone(), made[0].prompt.present(presentation))
    };
    let (delimiter, Prompt::Chat { messages, .. }) = with(Presentation::Chat) else { panic!("a chat was asked") };
    assert_eq!(delimiter, "");
    assert!(
        messages[1].content.starts_with("Dev?\nA. a\nB. b\nC. c\nD. d\nAnswer: C\n\nQ?"),
        "{}",
        messages[1].content
    );
    let (_, Prompt::Chat { messages, .. }) = with(Presentation::ChatMultiturn) else { panic!("a chat was asked") };
    assert_eq!(messages[2].content, "C");
}

#[test]
fn a_bbh_prompt_is_that_of_the_protocol_with_and_without_chain_of_thought() {
    let json = r#"{"canary": "c", "examples": [{"input": "not True is", "target": "False"}]}"#;
    let shot = |n: usize| format!("Q: ex {n}\nA: Let's think step by step.\nBecause {n}. So the answer is {n}.");
    let cot = format!("CANARY\n-----\nDescribed.\n\n{}\n\n{}\n\n{}", shot(1), shot(2), shot(3));
    let data = folder(&[("bbh/boolean_expressions.json", json), ("cot-prompts/boolean_expressions.txt", &cot)]);
    let catalog = shipped();
    let options = InstanceOptions { data_dir: Some(data.path()), ..InstanceOptions::default() };
    let zero = make(&catalog, "bbh_zeroshot_boolean_expressions", &options);
    let head = "Evaluate the result of a random Boolean expression.\n\n";
    assert_eq!(text(&zero[0]), format!("{head}Q: not True is\nA:"));
    let three = make(&catalog, "bbh_cot_fewshot_boolean_expressions", &options);
    let shots: String = (1..4).map(|n| shot(n) + "\n\n").collect();
    assert_eq!(text(&three[0]), format!("{head}{shots}Q: not True is\nA: Let's think step by step.\n"));
    let OutputType::GenerateUntil(decoding) = &catalog.task("bbh_cot_fewshot_boolean_expressions").unwrap().task.output
    else {
        panic!("generation was expected")
    };
    assert_eq!(
        (decoding.max_new_tokens, decoding.stop.as_slice()),
        (1024, &["</s>", "Q", "\n\n"].map(String::from)[..])
    );
}

#[test]
fn robust_bbh_asks_the_same_and_ends_only_where_the_model_asks_a_question_of_its_own() {
    let catalog = shipped();
    for source in &catalog.select("bbh_cot_fewshot").unwrap().tasks {
        let robust = source.task.name.replace("bbh_cot_fewshot", "bbh_cot_fewshot_robust");
        let robust = &catalog.task(&robust).unwrap().task;
        assert_eq!((&robust.alias, robust.num_fewshot), (&source.task.alias, 3), "{}", robust.name);
        let OutputType::GenerateUntil(decoding) = &robust.output else { panic!("generation was expected") };
        assert_eq!(decoding.stop, ["</s>", "\nQ:", "\n\nQ:"]);
        assert_eq!(robust.filters.iter().map(|filter| filter.name.as_str()).collect::<Vec<_>>(), ["robust"]);
        assert_eq!(robust.filters[0], source.task.filters[1]);
    }
    let json = r#"{"examples": [{"input": "not True is", "target": "False"}]}"#;
    let cot = (1..4).map(|n| format!("Q: {n}\nA: Let's think step by step.\nThe answer is {n}.")).collect::<Vec<_>>();
    let cot = format!("CANARY\n-----\nDescribed.\n\n{}", cot.join("\n\n"));
    let data = folder(&[("bbh/boolean_expressions.json", json), ("cot-prompts/boolean_expressions.txt", &cot)]);
    let options = InstanceOptions { data_dir: Some(data.path()), ..InstanceOptions::default() };
    let prompt = |task: &str| text(&make(&catalog, task, &options)[0]);
    assert_eq!(prompt("bbh_cot_fewshot_robust_boolean_expressions"), prompt("bbh_cot_fewshot_boolean_expressions"));
}

#[test]
fn the_real_mmlu_has_57_subjects_and_14042_questions() {
    let Some(data) = real_data() else { return };
    let catalog = shipped();
    let selection = catalog.select("mmlu").unwrap();
    assert_eq!(selection.tasks.len(), 57);
    let groups: Vec<&str> = selection.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["mmlu", "mmlu_stem", "mmlu_humanities", "mmlu_social_sciences", "mmlu_other"]);
    let options = InstanceOptions { data_dir: Some(&data), num_fewshot: Some(5), ..InstanceOptions::default() };
    let all: Vec<Instance> = selection
        .tasks
        .iter()
        .flat_map(|source| instances(source, &options).unwrap_or_else(|e| panic!("{e}")))
        .collect();
    assert_eq!(all.len(), 14_042);
    assert!(all.iter().all(|instance| instance.prompt.shots.len() == 5));
    let flexible = catalog.select("mmlu_flexible").unwrap();
    let options = InstanceOptions { num_fewshot: None, ..options };
    let n: usize = flexible.tasks.iter().map(|source| instances(source, &options).unwrap().len()).sum();
    assert_eq!(n, 14_042);
}

#[test]
fn the_real_bbh_has_27_tasks_and_6511_problems_in_every_style() {
    let Some(data) = real_data() else { return };
    let catalog = shipped();
    let options = InstanceOptions { data_dir: Some(&data), ..InstanceOptions::default() };
    for (group, shots) in [("bbh", 0), ("bbh_cot_fewshot", 3), ("bbh_cot_fewshot_robust", 3)] {
        let selection = catalog.select(group).unwrap();
        assert_eq!(selection.tasks.len(), 27);
        let made = selection.tasks.iter().map(|source| instances(source, &options).unwrap_or_else(|e| panic!("{e}")));
        let all: Vec<Instance> = made.flatten().collect();
        assert_eq!(all.len(), 6_511);
        assert!(all.iter().all(|instance| instance.prompt.shots.len() == shots));
    }
}

/// The descriptions in the task files are those of the benchmark's own prompt files, and the examples are all of theirs.
#[test]
fn a_chain_of_thought_prompt_rebuilds_the_benchmarks_own_file() {
    let Some(data) = real_data() else { return };
    let catalog = shipped();
    let options = InstanceOptions { data_dir: Some(&data), limit: Some(Limit::Count(1)), ..InstanceOptions::default() };
    for source in &catalog.select("bbh_cot_fewshot").unwrap().tasks {
        let instance = &instances(source, &options).unwrap()[0];
        let name = source.task.name.trim_start_matches("bbh_cot_fewshot_");
        let file = fs::read_to_string(data.join(format!("bbh/cot-prompts/{name}.txt"))).unwrap();
        let own = file.split_once("-----\n").unwrap().1.trim_end();
        // One file goes on after the cue without a line break; lm-evaluation-harness puts one everywhere.
        let own = own.replace("step by step. ", "step by step.\n");
        let prompt = text(instance);
        let rebuilt = prompt.strip_suffix(&instance.prompt.query).unwrap().trim_end();
        assert_eq!(rebuilt, own, "{name}");
    }
}

#[test]
fn options_of_bbh_problems_are_read_and_their_letters_match_the_answers() {
    let Some(data) = real_data() else { return };
    let catalog = shipped();
    let options = InstanceOptions { data_dir: Some(&data), ..InstanceOptions::default() };
    let mut beyond = 0;
    for instance in catalog.select("bbh").unwrap().tasks.iter().flat_map(|source| instances(source, &options).unwrap())
    {
        let Expectation::Text { targets, choices } = &instance.expectation else { panic!("generation was expected") };
        let letter = targets[0].strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        if let (Some(letter), false) = (letter.and_then(|letter| letter.bytes().next()), choices.is_empty()) {
            beyond += usize::from(usize::from(letter - b'A') >= choices.len());
        }
    }
    assert_eq!(beyond, 0);
}
