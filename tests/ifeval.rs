//! IFEval against its own program: labelled cases, the published GPT-4 replies, all prompts.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]
#![allow(clippy::doc_markdown, clippy::float_cmp)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};
use wit_eval::instance::Check;
use wit_eval::scoring::instructions::{CategoryAccuracies, Instruction, Verdicts, Verifier, compare_modes, judge};
use wit_eval::task::VerifierMode;

#[derive(Deserialize)]
struct Prompt {
    key: Value,
    #[serde(default, rename = "prompt")]
    text: String,
    instruction_id_list: Vec<String>,
    kwargs: Vec<Map<String, Value>>,
}

impl Prompt {
    fn checks(&self) -> Vec<Check> {
        let pairs = self.instruction_id_list.iter().zip(&self.kwargs);
        pairs.map(|(id, kwargs)| Check { id: id.clone(), kwargs: kwargs.clone() }).collect()
    }

    fn judged(&self, mode: VerifierMode, response: &str) -> Verdicts {
        let verifiers = self.checks().iter().map(|check| Verifier::new(check, mode)).collect::<Result<Vec<_>, _>>();
        judge(&verifiers.unwrap(), response)
    }
}

#[derive(Deserialize)]
struct Labelled {
    #[serde(flatten)]
    prompt: Prompt,
    response: String,
    strict: Vec<bool>,
    loose: Vec<bool>,
}

#[derive(Deserialize)]
struct Reply {
    prompt: String,
    response: String,
}

#[derive(Deserialize)]
struct PublishedVerdict {
    prompt: String,
    follow_instruction_list: Vec<bool>,
    follow_all_instructions: bool,
}

