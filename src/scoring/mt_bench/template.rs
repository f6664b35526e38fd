//! Prompt templates with placeholders in braces, read as Python's `str.format` reads them.

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Text that stays.
    Text(String),
    /// A placeholder, by name.
    Slot(String),
}

/// A template whose placeholders are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

impl Template {
    /// Reads a template: `{name}` is a placeholder, `{{` and `}}` are braces. The error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, tail) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = tail.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = tail.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else if let Some(after) = tail.strip_prefix('{') {
                let Some((name, after)) = after.split_once('}') else {
                    return Err("a `{` is never closed; write `{{` for a brace".to_owned());
                };
                if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    let shown = name.chars().take(40).collect::<String>();
                    return Err(format!("{shown:?} in braces is no placeholder's name; write `{{{{` for a brace"));
                }
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Slot(name.to_owned()));
                rest = after;
            } else {
                return Err("a `}` was never opened; write `}}` for a brace".to_owned());
            }
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// Whether a placeholder occurs.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Slot(slot) if slot == name))
    }

    /// The text with every placeholder replaced by its value; values are never read as templates. The error is that of
    /// the first placeholder that has none.
    pub(super) fn fill<'a, E>(&self, value: impl Fn(&str) -> Result<&'a str, E>) -> Result<String, E> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Slot(name) => text.push_str(value(name)?),
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fill(template: &str, values: &[(&str, &str)]) -> Result<String, String> {
        let value = |name: &str| {
            values.iter().find(|(key, _)| *key == name).map(|(_, value)| *value).ok_or_else(|| name.to_owned())
        };
        Template::parse(template)?.fill(value)
    }

    #[test]
    fn a_value_with_braces_is_not_expanded_again() {
        let values = [("question", "{answer} {{"), ("answer", "{question} } {")];
        assert_eq!(fill("Q {question}\nA {answer}", &values).unwrap(), "Q {answer} {{\nA {question} } {");
    }

    #[test]
    fn doubled_braces_are_braces_as_in_python() {
        assert_eq!(fill("{{x}} {a} {{{a}}}", &[("a", "1")]).unwrap(), "{x} 1 {1}");
    }

    #[test]
    fn what_is_no_placeholder_is_refused_with_the_reason() {
        for (template, word) in
            [("{a", "closed"), ("a}", "opened"), ("{}", "name"), ("{a!r}", "name"), ("{a{b}}", "name")]
        {
            assert!(Template::parse(template).unwrap_err().contains(word), "{template}");
        }
        assert_eq!(fill("{unknown}", &[]).unwrap_err(), "unknown");
    }
}
