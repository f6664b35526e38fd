//! The words of the demonstration's language. No word stands in two lists, so that a word's kind is never in doubt.

/// Animals.
pub(super) const ANIMALS: [&str; 36] = [
    "ant", "bat", "bear", "bee", "bird", "camel", "cat", "cow", "crab", "deer", "dog", "duck", "eagle", "fish", "fox",
    "frog", "goat", "goose", "hen", "horse", "lamb", "lion", "mole", "mouse", "otter", "owl", "pig", "pony", "rabbit",
    "seal", "sheep", "snake", "swan", "tiger", "toad", "wolf",
];

/// Things to eat and drink.
pub(super) const FOODS: [&str; 30] = [
    "apple", "bean", "bread", "butter", "cake", "carrot", "cheese", "corn", "egg", "grape", "honey", "jam", "lemon",
    "melon", "milk", "nut", "onion", "pasta", "pea", "pear", "pepper", "pie", "plum", "potato", "rice", "salad",
    "salt", "soup", "sugar", "tea",
];

/// Colours.
pub(super) const COLOURS: [&str; 12] =
    ["black", "blue", "brown", "gold", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow"];

/// Things that one can hold or own.
pub(super) const THINGS: [&str; 48] = [
    "bag", "ball", "basket", "bell", "boat", "book", "bottle", "bowl", "broom", "bucket", "candle", "chair", "clock",
    "coat", "coin", "comb", "cup", "desk", "drum", "flag", "fork", "hammer", "hat", "jar", "kettle", "key", "kite",
    "knife", "ladder", "lamp", "letter", "map", "mirror", "nail", "needle", "paper", "pen", "pillow", "plate", "ring",
    "rope", "scarf", "shoe", "spoon", "stone", "table", "towel", "wheel",
];

/// Where things are kept and people go.
pub(super) const PLACES: [&str; 16] = [
    "attic", "barn", "cellar", "church", "forest", "garden", "harbour", "kitchen", "library", "market", "meadow",
    "mill", "park", "school", "shop", "tower",
];

/// Qualities, each with its opposite.
pub(super) const OPPOSITES: [(&str, &str); 22] = [
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
    ("near", "far"),
    ("wide", "narrow"),
    ("deep", "shallow"),
    ("thick", "thin"),
    ("sweet", "sour"),
    ("brave", "afraid"),
    ("open", "closed"),
];

/// What people and animals did.
pub(super) const DEEDS: [&str; 24] = [
    "bought", "broke", "carried", "cleaned", "drew", "dropped", "found", "gave", "held", "hid", "kept", "liked",
    "lost", "made", "moved", "painted", "saw", "sold", "stole", "threw", "took", "touched", "wanted", "washed",
];

/// People.
pub(super) const NAMES: [&str; 40] = [
    "Ada", "Alma", "Anna", "Ben", "Bruno", "Carl", "Clara", "Dora", "Edgar", "Ella", "Emil", "Eva", "Felix", "Finn",
    "Greta", "Hugo", "Ida", "Ines", "Ivan", "Jana", "Jonas", "Karin", "Lena", "Leo", "Lina", "Lotte", "Marta", "Max",
    "Mila", "Nils", "Nora", "Oskar", "Otto", "Paula", "Rosa", "Sven", "Theo", "Tilda", "Vera", "Willem",
];

/// Invented lands, each with its invented capital.
pub(super) const CAPITALS: [(&str, &str); 16] = [
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
    ("Ilmar", "Oakham"),
    ("Jorvik", "Penrose"),
    ("Kestria", "Marlow"),
    ("Lorenia", "Highgate"),
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
        assert!(seen.len() > 250);
    }
}
