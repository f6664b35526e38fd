//! Python literals: how Jinja prints values in task files, and how lm-evaluation-harness reads lists back from them.

use minijinja::value::{Value, ValueKind};

/// Deepest nesting of a literal.
const MAX_DEPTH: usize = 16;
/// Longest printed value.
const MAX_PRINTED_BYTES: usize = 16 << 20;

/// A literal as task files use them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    /// Text.
    Text(String),
    /// A number, `True`, `False` or `None`, as written.
    Bare(String),
    /// A list or tuple.
    List(Vec<Literal>),
}

impl Literal {
    /// `str(value)` for everything that is not a list.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Bare(text) => Some(text),
            Self::List(_) => None,
        }
    }

    /// Reads a whole text as one literal (`ast.literal_eval`, as far as task files need it).
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text.trim() };
        let literal = reader.literal(0)?;
        reader.skip_space();
        if reader.rest.is_empty() {
            Ok(literal)
        } else {
            Err(format!("`{}` follows the literal", excerpt(reader.rest)))
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn literal(&mut self, depth: usize) -> Result<Literal, String> {
        self.skip_space();
        if depth > MAX_DEPTH {
            return Err(format!("lists are nested deeper than {MAX_DEPTH} levels"));
        }
        if self.take('[') {
            return self.list(']', depth);
        }
        if self.take('(') {
            return self.list(')', depth);
        }
        for quote in ['\'', '"'] {
            if self.take(quote) {
                return self.text(quote);
            }
        }
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || "+-._".contains(c))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if matches!(word, "True" | "False" | "None") || word.parse::<f64>().is_ok_and(f64::is_finite) {
            self.rest = rest;
            return Ok(Literal::Bare(word.to_owned()));
        }
        Err(format!("`{}` is not a Python literal", excerpt(self.rest)))
    }

    fn list(&mut self, close: char, depth: usize) -> Result<Literal, String> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.take(close) {
                return Ok(Literal::List(items));
            }
            items.push(self.literal(depth + 1)?);
            self.skip_space();
            if !self.take(',') && !self.rest.starts_with(close) {
                return Err(format!("a list goes on with `{}` where a comma or `{close}` is due", excerpt(self.rest)));
            }
        }
    }

    fn text(&mut self, quote: char) -> Result<Literal, String> {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        while let Some(c) = chars.next() {
            if c == quote {
                self.rest = chars.as_str();
                return Ok(Literal::Text(text));
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(width @ ('x' | 'u' | 'U')) => {
                    let digits = match width {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let code: String = chars.by_ref().take(digits).collect();
                    let decoded = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                    text.push(decoded.ok_or_else(|| format!("`\\{width}{code}` is not a character"))?);
                }
                Some(c @ ('\\' | '\'' | '"')) => text.push(c),
                Some('\n') => {}
                Some(c) => text.extend(['\\', c]),
                None => break,
            }
        }
        Err("a quoted text is not closed".to_owned())
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(24).collect()
}

/// How Python's `str` prints a value; minijinja prints `true` and `none` otherwise. `None` where it would be too long.
pub(crate) fn python_str(value: &Value) -> Option<String> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map | ValueKind::Bool | ValueKind::None => {
            let mut printed = String::new();
            python_repr(value, 0, &mut printed)?;
            Some(printed)
        }
        _ => Some(value.to_string()).filter(|printed| printed.len() <= MAX_PRINTED_BYTES),
    }
}

fn python_repr(value: &Value, depth: usize, out: &mut String) -> Option<()> {
    if depth > MAX_DEPTH || out.len() > MAX_PRINTED_BYTES {
        return None;
    }
    let (open, close) = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => ('[', ']'),
        ValueKind::Map => ('{', '}'),
        ValueKind::Bool => {
            out.push_str(if value.is_true() { "True" } else { "False" });
            return Some(());
        }
        ValueKind::None | ValueKind::Undefined => {
            out.push_str("None");
            return Some(());
        }
        ValueKind::String => {
            out.push_str(&quoted(value.as_str().unwrap_or_default()));
            return Some(());
        }
        _ => {
            out.push_str(&value.to_string());
            return Some(());
        }
    };
    out.push(open);
    for (index, item) in value.try_iter().into_iter().flatten().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        python_repr(&item, depth + 1, out)?;
        if open == '{' {
            out.push_str(": ");
            python_repr(&value.get_item(&item).unwrap_or_default(), depth + 1, out)?;
        }
    }
    out.push(close);
    Some(())
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut printed = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => printed.push_str("\\n"),
            '\t' => printed.push_str("\\t"),
            '\r' => printed.push_str("\\r"),
            '\\' => printed.push_str("\\\\"),
            c if c == quote => printed.extend(['\\', c]),
            c => printed.push(c),
        }
    }
    printed.push(quote);
    printed
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_list_reads_back_whatever_its_texts_hold() {
        let texts = ["plain", "it's", "\"quoted\"", "both ' and \"", "line\nbreak\\n", "ünïcode", ""];
        let printed = python_str(&Value::from_serialize(texts)).unwrap();
        let Literal::List(items) = Literal::parse(&printed).unwrap() else { panic!("a list was printed") };
        let read: Vec<String> = items.into_iter().filter_map(Literal::into_text).collect();
        assert_eq!(read, texts);
    }

    #[test]
    fn values_print_as_in_python() {
        assert_eq!(python_str(&Value::from(true)).unwrap(), "True");
        assert_eq!(python_str(&Value::from(())).unwrap(), "None");
        assert_eq!(python_str(&Value::from_serialize((1, "a", 2.0))).unwrap(), "[1, 'a', 2.0]");
    }

    #[test]
    fn what_is_no_literal_is_refused_without_running_away() {
        let deep = "[".repeat(10_000);
        for hostile in ["", "[1", "open('x')", "'a", "[1 2]", "nan", "'a' b", "'\\ud800'", deep.as_str()] {
            assert!(Literal::parse(hostile).is_err(), "{hostile:.20}");
        }
    }
}
