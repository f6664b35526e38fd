//! Task files, documents and prompts: against the published protocols, real data and hostile input.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::format_collect,
    clippy::format_push_string
)]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "tasks/conversations.rs"]
mod conversations;
#[path = "tasks/official.rs"]
mod official;
#[path = "tasks/shipped.rs"]
mod shipped;

use tempfile::TempDir;
use wit_eval::data::{Catalog, CatalogError, DataError, InstanceOptions, Kind, Limit, instances};
use wit_eval::instance::{Expectation, Instance, Presentation};
use wit_eval::request::Prompt;
use wit_eval::task::{FilterStep, Member, Metric, OutputType};

/// The folder of real benchmark data, or `None` with a note.
fn real_data() -> Option<PathBuf> {
    let fixtures = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let data = Path::new(&fixtures).join("../data");
    if data.join("mmlu/test").is_dir() {
        return Some(data);
    }
    eprintln!("skipped: no benchmark data at {}", data.display());
    None
}

fn shipped() -> Catalog {
    Catalog::load(&[]).unwrap_or_else(|error| panic!("{error}"))
}

fn make(catalog: &Catalog, task: &str, options: &InstanceOptions<'_>) -> Vec<Instance> {
    instances(catalog.task(task).unwrap(), options).unwrap_or_else(|error| panic!("{error}"))
}

fn text(instance: &Instance) -> String {
    match instance.prompt.present(Presentation::Text) {
        Prompt::Text(text) => text,
        Prompt::Chat { .. } => panic!("a text was asked"),
    }
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Result<(Catalog, TempDir), CatalogError> {
    let folder = folder(files);
    Catalog::load(&[folder.path().to_path_buf()]).map(|catalog| (catalog, folder))
}

fn refusal(files: &[(&str, &str)]) -> String {
    load(files).map(|_| ()).unwrap_err().to_string()
}

/// The smallest generation task, with further keys.
fn task_file(more: &str) -> String {
    format!(
        "task: t\noutput_type: generate_until\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: d.jsonl}}}}\n\
         test_split: test\ndoc_to_text: \"{{{{q}}}}\"\ndoc_to_target: a\n{more}"
    )
}

const DOCS: &str =
    "{\"q\": \"one?\", \"a\": \"1\"}\n{\"q\": \"two?\", \"a\": \"2\"}\n{\"q\": \"three?\", \"a\": \"3\"}\n";

/// Positions printed by `CPython` 3.11.7: one `random.Random(1234)`, `sample(range(6), 3)` for each of three documents
/// (two examples and one spare, as examples come from the evaluated split).
#[test]
fn few_shot_examples_are_drawn_as_by_pythons_random_and_never_the_question_itself() {
    let docs: String = (0..6).map(|i| format!("{{\"q\": \"q{i}\", \"a\": \"{i}\"}}\n")).collect();
    let (catalog, _folder) = load(&[("t.yaml", &task_file("num_fewshot: 2\n")), ("d.jsonl", &docs)]).unwrap();
    let options = InstanceOptions { limit: Some(Limit::Fraction(0.5)), ..InstanceOptions::default() };
    let made = make(&catalog, "t", &options);
    let shots: Vec<Vec<&str>> =
        made.iter().map(|i| i.prompt.shots.iter().map(|shot| shot.query.as_str()).collect()).collect();
    assert_eq!(shots, PYTHON_SHOTS.map(|pair| pair.to_vec()));
    let other = make(&catalog, "t", &InstanceOptions { fewshot_seed: 1, ..options.clone() });
    assert_ne!(made, other);
}

const PYTHON_SHOTS: [[&str; 2]; 3] = [["q3", "q4"], ["q0", "q4"], ["q5", "q0"]];

#[test]
fn limits_and_chosen_documents_keep_their_positions() {
    let (catalog, _folder) = load(&[("t.yaml", &task_file("")), ("d.jsonl", DOCS)]).unwrap();
    let ids = |options: InstanceOptions<'_>| {
        make(&catalog, "t", &options).into_iter().map(|instance| instance.id).collect::<Vec<_>>()
    };
    let base = InstanceOptions::default();
    assert_eq!(ids(InstanceOptions { limit: "0.4".parse().ok(), ..base.clone() }), ["t/0", "t/1"]);
    assert_eq!(ids(InstanceOptions { limit: "1".parse().ok(), ..base.clone() }), ["t/0"]);
    assert_eq!(ids(InstanceOptions { samples: Some(vec![2, 0, 2]), ..base.clone() }), ["t/0", "t/2"]);
    let beyond = InstanceOptions { samples: Some(vec![3]), ..base };
    let error = instances(catalog.task("t").unwrap(), &beyond).unwrap_err().to_string();
    assert!(error.contains("no document 3"), "{error}");
    for text in ["0", "1.5", "-1", "nan", "inf", ""] {
        assert!(text.parse::<Limit>().is_err(), "{text}");
    }
}

