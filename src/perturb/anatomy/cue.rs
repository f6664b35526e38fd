//! The cue that ends a query.

use super::fields::{self, KnownName};
use super::structure::Cue;

/// Names that ask for an answer, in lower case.
const ANSWER_NAMES: [&str; 14] = [
    "answer",
    "a",
    "response",
    "output",
    "solution",
    "final answer",
    "label",
    "reply",
    "assistant",
    "bot",
    "the answer",
    "correct answer",
    "your answer",
    "result",
];

/// Openings that a cue may hand to the answer, in lower case.
const OPENINGS: [&str; 4] =
    ["let's think step by step", "let us think step by step", "the answer is", "the best answer is"];

/// A cue of any other name is at most this many words long, so that a last line such as
/// "Which sentence has the correct order:" stays text.
const MAX_CUE_WORDS: usize = 3;

impl Cue {
    /// Whether the name asks for an answer, rather than being any short heading.
    pub fn asks_for_answer(&self) -> bool {
        is_answer_name(&self.name)
    }
}

fn is_answer_name(name: &str) -> bool {
    let name = name.trim_start_matches('#').trim().to_lowercase();
    ANSWER_NAMES.contains(&name.as_str())
}

/// Splits a query into its body and its cue.
pub fn split(query: &str) -> (&str, Option<Cue>) {
    let body_end = query.trim_end().len();
    let text = query.get(..body_end).unwrap_or_default();
    let line_start = text.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(line_start..).unwrap_or_default();
    let end = query.get(body_end..).unwrap_or_default();
    let body = text.get(..line_start).unwrap_or_default();
    let whole = read_line(line).filter(|cue| cue.asks_for_answer() || !body.trim().is_empty());
    if let Some(cue) = whole {
        return (body, Some(Cue { end: end.to_owned(), ..cue }));
    }
    let Some((rest, cue)) = inline(line) else { return (query, None) };
    let body = text.get(..line_start + rest.len()).unwrap_or_default();
    (body, Some(Cue { end: end.to_owned(), ..cue }))
}

/// A whole line as a cue.
fn read_line(line: &str) -> Option<Cue> {
    let unindented = line.trim_start();
    let (name, rest) = unindented.split_at_checked(unindented.find(':')?)?;
    let name_trimmed = name.trim_end();
    let colons = rest.len() - rest.trim_start_matches(':').len();
    let (colons, rest) = rest.split_at_checked(colons)?;
    let opening = rest.trim_start();
    let known_opening = OPENINGS.contains(&opening.trim_end_matches(['.', ':']).to_lowercase().as_str());
    let plausible =
        if opening.is_empty() { is_short_heading(name_trimmed) } else { known_opening && is_answer_name(name_trimmed) };
    let (space, _) = rest.split_at_checked(rest.len() - opening.len())?;
    plausible.then(|| Cue {
        lead: line.get(..line.len() - unindented.len()).unwrap_or_default().to_owned(),
        name: name_trimmed.to_owned(),
        separator: format!("{}{colons}", name.get(name_trimmed.len()..).unwrap_or_default()),
        gap: space.to_owned(),
        opening: opening.to_owned(),
        end: String::new(),
    })
}

/// `Answer` in any case, or one to three capitalised-at-the-start words that do not head an option list.
fn is_short_heading(name: &str) -> bool {
    if is_answer_name(name) {
        return true;
    }
    if fields::known_name(name).is_some_and(KnownName::heads_options) {
        return false;
    }
    let words = name.trim_start_matches('#').trim();
    let capital = words.chars().next().is_some_and(char::is_uppercase);
    let plain = words.chars().all(|c| c.is_alphanumeric() || c == ' ');
    capital && plain && words.chars().count() > 1 && words.split(' ').count() <= MAX_CUE_WORDS
}

/// A cue at the end of a line that holds more: `Question: 1 + 1? Answer:`.
fn inline(line: &str) -> Option<(&str, Cue)> {
    let text = line.trim_end_matches(':');
    let colons = line.get(text.len()..).filter(|colons| !colons.is_empty())?;
    let starts_with_q = line.trim_start().get(..2).is_some_and(|start| start.eq_ignore_ascii_case("q:"));
    let name_start = ANSWER_NAMES
        .iter()
        .filter(|&&name| name != "a" || starts_with_q)
        .filter_map(|name| text.len().checked_sub(name.len()))
        .filter(|&at| text.get(at..).is_some_and(|name| is_answer_name(name) && name.starts_with(char::is_uppercase)))
        .filter(|&at| {
            text.get(..at)
                .is_some_and(|rest| rest.ends_with([' ', '\t']) && rest.trim_end().ends_with(['?', '.', '!', '|', ')']))
        })
        .min()?;
    let (rest, name) = text.split_at_checked(name_start)?;
    let cue = Cue {
        lead: String::new(),
        name: name.to_owned(),
        separator: colons.to_owned(),
        gap: String::new(),
        opening: String::new(),
        end: String::new(),
    };
    Some((rest, cue))
}
