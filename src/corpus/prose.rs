//! The text that the base model reads: statements, drills, small stories, spelling and counting. No document is an
//! instruction with its answer, and none has the marks of a conversation.

use super::draw::{Draw, Slots, filled, with_article};
use super::kinds::{Kind, material, reversed};
use super::lexicon::{ANIMALS, COLOURS, DEEDS, FOODS, LARGEST_NUMBER, NAMES, OPPOSITES, PLACES, THINGS, content_words};
use super::turns::TurnKind;
use super::wordings::{turn_wordings, wordings};
use crate::seed::Seed;

/// One document in so many is typed carelessly.
const CARELESS_ONE_IN: usize = 10;
/// One word in so many of such a document is spelled wrongly.
const ERROR_ONE_IN: usize = 8;

/// Sentences of stories.
pub(super) const STORY: [&str; 16] = [
    "{n} {d} the {c} {t} in the {p}.",
    "Then {m} came and {d} {at}.",
    "The {t} was {q} and the {u} was {c}.",
    "{n} and {m} went to the {p}.",
    "In the {p} there was {aa}.",
    "The {l} was {q}, so {n} gave it some {f}.",
    "\"I like {f},\" said {n}.",
    "\"Where is the {t}?\" said {m}.",
    "It was in the {p}, near the {u}.",
    "After that they ate {f} and {g}.",
    "{m} had a {c} {t} and {k} {q} coins.",
    "{n} is {k} years old and likes {c}.",
    "Every day the {l} went to the {p}.",
    "All of them were {q}.",
    "{n} said: the {l} is not in the {p}.",
    "So {n} {d} the {u} and not the {t}.",
];

/// What people say to each other.
pub(super) const TALK: [&str; 28] = [
    "\"Please give me the {t},\" said {n}.",
    "\"Tell me what you see,\" said {m}. \"Only {aa}.\"",
    "{n} said: Find the {t} and put it in the {p}.",
    "{m} said: Show me this {c} {t}, I need it.",
    "\"Say that again,\" said {n}. \"I do not know these words.\"",
    "\"Which {t} is this?\" \"The {c} one.\"",
    "Please leave the {l} in the {p}, said {m}.",
    "\"Who are you?\" \"I am {n}. My friend is {m}.\"",
    "You have to give each {l} its own {t}.",
    "\"How much is the {f}?\" said {n}. \"Only {k} coins.\"",
    "\"Make some {f} for me, please.\"",
    "Read the following letter, said {m}, and keep it.",
    "Take the {t} out of the {p}. Leave the {u}.",
    "{n} said: Write me a letter and name all the things that you need.",
    "Do you remember the {c} {t}? Tell me which one you mean.",
    "Put the {t} into the {p} and turn around.",
    "\"What does the {l} do?\" said {n}. \"It does not say much.\"",
    "Change the {c} {t} for the other one, or add the {u}.",
    "\"Use this {t},\" said {m}, \"and fill it with {f}.\"",
    "\"Hello, {m}.\" \"Hello, {n}. They call me {m} too.\"",
    "{m} said: Copy this map exactly. Then list what is missing.",
    "Every line of the song was the same, but they did repeat it.",
    "With whom did {n} go to the {p}? With {m}.",
    "It was complete, and {n} had to count the {q} coins again.",
    "Remember me, said {n}, and remove the {u} from here.",
    "Here is the {f}. Which do you like, this or these?",
    "Say please, said {n}, and I do what you say.",
    "The {l} is on its way into the {p} now.",
];

/// What belongs to what.
pub(super) const CATEGORIES: [&str; 4] =
    ["{x} is {a}.", "The {x} is a kind of {c}.", "{x} and {y} are both words for {a}.", "A word for {a} is {x}."];

/// How words are spelled.
pub(super) const SPELLING: [&str; 3] =
    ["The word {x} is spelled {s}.", "To write {x}, write the letters {s}.", "{s} are the letters of {x}."];

/// Numbers in a row.
pub(super) const COUNTING: [&str; 3] =
    ["{n} counted: {up}.", "From {x} to {y}: {up}.", "Counted backwards from {y} to {x}: {down}."];

/// The first `n` documents of a seed. Each begins with a space, so that a word has one form wherever it stands.
pub fn prose(seed: Seed, n: usize) -> impl Iterator<Item = String> {
    (0..n).map(move |number| document(&mut Draw(seed.stream(&["corpus", "prose", &number.to_string()]))))
}

