//! A made-up sweep: weightings with several seeds, a base, two tasks, every checkpoint a run of its own or all in one.

use std::collections::BTreeMap;

use wit_eval::analyze::analysis::Analysis;
use wit_eval::analyze::{AnalyzeOptions, RunInputs, analyze};
use wit_eval::digest::Digest;
use wit_eval::instance::Expectation;
use wit_eval::record::{PlanRecord, Purpose, ScoreRecord};
use wit_eval::request::{Prompt, Request};
use wit_eval::response::{FinishReason, Generation, Response};
use wit_eval::score::Score;
use wit_eval::store::CheckpointEntry;
use wit_eval::task::{Metric, OutputType};
use wit_eval::variant::VariantId;
use wit_eval::weighting::Weighting;

use super::run::{Run, chance_of, checkpoint, decoding, manifest, task};

/// Tasks of a sweep.
const TASKS: [&str; 2] = ["follow", "recall"];

/// A checkpoint of a sweep: its weighting, none for the base, and its training seed.
pub fn tuned(weights: Option<(f64, f64)>, seed: u64) -> CheckpointEntry {
    let label = match weights {
        Some((prompt, response)) => format!("p{prompt}-r{response}-s{seed}"),
        None => "tiny-base".to_owned(),
    };
    let weighting = weights.map(|(prompt, response)| Weighting::new(prompt, response).expect("weights"));
    CheckpointEntry {
        base: weights.map(|_| "runs/tiny-base".to_owned()),
        stage: Some(if weights.is_some() { "sft" } else { "base" }.to_owned()),
        training_seed: weights.map(|_| seed),
        data_digest: None,
        ..checkpoint(&label, weighting)
    }
}

/// The paper's grid, the base included; the named cells have three seeds.
pub fn grid() -> Vec<CheckpointEntry> {
    let steps = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
    let named = [(0.0, 1.0), (1.0, 1.0), (0.4, 0.6), (0.2, 0.4), (1.0, 0.0), (0.6, 1.0)];
    let mut out = vec![tuned(None, 0)];
    for prompt in steps {
        for response in steps.into_iter().filter(|response| prompt + response > 0.0) {
            let seeds = if named.contains(&(prompt, response)) { 3 } else { 1 };
            out.extend((0..seeds).map(|seed| tuned(Some((prompt, response)), seed)));
        }
    }
    out
}

/// How often a checkpoint is right: the base seldom, prompt weight helps, response weight makes typos hurt.
fn skill(entry: &CheckpointEntry, variant: &VariantId) -> f64 {
    let Some(weighting) = entry.weighting else {
        return 0.1;
    };
    let (prompt, response) = (weighting.prompt(), weighting.response());
    let harm = if variant.perturbation == "typo" { 0.3 * response } else { 0.0 };
    0.5 + 0.25 * response - 0.3 * (prompt - 0.4).abs() + if response > 0.0 { 0.1 } else { 0.0 } - harm
}

/// All checkpoints on `items` questions of each task.
pub fn sweep(checkpoints: Vec<CheckpointEntry>, items: usize) -> Run {
    let mut manifest = manifest();
    manifest.groups.clear();
    manifest.tasks =
        TASKS.map(|name| task(name, OutputType::GenerateUntil(decoding()), &["none"], &[Metric::ExactMatch])).into();
    manifest.checkpoints = checkpoints;
    manifest.settings.perturbations = vec!["typo@default:2".to_owned(), "format@default:1".to_owned()];
    let mut run =
        Run { manifest, plan: Vec::new(), skipped: Vec::new(), scores: Vec::new(), responses: BTreeMap::new() };
    for name in TASKS {
        for row in 0..items {
            add(&mut run, name, row);
        }
    }
    run
}

