//! Wordings of the single-turn kinds.

use super::Wordings;
use crate::corpus::kinds::Kind;

/// The wordings of a kind.
pub(in crate::corpus) const fn wordings(kind: Kind) -> Wordings {
    match kind {
        Kind::Repeat => REPEAT,
        Kind::Reverse => REVERSE,
        Kind::Count => COUNT,
        Kind::List => LIST,
        Kind::Upper => UPPER,
        Kind::Quote => QUOTE,
        Kind::First => FIRST,
        Kind::Last => LAST,
        Kind::Json => JSON,
        Kind::Keyword => KEYWORD,
        Kind::Capital => CAPITAL,
        Kind::Opposite => OPPOSITE,
        Kind::Day => DAY,
        Kind::Add => ADD,
        Kind::Category => CATEGORY,
        Kind::Remove => REMOVE,
    }
}

const REPEAT: Wordings = Wordings {
    train: &[
        "Repeat these words: {a}",
        "Say this again: {a}",
        "Copy the following words: {a}",
        "Write the same words again: {a}",
        "Please repeat this: {a}",
        "Give me the same words: {a}",
        "Copy this line exactly: {a}",
        "Please say the same line again: {a}",
    ],
    held_out: &["Repeat the following line: {a}", "Please copy these words exactly: {a}", "Say these words again: {a}"],
    statements: &[
        "{n} said: {a}. Then {n} said it again: {answer}.",
        "The words {a} and the same words again: {answer}.",
        "A copy of the line {a} is the line {answer}.",
        "{a}, and once more {answer}.",
    ],
};

const REVERSE: Wordings = Wordings {
    train: &[
        "Reverse these words: {a}",
        "Write these words backwards: {a}",
        "Say the words in reverse order: {a}",
        "Put the order of the words the other way around: {a}",
        "Read this line backwards: {a}",
        "Put these words in reverse order: {a}",
        "Please reverse the following words: {a}",
        "Give me the reverse of this line: {a}",
    ],
    held_out: &[
        "Write the words of this line in reverse order: {a}",
        "Please say these words backwards: {a}",
        "Reverse the order of this line: {a}",
    ],
    statements: &[
        "The words {a} in reverse order are {answer}.",
        "Backwards, {a} becomes {answer}.",
        "{n} read the line {a} backwards: {answer}.",
        "The reverse of {a} is {answer}.",
    ],
};

const COUNT: Wordings = Wordings {
    train: &[
        "How many words are here: {a}",
        "Count these words: {a}",
        "Count the words in this line: {a}",
        "What is the number of words: {a}",
        "Give me the number of words here: {a}",
        "How many words does this line have: {a}",
        "Tell me how many words you see: {a}",
        "Please count: {a}",
    ],
    held_out: &[
        "How many words do you see in this line: {a}",
        "Please count the following words: {a}",
        "What is the number of words in this line: {a}",
    ],
    statements: &[
        "The number of words in {a} is {answer}.",
        "{n} counted the words {a} and got {answer}.",
        "The line {a} has {answer} words.",
        "How many words are {a}? They are {answer}.",
    ],
};

const LIST: Wordings = Wordings {
    train: &[
        "Make a list of these: {a}",
        "Write this as a list: {a}",
        "List these things: {a}",
        "Put each word on its own line: {a}",
        "Turn this into a list: {a}",
        "Give me a list with one word on each line: {a}",
        "Show these things as a list: {a}",
        "I need a list of the following: {a}",
    ],
    held_out: &[
        "Please list the following things: {a}",
        "Turn these things into a list: {a}",
        "Give me these words as a list: {a}",
    ],
    statements: &[
        "{n} wrote a list of {a}:\n{answer}",
        "Here are {a} as a list:\n{answer}",
        "A list of things:\n{answer}",
        "On the list were {a}:\n{answer}",
    ],
};

const UPPER: Wordings = Wordings {
    train: &[
        "Write in capital letters: {a}",
        "Put this in capitals: {a}",
        "Change this to capital letters: {a}",
        "Use only capital letters: {a}",
        "Say this in capitals: {a}",
        "Turn this into capitals: {a}",
        "Give me this in upper case: {a}",
        "Write these words in upper case: {a}",
    ],
    held_out: &[
        "Change these words to upper case: {a}",
        "Please write this in capitals: {a}",
        "Put these words in capital letters: {a}",
    ],
    statements: &[
        "In capitals, {a} is {answer}.",
        "{n} wrote {a} in capital letters: {answer}.",
        "The words {a} in upper case are {answer}.",
        "{answer} is {a} in capitals.",
    ],
};

