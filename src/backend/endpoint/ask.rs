//! One question to the server: paced, repeated while that may help, and read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::error::Fault;
use super::{Endpoint, EndpointError, retry, transport};
use crate::digest::Digest;

/// Longest sleep before it is checked whether everything was stopped.
const SLICE: Duration = Duration::from_millis(100);

/// A thread's access to an endpoint during one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub endpoint: &'a Endpoint,
    /// Set when another thread met a fault of the endpoint.
    pub stop: &'a AtomicBool,
}

impl Asker<'_> {
    /// Posts a body until `read` understands the answer, at most `max_retries` times again.
    pub fn post<T>(
        &self,
        path: &str,
        body: &impl Serialize,
        read: &dyn Fn(&Value) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Endpoint { transport, meter, settings, pace, clock, answered, .. } = self.endpoint;
        let bytes = serde_json::to_vec(body)?;
        let label = Digest::of_bytes(&bytes);
        let mut attempt = 0;
        loop {
            self.wait_for_turn()?;
            let read_answer = |answer: Value| {
                meter.answer(&answer);
                read(&answer)
            };
            let (reason, wait) = match transport.exchange(path, Some(&bytes)).and_then(read_answer) {
                Err(Fault::Transient { reason, wait, .. }) => (reason, wait),
                outcome => {
                    answered.fetch_or(outcome.is_ok(), Ordering::Relaxed);
                    return outcome;
                }
            };
            if attempt == settings.max_retries {
                let (url, attempts) = (transport.url(path), attempt.saturating_add(1));
                return Err(EndpointError::Exhausted { url, attempts, reason }.into());
            }
            meter.retry();
            let back_off = retry::back_off(settings.retry_base_delay, &label, attempt);
            if let Some(wait) = wait {
                pace.pause(clock.now() + wait);
            }
            self.sleep_until(clock.now() + back_off)?;
            attempt += 1;
        }
    }

    /// Asks for a page once.
    pub fn get_once(&self, path: &str) -> Result<Value, Fault> {
        self.wait_for_turn()?;
        self.endpoint.transport.exchange(path, None)
    }

    fn wait_for_turn(&self) -> Result<(), Fault> {
        let Endpoint { pace, clock, .. } = self.endpoint;
        self.sleep_until(pace.reserve(clock.now()))?;
        // A pause that began while this thread waited.
        loop {
            let paused = pace.paused_until();
            if paused <= clock.now() {
                return Ok(());
            }
            self.sleep_until(paused)?;
        }
    }

    fn sleep_until(&self, moment: Duration) -> Result<(), Fault> {
        let clock = &self.endpoint.clock;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Fault::Stopped);
            }
            let left = moment.saturating_sub(clock.now());
            if left.is_zero() {
                return Ok(());
            }
            clock.sleep(left.min(SLICE));
        }
    }
}

/// A fault of the very first question as an error: a server that cannot be reached at all is named as such.
pub(super) fn unreachable(endpoint: &Endpoint, fault: Fault) -> EndpointError {
    match fault {
        Fault::Endpoint(error) => error,
        other => {
            EndpointError::Unreachable { url: endpoint.transport.base().to_owned(), reason: transport::told(&other) }
        }
    }
}
