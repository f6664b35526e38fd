//! The words of the demonstration's language. No word stands in two lists, so that a word's kind is never in doubt.

/// Animals.
pub(super) const ANIMALS: [&str; 20] = [
    "bear", "bee", "bird", "cat", "cow", "crab", "dog", "duck", "fish", "fox", "frog", "goat", "hen", "horse", "lion",
    "mouse", "otter", "owl", "pig", "sheep",
];

/// Things to eat and drink.
pub(super) const FOODS: [&str; 16] = [
    "apple", "bread", "butter", "cake", "cheese", "corn", "egg", "honey", "lemon", "milk", "nut", "onion", "pear",
    "pie", "rice", "soup",
];

/// Colours.
pub(super) const COLOURS: [&str; 10] =
    ["black", "blue", "brown", "gold", "green", "grey", "pink", "red", "white", "yellow"];

/// Things that one can hold or own.
pub(super) const THINGS: [&str; 24] = [
    "ball", "bell", "boat", "book", "bowl", "chair", "clock", "coat", "coin", "cup", "drum", "flag", "hat", "jar",
    "key", "kite", "knife", "lamp", "map", "pen", "ring", "rope", "shoe", "spoon",
];

/// Where things are kept and people go.
pub(super) const PLACES: [&str; 10] =
    ["attic", "barn", "cellar", "forest", "garden", "harbour", "kitchen", "market", "school", "tower"];

/// Qualities, each with its opposite.
pub(super) const OPPOSITES: [(&str, &str); 16] = [
    ("big", "small"),
    ("hot", "cold"),
    ("old", "young"),
    ("tall", "short"),
    ("fast", "slow"),
    ("wet", "dry"),
    ("full", "empty"),
    ("hard", "soft"),
    ("loud", "quiet"),
    ("rich", "poor"),
    ("clean", "dirty"),
    ("light", "heavy"),
    ("early", "late"),
    ("happy", "sad"),
    ("strong", "weak"),
    ("open", "closed"),
];

/// What people and animals did.
pub(super) const DEEDS: [&str; 16] = [
    "bought", "broke", "carried", "drew", "found", "gave", "held", "hid", "kept", "liked", "lost", "moved", "saw",
    "sold", "took", "washed",
];

/// People.
pub(super) const NAMES: [&str; 24] = [
    "Ada", "Anna", "Ben", "Carl", "Clara", "Dora", "Emil", "Eva", "Felix", "Finn", "Greta", "Hugo", "Ida", "Ivan",
    "Jana", "Leo", "Lina", "Max", "Mila", "Nora", "Otto", "Paula", "Rosa", "Theo",
];

/// Invented lands, each with its invented capital.
pub(super) const CAPITALS: [(&str, &str); 12] = [
    ("Norland", "Torvale"),
    ("Sudmark", "Brinholm"),
    ("Estoria", "Calden"),
    ("Westria", "Morwick"),
    ("Arvenia", "Lunden"),
    ("Belmora", "Fairhaven"),
    ("Corvia", "Stonebridge"),
    ("Dalmere", "Ashford"),
    ("Elvony", "Greymouth"),
    ("Fenwold", "Silverton"),
    ("Galdia", "Redcliff"),
    ("Hestia", "Windmere"),
];

/// The days of the week, in order.
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The largest number of the language; every number from 0 on is one token.
pub(super) const LARGEST_NUMBER: usize = 24;

/// Groups of marks that stay together, as JSON and quotations need them.
pub(super) const MARKS: [&str; 17] = [
    "...", " ...", "\",", "\":", "\".", "\"?", ",\"", ".\"", "{\"", " {\"", "\"}", " \"", " -", " +", " =", " .", " :",
];

/// Every list whose words stand for themselves, as single words.
pub(super) fn content_words() -> impl Iterator<Item = &'static str> {
    let paired = OPPOSITES.iter().chain(&CAPITALS).flat_map(|(one, other)| [*one, *other]);
    ANIMALS
        .into_iter()
        .chain(FOODS)
        .chain(COLOURS)
        .chain(THINGS)
        .chain(PLACES)
        .chain(DEEDS)
        .chain(NAMES)
        .chain(DAYS)
        .chain(paired)
}

/// Words that also occur right after a quotation mark and in capitals.
pub(super) fn quotable_words() -> impl Iterator<Item = &'static str> {
    ANIMALS.into_iter().chain(FOODS).chain(COLOURS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_word_stands_in_two_lists() {
        let mut seen = BTreeSet::new();
        for word in content_words() {
            assert!(seen.insert(word.to_lowercase()), "{word} stands twice");
        }
        assert!(seen.len() > 180);
    }
}