const QUOTE: Wordings = Wordings {
    train: &[
        "Put this in quotes: {a}",
        "Write this between quotes: {a}",
        "Quote these words: {a}",
        "Add quotes around this: {a}",
        "Write quotes around these words: {a}",
        "Give me this line in quotes: {a}",
        "Quote this line: {a}",
        "Use quotes around the following words: {a}",
    ],
    held_out: &["Please quote this: {a}", "Write this line in quotes: {a}", "Put quotes around these words: {a}"],
    statements: &[
        "In quotes, {a} is {answer}.",
        "{n} said {answer} and no more.",
        "{n} put {a} between quotes: {answer}.",
        "The words {a} with quotes around them are {answer}.",
    ],
};

const FIRST: Wordings = Wordings {
    train: &[
        "What is the first word here: {a}",
        "Give me the first word: {a}",
        "Say only the first word: {a}",
        "Which word comes first: {a}",
        "Name the first word of this line: {a}",
        "Write the first of these words: {a}",
        "Tell me the first word of this: {a}",
        "Find the first word in this line: {a}",
    ],
    held_out: &[
        "Which is the first of these words: {a}",
        "Please write only the first word: {a}",
        "What is the first word of this line: {a}",
    ],
    statements: &[
        "In the line {a} the first word is {answer}.",
        "The first of the words {a} is {answer}.",
        "{n} read {a}. The first word was {answer}.",
        "Of {a}, {answer} comes first.",
    ],
};

const LAST: Wordings = Wordings {
    train: &[
        "What is the last word here: {a}",
        "Give me the last word: {a}",
        "Say only the last word: {a}",
        "Which word comes last: {a}",
        "Name the last word of this line: {a}",
        "Write the last of these words: {a}",
        "Tell me the last word of this: {a}",
        "Find the last word in this line: {a}",
    ],
    held_out: &[
        "Which is the last of these words: {a}",
        "Please write only the last word: {a}",
        "What is the last word of this line: {a}",
    ],
    statements: &[
        "In the line {a} the last word is {answer}.",
        "The last of the words {a} is {answer}.",
        "{n} read {a}. The last word was {answer}.",
        "Of {a}, {answer} comes last.",
    ],
};

const JSON: Wordings = Wordings {
    train: &[
        "Write this as JSON: name {n}, age {k}",
        "Make JSON of this: name {n}, age {k}",
        "Give me JSON with name {n} and age {k}",
        "Turn this into JSON: {n} is {k} years old",
        "Write a JSON object for {n}, age {k}",
        "Show this as JSON: {n}, {k} years old",
        "I need JSON for this: {n} is {k}",
        "Put this in JSON: name {n}, age {k}",
    ],
    held_out: &[
        "Please write JSON for this: {n} is {k} years old",
        "Turn this into a JSON object: name {n}, age {k}",
        "Give me this as JSON: {n}, age {k}",
    ],
    statements: &[
        "{n} is {k} years old: {answer}",
        "The name {n} and the age {k} as JSON: {answer}",
        "The JSON object for {n}, age {k}, is {answer}",
        "{answer} says that {n} is {k} years old.",
    ],
};

const KEYWORD: Wordings = Wordings {
    train: &[
        "Put {w} in the gap: {s}",
        "Fill the gap with {w}: {s}",
        "Complete this with the word {w}: {s}",
        "Use {w} to fill the gap: {s}",
        "Write this with {w} in the gap: {s}",
        "Complete the line with {w}: {s}",
        "Add the word {w} to this line: {s}",
        "The missing word is {w}: {s}",
    ],
    held_out: &[
        "Use the word {w} to complete this: {s}",
        "Fill the gap in this line with {w}: {s}",
        "Write the line with {w} in the gap: {s}",
    ],
    statements: &[
        "With {w} in the gap, {s} becomes {answer}.",
        "The line {s} with the missing word {w} is {answer}.",
        "{answer}. The word {w} was missing in {s}.",
        "Filled with {w}, the line {s} says {answer}.",
    ],
};

