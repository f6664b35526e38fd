//! The single-turn kinds of instruction: what each asks about, and its one right answer.

use super::draw::{Draw, Slots, enumeration, with_article};
use super::lexicon::{
    ANIMALS, CAPITALS, COLOURS, DAYS, DEEDS, FOODS, NAMES, OPPOSITES, PLACES, THINGS, quotable_words,
};

/// A kind of instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Say words again.
    Repeat,
    /// Say words from last to first.
    Reverse,
    /// Say how many words there are, in digits.
    Count,
    /// Write an enumeration as lines that begin with a dash.
    List,
    /// Write words in capital letters.
    Upper,
    /// Put words between quotation marks.
    Quote,
    /// Say the first word.
    First,
    /// Say the last word.
    Last,
    /// Write a name and an age as a JSON object.
    Json,
    /// Put a given word into the gap of a sentence.
    Keyword,
    /// Say the capital of an invented land.
    Capital,
    /// Say the opposite of a quality.
    Opposite,
    /// Say which day follows a day.
    Day,
    /// Add two numbers up to 12.
    Add,
    /// Find the one word that names an animal, a food or a colour.
    Category,
    /// Say words without one of them.
    Remove,
}

/// One instruction's material: what its wordings leave open, and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exercise {
    /// What fills the slots of a wording.
    pub(super) slots: Slots,
    /// The right answer, to the letter.
    pub(super) answer: String,
    /// The texts that the answer is made from.
    pub(super) arguments: Vec<String>,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::Repeat,
        Self::Reverse,
        Self::Count,
        Self::List,
        Self::Upper,
        Self::Quote,
        Self::First,
        Self::Last,
        Self::Json,
        Self::Keyword,
        Self::Capital,
        Self::Opposite,
        Self::Day,
        Self::Add,
        Self::Category,
        Self::Remove,
    ];

    /// The name in data files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Reverse => "reverse",
            Self::Count => "count",
            Self::List => "list",
            Self::Upper => "upper",
            Self::Quote => "quote",
            Self::First => "first",
            Self::Last => "last",
            Self::Json => "json",
            Self::Keyword => "keyword",
            Self::Capital => "capital",
            Self::Opposite => "opposite",
            Self::Day => "day",
            Self::Add => "add",
            Self::Category => "category",
            Self::Remove => "remove",
        }
    }

    /// Material for one instruction.
    pub(super) fn exercise(self, draw: &mut Draw) -> Exercise {
        match self {
            Self::Repeat => on_words(draw, 2, 4, |words| words.join(" ")),
            Self::Reverse => on_words(draw, 2, 4, reversed),
            Self::Count => on_words(draw, 1, 7, |words| words.len().to_string()),
            Self::First => on_words(draw, 3, 5, |words| words.first().copied().unwrap_or_default().to_owned()),
            Self::Last => on_words(draw, 3, 5, |words| words.last().copied().unwrap_or_default().to_owned()),
            Self::List => list(draw),
            Self::Upper => on_quotable(draw, 1, 2, str::to_uppercase),
            Self::Quote => on_quotable(draw, 1, 3, |words| format!("\"{words}\"")),
            Self::Json => json(draw),
            Self::Keyword => keyword(draw),
            Self::Capital => pair(draw.one_of(&CAPITALS)),
            Self::Opposite => {
                let (one, other) = draw.one_of(&OPPOSITES);
                pair(if draw.once_in(2) { (one, other) } else { (other, one) })
            }
            Self::Day => {
                let at = draw.between(0, DAYS.len() - 1);
                let day = |at: usize| DAYS.get(at % DAYS.len()).copied().unwrap_or_default();
                pair((day(at), day(at + 1)))
            }
            Self::Add => add(draw),
            Self::Category => category(draw),
            Self::Remove => remove(draw),
        }
    }
}

/// Words that material is made of.
pub(super) fn material() -> Vec<&'static str> {
    ANIMALS.into_iter().chain(FOODS).chain(COLOURS).chain(THINGS).chain(PLACES).collect()
}

