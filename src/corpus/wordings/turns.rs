//! Wordings of the two-turn kinds.

use super::TurnWordings;
use crate::corpus::turns::TurnKind;

/// The wordings of a two-turn kind.
pub(in crate::corpus) const fn turn_wordings(kind: TurnKind) -> TurnWordings {
    match kind {
        TurnKind::Name => NAME,
        TurnKind::Colour => COLOUR,
        TurnKind::Owner => OWNER,
        TurnKind::Place => PLACE,
        TurnKind::Town => TOWN,
        TurnKind::FirstOfWords => FIRST,
        TurnKind::LastOfWords => LAST,
        TurnKind::CountOfWords => COUNT,
        TurnKind::ReverseOfWords => REVERSE,
    }
}

const NAME: TurnWordings = TurnWordings {
    told: &[
        "My name is {n} and I like {c}.",
        "I am {n} and I like {c}.",
        "They call me {n}. My colour is {c}.",
        "Hello, I am {n}. I like {c}.",
        "I like {c}. My name is {n}.",
        "My colour is {c} and my name is {n}.",
    ],
    told_held_out: &["Hello, my name is {n}. My colour is {c}.", "I like {c} and they call me {n}."],
    reply: "Hello, {n}.",
    asked: &[
        "What is my name?",
        "Who am I?",
        "Tell me my name.",
        "Do you know my name?",
        "Say my name.",
        "Which name do I have?",
    ],
    asked_held_out: &["Please say my name.", "Which is my name?"],
    statements: &[
        "{n} likes {c}. The one who likes {c} is {answer}.",
        "\"My name is {n} and I like {c}.\" The name is {answer}.",
        "She was called {n}, liked {c}, and her name was {answer}.",
    ],
};

const COLOUR: TurnWordings = TurnWordings {
    told: NAME.told,
    told_held_out: NAME.told_held_out,
    reply: NAME.reply,
    asked: &[
        "What is my colour?",
        "Which colour do I like?",
        "Tell me my colour.",
        "Do you know my colour?",
        "Say my colour.",
        "What colour do I like?",
    ],
    asked_held_out: &["Please say which colour I like.", "Which is my colour?"],
    statements: &[
        "{n} likes {c}. The colour that {n} likes is {answer}.",
        "\"My name is {n} and I like {c}.\" The colour is {answer}.",
        "She was called {n}, liked {c}, and her colour was {answer}.",
    ],
};

const OWNER: TurnWordings = TurnWordings {
    told: &[
        "{p} has the {t} and {r} has the {u}.",
        "The {t} is with {p} and the {u} is with {r}.",
        "{p} took the {t}. {r} took the {u}.",
        "I gave the {t} to {p} and the {u} to {r}.",
        "{p} found the {t} and {r} found the {u}.",
        "{p} has the {t}. {r} has the {u}.",
    ],
    told_held_out: &["{p} took the {t} and {r} took the {u}.", "I gave {p} the {t} and {r} the {u}."],
    reply: "Noted.",
    asked: &[
        "Who has the {q}?",
        "Who has the {q} now?",
        "Tell me who has the {q}.",
        "With whom is the {q}?",
        "Say who has the {q}.",
        "Do you know who has the {q}?",
    ],
    asked_held_out: &["Please tell me who has the {q}.", "Who is the one with the {q}?"],
    statements: &[
        "{p} has the {t} and {r} has the {u}. So the {q} is with {answer}.",
        "{p} took the {t}. {r} took the {u}. Who has the {q}? It is {answer}.",
        "The {t} is with {p} and the {u} is with {r}. The one with the {q} is {answer}.",
    ],
};

const PLACE: TurnWordings = TurnWordings {
    told: &[
        "The {t} is in the {p} and the {u} is in the {r}.",
        "I put the {t} in the {p} and the {u} in the {r}.",
        "I left the {t} in the {p}. I left the {u} in the {r}.",
        "In the {p} is the {t} and in the {r} is the {u}.",
        "You find the {t} in the {p} and the {u} in the {r}.",
        "The {t} is in the {p}. The {u} is in the {r}.",
    ],
    told_held_out: &[
        "I left the {t} in the {p} and the {u} in the {r}.",
        "I put the {t} in the {p}. I put the {u} in the {r}.",
    ],
    reply: "Noted.",
    asked: &[
        "Where is the {q}?",
        "Where is the {q} now?",
        "Tell me where the {q} is.",
        "Where do I find the {q}?",
        "Say where the {q} is.",
        "Do you know where the {q} is?",
    ],
    asked_held_out: &["Please tell me where the {q} is.", "Where do you find the {q}?"],
    statements: &[
        "The {t} is in the {p} and the {u} is in the {r}. So the {q} is {answer}.",
        "He put the {t} in the {p} and the {u} in the {r}. Where is the {q}? It is {answer}.",
        "The {t} is in the {p}. The {u} is in the {r}. They found the {q} {answer}.",
    ],
};

