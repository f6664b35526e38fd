//! Who answers requests: a checkpoint on this machine, a model behind an endpoint, a recording of either, or a script in
//! tests.

pub mod endpoint;
mod local;
pub mod replay;
mod scripted;
#[cfg(test)]
mod tests;

use crate::digest::Digest;
use crate::model::checkpoint::CheckpointError;
use crate::model::engine::EngineError;
use crate::request::Request;
use crate::response::Response;

pub use local::{LocalModel, LocalOptions, Workload, held_types, memory_plan, rounded_to};
pub use scripted::ScriptedModel;

/// What a model is called and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity {
    /// For people.
    pub name: String,
    /// Over everything that decides an answer.
    pub digest: Digest,
}

/// Why a model stopped answering. What it answered before is valid.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The checkpoint could not be opened.
    #[error(transparent)]
    Checkpoint(Box<CheckpointError>),
    /// The network could not be built or run.
    #[error(transparent)]
    Engine(Box<EngineError>),
    /// The endpoint cannot be used.
    #[error(transparent)]
    Endpoint(#[from] endpoint::EndpointError),
    /// The recording cannot be used.
    #[error(transparent)]
    Replay(#[from] replay::ReplayError),
    /// A request could not be hashed.
    #[error("a request could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<CheckpointError> for BackendError {
    fn from(error: CheckpointError) -> Self {
        Self::Checkpoint(Box::new(error))
    }
}

impl From<EngineError> for BackendError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}

/// Something that answers requests.
pub trait LanguageModel {
    /// Which model this is.
    fn identity(&self) -> &ModelIdentity;

    /// Answers requests, in whatever order suits the model. `done` is called exactly once for each, with its index.
    ///
    /// A request that cannot be answered gets [`Response::Failed`] with the reason; an error means that the model is
    /// broken and the requests not yet done have no answer.
    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError>;
}

impl<M: LanguageModel + ?Sized> LanguageModel for Box<M> {
    fn identity(&self) -> &ModelIdentity {
        (**self).identity()
    }

    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        (**self).answer(requests, done)
    }
}
