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
mod turns;
pub mod typo;
pub mod whitespace;

use rand_chacha::ChaCha8Rng;

pub use embedded::{DataError, DataFile, embedded_files, file_named};
pub use outcome::{Outcome, Perturbed};
pub use protect::{LostArgument, arguments_survive};
pub use spec::{Hint, MAX_DRAWS, PerturbationKind, PerturbationSpec, SpecError, Strength, parse_specs};
pub use turns::turns;

use crate::instance::Instance;
use crate::seed::Seed;
use crate::variant::VariantId;
use paraphrase::user::UserParaphrases;
use turns::{keeps_arguments, together};

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
        protect::InstructionWords::shipped()?;
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

    /// Wordings of an instance's turns among the paraphrases that the user supplied.
    pub fn user_wordings(&self, instance: &Instance) -> usize {
        if self.user.is_empty() {
            return 0;
        }
        turns(instance).iter().map(|turn| self.user.count(turn)).sum()
    }

    /// Every variant that `specs` ask of an instance, in their order.
    ///
    /// Draw `k` of a perturbation takes its randomness from the stream labelled with perturbation, strength, task,
    /// instance and `k`, so that another specification, instance or draw changes no variant. The stream of `format` leaves
    /// the instance out: draw `k` is the same format for all prompts of a task that have the same parts. A draw that
    /// equals the original or an earlier draw of the same specification is made again a few times and then given up.
    ///
    /// Of a conversation every turn of the user is perturbed by itself, with its own stream ([`turns`]); a turn that may
    /// not change stays. Where a program verifies the replies, a wording that no longer states an argument as the
    /// original does ([`arguments_survive`]) is drawn again, and given up like any other.
    pub fn variants(&self, instance: &Instance, specs: &[PerturbationSpec], seed: Seed) -> Vec<(VariantId, Outcome)> {
        specs.iter().flat_map(|spec| self.draws(instance, *spec, seed)).collect()
    }

    fn draws(&self, instance: &Instance, spec: PerturbationSpec, seed: Seed) -> Vec<(VariantId, Outcome)> {
        let strength = spec.strength.to_string();
        let turns = turns(instance);
        let mut earlier = vec![instance.prompt.clone()];
        let mut variants = Vec::with_capacity(spec.draws);
        for draw in 0..spec.draws {
            let stream = |turn: &Instance| {
                // The spread over formats is defined over whole benchmarks, each asked in one format.
                let id = if spec.kind == PerturbationKind::Format { "" } else { &turn.id };
                seed.stream(&[spec.kind.name(), &strength, &turn.task, id, &draw.to_string()])
            };
            let mut streams = turns.iter().map(stream).collect::<Vec<_>>();
            let mut outcome = Outcome::nothing(format!("no wording that differs from earlier ones in {TRIES} tries"));
            for attempt in 0..TRIES {
                let user = if attempt == 0 { Some(draw) } else { None };
                match self.attempt(instance, &turns, spec, user, &mut streams) {
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

    /// One wording of every turn.
    fn attempt(
        &self,
        instance: &Instance,
        turns: &[Instance],
        spec: PerturbationSpec,
        user: Option<usize>,
        streams: &mut [ChaCha8Rng],
    ) -> Outcome {
        if spec.kind == PerturbationKind::OptionOrder && turns.len() > 1 {
            return Outcome::nothing("a later turn of the conversation may speak of an option by its place");
        }
        let is_the_users = |turn: &Instance| user.is_some_and(|draw| self.user.variant(turn, draw).is_some());
        let reworded_by_user = spec.kind == PerturbationKind::Paraphrase && turns.iter().any(is_the_users);
        let outcomes = turns.iter().zip(streams).map(|(turn, stream)| {
            if reworded_by_user && !is_the_users(turn) {
                return Outcome::nothing("the user gave wordings of other turns only");
            }
            self.turn(turn, spec, user, stream)
        });
        together(instance, outcomes.collect())
    }

    /// One wording of a turn. An authored one that loses an argument is drawn again.
    fn turn(&self, turn: &Instance, spec: PerturbationSpec, user: Option<usize>, stream: &mut ChaCha8Rng) -> Outcome {
        let mut reason = String::new();
        for attempt in 0..TRIES {
            let user = user.filter(|_| attempt == 0);
            let outcome = self.apply(spec.kind, turn, &spec.strength, user, stream);
            let Some(found) = outcome.changed() else { return outcome };
            let is_the_users = user.is_some_and(|draw| self.user.variant(turn, draw).is_some());
            match keeps_arguments(turn, &found.prompt, is_the_users) {
                Ok(()) => return outcome,
                Err(lost) => reason = format!("an instruction would be lost: {lost}"),
            }
            if is_the_users {
                break;
            }
        }
        Outcome::nothing(reason)
    }

    /// One application of one perturbation to one turn. `user` is the number of the draw where the user's own paraphrases may
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
