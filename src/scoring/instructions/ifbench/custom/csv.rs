//! Rows of comma- or tab-separated values as Python's `csv.reader` reads them by default.
//!
//! The `csv` crate skips blank lines, where `csv.reader` gives rows without fields, and takes a lone carriage return
//! for a line end, where `csv.reader` gives an error.

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    StartOfRecord,
    StartOfField,
    InField,
    InQuotes,
    QuoteInQuotes,
    AfterLineBreak,
}

/// `list(csv.reader(io.StringIO(text), delimiter=delimiter))`; `None` where it raises an error: a character other than
/// a line feed after a carriage return outside of quotes.
pub(super) fn read_rows(text: &str, delimiter: char) -> Option<Vec<Vec<String>>> {
    let mut reader = Reader { delimiter, state: State::StartOfRecord, field: String::new(), row: Vec::new() };
    let mut rows = Vec::new();
    for line in text.split_inclusive('\n') {
        for character in line.chars() {
            reader.take(character)?;
        }
        if reader.ends_row() {
            rows.push(std::mem::take(&mut reader.row));
        }
    }
    // Open quotes at the end of the text close there.
    if reader.state == State::InQuotes {
        reader.end_field();
        rows.push(reader.row);
    }
    Some(rows)
}

struct Reader {
    delimiter: char,
    state: State,
    field: String,
    row: Vec<String>,
}

impl Reader {
    fn take(&mut self, character: char) -> Option<()> {
        let line_break = matches!(character, '\n' | '\r');
        self.state = match (self.state, character) {
            (State::StartOfRecord | State::AfterLineBreak, _) if line_break => State::AfterLineBreak,
            (State::AfterLineBreak, _) => return None,
            (State::InQuotes, '"') => State::QuoteInQuotes,
            (State::InQuotes, _) | (State::QuoteInQuotes, '"') => self.keep(character, State::InQuotes),
            (_, _) if line_break => {
                self.end_field();
                State::AfterLineBreak
            }
            (_, _) if character == self.delimiter => {
                self.end_field();
                State::StartOfField
            }
            (State::StartOfRecord | State::StartOfField, '"') => State::InQuotes,
            (_, _) => self.keep(character, State::InField),
        };
        Some(())
    }

    fn keep(&mut self, character: char, state: State) -> State {
        self.field.push(character);
        state
    }

    fn end_field(&mut self) {
        self.row.push(std::mem::take(&mut self.field));
    }

    /// At the end of a line: whether the row ends there, which it does unless quotes are open.
    fn ends_row(&mut self) -> bool {
        match self.state {
            State::InQuotes => return false,
            State::StartOfField | State::InField | State::QuoteInQuotes => self.end_field(),
            State::StartOfRecord | State::AfterLineBreak => {}
        }
        self.state = State::StartOfRecord;
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Expectations are those of CPython 3.11.
    #[test]
    fn rows_are_those_of_python() {
        for (text, rows) in [
            ("a,b\n1,2\n", &[&["a", "b"][..], &["1", "2"]][..]),
            ("a,b\r\n1,2", &[&["a", "b"], &["1", "2"]]),
            ("a\n\nb\n", &[&["a"], &[], &["b"]]),
            ("", &[]),
            ("\n", &[&[]]),
            ("a,", &[&["a", ""]]),
            (",\n", &[&["", ""]]),
            ("\"a,b\",c", &[&["a,b", "c"]]),
            ("\"a\nb\",c", &[&["a\nb", "c"]]),
            ("\"a\"\"b\",\"\"\n", &[&["a\"b", ""]]),
            ("\"a\"b,c", &[&["ab", "c"]]),
            ("a\"b\",c", &[&["a\"b\"", "c"]]),
            (" \"a\",b", &[&[" \"a\"", "b"]]),
            ("\"a,b\nc", &[&["a,b\nc"]]),
            ("\"\"\"a\"\"\",b", &[&["\"a\"", "b"]]),
        ] {
            assert_eq!(read_rows(text, ',').unwrap(), rows, "{text:?}");
        }
        assert_eq!(read_rows("a\tb,c", '\t').unwrap(), [["a", "b,c"]]);
        assert_eq!(read_rows("a\rb", ','), None);
    }
}
