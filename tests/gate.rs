//! The gate: simulated error rates of the decision, its documents, and the GitHub action's own shell steps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[path = "gate/pairs.rs"]
mod pairs;

#[path = "gate/simulations.rs"]
mod simulations;

#[allow(dead_code)]
#[path = "reports/run.rs"]
mod made_up;

#[path = "gate/runs.rs"]
mod runs;

#[path = "gate/documents.rs"]
mod documents;

#[path = "gate/action.rs"]
mod action;
