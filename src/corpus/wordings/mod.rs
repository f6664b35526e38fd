//! How each kind is worded: for training, for evaluation only, and as statements of the base model's prose.

mod single;
mod turns;

pub(super) use single::wordings;
pub(super) use turns::turn_wordings;

/// The wordings of a kind. Slots stand in braces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wordings {
    /// Wordings of training rows.
    pub(super) train: &'static [&'static str],
    /// Wordings of evaluation rows; no training row has one.
    pub(super) held_out: &'static [&'static str],
    /// Plain statements with `{answer}`: what the base reads, never an instruction.
    pub(super) statements: &'static [&'static str],
}

/// The wordings of a two-turn kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct TurnWordings {
    /// First turns of training rows.
    pub(super) told: &'static [&'static str],
    /// First turns of evaluation rows.
    pub(super) told_held_out: &'static [&'static str],
    /// What the assistant says to the first turn.
    pub(super) reply: &'static str,
    /// Second turns of training rows.
    pub(super) asked: &'static [&'static str],
    /// Second turns of evaluation rows.
    pub(super) asked_held_out: &'static [&'static str],
    /// Plain statements with `{answer}`.
    pub(super) statements: &'static [&'static str],
}
