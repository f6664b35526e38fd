//! Which cells of a sweep are run: `17`, `0..8`, `3,5,7`.

use std::ops::Range;
use std::str::FromStr;

/// Cells by their places, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSelection {
    ranges: Vec<Range<usize>>,
}

/// Why cells could not be selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Not a number and not a range.
    #[error("`{part}` selects no cell; write a number (17), a range without its end (0..8), or several (3,5,8..12)")]
    Unparsable {
        /// The part at fault.
        part: String,
    },
    /// A cell that the sweep does not have.
    #[error("there is no cell {index}: the sweep has the cells 0 to {last}")]
    Beyond {
        /// The place asked for.
        index: usize,
        /// The last place.
        last: usize,
    },
}

impl FromStr for CellSelection {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let ranges = text.split(',').map(str::trim).map(range).collect::<Result<_, _>>()?;
        Ok(Self { ranges })
    }
}

fn range(part: &str) -> Result<Range<usize>, SelectionError> {
    let unparsable = || SelectionError::Unparsable { part: part.to_owned() };
    let number = |text: &str| text.parse::<usize>().map_err(|_| unparsable());
    let range = if let Some((start, end)) = part.split_once("..") {
        number(start)?..number(end)?
    } else {
        let index = number(part)?;
        index..index.checked_add(1).ok_or_else(unparsable)?
    };
    if range.is_empty() { Err(unparsable()) } else { Ok(range) }
}

impl CellSelection {
    /// Checks that a sweep of `cells` cells has all that are selected.
    pub fn check(&self, cells: usize) -> Result<(), SelectionError> {
        let beyond = self.ranges.iter().find(|range| range.end > cells);
        beyond
            .map_or(Ok(()), |range| Err(SelectionError::Beyond { index: range.end - 1, last: cells.saturating_sub(1) }))
    }

    /// Whether a cell is selected.
    pub fn contains(&self, index: usize) -> bool {
        self.ranges.iter().any(|range| range.contains(&index))
    }
}
