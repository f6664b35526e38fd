//! Whether a text speaks of options by their labels: `both A and B`, `(C)`, `option D`, `a. and b. above`.

use super::structure::OptionList;

/// What counts as speaking of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mention {
    /// Anything that may be a label: for option texts and for instructions, where a lone letter is rarely something else.
    Any,
    /// Only a label that a word such as `option` announces: for questions, whose letters may be variables or sets.
    Announced,
}

/// Words that announce a label.
const ANNOUNCING: [&str; 12] = [
    "option",
    "options",
    "choice",
    "choices",
    "answer",
    "answers",
    "letter",
    "letters",
    "alternative",
    "alternatives",
    "label",
    "labels",
];

/// Words beside a label that make it one.
const PAIRING_BEFORE: [&str; 4] = ["both", "either", "neither", "only"];

/// Words that join two labels.
const JOINING: [&str; 4] = ["and", "or", "nor", "through"];

/// A run of letters and digits, with what stands before and after it.
struct Word<'a> {
    text: &'a str,
    before: &'a str,
    after: &'a str,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut bounds: Vec<(usize, usize)> = Vec::new();
    let mut open = None;
    for (at, c) in text.char_indices() {
        match (c.is_alphanumeric(), open) {
            (true, None) => open = Some(at),
            (false, Some(start)) => {
                bounds.push((start, at));
                open = None;
            }
            _ => {}
        }
    }
    bounds.extend(open.map(|start| (start, text.len())));
    let gap = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    (0..bounds.len())
        .filter_map(|place| {
            let &(start, end) = bounds.get(place)?;
            let from = place.checked_sub(1).and_then(|place| bounds.get(place)).map_or(0, |&(_, end)| end);
            let to = bounds.get(place + 1).map_or(text.len(), |&(start, _)| start);
            Some(Word { text: gap(start, end), before: gap(from, start), after: gap(end, to) })
        })
        .collect()
}

impl OptionList {
    /// Whether `text` speaks of one of these options by its label. Errs on the side of yes.
    pub fn is_mentioned_in(&self, text: &str, mention: Mention) -> bool {
        let words = words(text);
        (0..words.len()).any(|place| self.mentions_at(&words, place, mention))
    }

    fn is_label(&self, word: &str) -> bool {
        self.style.index(word).is_some_and(|index| index < self.items.len())
    }

    /// A label, or a single letter that is one in the other case, as in `a. and b. above`.
    fn is_loose_label(&self, word: &Word<'_>) -> bool {
        self.is_label(word.text) || (word.text.len() == 1 && self.is_label(&word.text.to_uppercase()))
    }

    fn mentions_at(&self, words: &[Word<'_>], place: usize, mention: Mention) -> bool {
        let Some(word) = words.get(place).filter(|&word| self.is_loose_label(word)) else { return false };
        let previous = place.checked_sub(1).and_then(|place| words.get(place)).map(|word| word.text.to_lowercase());
        let announced = previous.as_deref().is_some_and(|previous| ANNOUNCING.contains(&previous));
        let exact = self.is_label(word.text);
        if (exact && announced) || mention == Mention::Announced {
            return exact && announced;
        }
        let bracketed = exact && word.before.ends_with(['(', '[', '<']) && word.after.starts_with([')', ']', '>']);
        let alone = exact && words.len() == 1;
        let paired = exact && previous.as_deref().is_some_and(|previous| PAIRING_BEFORE.contains(&previous));
        let next = words.get(place + 1);
        let only = exact && next.is_some_and(|next| next.text.eq_ignore_ascii_case("only"));
        let listed = next.is_some_and(|next| self.is_loose_label(next) && word.after.contains([',', '&', '/']));
        let joined = next.is_some_and(|next| JOINING.contains(&next.text.to_lowercase().as_str()))
            && words.get(place + 2).is_some_and(|after| self.is_loose_label(after));
        bracketed || alone || paired || only || listed || joined
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn labels_are_recognised_in_the_ways_people_refer_to_them() {
        let list = parse("Pick.\nA. x\nB. y\nC. z\nAnswer:").options.unwrap();
        for text in [
            "Both A and B",
            "A and C only",
            "(A) and (B) both",
            "a. and b. above",
            "A, B and C",
            "C only",
            "B",
            "option C is wrong",
            "A & B",
            "neither A nor B",
            "a and b",
        ] {
            assert!(list.is_mentioned_in(text, Mention::Any), "{text}");
        }
        for text in
            ["Vitamin A", "A cat and a dog", "Hepatitis B is viral", "I and II", "D and E", "", "a, the first of many"]
        {
            assert!(!list.is_mentioned_in(text, Mention::Any), "{text}");
        }
    }

    #[test]
    fn a_question_may_speak_of_sets_called_a_and_b() {
        let list = parse("Pick.\nA. x\nB. y\nAnswer:").options.unwrap();
        assert!(!list.is_mentioned_in("Let A and B be sets.", Mention::Announced));
        assert!(list.is_mentioned_in("Why is option B better?", Mention::Announced));
    }
}
