//! What an endpoint was asked so far.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::settings::Price;

/// What an endpoint was asked so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Requests over the network that were answered.
    pub answered_requests: u64,
    /// Attempts that failed and were repeated.
    pub retries: u64,
    /// Tokens of prompts, as the server counts them.
    pub prompt_tokens: u64,
    /// Generated tokens, as the server counts them.
    pub completion_tokens: u64,
    /// What the tokens cost, in the prices' currency; `None` without prices.
    pub cost: Option<f64>,
}

/// Counters that every thread adds to.
#[derive(Debug, Default)]
pub(super) struct Meter {
    answered: AtomicU64,
    retries: AtomicU64,
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
}

impl Meter {
    pub fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer; a server that counts no tokens adds none.
    pub fn answer(&self, body: &Value) {
        let count = |name: &str| body.pointer(&format!("/usage/{name}")).and_then(Value::as_u64).unwrap_or(0);
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.prompt_tokens.fetch_add(count("prompt_tokens"), Ordering::Relaxed);
        self.completion_tokens.fetch_add(count("completion_tokens"), Ordering::Relaxed);
    }

    pub fn read(&self, price: Option<Price>) -> Usage {
        let prompt_tokens = self.prompt_tokens.load(Ordering::Relaxed);
        let completion_tokens = self.completion_tokens.load(Ordering::Relaxed);
        let cost = price.map(|price| {
            (prompt_tokens as f64 * price.per_million_prompt_tokens
                + completion_tokens as f64 * price.per_million_completion_tokens)
                / 1e6
        });
        Usage {
            answered_requests: self.answered.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            prompt_tokens,
            completion_tokens,
            cost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_are_added_up_and_priced_apart() {
        let meter = Meter::default();
        meter.answer(&json!({"usage": {"prompt_tokens": 1_000_000, "completion_tokens": 500_000}}));
        meter.answer(&json!({"usage": {"prompt_tokens": 1_000_000, "completion_tokens": null}}));
        meter.answer(&json!({}));
        meter.retry();
        let price = Price { per_million_prompt_tokens: 2.5, per_million_completion_tokens: 10.0 };
        let usage = meter.read(Some(price));
        assert_eq!((usage.answered_requests, usage.retries), (3, 1));
        assert_eq!(usage.cost, Some(10.0));
        assert_eq!(meter.read(None).cost, None);
    }
}
