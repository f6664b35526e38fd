//! Tiny runs on disk: one task, two wordings, one checkpoint, prompt sets for POSIX.

use std::fs;
use std::path::Path;

use serde::Serialize;
use wit_eval::digest::Digest;
use wit_eval::execute::response_key;
use wit_eval::instance::Expectation;
use wit_eval::record::{PlanRecord, Purpose, ResponseRecord, ScoreRecord, SkippedVariant};
use wit_eval::request::{Continuation, Prompt, Request};
use wit_eval::response::{ContinuationLogProb, FinishReason, Generation, Response};
use wit_eval::score::Score;
use wit_eval::store::{CheckpointEntry, PosixSettings};
use wit_eval::task::{Metric, OutputType};
use wit_eval::variant::VariantId;

use crate::made_up::{checkpoint, decoding, manifest, task};

/// Prompt sets of a run.
const SETS: usize = 80;

/// A run to be written.
pub struct TinyRun<'a> {
    /// Label of the checkpoint.
    pub label: &'a str,
    /// Name of the task.
    pub task: &'a str,
    /// Questions.
    pub instances: usize,
    /// Of every hundred answers, so many are right.
    pub right: usize,
}

impl TinyRun<'_> {
    pub fn write(&self, folder: &Path) {
        let (plan, scores, responses) = self.records();
        let mut manifest = manifest();
        manifest.checkpoints = vec![checkpoint(self.label, None)];
        manifest.tasks = vec![task(self.task, OutputType::MultipleChoice, &["none"], &[Metric::Acc])];
        manifest.groups.clear();
        self.task.clone_into(&mut manifest.settings.tasks);
        manifest.settings.perturbations = vec!["typo@default:1".to_owned()];
        manifest.settings.posix = Some(PosixSettings { instances_per_task: SETS, max_new_tokens: 16 });
        manifest.plan = Digest::of_json(&plan).unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("run.json"), serde_json::to_string_pretty(&manifest).unwrap()).unwrap();
        lines(folder, "plan.jsonl", &plan);
        lines::<SkippedVariant>(folder, "skipped.jsonl", &[]);
        lines(folder, "scores.jsonl", &scores);
        lines(folder, "responses.jsonl", &responses);
    }

    fn records(&self) -> (Vec<PlanRecord>, Vec<ScoreRecord>, Vec<ResponseRecord>) {
        let entry = checkpoint(self.label, None);
        let (mut plan, mut scores, mut responses) = (Vec::new(), Vec::new(), Vec::new());
        let typo = VariantId { perturbation: "typo".to_owned(), strength: "default".to_owned(), draw: 0 };
        let variants = [VariantId::original(), typo];
        for row in 0..self.instances {
            let instance = format!("{}/{row}", self.task);
            for variant in &variants {
                let request = Request::LogLikelihood {
                    prompt: Prompt::Text(format!("Question {row}, {variant}?")),
                    continuations: ["A", "B"].map(|choice| Continuation::Text(format!(" {choice}"))).to_vec(),
                };
                // A fixed scatter over rows, so that runs with more right answers keep those that others have.
                let right = (row * 37) % 100 < self.right;
                let response = record(&entry, &request, log_probs(right));
                scores.push(self.score(&instance, variant, right, &response.key));
                responses.push(response);
                let expectation = Expectation::Choice { choices: vec!["A".to_owned(), "B".to_owned()], gold: vec![0] };
                plan.push(PlanRecord {
                    task: self.task.to_owned(),
                    instance: instance.clone(),
                    cluster: instance.clone(),
                    purpose: Purpose::Judge { variant: variant.clone(), expectation },
                    request,
                });
            }
            if row < SETS {
                let prompts = vec![Prompt::Text(format!("Question {row}?")), Prompt::Text(format!("Qeustion {row}?"))];
                let request = Request::PromptSet { prompts, decoding: decoding() };
                responses.push(record(&entry, &request, prompt_set(row)));
                plan.push(PlanRecord {
                    task: self.task.to_owned(),
                    instance: instance.clone(),
                    cluster: instance,
                    purpose: Purpose::Posix { variants: variants.to_vec() },
                    request,
                });
            }
        }
        (plan, scores, responses)
    }

    fn score(&self, instance: &str, variant: &VariantId, right: bool, response: &Digest) -> ScoreRecord {
        let answer = if right { "A" } else { "B" };
        ScoreRecord {
            parts: Vec::new(),
            checkpoint: self.label.to_owned(),
            task: self.task.to_owned(),
            instance: instance.to_owned(),
            cluster: instance.to_owned(),
            variant: variant.clone(),
            filter: "none".to_owned(),
            metric: "acc".to_owned(),
            score: Score::Scored {
                credit: f64::from(right),
                answer: answer.to_owned(),
                explanation: format!("answered {answer}, expected A"),
            },
            response: response.clone(),
            prompt_tokens_cut: 0,
        }
    }
}

fn record(entry: &CheckpointEntry, request: &Request, response: Response) -> ResponseRecord {
    ResponseRecord { key: response_key(&entry.digest, request).unwrap(), response }
}

fn log_probs(right: bool) -> Response {
    let continuation = |is_greedy| ContinuationLogProb {
        sum_nats: if is_greedy { -1.0 } else { -2.0 },
        tokens: 1,
        is_greedy,
        prompt_tokens_cut: 0,
    };
    Response::LogProbs { continuations: vec![continuation(right), continuation(!right)] }
}

/// Replies whose log-probabilities depend on the row only: equal runs have equal POSIX.
fn prompt_set(row: usize) -> Response {
    let reply =
        Generation { text: "A".to_owned(), token_ids: vec![3], finish: FinishReason::EndToken, prompt_tokens_cut: 0 };
    let off = -1.2 - (row % 7) as f64 / 20.0;
    Response::PromptSet { replies: vec![reply; 2], log_probs: vec![vec![-1.0, off], vec![off, -1.0]] }
}

fn lines<T: Serialize>(folder: &Path, name: &str, rows: &[T]) {
    let text = rows.iter().map(|row| serde_json::to_string(row).unwrap() + "\n").collect::<String>();
    fs::write(folder.join(name), text).unwrap();
}
