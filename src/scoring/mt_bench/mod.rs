//! MT-Bench: two-turn conversations that a judge rates, or compares with a baseline's.
//!
//! | step | function |
//! | --- | --- |
//! | what the judge is asked | [`calls`] |
//! | a judge's text as rating or verdict | [`parse_rating`], [`parse_verdict`] |
//! | the score of one conversation | [`score`] |
//! | the benchmark's numbers | [`summary`], [`pair_summary`] |
//! | how much of the error is the judge's | [`variance_components`] |
//!
//! The protocol is that of Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (arXiv 2306.05685) as
//! its program in `FastChat` carries it out. Where the program leaves something unsaid, `docs/mt_bench.md` says what is
//! done here.

mod calls;
mod category;
mod pair_summary;
mod prompt_set;
mod rating;
mod score;
mod settings;
mod summary;
mod template;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::float_cmp)]
mod tests;
mod variance;
mod verdict;

pub use calls::{CallError, calls};
pub use category::needs_reference;
pub use pair_summary::{CategoryWins, PairSummary, TurnGames, TurnWins, WinRates, pair_summary};
pub use prompt_set::{PromptError, PromptRole, PromptSet, Wording};
pub use rating::{RATING_SCALE, Rating, parse_rating};
pub use score::{Judged, games, score};
pub use settings::{Mode, Reading, Settings};
pub use summary::{Bounds, CategoryRatings, RatingMean, Summary, TurnMean, TurnRatings, summary};
pub use variance::{VarianceComponents, variance_components};
pub use verdict::{Game, Outcome, Place, Verdict, parse_verdict};

use crate::response::Response;

/// The text that a judge answered with, or why there is none.
fn judgment_text(response: &Response) -> Result<&str, &str> {
    match response {
        Response::Generated(reply) => Ok(&reply.text),
        Response::Failed { reason } => Err(reason),
        _ => Err("the judge's response is no generated text"),
    }
}
