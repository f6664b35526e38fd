//! Random choices of words, and templates filled with them.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

/// What fills the slots of a template: `{name}` becomes the text.
pub(super) type Slots = Vec<(&'static str, String)>;

/// The template with every `{name}` of `slots` replaced. Slots are replaced in order, each wherever it stands.
pub(super) fn filled(template: &str, slots: &Slots) -> String {
    slots.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// `a` or `an` and the word.
pub(super) fn with_article(word: &str) -> String {
    format!("{} {word}", if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}

/// `a`; `a and b`; `a, b and c`.
pub(super) fn enumeration(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, head)) if !head.is_empty() => format!("{} and {last}", head.join(", ")),
        _ => words.concat(),
    }
}

/// A random stream with the choices that the corpus needs.
pub(super) struct Draw(pub(super) ChaCha8Rng);

impl Draw {
    /// A whole number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low..=high.max(low))
    }

    /// True once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.between(1, n) == 1
    }

    /// One element; the type's default where there is none.
    pub(super) fn one_of<T: Clone + Default>(&mut self, items: &[T]) -> T {
        let at = self.between(0, items.len().saturating_sub(1));
        items.get(at).cloned().unwrap_or_default()
    }

    /// Different elements in random order, as many as asked or there are.
    pub(super) fn some_of<'a>(&mut self, count: usize, items: &[&'a str]) -> Vec<&'a str> {
        let mut left = items.to_vec();
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count && !left.is_empty() {
            let at = self.between(0, left.len() - 1);
            taken.push(left.swap_remove(at));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_articles_and_enumerations_read_as_english() {
        let slots = vec![("a", "cat dog".to_owned()), ("n", "2".to_owned())];
        assert_eq!(filled("{n} words: {a}", &slots), "2 words: cat dog");
        assert_eq!((with_article("owl"), with_article("cat")), ("an owl".to_owned(), "a cat".to_owned()));
        assert_eq!(enumeration(&["a", "b", "c"]), "a, b and c");
        assert_eq!(enumeration(&["a"]), "a");
    }
}
