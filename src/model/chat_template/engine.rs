//! Jinja as transformers sets it up, with bounds on what a template may use.

use std::io::{self, Write};

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};

use super::python_json::{Style, dumps};

/// Instructions that one rendering may take; a conversation of a hundred turns takes about ten thousand.
const FUEL: u64 = 1_000_000;
/// Depth of macro calls and inclusions.
const RECURSION_LIMIT: usize = 64;
/// Largest rendered prompt.
const OUTPUT_LIMIT_BYTES: usize = 64 << 20;

/// `raise_exception` was called; carries the template's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct RaisedByTemplate(pub String);

/// An environment with one template of this name and source.
pub(super) fn environment(name: &str, source: &str) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(false);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION_LIMIT);
    // Python spells constants with capitals.
    environment.set_formatter(|out, state, value| match value.kind() {
        ValueKind::None => out.write_str("None").map_err(Error::from),
        ValueKind::Bool => out.write_str(if value.is_true() { "True" } else { "False" }).map_err(Error::from),
        _ => escape_formatter(out, state, value),
    });
    environment.add_function("raise_exception", |message: Value| -> Result<Value, Error> {
        let message = message.to_string();
        Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(RaisedByTemplate(message)))
    });
    environment.add_filter("tojson", to_json);
    // Jinja2 reads every line end as a line feed.
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    environment.add_template_owned(name.to_owned(), without_generation_blocks(&source))?;
    Ok(environment)
}

// The engine hands keyword arguments over by value.
#[allow(clippy::needless_pass_by_value)]
fn to_json(value: &Value, kwargs: Kwargs) -> Result<String, Error> {
    let style = Style {
        ensure_ascii: kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        // A level of 64 spaces is far beyond any template's taste and keeps the text small.
        indent: kwargs.get::<Option<usize>>("indent")?.map(|indent| indent.min(64)),
        sort_keys: kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        separators: match kwargs.get::<Option<Vec<String>>>("separators")?.as_deref() {
            Some([item, key]) => Some((item.clone(), key.clone())),
            None => None,
            Some(_) => {
                return Err(Error::new(ErrorKind::InvalidOperation, "tojson: `separators` must be two strings"));
            }
        },
    };
    kwargs.assert_all_used()?;
    let json = serde_json::to_value(value).map_err(|error| {
        Error::new(ErrorKind::BadSerialization, "tojson cannot write this value").with_source(error)
    })?;
    Ok(dumps(&json, &style))
}

/// `{% generation %}` marks what training learns from; for a prompt it is only a scope, which `with` is too.
/// Lines and white space control stay as they are.
fn without_generation_blocks(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        text.push_str(before);
        rest = tag;
        let body = tag.strip_prefix(['-', '+']).unwrap_or(tag);
        let word_at = tag.len() - body.trim_start().len();
        let (lead, word) = tag.split_at(word_at);
        for (found, replacement) in [("generation", "with"), ("endgeneration", "endwith")] {
            let closes = |tail: &str| tail.trim_start().trim_start_matches(['-', '+']).starts_with("%}");
            if let Some(tail) = word.strip_prefix(found).filter(|tail| closes(tail)) {
                text.push_str(lead);
                text.push_str(replacement);
                rest = tail;
            }
        }
    }
    text.push_str(rest);
    text
}

/// Collects rendered text up to the limit.
#[derive(Default)]
pub(super) struct BoundedText(Vec<u8>);

impl BoundedText {
    /// The text.
    pub fn into_text(self) -> String {
        // The engine writes whole strings only.
        String::from_utf8(self.0).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > OUTPUT_LIMIT_BYTES {
            return Err(io::Error::other(format!("the rendered prompt has more than {OUTPUT_LIMIT_BYTES} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_marks_become_scopes_and_nothing_else_changes() {
        assert_eq!(
            without_generation_blocks("a{%- generation -%}b{% endgeneration%}{% if generation %}{{'{% x'}}"),
            "a{%- with -%}b{% endwith%}{% if generation %}{{'{% x'}}"
        );
    }
}
