//! The typed view of a query, and its rendering back.

use serde::{Deserialize, Serialize};

use super::label::{LabelStyle, Wrapper};
use super::{Piece, PieceKind};

/// A named part of a query (`Question: ...`), or text without a name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Field {
    /// White space before the name: an indentation, or what begins the query.
    pub lead: String,
    /// The descriptor as written (`Question`, `### Input`); empty for text without one.
    pub name: String,
    /// Between name and text (`: `, `:\n`); empty without a name.
    pub separator: String,
    /// The content; empty for the heading of an option list.
    pub text: String,
    /// White space after the text.
    pub after: String,
}

/// One enumerated answer option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionItem {
    /// White space before the label (an indentation).
    pub lead: String,
    /// The label without its wrapper.
    pub label: String,
    /// Between wrapped label and text.
    pub gap: String,
    /// The option's text; it may hold line breaks.
    pub text: String,
    /// White space after the text.
    pub after: String,
}

/// The answer options of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionList {
    /// How the options are numbered.
    pub style: LabelStyle,
    /// What surrounds every label.
    pub wrapper: Wrapper,
    /// The options, at least two.
    pub items: Vec<OptionItem>,
}

impl OptionList {
    /// The labels, without wrappers.
    pub fn labels(&self) -> Vec<&str> {
        self.items.iter().map(|item| item.label.as_str()).collect()
    }

    /// The option texts.
    pub fn texts(&self) -> Vec<&str> {
        self.items.iter().map(|item| item.text.as_str()).collect()
    }

    /// Which option a text names by its label, bare (`B`) or wrapped in any common way (`(B)`, `B.`, `B)`, `[B]`).
    pub fn named(&self, answer: &str) -> Option<usize> {
        let answer = answer.trim();
        let bare = |label: &str| {
            ["x", "(x)", "x.", "x)", "[x]", "<x>", "x:"]
                .iter()
                .filter_map(|example| Wrapper::from_example(example))
                .chain([self.wrapper.clone(), Wrapper { open: String::new(), close: String::new() }])
                .any(|wrapper| wrapper.wrap(label).trim() == answer)
        };
        self.items.iter().position(|item| bare(&item.label))
    }
}

/// The invitation to answer that ends a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// White space before the name.
    pub lead: String,
    /// The name (`Answer`, `A`).
    pub name: String,
    /// After the name, without white space at its end (`:`).
    pub separator: String,
    /// White space between separator and opening.
    pub gap: String,
    /// An opening given to the answer (`Let's think step by step.`); usually empty.
    pub opening: String,
    /// White space that ends the query.
    pub end: String,
}

/// A query taken apart. [`PromptStructure::render`] gives the query back, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PromptStructure {
    /// The fields before the options, in order. The heading of the options (`Options:`) is the last, with empty text.
    pub fields: Vec<Field>,
    /// The answer options.
    pub options: Option<OptionList>,
    /// The fields after the options, before the cue.
    pub tail: Vec<Field>,
    /// The final cue.
    pub cue: Option<Cue>,
}

impl PromptStructure {
    /// The query.
    pub fn render(&self) -> String {
        self.pieces().into_iter().map(|piece| piece.text).collect()
    }

    /// The query as a flat sequence; empty pieces are left out.
    pub fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Pieces(Vec::new());
        for field in &self.fields {
            pieces.field(field);
        }
        if let Some(options) = &self.options {
            for item in &options.items {
                pieces.push(PieceKind::Gap, &item.lead);
                pieces.push(PieceKind::OptionLabel, &options.wrapper.wrap(&item.label));
                pieces.push(PieceKind::OptionSeparator, &item.gap);
                pieces.push(PieceKind::OptionText, &item.text);
                pieces.push(PieceKind::Gap, &item.after);
            }
        }
        for field in &self.tail {
            pieces.field(field);
        }
        if let Some(cue) = &self.cue {
            pieces.push(PieceKind::Gap, &cue.lead);
            let text = [&cue.name, &cue.separator, &cue.gap, &cue.opening, &cue.end].map(String::as_str).concat();
            pieces.push(PieceKind::Cue, &text);
        }
        pieces.0
    }

    /// Whether a format has anything to change: a named field, options or a cue.
    pub fn has_structure(&self) -> bool {
        let named = self.fields.iter().chain(&self.tail).any(|field| !field.name.is_empty());
        named || self.options.is_some() || self.cue.is_some()
    }
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn push(&mut self, kind: PieceKind, text: &str) {
        if !text.is_empty() {
            self.0.push(Piece { kind, text: text.to_owned() });
        }
    }

    fn field(&mut self, field: &Field) {
        self.push(PieceKind::Gap, &field.lead);
        self.push(PieceKind::FieldName, &field.name);
        self.push(PieceKind::FieldSeparator, &field.separator);
        self.push(PieceKind::FieldText, &field.text);
        self.push(PieceKind::Gap, &field.after);
    }
}
