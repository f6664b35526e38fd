//! A task, ready to judge.

use crate::instance::Expectation;
use crate::request::Request;
use crate::response::Response;
use crate::score::{Score, ScorePart};
use crate::task::{Metric, Scorer, Task};

use super::exact_match::ExactMatch;
use super::filter::CompiledPipeline;
use super::likelihood;
use super::pattern::PatternError;
use super::verified;
use super::wording::{quoted, quoted_list, scored, unscored};

/// One metric's judgment of one response, under one filter pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricScore {
    /// Name of the metric.
    pub metric: String,
    /// Name of the filter pipeline.
    pub filter: String,
    /// The judgment.
    pub score: Score,
    /// What it is made of, where it has parts.
    pub parts: Vec<ScorePart>,
}

/// A task whose filters and patterns are compiled: make one a task and use it for every response, from any thread.
#[derive(Debug)]
pub struct Judge {
    pipelines: Vec<CompiledPipeline>,
    metrics: Vec<(Metric, ExactMatch)>,
    scorer: Scorer,
}

impl Judge {
    /// Compiles the task's patterns. Fails where one is not valid, naming it; a loaded task never does.
    pub fn new(task: &Task) -> Result<Self, PatternError> {
        let pipelines = task.filters.iter().map(CompiledPipeline::new).collect::<Result<_, _>>()?;
        let metrics = task.metrics.iter().map(|spec| Ok((spec.metric, ExactMatch::new(spec)?)));
        Ok(Self { pipelines, metrics: metrics.collect::<Result<_, _>>()?, scorer: task.scorer })
    }

    /// One score a filter pipeline and metric, pipelines first, in the task's order.
    ///
    /// A response that is a failure, or of another kind than the expectation needs, is unscored under every metric, and
    /// so is one whose filter had to be given up. `request` is the one that was answered: whole-text metrics count its
    /// words and bytes.
    pub fn score(&self, expectation: &Expectation, request: &Request, response: &Response) -> Vec<MetricScore> {
        let mut scores = Vec::with_capacity(self.pipelines.len() * self.metrics.len());
        for pipeline in &self.pipelines {
            if let Expectation::Verified { turns } = expectation {
                let metrics = self.metrics.iter().map(|(metric, _)| *metric);
                scores.extend(verified::scores(self.scorer, metrics, pipeline, turns, response));
                continue;
            }
            for (metric, comparison) in &self.metrics {
                let score = match (expectation, response) {
                    (Expectation::Judged { .. }, Response::Generated(_) | Response::Dialogue { .. }) => {
                        unscored("no judge was asked about this reply".to_owned())
                    }
                    (Expectation::Text { targets, choices }, Response::Generated(reply)) => match metric {
                        Metric::ExactMatch => exact_match(pipeline, comparison, &reply.text, targets, choices),
                        other => unscored(format!("{other} is not defined for generate_until")),
                    },
                    _ => likelihood::judge(*metric, expectation, request, response),
                };
                scores.push(MetricScore {
                    metric: metric.to_string(),
                    filter: pipeline.name.clone(),
                    score,
                    parts: Vec::new(),
                });
            }
        }
        scores
    }
}

fn exact_match(
    pipeline: &CompiledPipeline,
    comparison: &ExactMatch,
    reply: &str,
    targets: &[String],
    choices: &[String],
) -> Score {
    let judged = pipeline.apply(reply, choices).and_then(|extracted| {
        let right = match &extracted.answer {
            Some(answer) => comparison.any(answer, targets)?,
            None => false,
        };
        Ok((extracted, right))
    });
    let (extracted, right) = match judged {
        Ok(judged) => judged,
        Err(error) => return unscored(format!("filter {}: {error}", pipeline.name)),
    };
    let expected = quoted_list(targets);
    let explanation = match (&extracted.answer, extracted.fell_back) {
        (Some(answer), false) if right => format!("answered {}, as expected", quoted(answer)),
        (Some(answer), false) => format!("answered {}, expected {expected}", quoted(answer)),
        (Some(_), true) => {
            format!("filter {} found no answer in {}, expected {expected}", pipeline.name, quoted(reply))
        }
        (None, _) => {
            format!("filter {} has no entry for the reply {}, expected {expected}", pipeline.name, quoted(reply))
        }
    };
    scored(right, extracted.answer.unwrap_or_default(), explanation)
}

/// Judges one response. Compiles the task's patterns each time: use a [`Judge`] for many. Where a pattern is not valid
/// every metric is unscored with the reason.
pub fn score(task: &Task, expectation: &Expectation, request: &Request, response: &Response) -> Vec<MetricScore> {
    match Judge::new(task) {
        Ok(judge) => judge.score(expectation, request, response),
        Err(error) => task
            .filters
            .iter()
            .flat_map(|pipeline| task.metrics.iter().map(move |spec| (pipeline, spec)))
            .map(|(pipeline, spec)| MetricScore {
                metric: spec.metric.to_string(),
                filter: pipeline.name.clone(),
                score: unscored(error.to_string()),
                parts: Vec::new(),
            })
            .collect(),
    }
}
