//! Properties of every perturbation, over generated prompts and over real benchmark rows.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use wit_eval::instance::{Check, Expectation, Instance, PromptParts, Shot};
use wit_eval::perturb::protect::{Part, PromptText, words};
use wit_eval::perturb::{
    Outcome, PerturbationKind, PerturbationSpec, Perturbed, Perturber, Strength, arguments_survive,
};
use wit_eval::seed::Seed;

/// The kinds that edit text in place and so must keep every protected stretch.
const TEXT_LEVEL: [PerturbationKind; 5] = [
    PerturbationKind::Whitespace,
    PerturbationKind::Typo,
    PerturbationKind::Casing,
    PerturbationKind::Punctuation,
    PerturbationKind::Paraphrase,
];

const NAMED: [Strength; 3] = [Strength::Light, Strength::Default, Strength::Heavy];

fn perturber() -> Perturber {
    Perturber::embedded().unwrap()
}

fn instance(instruction: &str, query: &str, expectation: Expectation, protected: Vec<String>) -> Instance {
    Instance {
        task: "property".into(),
        id: "property/0".into(),
        cluster: "property/0".into(),
        prompt: PromptParts {
            instruction: instruction.into(),
            shots: vec![Shot {
                query: "Q: How many eggs are in a dozen?\nA:".into(),
                target: "12".into(),
                ..Shot::default()
            }],
            query: query.into(),
            assistant_prefix: "The answer is".into(),
            target_delimiter: " ".into(),
            fewshot_delimiter: "\n\n".into(),
            system: Some("Be brief.".into()),
            protected,
            ..PromptParts::default()
        },
        expectation,
        temperature: None,
    }
}

/// A place in `text` for each of `pieces`, in order and without overlap.
fn survive_in_order(pieces: &[&str], text: &str) -> Result<(), String> {
    let mut rest = text;
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return Err(format!("{piece:?} is lost or out of order in {text:?}")) };
        rest = &rest[at + piece.len()..];
    }
    Ok(())
}

