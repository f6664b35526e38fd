//! Prompt templates: Jinja with the settings that lm-evaluation-harness uses, bounded so that a hostile template ends.

use std::io;
use std::sync::LazyLock;

use fancy_regex::Captures;
use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value, filters};

use super::documents::Doc;
use super::growth::{self, spend};
use super::python_literal::python_str;
use crate::scoring::Pattern;

/// Instructions that one rendering may take.
const FUEL: u64 = 2_000_000;
/// Longest template.
const MAX_TEMPLATE_BYTES: usize = 256 << 10;
/// Longest prompt.
const MAX_RENDERED_BYTES: usize = 16 << 20;
/// Widest indentation of printed JSON.
const MAX_INDENT: usize = 16;

/// The environment that all templates are rendered in.
static JINJA: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut jinja = Environment::new();
    jinja.set_undefined_behavior(UndefinedBehavior::Strict);
    jinja.set_keep_trailing_newline(true);
    jinja.set_fuel(Some(FUEL));
    jinja.set_recursion_limit(64);
    jinja.set_unknown_method_callback(method);
    jinja.set_formatter(|out, _, value| {
        if value.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        let printed = python_str(value).ok_or_else(|| refusal("the value is too long"))?;
        out.write_str(&printed).map_err(Error::from)
    });
    // What can make a text grow without doing much work: a state that outlives a loop's round, padding and escapes.
    jinja.remove_global("namespace");
    for growing in ["batch", "slice", "indent", "format", "pprint", "urlencode", "escape", "e"] {
        jinja.remove_filter(growing);
    }
    jinja.add_filter("replace", |state: &State<'_, '_>, text: &str, old: &str, new: &str| {
        spend(state, replacement_growth(text, old, new)).map(|()| text.replace(old, new))
    });
    jinja.add_filter("regex_replace", regex_replace);
    jinja.add_filter("join", |state: &State<'_, '_>, items: &Value, joiner: Option<&str>| {
        join(state, items, joiner.unwrap_or_default())
    });
    jinja.add_filter("string", |state: &State<'_, '_>, value: &Value| {
        let printed = filters::string(state, value)?;
        if value.as_str().is_none() {
            spend(state, printed.as_str().map_or(0, str::len))?;
        }
        Ok::<_, Error>(printed)
    });
    jinja.add_filter("tojson", |state: &State<'_, '_>, value: &Value, indent: Option<Value>, rest: Kwargs| {
        to_json(state, value, indent, &rest)
    });
    jinja.add_filter("list", |state: &State<'_, '_>, value: Value| {
        spend_items(state, &value)?;
        filters::list(state, value)
    });
    jinja.add_filter("map", |state: &State<'_, '_>, value: Value, arguments: Rest<Value>| {
        spend_items(state, &value)?;
        filters::map(state, value, arguments)
    });
    jinja
});

/// Checks the syntax of a template, and that it cannot ask for very much memory.
pub(crate) fn check(template: &str) -> Result<(), String> {
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(format!("the template is longer than {MAX_TEMPLATE_BYTES} bytes"));
    }
    // First, as the compiler works out constant parts.
    growth::check(template, 0)?;
    JINJA.template_from_str(template).map(drop).map_err(|error| explain(&error))
}

/// Renders a template with a document's fields.
pub(crate) fn render(template: &str, doc: &Doc) -> Result<String, String> {
    if !template.contains(['{', '#']) {
        return Ok(template.to_owned());
    }
    growth::check(template, growth::bytes_of(doc))?;
    let compiled = JINJA.template_from_str(template).map_err(|error| explain(&error))?;
    let mut prompt = Prompt::default();
    match compiled.render_captured_to(doc, &mut prompt) {
        _ if prompt.is_full => Err(format!("the rendered text is longer than {MAX_RENDERED_BYTES} bytes")),
        Err(error) => Err(explain(&error)),
        Ok(_) => String::from_utf8(prompt.bytes).map_err(|error| error.to_string()),
    }
}

