//! What no perturbation may change, and the only way in which a text-level perturbation changes a prompt.
//!
//! A text-level perturbation proposes [`Edit`]s on the instruction and the query; [`PromptText::with_edits`] applies
//! those that touch no protected span. Examples (`shots`), the system text and `assistant_prefix` are never touched:
//! examples show the answer's form, and the beginning of the answer belongs to the answer.
//!
//! Protected are, in the instruction and in the query: numbers in digits and in words, quoted text, code, identifiers,
//! URLs and addresses, placeholders (`[x]`, `{x}`, `<x>`), mathematics, acronyms and single capitals (labels of
//! options), every choice, every accepted answer and each of its words, and the instance's own list
//! [`PromptParts::protected`], and, where a program verifies the replies, what the instructions are made of
//! ([`arguments`]); in the query also field names, options with their labels, and the answer cue.

pub mod arguments;
mod numerals;
mod scan;
mod subjects;

use std::collections::BTreeSet;
use std::ops::Range;

use super::anatomy::{Piece, PieceKind, anatomy};
use crate::instance::{Expectation, Instance, PromptParts};

pub use arguments::{LostArgument, arguments_survive, checks_of};
pub use scan::protected_spans;
pub use subjects::InstructionWords;

/// Answers that come in pairs: where one is accepted, the prompt's mention of the other stays too.
const OPPOSITES: [(&str, &str); 5] =
    [("true", "false"), ("yes", "no"), ("valid", "invalid"), ("correct", "incorrect"), ("plausible", "implausible")];

/// The longest choice or answer that is looked for in the prompt, in bytes.
const LONGEST_ANSWER: usize = 200;

/// Why a span is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A number, in digits or in words.
    Number,
    /// Quoted text.
    Quote,
    /// Code, an identifier, a file name, a URL or an address.
    Code,
    /// Something to be filled in.
    Placeholder,
    /// A formula.
    Math,
    /// An acronym or a single capital letter.
    Acronym,
    /// A choice or an accepted answer.
    Answer,
    /// Declared by the instance.
    Declared,
    /// An argument of an instruction that a program verifies, or what such an instruction is about.
    Argument,
    /// A field name, an option or the answer cue.
    Structure,
}

impl Reason {
    /// The name that people read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Quote => "quoted text",
            Self::Code => "code",
            Self::Placeholder => "placeholder",
            Self::Math => "mathematics",
            Self::Acronym => "acronym or label",
            Self::Answer => "choice or answer",
            Self::Declared => "declared by the task",
            Self::Argument => "argument of an instruction",
            Self::Structure => "field name, option or cue",
        }
    }
}

/// A stretch of a text that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedSpan {
    /// Bytes of the text; always on character boundaries.
    pub range: Range<usize>,
    /// Why it stays.
    pub reason: Reason,
}

/// A text with the spans of it that stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedText {
    text: String,
    spans: Vec<ProtectedSpan>,
}

