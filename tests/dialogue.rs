//! The shipped conversations and the shipped instruction-following set: their data, their witnesses, and what replies
//! score that nobody read a question for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wit_eval::instance::Check;
use wit_eval::scoring::instructions::{Verdicts, Verifier, judge};
use wit_eval::task::VerifierMode;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rows<T: DeserializeOwned>(path: &str) -> Vec<T> {
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{path}:{}: {error}", number + 1))
    };
    text(path).lines().enumerate().map(parse).collect()
}

fn verifiers(checks: &[Check]) -> Vec<Verifier> {
    let build = |check: &Check| Verifier::new(check, VerifierMode::Official).unwrap_or_else(|error| panic!("{error}"));
    checks.iter().map(build).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    user: String,
    checks: Vec<Check>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialogue {
    id: String,
    kind: String,
    turns: Vec<Turn>,
    facts: Vec<String>,
    chance: f64,
}

impl Dialogue {
    fn judged(&self, replies: &[String]) -> Vec<Verdicts> {
        assert_eq!(self.turns.len(), replies.len(), "{}", self.id);
        self.turns.iter().zip(replies).map(|(turn, reply)| judge(&verifiers(&turn.checks), reply)).collect()
    }

    /// What the user says up to and including this turn.
    fn said(&self, turn: usize) -> Vec<&str> {
        self.turns.iter().take(turn + 1).map(|turn| turn.user.as_str()).collect()
    }
}

#[derive(Deserialize)]
struct DialogueWitness {
    id: String,
    follows: Vec<String>,
    breaks: Vec<String>,
    others: Vec<Reply>,
}

/// A reply to one turn (from 1), as people and models word it.
#[derive(Deserialize)]
struct Reply {
    turn: usize,
    #[serde(rename = "reply")]
    text: String,
    follows: bool,
}

#[derive(Deserialize)]
struct Prompt {
    key: usize,
    #[serde(rename = "prompt")]
    text: String,
    instruction_id_list: Vec<String>,
    kwargs: Vec<serde_json::Map<String, Value>>,
}

impl Prompt {
    fn checks(&self) -> Vec<Check> {
        let pairs = self.instruction_id_list.iter().zip(&self.kwargs);
        pairs.map(|(id, kwargs)| Check { id: id.clone(), kwargs: kwargs.clone() }).collect()
    }
}

#[derive(Deserialize)]
struct PromptWitness {
    key: usize,
    follows: String,
    breaks: String,
}

fn dialogues() -> Vec<Dialogue> {
    rows("benchmarks/dialogue/dialogue.jsonl")
}

fn prompts() -> Vec<Prompt> {
    rows("benchmarks/instructions/instructions.jsonl")
}

/// The texts of a list argument; none if it is absent.
fn texts<'c>(check: &'c Check, key: &str) -> Vec<&'c str> {
    let items = check.kwargs.get(key).and_then(Value::as_array);
    items.map(|items| items.iter().map(|item| item.as_str().unwrap()).collect()).unwrap_or_default()
}

/// Whether a phrase stands in a text as whole words, in any case.
fn names(text: &str, phrase: &str) -> bool {
    let kwargs = serde_json::json!({"any_of": [phrase]}).as_object().unwrap().clone();
    let check = Check { id: "dialogue:mentions".into(), kwargs };
    // As a statement: a question affirms nothing.
    verifiers(&[check])[0].follows(&text.replace('?', "."))
}

#[test]
fn every_kind_of_dialogue_has_enough_and_every_dialogue_two_to_five_turns() {
    let dialogues = dialogues();
    assert!(dialogues.len() >= 66, "{}", dialogues.len());
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let ids: BTreeSet<&str> = dialogues.iter().map(|dialogue| dialogue.id.as_str()).collect();
    assert_eq!(ids.len(), dialogues.len());
    for dialogue in &dialogues {
        *kinds.entry(&dialogue.kind).or_default() += 1;
        assert!((2..=5).contains(&dialogue.turns.len()), "{}", dialogue.id);
        assert!(dialogue.turns.iter().skip(1).any(|turn| !turn.checks.is_empty()), "{}", dialogue.id);
        assert!(dialogue.id.starts_with(&dialogue.kind), "{}", dialogue.id);
    }
    assert!(kinds.len() >= 7 && kinds.values().all(|count| *count >= 8), "{kinds:?}");
    let checks = dialogues.iter().flat_map(|dialogue| &dialogue.turns).map(|turn| turn.checks.len()).sum::<usize>();
    let documented = format!("{} conversations of 2 to 5 turns, {checks} checks", dialogues.len());
    assert!(text("docs/dialogue.md").contains(&documented), "docs/dialogue.md lacks {documented:?}");
    for turns in 2..=5 {
        assert!(dialogues.iter().any(|dialogue| dialogue.turns.len() == turns), "none of {turns} turns");
    }
}

