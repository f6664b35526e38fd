//! Figures that somebody published about a table of scores, to be shown beside what the scores give. `docs/scores.md`
//! describes the file.

use std::path::Path;

use serde::Deserialize;

use crate::data::tree::read_bounded;

/// Largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Most entries of each kind.
const MAX_ENTRIES: usize = 1_000;

/// Longest text, in characters.
const MAX_TEXT: usize = 600;

/// Why published figures cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// A file that cannot be read.
    #[error("cannot read {file}: {message}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        message: String,
    },
    /// A file that is no list of published figures.
    #[error("{file}: {message}; see docs/scores.md for what the file holds")]
    Toml {
        /// The file.
        file: String,
        /// What is wrong, with its line.
        message: String,
    },
    /// An entry that is not possible.
    #[error("{file}: {entry}: {message}")]
    Entry {
        /// The file.
        file: String,
        /// Place and subject of the entry.
        entry: String,
        /// What is wrong and what to write.
        message: String,
    },
}

/// What somebody published.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedFigures {
    /// Who, and where.
    pub source: String,
    /// Figures that the scores give too.
    #[serde(default)]
    pub figure: Vec<PublishedEntry>,
    /// What is known to be wrong in print without a single figure to compare.
    #[serde(default)]
    pub remark: Vec<PublishedRemark>,
    /// Figures that the scores cannot give.
    #[serde(default)]
    pub unverifiable: Vec<UnverifiableFigure>,
}

/// A figure that the scores give too.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedEntry {
    /// Where it is printed.
    pub place: String,
    /// What it is about.
    pub subject: String,
    /// As printed; its digits say how exactly it is compared.
    pub published: String,
    /// What it is in the report.
    pub quantity: Quantity,
    /// Printed numbers from which the figure follows by itself: `(to - from) / from`.
    #[serde(default)]
    pub from_to: Option<[f64; 2]>,
}

/// What is known to be wrong in print.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedRemark {
    /// Where it is printed.
    pub place: String,
    /// What is wrong.
    pub text: String,
    /// What the scores give instead: mean best weights of all groups of a kind.
    #[serde(default)]
    pub best_weights: Option<Group>,
}

/// A figure that the scores cannot give.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiableFigure {
    /// Where it is printed.
    pub place: String,
    /// What it is about.
    pub subject: String,
    /// As printed.
    pub published: String,
    /// Why it cannot be recomputed.
    pub reason: String,
}

/// What best weights are averaged over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The grids of a benchmark.
    Benchmark,
    /// The grids of a data set.
    Dataset,
    /// The grids of a base model.
    Model,
}

/// A quantity of the report.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Quantity {
    /// Mean weights of the best cells, printed as `P / R`.
    BestWeights {
        /// What is averaged over.
        group: Group,
        /// Name of the benchmark, data set or model.
        name: String,
        /// The stage; any where absent.
        #[serde(default)]
        stage: Option<String>,
    },
    /// Relative gain of the best cell over conventional tuning, in per cent.
    Gain {
        /// The base model.
        model: String,
        /// The training data.
        dataset: String,
        /// The stage; any where absent.
        #[serde(default)]
        stage: Option<String>,
        /// The benchmark; the mean over benchmarks where absent.
        #[serde(default)]
        benchmark: Option<String>,
    },
    /// The mean of these gains over grids, in per cent.
    MeanGain {
        /// The stage; any where absent.
        #[serde(default)]
        stage: Option<String>,
        /// The benchmark; the mean over benchmarks where absent.
        #[serde(default)]
        benchmark: Option<String>,
    },
    /// A count, printed as `HITS of ALL`.
    Count {
        /// Its name in `picture.counts`.
        name: String,
        /// The stage; any where absent.
        #[serde(default)]
        stage: Option<String>,
    },
    /// The mean over benchmarks that the table itself gives.
    Average {},
}

impl PublishedFigures {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, PublishedError> {
        let file = path.display().to_string();
        let fail = |message: String| PublishedError::Read { file: file.clone(), message };
        let bytes = read_bounded(path, MAX_BYTES).map_err(|error| fail(error.to_string()))?;
        Self::parse(&file, &String::from_utf8(bytes).map_err(|error| fail(format!("not UTF-8: {error}")))?)
    }

