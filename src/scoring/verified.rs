//! Replies whose instructions a program verifies: from verdicts to the four accuracies.
//!
//! With `f_ij` = 1 where instruction `j` of prompt `i` is followed and 0 where not, over `n_i` instructions:
//!
//! | metric | credit of a prompt | weight | over prompts |
//! | --- | --- | --- | --- |
//! | `prompt_level_*_acc` | `min_j f_ij` | 1 | mean |
//! | `inst_level_*_acc` | `mean_j f_ij` | `n_i` | `Σ_ij f_ij / Σ_i n_i` |
//!
//! All in `[0, 1]`, higher is better; strict and loose as [`super::instructions`] says. In a dialogue the instructions of
//! every turn count, each against the reply to its turn. Source: Zhou et al. 2023 (IFEval), section 3.

use crate::instance::Check;
use crate::response::Response;
use crate::score::{Score, ScorePart};
use crate::task::{Metric, Scorer, VerifierMode};

use super::filter::CompiledPipeline;
use super::instructions::{self, Verdicts, Verifier};
use super::judge::MetricScore;
use super::wording::unscored;

/// The scores of one response under one pipeline.
pub(super) fn scores(
    scorer: Scorer,
    metrics: impl Iterator<Item = Metric>,
    pipeline: &CompiledPipeline,
    turns: &[Vec<Check>],
    response: &Response,
) -> Vec<MetricScore> {
    let mode = match scorer {
        Scorer::Instructions(mode) => mode,
        _ => VerifierMode::Official,
    };
    let verdicts = verdicts(mode, pipeline, turns, response);
    metrics
        .map(|metric| {
            let (score, parts) = match &verdicts {
                Ok(verdicts) => score(metric, turns, verdicts),
                Err(reason) => (unscored(reason.clone()), Vec::new()),
            };
            MetricScore { metric: metric.to_string(), filter: pipeline.name.clone(), score, parts }
        })
        .collect()
}

/// The verdicts of every turn, one after another.
fn verdicts(
    mode: VerifierMode,
    pipeline: &CompiledPipeline,
    turns: &[Vec<Check>],
    response: &Response,
) -> Result<Verdicts, String> {
    let replies = match response {
        Response::Failed { reason } => return Err(format!("the request failed: {reason}")),
        Response::Generated(_) | Response::Dialogue { .. } => response.replies(),
        _ => return Err("the response is of another kind than the task asks for".to_owned()),
    };
    if replies.len() != turns.len() {
        return Err(format!("{} replies to {} turns", replies.len(), turns.len()));
    }
    let mut all = Verdicts { strict: Vec::new(), loose: Vec::new() };
    for (reply, checks) in replies.iter().zip(turns) {
        let verifiers = checks.iter().map(|check| Verifier::new(check, mode)).collect::<Result<Vec<_>, _>>();
        let verifiers = verifiers.map_err(|error| error.to_string())?;
        let text = pipeline.apply(&reply.text, &[]).map_err(|error| error.to_string())?;
        let found = instructions::judge(&verifiers, &text.answer.unwrap_or_default());
        all.strict.extend(found.strict);
        all.loose.extend(found.loose);
    }
    Ok(all)
}

fn score(metric: Metric, turns: &[Vec<Check>], verdicts: &Verdicts) -> (Score, Vec<ScorePart>) {
    let followed = match metric {
        Metric::PromptLevelStrictAcc | Metric::InstLevelStrictAcc => &verdicts.strict,
        Metric::PromptLevelLooseAcc | Metric::InstLevelLooseAcc => &verdicts.loose,
        other => return (unscored(format!("{other} is not defined for verified instructions")), Vec::new()),
    };
    let names = || turns.iter().flatten().map(|check| check.id.as_str());
    let count = followed.iter().filter(|followed| **followed).count();
    let broken = names().zip(followed).filter(|(_, followed)| !**followed).map(|(name, _)| name).collect::<Vec<_>>();
    let explanation = match broken.as_slice() {
        [] => format!("follows all {count} instructions"),
        broken => format!("follows {count} of {} instructions; not {}", followed.len(), broken.join(", ")),
    };
    let credit = match metric {
        Metric::PromptLevelStrictAcc | Metric::PromptLevelLooseAcc => f64::from(u8::from(broken.is_empty())),
        _ => count as f64 / followed.len().max(1) as f64,
    };
    let part = |(name, followed): (&str, &bool)| ScorePart {
        name: name.to_owned(),
        credits: vec![f64::from(u8::from(*followed))],
        missing: 0,
    };
    let parts = match metric {
        Metric::InstLevelStrictAcc | Metric::InstLevelLooseAcc => names().zip(followed).map(part).collect(),
        _ => Vec::new(),
    };
    (Score::Scored { credit, answer: String::new(), explanation }, parts)
}
