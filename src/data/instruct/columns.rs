//! Other names for columns: `prompt=question,response=answer`.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::error::{InstructError, RowFault};
use super::fields::Fields;

/// The names that layouts are recognized by.
pub(super) const KNOWN: [&str; 13] = [
    "instruction",
    "input",
    "output",
    "system",
    "history",
    "prompt",
    "response",
    "completion",
    "messages",
    "conversations",
    "chosen",
    "rejected",
    "text",
];

/// Which column of a file stands for which of the known names. Where any is given, only the named columns are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnMap(Vec<(String, String)>);

impl ColumnMap {
    /// Whether no names are given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a column of the file is read at all.
    pub(super) fn reads(&self, column: &str) -> bool {
        if self.0.is_empty() { KNOWN.contains(&column) } else { self.0.iter().any(|(_, theirs)| theirs == column) }
    }

    /// A row under the known names.
    pub(super) fn apply(&self, mut row: Map<String, Value>) -> Result<Fields, RowFault> {
        if self.0.is_empty() {
            return Ok(Fields::new(row));
        }
        let mut named = Map::new();
        for (ours, theirs) in &self.0 {
            let Some(value) = row.get_mut(theirs).map(Value::take) else {
                return Err(RowFault::NoColumn { wanted: theirs.clone(), found: Fields::new(row).keys() });
            };
            named.insert(ours.clone(), value);
        }
        Ok(Fields::new(named))
    }
}

impl FromStr for ColumnMap {
    type Err = InstructError;

    /// Reads `name=column`, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = |message: String| InstructError::Columns { text: text.to_owned(), message };
        let mut columns: Vec<(String, String)> = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (ours, theirs) = part
                .split_once('=')
                .map(|(ours, theirs)| (ours.trim(), theirs.trim()))
                .filter(|(_, theirs)| !theirs.is_empty())
                .ok_or_else(|| fault(format!("`{part}` should be NAME=COLUMN")))?;
            if !KNOWN.contains(&ours) {
                return Err(fault(format!("`{ours}` is no known name; known are {}", KNOWN.join(", "))));
            }
            if columns.iter().any(|(name, column)| name == ours || column == theirs) {
                return Err(fault(format!("`{part}` repeats a name or a column")));
            }
            columns.push((ours.to_owned(), theirs.to_owned()));
        }
        Ok(Self(columns))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_columns_names_what_is_wrong_with_it() {
        let columns: ColumnMap = "prompt=question, response=the answer".parse().unwrap();
        assert!(columns.reads("the answer") && !columns.reads("prompt"));
        for (text, words) in [("prompt", "NAME=COLUMN"), ("ask=q", "no known name"), ("prompt=a,prompt=b", "repeats")] {
            let error = text.parse::<ColumnMap>().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
