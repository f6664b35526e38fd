//! Prompt templates: Jinja with the settings that lm-evaluation-harness uses, bounded so that a hostile template ends.

use std::sync::LazyLock;

use fancy_regex::{Captures, RegexBuilder};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::documents::Doc;
use super::python_literal::python_str;

/// Instructions that one rendering may take.
const FUEL: u64 = 2_000_000;
/// Longest template.
const MAX_TEMPLATE_BYTES: usize = 256 << 10;
/// Longest text that a replacement may give.
const MAX_REPLACED_BYTES: usize = 16 << 20;
/// Steps that one match may take before the pattern is given up.
const BACKTRACK_LIMIT: usize = 1_000_000;

/// The environment that all templates are rendered in.
static JINJA: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut jinja = Environment::new();
    jinja.set_undefined_behavior(UndefinedBehavior::Strict);
    jinja.set_keep_trailing_newline(true);
    jinja.set_fuel(Some(FUEL));
    jinja.set_recursion_limit(64);
    jinja.set_unknown_method_callback(|state, value, method, arguments| {
        if method == "replace"
            && let (Some(text), [old, new, ..]) = (value.as_str(), arguments)
        {
            refuse_growth(text, old.as_str().unwrap_or_default(), new.as_str().unwrap_or_default())?;
        }
        minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments)
    });
    jinja.set_formatter(|out, _, value| {
        if value.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        let printed =
            python_str(value).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the value is too long"))?;
        out.write_str(&printed).map_err(Error::from)
    });
    // What can make a text grow without doing much work: a state that outlives a loop's round, and padding.
    jinja.remove_global("namespace");
    for padding in ["batch", "slice", "indent", "format"] {
        jinja.remove_filter(padding);
    }
    jinja.add_filter("replace", |text: &str, old: &str, new: &str| {
        refuse_growth(text, old, new).map(|()| text.replace(old, new))
    });
    jinja.add_filter("regex_replace", regex_replace);
    jinja
});

/// Checks the syntax of a template.
pub(crate) fn check(template: &str) -> Result<(), String> {
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(format!("the template is longer than {MAX_TEMPLATE_BYTES} bytes"));
    }
    JINJA.template_from_str(template).map(drop).map_err(|error| explain(&error))
}

/// Renders a template with a document's fields.
pub(crate) fn render(template: &str, doc: &Doc) -> Result<String, String> {
    if !template.contains(['{', '#']) {
        return Ok(template.to_owned());
    }
    JINJA.render_str(template, doc).map_err(|error| explain(&error))
}

/// Refuses a replacement that may give a very long text.
fn refuse_growth(text: &str, old: &str, new: &str) -> Result<(), Error> {
    let most = (text.len() / old.len().max(1) + 1).saturating_mul(new.len());
    if most > MAX_REPLACED_BYTES {
        return Err(Error::new(ErrorKind::InvalidOperation, "the replaced text is too long"));
    }
    Ok(())
}

fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError if detail.is_empty() => {
            "the template uses a field that the document does not have".to_owned()
        }
        ErrorKind::OutOfFuel => "the template does too much work for one prompt".to_owned(),
        kind => format!("{kind}: {detail}").trim_end_matches(": ").to_owned(),
    }
}

/// `re.sub(pattern, replacement, text, count)` as a filter.
fn regex_replace(text: &str, pattern: &str, replacement: &str, count: Option<usize>) -> Result<String, Error> {
    let refuse = |message: String| Error::new(ErrorKind::InvalidOperation, message);
    let regex = RegexBuilder::new(pattern)
        .backtrack_limit(BACKTRACK_LIMIT)
        .build()
        .map_err(|error| refuse(format!("regex_replace: `{pattern}`: {error}")))?;
    let expand = |found: &Captures<'_>| expand_python(replacement, found);
    regex
        .try_replacen(text, count.unwrap_or(0), expand)
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| refuse(format!("regex_replace: `{pattern}`: {error}")))
}

/// Puts groups into a replacement written for Python: `\1`, `\g<1>`, `\g<name>`, `\n`, `\\`.
fn expand_python(replacement: &str, found: &Captures<'_>) -> String {
    let group = |number: usize| found.get(number).map_or("", |group| group.as_str());
    let mut text = String::new();
    let mut rest = replacement;
    while let Some((plain, after)) = rest.split_once('\\') {
        text.push_str(plain);
        rest = after;
        let mut chars = after.chars();
        match chars.next() {
            Some('g') if chars.as_str().starts_with('<') => {
                let (name, tail) = chars.as_str().get(1..).and_then(|tail| tail.split_once('>')).unwrap_or(("", ""));
                match name.parse() {
                    Ok(number) => text.push_str(group(number)),
                    Err(_) => text.push_str(found.name(name).map_or("", |group| group.as_str())),
                }
                rest = tail;
            }
            Some(digit) if digit.is_ascii_digit() => {
                text.push_str(group(digit.to_digit(10).unwrap_or_default() as usize));
                rest = chars.as_str();
            }
            Some(escaped) => {
                text.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                rest = chars.as_str();
            }
            None => {}
        }
    }
    text + rest
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn doc() -> Doc {
        let text = r#"{"q": "  Why?  ", "ok": true, "xs": ["a", "it's"], "n": 3, "s": {"t": "in"}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn templates_render_as_in_python() {
        for (template, expected) in [
            ("{{q.strip()}}\n", "Why?\n"),
            ("{{ok}} {{xs}} {{xs[1]}} {{n}}", "True ['a', \"it's\"] it's 3"),
            ("{{ s.t }}{{ s['t'] }}", "inin"),
            ("{{ q | trim | regex_replace('(W)(h)', '\\\\2\\\\g<1>') }}", "hWy?"),
            ("{% for x in xs %}{{ loop.index0 }}{{ x }} {% endfor %}", "0a 1it's "),
            ("{{ ['No', 'Yes'][ok] }}", "Yes"),
            ("{{ q.split(' ')[-1] }}|{{ ' '.join(xs) }}", "|a it's"),
            ("plain $ text", "plain $ text"),
        ] {
            assert_eq!(render(template, &doc()).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_field_that_is_missing_is_an_error() {
        assert!(render("{{ missing }}", &doc()).is_err());
        assert!(render("{{ missing.strip() }}", &doc()).is_err());
    }

    #[test]
    fn a_hostile_template_ends_with_an_error() {
        for template in [
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}",
            "{{ range(10000000000) }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{{ ('a' * 9999) | regex_replace('^(?:(a+)\\\\1?)+b', '') }}",
            "{{ 'a' * 100000000000 }}",
            "{{ ['a'] * 100000000000 }}",
            "{% set s = namespace(t='aaaaaaaaaaaaaaaa') %}{% for i in range(200) %}{% set s.t = s.t ~ s.t %}{% endfor %}{{ s.t }}",
            "{{ 'a'.replace('a', 'aaaaaaaa' * 4000).replace('a', 'aaaaaaaa' * 4000).replace('a', 'aaaaaaaa' * 4000) }}",
            "{% include 'x' %}",
            "{{ 1 // 0 }}",
        ] {
            assert!(render(template, &doc()).is_err(), "{template}");
        }
        assert!(check("{{ unclosed").is_err());
        assert!(check("{% endfor %}").is_err());
    }
}
