//! How likely checkpoints find prompts and responses (the paper's Figure 5).
//!
//! A text's number is its mean log-probability per token, in nats: `1/T Σ_t log p(token_t | tokens before it)`; a prompt
//! behind the token that begins a sequence, a response behind its prompt. It is at most 0; higher is likelier. Texts of two
//! tokenizers have different tokens and are not comparable. `docs/likelihood.md` says what is asked and how to read it.

mod density;

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::analysis::{CheckpointAnalysis, LikelihoodAnalysis, ReasonCount};
use super::inputs::RunInputs;
use crate::record::{LikelihoodPart, PlanRecord, Purpose};
use crate::response::Response;
use crate::sensitivity::Measure;
use crate::stats::clustered_mean;
use density::{Density, quantile, shared_grid};

/// The quantiles that are reported.
const SHARES: [f64; 7] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];
/// Longest reason that is told, in characters: some quote a text.
const REASON_CHARACTERS: usize = 160;

/// The numbers of one checkpoint and part.
struct Texts<'a> {
    checkpoint: &'a str,
    source: &'a str,
    part: LikelihoodPart,
    /// In the plan's order.
    nats: Vec<f64>,
    clusters: Vec<usize>,
    failed: BTreeMap<String, usize>,
}

/// Likelihoods of every checkpoint whose run asked for them: by checkpoint, prompts before responses. The densities of a
/// part are on one grid, whatever the run.
pub(super) fn analyze_likelihoods(
    runs: &[RunInputs<'_>],
    checkpoints: &[CheckpointAnalysis],
    run_of: &[usize],
    level: f64,
) -> Vec<LikelihoodAnalysis> {
    let of = |(checkpoint, run): (_, &usize)| Some((checkpoint, runs.get(*run)?));
    let work = checkpoints.iter().zip(run_of).filter_map(of).collect::<Vec<_>>();
    let all = work.into_par_iter().flat_map_iter(|(checkpoint, run)| texts(run, checkpoint)).collect::<Vec<_>>();
    let sorted = all.iter().map(|texts| {
        let mut nats = texts.nats.clone();
        nats.sort_by(f64::total_cmp);
        nats
    });
    let sorted = sorted.collect::<Vec<_>>();
    let densities = sorted.iter().map(|nats| Density::of(nats)).collect::<Vec<_>>();
    let grid_of = |part| {
        let own = all.iter().zip(&densities).filter(|(texts, _)| texts.part == part);
        shared_grid(own.filter_map(|(_, density)| density.as_ref()))
    };
    let (prompts, responses) = (grid_of(LikelihoodPart::Prompt), grid_of(LikelihoodPart::Response));
    let described = all.into_par_iter().zip(sorted).zip(densities).map(|((texts, sorted), density)| {
        let grid = match texts.part {
            LikelihoodPart::Prompt => &prompts,
            LikelihoodPart::Response => &responses,
        };
        texts.described(&sorted, density, grid, level)
    });
    described.collect()
}

/// What a checkpoint answered, by part; nothing where the run did not ask.
fn texts<'a>(run: &'a RunInputs<'_>, checkpoint: &'a CheckpointAnalysis) -> Vec<Texts<'a>> {
    let Some(settings) = &run.manifest.settings.likelihood else { return Vec::new() };
    [LikelihoodPart::Prompt, LikelihoodPart::Response]
        .into_iter()
        .map(|part| {
            let mut texts = Texts {
                checkpoint: &checkpoint.id,
                source: &settings.source,
                part,
                nats: Vec::new(),
                clusters: Vec::new(),
                failed: BTreeMap::new(),
            };
            let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
            for record in run.plan.iter().filter(|record| is_of(record, part)) {
                let next = numbers.len();
                let cluster = *numbers.entry(&record.cluster).or_insert(next);
                match nats_per_token((run.response_of)(&checkpoint.checkpoint.label, &record.request)) {
                    Ok(nats) => {
                        texts.nats.push(nats);
                        texts.clusters.push(cluster);
                    }
                    Err(reason) => *texts.failed.entry(reason).or_default() += 1,
                }
            }
            texts
        })
        .collect()
}

fn is_of(record: &PlanRecord, part: LikelihoodPart) -> bool {
    matches!(record.purpose, Purpose::Likelihood { part: own } if own == part)
}

/// The mean log-probability per token, or why there is none.
fn nats_per_token(response: Option<&Response>) -> Result<f64, String> {
    let scored = match response {
        None => return Err("no answer is recorded".to_owned()),
        Some(Response::Failed { reason }) => return Err(reason.chars().take(REASON_CHARACTERS).collect()),
        Some(Response::LogProbs { continuations }) => continuations.as_slice(),
        Some(_) => &[],
    };
    let [scored] = scored else { return Err("the answer is of another kind than the question".to_owned()) };
    let nats = scored.sum_nats / scored.tokens as f64;
    if scored.tokens == 0 {
        Err("the text has no token".to_owned())
    } else if scored.prompt_tokens_cut > 0 {
        Err("prompt and response do not fit the model's context".to_owned())
    } else if !nats.is_finite() {
        Err("the log-probability is not finite".to_owned())
    } else {
        Ok(nats)
    }
}

/// A density at the places of a grid.
fn drawn(density: Density, grid: &[f64]) -> Vec<[f64; 2]> {
    let step = grid.first().zip(grid.get(1)).map_or(0.0, |(first, second)| second - first);
    let density = density.at_least_as_wide_as(step);
    grid.iter().map(|place| [*place, density.at(*place)]).collect()
}

impl Texts<'_> {
    fn described(&self, sorted: &[f64], density: Option<Density>, grid: &[f64], level: f64) -> LikelihoodAnalysis {
        let mean = clustered_mean(&self.nats, &self.clusters, level);
        LikelihoodAnalysis {
            checkpoint: self.checkpoint.to_owned(),
            source: self.source.to_owned(),
            part: self.part,
            mean: mean.map_or_else(|| Measure::undefined("no text has a log-probability"), Measure::Defined),
            quantiles: SHARES.iter().filter_map(|share| Some([*share, quantile(sorted, *share)?])).collect(),
            density: density.map(|density| drawn(density, grid)).unwrap_or_default(),
            failed: self
                .failed
                .iter()
                .map(|(reason, count)| ReasonCount { reason: reason.clone(), count: *count })
                .collect(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
