//! Cluster labels as small integers.

use std::collections::BTreeMap;

/// Numbers cluster keys by first appearance: `["a", "b", "a"]` gives `[0, 1, 0]`.
pub fn cluster_indices<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let mut known = BTreeMap::new();
    keys.into_iter()
        .map(|key| {
            let next = known.len();
            *known.entry(key).or_insert(next)
        })
        .collect()
}

/// Renumbers arbitrary labels by first appearance: the result has no gaps.
pub fn dense_clusters(labels: &[usize]) -> Vec<usize> {
    let mut known = BTreeMap::new();
    labels
        .iter()
        .map(|label| {
            let next = known.len();
            *known.entry(*label).or_insert(next)
        })
        .collect()
}

/// How many clusters [`dense_clusters`] or [`cluster_indices`] numbered.
pub fn cluster_count(dense: &[usize]) -> usize {
    dense.iter().max().map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_numbered_by_first_appearance() {
        assert_eq!(cluster_indices(["q2", "q1", "q2", "q3"]), [0, 1, 0, 2]);
        assert_eq!(dense_clusters(&[9, 4, 9, 7]), [0, 1, 0, 2]);
        assert_eq!(cluster_count(&[0, 1, 0, 2]), 3);
        assert_eq!(cluster_count(&[]), 0);
    }
}
