//! Comparison of a count with a threshold.

use super::super::check::{Arguments, CheckError};

/// How a count is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    LessThan,
    AtLeast,
}

/// A count that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    relation: Relation,
    threshold: usize,
}

impl Quota {
    /// Reads the two arguments; the relation is `less than` or `at least`.
    pub(super) fn read(arguments: Arguments<'_>, threshold: &str, relation: &str) -> Result<Self, CheckError> {
        let relation = match arguments.one_of(relation, &["less than", "at least"])? {
            0 => Relation::LessThan,
            _ => Relation::AtLeast,
        };
        Ok(Self { relation, threshold: arguments.count(threshold)? })
    }

    /// Whether a count meets it.
    pub(super) fn holds(self, count: usize) -> bool {
        match self.relation {
            Relation::LessThan => count < self.threshold,
            Relation::AtLeast => count >= self.threshold,
        }
    }
}