/// What a perturbation must leave alone: every argument that a user's turn holds.
#[test]
fn what_checks_ask_for_is_listed_as_a_fact_wherever_a_turn_says_it() {
    for dialogue in dialogues() {
        let said = dialogue.said(dialogue.turns.len()).join("\n");
        for fact in &dialogue.facts {
            assert!(said.contains(fact.as_str()), "{}: {fact:?} is in no turn", dialogue.id);
        }
        for check in dialogue.turns.iter().flat_map(|turn| &turn.checks) {
            let lists = ["accept", "reject", "all_of", "any_of", "phrases"].map(|key| texts(check, key));
            for phrase in lists.concat() {
                let literal = said.to_lowercase().contains(&phrase.to_lowercase()) && names(&said, phrase);
                let listed = dialogue.facts.iter().any(|fact| fact.to_lowercase().contains(&phrase.to_lowercase()));
                assert!(!literal || listed, "{}: {phrase:?} is no fact", dialogue.id);
            }
        }
    }
}

#[test]
fn every_dialogue_has_replies_that_follow_and_replies_that_do_not() {
    let witnesses: Vec<DialogueWitness> = rows("benchmarks/dialogue/witnesses.jsonl");
    let dialogues = dialogues();
    assert_eq!(witnesses.len(), dialogues.len());
    let mut wrong = Vec::new();
    for (dialogue, witness) in dialogues.iter().zip(&witnesses) {
        assert_eq!(dialogue.id, witness.id);
        for (turn, verdicts) in dialogue.judged(&witness.follows).iter().enumerate() {
            if !verdicts.follows_all_strictly() {
                wrong.push(format!("{} turn {turn}: {:?} does not follow", dialogue.id, witness.follows[turn]));
            }
        }
        if dialogue.judged(&witness.breaks).iter().all(Verdicts::follows_all_loosely) {
            wrong.push(format!("{}: what should break follows", dialogue.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn other_wordings_of_right_and_wrong_replies_are_told_apart() {
    let witnesses: Vec<DialogueWitness> = rows("benchmarks/dialogue/witnesses.jsonl");
    let (mut tried, mut wrong) = (0, Vec::new());
    for (dialogue, witness) in dialogues().iter().zip(&witnesses) {
        for reply in &witness.others {
            let verdicts = judge(&verifiers(&dialogue.turns[reply.turn - 1].checks), &reply.text);
            tried += 1;
            if verdicts.follows_all_strictly() != reply.follows {
                wrong.push(format!("{} turn {}: {:?} is {}", dialogue.id, reply.turn, reply.text, !reply.follows));
            }
        }
    }
    assert!(tried >= 200, "{tried}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A reply that depends on nothing but the user's words, turn by turn.
type Blind = fn(&Dialogue, usize) -> String;

const BLIND: [(&str, Blind); 8] = [
    ("empty reply", |_, _| String::new()),
    ("echo of the user's turn", |dialogue, turn| dialogue.turns[turn].user.clone()),
    ("\"Sure, here you go.\"", |_, _| "Sure, here you go.".into()),
    ("every capitalised word so far", |dialogue, turn| capitalised(&dialogue.said(turn)).join(", ")),
    ("every word so far, once", |dialogue, turn| distinct(&dialogue.said(turn)).join(" ")),
    ("every earlier user turn", |dialogue, turn| dialogue.said(turn)[..turn].join("\n")),
    ("every user turn so far", |dialogue, turn| dialogue.said(turn).join("\n")),
    ("the user's turn before", |dialogue, turn| turn.checked_sub(1).map_or("", |at| &dialogue.turns[at].user).into()),
];

fn words<'t>(said: &[&'t str]) -> Vec<&'t str> {
    let words = said.iter().flat_map(|text| text.split_whitespace());
    words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).filter(|word| !word.is_empty()).collect()
}

fn distinct<'t>(said: &[&'t str]) -> Vec<&'t str> {
    let mut seen = BTreeSet::new();
    words(said).into_iter().filter(|word| seen.insert(word.to_lowercase())).collect()
}

