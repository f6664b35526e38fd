//! The anatomy of a rendered query: field names, separators, texts, enumerated options and the cue that asks for the
//! answer. The reading is lossless, so a perturbation can change one part and leave every other byte alone.
//!
//! What counts as a part is decided narrowly, because a wrong reading would change what a question says:
//!
//! - a *field name* stands at the start of a line, is one of a fixed vocabulary (`Question`, `Passage`, `Options` ...)
//!   and is followed by a colon or a spaced dash;
//! - *options* carry consecutive labels from the first one (A, a, 1, i, I) in one wrapper, at line starts (or on one
//!   line, in brackets), and end the query but for a cue or a closing remark;
//! - the *cue* is the last line, if it is a short name with a colon (`Answer:`, `A: Let's think step by step.`).

mod cue;
mod fields;
mod label;
mod mention;
mod options;
mod structure;

pub use label::{LabelStyle, Wrapper};
pub use mention::Mention;
pub use structure::{Cue, Field, OptionItem, OptionList, PromptStructure};

use serde::{Deserialize, Serialize};

/// What a piece of a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PieceKind {
    /// A descriptor: `Question`.
    FieldName,
    /// Between a descriptor and its text: `: `.
    FieldSeparator,
    /// Content: the question, a passage, text without a name.
    FieldText,
    /// An option's label with its wrapper: `(A)`.
    OptionLabel,
    /// Between an option's label and text.
    OptionSeparator,
    /// What an option says.
    OptionText,
    /// White space between parts.
    Gap,
    /// The invitation to answer at the end, with the white space that ends it.
    Cue,
}

/// A piece of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Its text, never empty.
    pub text: String,
}

/// Takes a query apart; the pieces' texts concatenate to the query.
pub fn anatomy(query: &str) -> Vec<Piece> {
    parse(query).pieces()
}

/// Takes a query apart into its typed structure; [`PromptStructure::render`] gives the query back.
pub fn parse(query: &str) -> PromptStructure {
    let (body, cue) = cue::split(query);
    let Some(found) = options::find(body, cue.as_ref()) else {
        return PromptStructure { fields: fields::read(body), cue, ..PromptStructure::default() };
    };
    let (before, after) = (body.get(..found.start).unwrap_or_default(), body.get(found.end..).unwrap_or_default());
    PromptStructure { fields: fields::read(before), options: Some(found.list), tail: fields::read(after), cue }
}

#[cfg(test)]
mod tests;