#[test]
fn missing_data_are_an_error_that_names_the_places_and_the_flag() {
    let catalog = shipped();
    let source = catalog.task("mmlu_anatomy").unwrap();
    let without = instances(source, &InstanceOptions::default()).unwrap_err().to_string();
    for part in ["--data DIR", "mmlu/test/anatomy_test.csv", "\n  test/anatomy_test.csv"] {
        assert!(without.contains(part), "{without}");
    }
    let empty = folder(&[]);
    let with = instances(source, &InstanceOptions { data_dir: Some(empty.path()), ..InstanceOptions::default() });
    let with = with.unwrap_err().to_string();
    assert!(with.contains(&empty.path().display().to_string()) && with.contains("--data DIR"), "{with}");
}

#[test]
fn names_wildcards_tags_and_nested_groups_select_each_task_once_and_in_order() {
    let catalog = shipped();
    let names = |asked: &str| {
        catalog.select(asked).map(|s| s.tasks.into_iter().map(|source| source.task.name).collect::<Vec<_>>())
    };
    assert_eq!(names("wit_prose, wit_c*,wit_choice").unwrap(), ["wit_prose", "wit_choice", "wit_cloze"]);
    assert_eq!(names("wit").unwrap().len(), 4);
    assert_eq!(names("bbh_zeroshot*").unwrap().len(), 27);
    let error = names("mmlu_anatomi").unwrap_err().to_string();
    assert!(error.contains("did you mean mmlu_anatomy"), "{error}");
    assert_eq!(names(" , "), Err(CatalogError::NothingSelected));
}

#[test]
fn a_folder_wins_over_what_ships_and_two_definitions_in_folders_are_refused() {
    let own = task_file("").replace("task: t", "task: wit_choice");
    let (catalog, folder) = load(&[("a.yaml", &own), ("d.jsonl", DOCS)]).unwrap();
    assert_eq!(make(&catalog, "wit_choice", &InstanceOptions::default()).len(), 3);
    assert!(
        catalog
            .task("wit_choice")
            .unwrap()
            .file
            .starts_with(&folder.path().canonicalize().unwrap().display().to_string())
    );
    let twice = refusal(&[("a.yaml", &own), ("b/c.yaml", &own)]);
    assert!(twice.contains("a.yaml") && twice.contains("c.yaml") && twice.contains("defined twice"), "{twice}");
}

#[test]
fn includes_are_merged_with_the_including_file_on_top() {
    let template = task_file("description: base\n").replace("task: t\n", "");
    let files = [
        ("x/t.yaml", "include: ../base_yaml\ntask: t\ndescription: own\n"),
        ("base_yaml", template.as_str()),
        ("x/d.jsonl", DOCS),
    ];
    let (catalog, _folder) = load(&files).unwrap();
    let made = make(&catalog, "t", &InstanceOptions::default());
    assert_eq!(text(&made[0]), "ownone?");
}

