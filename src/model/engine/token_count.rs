//! How many tokens a call will compute, told without weights.

use std::ops::Add;

use super::generation::GenerationRequest;
use super::prefix_tree::{PrefixTree, Sequence};
use super::prompt_set::PromptSetRequest;
use super::score::Scoring;

/// Tokens that go through the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// Were every sequence computed by itself.
    pub asked: u64,
    /// With shared prefixes computed once.
    pub computed: u64,
}

impl TokenCount {
    /// The share of tokens that sharing saves, 0 to 1.
    pub fn saving(&self) -> f64 {
        if self.asked == 0 { 0.0 } else { 1.0 - self.computed as f64 / self.asked as f64 }
    }

    fn of<'a>(sequences: impl Iterator<Item = &'a [u32]>) -> Self {
        let sequences = sequences.map(|tokens| Sequence { root: 0, tokens }).collect::<Vec<_>>();
        let asked = sequences.iter().map(|sequence| sequence.tokens.len()).sum::<usize>();
        Self { asked: asked as u64, computed: PrefixTree::build(&sequences).tokens() as u64 }
    }
}

impl Add for TokenCount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { asked: self.asked + other.asked, computed: self.computed + other.computed }
    }
}

/// Of [`Engine::score`](super::Engine::score) with these items, on a model whose context (or limit) is `max_length`
/// tokens. Items that are refused there count nothing, but for unknown ids.
pub fn score_count(items: &[Scoring], max_length: usize) -> TokenCount {
    let inputs = items.iter().filter_map(|item| item.input_tokens(max_length).ok()).collect::<Vec<_>>();
    TokenCount::of(inputs.iter().map(Vec::as_slice))
}

/// Of the prompts of [`Engine::generate`](super::Engine::generate). New tokens come on top, at most
/// [`new_tokens_at_most`].
pub fn generation_count(requests: &[GenerationRequest], max_length: usize) -> TokenCount {
    TokenCount::of(requests.iter().map(|request| request.kept_prompt(max_length)))
}

/// Tokens that these requests can make the model write. Each but a reply's last goes through the network too.
pub fn new_tokens_at_most(requests: &[GenerationRequest], max_length: usize) -> u64 {
    let usable = requests.iter().filter(|request| !request.prompt.is_empty());
    usable.map(|request| request.new_tokens(max_length) as u64).sum()
}

/// Of [`Engine::prompt_sets`](super::Engine::prompt_sets), replies included, which are counted at their limit and as if no
/// two began alike: upper bounds. By itself, every reply is written after its prompt, and scored after every prompt of its
/// set.
pub fn prompt_set_count(sets: &[PromptSetRequest], max_length: usize) -> TokenCount {
    let usable = |set: &&PromptSetRequest| set.prompts.iter().all(|request| !request.prompt.is_empty());
    let sets = sets.iter().filter(usable).collect::<Vec<_>>();
    let prompts = sets.iter().flat_map(|set| &set.prompts).map(|request| request.kept_prompt(max_length));
    let mut count = TokenCount::of(prompts);
    count.asked = 0;
    for set in sets {
        let sizes = set.prompts.iter().map(|request| {
            let new = request.new_tokens(max_length) as u64;
            (request.kept_prompt(max_length).len() as u64, new)
        });
        let sizes = sizes.collect::<Vec<_>>();
        let (prompts, new) = sizes.iter().fold((0, 0), |(p, n), (prompt, new)| (p + prompt, n + new.saturating_sub(1)));
        let written = sizes.iter().filter(|(_, new)| *new > 0).count() as u64;
        let number = sizes.len() as u64;
        // Written once under its own prompt, scored once under each.
        count.asked += prompts + new + written * prompts + number * new;
        count.computed += number * new;
    }
    count
}