fn capitalised<'t>(said: &[&'t str]) -> Vec<&'t str> {
    distinct(said).into_iter().filter(|word| word.starts_with(char::is_uppercase)).collect()
}

/// Accuracies in percent: whole dialogues and single checks, strict and loose.
fn accuracies(dialogues: &[Dialogue], blind: Blind) -> [f64; 4] {
    let mut whole = [0.0; 2];
    let (mut followed, mut checks) = ([0.0; 2], 0.0);
    for dialogue in dialogues {
        let replies: Vec<String> = (0..dialogue.turns.len()).map(|turn| blind(dialogue, turn)).collect();
        let verdicts = dialogue.judged(&replies);
        whole[0] += f64::from(u8::from(verdicts.iter().all(Verdicts::follows_all_strictly)));
        whole[1] += f64::from(u8::from(verdicts.iter().all(Verdicts::follows_all_loosely)));
        for verdict in verdicts.iter().flat_map(|verdicts| verdicts.strict.iter().zip(&verdicts.loose)) {
            followed[0] += f64::from(u8::from(*verdict.0));
            followed[1] += f64::from(u8::from(*verdict.1));
            checks += 1.0;
        }
    }
    let count = dialogues.len() as f64;
    [100.0 * whole[0] / count, 100.0 * whole[1] / count, 100.0 * followed[0] / checks, 100.0 * followed[1] / checks]
}

#[test]
fn blind_replies_stay_at_chance() {
    let dialogues = dialogues();
    let documented = text("docs/dialogue.md");
    let mut missing = Vec::new();
    for (name, blind) in BLIND {
        let [strict, loose, checks_strict, checks_loose] = accuracies(&dialogues, blind);
        assert!(strict == 0.0 && loose == 0.0, "{name}: {strict} strict, {loose} loose");
        assert!(checks_loose <= 8.0, "{name}: {checks_loose} of single checks");
        let row = format!("| {name} | {strict:.1} | {loose:.1} | {checks_strict:.1} | {checks_loose:.1} |");
        missing.extend((!documented.contains(&row)).then_some(row));
    }
    assert!(missing.is_empty(), "docs/dialogue.md lacks:\n{}", missing.join("\n"));
}

/// A reply to a single prompt that depends on nothing but its words.
type BlindToPrompt = fn(&str) -> String;

const BLIND_TO_PROMPT: [(&str, BlindToPrompt); 4] = [
    ("empty reply", |_| String::new()),
    ("echo of the prompt", str::to_owned),
    ("echo in capitals", str::to_uppercase),
    ("\"Sure, here you go.\"", |_| "Sure, here you go.".into()),
];

#[test]
fn blind_replies_to_single_prompts_get_what_is_documented() {
    let prompts = prompts();
    let documented = text("docs/dialogue.md");
    let (mut missing, mut worst) = (Vec::new(), 0.0_f64);
    for (name, blind) in BLIND_TO_PROMPT {
        let judged = |prompt: &Prompt| judge(&verifiers(&prompt.checks()), &blind(&prompt.text));
        let verdicts: Vec<Verdicts> = prompts.iter().map(judged).collect();
        let share = |passes: fn(&Verdicts) -> bool| {
            100.0 * verdicts.iter().filter(|verdicts| passes(verdicts)).count() as f64 / verdicts.len() as f64
        };
        let (strict, loose) = (share(Verdicts::follows_all_strictly), share(Verdicts::follows_all_loosely));
        worst = worst.max(loose);
        let row = format!("| {name} | {strict:.1} | {loose:.1} |");
        missing.extend((!documented.contains(&row)).then_some(row));
    }
    assert!(missing.is_empty(), "docs/dialogue.md lacks:\n{}", missing.join("\n"));
    assert!(worst < 28.0, "{worst}");
}

/// The chance to pass a check by picking at random one of the candidates that `said` holds; 0 where it does not hold the
/// answer.
fn guess(check: &Check, said: &str) -> f64 {
    let named = |phrase: &&str| names(said, phrase);
    match check.id.as_str() {
        "dialogue:answers" if texts(check, "accept").iter().any(named) => {
            1.0 / (1 + texts(check, "reject").into_iter().filter(named).count()) as f64
        }
        "dialogue:verdict" if names(said, "yes") && names(said, "no") => 0.5,
        _ => 0.0,
    }
}