#[test]
fn groups_may_hold_tags_other_groups_and_tasks_written_in_place() {
    let group = "group: g\ntask:\n  - inner\n  - mytag\n  - task: t\n    num_fewshot: 1\n  - group: g2\n    task: [t]\n\
                 aggregate_metric_list:\n  - metric: exact_match\n    weight_by_size: false\n";
    let files = [
        ("g.yaml", group),
        ("h.yaml", "group: inner\ntask: [t]\n"),
        ("t.yaml", &task_file("tag: mytag\n")),
        ("d.jsonl", DOCS),
    ];
    let (catalog, _folder) = load(&files).unwrap();
    let task = |name: &str| Member::Task(name.to_owned());
    let group = |name: &str| Member::Group(name.to_owned());
    let found = catalog.group("g").unwrap();
    assert_eq!(found.members, [group("inner"), task("t"), task("g::t"), group("g2")]);
    assert!(!found.aggregates[0].weight_by_size);
    assert_eq!(catalog.task("g::t").unwrap().task.num_fewshot, 1);
    assert_eq!(catalog.task("t").unwrap().task.num_fewshot, 0);
    assert_eq!(catalog.select("g").unwrap().tasks.len(), 2);
}

#[test]
fn stock_task_files_of_the_format_are_understood() {
    // The spellings that stock files use: quoted keys, folded scalars, keyword arguments of filters, ignored keys.
    let file = "\"task\": s\ndataset_path: lukaemon/bbh\n\"dataset_name\": snarks\ntest_split: test\noutput_type: generate_until\n\
                description: 'Folded.\n\n\n  '\ndoc_to_text: 'Q: {{input}}\n\n  A:'\ndoc_to_target: '{{target}}'\n\
                fewshot_config:\n  sampler: first_n\n  samples:\n  - input: a\n    target: b\nshould_decontaminate: true\n\
                filter_list:\n- name: x\n  filter:\n  - function: regex\n    kwargs: {regex_pattern: '(a)', group_select: -1}\n\
                generation_kwargs: {until: ['</s>'], do_sample: false, temperature: 0.0}\nmetadata: {version: 2, anything: [1]}\n";
    let (catalog, _folder) = load(&[("s.yaml", file)]).unwrap();
    let source = catalog.task("s").unwrap();
    assert_eq!(source.task.version, "2");
    assert!(matches!(&source.task.filters[0].steps[0], FilterStep::Regex(regex) if regex.group_select == -1));
    assert_eq!(catalog.notes().len(), 1);
    let data = folder(&[("snarks.json", r#"{"examples": [{"input": "i", "target": "t"}]}"#)]);
    let options = InstanceOptions { data_dir: Some(data.path()), num_fewshot: Some(1), ..InstanceOptions::default() };
    assert_eq!(text(&make(&catalog, "s", &options)[0]), "Folded.\n\nQ: a\nA: b\n\nQ: i\nA:");
}

#[test]
fn defaults_are_those_of_the_format() {
    let multiple = "task: m\ndataset_path: json\ndataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\n\
                    output_type: multiple_choice\ndoc_to_text: q\ndoc_to_target: a\ndoc_to_choice: ['1', '2', '3']\n";
    let (catalog, _folder) = load(&[("t.yaml", &task_file("")), ("m.yaml", multiple), ("d.jsonl", DOCS)]).unwrap();
    let OutputType::GenerateUntil(decoding) = &catalog.task("t").unwrap().task.output else { panic!("generation") };
    assert_eq!((decoding.max_new_tokens, decoding.stop.as_slice()), (256, &["\n\n".to_owned()][..]));
    let metrics: Vec<Metric> = catalog.task("m").unwrap().task.metrics.iter().map(|spec| spec.metric).collect();
    assert_eq!(metrics, [Metric::Acc, Metric::AccNorm]);
    assert_eq!(catalog.task("m").unwrap().task.filters[0].name, "none");
    // A text column is looked up among the choices.
    let made = make(&catalog, "m", &InstanceOptions::default());
    assert!(matches!(&made[2].expectation, Expectation::Choice { gold, .. } if gold == &[2]));
}

#[test]
fn what_is_not_supported_is_refused_by_name_with_file_and_line() {
    for (more, parts) in [
        ("process_docs: !function utils.process\n", &["t.yaml:8", "process_docs", "utils.process"][..]),
        ("metric_list:\n  - metric: !function m.f1\n", &["t.yaml:9", "m.f1"]),
        ("metric_list:\n  - metric: rouge\n", &["t.yaml:8", "rouge", "exact_match"]),
        ("metric_list:\n  - metric: acc\n", &["t.yaml:8", "does not fit"]),
        (
            "metric_list:\n  - metric: exact_match\n    ignore_cas: true\n",
            &["t.yaml:10", "ignore_cas", "did you mean ignore_case"],
        ),
        ("doc_to_texts: x\n", &["t.yaml:8", "doc_to_texts", "did you mean doc_to_text"]),
        (
            "filter_list:\n  - name: f\n    filter:\n      - function: regexp\n",
            &["t.yaml:8", "regexp", "did you mean regex"],
        ),
        (
            "filter_list:\n  - name: f\n    filter:\n      - function: regex\n        regex_pattern: '(('\n",
            &["t.yaml:8", "(("],
        ),
        (
            "filter_list:\n  - name: f\n    filter:\n      - function: regex\n        regex_pattern: '\\p{L}+'\n",
            &["t.yaml:8", "p{L}+", "Python"],
        ),
        ("metric_list:\n  - metric: exact_match\n    regexes_to_ignore: ['\\p{L}+']\n", &["t.yaml:8", "p{L}+"]),
        ("description: '{{ q * n }}'\n", &["t.yaml:8", "description", "whole number"]),
        ("repeats: 4\n", &["t.yaml:8", "repeats"]),
        ("num_fewshot: two\n", &["t.yaml:8", "num_fewshot"]),
        ("description: '{{ open'\n", &["t.yaml:8", "description"]),
        ("unsafe_code: true\n", &["t.yaml:8", "unsafe_code"]),
        ("group: g\n", &["t.yaml:8", "tag"]),
        ("description: !secret x\n", &["t.yaml:8", "!secret"]),
        ("include: ../../outside.yaml\n", &["t.yaml:8", "outside.yaml", "--include_path"]),
        ("include: /etc/passwd\n", &["t.yaml:8", "/etc/passwd"]),
        ("dataset_kwargs: {data_files: {test: ../../x}}\n", &["t.yaml"]),
    ] {
        let error = refusal(&[("t.yaml", &task_file(more))]);
        assert!(parts.iter().all(|part| error.contains(part)), "{more} -> {error}");
    }
    let outside = task_file("").replace("d.jsonl", "../d.jsonl");
    assert!(refusal(&[("t.yaml", &outside)]).contains("inside the folder"));
    let remote = task_file("").replace("d.jsonl", "\"https://example.org/d.jsonl\"");
    assert!(refusal(&[("t.yaml", &remote)]).contains("inside the folder"));
}

#[test]
fn a_line_break_that_is_none_is_remarked() {
    let text = task_file("description: 'one\\n'\n");
    let (catalog, _folder) = load(&[("t.yaml", &text)]).unwrap();
    assert_eq!((catalog.notes().len(), catalog.notes()[0].line), (1, 8));
}

#[test]
fn hostile_files_are_refused_and_end() {
    let cycle = refusal(&[("a.yaml", "include: b.yaml\ntask: a\n"), ("b.yaml", "include: a.yaml\n")]);
    assert!(cycle.contains("circle") && cycle.contains("b.yaml"), "{cycle}");
    let groups = refusal(&[("a.yaml", "group: a\ntask: [b]\n"), ("b.yaml", "group: b\ntask: [a]\n")]);
    assert!(groups.contains("holds itself"), "{groups}");
    let mut laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, of) in ('b'..='i').zip('a'..) {
        let many = vec![format!("*{of}"); 9].join(",");
        laughs += &format!("{name}: &{name} [{many}]\n");
    }
    let deep = format!("task: {}", "[".repeat(100_000));
    let unknown_member = "group: g\ntask: [wit_choise]\n";
    let dashes = "- ".repeat(100_000);
    for hostile in [
        laughs.as_str(),
        &deep,
        &dashes,
        "task: [",
        "\u{0}",
        "- a\n- b\n",
        "task: a\ntask: b\n",
        "task: ../x\n",
        unknown_member,
    ] {
        let error = refusal(&[("h.yaml", hostile)]);
        assert!(!error.is_empty() && error.len() < 4_000, "{error}");
    }
    assert!(refusal(&[("h.yaml", unknown_member)]).contains("did you mean wit_choice"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    assert!(Catalog::load(&[folder.path().to_path_buf()]).is_err());
    assert!(Catalog::load(&[folder.path().join("missing")]).is_err());
}

/// A bracket that needs no escape in a class of Python's: judging reads it so, and so does loading.
#[test]
fn what_loads_can_be_judged() {
    let more = "filter_list:\n  - name: f\n    filter:\n      - {function: regex, regex_pattern: '[[(]([A-D])[])]'}\n";
    let (catalog, _folder) = load(&[("t.yaml", &task_file(more))]).unwrap();
    assert!(wit_eval::scoring::Judge::new(&catalog.task("t").unwrap().task).is_ok());
}

#[test]
fn includes_and_groups_that_multiply_are_refused_or_read_once() {
    let names: Vec<String> = (0..7).map(|level| format!("t{level}.yaml")).collect();
    let texts: Vec<String> =
        (1..8).map(|next| format!("include: [{}]\n", format!("t{next}.yaml, ").repeat(30))).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    files[6].1 = "description: x\n";
    files.push(("t.yaml", "include: t0.yaml\ntask: t\n"));
    let error = refusal(&files);
    assert!(error.contains("include") && error.contains("64 files"), "{error}");

    let names: Vec<String> = (0..16).map(|level| format!("g{level}.yaml")).collect();
    let mut texts: Vec<String> =
        (0..15).map(|level| format!("group: g{level}\ntask: [{}]\n", format!("g{}, ", level + 1).repeat(10))).collect();
    texts.push("group: g15\ntask: [wit_choice]\n".to_owned());
    let files: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    let (catalog, _folder) = load(&files).unwrap();
    assert_eq!(catalog.select("g0").unwrap().tasks.len(), 1);
    assert_eq!(catalog.summaries().iter().find(|summary| summary.name == "g0").map(|summary| summary.tasks), Some(1));
}

/// The depth counts from the deepest group, whichever of them comes first by name.
#[test]
fn groups_nest_sixteen_levels_and_no_more() {
    let nested = |levels: usize| {
        let files: Vec<(String, String)> = (0..=levels)
            .map(|level| {
                let member =
                    if level == levels { "wit_choice".to_owned() } else { format!("g{:02}", levels - level - 1) };
                let name = levels - level;
                (format!("g{name:02}.yaml"), format!("group: g{name:02}\ntask: [{member}]\n"))
            })
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        load(&files).map(|_| ())
    };
    assert_eq!(nested(16), Ok(()));
    assert!(matches!(nested(17), Err(CatalogError::GroupCycle { .. })));
}

#[test]
fn a_template_that_asks_for_too_much_memory_is_an_error_that_names_task_and_key() {
    let file = task_file("description: '{{ q | replace(\"x\", q) | replace(\"x\", q) }}'\n");
    let docs = format!("{{\"q\": \"{}\"}}\n", "x".repeat(1_000));
    let (catalog, _folder) = load(&[("t.yaml", &file), ("d.jsonl", &docs)]).unwrap();
    let error = instances(catalog.task("t").unwrap(), &InstanceOptions::default()).unwrap_err().to_string();
    assert!(error.contains("task `t`") && error.contains("description"), "{error}");
}

#[test]
fn data_files_may_be_a_path_a_list_or_splits_and_tags_one_or_several() {
    let plain = task_file("").replace("test_split: test", "test_split: train");
    let with = |files: &str| plain.replace("{test: d.jsonl}", files);
    for (files, documents) in
        [("d.jsonl", 3), ("[d.jsonl, e.jsonl]", 4), ("{train: d.jsonl}", 3), ("{train: [e.jsonl, d.jsonl]}", 4)]
    {
        let text = with(files) + "tag: [one, two]\n";
        let (catalog, _folder) =
            load(&[("t.yaml", &text), ("d.jsonl", DOCS), ("e.jsonl", "{\"q\": \"x\", \"a\": \"y\"}\n")]).unwrap();
        assert_eq!(make(&catalog, "t", &InstanceOptions::default()).len(), documents, "{files}");
        assert_eq!(catalog.select("one").unwrap().tasks.len(), 1);
        assert_eq!(catalog.tagged("two").unwrap(), ["t"]);
    }
    let text = with("d.jsonl") + "tag: one\n";
    let (catalog, _folder) = load(&[("t.yaml", &text), ("d.jsonl", DOCS)]).unwrap();
    assert_eq!(catalog.tagged("one").unwrap(), ["t"]);
}

#[test]
fn a_group_file_may_include_and_a_member_written_in_place_may_not() {
    let template = "metadata: {version: 3}\n";
    let task = task_file("");
    let files = [("g.yaml", "include: base_yaml\ngroup: g\ntask: [t]\n"), ("base_yaml", template), ("t.yaml", &task)];
    let own = "group: g\ntask: [t]\nmetadata: {version: 3}\n";
    let loaded = load(&files);
    let group = loaded.map(|(catalog, _)| catalog.group("g").cloned());
    let plain = load(&[("g.yaml", own), ("t.yaml", &task)]).map(|(catalog, _)| catalog.group("g").cloned());
    assert_eq!(group, plain);
    let error = refusal(&[("g.yaml", "group: g\ntask:\n  - task: t\n    include: x.yaml\n"), ("t.yaml", &task)]);
    assert!(error.contains("include") && error.contains("its own file"), "{error}");
}

/// As lm-evaluation-harness counts it: whether greedy decoding gives the right option.
#[test]
fn a_choice_task_may_count_exact_matches() {
    let file = task_file("doc_to_choice: ['1', '2', '3']\nmetric_list: [{metric: acc}, {metric: exact_match}]\n")
        .replace("generate_until", "multiple_choice");
    let (catalog, _folder) = load(&[("t.yaml", &file), ("d.jsonl", DOCS)]).unwrap();
    let metrics: Vec<Metric> = catalog.task("t").unwrap().task.metrics.iter().map(|spec| spec.metric).collect();
    assert_eq!(metrics, [Metric::Acc, Metric::ExactMatch]);
}

#[test]
fn a_document_that_does_not_fit_is_named_with_its_position_and_the_key() {
    let docs = "{\"q\": \"one?\", \"a\": \"1\"}\n{\"a\": \"2\"}\n";
    let (catalog, _folder) = load(&[("t.yaml", &task_file("")), ("d.jsonl", docs)]).unwrap();
    let error = instances(catalog.task("t").unwrap(), &InstanceOptions::default()).unwrap_err();
    assert!(matches!(&error, DataError::Document { doc: 1, key: "doc_to_text", .. }), "{error}");
    let (catalog, _folder) = load(&[("t.yaml", &task_file("")), ("d.jsonl", "{\"q\": 1}\nbroken\n")]).unwrap();
    let error = instances(catalog.task("t").unwrap(), &InstanceOptions::default()).unwrap_err().to_string();
    assert!(error.contains("d.jsonl") && error.contains("row 2"), "{error}");
    let (catalog, _folder) = load(&[("t.yaml", &task_file("")), ("d.jsonl", DOCS)]).unwrap();
    let options = InstanceOptions { num_fewshot: Some(3), ..InstanceOptions::default() };
    let error = instances(catalog.task("t").unwrap(), &options).unwrap_err().to_string();
    assert!(error.contains("4 examples are needed and there are 3"), "{error}");
}

#[test]
fn documents_of_one_cluster_share_it() {
    let docs = "{\"q\": \"one?\", \"a\": \"1\", \"p\": \"x\"}\n{\"q\": \"two?\", \"a\": \"2\", \"p\": \"x\"}\n";
    let more = "metadata: {wit_eval: {cluster: p, protect: [a]}}\n";
    let (catalog, _folder) = load(&[("t.yaml", &task_file(more)), ("d.jsonl", docs)]).unwrap();
    let made = make(&catalog, "t", &InstanceOptions::default());
    assert_eq!([&made[0].cluster, &made[1].cluster], ["x", "x"]);
    assert_eq!(made[1].prompt.protected, ["2"]);
}

/// The examples' questions, document by document.
fn drawn(splits: &str, sampler: &str, count: usize, files: &[(&str, &str)]) -> Vec<String> {
    let file = format!(
        "task: t\noutput_type: generate_until\ndataset_path: json\n{splits}\ndoc_to_text: q\ndoc_to_target: a\n\
         fewshot_config: {{sampler: {sampler}}}\nnum_fewshot: {count}\n"
    );
    let (catalog, _folder) = load(&[&[("t.yaml", file.as_str())], files].concat()).unwrap();
    let made = make(&catalog, "t", &InstanceOptions::default());
    let questions = |instance: &Instance| instance.prompt.shots.iter().map(|shot| shot.query.clone()).collect();
    made.iter().map(questions).collect()
}

fn questions(names: &[&str]) -> String {
    names.iter().map(|name| format!("{{\"q\": \"{name}\", \"a\": \"x\"}}\n")).collect()
}

/// Expected draws were printed by lm-evaluation-harness 0.4.13 (`ContextSampler`, `FirstNSampler`, seed 1234).
#[test]
fn draws_are_those_of_lm_eval_where_no_split_is_named_and_where_documents_repeat() {
    let examples = questions(&["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7"]);
    let asked = questions(&["d0", "d1", "d2", "d3"]);
    let files = [("e.jsonl", examples.as_str()), ("d.jsonl", asked.as_str())];
    let splits =
        "dataset_kwargs: {data_files: {train: e.jsonl, val: d.jsonl}}\ntraining_split: train\nvalidation_split: val";
    assert_eq!(drawn(splits, "default", 2, &files), ["e7e0", "e1e6", "e0e5", "e1e0"]);
    let named = format!("{splits}\nfewshot_split: train");
    assert_eq!(drawn(&named, "default", 2, &files), ["e7e0", "e0e7", "e0e5", "e1e0"]);

    let repeated = questions(&["a", "b", "a", "b", "a", "c", "d"]);
    let files = [("d.jsonl", repeated.as_str())];
    let splits = "dataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\nfewshot_split: test";
    assert_eq!(drawn(splits, "default", 3, &files), ["bcd", "cda", "bdb", "cad", "bdc", "daa", "baa"]);
    assert_eq!(drawn(splits, "first_n", 3, &files), ["bbc", "aaa", "bbc", "aaa", "bbc", "aba", "aba"]);
}

/// Expected prompts were printed by lm-evaluation-harness 0.4.13.
#[test]
fn an_example_keeps_its_own_delimiter_and_a_prefix_takes_none_where_white_space_is() {
    let shown = |more: &str| {
        let more = format!("fewshot_split: test\nnum_fewshot: 1\n{more}");
        let (catalog, _folder) = load(&[("t.yaml", &task_file(&more)), ("d.jsonl", DOCS)]).unwrap();
        text(&make(&catalog, "t", &InstanceOptions::default())[0])
    };
    let sampler = "sampler: first_n";
    assert_eq!(
        shown(&format!("target_delimiter: ' => '\nfewshot_config: {{{sampler}, target_delimiter: ' -> '}}\n")),
        "two? -> 2\n\none?"
    );
    for (prefix, expected) in [
        ("So:", "two? So: 2\n\none? So:"),
        (" So:", "two? So: 2\n\none? So:"),
        ("So ", "two? So 2\n\none? So "),
        ("So:\\n", "two? So:\n2\n\none? So:\n"),
    ] {
        assert_eq!(shown(&format!("fewshot_config: {{{sampler}}}\ngen_prefix: \"{prefix}\"\n")), expected);
    }
}

#[test]
fn option_texts_for_the_filter_come_from_the_column_choices() {
    let filter = "filter_list:\n  - name: f\n    filter:\n      - {function: multi_choice_regex}\n      - {function: take_first}\n";
    let docs = "{\"q\": \"?\", \"a\": \"(A)\", \"choices\": [\"u\", \"v\"]}\n";
    let (catalog, _folder) = load(&[("t.yaml", &task_file(filter)), ("d.jsonl", docs)]).unwrap();
    let Expectation::Text { choices, .. } = &make(&catalog, "t", &InstanceOptions::default())[0].expectation else {
        panic!("a text is expected");
    };
    assert_eq!(choices, &["u", "v"]);
}
