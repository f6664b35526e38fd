//! Which stretches of a prompt are running text that may be reworded.
//!
//! Besides what is protected everywhere, this leaves alone whatever a request works *on* rather than *says*: text
//! after a colon, text that a request to edit or to count speaks of, words that are mentioned rather than used, and
//! fields that hold material (`Passage:`, `Sentence:`, `List:`).

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::text::Passage;
use crate::instance::Instance;
use crate::perturb::anatomy::{PieceKind, anatomy};
use crate::perturb::protect::{Part, PromptText};

/// Names of fields that hold the request itself.
const REQUEST_FIELDS: [&str; 10] =
    ["q", "question", "instruction", "instructions", "task", "prompt", "problem", "request", "query", "user"];

/// A stretch of a prompt, with where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    /// In which part.
    pub part: Part,
    /// Bytes of the part.
    pub range: Range<usize>,
    /// Its text, taken apart.
    pub passage: Passage,
}

/// Patterns of [`closures`].
struct Patterns {
    verbatim: Regex,
    operand: Regex,
    mention: Regex,
    mention_list: Regex,
    colon: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    Some(Patterns {
        verbatim: Regex::new(
            r"(?i)\bword (?:for|by) word\b|\brepeat (?:the|this|my|above|exactly|back)\b|\brepeat(?:ing|ed)? (?:the )?(?:entire |exact |whole |original )?(?:request|prompt|instruction|question|sentence above)|\bverbatim\b|\bcopy (?:the|this) (?:request|prompt|question|instruction)",
        )
        .ok()?,
        operand: Regex::new(
            r"(?i)\b(?:the|this|these|that|following|given|below|above|provided|input|a given) (?:\w+ ){0,3}?(?:sentences?|texts?|paragraphs?|passages?|phrases?|code|articles?|words?|strings?|statements?|poems?|stor(?:y|ies)|e-?mails?|essays?|reviews?|tweets?|quotes?|excerpts?|snippets?|inputs?|documents?|letters?|dialogues?|conversations?|lines|titles?|headlines?|lists?|data|information|messages?|posts?|summar(?:y|ies)|translations?|questions?|queries|equations?|expressions?|sequences?|numbers|arguments?|scenarios?|cases?|situations?|descriptions?|lyrics|facts?|ingredients?|items|instructions)\b",
        )
        .ok()?,
        mention: Regex::new(
            r"(?i)\b(?:word|letter|phrase|keyword|term|character|named|called|titled|entitled|hashtag|tag) +((?:\S+[ \t]*){1,3})",
        )
        .ok()?,
        mention_list: Regex::new(r"(?i)\b(?:keywords|key words|(?:the|following|these|any|forbidden|use|include|includes|exclude|avoid|contain|contains|mention) words|the phrases|the terms|the letters|words like|words such as)\b[^.\n]*").ok()?,
        colon: Regex::new(r":[ \t]+\S[^\n]*").ok()?,
    })
});

/// The stretches of an instance that may be reworded; an error says why there are none.
pub(super) fn stretches(instance: &Instance) -> Result<Vec<Stretch>, String> {
    let prompt = PromptText::of(instance);
    let mut found = Vec::new();
    for part in Part::ALL {
        let source = prompt.part(part);
        for range in request_ranges(part, source.text()) {
            let text = source.slice(&range);
            if text.trim().is_empty() {
                continue;
            }
            let shift = |span: &Range<usize>| {
                span.start.max(range.start).saturating_sub(range.start)
                    ..span.end.min(range.end).saturating_sub(range.start)
            };
            let mut closed = source.spans().iter().map(|span| shift(&span.range)).collect::<Vec<_>>();
            closed.extend(closures(text)?);
            found.push(Stretch { part, passage: Passage::new(text, closed), range });
        }
    }
    if found.is_empty() { Err("the prompt holds no instruction or question in words".to_owned()) } else { Ok(found) }
}

/// The ranges of a part that are a request: free text and request fields, not other fields, options or cues.
fn request_ranges(part: Part, text: &str) -> Vec<Range<usize>> {
    if part == Part::Instruction {
        return std::iter::once(0..text.len()).collect();
    }
    let mut ranges = Vec::new();
    let mut name: Option<String> = None;
    let mut at = 0;
    for piece in anatomy(text) {
        let range = at..at + piece.text.len();
        at = range.end;
        match piece.kind {
            PieceKind::FieldName => name = Some(piece.text.trim().to_lowercase()),
            PieceKind::FieldText if name.as_deref().is_none_or(|name| REQUEST_FIELDS.contains(&name)) => {
                ranges.push(range);
            }
            _ => {}
        }
    }
    ranges
}

/// The question of a query: its first request; the whole query where it has none.
pub(super) fn question_range(query: &str) -> Range<usize> {
    request_ranges(Part::Query, query).into_iter().next().unwrap_or(0..query.len())
}