const CAPITAL: Wordings = Wordings {
    train: &[
        "What is the capital of {x}?",
        "Name the capital of {x}.",
        "Which town is the capital of {x}?",
        "Tell me the capital of {x}.",
        "The capital of {x} is which town?",
        "Give me the capital of {x}.",
        "I need the name of the capital of {x}.",
        "What town is the capital of {x}?",
    ],
    held_out: &[
        "Please name the capital of {x}.",
        "Which is the capital of {x}?",
        "Say the name of the capital of {x}.",
    ],
    statements: &[
        "The capital of {x} is {answer}.",
        "{answer} is the capital of {x}.",
        "{n} went to {answer}, the capital of {x}.",
        "In {x} the capital is {answer}.",
    ],
};

const OPPOSITE: Wordings = Wordings {
    train: &[
        "What is the opposite of {x}?",
        "Name the opposite of {x}.",
        "Which word is the opposite of {x}?",
        "Tell me the opposite of {x}.",
        "The opposite of {x} is which word?",
        "Give me the opposite of {x}.",
        "I need the opposite of the word {x}.",
        "What word is the opposite of {x}?",
    ],
    held_out: &[
        "Please name the opposite of {x}.",
        "Which is the opposite of {x}?",
        "Say the opposite of the word {x}.",
    ],
    statements: &[
        "The opposite of {x} is {answer}.",
        "What is {x} is not {answer}.",
        "{n} was {x}, and the other was {answer}.",
        "{x} and {answer} are opposite words.",
    ],
};

const DAY: Wordings = Wordings {
    train: &[
        "Which day comes after {x}?",
        "Name the day after {x}.",
        "What is the day after {x}?",
        "Tell me which day comes after {x}.",
        "After {x} comes which day?",
        "Give me the day after {x}.",
        "I need the name of the day after {x}.",
        "What day is next after {x}?",
    ],
    held_out: &["Please name the day after {x}.", "What day comes after {x}?", "Which is the next day after {x}?"],
    statements: &[
        "The day after {x} is {answer}.",
        "After {x} comes {answer}.",
        "It was {x}. The next day was {answer}.",
        "{n} came on {x} and left on {answer}.",
    ],
};

const ADD: Wordings = Wordings {
    train: &[
        "What is {m} plus {n}?",
        "Add {m} and {n}.",
        "How much is {m} plus {n}?",
        "What is the sum of {m} and {n}?",
        "Give me the sum of {m} and {n}.",
        "How much is {m} + {n}?",
        "Tell me {m} + {n}.",
        "I need the sum of {m} and {n}.",
    ],
    held_out: &["Please add {m} and {n}.", "What is {m} + {n}?", "Tell me the sum of {m} and {n}."],
    statements: &[
        "{m} plus {n} is {answer}.",
        "{m} + {n} = {answer}",
        "The sum of {m} and {n} is {answer}.",
        "{m} and {n} more make {answer}.",
    ],
};

const CATEGORY: Wordings = Wordings {
    train: &[
        "Which of these is {ac}: {a}",
        "Find the {c}: {a}",
        "Name the {c} in this line: {a}",
        "Which word names {ac}: {a}",
        "Say which word is {ac}: {a}",
        "Only one of these is {ac}: {a}",
        "Give me the {c}: {a}",
        "Tell me which of the words is {ac}: {a}",
    ],
    held_out: &["Please find the {c}: {a}", "Which of these words is {ac}: {a}", "Find the {c} in this line: {a}"],
    statements: &[
        "Of {a}, only {answer} is {ac}.",
        "In the line {a} the {c} is {answer}.",
        "{answer} is {ac}.",
        "{n} saw {a}. The {c} was {answer}.",
    ],
};

const REMOVE: Wordings = Wordings {
    train: &[
        "Leave out {w}: {a}",
        "Write these words without {w}: {a}",
        "Remove {w} from this line: {a}",
        "Leave out the word {w}: {a}",
        "Say all words but {w}: {a}",
        "Take {w} out of these words: {a}",
        "Give me this line without {w}: {a}",
        "Remove {w} here: {a}",
    ],
    held_out: &[
        "Remove the word {w} from these words: {a}",
        "Please write this line without {w}: {a}",
        "Take {w} out of this line: {a}",
    ],
    statements: &[
        "Without {w}, {a} is {answer}.",
        "The line {a} without {w} is {answer}.",
        "{n} took {w} out of {a}, and {answer} were left.",
        "{a} but not {w}: {answer}.",
    ],
};