impl ProtectedText {
    /// A text with these spans. Spans may overlap; those that do not lie on character boundaries are widened.
    pub fn new(text: impl Into<String>, mut spans: Vec<ProtectedSpan>) -> Self {
        let text = text.into();
        for span in &mut spans {
            span.range.end = span.range.end.min(text.len());
            while !text.is_char_boundary(span.range.start) {
                span.range.start -= 1;
            }
            while !text.is_char_boundary(span.range.end) {
                span.range.end += 1;
            }
        }
        spans.retain(|span| span.range.start < span.range.end);
        spans.sort_by_key(|span| (span.range.start, span.range.end));
        Self { text, spans }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The spans, by where they start.
    pub fn spans(&self) -> &[ProtectedSpan] {
        &self.spans
    }

    /// The part of the text in a range; empty where the range is not one of the text.
    pub fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// Whether an edit of this range changes no protected span. An empty range is an insertion: free at the edges of a
    /// span, not within it.
    pub fn is_free(&self, range: &Range<usize>) -> bool {
        self.text.get(range.clone()).is_some()
            && self.spans.iter().all(|span| {
                if range.is_empty() {
                    range.start <= span.range.start || range.start >= span.range.end
                } else {
                    range.end <= span.range.start || range.start >= span.range.end
                }
            })
    }

    /// The words that may change: runs of letters with apostrophes inside (`don't`), each wholly free.
    pub fn words(&self) -> Vec<Range<usize>> {
        words(&self.text).into_iter().filter(|word| self.is_free(word)).collect()
    }

    /// Whether what starts here starts a sentence or a line.
    pub fn starts_sentence(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        let trimmed = before.trim_end_matches([' ', '"', '“', '(', '\'']);
        trimmed.is_empty()
            || trimmed.ends_with(['\n', '!', '?', ':'])
            || (trimmed.ends_with('.') && before.ends_with(' '))
    }

    /// Overlapping spans joined: the stretches that survive every perturbation, in order, byte for byte.
    pub fn protected_substrings(&self) -> Vec<&str> {
        let mut joined: Vec<Range<usize>> = Vec::new();
        for span in &self.spans {
            match joined.last_mut() {
                Some(last) if span.range.start < last.end => last.end = last.end.max(span.range.end),
                _ => joined.push(span.range.clone()),
            }
        }
        joined.iter().map(|range| self.slice(range)).collect()
    }

    /// The text cut into runs for display: each with the reason why it stays, or `None` where it may change.
    pub fn marked(&self) -> Vec<(Option<Reason>, &str)> {
        let mut runs = Vec::new();
        let mut at = 0;
        for span in &self.spans {
            if span.range.end <= at {
                continue;
            }
            let start = span.range.start.max(at);
            if start > at {
                runs.push((None, self.slice(&(at..start))));
            }
            runs.push((Some(span.reason), self.slice(&(start..span.range.end))));
            at = span.range.end;
        }
        if at < self.text.len() {
            runs.push((None, self.slice(&(at..self.text.len()))));
        }
        runs
    }
}

/// Runs of letters, with apostrophes between letters, as byte ranges.
pub fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_is_letter = chars.peek().is_some_and(|(_, next)| next.is_alphabetic());
        let inside = c.is_alphabetic() || (start.is_some() && matches!(c, '\'' | '’') && next_is_letter);
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(begin)) => {
                words.push(begin..at);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(begin) = start {
        words.push(begin..text.len());
    }
    words
}

/// Which part of a prompt an edit is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The task's description.
    Instruction,
    /// The question.
    Query,
}

impl Part {
    /// Both parts, in the order in which a prompt has them.
    pub const ALL: [Self; 2] = [Self::Instruction, Self::Query];
}

/// A replacement of a stretch of the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// In which part.
    pub part: Part,
    /// What is replaced, in bytes of the original part; empty for an insertion.
    pub range: Range<usize>,
    /// What stands there instead.
    pub text: String,
}

/// The parts of a prompt that text-level perturbations may change, with what is protected in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptText {
    instruction: ProtectedText,
    query: ProtectedText,
}

impl PromptText {
    /// The changeable parts of an instance; of a conversation, those of its first turn
    /// ([`turns`](crate::perturb::turns) gives the others).
    pub fn of(instance: &Instance) -> Self {
        let prompt = &instance.prompt;
        let answers = answers(&instance.expectation);
        let checks = checks_of(&instance.expectation);
        let spans = |text: &str| {
            let mut spans = protected_spans(text, &prompt.protected);
            spans.extend(answers.iter().flat_map(|answer| scan::whole_words(text, answer)));
            spans.extend(arguments::argument_spans(text, &checks));
            spans
        };
        let mut query = spans(&prompt.query);
        query.extend(structure(&anatomy(&prompt.query)));
        Self {
            instruction: ProtectedText::new(prompt.instruction.clone(), spans(&prompt.instruction)),
            query: ProtectedText::new(prompt.query.clone(), query),
        }
    }

