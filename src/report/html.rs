//! One self-contained HTML page: no script, no network, readable in light and dark, on paper and on a phone.

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Output, State};

use crate::analyze::Analysis;

use super::ReportError;
use super::page::Page;
use super::text::visible;

/// The templates, embedded. `page.html` includes the others.
const TEMPLATES: [(&str, &str); 13] = [
    ("page.html", include_str!("templates/page.html")),
    ("macros.html", include_str!("templates/macros.html")),
    ("style.html", include_str!("templates/style.css")),
    ("picture.html", include_str!("templates/picture.css")),
    ("answer.html", include_str!("templates/answer.html")),
    ("sections.html", include_str!("templates/sections.html")),
    ("headline.html", include_str!("templates/headline.html")),
    ("weightings.html", include_str!("templates/weightings.html")),
    ("plots.html", include_str!("templates/plots.html")),
    ("heat.html", include_str!("templates/heat.html")),
    ("details.html", include_str!("templates/details.html")),
    ("flips.html", include_str!("templates/flips.html")),
    ("provenance.html", include_str!("templates/provenance.html")),
];

/// The whole page.
pub(super) fn render(analysis: &Analysis) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_formatter(write_visible);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment.get_template("page.html")?.render(Page::of(analysis))?)
}

/// Writes a value with everything invisible made visible, then escaped: no template can forget either.
pub(crate) fn write_visible(out: &mut Output, state: &State, value: &Value) -> Result<(), minijinja::Error> {
    if value.kind() == ValueKind::String
        && !value.is_safe()
        && let Some(text) = value.as_str()
    {
        return minijinja::escape_formatter(out, state, &Value::from(visible(text)));
    }
    minijinja::escape_formatter(out, state, value)
}