#[test]
fn chance_is_that_of_a_guess_among_what_each_turn_names() {
    let dialogues = dialogues();
    let mut informed = 0.0;
    for dialogue in &dialogues {
        let mut chance = [1.0; 2];
        for (turn, user) in dialogue.turns.iter().enumerate() {
            let so_far = dialogue.said(turn).join("\n");
            chance[0] *= user.checks.iter().map(|check| guess(check, &user.user)).product::<f64>();
            chance[1] *= user.checks.iter().map(|check| guess(check, &so_far)).product::<f64>();
        }
        assert!((chance[0] - dialogue.chance).abs() < 1e-6, "{}: {} is {}", dialogue.id, dialogue.chance, chance[0]);
        informed += 100.0 * chance[1] / dialogues.len() as f64;
    }
    let chance = 100.0 * dialogues.iter().map(|dialogue| dialogue.chance).sum::<f64>() / dialogues.len() as f64;
    let documented = text("docs/dialogue.md");
    for sentence in [format!("Chance is {chance:.1} %"), format!("gets {informed:.1} %")] {
        assert!(documented.contains(&sentence), "docs/dialogue.md lacks {sentence:?}");
    }
}

/// Where one of the phrases stands first and last; phrases of one or two letters are left aside.
fn places(said: &str, phrases: &[&str]) -> Option<(usize, usize)> {
    let phrases = phrases.iter().filter(|phrase| phrase.len() > 2).map(|phrase| phrase.to_lowercase());
    let found = phrases.flat_map(|phrase| said.match_indices(&phrase).map(|(place, _)| place).collect::<Vec<_>>());
    let found: BTreeSet<usize> = found.collect();
    Some((*found.first()?, *found.last()?))
}

#[test]
fn the_place_of_a_candidate_does_not_give_the_answer_away() {
    let (mut first, mut last, mut all) = (0, 0, 0);
    for dialogue in dialogues() {
        for (turn, user) in dialogue.turns.iter().enumerate() {
            let said = dialogue.said(turn).join("\n").to_lowercase();
            for check in user.checks.iter().filter(|check| check.id == "dialogue:answers") {
                let right = places(&said, &texts(check, "accept"));
                if let (Some(right), Some(wrong)) = (right, places(&said, &texts(check, "reject"))) {
                    first += usize::from(right.0 < wrong.0);
                    last += usize::from(right.1 > wrong.1);
                    all += 1;
                }
            }
        }
    }
    assert!(all >= 60, "{all}");
    let shares = format!("{first} of {all} answers stand first, {last} last");
    assert!(5 * first < 2 * all && 5 * last < 2 * all, "{shares}");
    assert!(text("docs/dialogue.md").contains(&shares), "docs/dialogue.md lacks {shares:?}");
}

