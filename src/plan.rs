//! What to ask: from instances and perturbations to requests. Pure, so that a plan can be shown, counted and repeated.

use crate::digest::Digest;
use crate::instance::{Expectation, Instance, Presentation, PromptParts};
use crate::perturb::{Outcome, PerturbationSpec, Perturber};
use crate::record::{LIKELIHOOD, LikelihoodPart, PlanRecord, Purpose, SkippedVariant};
use crate::request::{Continuation, Decoding, Prompt, Request, Sampling};
use crate::seed::Seed;
use crate::store::PosixSettings;
use crate::task::{OutputType, Task};
use crate::variant::VariantId;

/// Why a plan could not be made: the task and its instances do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// An instance expects another kind of answer than its task asks for.
    #[error(
        "task `{task}`: instance `{instance}` does not fit output_type {output}; mend the task's doc_to_target or doc_to_choice"
    )]
    Mismatch {
        /// Name of the task.
        task: String,
        /// Identifier of the instance.
        instance: String,
        /// The task's output type.
        output: &'static str,
    },
    /// A record could not be hashed.
    #[error("the plan could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What decides the questions, besides tasks and instances.
#[derive(Debug, Clone)]
pub struct PlanSettings<'a> {
    /// The perturbations.
    pub perturbations: &'a [PerturbationSpec],
    /// Seed of perturbations and sampling.
    pub seed: Seed,
    /// How prompts are presented.
    pub presentation: Presentation,
    /// Prompt sets for POSIX; `None` asks none.
    pub posix: Option<PosixSettings>,
}

/// The questions of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Every question, in a fixed order: task, instance, variant; then the likelihoods.
    pub records: Vec<PlanRecord>,
    /// Variants that could not be made.
    pub skipped: Vec<SkippedVariant>,
}

/// How much a plan asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlanSize {
    /// Instances.
    pub instances: usize,
    /// Requests that will be judged.
    pub judged: usize,
    /// Prompt sets for POSIX.
    pub prompt_sets: usize,
    /// Texts whose likelihood is asked.
    pub likelihoods: usize,
    /// Variants that could not be made.
    pub skipped: usize,
}

/// A prompt with a response to it, whose likelihoods are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LikelihoodPair {
    /// Names the pair in the run.
    pub id: String,
    /// Pairs that share a prompt share this.
    pub cluster: String,
    /// The prompt as one text, as it is scored.
    pub prompt_text: String,
    /// The prompt as it stands before the response.
    pub prompt: Prompt,
    /// The response, with what separates it from the prompt.
    pub response: String,
}

/// One wording of an instance.
struct Wording {
    id: VariantId,
    prompt: PromptParts,
    expectation: Expectation,
}

impl Plan {
    /// Adds the questions of one task. Prompt sets of a dialogue are over its first turn.
    pub fn add_task(
        &mut self,
        task: &Task,
        instances: &[Instance],
        perturber: &Perturber,
        settings: &PlanSettings<'_>,
    ) -> Result<(), PlanError> {
        for (index, instance) in instances.iter().enumerate() {
            let wordings = self.wordings(task, instance, perturber, settings);
            for wording in &wordings {
                self.records.push(PlanRecord {
                    task: task.name.clone(),
                    instance: instance.id.clone(),
                    cluster: instance.cluster.clone(),
                    purpose: Purpose::Judge { variant: wording.id.clone(), expectation: wording.expectation.clone() },
                    request: request(task, instance, wording, settings.presentation)?,
                });
            }
            let posix = settings.posix.filter(|posix| index < posix.instances_per_task);
            // Every wording is scored under every other: one draw of each perturbation keeps the square small. A
            // wording that asks for another reply (a moved option) says nothing about sensitivity here.
            let same: Vec<&Wording> = wordings
                .iter()
                .filter(|wording| wording.id.draw == 0 && wording.expectation == instance.expectation)
                .collect();
            if let Some(posix) = posix.filter(|_| same.len() > 1) {
                self.records.push(prompt_set(task, instance, &same, settings.presentation, posix));
            }
        }
        Ok(())
    }

    /// Adds the likelihoods of prompts and of responses given their prompts. A prompt is scored behind the token that
    /// begins a sequence, which is itself not scored.
    pub fn add_likelihoods(&mut self, pairs: &[LikelihoodPair]) {
        for pair in pairs {
            let parts = [
                (LikelihoodPart::Prompt, Prompt::Text(String::new()), &pair.prompt_text),
                (LikelihoodPart::Response, pair.prompt.clone(), &pair.response),
            ];
            self.records.extend(parts.map(|(part, prompt, text)| PlanRecord {
                task: LIKELIHOOD.to_owned(),
                instance: pair.id.clone(),
                cluster: pair.cluster.clone(),
                purpose: Purpose::Likelihood { part },
                request: Request::LogLikelihood { prompt, continuations: vec![Continuation::Text(text.clone())] },
            }));
        }
    }

