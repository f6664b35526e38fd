//! Accuracies by category, as IFEval's program prints them.

use std::collections::BTreeMap;

/// How often the instructions of one category were followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryAccuracy {
    /// The category: a family (`keywords`) or an identifier (`keywords:existence`).
    pub category: String,
    /// Instructions followed.
    pub followed: usize,
    /// Instructions given.
    pub total: usize,
}

impl CategoryAccuracy {
    /// `followed / total`, from 0 to 1; higher is better. Instructions of one prompt are not independent: an interval must
    /// take the prompt as the cluster.
    pub fn accuracy(&self) -> f64 {
        self.followed as f64 / self.total as f64
    }
}

/// Accuracies by family and by identifier, each in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CategoryAccuracies {
    /// Tier 0: what stands before the colon.
    pub families: Vec<CategoryAccuracy>,
    /// Tier 1: the whole identifier.
    pub instructions: Vec<CategoryAccuracy>,
}

impl CategoryAccuracies {
    /// Counts verdicts on instructions, given by identifier.
    pub fn of<'a>(verdicts: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let mut families = BTreeMap::new();
        let mut instructions = BTreeMap::new();
        for (id, followed) in verdicts {
            let family = id.split(':').next().unwrap_or(id);
            for (counts, category) in [(&mut families, family), (&mut instructions, id)] {
                let (hits, total) = counts.entry(category).or_insert((0, 0));
                *hits += usize::from(followed);
                *total += 1;
            }
        }
        Self { families: listed(families), instructions: listed(instructions) }
    }
}

fn listed(counts: BTreeMap<&str, (usize, usize)>) -> Vec<CategoryAccuracy> {
    let row =
        |(category, (followed, total)): (&str, _)| CategoryAccuracy { category: category.to_owned(), followed, total };
    counts.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_counted_by_family_and_by_identifier() {
        let found = CategoryAccuracies::of([("b:x", true), ("a:y", false), ("b:z", false), ("b:x", true)]);
        let row = |category: &str, followed, total| CategoryAccuracy { category: category.to_owned(), followed, total };
        assert_eq!(found.families, [row("a", 0, 1), row("b", 2, 3)]);
        assert_eq!(found.instructions, [row("a:y", 0, 1), row("b:x", 2, 2), row("b:z", 0, 1)]);
        assert_eq!(found.instructions.get(1).map(CategoryAccuracy::accuracy), Some(1.0));
        assert_eq!(CategoryAccuracies::of([]), CategoryAccuracies::default());
    }
}
