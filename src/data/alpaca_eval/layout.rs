//! JSON text as pandas writes it (`to_json(orient="records", indent=2)`).

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

/// The value as text. Numbers are written with as many digits as it takes to read the same number back; pandas stops at
/// ten decimals, so that its own files come out as they were.
pub(super) fn pandas_json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Pandas(PrettyFormatter::with_indent(b"  "))))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

struct Pandas<'i>(PrettyFormatter<'i>);

impl Formatter for Pandas<'_> {
    /// Fixed notation; a whole number keeps `.0`. Very large and very small numbers take an exponent.
    fn write_f64<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        let exponent = size >= 1e16 || (size > 0.0 && size < 1e-10);
        let text = if exponent { format!("{value:e}") } else { format!("{value:?}") };
        let text = if text.contains('e') && !exponent { format!("{value}") } else { text };
        writer.write_all(text.as_bytes())
    }

    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, character) in fragment.char_indices() {
            if character.is_ascii() && character != '/' {
                continue;
            }
            writer.write_all(fragment.get(plain..at).unwrap_or_default().as_bytes())?;
            if character == '/' {
                writer.write_all(b"\\/")?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            plain = at + character.len_utf8();
        }
        writer.write_all(fragment.get(plain..).unwrap_or_default().as_bytes())
    }

    fn write_char_escape<W: io::Write + ?Sized>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }

    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b":")
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// pandas 2: `pd.DataFrame(rows).to_json(orient="records", indent=2)`, but for the number under `tiny`, which
    /// pandas writes as 0.0.
    #[test]
    fn texts_and_numbers_are_written_as_pandas_does() {
        let value = serde_json::json!([{
            "a/b": "né \u{1f642}\n\"\\\u{1}\u{7f}<", "whole": 806.0, "small": -6.704e-7, "tiny": 1e-30, "int": 3, "none": null
        }]);
        let expected = r#"[
  {
    "a\/b":"n\u00e9 \ud83d\ude42\n\"\\\u0001<DEL><",
    "whole":806.0,
    "small":-0.0000006704,
    "tiny":1e-30,
    "int":3,
    "none":null
  }
]"#;
        assert_eq!(pandas_json(&value).unwrap(), expected.replace("<DEL>", "\u{7f}"));
    }
}