    /// The original first, then the variants that could be made.
    fn wordings(
        &mut self,
        task: &Task,
        instance: &Instance,
        perturber: &Perturber,
        settings: &PlanSettings<'_>,
    ) -> Vec<Wording> {
        let original = Wording {
            id: VariantId::original(),
            prompt: instance.prompt.clone(),
            expectation: instance.expectation.clone(),
        };
        let mut wordings = vec![original];
        if let Some(reason) = unperturbable(task) {
            self.skipped.extend(settings.perturbations.iter().flat_map(variant_ids).map(|variant| SkippedVariant {
                task: task.name.clone(),
                instance: instance.id.clone(),
                variant,
                reason: reason.to_owned(),
            }));
            return wordings;
        }
        for (id, outcome) in perturber.variants(instance, settings.perturbations, settings.seed) {
            match outcome {
                Outcome::Changed(variant) => {
                    wordings.push(Wording { id, prompt: variant.prompt, expectation: variant.expectation });
                }
                Outcome::Nothing { reason } => self.skipped.push(SkippedVariant {
                    task: task.name.clone(),
                    instance: instance.id.clone(),
                    variant: id,
                    reason,
                }),
            }
        }
        wordings
    }

    /// How much is asked.
    pub fn size(&self) -> PlanSize {
        let mut size = PlanSize { skipped: self.skipped.len(), ..PlanSize::default() };
        for record in &self.records {
            match &record.purpose {
                Purpose::Judge { variant, .. } => {
                    size.judged += 1;
                    size.instances += usize::from(variant.is_original());
                }
                Purpose::Posix { .. } => size.prompt_sets += 1,
                Purpose::Likelihood { .. } => size.likelihoods += 1,
            }
        }
        size
    }

    /// Digest of the questions.
    pub fn digest(&self) -> Result<Digest, PlanError> {
        Ok(Digest::of_json(&self.records)?)
    }
}

/// The variants that a specification asks for.
fn variant_ids(spec: &PerturbationSpec) -> impl Iterator<Item = VariantId> {
    let (perturbation, strength) = (spec.kind.name().to_owned(), spec.strength.to_string());
    (0..spec.draws).map(move |draw| VariantId { perturbation: perturbation.clone(), strength: strength.clone(), draw })
}

/// Why a task's prompts are not reworded, if so.
fn unperturbable(task: &Task) -> Option<&'static str> {
    if matches!(task.output, OutputType::LogLikelihoodRolling) {
        Some("the text itself is what is scored")
    } else if !task.profile.perturbable {
        Some("the task declares that rewording changes its meaning")
    } else {
        None
    }
}

/// The decoding with the temperature that an instance asks for; 0 is greedy.
fn at_temperature(decoding: &Decoding, temperature: Option<f64>) -> Decoding {
    let Some(temperature) = temperature else { return decoding.clone() };
    let sampling = match decoding.sampling {
        _ if temperature <= 0.0 => Sampling::Greedy,
        Sampling::Random { top_p, top_k, seed, .. } => Sampling::Random { temperature, top_p, top_k, seed },
        Sampling::Greedy => Sampling::Random { temperature, top_p: 1.0, top_k: None, seed: 0 },
    };
    Decoding { sampling, ..decoding.clone() }
}

fn request(
    task: &Task,
    instance: &Instance,
    wording: &Wording,
    presentation: Presentation,
) -> Result<Request, PlanError> {
    let prompt = || wording.prompt.present(presentation);
    let continuation = |text: &str| Continuation::Text(format!("{}{text}", wording.prompt.target_delimiter));
    match (&task.output, &wording.expectation) {
        (
            OutputType::GenerateUntil(decoding),
            Expectation::Text { .. } | Expectation::Verified { .. } | Expectation::Judged { .. },
        ) => {
            let decoding = at_temperature(decoding, instance.temperature);
            if wording.prompt.later.is_empty() {
                return Ok(Request::Generate { prompt: prompt(), decoding });
            }
            let turns = wording.prompt.later.clone();
            let plain = (presentation == Presentation::Text).then(|| wording.prompt.plain_turns());
            Ok(Request::Dialogue { prompt: prompt(), turns, plain, decoding })
        }
        (OutputType::MultipleChoice, Expectation::Choice { choices, .. }) => Ok(Request::LogLikelihood {
            prompt: prompt(),
            continuations: choices.iter().map(|choice| continuation(choice)).collect(),
        }),
        (OutputType::LogLikelihood, Expectation::Continuation { text }) => {
            Ok(Request::LogLikelihood { prompt: prompt(), continuations: vec![continuation(text)] })
        }
        (OutputType::LogLikelihoodRolling, Expectation::Document) => {
            Ok(Request::Rolling { text: wording.prompt.query.clone() })
        }
        _ => Err(PlanError::Mismatch {
            task: task.name.clone(),
            instance: instance.id.clone(),
            output: task.output.as_str(),
        }),
    }
}

fn prompt_set(
    task: &Task,
    instance: &Instance,
    wordings: &[&Wording],
    presentation: Presentation,
    posix: PosixSettings,
) -> PlanRecord {
    let decoding =
        Decoding { max_new_tokens: posix.max_new_tokens, stop: Vec::new(), sampling: Sampling::Greedy, sample: 0 };
    PlanRecord {
        task: task.name.clone(),
        instance: instance.id.clone(),
        cluster: instance.cluster.clone(),
        purpose: Purpose::Posix { variants: wordings.iter().map(|wording| wording.id.clone()).collect() },
        request: Request::PromptSet {
            prompts: wordings.iter().map(|wording| wording.prompt.present(presentation)).collect(),
            decoding,
        },
    }
}
