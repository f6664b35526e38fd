//! Named fields at line starts.

use super::structure::Field;

/// Descriptors of prompt fields, in lower case. A name outside this list stays text: a passage may hold any heading.
const FIELD_NAMES: [&str; 46] = [
    "question",
    "q",
    "query",
    "problem",
    "task",
    "instruction",
    "instructions",
    "passage",
    "context",
    "text",
    "sentence",
    "sentences",
    "paragraph",
    "premise",
    "hypothesis",
    "input",
    "article",
    "document",
    "review",
    "statement",
    "claim",
    "story",
    "background",
    "dialogue",
    "conversation",
    "title",
    "topic",
    "hint",
    "word",
    "words",
    "tweet",
    "abstract",
    "scenario",
    "situation",
    "goal",
    "option",
    "description",
    "code",
    "headline",
    "email",
    "post",
    "comment",
    "request",
    "user",
    "puzzle",
    "riddle",
];

/// Descriptors that head a list of options, in lower case.
const OPTION_HEADINGS: [&str; 9] = [
    "options",
    "choices",
    "answer choices",
    "answer options",
    "possible answers",
    "candidates",
    "alternatives",
    "answers",
    "the options",
];

/// What kind of known descriptor a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownName {
    /// `Question`, `Passage` ...
    Content,
    /// `Options`, `Choices` ...
    OptionHeading,
}

impl KnownName {
    /// Whether the name announces options.
    pub fn heads_options(self) -> bool {
        self == Self::OptionHeading
    }
}

/// Looks a descriptor up, without regard to case, leading `#` and a number at its end (`Sentence 2`).
pub fn known_name(name: &str) -> Option<KnownName> {
    let name = name.trim_start_matches('#').trim().to_lowercase();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
    if FIELD_NAMES.contains(&stem) {
        Some(KnownName::Content)
    } else {
        OPTION_HEADINGS.contains(&stem).then_some(KnownName::OptionHeading)
    }
}

/// A descriptor at the start of a line.
struct Heading<'a> {
    lead: &'a str,
    name: &'a str,
    separator: &'a str,
}

/// Longest descriptor looked for, in bytes, so that a long line is not searched through.
const MAX_NAME_BYTES: usize = 40;

/// Reads the descriptor that begins at a line start; `text` runs on to the end of the query.
fn heading(text: &str) -> Option<Heading<'_>> {
    let line = text.split('\n').next().unwrap_or_default();
    let unindented = line.trim_start();
    let lead_bytes = line.len() - unindented.len();
    let at = unindented.char_indices().take_while(|&(at, _)| at <= MAX_NAME_BYTES).find_map(|(at, c)| {
        let dash = (c == '-' || c == '\u{2013}') && unindented.get(..at)?.ends_with(' ');
        (c == ':' || dash).then_some((at, c))
    });
    let (at, mark) = at?;
    let name = unindented.get(..at)?.trim_end();
    let known = known_name(name)?;
    let marks_end = at + unindented.get(at..)?.chars().take_while(|&c| c == mark).map(char::len_utf8).sum::<usize>();
    let after_marks = unindented.get(marks_end..)?;
    // A dash must be spaced on both sides ("Word - text"), a colon not part of a time or path ("text:8080", "text://").
    let spaced = after_marks.is_empty() || after_marks.starts_with([' ', '\t']);
    let glued = mark == ':' && after_marks.starts_with(char::is_alphabetic) && known == KnownName::Content;
    if !spaced && !glued {
        return None;
    }
    let from = lead_bytes + marks_end;
    let rest = text.get(from..)?;
    let space = rest.len() - rest.trim_start().len();
    Some(Heading { lead: text.get(..lead_bytes)?, name, separator: text.get(lead_bytes + name.len()..from + space)? })
}

/// Whether the last line of a text is nothing but the heading of an option list.
pub fn ends_with_option_heading(text: &str) -> bool {
    let line = text.trim_end().rsplit('\n').next().unwrap_or_default().trim();
    let Some(name) = line.strip_suffix(':') else { return false };
    known_name(name.trim_end_matches(':')).is_some_and(KnownName::heads_options)
}

/// Whether a line begins with a known descriptor.
pub fn begins_field(text: &str) -> bool {
    heading(text).is_some()
}

/// Reads a stretch of a query as fields; rendering them gives it back.
pub fn read(text: &str) -> Vec<Field> {
    let mut starts = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let rest = text.get(line_start..).unwrap_or_default();
        if heading(rest).is_some() {
            starts.push(line_start);
        }
        line_start += line.len();
    }
    let mut fields = Vec::with_capacity(starts.len() + 1);
    let first = starts.first().copied().unwrap_or(text.len());
    if first > 0 {
        fields.push(unnamed(text.get(..first).unwrap_or_default()));
    }
    for (place, &start) in starts.iter().enumerate() {
        let end = starts.get(place + 1).copied().unwrap_or(text.len());
        fields.push(named(text.get(start..end).unwrap_or_default()));
    }
    fields
}

fn unnamed(text: &str) -> Field {
    let body = text.trim_start();
    let lead = text.get(..text.len() - body.len()).unwrap_or_default();
    let content = body.trim_end();
    Field {
        lead: lead.to_owned(),
        text: content.to_owned(),
        after: body.get(content.len()..).unwrap_or_default().to_owned(),
        ..Field::default()
    }
}

fn named(text: &str) -> Field {
    let Some(heading) = heading(text) else { return unnamed(text) };
    let from = heading.lead.len() + heading.name.len() + heading.separator.len();
    let rest = text.get(from..).unwrap_or_default();
    let content = rest.trim_end();
    Field {
        lead: heading.lead.to_owned(),
        name: heading.name.to_owned(),
        separator: heading.separator.to_owned(),
        text: content.to_owned(),
        after: rest.get(content.len()..).unwrap_or_default().to_owned(),
    }
}
