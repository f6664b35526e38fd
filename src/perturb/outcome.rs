//! What a perturbation gives: a changed prompt, or the reason why there is none.

use crate::instance::{Expectation, Instance, PromptParts};

/// An instance as a perturbation left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Perturbed {
    /// The changed prompt.
    pub prompt: PromptParts,
    /// What a good answer to the changed prompt is. Most perturbations keep it; one that moves options moves it along.
    pub expectation: Expectation,
    /// Short statements for people of what changed; may be empty.
    pub changes: Vec<String>,
}

/// The result of one draw of one perturbation on one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The prompt changed.
    Changed(Box<Perturbed>),
    /// The instance has nothing that this perturbation may change.
    Nothing {
        /// Why, for people.
        reason: String,
    },
}

impl Outcome {
    /// No variant, for this reason.
    pub fn nothing(reason: impl Into<String>) -> Self {
        Self::Nothing { reason: reason.into() }
    }

    /// The instance with another prompt and the same expectation; [`Outcome::Nothing`] where the prompt is the same.
    pub fn of_prompt(instance: &Instance, prompt: PromptParts, changes: Vec<String>) -> Self {
        Self::of_parts(instance, prompt, instance.expectation.clone(), changes)
    }

    /// The instance with another prompt and expectation; [`Outcome::Nothing`] where the prompt is the same.
    pub fn of_parts(instance: &Instance, prompt: PromptParts, expectation: Expectation, changes: Vec<String>) -> Self {
        if prompt == instance.prompt {
            return Self::nothing("the result equals the original");
        }
        Self::Changed(Box::new(Perturbed { prompt, expectation, changes }))
    }

    /// The variant, where there is one.
    pub fn changed(&self) -> Option<&Perturbed> {
        match self {
            Self::Changed(perturbed) => Some(perturbed),
            Self::Nothing { .. } => None,
        }
    }

    /// The reason why there is no variant.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Changed(_) => None,
            Self::Nothing { reason } => Some(reason),
        }
    }
}
