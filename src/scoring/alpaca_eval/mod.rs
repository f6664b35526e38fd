//! `AlpacaEval` (Li et al. 2023; Dubois et al., arXiv 2404.04475): a judge compares each reply with a baseline's.
//!
//! The path of one instruction: [`calls`] gives the question to the judge, [`Verdict::new`] turns its answer into a
//! [`Preference`] and that into the credits of `win_rate` and `discrete_win_rate`. Over all instructions,
//! [`Summary::new`] gives what a leaderboard row holds and [`length_controlled`] the win rate at equal length.
//!
//! | number | one instruction's value | range |
//! | --- | --- | --- |
//! | preference `x` | 1 the baseline's answer is better, 2 the reply is, 1.5 neither | `[1, 2]` |
//! | `win_rate` | `x - 1` | `[0, 1]`, higher is better |
//! | `discrete_win_rate` | 1 where `x > 1.5`, 0 where `x < 1.5`, ½ where `x = 1.5` | `{0, ½, 1}` |
//! | length difference `Δ` | characters of the baseline's answer less those of the reply | whole numbers |
//!
//! Protocol, files and what the reference program does otherwise are written down in `docs/alpaca_eval.md`.

mod annotator;
mod calls;
mod length_control;
mod literal;
mod order;
mod preference;
mod ranking;
mod summary;
mod verdict;

pub use annotator::{Annotator, AnnotatorError, AnswerForm, chat_ml_prompt};
pub use calls::{CallError, CallSettings, calls};
pub use length_control::{
    Coefficients, DifficultyTable, GamedRow, LengthControlError, LengthControlForm, LengthControlSettings,
    LengthControlled, length_controlled,
};
pub use order::reply_stands_second;
pub use preference::{CANDIDATES, Preference};
pub use ranking::preferred_of_ranking;
pub use summary::{Comparison, LeaderboardRow, Summary};
pub use verdict::Verdict;

/// Characters of a text as Python's `len` counts them: code points.
pub fn characters(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}