fn keeps_what_is_protected(original: &Instance, found: &Perturbed) -> Result<(), String> {
    let before = PromptText::of(original);
    for (part, text) in [(Part::Instruction, &found.prompt.instruction), (Part::Query, &found.prompt.query)] {
        survive_in_order(&before.part(part).protected_substrings(), text)?;
    }
    for declared in original.prompt.protected.iter().filter(|declared| !declared.is_empty()) {
        let count =
            |parts: &PromptParts| parts.instruction.matches(declared).count() + parts.query.matches(declared).count();
        if count(&found.prompt) < count(&original.prompt) {
            return Err(format!("the declared {declared:?} is lost in {:?}", found.prompt.query));
        }
    }
    let untouched = PromptParts {
        instruction: original.prompt.instruction.clone(),
        query: original.prompt.query.clone(),
        ..found.prompt.clone()
    };
    if untouched != original.prompt {
        return Err(format!("a part besides instruction and query changed: {:?}", found.prompt));
    }
    if found.expectation != original.expectation {
        return Err("the expectation changed".into());
    }
    Ok(())
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn keeps_what_it_declares(kind: PerturbationKind, before: &str, after: &str) -> Result<(), String> {
    let kept = match kind {
        PerturbationKind::Whitespace => {
            let ending = |text: &str| text[text.trim_end().len()..].to_owned();
            before.split_whitespace().eq(after.split_whitespace()) && ending(before) == ending(after)
        }
        PerturbationKind::Casing => before.to_lowercase() == after.to_lowercase(),
        PerturbationKind::Punctuation => letters(before) == letters(after),
        PerturbationKind::Typo => {
            let firsts =
                |text: &str| words(text).iter().map(|word| text[word.clone()].chars().next()).collect::<Vec<_>>();
            before.split_whitespace().count() == after.split_whitespace().count() && firsts(before) == firsts(after)
        }
        PerturbationKind::Format | PerturbationKind::Paraphrase | PerturbationKind::OptionOrder => true,
    };
    if kept { Ok(()) } else { Err(format!("{kind} does not keep what it declares: {before:?} -> {after:?}")) }
}

fn check(perturber: &Perturber, instance: &Instance, kinds: &[PerturbationKind], seed: u64) -> Result<usize, String> {
    let mut made = 0;
    for &kind in kinds {
        for strength in NAMED {
            let spec = PerturbationSpec { kind, strength, draws: 2 };
            let variants = perturber.variants(instance, &[spec], Seed(seed));
            let prompts: Vec<_> =
                variants.iter().filter_map(|(_, outcome)| outcome.changed()).map(|found| &found.prompt).collect();
            if let [one, other] = prompts.as_slice()
                && one == other
            {
                return Err(format!("{kind}@{strength} gives the same variant twice"));
            }
            for (id, outcome) in &variants {
                let Outcome::Changed(found) = outcome else { continue };
                made += 1;
                let context = |problem: String| format!("{id} of {}: {problem}", instance.id);
                if found.prompt == instance.prompt {
                    return Err(context("equals the original".into()));
                }
                keeps_what_is_protected(instance, found).map_err(context)?;
                let (before, after) = (&instance.prompt, &found.prompt);
                keeps_what_it_declares(kind, &before.instruction, &after.instruction).map_err(context)?;
                keeps_what_it_declares(kind, &before.query, &after.query).map_err(context)?;
            }
        }
    }
    Ok(made)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zA-Z]{1,9}",
        2 => "(which|following|should|don't|we're|it’s|NASA|May|straße|naïve|İstanbul|Écrire)",
        1 => "[0-9]{1,4}(\\.[0-9]{1,2})?%?",
        1 => "('[a-z ]{1,12}'|\"[a-z .]{1,12}\"|“[a-z]{1,8}”|‘[a-z]{1,8}’)",
        1 => "(`[a-z_]{1,8}`|[a-z]{1,4}_[a-z]{1,4}|[a-z]{2,4}[A-Z][a-z]{2,4}|https://[a-z]{3}\\.org/[a-z]{2}|```[a-z \n]{1,12}```)",
        1 => "(\\[[a-z]{1,6}\\]|\\{[a-z]{1,6}\\}|<[a-z]{1,6}>|x = y\\^2|\\$[a-z]{1,3}\\$|\\\\frac)",
        1 => "\\PC{1,6}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let glue = prop_oneof![8 => Just(" "), 1 => Just("\n"), 1 => Just(", "), 1 => Just(". "), 1 => Just("? "), 1 => Just("\n\n"),
        1 => Just("\t"), 1 => Just(": ")];
    prop::collection::vec((word(), glue), 0..24)
        .prop_map(|parts| parts.into_iter().map(|(word, glue)| word + glue).collect())
}