    /// Reads the text of a file; `file` names it in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, PublishedError> {
        let toml = |message: String| PublishedError::Toml { file: file.to_owned(), message };
        let figures: Self = toml::from_str(text).map_err(|error| toml(error.to_string().trim_end().to_owned()))?;
        let entries = figures.figure.len().max(figures.remark.len()).max(figures.unverifiable.len());
        if entries > MAX_ENTRIES {
            return Err(toml(format!("{entries} entries; at most {MAX_ENTRIES} are compared")));
        }
        for entry in &figures.figure {
            entry.check(file)?;
        }
        let remarks = figures.remark.iter().flat_map(|remark| [&remark.place, &remark.text]);
        let others = figures.unverifiable.iter();
        let others = others.flat_map(|entry| [&entry.place, &entry.subject, &entry.published, &entry.reason]);
        for text in remarks.chain(others).chain([&figures.source]) {
            short(file, text)?;
        }
        Ok(figures)
    }
}

impl PublishedEntry {
    /// The figure as text, where it has as many numbers as its quantity.
    fn check(&self, file: &str) -> Result<(), PublishedError> {
        for text in [&self.place, &self.subject, &self.published] {
            short(file, text)?;
        }
        let wanted = match self.quantity {
            Quantity::BestWeights { .. } | Quantity::Count { .. } => 2,
            Quantity::Gain { .. } | Quantity::MeanGain { .. } => 1,
            Quantity::Average {} => 0,
        };
        let entry = format!("{}, {}", self.place, self.subject);
        let fail = |message: &str| {
            Err(PublishedError::Entry { file: file.to_owned(), entry: entry.clone(), message: message.to_owned() })
        };
        if wanted > 0 && numbers(&self.published).len() != wanted {
            return fail(if wanted == 1 {
                "published needs one number, such as `+4.14 %`"
            } else {
                "published needs two numbers, such as `0.28 / 0.56` or `61 of 75`"
            });
        }
        match self.from_to {
            Some([from, to]) if !(from > 0.0 && from.is_finite() && to.is_finite()) => {
                fail("from_to needs two finite numbers, the first above 0")
            }
            _ => Ok(()),
        }
    }
}

fn short(file: &str, text: &str) -> Result<(), PublishedError> {
    if text.chars().count() <= MAX_TEXT {
        return Ok(());
    }
    let entry = text.chars().take(60).collect::<String>();
    let message = format!("longer than {MAX_TEXT} characters; shorten it");
    Err(PublishedError::Entry { file: file.to_owned(), entry, message })
}

/// The numbers of a printed figure, in their order, as printed: `+4.14 %` has `4.14`, `-0.5` has `-0.5`.
pub fn numbers(printed: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = printed.get(from..).and_then(|tail| tail.find(|c: char| c.is_ascii_digit())) {
        let start = from + start;
        let tail = printed.get(start..).unwrap_or_default();
        let end = start + tail.find(|c: char| !is_part(c)).unwrap_or(tail.len());
        let signed = start.checked_sub(1).filter(|before| printed.get(*before..start) == Some("-")).unwrap_or(start);
        found.push(printed.get(signed..end).unwrap_or_default().trim_end_matches('.'));
        from = end;
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SOURCE: &str = "source = 's'\n[[figure]]\nplace = 'Table 1'\nsubject = 'x'\n";

    #[test]
    fn printed_figures_are_numbers_among_words() {
        assert_eq!(numbers("0.28 / 0.56"), ["0.28", "0.56"]);
        assert_eq!(numbers("61 of 75."), ["61", "75"]);
        assert_eq!(numbers("+1.04 %"), ["1.04"]);
        assert_eq!(numbers("−, -0.5"), ["-0.5"]);
        assert!(numbers("none").is_empty());
    }

    #[test]
    fn an_entry_is_read_and_a_wrong_one_is_refused_with_what_to_write() {
        let good = format!("{SOURCE}published = '61 of 75'\nquantity = {{ kind = 'count', name = 'c' }}\n");
        let read = PublishedFigures::parse("p.toml", &good).unwrap();
        assert_eq!(read.figure.first().unwrap().quantity, Quantity::Count { name: "c".into(), stage: None });
        for (text, why) in [
            ("", "missing field `source`"),
            ("source = 's'\ncolour = 1", "unknown field `colour`"),
            (&good.replace("61 of 75", "61"), "Table 1, x: published needs two numbers"),
            (&good.replace("count", "guess"), "unknown variant `guess`"),
            (&good.replace("'c'", "'c', x = 1"), "unknown field `x`"),
            (&good.replace("quantity", "from_to = [0, 1]\nquantity"), "from_to needs two finite numbers"),
            (&good.replace("'Table 1'", &format!("'{}'", "x".repeat(601))), "longer than 600 characters"),
        ] {
            let error = PublishedFigures::parse("p.toml", text).unwrap_err().to_string();
            assert!(error.starts_with("p.toml") && error.contains(why), "{why}: {error}");
        }
    }
}
