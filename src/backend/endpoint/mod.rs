//! Models behind an OpenAI-compatible server: vLLM, `SGLang`, llama.cpp's server and the like.
//!
//! An answer depends on the server's weights, which cannot be hashed from here. The identity is therefore the model's name
//! and the interface: where other weights are served under the same name, the run's folder has to be another one.

mod ask;
mod clock;
mod echo;
mod error;
mod generate;
mod next_token;
mod prompt_set;
mod retry;
mod settings;
mod transport;
mod usage;
mod wire;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{OnceLock, mpsc};

use serde_json::Value;

pub use clock::{Clock, MachineClock};
pub use error::EndpointError;
pub use settings::{Api, EndpointSettings, Price, SecretKey};
pub use usage::Usage;

use super::{BackendError, LanguageModel, ModelIdentity};
use crate::digest::Digest;
use crate::request::{Prompt, Request};
use crate::response::Response;
use ask::Asker;
use clock::Pace;
use echo::EchoForm;
use error::Fault;
use transport::Transport;
use usage::Meter;

/// Moves whenever the same request may be put to a server differently.
const IDENTITY_VERSION: u32 = 1;

/// More threads than this are not started, whatever is asked for.
const MOST_THREADS: usize = 512;

/// So many refusals without one answer mean that the server refuses everything.
const REFUSALS_OF_EVERYTHING: usize = 16;

/// A model behind a server.
#[derive(Debug)]
pub struct Endpoint {
    identity: ModelIdentity,
    settings: EndpointSettings,
    transport: Transport,
    pace: Pace,
    clock: Box<dyn Clock>,
    meter: Meter,
    echo: OnceLock<Result<EchoForm, String>>,
    newer_limit_name: AtomicBool,
    few_listed: AtomicBool,
    no_token_ids: AtomicBool,
    /// Whether any question was answered; what fails before that may be the server's refusal of everything.
    answered: AtomicBool,
    refused: AtomicUsize,
}

impl Endpoint {
    /// Prepares the connection; nothing is sent.
    ///
    /// # Errors
    /// [`EndpointError::Url`] and [`EndpointError::Setting`] where the settings cannot be used.
    pub fn new(settings: EndpointSettings, clock: Box<dyn Clock>) -> Result<Self, EndpointError> {
        let fault = |reason: &str| EndpointError::Setting { reason: reason.to_owned() };
        if settings.model.is_empty() {
            return Err(fault("name the model (`--model`), as the server lists it under /models"));
        }
        if settings.concurrency == 0 || settings.requests_per_minute == Some(0) || settings.timeout.is_zero() {
            return Err(fault("`--concurrency`, `--rate_limit` and `--timeout` must be above 0"));
        }
        let digest = Digest::of_json(&("endpoint", IDENTITY_VERSION, &settings.model, settings.api.as_str()))?;
        Ok(Self {
            identity: ModelIdentity { name: settings.model.clone(), digest },
            transport: Transport::new(&settings)?,
            pace: Pace::new(settings.requests_per_minute),
            clock,
            meter: Meter::default(),
            echo: OnceLock::new(),
            newer_limit_name: AtomicBool::new(false),
            few_listed: AtomicBool::new(false),
            no_token_ids: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            settings,
        })
    }

    /// What was asked so far; may be read while requests are in flight.
    pub fn usage(&self) -> Usage {
        self.meter.read(self.settings.price)
    }

