//! JSON text as Python's `json.dumps` with `ensure_ascii=False` writes it, byte for byte.

use serde_json::{Number, Value};

/// How `json.dumps` is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PythonJson {
    /// `indent`: blanks a level; `None` writes one line.
    pub indent: Option<usize>,
}

impl PythonJson {
    /// `json.dumps(value, ensure_ascii=False)`.
    pub const LINE: Self = Self { indent: None };
    /// `json.dumps(value, indent=2, ensure_ascii=False)`.
    pub const PRETTY: Self = Self { indent: Some(2) };

    /// The text of a value. Separators are `", "` and `": "`, with `indent` a comma and a line break.
    pub fn text(self, value: &Value) -> String {
        let mut out = String::new();
        self.write(value, 0, &mut out);
        out
    }

    fn write(self, value: &Value, depth: usize, out: &mut String) {
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Number(number) => out.push_str(&number_text(number)),
            // Escapes are those of Python.
            Value::String(_) => out.push_str(&value.to_string()),
            Value::Array(items) => {
                let write = |item: &Value, out: &mut String| self.write(item, depth + 1, out);
                self.members(('[', ']'), items.iter(), depth, out, write);
            }
            Value::Object(entries) => {
                self.members(('{', '}'), entries.iter(), depth, out, |(key, item), out| {
                    out.push_str(&Value::from(key.as_str()).to_string());
                    out.push_str(": ");
                    self.write(item, depth + 1, out);
                });
            }
        }
    }

    fn members<T>(
        self,
        (open, close): (char, char),
        items: impl ExactSizeIterator<Item = T>,
        depth: usize,
        out: &mut String,
        write: impl Fn(T, &mut String),
    ) {
        let empty = items.len() == 0;
        out.push(open);
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            self.break_line(depth + 1, out);
            write(item, out);
        }
        if !empty {
            self.break_line(depth, out);
        }
        out.push(close);
    }

    fn break_line(self, depth: usize, out: &mut String) {
        if let Some(width) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', width * depth));
        }
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(value) => float_text(value),
        None => number.to_string(),
    }
}

/// `repr(value)`: the shortest digits that read back, with an exponent below 1e-4 and from 1e16.
pub fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    match (exponent, scientific.split_once('e')) {
        (Some(exponent), Some((digits, _))) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Printed by `CPython` 3.11.7: `repr` of each.
    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1.5e-7, "-1.5e-07"),
            (1e100, "1e+100"),
            (-439.139_373_779_296_9, "-439.1393737792969"),
            (f64::INFINITY, "Infinity"),
        ] {
            assert_eq!(float_text(value), expected);
        }
    }

    /// Printed by `CPython` 3.11.7: `json.dumps` with the arguments named.
    #[test]
    fn values_are_written_as_json_dumps_writes_them() {
        let value = json!({"a": [1, 2.5, null], "é\u{1f600}": "x\"\\\n\u{1}\u{7f}", "e": {}, "l": [], "t": true});
        assert_eq!(
            PythonJson::LINE.text(&value),
            "{\"a\": [1, 2.5, null], \"é\u{1f600}\": \"x\\\"\\\\\\n\\u0001\u{7f}\", \"e\": {}, \"l\": [], \"t\": true}"
        );
        assert_eq!(
            PythonJson::PRETTY.text(&json!({"a": [1, {"b": []}], "c": {}})),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}"
        );
    }
}