/// A prompt in the making.
#[derive(Default)]
struct Prompt {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Prompt {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(text.len()) > MAX_RENDERED_BYTES {
            self.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn refusal(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Python's methods, those that make a text grow within bounds.
fn method(state: &State<'_, '_>, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match (method, value.as_str(), arguments) {
        ("replace", Some(text), [old, new, ..]) => {
            let (old, new) = (old.as_str().unwrap_or_default(), new.as_str().unwrap_or_default());
            spend(state, replacement_growth(text, old, new))?;
        }
        ("join", Some(joiner), [items]) => return join(state, items, joiner).map(Value::from),
        ("format", Some(text), arguments) => {
            if text.contains(':') {
                return Err(refusal("format: a width or style after `:` is not supported"));
            }
            let longest = arguments.iter().map(|one| one.as_str().map_or(1 << 10, str::len)).max();
            spend(state, text.matches('{').count().saturating_mul(longest.unwrap_or_default()))?;
        }
        _ => {}
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments)
}

/// How much longer a text may get by a replacement.
fn replacement_growth(text: &str, old: &str, new: &str) -> usize {
    let matches = if old.is_empty() { text.len() + 1 } else { text.len() / old.len() };
    matches.saturating_mul(new.len().saturating_sub(old.len()))
}

/// Counts the places of a list that a filter is about to make.
fn spend_items(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    let items = value.len().or_else(|| value.as_str().map(str::len)).unwrap_or_default();
    spend(state, items.saturating_mul(size_of::<Value>()))
}

fn join(state: &State<'_, '_>, items: &Value, joiner: &str) -> Result<String, Error> {
    let mut text = String::new();
    for (index, item) in items.try_iter()?.enumerate() {
        let printed = item.as_str().map_or_else(|| item.to_string().into(), std::borrow::Cow::Borrowed);
        let joiner = if index == 0 { "" } else { joiner };
        spend(state, joiner.len().saturating_add(printed.len()))?;
        text.push_str(joiner);
        text.push_str(&printed);
    }
    Ok(text)
}

fn to_json(state: &State<'_, '_>, value: &Value, indent: Option<Value>, rest: &Kwargs) -> Result<Value, Error> {
    let indent = indent.or(rest.get("indent")?);
    rest.assert_all_used()?;
    if indent.as_ref().and_then(Value::as_usize).is_some_and(|width| width > MAX_INDENT) {
        return Err(refusal(format!("tojson: indent must be at most {MAX_INDENT}")));
    }
    let printed = filters::tojson(value, indent, Kwargs::from_iter([] as [(&str, Value); 0]))?;
    spend(state, printed.as_str().map_or(0, str::len)).map(|()| printed)
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
fn regex_replace(
    state: &State<'_, '_>,
    text: &str,
    pattern: &str,
    replacement: &str,
    count: Option<usize>,
) -> Result<String, Error> {
    let refuse = |error: &dyn ToString| refusal(format!("regex_replace: {}", error.to_string()));
    let pattern = Pattern::new(pattern).map_err(|error| refuse(&error))?;
    let most = text.len().saturating_add(growth::left(state));
    let expand = |found: &Captures<'_>, out: &mut String| expand_python(replacement, found, most, out);
    let replaced = pattern.replace_in(text, count.unwrap_or(0), most, expand).map_err(|error| refuse(&error))?;
    spend(state, replaced.len().saturating_sub(text.len())).map(|()| replaced)
}

/// Puts groups into a replacement written for Python: `\1`, `\g<1>`, `\g<name>`, `\n`, `\\`. Ends soon after `most` bytes.
fn expand_python(replacement: &str, found: &Captures<'_>, most: usize, out: &mut String) {
    let group = |number: usize| found.get(number).map_or("", |group| group.as_str());
    let mut rest = replacement;
    while let Some((plain, after)) = rest.split_once('\\') {
        if out.len() > most {
            return;
        }
        out.push_str(plain);
        rest = after;
        let mut chars = after.chars();
        match chars.next() {
            Some('g') if chars.as_str().starts_with('<') => {
                let (name, tail) = chars.as_str().get(1..).and_then(|tail| tail.split_once('>')).unwrap_or(("", ""));
                match name.parse() {
                    Ok(number) => out.push_str(group(number)),
                    Err(_) => out.push_str(found.name(name).map_or("", |group| group.as_str())),
                }
                rest = tail;
            }
            Some(digit) if digit.is_ascii_digit() => {
                out.push_str(group(digit.to_digit(10).unwrap_or_default() as usize));
                rest = chars.as_str();
            }
            Some(escaped) => {
                out.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                rest = chars.as_str();
            }
            None => {}
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn doc() -> Doc {
        let text = r#"{"q": "  Why?  ", "ok": true, "xs": ["a", "it's"], "n": 3, "s": {"t": "in"}}"#;
        serde_json::from_str(text).unwrap()
    }

    const JOINED: &str = r#"a, it's 012 3-x ["a","it\u0027s"]"#;

    /// `re.sub` and `str` are Python's own.
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
            ("{{ 'abxd' | regex_replace('x*', '-') }} {{ 'a[b' | regex_replace('[[]', '') }}", "-a-b--d- ab"),
            ("{{ xs | join(', ') }} {{ range(3) | join }} {{ '{}-{}'.format(n, 'x') }} {{ xs | tojson }}", JOINED),
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
            "{{ ('a' * 10000) | regex_replace('', 'b' * 10000) }}",
            "{{ ('a' * 10000) | regex_replace('(a+)', '\\\\1' * 10000) }}",
            "{{ range(9999) | join('a' * 1000000) }}",
            "{{ ('a' * 1000000).join(range(9999)) }}",
            "{{ range(9999) | map('default', 'a', true) | map('replace', 'a', 'a' * 1000000) | list }}",
            "{{ '{:>99999999999}'.format(1) }}",
            "{{ [1] | tojson(indent=99999999999) }}",
            "{{ ('\\\\' * 9999)|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson }}",
            "{{ (['a'] * 10000000) | list | length }}",
            "{% for a in range(9999) %}{{ q ~ '                                ' * 1000 }}{% endfor %}",
            "{% include 'x' %}",
            "{{ 1 // 0 }}",
        ] {
            assert!(render(template, &doc()).is_err(), "{template}");
        }
        assert!(check("{{ unclosed").is_err());
        assert!(check("{% endfor %}").is_err());
    }
}
