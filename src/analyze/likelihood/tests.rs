use super::*;
use crate::analyze::{AnalyzeOptions, analyze};
use crate::digest::Digest;
use crate::instance::Presentation;
use crate::plan::{LikelihoodPair, Plan};
use crate::request::{Prompt, Request};
use crate::response::ContinuationLogProb;
use crate::seed::Seed;
use crate::store::{CheckpointEntry, LikelihoodSettings, MANIFEST_FORMAT, Manifest, RunSettings};

fn plan(pairs: usize) -> Plan {
    let pair = |number: usize| LikelihoodPair {
        id: number.to_string(),
        cluster: format!("prompt {}", number / 2),
        prompt_text: format!("Say {number}."),
        prompt: Prompt::Text(format!("Say {number}.")),
        response: format!(" {number}"),
    };
    let mut plan = Plan::default();
    plan.add_likelihoods(&(0..pairs).map(pair).collect::<Vec<_>>());
    plan
}

fn manifest(plan: &Plan, labels: &[&str], asked: bool) -> Manifest {
    let settings = LikelihoodSettings {
        source: "held-out.jsonl".to_owned(),
        digest: Digest::of_bytes(b""),
        limit: 100,
        chat_template: false,
    };
    let checkpoint = |label: &&str| CheckpointEntry {
        label: (*label).to_owned(),
        digest: Digest::of_bytes(label.as_bytes()),
        architecture: "llama".to_owned(),
        parameters: 1,
        weighting: None,
        weighting_source: "unknown".to_owned(),
        base: None,
        stage: None,
        training_seed: None,
        data_digest: None,
    };
    Manifest {
        format: MANIFEST_FORMAT,
        program: "wit-eval".to_owned(),
        settings: RunSettings {
            tasks: "none".to_owned(),
            perturbations: Vec::new(),
            seed: Seed(0),
            fewshot_seed: 0,
            limit: None,
            num_fewshot: None,
            presentation: Presentation::Text,
            system_instruction: None,
            gen_kwargs: None,
            posix: None,
            likelihood: asked.then_some(settings),
        },
        checkpoints: labels.iter().map(checkpoint).collect(),
        tasks: Vec::new(),
        groups: Vec::new(),
        plan: plan.digest().unwrap(),
    }
}

fn log_probs(sum_nats: f64, tokens: usize, prompt_tokens_cut: usize) -> Response {
    let one = ContinuationLogProb { sum_nats, tokens, is_greedy: false, prompt_tokens_cut };
    Response::LogProbs { continuations: vec![one] }
}

/// Analyzes what `answer` says to the n-th record of a plan.
fn likelihoods(plan: &Plan, manifest: &Manifest, answer: &dyn Fn(&str, usize) -> Response) -> Vec<LikelihoodAnalysis> {
    let labels = manifest.checkpoints.iter().map(|entry| entry.label.clone());
    let answers = labels.map(|label| {
        let own = (0..plan.records.len()).map(|place| answer(&label, place)).collect::<Vec<_>>();
        (label, own)
    });
    let answers = answers.collect::<BTreeMap<_, _>>();
    let response_of = |label: &str, request: &Request| {
        let place = plan.records.iter().position(|record| record.request == *request)?;
        answers.get(label)?.get(place)
    };
    let run = RunInputs {
        name: "run",
        manifest,
        plan: &plan.records,
        skipped: &[],
        scores: &[],
        judged_by: None,
        response_of: &response_of,
    };
    analyze(&[run], &AnalyzeOptions::default()).unwrap().likelihoods
}

#[test]
fn a_text_counts_by_its_mean_per_token_and_pairs_with_one_prompt_are_one_cluster() {
    let plan = plan(8);
    let manifest = manifest(&plan, &["a"], true);
    let found = likelihoods(&plan, &manifest, &|_, place| log_probs(-2.0 * (place / 2 + 1) as f64, 2, 0));
    assert_eq!(
        found.iter().map(|one| one.part).collect::<Vec<_>>(),
        [LikelihoodPart::Prompt, LikelihoodPart::Response]
    );
    let mean = found[0].mean.estimate().unwrap();
    assert!((mean.point + 4.5).abs() < 1e-12 && (mean.n, mean.clusters) == (8, 4), "{mean:?}");
    let [share, median] = found[0].quantiles[3];
    assert!((share - 0.5).abs() < 1e-12 && (median + 4.5).abs() < 1e-12, "{share} {median}");
    assert_eq!((found[0].quantiles.len(), found[0].density.len()), (7, density::GRID_POINTS));
    assert_eq!((found[0].source.as_str(), found[0].checkpoint.as_str()), ("held-out.jsonl", "a"));
}

#[test]
fn all_checkpoints_share_a_grid_and_prompts_have_another_than_responses() {
    let plan = plan(8);
    let manifest = manifest(&plan, &["a", "b"], true);
    let found = likelihoods(&plan, &manifest, &|label, place| {
        let shift = if label == "a" { 0.0 } else { 3.0 } + if place % 2 == 0 { 0.0 } else { 10.0 };
        log_probs(-shift - place as f64, 1, 0)
    });
    let grid = |at: usize| found[at].density.iter().map(|point| point[0]).collect::<Vec<_>>();
    assert_eq!(found.len(), 4);
    assert_eq!((grid(0), grid(1)), (grid(2), grid(3)));
    assert_ne!(grid(0), grid(1));
    assert_ne!(found[0].density, found[2].density);
}

#[test]
fn a_text_without_a_number_is_counted_by_reason_and_never_as_zero() {
    let plan = plan(3);
    let manifest = manifest(&plan, &["a"], true);
    let found = likelihoods(&plan, &manifest, &|_, place| match place {
        0 => log_probs(-3.0, 3, 0),
        2 => Response::Failed { reason: "no echo".to_owned() },
        4 => log_probs(0.0, 0, 0),
        5 => log_probs(-1.0, 1, 7),
        _ => Response::Rolling { sum_nats: -1.0, tokens: 1 },
    });
    assert_eq!(found[0].mean.point(), Some(-1.0));
    let reasons =
        |at: usize| found[at].failed.iter().map(|entry| (entry.reason.as_str(), entry.count)).collect::<Vec<_>>();
    assert_eq!(reasons(0), [("no echo", 1), ("the text has no token", 1)]);
    assert_eq!(
        reasons(1),
        [
            ("prompt and response do not fit the model's context", 1),
            ("the answer is of another kind than the question", 2)
        ]
    );
    assert!(found[1].mean.estimate().is_none() && found[1].density.is_empty() && found[1].quantiles.is_empty());
}

#[test]
fn a_run_that_did_not_ask_has_no_likelihoods() {
    let plan = Plan::default();
    assert!(likelihoods(&plan, &manifest(&plan, &["a"], false), &|_, _| log_probs(-1.0, 1, 0)).is_empty());
}
