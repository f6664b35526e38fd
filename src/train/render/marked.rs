//! A text of which some stretches are answers.

use std::ops::Range;

use crate::instruction::TokenRole;

/// A text and the byte ranges of its answers, ascending and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MarkedText {
    text: String,
    answers: Vec<Range<usize>>,
}

impl From<String> for MarkedText {
    /// A text without answers.
    fn from(text: String) -> Self {
        Self { text, answers: Vec::new() }
    }
}

impl MarkedText {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn push(&mut self, text: &str, role: TokenRole) {
        let start = self.text.len();
        self.text.push_str(text);
        if role == TokenRole::Response {
            self.mark(start..self.text.len());
        }
    }

    /// Marks an answer behind those marked so far.
    pub(super) fn mark(&mut self, answer: Range<usize>) {
        if !answer.is_empty() {
            self.answers.push(answer);
        }
    }

    /// The last answer.
    pub(super) fn last_answer(&self) -> Option<Range<usize>> {
        self.answers.last().cloned()
    }

    /// Cuts the text off behind the last answer and lets the answer end with `end`.
    pub(super) fn end_last_answer(&mut self, end: &str) {
        if let Some(answer) = self.answers.last_mut() {
            self.text.truncate(answer.end);
            self.text.push_str(end);
            answer.end = self.text.len();
        }
    }

    /// The role of a token that stands for a stretch of the text: an answer's if it holds any of one. A token that stands
    /// for nothing has the role of what follows it.
    pub(super) fn role(&self, start: usize, end: usize) -> TokenRole {
        let next = self.answers.partition_point(|answer| answer.end <= start);
        match self.answers.get(next) {
            Some(answer) if answer.start < end.max(start + 1) => TokenRole::Response,
            _ => TokenRole::Prompt,
        }
    }
}
