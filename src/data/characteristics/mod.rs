//! Characteristics of data and models, which the paper's Table 5 correlates with the best prompt weight. What each means
//! and how it is measured is in `docs/likelihood.md`.
//!
//! The depth of parse trees, which Table 5 has too, is left out: it needs a parser trained on a treebank, and no stand-in
//! that does without one (clauses counted by marks, say) measures the same.

mod exchange;
mod summary;
mod table;
mod texts;

pub use exchange::Exchange;
pub use summary::{Lengths, Unit, summarize};
pub use table::{CharacteristicsError, NAMES, Row, read, to_csv, with_row};
pub use texts::{DIVERSITY_WORDS, Diversity, ngram_diversity, words};
