//! How judgments are put into words.

use crate::score::Score;

/// Characters of a text that an explanation quotes.
const QUOTED_CHARACTERS: usize = 120;

/// Accepted answers that an explanation lists.
const LISTED: usize = 3;

pub(super) fn scored(right: bool, answer: String, explanation: String) -> Score {
    Score::Scored { credit: if right { 1.0 } else { 0.0 }, answer, explanation }
}

pub(super) fn unscored(reason: String) -> Score {
    Score::Unscored { reason }
}

/// A text in quotes, control characters escaped, long ones shortened with their length told.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        None => format!("{text:?}"),
        Some((end, _)) => {
            format!("{:?}... ({} characters)", text.get(..end).unwrap_or_default(), text.chars().count())
        }
    }
}

/// `"A" or "B"`, at most three of them.
pub(super) fn quoted_list<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let texts = texts.into_iter().collect::<Vec<_>>();
    let shown = texts.iter().take(LISTED).map(|text| quoted(text)).collect::<Vec<_>>().join(" or ");
    if texts.len() > LISTED { format!("{shown} or {} more", texts.len() - LISTED) } else { shown }
}
