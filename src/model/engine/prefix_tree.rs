//! Sequences arranged by their shared prefixes.

/// A sequence of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sequence<'a> {
    /// What it continues: only sequences with the same root share nodes.
    pub root: usize,
    /// Its tokens, without those of the root.
    pub tokens: &'a [u32],
}

/// Tokens that the same sequences share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// The node above; `None` at a first token.
    pub parent: Option<usize>,
    /// A sequence that has these tokens, at `start..end`.
    pub sequence: usize,
    /// First position.
    pub start: usize,
    /// Position after the last.
    pub end: usize,
    /// Sequences whose last token is this node's last.
    pub ends: Vec<usize>,
}

impl Node {
    /// How many tokens; at least one.
    pub fn length(&self) -> usize {
        self.end - self.start
    }
}

/// A forest of nodes, in depth-first order; every sequence that has tokens ends at the end of a node.
#[derive(Debug, Default)]
pub(super) struct PrefixTree {
    pub nodes: Vec<Node>,
    /// Where each sequence ends; `None` for empty ones.
    pub end_of: Vec<Option<usize>>,
}

impl PrefixTree {
    pub fn build(sequences: &[Sequence<'_>]) -> Self {
        let tokens = |sequence: usize| sequences.get(sequence).map_or(&[][..], |sequence| sequence.tokens);
        let root = |sequence: &usize| sequences.get(*sequence).map(|sequence| sequence.root);
        let mut sorted = (0..sequences.len()).filter(|sequence| !tokens(*sequence).is_empty()).collect::<Vec<_>>();
        sorted.sort_by_key(|sequence| sequences.get(*sequence));
        let mut tree = Self { nodes: Vec::new(), end_of: vec![None; sequences.len()] };
        // Groups still to be placed, the next one last: sequences that agree up to a position, and their parent.
        let roots = sorted.chunk_by(|a, b| root(a) == root(b));
        let mut groups =
            roots.flat_map(|sorted| by_token(sorted, 0, &tokens)).map(|g| (g, 0, None)).collect::<Vec<_>>();
        groups.reverse();
        while let Some((group, start, parent)) = groups.pop() {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            let shared = tokens(*first).iter().zip(tokens(*last)).skip(start).take_while(|(a, b)| a == b).count();
            let end = start + shared;
            let ending = group.iter().take_while(|sequence| tokens(**sequence).len() == end).copied();
            let ends = ending.collect::<Vec<_>>();
            let node = tree.nodes.len();
            for sequence in &ends {
                if let Some(slot) = tree.end_of.get_mut(*sequence) {
                    *slot = Some(node);
                }
            }
            let longer = group.get(ends.len()..).unwrap_or_default();
            groups.extend(by_token(longer, end, &tokens).into_iter().rev().map(|group| (group, end, Some(node))));
            tree.nodes.push(Node { parent, sequence: *first, start, end, ends });
        }
        tree
    }

    /// The nodes of a sequence, from its end up to its beginning.
    pub fn upwards(&self, sequence: usize) -> impl Iterator<Item = (usize, &Node)> {
        let at = |index: usize| self.nodes.get(index).map(|node| (index, node));
        let end = self.end_of.get(sequence).copied().flatten().and_then(at);
        std::iter::successors(end, move |(_, node)| node.parent.and_then(at))
    }

    /// Tokens of all nodes: what is left to compute when shared prefixes are computed once.
    pub fn tokens(&self) -> usize {
        self.nodes.iter().map(Node::length).sum()
    }
}

/// Splits sorted sequences into groups with the same token at a position.
fn by_token<'a>(sorted: &[usize], position: usize, tokens: &impl Fn(usize) -> &'a [u32]) -> Vec<Vec<usize>> {
    let token = |sequence: &usize| tokens(*sequence).get(position).copied();
    sorted.chunk_by(|a, b| token(a) == token(b)).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const SEQUENCES: [&[u32]; 7] = [&[1, 2, 3], &[1, 2, 4, 5], &[1, 2], &[7], &[1, 2, 3], &[], &[1, 2, 4, 6]];

    #[test]
    fn shared_prefixes_are_one_node_and_every_sequence_reads_back() {
        let tree = PrefixTree::build(&SEQUENCES.map(|tokens| Sequence { root: 0, tokens }));
        assert_eq!(tree.tokens(), 7);
        for (sequence, tokens) in SEQUENCES.iter().enumerate() {
            let mut pieces =
                tree.upwards(sequence).map(|(_, n)| &SEQUENCES[n.sequence][n.start..n.end]).collect::<Vec<_>>();
            pieces.reverse();
            assert_eq!(pieces.concat(), *tokens);
        }
        for (index, node) in tree.nodes.iter().enumerate() {
            assert!(node.parent.is_none_or(|parent| parent < index), "parents come first");
            let under =
                |other: usize| std::iter::successors(Some(other), |o| tree.nodes[*o].parent).any(|o| o == index);
            let below = (0..tree.nodes.len()).filter(|other| under(*other)).collect::<Vec<_>>();
            assert_eq!(below, (index..index + below.len()).collect::<Vec<_>>(), "a subtree is contiguous");
        }
    }

    #[test]
    fn sequences_of_different_roots_share_nothing() {
        let rooted = |root| SEQUENCES.map(|tokens| Sequence { root, tokens });
        let tree = PrefixTree::build(&[rooted(1), rooted(0)].concat());
        assert_eq!(tree.tokens(), 14);
        let first = tree.nodes.first().unwrap();
        assert!(first.sequence >= SEQUENCES.len(), "roots come in their order");
    }
}
