//! Enumerated answer options.

use super::fields;
use super::label::{LabelStyle, Wrapper};
use super::structure::{Cue, OptionItem, OptionList};

/// An option list and where it stands in the body.
pub struct Found {
    /// First byte of the list (of the first option's indentation).
    pub start: usize,
    /// First byte after the last option and the white space that follows it.
    pub end: usize,
    /// The options.
    pub list: OptionList,
}

/// Finds the answer options of a body (a query without its cue).
///
/// The last list that begins with a first label wins: stems that enumerate statements (`I. ... II. ...`) come before
/// the options that speak of them.
pub fn find(body: &str, cue: Option<&Cue>) -> Option<Found> {
    let asked = cue.is_some_and(Cue::asks_for_answer);
    on_lines(body, asked).or_else(|| on_one_line(body, asked))
}

/// A label with its wrapper at some place of the body.
#[derive(Debug, Clone)]
struct Mark<'a> {
    /// First byte of the line's indentation, or of the wrapper on one line.
    start: usize,
    /// First byte of the wrapper.
    label_start: usize,
    /// First byte after the wrapper.
    label_end: usize,
    label: &'a str,
    open: &'a str,
    close: &'a str,
}

impl Mark<'_> {
    fn wrapper(&self) -> Wrapper {
        Wrapper { open: self.open.to_owned(), close: self.close.to_owned() }
    }

    fn follows(&self, first: &Mark<'_>, style: LabelStyle, index: usize) -> bool {
        self.open == first.open && self.close == first.close && style.index(self.label) == Some(index)
    }

    fn has_brackets(&self) -> bool {
        !self.open.is_empty()
    }
}

/// Longest label, in bytes (`XXVIII`).
const MAX_LABEL_BYTES: usize = 7;

/// Reads a wrapped label at the start of `text`, which begins at byte `at` of the body.
fn mark(text: &str, at: usize) -> Option<Mark<'_>> {
    let (open, rest) = match text.as_bytes().first()? {
        b'(' | b'[' | b'<' => text.split_at_checked(1)?,
        _ => ("", text),
    };
    let label_bytes = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ('\u{2160}'..='\u{216B}').contains(&c)))?;
    if label_bytes == 0 || label_bytes > MAX_LABEL_BYTES {
        return None;
    }
    let (label, rest) = rest.split_at_checked(label_bytes)?;
    let closes: &[&str] = match open {
        "(" => &[")"],
        "[" => &["]"],
        "<" => &[">"],
        _ => &[".", ")", ":", " )", "\t)"],
    };
    let close = closes.iter().find(|&&close| rest.starts_with(close))?;
    let after = rest.get(close.len()..)?;
    let ended = after.is_empty() || after.starts_with(char::is_whitespace);
    ended.then(|| Mark {
        start: at,
        label_start: at,
        label_end: at + open.len() + label.len() + close.len(),
        label,
        open,
        close: rest.get(..close.len()).unwrap_or_default(),
    })
}

/// The styles in which a label is the first; upper and lower letters before Roman numerals cannot clash here, because
/// A and a are no Roman numerals and I and i are no first letters.
fn first_styles(label: &str) -> Option<LabelStyle> {
    LabelStyle::ALL.into_iter().find(|style| style.index(label) == Some(0))
}

fn on_lines(body: &str, asked: bool) -> Option<Found> {
    let mut marks = Vec::new();
    let mut line_start = 0;
    for line in body.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        if let Some(found) = line.get(indent..).and_then(|text| mark(text, line_start + indent)) {
            marks.push(Mark { start: line_start, ..found });
        }
        line_start += line.len();
    }
    starts(&marks).find_map(|from| {
        let run = run_from(&marks, from)?;
        let (first, style) = (run.first()?, first_styles(run.first()?.label)?);
        let end = list_end(body, run.last()?.label_end);
        let closed = body.get(end..).is_none_or(|rest| rest.trim().is_empty());
        let headed = fields::ends_with_option_heading(body.get(..first.start)?);
        let letters = style == LabelStyle::UpperLetter && first.close != ":";
        let accepted = headed || (closed && first.close != ":" && (asked || letters));
        accepted.then(|| assemble(body, &run, style, end))
    })
}

