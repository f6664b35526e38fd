//! Time, which only paces requests: no answer depends on it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A monotonic clock that can be waited on.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// Returns after this time.
    fn sleep(&self, duration: Duration);
}

/// The machine's clock, which the caller hands in as a function so that the library reads none by itself.
#[derive(Debug)]
pub struct MachineClock {
    read: fn() -> Instant,
    origin: Instant,
}

impl MachineClock {
    /// A clock that reads time by this function.
    pub fn new(read: fn() -> Instant) -> Self {
        Self { read, origin: read() }
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Duration {
        (self.read)().saturating_duration_since(self.origin)
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Spaces requests evenly: at most the allowed number begins in any minute.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    state: Mutex<PaceState>,
}

#[derive(Debug, Default)]
struct PaceState {
    next: Duration,
    paused_until: Duration,
}

impl Pace {
    pub fn new(requests_per_minute: Option<u32>) -> Self {
        // Rounded up, so that a minute never has room for one more.
        let spacing = |count: u32| Duration::from_secs(60) / count.max(1) + Duration::from_nanos(1);
        let interval = requests_per_minute.map_or(Duration::ZERO, spacing);
        Self { interval, state: Mutex::default() }
    }

    /// Takes the next free moment, from `now` on.
    pub fn reserve(&self, now: Duration) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = now.max(state.next).max(state.paused_until);
        state.next = at + self.interval;
        at
    }

    /// No request begins before this moment.
    pub fn pause(&self, until: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.paused_until = state.paused_until.max(until);
    }

    /// The end of the current pause.
    pub fn paused_until(&self) -> Duration {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).paused_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_sees_more_requests_than_allowed() {
        let pace = Pace::new(Some(7));
        // Callers that come in bursts of five, every eleven seconds.
        let starts: Vec<Duration> =
            (0..60_u64).map(|index| pace.reserve(Duration::from_secs(index / 5 * 11))).collect();
        for start in &starts {
            let within = starts.iter().filter(|other| *other >= start && **other < *start + Duration::from_secs(60));
            assert!(within.count() <= 7);
        }
    }

    #[test]
    fn a_pause_holds_everybody_back_and_a_shorter_one_does_not_end_it() {
        let pace = Pace::new(None);
        assert_eq!(pace.reserve(Duration::from_secs(1)), Duration::from_secs(1));
        pace.pause(Duration::from_secs(9));
        pace.pause(Duration::from_secs(3));
        assert_eq!(pace.reserve(Duration::from_secs(2)), Duration::from_secs(9));
    }
}
