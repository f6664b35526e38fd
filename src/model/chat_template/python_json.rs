//! `tojson` as transformers defines it: Python's `json.dumps`, without HTML escapes.

use serde_json::Value as Json;

/// How `json.dumps` is asked to write.
pub(super) struct Style {
    pub ensure_ascii: bool,
    /// Spaces for each level; `None` writes one line.
    pub indent: Option<usize>,
    pub sort_keys: bool,
    /// Between items and between key and value, where the template names them.
    pub separators: Option<(String, String)>,
}

/// Writes a value the way Python's `json.dumps` does.
pub(super) fn dumps(value: &Json, style: &Style) -> String {
    let default_item = if style.indent.is_some() { "," } else { ", " };
    let (item, key) =
        style.separators.as_ref().map_or((default_item, ": "), |(item, key)| (item.as_str(), key.as_str()));
    let mut writer = Writer { style, item, key, text: String::new() };
    writer.value(value, 0);
    writer.text
}

struct Writer<'a> {
    style: &'a Style,
    item: &'a str,
    key: &'a str,
    text: String,
}

impl Writer<'_> {
    fn value(&mut self, value: &Json, depth: usize) {
        match value {
            Json::Null => self.text.push_str("null"),
            Json::Bool(true) => self.text.push_str("true"),
            Json::Bool(false) => self.text.push_str("false"),
            Json::Number(number) => self.text.push_str(&number.to_string()),
            Json::String(string) => self.string(string),
            Json::Array(items) => self.block('[', ']', items.iter().map(|item| (None, item)), depth),
            Json::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().map(|(name, value)| (Some(name.as_str()), value)).collect();
                if self.style.sort_keys {
                    fields.sort_by_key(|(name, _)| *name);
                }
                self.block('{', '}', fields.into_iter(), depth);
            }
        }
    }

    fn block<'v>(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = (Option<&'v str>, &'v Json)>,
        depth: usize,
    ) {
        self.text.push(open);
        let mut empty = true;
        for (name, item) in items {
            if !empty {
                self.text.push_str(self.item);
            }
            empty = false;
            self.line(depth + 1);
            if let Some(name) = name {
                self.string(name);
                self.text.push_str(self.key);
            }
            self.value(item, depth + 1);
        }
        if !empty {
            self.line(depth);
        }
        self.text.push(close);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.style.indent {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', indent.saturating_mul(depth)));
        }
    }

    fn string(&mut self, string: &str) {
        self.text.push('"');
        for c in string.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                c if c < ' ' || (self.style.ensure_ascii && !(' '..='~').contains(&c)) => self.escape(c),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    fn escape(&mut self, c: char) {
        use std::fmt::Write as _;
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(self.text, "\\u{unit:04x}");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_pythons_dumps_writes_it() {
        // Expected texts: json.dumps of CPython 3 with the same arguments.
        let value: Json =
            serde_json::from_str(r#"{"b": [1, 2.5, {}], "a": "<é\"\n\u0001😀>", "c": [], "d": null}"#).unwrap();
        let style = |ensure_ascii, indent, sort_keys| Style { ensure_ascii, indent, sort_keys, separators: None };
        assert_eq!(
            dumps(&value, &style(false, None, false)),
            r#"{"b": [1, 2.5, {}], "a": "<é\"\n\u0001😀>", "c": [], "d": null}"#
        );
        assert_eq!(
            dumps(&value, &style(true, Some(2), true)),
            "{\n  \"a\": \"<\\u00e9\\\"\\n\\u0001\\ud83d\\ude00>\",\n  \"b\": [\n    1,\n    2.5,\n    {}\n  ],\n  \"c\": [],\n  \"d\": null\n}"
        );
        let delete = Json::from("\u{7f}");
        assert_eq!(dumps(&delete, &style(true, None, false)), r#""\u007f""#);
        assert_eq!(dumps(&delete, &style(false, None, false)), "\"\u{7f}\"");
        let compact = Style { separators: Some((",".to_owned(), ":".to_owned())), ..style(false, None, false) };
        assert_eq!(dumps(&value, &compact), r#"{"b":[1,2.5,{}],"a":"<é\"\n\u0001😀>","c":[],"d":null}"#);
    }
}