/// The last first labels, last to first: options end a query, so a list before these is none.
fn starts(marks: &[Mark<'_>]) -> impl Iterator<Item = usize> {
    let first = |&place: &usize| marks.get(place).is_some_and(|mark| first_styles(mark.label).is_some());
    (0..marks.len()).rev().filter(first).take(MAX_STARTS)
}

/// How many lists are looked at, so that a long hostile text is read in linear time.
const MAX_STARTS: usize = 16;

/// The longest run of consecutive labels from `from` on, in one wrapper, up to where the numbering starts again; other
/// lines between them belong to the option before. At least two.
fn run_from<'a>(marks: &[Mark<'a>], from: usize) -> Option<Vec<Mark<'a>>> {
    let first = marks.get(from)?;
    let style = first_styles(first.label)?;
    let mut run = vec![first.clone()];
    for candidate in marks.get(from + 1..)? {
        if candidate.follows(first, style, run.len()) {
            run.push(candidate.clone());
        } else if candidate.follows(first, style, 0) {
            break;
        }
    }
    (run.len() >= 2).then_some(run)
}

/// Where the last option ends: at a blank line, or before a named field; else with the body.
fn list_end(body: &str, from: usize) -> usize {
    let mut line_start = from;
    let rest = body.get(from..).unwrap_or_default();
    for (place, line) in rest.split_inclusive('\n').enumerate() {
        let here = body.get(line_start..).unwrap_or_default();
        if place > 0 && (line.trim().is_empty() || fields::begins_field(here)) {
            // The white space before what follows still belongs to the list.
            return line_start + here.len() - here.trim_start().len();
        }
        line_start += line.len();
    }
    body.len()
}

fn assemble(body: &str, run: &[Mark<'_>], style: LabelStyle, end: usize) -> Found {
    let start = run.first().map_or(end, |mark| mark.start);
    let mut items = Vec::with_capacity(run.len());
    for (place, mark) in run.iter().enumerate() {
        let until = run.get(place + 1).map_or(end, |next| next.start);
        let whole = body.get(mark.label_end..until).unwrap_or_default();
        let text = whole.trim();
        let gap = if text.is_empty() { 0 } else { whole.len() - whole.trim_start().len() };
        items.push(OptionItem {
            lead: body.get(mark.start..mark.label_start).unwrap_or_default().to_owned(),
            label: mark.label.to_owned(),
            gap: whole.get(..gap).unwrap_or_default().to_owned(),
            text: text.to_owned(),
            after: whole.get(gap + text.len()..).unwrap_or_default().to_owned(),
        });
    }
    let wrapper = run.first().map_or(Wrapper { open: String::new(), close: String::new() }, Mark::wrapper);
    Found { start, end, list: OptionList { style, wrapper, items } }
}

/// Options on the last line that is not blank: `Options: (A) red (B) blue`.
fn on_one_line(body: &str, asked: bool) -> Option<Found> {
    let text_end = body.trim_end().len();
    let line_start = body.get(..text_end)?.rfind('\n').map_or(0, |at| at + 1);
    let line = body.get(line_start..text_end)?;
    let mut marks = Vec::new();
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if before.is_whitespace() && !c.is_whitespace() {
            marks.extend(line.get(at..).and_then(|text| mark(text, line_start + at)));
        }
        before = c;
    }
    starts(&marks).find_map(|from| {
        let run = run_from(&marks, from)?;
        let first = run.first()?;
        let style = first_styles(first.label)?;
        let lead_in = body.get(line_start..first.start)?.trim_end();
        let headed = fields::ends_with_option_heading(body.get(..first.start)?);
        let bracketed = first.has_brackets() && (lead_in.is_empty() || lead_in.ends_with(['?', ':']));
        let accepted = (headed && first.close != ":") || (bracketed && (asked || style == LabelStyle::UpperLetter));
        let found = assemble(body, &run, style, body.len());
        let plain = found.list.items.iter().all(|item| !item.text.is_empty() && (headed || is_phrase(&item.text)));
        (accepted && plain).then_some(found)
    })
}

/// Whether a text on one line can be an option: not the beginning of a sentence that goes on with the next label
/// (`(A) this, or (B) that?`), nor one that ends and lets another follow.
fn is_phrase(text: &str) -> bool {
    let joined = [" or", " and", "/"].iter().any(|word| text.ends_with(word));
    let sentences = [". ", "? ", "! "].iter().any(|stop| text.contains(stop));
    !joined && !sentences && !text.ends_with('?')
}
