//! The two-turn kinds: the first turn tells something, the second asks for it.

use super::draw::Draw;
use super::kinds::{Exercise, material, reversed};
use super::lexicon::{CAPITALS, COLOURS, NAMES, PLACES, THINGS};

/// A kind of two-turn conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TurnKind {
    /// Recall the speaker's name.
    Name,
    /// Recall the speaker's colour.
    Colour,
    /// Recall who of two has a thing.
    Owner,
    /// Recall where one of two things is.
    Place,
    /// Recall where one of two people lives.
    Town,
    /// Recall the first of some words.
    FirstOfWords,
    /// Recall the last of some words.
    LastOfWords,
    /// Recall how many words there were.
    CountOfWords,
    /// Recall the words, from last to first.
    ReverseOfWords,
}

impl TurnKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Colour,
        Self::Owner,
        Self::Place,
        Self::Town,
        Self::FirstOfWords,
        Self::LastOfWords,
        Self::CountOfWords,
        Self::ReverseOfWords,
    ];

    /// The name in data files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "recall_name",
            Self::Colour => "recall_colour",
            Self::Owner => "recall_owner",
            Self::Place => "recall_place",
            Self::Town => "recall_town",
            Self::FirstOfWords => "recall_first",
            Self::LastOfWords => "recall_last",
            Self::CountOfWords => "recall_count",
            Self::ReverseOfWords => "recall_reverse",
        }
    }

    /// Material for one conversation. The slot `q` is what the second turn asks about; every other one belongs to the
    /// first turn.
    pub(super) fn exercise(self, draw: &mut Draw) -> Exercise {
        match self {
            Self::Name | Self::Colour => {
                let (name, colour) = (draw.one_of(&NAMES), draw.one_of(&COLOURS));
                let answer = if self == Self::Name { name } else { colour };
                told(vec![("n", name), ("c", colour)], answer)
            }
            Self::Owner => {
                let (people, things) = (draw.some_of(2, &NAMES), draw.some_of(2, &THINGS));
                of_two(draw, &things, &people, false)
            }
            Self::Place => {
                let (things, places) = (draw.some_of(2, &THINGS), draw.some_of(2, &PLACES));
                of_two(draw, &things, &places, true)
            }
            Self::Town => {
                let towns: Vec<&str> = CAPITALS.iter().map(|(_, town)| *town).collect();
                let (people, towns) = (draw.some_of(2, &NAMES), draw.some_of(2, &towns));
                of_two(draw, &people, &towns, false)
            }
            Self::FirstOfWords => on_words(draw, |words| words.first().copied().unwrap_or_default().to_owned()),
            Self::LastOfWords => on_words(draw, |words| words.last().copied().unwrap_or_default().to_owned()),
            Self::CountOfWords => on_words(draw, |words| words.len().to_string()),
            Self::ReverseOfWords => on_words(draw, reversed),
        }
    }
}

fn told(slots: Vec<(&'static str, &str)>, answer: &str) -> Exercise {
    let slots: Vec<_> = slots.into_iter().map(|(slot, value)| (slot, value.to_owned())).collect();
    let arguments = slots.iter().map(|(_, value)| value.clone()).collect();
    Exercise { slots, answer: answer.to_owned(), arguments }
}

/// Two subjects, each with what belongs to it; one of them is asked about.
fn of_two(draw: &mut Draw, subjects: &[&str], belongings: &[&str], inside: bool) -> Exercise {
    let at = |items: &[&str], index: usize| items.get(index).copied().unwrap_or_default().to_owned();
    let asked = draw.between(0, 1);
    let belonging = at(belongings, asked);
    let answer = if inside { format!("in the {belonging}") } else { belonging };
    let slots = vec![
        ("t", at(subjects, 0)),
        ("p", at(belongings, 0)),
        ("u", at(subjects, 1)),
        ("r", at(belongings, 1)),
        ("q", at(subjects, asked)),
    ];
    let arguments = slots.iter().map(|(_, value)| value.clone()).collect();
    Exercise { slots, answer, arguments }
}

fn on_words(draw: &mut Draw, answer: impl Fn(&[&str]) -> String) -> Exercise {
    let count = draw.between(2, 4);
    let words = draw.some_of(count, &material());
    let answer = answer(&words);
    let text = words.join(" ");
    Exercise { arguments: vec![text.clone()], slots: vec![("a", text)], answer }
}