fn shared(path: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let fixtures = std::env::var_os("WIT_EVAL_FIXTURES").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let path = fixtures.join(path);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn rows<T: for<'de> Deserialize<'de>>(path: &str) -> Option<Vec<T>> {
    let text = std::fs::read_to_string(shared(path)?).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn percent(hits: usize, total: usize) -> f64 {
    (10_000.0 * hits as f64 / total as f64).round() / 100.0
}

/// Labels of lm-evaluation-harness 0.4.13 with nltk 3.10.4 and langdetect 1.0.9, seed 0.
#[test]
fn every_labelled_case_has_its_verdict() {
    let Some(cases) = rows::<Labelled>("ifeval_verdicts.jsonl") else { return };
    let mut counts = BTreeMap::<String, [usize; 2]>::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let found = case.prompt.judged(VerifierMode::LmEval, &case.response);
        for (at, id) in case.prompt.instruction_id_list.iter().enumerate() {
            for (reading, found, label) in
                [("strict", found.strict[at], case.strict[at]), ("loose", found.loose[at], case.loose[at])]
            {
                let count = counts.entry(id.clone()).or_default();
                count[usize::from(found == label)] += 1;
                if found != label {
                    wrong.push(format!("{} {id} {reading}: {found}, not {label}", case.prompt.key));
                }
            }
        }
    }
    for (id, [unequal, equal]) in &counts {
        println!("{id}: {equal} verdicts equal, {unequal} not");
    }
    assert_eq!(counts.len(), Instruction::ALL.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_prompt_of_ifeval_builds_in_every_mode() {
    let Some(prompts) = rows::<Prompt>("../data/ifeval/input_data.jsonl") else { return };
    let mut instructions = 0;
    for prompt in &prompts {
        for mode in VerifierMode::ALL {
            instructions += prompt.judged(mode, "A reply, [here].").strict.len();
        }
    }
    assert_eq!((prompts.len(), instructions), (541, 3 * 834));
}

/// GPT-4's replies of November 2023 with their prompts, joined by the prompt's text but for 2785, whose wording was changed
/// after the replies were collected ("at least one placeholder" there, while the arguments said 3 in both).
fn gpt4() -> Option<Vec<(Prompt, Reply)>> {
    let prompts = rows::<Prompt>("../data/ifeval/input_data.jsonl")?;
    let replies = rows::<Reply>("../data/ifeval/input_response_data_gpt4_20231107_145030.jsonl")?;
    let renamed = replies.iter().filter(|reply| prompts.iter().all(|prompt| prompt.text != reply.prompt)).count();
    assert_eq!(renamed, 1);
    let mut by_prompt = replies.into_iter().map(|reply| (reply.prompt.clone(), reply)).collect::<BTreeMap<_, _>>();
    let (known, changed): (Vec<_>, Vec<_>) =
        prompts.into_iter().partition(|prompt| by_prompt.contains_key(&prompt.text));
    assert_eq!(changed.iter().map(|prompt| prompt.key.as_u64()).collect::<Vec<_>>(), [Some(2785)]);
    let mut pairs = Vec::new();
    for prompt in known {
        let reply = by_prompt.remove(&prompt.text).unwrap();
        pairs.push((prompt, reply));
    }
    pairs.extend(changed.into_iter().zip(by_prompt.into_values()));
    Some(pairs)
}

/// Where the verdict on a reply of GPT-4 is another than the published one: key, instruction, strict or loose, the verdict
/// here, and why. Nowhere: also where the published run drew letters at random (1122, 1129), its verdicts come out.
const DISAGREEMENTS: &[(u64, &str, &str, bool, &str)] = &[];

#[test]
fn the_published_accuracies_of_gpt4_are_reproduced_and_every_disagreement_is_known() {
    let Some(pairs) = gpt4() else { return };
    let Some(strict) = rows::<PublishedVerdict>("../data/ifeval/gpt4_run_a/eval_results_strict.jsonl") else { return };
    let Some(loose) = rows::<PublishedVerdict>("../data/ifeval/gpt4_run_a/eval_results_loose.jsonl") else { return };
    let by_prompt =
        |rows: Vec<PublishedVerdict>| rows.into_iter().map(|row| (row.prompt.clone(), row)).collect::<BTreeMap<_, _>>();
    let published = [("strict", by_prompt(strict)), ("loose", by_prompt(loose))];
    let mut found_disagreements = Vec::new();
    let mut totals = [[0; 2]; 2];
    let mut published_totals = [[0; 2]; 2];
    let mut instructions = 0;
    let mut strict_verdicts = Vec::new();
    for (prompt, reply) in &pairs {
        let found = prompt.judged(VerifierMode::Official, &reply.response);
        instructions += found.strict.len();
        for (reading, (list, (name, rows))) in [&found.strict, &found.loose].into_iter().zip(&published).enumerate() {
            totals[reading][0] += usize::from(list.iter().all(|followed| *followed));
            totals[reading][1] += list.iter().filter(|followed| **followed).count();
            let row = &rows[&reply.prompt];
            published_totals[reading][0] += usize::from(row.follow_all_instructions);
            published_totals[reading][1] += row.follow_instruction_list.iter().filter(|followed| **followed).count();
            for (at, id) in prompt.instruction_id_list.iter().enumerate() {
                if list[at] != row.follow_instruction_list[at] {
                    found_disagreements.push((prompt.key.as_u64().unwrap(), id.as_str(), *name, list[at]));
                }
            }
        }
        strict_verdicts.extend(prompt.instruction_id_list.iter().cloned().zip(found.strict));
    }
    let accuracies = |totals: [[usize; 2]; 2]| {
        totals.map(|[prompts, checks]| [percent(prompts, 541), percent(checks, instructions)])
    };
    println!("here {:?}, published {:?}", accuracies(totals), accuracies(published_totals));
    let expected = DISAGREEMENTS.iter().map(|(key, id, reading, verdict, _)| (*key, *id, *reading, *verdict));
    assert_eq!(found_disagreements, expected.collect::<Vec<_>>());
    assert_eq!(accuracies(published_totals), [[76.71, 83.45], [79.48, 85.49]]);
    assert_eq!(accuracies(totals), [[76.71, 83.45], [79.48, 85.49]]);
    let families = CategoryAccuracies::of(strict_verdicts.iter().map(|(id, followed)| (id.as_str(), *followed)));
    assert_eq!((families.families.len(), families.instructions.len()), (9, 25));
    assert_eq!(families.families.iter().map(|family| family.followed).sum::<usize>(), totals[0][1]);
}

/// How far the modes are apart on real replies, in instructions; a change of a rule shows here.
#[test]
fn the_modes_differ_on_gpt4_where_their_reasons_say() {
    let Some(pairs) = gpt4() else { return };
    let mut counts = BTreeMap::<String, usize>::new();
    for (prompt, reply) in &pairs {
        for difference in compare_modes(&prompt.checks(), &reply.response).unwrap() {
            *counts.entry(difference.id).or_default() += 1;
        }
    }
    let expected = [
        ("change_case:english_capital", 2),
        ("combination:repeat_prompt", 1),
        ("keywords:existence", 1),
        ("keywords:letter_frequency", 2),
        ("length_constraints:nth_paragraph_first_word", 1),
        ("length_constraints:number_words", 2),
    ];
    assert_eq!(counts, expected.map(|(id, count)| (id.to_owned(), count)).into());
}

/// The four accuracies of GPT-4 in the modes that decide otherwise on `#` and `!`, or mend defects.
#[test]
fn the_other_modes_give_gpt4_their_own_accuracies() {
    let Some(pairs) = gpt4() else { return };
    for (mode, expected) in
        [(VerifierMode::LmEval, [77.08, 83.69, 79.67, 85.61]), (VerifierMode::Fixed, [76.52, 83.33, 79.11, 85.25])]
    {
        let judged = pairs.iter().map(|(prompt, reply)| prompt.judged(mode, &reply.response)).collect::<Vec<_>>();
        let prompts = |follows: fn(&Verdicts) -> bool| judged.iter().filter(|verdicts| follows(verdicts)).count();
        let checks =
            |list: fn(&Verdicts) -> &[bool]| judged.iter().flat_map(list).filter(|followed| **followed).count();
        let found = [
            percent(prompts(Verdicts::follows_all_strictly), 541),
            percent(checks(|verdicts| &verdicts.strict), 834),
            percent(prompts(Verdicts::follows_all_loosely), 541),
            percent(checks(|verdicts| &verdicts.loose), 834),
        ];
        println!("{mode}: {found:?}");
        assert_eq!(found, expected, "{mode}");
    }
}