    /// One of the parts.
    pub fn part(&self, part: Part) -> &ProtectedText {
        match part {
            Part::Instruction => &self.instruction,
            Part::Query => &self.query,
        }
    }

    /// The words that may change, first to last.
    pub fn words(&self) -> Vec<(Part, Range<usize>)> {
        Part::ALL
            .into_iter()
            .flat_map(|part| self.part(part).words().into_iter().map(move |word| (part, word)))
            .collect()
    }

    /// The instance's prompt with these edits. An edit that touches a protected span or overlaps an earlier edit is
    /// left out, so that protection holds whatever is proposed.
    pub fn with_edits(&self, instance: &Instance, edits: &[Edit]) -> PromptParts {
        PromptParts {
            instruction: self.edited(Part::Instruction, edits),
            query: self.edited(Part::Query, edits),
            ..instance.prompt.clone()
        }
    }

    fn edited(&self, part: Part, edits: &[Edit]) -> String {
        let source = self.part(part);
        let mut edits = edits.iter().filter(|edit| edit.part == part).collect::<Vec<_>>();
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut text = String::with_capacity(source.text.len() + 16);
        let mut at = 0;
        for edit in edits {
            if edit.range.start < at || !source.is_free(&edit.range) {
                continue;
            }
            text.push_str(source.slice(&(at..edit.range.start)));
            text.push_str(&edit.text);
            at = edit.range.end;
        }
        text.push_str(source.slice(&(at..source.text.len())));
        text
    }
}

/// The choices, and the accepted answers with each of their words: an answer may be the prompt's own words in another
/// order.
fn answers(expectation: &Expectation) -> BTreeSet<&str> {
    let (answers, choices): (Vec<&String>, &[String]) = match expectation {
        Expectation::Choice { choices, .. } => (Vec::new(), choices),
        Expectation::Text { targets, choices } => (targets.iter().collect(), choices),
        Expectation::Continuation { text } => (vec![text], &[]),
        Expectation::Document | Expectation::Verified { .. } | Expectation::Judged { .. } => (Vec::new(), &[]),
    };
    let mut all: BTreeSet<&str> = answers.iter().copied().chain(choices).map(|answer| answer.trim()).collect();
    all.retain(|answer| answer.len() <= LONGEST_ANSWER);
    let of_moderate_length = answers.iter().filter(|answer| answer.len() <= 10 * LONGEST_ANSWER);
    all.extend(of_moderate_length.flat_map(|answer| answer.split_whitespace()));
    all.remove("");
    for (one, other) in OPPOSITES {
        if all.iter().any(|answer| answer.eq_ignore_ascii_case(one) || answer.eq_ignore_ascii_case(other)) {
            all.extend([one, other]);
        }
    }
    all
}

/// Field names, separators, options and the cue; a gap counts as structure beside an option or the cue, or where it is
/// more than white space.
fn structure(pieces: &[Piece]) -> Vec<ProtectedSpan> {
    let is_fixed = |piece: Option<&Piece>| {
        use PieceKind::{Cue, FieldName, FieldSeparator, FieldText, Gap, OptionLabel, OptionSeparator, OptionText};
        piece.is_some_and(|piece| match piece.kind {
            OptionLabel | OptionSeparator | OptionText | Cue => true,
            FieldName | FieldSeparator | FieldText | Gap => false,
        })
    };
    let mut spans = Vec::new();
    let mut at = 0;
    for (i, piece) in pieces.iter().enumerate() {
        let range = at..at + piece.text.len();
        at = range.end;
        let before = i.checked_sub(1).and_then(|i| pieces.get(i));
        let beside_fixed = is_fixed(before) || is_fixed(pieces.get(i + 1));
        let free = match piece.kind {
            PieceKind::FieldText => true,
            PieceKind::Gap => piece.text.trim().is_empty() && !beside_fixed,
            _ => false,
        };
        if !free {
            spans.push(ProtectedSpan { range, reason: Reason::Structure });
        }
    }
    spans
}