prop_compose! {
    fn generated()(instruction in text(), body in text(), options in prop::option::of(prop::collection::vec(text(), 2..5)),
        cue in prop::sample::select(vec!["", "\nAnswer:", "\nA:", "\nA: "]), declared in prop::collection::vec(word(), 0..3))
        -> Instance {
        let labels = ["A", "B", "C", "D"];
        let mut query = format!("Question: {body}");
        let listed = options.unwrap_or_default();
        for (label, option) in labels.iter().zip(&listed) {
            query += "\n";
            query += label;
            query += ". ";
            query += &option.replace('\n', " ");
        }
        query += cue;
        let expectation = if listed.is_empty() {
            Expectation::Text { targets: vec![body.split_whitespace().next().unwrap_or("x").into()], choices: vec![] }
        } else {
            let choices = labels.iter().take(listed.len()).map(|label| (*label).to_owned()).collect();
            Expectation::Choice { choices, gold: vec![0] }
        };
        instance(&instruction, &query, expectation, declared)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_level_perturbations_keep_protected_text_and_what_they_declare(instance in generated(), seed in any::<u64>()) {
        if let Err(problem) = check(perturber_once(), &instance, &TEXT_LEVEL, seed) {
            prop_assert!(false, "{problem}");
        }
    }

    #[test]
    fn no_perturbation_panics_or_returns_the_original_on_any_text(query in "\\PC{0,60}(\n\\PC{0,20}){0,3}", seed in any::<u64>()) {
        let instance = instance("", &query, Expectation::Document, vec![]);
        for kind in PerturbationKind::ALL {
            for strength in NAMED {
                let spec = PerturbationSpec { kind, strength, draws: 1 };
                for (_, outcome) in perturber_once().variants(&instance, &[spec], Seed(seed)) {
                    match outcome {
                        Outcome::Changed(found) => prop_assert_ne!(found.prompt, instance.prompt.clone()),
                        Outcome::Nothing { reason } => prop_assert!(!reason.is_empty()),
                    }
                }
            }
        }
    }

    #[test]
    fn a_variant_depends_on_its_own_labels_only(instance in generated(), seed in any::<u64>()) {
        let perturber = perturber_once();
        let all: Vec<_> = PerturbationKind::ALL.into_iter().map(PerturbationSpec::of).collect();
        let together = perturber.variants(&instance, &all, Seed(seed));
        for spec in all.iter().rev() {
            let fewer = PerturbationSpec { draws: 1, ..*spec };
            let alone = perturber.variants(&instance, &[fewer], Seed(seed));
            let same = together.iter().find(|(id, _)| id.perturbation == spec.kind.name());
            prop_assert_eq!(alone.first(), same);
        }
    }

    #[test]
    fn the_number_of_typing_errors_is_the_declared_rate(words in prop::collection::vec("[a-z]{5,9}", 40..80), seed in any::<u64>(),
        percent in 1_u8..=10) {
        let query = words.join(" ");
        let letters: usize = words.iter().filter(|word| !["false", "never", "worst", "least", "fewest"].contains(&word.as_str()))
            .map(|word| word.len() - 1).sum();
        let rate = f64::from(percent) / 100.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let wanted = ((rate * letters as f64).round() as usize).max(1);
        let instance = instance("", &query, Expectation::Document, vec![]);
        let spec = PerturbationSpec { kind: PerturbationKind::Typo, strength: Strength::Rate(rate), draws: 1 };
        let variants = perturber_once().variants(&instance, &[spec], Seed(seed));
        let Outcome::Changed(found) = &variants[0].1 else { panic!("nothing changed") };
        let pairs = query.split(' ').zip(found.prompt.query.split(' '));
        let errors: usize = pairs.map(|(before, after)| transposition_distance(before, after)).sum();
        if wanted <= words.len() {
            // One error a word: each is one insertion, deletion, substitution or transposition.
            prop_assert_eq!(errors, wanted);
        } else {
            prop_assert!(errors <= wanted && errors > words.len() / 2);
        }
    }
}

fn perturber_once() -> &'static Perturber {
    static PERTURBER: LazyLock<Perturber> = LazyLock::new(perturber);
    &PERTURBER
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
fn transposition_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let step = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (d[i - 1][j] + 1).min(d[i][j - 1] + 1).min(d[i - 1][j - 1] + step);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(d[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    d[a.len()][b.len()]
}

fn data_folder() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned();
    let fixtures = std::env::var("WIT_EVAL_FIXTURES").unwrap_or(default);
    let folder = PathBuf::from(fixtures).join("../data");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no folder {}", folder.display());
    None
}

fn mmlu_rows() -> Option<Vec<Instance>> {
    let mut rows = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(data_folder()?.join("mmlu/test")).ok()?.map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(&file).unwrap();
        for (i, row) in reader.records().enumerate().step_by(20) {
            let row = row.unwrap();
            let query =
                format!("{}\nA. {}\nB. {}\nC. {}\nD. {}\nAnswer:", row[0].trim(), &row[1], &row[2], &row[3], &row[4]);
            let choices = ["A", "B", "C", "D"].map(str::to_owned).to_vec();
            let subject = file.file_stem().unwrap().to_str().unwrap();
            let instruction = "The following are multiple choice questions (with answers).\n\n";
            let mut found = instance(instruction, &query, Expectation::Choice { choices, gold: vec![0] }, vec![]);
            found.id = format!("{subject}/{i}");
            rows.push(found);
        }
    }
    Some(rows)
}

fn bbh_rows() -> Option<Vec<Instance>> {
    let mut rows = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(data_folder()?.join("bbh/bbh")).ok()?.map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (i, example) in read["examples"].as_array().unwrap().iter().enumerate().step_by(10) {
            let query = format!("Q: {}\nA:", example["input"].as_str().unwrap());
            let targets = vec![example["target"].as_str().unwrap().to_owned()];
            let mut found = instance("", &query, Expectation::Text { targets, choices: vec![] }, vec![]);
            found.id = format!("{}/{i}", file.file_stem().unwrap().to_str().unwrap());
            rows.push(found);
        }
    }
    Some(rows)
}