const TOWN: TurnWordings = TurnWordings {
    told: &[
        "{t} lives in {p} and {u} lives in {r}.",
        "{t} is from {p} and {u} is from {r}.",
        "The town of {t} is {p} and the town of {u} is {r}.",
        "{t} lives in {p}. {u} lives in {r}.",
        "In {p} lives {t} and in {r} lives {u}.",
        "{t} went to {p} and {u} went to {r}.",
    ],
    told_held_out: &["{t} is from {p}. {u} is from {r}.", "{t} went to {p}. {u} went to {r}."],
    reply: "Noted.",
    asked: &[
        "Which town is {q} in?",
        "What is the town of {q}?",
        "Tell me the town of {q}.",
        "Name the town of {q}.",
        "Say the town of {q}.",
        "Do you know the town of {q}?",
    ],
    asked_held_out: &["Please name the town of {q}.", "Which is the town of {q}?"],
    statements: &[
        "{t} lives in {p} and {u} lives in {r}. So the town of {q} is {answer}.",
        "{t} is from {p} and {u} is from {r}. The town of {q} is {answer}.",
        "In {p} lives {t} and in {r} lives {u}. {q} lives in {answer}.",
    ],
};

/// First turns that give words to remember.
const WORDS: &[&str] = &[
    "Remember these words: {a}",
    "Here are some words: {a}",
    "I give you these words: {a}",
    "Please remember this line: {a}",
    "My words are: {a}",
    "Keep these words: {a}",
];

/// The same, for evaluation.
const WORDS_HELD_OUT: &[&str] = &["Here are my words: {a}", "Please remember these words: {a}"];

const FIRST: TurnWordings = TurnWordings {
    told: WORDS,
    told_held_out: WORDS_HELD_OUT,
    reply: "Noted.",
    asked: &[
        "What was the first word?",
        "Which word was first?",
        "Tell me the first word.",
        "Say only the first word.",
        "Give me the first of them.",
        "Name the first word.",
    ],
    asked_held_out: &["Please say the first word.", "Which was the first word?"],
    statements: &["The words were {a}. The first was {answer}.", "{a}: the first word of them was {answer}."],
};

const LAST: TurnWordings = TurnWordings {
    told: WORDS,
    told_held_out: WORDS_HELD_OUT,
    reply: "Noted.",
    asked: &[
        "What was the last word?",
        "Which word was last?",
        "Tell me the last word.",
        "Say only the last word.",
        "Give me the last of them.",
        "Name the last word.",
    ],
    asked_held_out: &["Please say the last word.", "Which was the last word?"],
    statements: &["The words were {a}. The last was {answer}.", "{a}: the last word of them was {answer}."],
};

const COUNT: TurnWordings = TurnWordings {
    told: WORDS,
    told_held_out: WORDS_HELD_OUT,
    reply: "Noted.",
    asked: &[
        "How many words were there?",
        "Count them.",
        "Tell me how many words there were.",
        "What was the number of words?",
        "How many were there?",
        "Count the words.",
    ],
    asked_held_out: &["Please count the words.", "Tell me the number of words."],
    statements: &["The words were {a}. There were {answer} words.", "{a}: the number of them was {answer}."],
};

const REVERSE: TurnWordings = TurnWordings {
    told: WORDS,
    told_held_out: WORDS_HELD_OUT,
    reply: "Noted.",
    asked: &[
        "Say them backwards.",
        "Reverse them.",
        "Give me the words in reverse order.",
        "Write the words backwards.",
        "Put them in reverse order.",
        "Reverse the words.",
    ],
    asked_held_out: &["Please say the words backwards.", "Write them in reverse order."],
    statements: &["The words were {a}. Backwards they were {answer}.", "{a}: in reverse order they were {answer}."],
};
