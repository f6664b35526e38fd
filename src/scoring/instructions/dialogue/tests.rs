use std::collections::BTreeMap;

use serde_json::json;

use super::build;
use crate::instance::Check;

fn check(id: &str, kwargs: serde_json::Value) -> Check {
    let serde_json::Value::Object(kwargs) = kwargs else { panic!("kwargs are an object") };
    Check { id: id.to_owned(), kwargs }
}

fn refusal(id: &str, kwargs: serde_json::Value) -> String {
    build(&check(id, kwargs)).unwrap().err().unwrap().to_string()
}

#[test]
fn every_check_has_cases_that_follow_and_cases_that_do_not() {
    let files = super::CASES.iter().map(|(_, text)| toml::from_str::<toml::Table>(text).unwrap()).collect::<Vec<_>>();
    let mut verdicts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for case in files.iter().flat_map(|file| file["case"].as_array().unwrap()) {
        if let Some(strict) = case.get("strict").and_then(toml::Value::as_bool) {
            verdicts.entry(case["id"].as_str().unwrap()).or_default()[usize::from(strict)] += 1;
        }
    }
    assert_eq!(verdicts.len(), 11);
    for (id, [breaks, follows]) in verdicts {
        assert!(breaks >= 1 && follows >= 1 && breaks + follows >= 3, "{id}: {breaks} break, {follows} follow");
    }
}

#[test]
fn identifiers_of_other_families_are_left_to_them() {
    assert!(build(&check("keywords:existence", json!({}))).is_none());
    assert!(refusal("dialogue:telepathy", json!({})).contains("dialogue:telepathy"));
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    for (id, kwargs, named) in [
        ("dialogue:answers", json!({}), "accept"),
        ("dialogue:answers", json!({"accept": []}), "accept"),
        ("dialogue:answers", json!({"accept": ["!?"]}), "accept"),
        ("dialogue:answers", json!({"accept": ["a"], "rejects": ["b"]}), "rejects"),
        ("dialogue:mentions", json!({}), "all_of"),
        ("dialogue:omits", json!({"phrases": "milk"}), "phrases"),
        ("dialogue:number", json!({"value": -1}), "value"),
        ("dialogue:verdict", json!({"verdict": "perhaps"}), "verdict"),
        ("dialogue:letter_case", json!({"case": "title"}), "case"),
        ("dialogue:list_items", json!({"num_items": 2}), "marker"),
        ("dialogue:opening", json!({"phrase": " . "}), "phrase"),
        ("dialogue:closing", json!({"phrase": "a", "present": 1}), "present"),
        ("dialogue:json_value", json!({"key": "a", "accept": []}), "accept"),
    ] {
        let refused = refusal(id, kwargs.clone());
        assert!(refused.contains(id) && refused.contains(named), "{kwargs}: {refused}");
    }
}

#[test]
fn hostile_replies_end_without_a_panic() {
    let ids = [
        check("dialogue:answers", json!({"accept": ["a b"], "reject": ["c"]})),
        check("dialogue:in_order", json!({"phrases": ["a", "b"]})),
        check("dialogue:number", json!({"value": 3})),
        check("dialogue:verdict", json!({"verdict": "no"})),
        check("dialogue:list_items", json!({"num_items": 3, "marker": "any"})),
        check("dialogue:opening", json!({"phrase": "é"})),
        check("dialogue:json_value", json!({"key": "a", "accept": ["b"]})),
    ];
    let replies = [
        String::new(),
        "\u{0}\u{301}\u{fffd}".to_owned(),
        "not ".repeat(20_000),
        "not a, ".repeat(20_000),
        "hundred thousand ".repeat(20_000),
        "nineteen thousand thousand dozen dozen hundred".to_owned(),
        "[".repeat(50_000),
        "9".repeat(50_000),
        "is ".repeat(50_000),
        "İıſßẞ ②½ ٣ 1:".to_owned(),
    ];
    for check in ids {
        let built = build(&check).unwrap().unwrap();
        for reply in &replies {
            assert!(!built(reply), "{} follows {:?}...", check.id, reply.chars().take(20).collect::<String>());
        }
    }
}
