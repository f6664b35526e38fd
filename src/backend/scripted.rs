//! A model whose answers a function makes up: what tests use instead of a network.

use super::{BackendError, LanguageModel, ModelIdentity};
use crate::digest::Digest;
use crate::request::Request;
use crate::response::Response;

/// Answers every request by a function of it.
pub struct ScriptedModel<F> {
    identity: ModelIdentity,
    script: F,
}

impl<F: Fn(&Request) -> Response> ScriptedModel<F> {
    /// A model of this name; its digest is that of the name.
    pub fn new(name: &str, script: F) -> Self {
        let identity = ModelIdentity { name: name.to_owned(), digest: Digest::of_bytes(name.as_bytes()) };
        Self { identity, script }
    }
}

impl<F: Fn(&Request) -> Response> LanguageModel for ScriptedModel<F> {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        for (index, request) in requests.iter().enumerate() {
            done(index, (self.script)(request));
        }
        Ok(())
    }
}