#[test]
fn naming_every_candidate_or_denying_the_right_one_is_no_answer() {
    let dialogues = dialogues();
    let checks = dialogues.iter().flat_map(|dialogue| dialogue.turns.iter().flat_map(|turn| &turn.checks));
    let mut tried = 0;
    for check in checks.filter(|check| check.id == "dialogue:answers") {
        let (accept, reject) = (texts(check, "accept"), texts(check, "reject"));
        let verifiers = verifiers(std::slice::from_ref(check));
        let mut replies = vec![format!("It is not {}.", accept[0]), format!("{}?", accept[0])];
        if !reject.is_empty() {
            replies.push(format!("{}, {}", accept[0], reject.join(", ")));
            replies.push(format!("It is {} or {}.", reject[0], accept[0]));
        }
        for reply in replies {
            assert!(!judge(&verifiers, &reply).follows_all_loosely(), "{reply:?} passes {:?}", check.kwargs);
            tried += 1;
        }
        assert!(judge(&verifiers, accept[0]).follows_all_strictly(), "{:?}", check.kwargs);
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn the_instruction_set_covers_all_25_instructions_at_least_four_times() {
    let prompts = prompts();
    assert!(prompts.len() >= 110, "{}", prompts.len());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, prompt) in prompts.iter().enumerate() {
        assert_eq!(prompt.key, place + 1);
        assert_eq!(prompt.instruction_id_list.len(), prompt.kwargs.len(), "{}", prompt.key);
        assert!((1..=3).contains(&prompt.kwargs.len()), "{}", prompt.key);
        assert!(prompt.text.split_whitespace().count() <= 60, "{}", prompt.key);
        verifiers(&prompt.checks());
        for id in &prompt.instruction_id_list {
            *counts.entry(id).or_default() += 1;
        }
    }
    let documented = format!("{} single prompts, {} instructions", prompts.len(), counts.values().sum::<usize>());
    assert!(text("docs/dialogue.md").contains(&documented), "docs/dialogue.md lacks {documented:?}");
    assert_eq!(counts.len(), 25, "{counts:?}");
    assert!(counts.values().all(|count| *count >= 4), "{counts:?}");
}

#[test]
fn every_prompt_has_a_reply_that_follows_and_one_that_does_not() {
    let witnesses: Vec<PromptWitness> = rows("benchmarks/instructions/witnesses.jsonl");
    let prompts = prompts();
    assert_eq!(witnesses.len(), prompts.len());
    let mut wrong = Vec::new();
    for mode in VerifierMode::ALL {
        for (prompt, witness) in prompts.iter().zip(&witnesses) {
            assert_eq!(prompt.key, witness.key);
            let build = |check: &Check| Verifier::new(check, mode).unwrap();
            let verifiers: Vec<Verifier> = prompt.checks().iter().map(build).collect();
            let follows = judge(&verifiers, &witness.follows);
            if !follows.follows_all_strictly() {
                wrong
                    .push(format!("{} ({mode}): {:?} of {:?}", prompt.key, follows.strict, prompt.instruction_id_list));
            }
            if judge(&verifiers, &witness.breaks).follows_all_loosely() {
                wrong.push(format!(
                    "{} ({mode}): what should break {:?} follows",
                    prompt.key, prompt.instruction_id_list
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const NUMBERS: [&str; 9] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const LANGUAGES: [(&str, &str); 5] =
    [("de", "German"), ("es", "Spanish"), ("fr", "French"), ("it", "Italian"), ("pt", "Portuguese")];

/// Ways to say an argument in English.
fn wordings(key: &str, value: &Value) -> Vec<String> {
    match (key, value) {
        (_, Value::Number(number)) => {
            let value = usize::try_from(number.as_u64().unwrap()).unwrap();
            let spelled = value.checked_sub(1).and_then(|place| NUMBERS.get(place));
            let times = [(1, "once"), (2, "twice")].iter().find(|(count, _)| *count == value).map(|(_, word)| *word);
            [Some(number.to_string().as_str()), spelled.copied(), times]
                .into_iter()
                .flatten()
                .map(str::to_owned)
                .collect()
        }
        ("language", Value::String(code)) => {
            let known = LANGUAGES.iter().find(|(known, _)| known == code);
            vec![known.unwrap_or_else(|| panic!("{code}: add its name")).1.to_owned()]
        }
        (_, Value::String(text)) => vec![text.clone()],
        (_, other) => panic!("{key}: {other}"),
    }
}

#[test]
fn every_argument_is_said_in_its_prompt() {
    let mut missing = Vec::new();
    for prompt in prompts() {
        let said = prompt.text.to_lowercase();
        for (key, value) in prompt.kwargs.iter().flatten() {
            let values = value.as_array().map_or_else(|| vec![value.clone()], Clone::clone);
            for value in values {
                let wordings = wordings(key, &value);
                let is_said = wordings.iter().any(|wording| said.contains(&wording.to_lowercase()));
                if !is_said {
                    missing.push(format!("{}: {key} {wordings:?} is not in {:?}", prompt.key, prompt.text));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Runs of three words.
fn trigrams(text: &str) -> BTreeSet<Vec<String>> {
    let words: Vec<String> = words(&[text]).iter().map(|word| word.to_lowercase()).collect();
    words.windows(3).map(<[String]>::to_vec).collect()
}

#[test]
fn no_two_texts_are_nearly_the_same() {
    let dialogues = dialogues();
    let whole = dialogues.iter().map(|dialogue| (dialogue.id.clone(), dialogue.said(dialogue.turns.len()).join(" ")));
    let single = prompts().into_iter().map(|prompt| (prompt.key.to_string(), prompt.text));
    let texts: Vec<(String, BTreeSet<Vec<String>>)> =
        whole.chain(single).map(|(id, text)| (id, trigrams(&text))).collect();
    for (place, (id, one)) in texts.iter().enumerate() {
        for (other, two) in &texts[place + 1..] {
            let shared = one.intersection(two).count() as f64 / one.union(two).count() as f64;
            assert!(shared < 0.3, "{id} and {other} share {:.0} % of their runs of three words", 100.0 * shared);
        }
    }
}
