//! Perturbations: other wordings of a prompt that ask the same thing.
//!
//! Every perturbation is a pure function of instance, strength and random stream. It changes only what it declares
//! ([`PerturbationInfo::keeps`] says what stays), and where it finds nothing that it may change it says so.

pub mod anatomy;
pub mod cases;
pub mod casing;
pub mod diff;
mod embedded;
pub mod format;
pub mod option_order;
mod outcome;
pub mod paraphrase;
pub mod protect;
pub mod punctuation;
mod spec;
pub mod typo;
pub mod whitespace;

use rand_chacha::ChaCha8Rng;

pub use embedded::{DataError, DataFile, embedded_files, file_named};
pub use outcome::{Outcome, Perturbed};
pub use spec::{Hint, MAX_DRAWS, PerturbationKind, PerturbationSpec, SpecError, Strength, parse_specs};

use crate::instance::Instance;
use crate::seed::Seed;
use crate::variant::VariantId;
use paraphrase::user::UserParaphrases;

/// How often a draw that repeats an earlier one is made again before it is given up.
const TRIES: usize = 8;

/// What there is to know about a perturbation before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerturbationInfo {
    /// Which perturbation.
    pub kind: PerturbationKind,
    /// What it changes, in one sentence.
    pub summary: &'static str,
    /// What it keeps, by construction.
    pub keeps: &'static str,
    /// What its strengths mean.
    pub strengths: &'static str,
    /// How many variants it makes where nothing is said.
    pub default_draws: usize,
}

/// The perturbations with the data that they need.
#[derive(Debug, Clone)]
pub struct Perturber {
    typo: typo::TypoData,
    punctuation: punctuation::PunctuationData,
    format: format::FormatData,
    option_order: option_order::OptionOrderData,
    paraphrase: paraphrase::ParaphraseData,
    user: UserParaphrases,
}

impl Perturber {
    /// The perturbations with the data that ships with the program.
    pub fn embedded() -> Result<Self, DataError> {
        Ok(Self {
            typo: typo::TypoData::from_files(&embedded_files("typo")?)?,
            punctuation: punctuation::PunctuationData::from_files(&embedded_files("punctuation")?)?,
            format: format::FormatData::from_files(&embedded_files("format")?)?,
            option_order: option_order::OptionOrderData::from_files(&embedded_files("option_order")?)?,
            paraphrase: paraphrase::ParaphraseData::from_files(&embedded_files("paraphrase")?)?,
            user: UserParaphrases::default(),
        })
    }

    /// Takes paraphrases from these first: draw `k` of an instance is its `k`-th wording here, where there is one.
    #[must_use]
    pub fn with_user_paraphrases(mut self, user: UserParaphrases) -> Self {
        self.user = user;
        self
    }

    /// Wordings of an instance among the paraphrases that the user supplied.
    pub fn user_wordings(&self, instance: &Instance) -> usize {
        self.user.count(instance)
    }

    /// Every variant that `specs` ask of an instance, in their order.
    ///
    /// Draw `k` of a perturbation takes its randomness from the stream labelled with perturbation, strength, task,
    /// instance and `k`, so that another specification, instance or draw changes no variant. The stream of `format` leaves
    /// the instance out: draw `k` is the same format for all prompts of a task that have the same parts. A draw that
    /// equals the original or an earlier draw of the same specification is made again a few times and then given up.
    pub fn variants(&self, instance: &Instance, specs: &[PerturbationSpec], seed: Seed) -> Vec<(VariantId, Outcome)> {
        specs.iter().flat_map(|spec| self.draws(instance, *spec, seed)).collect()
    }

    fn draws(&self, instance: &Instance, spec: PerturbationSpec, seed: Seed) -> Vec<(VariantId, Outcome)> {
        let strength = spec.strength.to_string();
        let mut earlier = vec![instance.prompt.clone()];
        let mut variants = Vec::with_capacity(spec.draws);
        for draw in 0..spec.draws {
            // The spread over formats is defined over whole benchmarks, each asked in one format.
            let id = if spec.kind == PerturbationKind::Format { "" } else { &instance.id };
            let labels = [spec.kind.name(), &strength, &instance.task, id, &draw.to_string()];
            let mut rng = seed.stream(&labels);
            let mut outcome = Outcome::nothing(format!("no wording that differs from earlier ones in {TRIES} tries"));
            for attempt in 0..TRIES {
                let user = if attempt == 0 { Some(draw) } else { None };
                match self.apply(spec.kind, instance, &spec.strength, user, &mut rng) {
                    Outcome::Changed(found) if earlier.contains(&found.prompt) => {}
                    Outcome::Changed(found) => {
                        earlier.push(found.prompt.clone());
                        outcome = Outcome::Changed(found);
                        break;
                    }
                    nothing @ Outcome::Nothing { .. } => {
                        outcome = nothing;
                        break;
                    }
                }
            }
            let id = VariantId { perturbation: spec.kind.name().to_owned(), strength: strength.clone(), draw };
            variants.push((id, outcome));
        }
        variants
    }

    /// One application of one perturbation. `user` is the number of the draw where the user's own paraphrases may
    /// stand in.
    pub fn apply(
        &self,
        kind: PerturbationKind,
        instance: &Instance,
        strength: &Strength,
        user: Option<usize>,
        rng: &mut ChaCha8Rng,
    ) -> Outcome {
        match kind {
            PerturbationKind::Whitespace => whitespace::apply(instance, strength, rng),
            PerturbationKind::Format => format::apply(instance, strength, rng, &self.format),
            PerturbationKind::Paraphrase => match user.and_then(|draw| self.user.variant(instance, draw)) {
                Some(outcome) => outcome,
                None => paraphrase::apply(instance, strength, rng, &self.paraphrase),
            },
            PerturbationKind::Typo => typo::apply(instance, strength, rng, &self.typo),
            PerturbationKind::Casing => casing::apply(instance, strength, rng),
            PerturbationKind::Punctuation => punctuation::apply(instance, strength, rng, &self.punctuation),
            PerturbationKind::OptionOrder => option_order::apply(instance, strength, rng, &self.option_order),
        }
    }
}