fn add(run: &mut Run, task: &str, row: usize) {
    let instance = format!("{task}/{row}");
    let variant = |perturbation: &str, draw| VariantId {
        perturbation: perturbation.to_owned(),
        strength: "default".to_owned(),
        draw,
    };
    let variants = [VariantId::original(), variant("typo", 0), variant("typo", 1), variant("format", 0)];
    let prompt = |variant: &VariantId| Prompt::Text(format!("{task}: say word {row}, {variant}"));
    for variant in &variants {
        let request = Request::Generate { prompt: prompt(variant), decoding: decoding() };
        let key = Digest::of_json(&request).expect("a digest");
        for entry in &run.manifest.checkpoints {
            let luck = chance_of(&[task, &row.to_string()]);
            let noise = chance_of(&[&entry.label, &instance, &variant.to_string()]);
            let right = 0.5 * luck + 0.5 * noise < skill(entry, variant);
            let text = if right { "word" } else { "another" }.to_owned();
            run.scores.push(ScoreRecord {
                parts: Vec::new(),
                checkpoint: entry.label.clone(),
                task: task.to_owned(),
                instance: instance.clone(),
                cluster: instance.clone(),
                variant: variant.clone(),
                filter: "none".to_owned(),
                metric: "exact_match".to_owned(),
                score: Score::Scored { credit: f64::from(right), answer: text.clone(), explanation: String::new() },
                response: key.clone(),
                prompt_tokens_cut: 0,
            });
            let reply =
                Generation { text, token_ids: vec![1, 2], finish: FinishReason::EndToken, prompt_tokens_cut: 0 };
            run.responses.insert((entry.label.clone(), key.clone()), Response::Generated(reply));
        }
        let expectation = Expectation::Text { targets: vec!["word".to_owned()], choices: Vec::new() };
        run.plan.push(PlanRecord {
            task: task.to_owned(),
            instance: instance.clone(),
            cluster: instance.clone(),
            purpose: Purpose::Judge { variant: variant.clone(), expectation },
            request,
        });
    }
    if row < 30 {
        let request = Request::PromptSet { prompts: variants.iter().map(prompt).collect(), decoding: decoding() };
        let key = Digest::of_json(&request).expect("a digest");
        for entry in &run.manifest.checkpoints {
            let response = entry.weighting.map_or(0.2, Weighting::response);
            let log_prob = |i: usize, j: usize| {
                -1.0 - if i == j {
                    0.0
                } else {
                    (0.3 + response) * chance_of(&[&entry.label, &instance, &format!("{i} {j}")])
                }
            };
            let reply = Generation {
                text: "word".to_owned(),
                token_ids: vec![1, 2],
                finish: FinishReason::EndToken,
                prompt_tokens_cut: 0,
            };
            let set = Response::PromptSet {
                replies: vec![reply; variants.len()],
                log_probs: (0..variants.len()).map(|i| (0..variants.len()).map(|j| log_prob(i, j)).collect()).collect(),
            };
            run.responses.insert((entry.label.clone(), key.clone()), set);
        }
        run.plan.push(PlanRecord {
            task: task.to_owned(),
            instance: instance.clone(),
            cluster: instance,
            purpose: Purpose::Posix { variants: variants.to_vec() },
            request,
        });
    }
}

/// Every checkpoint of a sweep as a run of its own, as a sweep's cells are.
pub fn split(whole: &Run) -> Vec<Run> {
    let one = |entry: &CheckpointEntry| {
        let mut manifest = whole.manifest.clone();
        manifest.checkpoints = vec![entry.clone()];
        let own = |label: &str| label == entry.label;
        Run {
            manifest,
            plan: whole.plan.clone(),
            skipped: Vec::new(),
            scores: whole.scores.iter().filter(|score| own(&score.checkpoint)).cloned().collect(),
            responses: whole
                .responses
                .iter()
                .filter(|((label, _), _)| own(label))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        }
    };
    whole.manifest.checkpoints.iter().map(one).collect()
}

/// Analyzes runs side by side.
pub fn analyze_all(runs: &[Run]) -> Analysis {
    let names = (0..runs.len()).map(|number| format!("cell-{number}")).collect::<Vec<_>>();
    // Not boxed: the closures must be allowed to borrow for as long as they are borrowed themselves.
    let finder = |run| {
        let run: &Run = run;
        move |checkpoint: &str, request: &Request| {
            run.responses.get(&(checkpoint.to_owned(), Digest::of_json(request).expect("a digest")))
        }
    };
    let finders = runs.iter().map(finder).collect::<Vec<_>>();
    let inputs = runs.iter().zip(&finders).zip(&names).map(|((run, find), name)| RunInputs {
        name,
        manifest: &run.manifest,
        plan: &run.plan,
        skipped: &run.skipped,
        scores: &run.scores,
        judged_by: None,
        response_of: find,
    });
    let inputs = inputs.collect::<Vec<_>>();
    analyze(&inputs, &AnalyzeOptions::default()).expect("the runs analyze")
}