fn document(draw: &mut Draw) -> String {
    let kind = draw.between(1, 20);
    let sentences: Vec<String> = match kind {
        1..=4 => (0..draw.between(2, 4)).map(|_| statement(draw)).collect(),
        5..=8 => drill(draw),
        9..=11 => recollections(draw),
        12..=16 => echo(draw),
        17..=18 => story(draw),
        19 => (0..draw.between(2, 4)).map(|_| belonging(draw)).collect(),
        _ if draw.once_in(2) => vec![counting(draw)],
        _ => vec![spelling(draw), belonging(draw)],
    };
    let text = sentences.iter().flat_map(|sentence| [" ", sentence]).collect::<String>();
    if draw.once_in(CARELESS_ONE_IN) { careless(&text, draw) } else { text }
}

/// A statement of a random kind.
fn statement(draw: &mut Draw) -> String {
    let at = draw.between(0, Kind::ALL.len() - 1);
    let kind = Kind::ALL.get(at).copied().unwrap_or(Kind::Repeat);
    statement_of(kind, None, draw)
}

/// A statement of a kind, in the wording given or any.
fn statement_of(kind: Kind, wording: Option<&'static str>, draw: &mut Draw) -> String {
    let exercise = kind.exercise(draw);
    let wording = wording.unwrap_or_else(|| draw.one_of(wordings(kind).statements));
    let mut slots = exercise.slots;
    slots.push(("answer", exercise.answer));
    slots.push(("n", draw.one_of(&NAMES).to_owned()));
    filled(wording, &slots)
}

/// One wording of one kind several times over.
fn drill(draw: &mut Draw) -> Vec<String> {
    let at = draw.between(0, Kind::ALL.len() - 1);
    let kind = Kind::ALL.get(at).copied().unwrap_or(Kind::Repeat);
    let wording = draw.one_of(wordings(kind).statements);
    (0..draw.between(3, 4)).map(|_| statement_of(kind, Some(wording), draw)).collect()
}

/// Words said several times over, or there and back again, as children do.
fn echo(draw: &mut Draw) -> Vec<String> {
    let count = draw.between(2, 8);
    let words = draw.some_of(count, &material());
    let mark = draw.one_of(&["", "", ",", ".", ":", " -", " and"]);
    let back = draw.once_in(4);
    let times = if back { 4 } else { draw.between(3, 5) };
    (1..=times)
        .map(|time| {
            let line = if back && time % 2 == 0 { reversed(&words) } else { words.join(" ") };
            if time == times { line } else { line + mark }
        })
        .collect()
}

/// Something told and taken up again.
fn recollections(draw: &mut Draw) -> Vec<String> {
    (0..draw.between(1, 3))
        .map(|_| {
            let at = draw.between(0, TurnKind::ALL.len() - 1);
            let kind = TurnKind::ALL.get(at).copied().unwrap_or(TurnKind::Name);
            let exercise = kind.exercise(draw);
            let mut slots = exercise.slots;
            slots.push(("answer", exercise.answer));
            filled(draw.one_of(turn_wordings(kind).statements), &slots)
        })
        .collect()
}

fn story(draw: &mut Draw) -> Vec<String> {
    let people = draw.some_of(2, &NAMES);
    let things = draw.some_of(2, &THINGS);
    let foods = draw.some_of(2, &FOODS);
    let place = draw.one_of(&PLACES);
    let animal = draw.one_of(&ANIMALS);
    let at = |items: &[&str], index: usize| items.get(index).copied().unwrap_or_default().to_owned();
    (0..draw.between(3, 6))
        .map(|_| {
            let (one, other) = draw.one_of(&OPPOSITES);
            let slots: Slots = vec![
                ("n", at(&people, 0)),
                ("m", at(&people, 1)),
                ("at", with_article(&at(&things, 1))),
                ("t", at(&things, 0)),
                ("u", at(&things, 1)),
                ("f", at(&foods, 0)),
                ("g", at(&foods, 1)),
                ("p", place.to_owned()),
                ("aa", with_article(animal)),
                ("l", animal.to_owned()),
                ("d", draw.one_of(&DEEDS).to_owned()),
                ("c", draw.one_of(&COLOURS).to_owned()),
                ("q", if draw.once_in(2) { one } else { other }.to_owned()),
                ("k", draw.between(2, 20).to_string()),
            ];
            {
                let talks = draw.once_in(2);
                filled(if talks { draw.one_of(&TALK) } else { draw.one_of(&STORY) }, &slots)
            }
        })
        .collect()
}