fn check_of(id: &str, kwargs: &serde_json::Value) -> Check {
    let kwargs = kwargs.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Check { id: id.to_owned(), kwargs: kwargs.map(|(name, value)| (name.clone(), value.clone())).collect() }
}

fn verified(id: String, turns: Vec<(String, Vec<Check>)>) -> Instance {
    let (mut texts, checks): (Vec<String>, Vec<Vec<Check>>) = turns.into_iter().unzip();
    let prompt = PromptParts { query: texts.remove(0), later: texts, ..PromptParts::default() };
    let expectation = Expectation::Verified { turns: checks };
    Instance { task: "verified".into(), cluster: id.clone(), id, prompt, expectation, temperature: None }
}

fn json_lines(file: &Path) -> Option<Vec<serde_json::Value>> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// A JSONL file in the layout of `IFEval`, as instances without task file.
fn instruction_rows(file: &Path) -> Option<Vec<Instance>> {
    let rows = json_lines(file)?.into_iter().map(|row| {
        let ids = row["instruction_id_list"].as_array().unwrap().iter();
        let checks =
            ids.zip(row["kwargs"].as_array().unwrap()).map(|(id, kwargs)| check_of(id.as_str().unwrap(), kwargs));
        let text = row["prompt"].as_str().unwrap().to_owned();
        verified(format!("{}/{}", file.display(), row["key"]), vec![(text, checks.collect())])
    });
    Some(rows.collect())
}

/// The shipped conversations, as instances without task file.
fn dialogue_rows(file: &Path) -> Option<Vec<Instance>> {
    let rows = json_lines(file)?.into_iter().map(|row| {
        let turns = row["turns"].as_array().unwrap().iter().map(|turn| {
            let checks = turn["checks"].as_array().unwrap().iter();
            let checks = checks.map(|check| check_of(check["id"].as_str().unwrap(), &check["kwargs"]));
            (turn["user"].as_str().unwrap().to_owned(), checks.collect())
        });
        verified(row["id"].as_str().unwrap().to_owned(), turns.collect())
    });
    Some(rows.collect())
}

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benchmarks").join(file)
}

fn ifeval_rows() -> Option<Vec<Instance>> {
    instruction_rows(&data_folder()?.join("ifeval/input_data.jsonl"))
}

/// Occurrences whatever the case, as they are written.
fn written<'a>(text: &'a str, wanted: &str) -> Vec<&'a str> {
    let (folded, wanted) = (text.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    folded.match_indices(&wanted).map(|(at, _)| &text[at..at + wanted.len()]).collect()
}

/// What an instruction is made of besides its arguments: a name, the instructions that it belongs to (all, where none is
/// named), and whether exactly as many are wanted. A paraphrase may say `one` where the original does not.
const STATED: [(&str, &[&str], bool, &str); 13] = [
    (
        "numerals",
        &[],
        false,
        r"(?i)\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|once|twice|thrice|first|second|third|fourth|fifth|sixth|seventh)\b|\p{N}+",
    ),
    (
        "relations",
        &[],
        false,
        r"(?i)\b(?:at least|at most|less than|fewer than|more than|or more|or less|or fewer|exactly|only|not|no|without)\b",
    ),
    ("shapes", &[], true, r"<<[^<>\n]*>>|\[[^\[\]\n]*\]|\*{3,}|\*\w[^*\n]*\*|```|P\.P\.S|P\.S"),
    ("words in capitals", &[], false, r"\b\p{Lu}{2,}\b"),
    ("case", &["change_case"], true, r"(?i)\b(?:(?:lower|upper)[- ]?cased?|capital(?:s|ized|ize)?|all caps)\b"),
    ("commas", &["punctuation:no_comma"], true, r"(?i)\bcommas?\b"),
    ("JSON", &["detectable_format:json_format"], true, r"(?i)\bjson\b"),
    ("bullet points", &["detectable_format:number_bullet_lists"], true, r"(?i)\bbullet(?:s| points?)?\b"),
    ("placeholders", &["detectable_content:number_placeholders"], true, r"(?i)\bplaceholders?\b|square brackets"),
    ("quotation", &["startend:quotation"], true, r"(?i)double quot\w+( marks)?"),
    ("title", &["detectable_format:title"], true, r"(?i)\btitle\b|double angular brackets"),
    ("separator", &["combination:two_responses"], true, "[*]{6}"),
    (
        "language",
        &["language:response_language"],
        true,
        r"\b(?:Kannada|Punjabi|Marathi|Persian|Vietnamese|Korean|Hindi|German|Arabic|Russian|Swahili|Urdu|Tamil|Telugu|Thai|Italian|Portuguese|Bengali|Bulgarian|Finnish|Gujarati|Nepali|Farsi)\b",
    ),
];