    /// Asks once which models the server lists; a server without a usable list gives none.
    ///
    /// # Errors
    /// [`EndpointError::Unreachable`] where nothing answers, [`EndpointError::ModelAbsent`] where the model is not listed.
    pub fn probe(&self) -> Result<Vec<String>, EndpointError> {
        let stop = AtomicBool::new(false);
        let list = match (Asker { endpoint: self, stop: &stop }).get_once("/models") {
            Ok(list) => list,
            Err(
                Fault::Endpoint(EndpointError::Refused { status: Some(404 | 405), .. })
                | Fault::Transient { status: Some(_), .. },
            ) => {
                return Ok(Vec::new());
            }
            Err(fault) => return Err(ask::unreachable(self, fault)),
        };
        let name = |model: &Value| model.get("id").and_then(Value::as_str).map(str::to_owned);
        let models: Vec<String> = list
            .get("data")
            .and_then(Value::as_array)
            .map(|data| data.iter().filter_map(name).collect())
            .unwrap_or_default();
        if models.is_empty() || models.contains(&self.settings.model) {
            return Ok(models);
        }
        let (url, model) = (self.transport.base().to_owned(), self.settings.model.clone());
        Err(EndpointError::ModelAbsent {
            url,
            model,
            present: models.iter().take(20).cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Refuses, before anything is asked, what no server of this kind can answer.
    ///
    /// # Errors
    /// [`EndpointError::ConversationAsText`], [`EndpointError::ChatOnly`] and [`EndpointError::ChatLogProbs`].
    pub fn check(&self, requests: &[&Request]) -> Result<(), EndpointError> {
        let url = || self.transport.base().to_owned();
        for request in requests {
            match request {
                Request::Generate { prompt, .. }
                | Request::Dialogue { prompt, .. }
                | Request::NextToken { prompt, .. } => {
                    if matches!(prompt, Prompt::Chat { .. }) && self.settings.api == Api::Completions {
                        return Err(EndpointError::ConversationAsText { url: url() });
                    }
                }
                Request::LogLikelihood { prompt: Prompt::Chat { .. }, .. } => {
                    return Err(EndpointError::ChatLogProbs { url: url() });
                }
                Request::LogLikelihood { .. } | Request::Rolling { .. } if self.settings.api == Api::Chat => {
                    return Err(EndpointError::ChatOnly { url: url() });
                }
                Request::LogLikelihood { .. } | Request::Rolling { .. } | Request::PromptSet { .. } => {}
            }
        }
        Ok(())
    }

    /// Where log-probabilities of texts are asked, finds out first whether the server has them.
    fn find_echo(&self, requests: &[&Request], asker: Asker<'_>) -> Result<(), EndpointError> {
        let needs = |request: &&Request| matches!(request, Request::LogLikelihood { .. } | Request::Rolling { .. });
        if !requests.iter().any(needs) {
            return Ok(());
        }
        match asker.echo_form() {
            Ok(_) => Ok(()),
            Err(fault) => Err(ask::unreachable(self, fault)),
        }
    }

    /// Counts refusals as long as nothing was answered.
    fn all_refused(&self, reason: &str) -> Result<(), EndpointError> {
        let count = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if count < REFUSALS_OF_EVERYTHING {
            return Ok(());
        }
        let (url, reason) = (self.transport.base().to_owned(), reason.to_owned());
        Err(EndpointError::AllRefused { count, url, reason })
    }
}

impl Asker<'_> {
    /// Answers one request; the others are stopped where none can be answered.
    fn answer_or_stop(&self, request: &Request) -> Result<Response, Fault> {
        let outcome = match self.answer(request) {
            Err(Fault::Request { reason }) if !self.endpoint.answered.load(Ordering::Relaxed) => {
                Err(self.endpoint.all_refused(&reason).map_or_else(Fault::Endpoint, |()| Fault::Request { reason }))
            }
            outcome => outcome,
        };
        if let Err(Fault::Endpoint(_)) = &outcome {
            self.stop.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn answer(&self, request: &Request) -> Result<Response, Fault> {
        match request {
            Request::Generate { prompt, decoding } => self.generate(prompt, decoding),
            Request::Dialogue { prompt, turns, plain, decoding } => {
                self.dialogue(prompt, turns, plain.as_ref(), decoding)
            }
            Request::NextToken { prompt, candidates } => self.next_token(prompt, candidates),
            Request::LogLikelihood { prompt, continuations } => self.log_likelihood(prompt, continuations),
            Request::Rolling { text } => self.rolling(text),
            // A set that cannot be answered says nothing about other requests.
            Request::PromptSet { prompts, decoding } => match self.prompt_set(prompts, decoding) {
                Err(Fault::Request { reason }) => Ok(Response::Failed { reason }),
                outcome => outcome,
            },
        }
    }
}

/// What became of the requests of one call.
struct Outcomes<'a, 'd> {
    endpoint: &'a Endpoint,
    done: &'d mut dyn FnMut(usize, Response),
    /// Refusals before the first answer.
    held: Vec<(usize, String)>,
    error: Option<EndpointError>,
}

impl Outcomes<'_, '_> {
    fn take(&mut self, index: usize, outcome: Result<Response, Fault>) {
        match outcome {
            Ok(response) => {
                if self.endpoint.answered.load(Ordering::Relaxed) {
                    self.release();
                }
                (self.done)(index, response);
            }
            Err(Fault::Request { reason }) if self.endpoint.answered.load(Ordering::Relaxed) => {
                (self.done)(index, Response::Failed { reason });
            }
            Err(Fault::Request { reason }) => self.held.push((index, reason)),
            Err(Fault::Endpoint(error)) => {
                self.error.get_or_insert(error);
            }
            Err(Fault::Transient { .. } | Fault::Stopped) => {}
        }
    }

    fn release(&mut self) {
        for (index, reason) in self.held.drain(..) {
            (self.done)(index, Response::Failed { reason });
        }
    }
}

impl LanguageModel for Endpoint {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        self.check(requests)?;
        let (stop, next) = (AtomicBool::new(false), AtomicUsize::new(0));
        let asker = Asker { endpoint: self, stop: &stop };
        self.find_echo(requests, asker)?;
        let mut outcomes = Outcomes { endpoint: self, done, held: Vec::new(), error: None };
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..self.settings.concurrency.min(requests.len()).min(MOST_THREADS) {
                let (sender, next, stop) = (sender.clone(), &next, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(request) = requests.get(index) else { break };
                        if sender.send((index, asker.answer_or_stop(request))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for (index, outcome) in receiver {
                outcomes.take(index, outcome);
            }
        });
        if let Some(error) = outcomes.error.take() {
            return Err(error.into());
        }
        outcomes.release();
        Ok(())
    }
}