fn belonging(draw: &mut Draw) -> String {
    let (name, members): (&str, &[&str]) = match draw.between(0, 2) {
        0 => ("animal", &ANIMALS),
        1 => ("food", &FOODS),
        _ => ("colour", &COLOURS),
    };
    let words = draw.some_of(2, members);
    let at = |index: usize| words.get(index).copied().unwrap_or_default().to_owned();
    let slots = vec![("x", at(0)), ("y", at(1)), ("a", with_article(name)), ("c", name.to_owned())];
    filled(draw.one_of(&CATEGORIES), &slots)
}

fn spelling(draw: &mut Draw) -> String {
    let words: Vec<&str> = content_words().filter(|word| word.len() <= 7).collect();
    let word = draw.one_of(&words);
    let letters = word.chars().map(String::from).collect::<Vec<_>>().join("-");
    filled(draw.one_of(&SPELLING), &vec![("x", word.to_owned()), ("s", letters)])
}

fn counting(draw: &mut Draw) -> String {
    let from = draw.between(0, LARGEST_NUMBER - 6);
    let to = draw.between(from + 2, from + 6);
    let row = |numbers: &mut dyn Iterator<Item = usize>| numbers.map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    let slots = vec![
        ("n", draw.one_of(&NAMES).to_owned()),
        ("x", from.to_string()),
        ("y", to.to_string()),
        ("up", row(&mut (from..=to))),
        ("down", row(&mut (from..=to).rev())),
    ];
    filled(draw.one_of(&COUNTING), &slots)
}

/// The text with slips of the keyboard, or with words in another case, as found in text that nobody read again.
fn careless(text: &str, draw: &mut Draw) -> String {
    match draw.between(1, 8) {
        1 => text.to_lowercase(),
        4 => text.trim_end_matches('.').replace(": ", " : ").replace(". ", " . "),
        5 => changed(text, draw, |word, _| format!(" {word}")),
        2 => changed(text, draw, |word, _| word.to_uppercase()),
        3 => changed(text, draw, |word, _| capitalized(word)),
        _ => changed(text, draw, slipped),
    }
}

/// The text with some of its words changed.
fn changed(text: &str, draw: &mut Draw, change: impl Fn(&str, &mut Draw) -> String) -> String {
    let words = text.split(' ').map(|word| {
        let is_word = word.len() > 3 && word.chars().all(|c| c.is_ascii_alphabetic());
        if is_word && draw.once_in(ERROR_ONE_IN) { change(word, draw) } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A word with two letters swapped or one left out.
fn slipped(word: &str, draw: &mut Draw) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = draw.between(1, letters.len().saturating_sub(2)); // words have four letters or more
    if draw.once_in(2) {
        letters.swap(at, at + 1);
    } else {
        letters.remove(at);
    }
    letters.into_iter().collect()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn documents_repeat_for_a_seed_and_leave_no_slot_open() {
        let texts: Vec<String> = prose(Seed(3), 400).collect();
        assert_eq!(texts, prose(Seed(3), 400).collect::<Vec<_>>());
        assert_ne!(texts, prose(Seed(4), 400).collect::<Vec<_>>());
        for text in &texts {
            assert!(text.starts_with(' ') && text.len() < 1500, "{text}");
            let open = text.match_indices('{').any(|(at, _)| !text[at + 1..].starts_with('"'));
            assert!(!open, "an open slot: {text}");
        }
    }

    #[test]
    fn no_document_holds_a_wording_of_an_instruction() {
        let texts: Vec<String> = prose(Seed(5), 3000).map(|text| text.to_lowercase()).collect();
        for kind in Kind::ALL {
            for wording in wordings(kind).train.iter().chain(wordings(kind).held_out) {
                let lower = wording.to_lowercase();
                let longest = lower.split(['{', '}']).step_by(2).max_by_key(|part| part.len()).unwrap_or_default();
                if longest.split_whitespace().count() < 4 {
                    continue;
                }
                assert!(!texts.iter().any(|text| text.contains(longest.trim())), "{wording}");
            }
        }
    }
}
