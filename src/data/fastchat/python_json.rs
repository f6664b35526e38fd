//! JSON as Python's `json.dumps` writes it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Rows as lines of JSON in the layout of Python's `json.dumps` with its defaults: `", "` and `": "` between items,
/// ASCII only, numbers as Python's `repr`. The error is that of a value that has no JSON form.
pub fn to_jsonl<T: Serialize>(rows: &[T]) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    for row in rows {
        row.serialize(&mut Serializer::with_formatter(&mut bytes, PythonLayout))?;
        bytes.push(b'\n');
    }
    // The layout is ASCII throughout.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct PythonLayout;

impl Formatter for PythonLayout {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(python_float(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                writer.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// `repr` of a finite float: the shortest digits that read back the same, with an exponent below 1e-4 and from 1e16 on.
fn python_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let Ok(exponent) = exponent.parse::<i32>() else { return scientific };
    if (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Python 3: `repr` of each.
    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (8.0, "8.0"),
            (7.5, "7.5"),
            (1_715_788_241.837_351_6, "1715788241.8373516"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (2.5e-7, "2.5e-07"),
        ] {
            assert_eq!(python_float(value), expected);
        }
    }

    /// Python 3: `json.dumps` of the same.
    #[test]
    fn text_is_written_in_ascii_as_python_writes_it() {
        let text = "\u{e9}\u{1f600}\u{7f}\u{1}\"\\/\n\t\u{8}\u{c}";
        let row = serde_json::json!({"a": [text, null, true, -1], "b": {}, "c": []});
        let expected = concat!(
            r#"{"a": ["\u00e9\ud83d\ude00\u007f\u0001\"\\/\n\t\b\f", null, true, -1], "b": {}, "c": []}"#,
            "\n"
        );
        assert_eq!(to_jsonl(&[row]).unwrap(), expected);
    }
}