/// Words from last to first.
pub(super) fn reversed(words: &[&str]) -> String {
    words.iter().rev().copied().collect::<Vec<_>>().join(" ")
}

fn about(slots: Slots, answer: String) -> Exercise {
    let arguments = slots.iter().map(|(_, value)| value.clone()).collect();
    Exercise { slots, answer, arguments }
}

fn on_words(draw: &mut Draw, fewest: usize, most: usize, answer: impl Fn(&[&str]) -> String) -> Exercise {
    let count = draw.between(fewest, most);
    let words = draw.some_of(count, &material());
    about(vec![("a", words.join(" "))], answer(&words))
}

fn on_quotable(draw: &mut Draw, fewest: usize, most: usize, answer: impl Fn(&str) -> String) -> Exercise {
    let count = draw.between(fewest, most);
    let words = draw.some_of(count, &quotable_words().collect::<Vec<_>>()).join(" ");
    let answer = answer(&words);
    about(vec![("a", words)], answer)
}

fn list(draw: &mut Draw) -> Exercise {
    let count = draw.between(2, 4);
    let words = draw.some_of(count, &material());
    let answer = words.iter().map(|word| format!("- {word}")).collect::<Vec<_>>().join("\n");
    about(vec![("a", enumeration(&words))], answer)
}

fn json(draw: &mut Draw) -> Exercise {
    let (name, age) = (draw.one_of(&NAMES), draw.between(2, 20));
    let answer = format!("{{\"name\": \"{name}\", \"age\": {age}}}");
    about(vec![("n", name.to_owned()), ("k", age.to_string())], answer)
}

fn keyword(draw: &mut Draw) -> Exercise {
    let word = match draw.between(0, 2) {
        0 => draw.one_of(&ANIMALS),
        1 => draw.one_of(&FOODS),
        _ => draw.one_of(&THINGS),
    };
    let (name, deed, place, colour) =
        (draw.one_of(&NAMES), draw.one_of(&DEEDS), draw.one_of(&PLACES), draw.one_of(&COLOURS));
    let line = match draw.between(0, 3) {
        0 => format!("{name} {deed} the ..."),
        1 => format!("{name} {deed} the {colour} ..."),
        2 => format!("the ... is in the {place}"),
        _ => format!("the ... is {colour}"),
    };
    let answer = line.replace("...", word);
    about(vec![("w", word.to_owned()), ("s", line)], answer)
}

fn pair((asked, answer): (&str, &str)) -> Exercise {
    about(vec![("x", asked.to_owned())], answer.to_owned())
}

fn add(draw: &mut Draw) -> Exercise {
    let (one, other) = (draw.between(0, 12), draw.between(0, 12));
    about(vec![("m", one.to_string()), ("n", other.to_string())], (one + other).to_string())
}

fn category(draw: &mut Draw) -> Exercise {
    let categories: [(&str, &[&str]); 3] = [("animal", &ANIMALS), ("food", &FOODS), ("colour", &COLOURS)];
    let wanted = draw.between(0, 2);
    let (name, members) = categories.get(wanted).copied().unwrap_or_default();
    let word = draw.one_of(members);
    let others: Vec<&str> = categories
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != wanted)
        .flat_map(|(_, (_, members))| members.iter().copied())
        .chain(THINGS)
        .collect();
    let count = draw.between(2, 3);
    let mut words = draw.some_of(count, &others);
    let at = draw.between(0, words.len());
    words.insert(at, word);
    let slots = vec![("c", name.to_owned()), ("a", words.join(" "))];
    let mut exercise = about(slots, word.to_owned());
    exercise.slots.push(("ac", with_article(name)));
    exercise
}

fn remove(draw: &mut Draw) -> Exercise {
    let count = draw.between(3, 4);
    let words = draw.some_of(count, &material());
    let word = draw.one_of(&words);
    let left: Vec<&str> = words.iter().copied().filter(|other| *other != word).collect();
    about(vec![("w", word.to_owned()), ("a", words.join(" "))], left.join(" "))
}
