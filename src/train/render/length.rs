//! Examples that are too long.

use std::fmt;
use std::str::FromStr;

use super::{DropReason, Rendered};
use crate::instruction::{TokenRole, TokenizedExample};

/// What of an example beyond the longest length is cut. The beginning token always stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Truncation {
    /// The end, as the reference trainer does.
    #[default]
    Right,
    /// The start, as far as the last answer; then the end.
    Left,
}

impl Truncation {
    /// All sides.
    pub const ALL: [Self; 2] = [Self::Right, Self::Left];

    /// The name that people choose it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Left => "left",
        }
    }
}

impl fmt::Display for Truncation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Truncation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|side| side.name() == name);
        known.ok_or_else(|| format!("`{name}` is no side to cut; known are right, left"))
    }
}

/// An example of at most `max_tokens`.
pub(super) fn fit(mut example: TokenizedExample, max_tokens: usize, truncation: Truncation) -> Rendered {
    let excess = example.ids.len().saturating_sub(max_tokens);
    if truncation == Truncation::Left && excess > 0 {
        let kept = beginning(&example);
        let cut = kept..kept + excess.min(last_answer(&example).saturating_sub(kept));
        example.ids.drain(cut.clone());
        example.roles.drain(cut);
    }
    example.ids.truncate(max_tokens);
    example.roles.truncate(max_tokens);
    if example.predicted(TokenRole::Response) == 0 {
        Rendered::Dropped(DropReason::AnswerCutOff)
    } else if excess > 0 {
        Rendered::Cut(example)
    } else {
        Rendered::Whole(example)
    }
}

/// Number of tokens that begin the sequence.
pub(super) fn beginning(example: &TokenizedExample) -> usize {
    example.roles.iter().take_while(|role| **role == TokenRole::Special).count()
}

/// Where the last answer begins.
fn last_answer(example: &TokenizedExample) -> usize {
    let is_answer = |role: &&TokenRole| **role == TokenRole::Response;
    let behind = example.roles.iter().rev().take_while(|role| !is_answer(role)).count();
    let answer = example.roles.iter().rev().skip(behind).take_while(is_answer).count();
    example.roles.len() - behind - answer
}
