//! How each kind of judged task puts its questions and reads the answers.

use serde::{Deserialize, Serialize};

use crate::data::shipped_file;
use crate::instance::Expectation;
use crate::judgment::{JudgeCall, JudgePrompt};
use crate::response::Response;
use crate::score::{Score, ScorePart};
use crate::scoring::MetricScore;
use crate::scoring::alpaca_eval::{self, Annotator, AnswerForm, CallSettings, Verdict};
use crate::scoring::mt_bench::{self, PromptSet};
use crate::seed::Seed;
use crate::task::{Metric, Scorer, Task};

/// The protocols of a run's judge, with the templates to the letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocols {
    /// For [`Scorer::MtBench`] and [`Scorer::MtBenchPair`].
    pub mt_bench: MtBenchProtocol,
    /// For [`Scorer::AlpacaEval`].
    pub alpaca_eval: AlpacaEvalProtocol,
}

/// How MT-Bench is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MtBenchProtocol {
    /// Mode, repeats, reading.
    pub settings: mt_bench::Settings,
    /// The judge prompts.
    pub prompts: Vec<JudgePrompt>,
}

/// How AlpacaEval is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlpacaEvalProtocol {
    /// The template.
    pub prompt: JudgePrompt,
    /// How the judge answers.
    pub form: AnswerForm,
    /// Decides which answer is shown first.
    pub seed: Seed,
    /// How often a ranking is asked for.
    pub repeats: usize,
}

impl AlpacaEvalProtocol {
    /// The template of a file (its name and text, in `ChatML`), or the one that ships for the form.
    pub fn new(own: Option<(String, String)>, ranking: bool, seed: Seed, repeats: usize) -> Result<Self, String> {
        let form = if ranking { AnswerForm::Ranking } else { AnswerForm::Weighted };
        let (name, text) = if let Some(own) = own {
            own
        } else {
            let name = if ranking { "ranking" } else { "weighted" };
            let path = format!("alpaca_eval/{name}.txt");
            let bytes = shipped_file(&path).ok_or_else(|| format!("benchmarks/{path} does not ship"))?;
            (format!("wit-{name}"), String::from_utf8_lossy(bytes).into_owned())
        };
        let prompt = alpaca_eval::chat_ml_prompt(&name, &text).map_err(|error| error.to_string())?;
        Annotator::new(prompt.clone(), form).map_err(|error| error.to_string())?;
        Ok(Self { prompt, form, seed, repeats })
    }

    fn settings(&self) -> CallSettings {
        CallSettings { seed: self.seed, repeats: self.repeats }
    }
}

/// Protocols whose templates were read.
pub(super) struct ReadProtocols<'p> {
    protocols: &'p Protocols,
    prompts: PromptSet,
    annotator: Annotator,
}

impl Protocols {
    pub(super) fn read(&self) -> Result<ReadProtocols<'_>, String> {
        let prompts = PromptSet::new(self.mt_bench.prompts.clone()).map_err(|error| error.to_string())?;
        let AlpacaEvalProtocol { prompt, form, .. } = &self.alpaca_eval;
        let annotator = Annotator::new(prompt.clone(), *form).map_err(|error| error.to_string())?;
        Ok(ReadProtocols { protocols: self, prompts, annotator })
    }
}

impl ReadProtocols<'_> {
    /// What the judge is asked about one instance's replies.
    pub(super) fn calls(
        &self,
        scorer: Scorer,
        expectation: &Expectation,
        replies: &[String],
    ) -> Result<Vec<JudgeCall>, String> {
        if scorer == Scorer::AlpacaEval {
            let reply = replies.first().map(String::as_str).unwrap_or_default();
            let settings = self.protocols.alpaca_eval.settings();
            alpaca_eval::calls(&self.annotator, expectation, reply, settings).map_err(|error| error.to_string())
        } else {
            mt_bench::calls(expectation, replies, &self.prompts, &self.mt_bench_settings(scorer))
                .map_err(|error| error.to_string())
        }
    }

    /// The task decides between rating and comparison.
    fn mt_bench_settings(&self, scorer: Scorer) -> mt_bench::Settings {
        let mode = if scorer == Scorer::MtBenchPair { mt_bench::Mode::Pairwise } else { mt_bench::Mode::Single };
        mt_bench::Settings { mode, ..self.protocols.mt_bench.settings.clone() }
    }

    /// The scores of one instance's replies, for every metric and filter of its task.
    pub(super) fn scores(
        &self,
        task: &Task,
        expectation: &Expectation,
        replies: &[String],
        answered: Result<Vec<(&JudgeCall, &Response)>, &str>,
    ) -> Vec<MetricScore> {
        let judged: Box<dyn Fn(Metric) -> (Score, Vec<ScorePart>)> = match answered {
            Err(reason) => {
                let reason = reason.to_owned();
                Box::new(move |_| (Score::Unscored { reason: reason.clone() }, Vec::new()))
            }
            Ok(answers) if task.scorer == Scorer::AlpacaEval => {
                let answers = answers.into_iter().map(|(call, answer)| (call.clone(), answer.clone()));
                let reply = replies.first().map(String::as_str).unwrap_or_default();
                let verdict = Verdict::new(&self.annotator, expectation, reply, &answers.collect::<Vec<_>>());
                Box::new(move |metric| {
                    let parts = if metric == Metric::WinRate { verdict.parts().to_vec() } else { Vec::new() };
                    (verdict.score(metric), parts)
                })
            }
            Ok(answers) => {
                let judged = mt_bench::score(&answers, &self.mt_bench_settings(task.scorer));
                Box::new(move |metric| {
                    if metric == judged.metric {
                        return (judged.score.clone(), judged.parts.clone());
                    }
                    let reason = format!("{metric} was not judged");
                    (Score::Unscored { reason }, Vec::new())
                })
            }
        };
        let mut scores = Vec::new();
        for pipeline in &task.filters {
            for spec in &task.metrics {
                let (score, parts) = judged(spec.metric);
                let (metric, filter) = (spec.metric.to_string(), pipeline.name.clone());
                scores.push(MetricScore { metric, filter, score, parts });
            }
        }
        scores
    }
}