fn all(text: &str, place: usize) -> Vec<&str> {
    static COMPILED: LazyLock<Vec<regex::Regex>> =
        LazyLock::new(|| STATED.iter().map(|stated| regex::Regex::new(stated.3).unwrap()).collect());
    COMPILED[place].find_iter(text).map(|found| found.as_str()).collect()
}

/// What of an instruction a wording changed, judged by another reading than the program's own.
fn damage(check: &Check, original: &str, wording: &str) -> Option<String> {
    let strings = check.kwargs.iter().filter(|(name, _)| !name.ends_with("relation") && *name != "language");
    let strings = strings.flat_map(|(_, value)| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]));
    for text in strings.filter_map(|value| value.as_str().map(|text| text.trim().to_owned())) {
        let mentions = match text.chars().count() {
            1 => ["letter {}", "\"{}\"", "'{}'", "“{}”"].map(|mention| mention.replace("{}", &text)).to_vec(),
            _ => vec![text],
        };
        for mention in mentions {
            let (before, after) = (written(original, &mention), written(wording, &mention));
            if before != after {
                return Some(format!("{}: {mention:?}: {before:?} became {after:?}", check.id));
            }
        }
    }
    for (place, (what, ids, exact, _)) in STATED.iter().enumerate() {
        if !ids.is_empty() && !ids.iter().any(|id| check.id.starts_with(id)) {
            continue;
        }
        let (before, after) = (all(original, place), all(wording, place));
        let mut rest = after.iter();
        let lost = before.iter().any(|stated| !rest.any(|kept| kept == stated));
        if lost || (*exact && before.len() != after.len()) {
            return Some(format!("{}: {what}: {before:?} became {after:?}", check.id));
        }
    }
    None
}

/// Variants of each kind, and draws given up because an instruction would have been lost.
type Counts = [(usize, usize); PerturbationKind::ALL.len()];

/// Every kind, strength and several draws on every row, on two threads; how many variants there were.
fn instructions_survive(rows: &[Instance], draws: usize) -> usize {
    let mut counts = Counts::default();
    std::thread::scope(|scope| {
        let halves = rows.chunks(rows.len().div_ceil(2)).map(|half| scope.spawn(move || survivors(half, draws)));
        for half in halves.collect::<Vec<_>>() {
            let found = half.join().unwrap_or_else(|problem| std::panic::resume_unwind(problem));
            for (sum, found) in counts.iter_mut().zip(found) {
                *sum = (sum.0 + found.0, sum.1 + found.1);
            }
        }
    });
    for (kind, (made, lost)) in PerturbationKind::ALL.into_iter().zip(counts) {
        println!("{kind}: {made} variants, {lost} given up");
    }
    counts.into_iter().map(|(made, _)| made).sum()
}

fn said(prompt: &PromptParts) -> impl Iterator<Item = &String> {
    std::iter::once(&prompt.query).chain(&prompt.later)
}