/// What of a request's text is material. An error where the request has to stay word for word.
fn closures(text: &str) -> Result<Vec<Range<usize>>, String> {
    let patterns = PATTERNS.as_ref().ok_or("a built-in pattern does not compile")?;
    if patterns.verbatim.is_match(text) {
        return Err("the request asks to be repeated or copied word for word".to_owned());
    }
    let mut closed = Vec::new();
    closed.extend(patterns.colon.find_iter(text).map(|found| found.start() + 1..found.end()));
    closed.extend(patterns.mention.captures_iter(text).filter_map(|found| found.get(1)).map(|found| found.range()));
    closed.extend(patterns.mention_list.find_iter(text).map(|found| found.range()));
    closed.extend(material_after(text, patterns));
    closed.extend(material_on_the_line(text, patterns));
    closed.extend(later_paragraphs(text));
    Ok(closed)
}

/// From the line after one that announces material, by speaking of it or by ending in a colon, to the end; a question
/// on the last line stays a request.
fn material_after(text: &str, patterns: &Patterns) -> Option<Range<usize>> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let announces = line.trim_end().ends_with(':') || patterns.operand.is_match(line);
        if announces && at < text.len() {
            let trimmed = text.trim_end();
            let last_line = trimmed.rfind('\n').map_or(0, |newline| newline + 1);
            let asks = trimmed.ends_with('?') && last_line >= at;
            let end = if asks { last_line } else { text.len() };
            return (at < end).then_some(at..end);
        }
    }
    None
}

/// Verbs whose object is a text that must stay as it is.
const EDITING: [&str; 44] = [
    "edit",
    "rewrite",
    "re-write",
    "rearrange",
    "re-arrange",
    "correct",
    "translate",
    "count",
    "classify",
    "categorize",
    "summarize",
    "summarise",
    "paraphrase",
    "reword",
    "rephrase",
    "proofread",
    "convert",
    "change",
    "transform",
    "sort",
    "reverse",
    "replace",
    "insert",
    "remove",
    "delete",
    "add",
    "fill",
    "complete",
    "identify",
    "find",
    "detect",
    "determine",
    "extract",
    "analyze",
    "analyse",
    "read",
    "take",
    "parse",
    "modify",
    "shorten",
    "simplify",
    "improve",
    "fix",
    "punctuate",
];

/// Words with which a further sentence or paragraph of a request begins.
const INSTRUCTION_STARTS: [&str; 40] = [
    "make",
    "do",
    "don't",
    "use",
    "your",
    "the",
    "please",
    "keep",
    "include",
    "ensure",
    "write",
    "give",
    "provide",
    "then",
    "also",
    "explain",
    "answer",
    "choose",
    "select",
    "identify",
    "list",
    "output",
    "return",
    "if",
    "be",
    "avoid",
    "which",
    "what",
    "how",
    "why",
    "try",
    "highlight",
    "you",
    "state",
    "first",
    "finally",
    "can",
    "could",
    "in",
    "at",
];

/// Paragraphs after the first that begin as no instruction does and do not ask: what a request is given to work on.
fn later_paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut closed = Vec::new();
    let mut at = 0;
    for (number, paragraph) in text.split("\n\n").enumerate() {
        let range = at..at + paragraph.len();
        at = range.end + 2;
        let first = paragraph.split_whitespace().next().unwrap_or_default();
        let first = first.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'').to_lowercase();
        let asks = paragraph.trim_end().ends_with('?');
        if number > 0 && !asks && !INSTRUCTION_STARTS.contains(&first.as_str()) {
            closed.push(range);
        }
    }
    closed
}

/// Sentences after a request to edit, on its own line, unless they start as an instruction does.
fn material_on_the_line(text: &str, patterns: &Patterns) -> Vec<Range<usize>> {
    let passage = Passage::new(text, Vec::new());
    let mut closed = Vec::new();
    let mut editing = false;
    for sentence in &passage.sentences {
        let first = passage.words.get(sentence.words.start).map_or("", |word| word.lower.as_str());
        if editing && !INSTRUCTION_STARTS.contains(&first) {
            closed.push(sentence.start..sentence.end);
        }
        let body = passage.slice(sentence.start..sentence.end);
        editing |= EDITING.contains(&first) && patterns.operand.is_match(body);
        let rest_of_line = passage.slice(sentence.end..text.len());
        if rest_of_line.trim_start_matches(' ').starts_with('\n') {
            editing = false;
        }
    }
    closed
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn closed(text: &str) -> Vec<&str> {
        let passage = Passage::new(text, closures(text).unwrap());
        passage.closed.iter().map(|range| &text[range.clone()]).collect()
    }

    #[test]
    fn material_is_closed_and_requests_are_not() {
        assert_eq!(closed("Edit the following sentence.\nHe do not like it."), ["He do not like it."]);
        assert_eq!(closed("Rewrite this sentence. He do not like it. Make it formal."), ["He do not like it."]);
        assert_eq!(closed("Translate into French: good morning"), [" good morning"]);
        assert_eq!(closed("What is the capital of France? Give a short answer."), [""; 0]);
    }

    #[test]
    fn mentioned_words_are_closed() {
        assert_eq!(closed("Use the word help at least twice."), ["help at least "]);
        assert_eq!(closed("Do not use words get and show. Be brief."), ["use words get and show"]);
    }

    #[test]
    fn a_request_to_be_repeated_stays() {
        assert!(closures("Say hello. First repeat the request word for word.").is_err());
    }

    #[test]
    fn a_question_after_a_passage_stays_a_request() {
        let text = "This question refers to the following information.\nOld words.\nWhat does it show?";
        assert_eq!(closed(text), ["Old words.\n"]);
    }
}
