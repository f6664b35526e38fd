//! What a variant changed, word by word, for people to read.

use similar::{Algorithm, ChangeTag, TextDiff};

/// Whether a run is in both texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffKind {
    /// In both.
    Same,
    /// In the original only.
    Removed,
    /// In the variant only.
    Added,
}

/// A run of words and white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRun {
    /// Whether it is in both texts.
    pub kind: DiffKind,
    /// The run.
    pub text: String,
}

/// The difference of two texts as runs of whole words. `Same` and `Removed` runs join to the original, `Same` and
/// `Added` runs to the variant. Runs of white space count as words, so that a changed space is seen.
pub fn word_diff(original: &str, variant: &str) -> Vec<DiffRun> {
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_words(original, variant);
    let mut runs: Vec<DiffRun> = Vec::new();
    for change in diff.iter_all_changes() {
        let kind = match change.tag() {
            ChangeTag::Equal => DiffKind::Same,
            ChangeTag::Delete => DiffKind::Removed,
            ChangeTag::Insert => DiffKind::Added,
        };
        match runs.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(change.value()),
            _ => runs.push(DiffRun { kind, text: change.value().to_owned() }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(runs: &[DiffRun], side: DiffKind) -> String {
        runs.iter().filter(|run| run.kind == DiffKind::Same || run.kind == side).map(|run| run.text.as_str()).collect()
    }

    #[test]
    fn a_changed_word_is_one_removal_and_one_addition() {
        let runs = word_diff("Which river is longest?", "Which rivr is longest?");
        let expected = [
            (DiffKind::Same, "Which "),
            (DiffKind::Removed, "river"),
            (DiffKind::Added, "rivr"),
            (DiffKind::Same, " is longest?"),
        ];
        let found = runs.iter().map(|run| (run.kind, run.text.as_str())).collect::<Vec<_>>();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_runs_join_back_to_both_texts_even_where_only_spaces_changed() {
        let (original, variant) = ("a  b\nc", "a b\n\nc d");
        let runs = word_diff(original, variant);
        assert_eq!(joined(&runs, DiffKind::Removed), original);
        assert_eq!(joined(&runs, DiffKind::Added), variant);
    }
}