fn survivors(rows: &[Instance], draws: usize) -> Counts {
    let perturber = perturber_once();
    let mut counts = Counts::default();
    for row in rows {
        let Expectation::Verified { turns } = &row.expectation else { panic!("verified") };
        for (place, kind) in PerturbationKind::ALL.into_iter().enumerate() {
            let rates: &[f64] = if TEXT_LEVEL.contains(&kind) { &[0.3, 1.0] } else { &[] };
            for strength in NAMED.into_iter().chain(rates.iter().copied().map(Strength::Rate)) {
                let spec = PerturbationSpec { kind, strength, draws };
                for (id, outcome) in perturber.variants(row, &[spec], Seed(41)) {
                    counts[place].1 += usize::from(outcome.reason().is_some_and(|reason| reason.contains("be lost")));
                    let Some(found) = outcome.changed() else { continue };
                    counts[place].0 += 1;
                    assert_ne!(found.prompt, row.prompt);
                    assert_eq!(found.expectation, row.expectation);
                    assert_eq!(found.prompt.later.len(), row.prompt.later.len());
                    let checks = turns.iter().flatten().collect::<Vec<_>>();
                    for (before, after) in said(&row.prompt).zip(said(&found.prompt)) {
                        arguments_survive(before, after, &checks)
                            .unwrap_or_else(|lost| panic!("{} {id}: {lost}", row.id));
                        if let Some(problem) = checks.iter().find_map(|check| damage(check, before, after)) {
                            panic!("{} {id}: {problem}\n{before}\n-----\n{after}", row.id);
                        }
                    }
                }
            }
        }
    }
    counts
}

#[test]
fn every_perturbed_ifeval_prompt_is_verifiable_by_the_same_arguments() {
    let Some(rows) = ifeval_rows() else { return };
    assert_eq!(rows.len(), 541);
    let made = instructions_survive(&rows, 2);
    println!("{} prompts, {made} variants", rows.len());
    assert!(made > 40 * rows.len(), "{made}");
}

#[test]
fn every_perturbed_shipped_instruction_is_verifiable_by_the_same_arguments() {
    let rows = instruction_rows(&shipped("instructions/instructions.jsonl")).unwrap();
    let made = instructions_survive(&rows, 2);
    println!("{} prompts, {made} variants", rows.len());
    assert!(rows.len() >= 100 && made > 30 * rows.len(), "{made}");
}

#[test]
fn every_turn_of_a_perturbed_shipped_conversation_keeps_what_is_verified() {
    let rows = dialogue_rows(&shipped("dialogue/dialogue.jsonl")).unwrap();
    let made = instructions_survive(&rows, 2);
    println!("{} conversations, {made} variants", rows.len());
    assert!(rows.len() >= 60 && made > 30 * rows.len(), "{made}");
}

#[test]
fn every_perturbed_ifbench_prompt_is_verifiable_by_the_same_arguments() {
    let rows = data_folder().and_then(|folder| instruction_rows(&folder.join("ifbench/IFBench_test.jsonl")));
    let Some(rows) = rows else { return };
    let made = instructions_survive(&rows, 1);
    println!("{} prompts, {made} variants", rows.len());
    assert!(made > 12 * rows.len(), "{made}");
}

#[test]
fn the_check_of_instructions_can_fail() {
    let check = |id: &str, kwargs: &str| Check { id: id.into(), kwargs: serde_json::from_str(kwargs).unwrap() };
    let keyword = check("keywords:existence", r#"{"keywords": ["Harbour"]}"#);
    let original = "Use the word harbour at least twice, no commas, as <<title>>, in all lowercase.";
    let case = check("change_case:english_lowercase", "{}");
    assert_eq!(damage(&keyword, original, original), None);
    for broken in ["harbour", "twice", "at least", "<<title>>"] {
        assert!(damage(&keyword, original, &original.replace(broken, "x")).is_some(), "{broken}");
    }
    assert!(damage(&case, original, &original.replace("lowercase", "lowercsae")).is_some());
    assert!(damage(&case, "Stress KEY words.", "Stress Key words.").is_some());
}

fn real_rows_keep(rows: Option<Vec<Instance>>, at_least: usize) {
    let Some(rows) = rows else { return };
    let perturber = perturber();
    let mut made = 0;
    for row in &rows {
        made += check(&perturber, row, &TEXT_LEVEL, 3).unwrap_or_else(|problem| panic!("{problem}"));
    }
    println!("{} rows, {made} variants", rows.len());
    assert!(made >= at_least * rows.len(), "{made} variants of {} rows", rows.len());
}

#[test]
fn real_mmlu_rows_keep_what_is_protected() {
    real_rows_keep(mmlu_rows(), 15);
}

#[test]
fn real_bbh_rows_keep_what_is_protected() {
    real_rows_keep(bbh_rows(), 12);
}

#[test]
fn real_ifeval_rows_keep_what_is_protected() {
    real_rows_keep(ifeval_rows(), 15);
}
