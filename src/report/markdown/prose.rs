//! Sentences, tables and names in Markdown, with everything from outside made harmless.

use std::fmt::Write as _;

use crate::analyze::number::measure_with_interval;
use crate::report::text::visible_line;
use crate::sensitivity::Measure;

/// A line of a table. Cells are already Markdown.
pub(crate) fn line(out: &mut String, cells: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// A header with its rule; the first columns are text.
pub(crate) fn header(out: &mut String, names: &[&str], text_columns: usize) {
    line(out, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let rules = (0..names.len()).map(|place| if place < text_columns { "---" } else { "--:" }.to_owned());
    line(out, &rules.collect::<Vec<_>>());
}

/// A sentence with names from outside in it. Everything that Markdown or a forge would act on becomes an entity or is
/// split from what makes it act; underscores inside words, and brackets of intervals, act on nothing and stay.
pub(crate) fn prose(text: &str) -> String {
    let text = visible_line(text);
    let mut out = String::new();
    let mut before = ' ';
    // A list item or a heading's underline at the start of a line.
    let mut starts_line = true;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        let harmless = match c {
            '_' => before.is_alphanumeric() && after.is_alphanumeric(),
            '[' => after.is_ascii_digit() || after == '-',
            ']' => !matches!(after, '(' | '[' | ':'),
            ':' => after == ' ',
            '-' | '+' | '=' | '.' | ')' => !starts_line,
            '\\' | '`' | '*' | '{' | '}' | '<' | '>' | '|' | '~' | '&' | '!' | '$' | '@' | '#' => false,
            _ => true,
        };
        starts_line &= c.is_ascii_digit() || c == ' ';
        if harmless {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
        // A word joiner keeps a forge from taking the rest for a mention, an issue or a picture.
        let issue = c == '-' && after.is_ascii_digit() && ends_with_gh(&out);
        if matches!(c, '@' | '#') || issue || (c == ':' && !after.is_whitespace() && !after.is_ascii_digit()) {
            out.push('\u{2060}');
        }
        before = c;
    }
    out.replace("www.", "www&#46;")
}

/// Whether a text ends with `GH-`, which a forge takes for an issue when a number follows.
fn ends_with_gh(text: &str) -> bool {
    let mut tail = text.chars().rev();
    tail.next() == Some('-')
        && tail.next().is_some_and(|c| c.eq_ignore_ascii_case(&'h'))
        && tail.next().is_some_and(|c| c.eq_ignore_ascii_case(&'g'))
}

/// A number with its interval, or a dash.
pub(crate) fn optional(measure: Option<&Measure>) -> String {
    measure.map_or_else(|| "–".to_owned(), measure_with_interval)
}
