//! A query laid out in a format.

use super::grammar::Format;
use crate::perturb::anatomy::{Cue, Field, OptionList, PromptStructure};

/// A part of a query with the white space that stood around it.
struct Part<'a> {
    lead: String,
    body: String,
    after: &'a str,
}

/// The query in a format. Texts and their order stay; white space before the first and after the last part stays too.
pub fn render(structure: &PromptStructure, format: &Format<'_>) -> String {
    let parts = parts(structure, format);
    if parts.is_empty() {
        return structure.render();
    }
    let mut text = String::new();
    for (place, part) in parts.iter().enumerate() {
        if place == 0 {
            text.push_str(&part.lead);
        }
        text.push_str(&part.body);
        match (parts.get(place + 1), format.space) {
            (None, _) => text.push_str(part.after),
            (Some(_), Some(space)) => text.push_str(&space.text),
            (Some(next), None) => text.extend([part.after, &next.lead]),
        }
    }
    text
}

fn parts<'a>(structure: &'a PromptStructure, format: &Format<'_>) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    // A field of white space alone can only begin the query; it goes to the first part.
    let mut start = "";
    for field in &structure.fields {
        if field.is_blank() {
            start = &field.lead;
        } else {
            let lead = format!("{}{}", std::mem::take(&mut start), field.lead);
            parts.push(Part { lead, body: field_body(field, format), after: &field.after });
        }
    }
    if let Some(options) = &structure.options {
        let heading = structure.fields.last().filter(|field| !field.name.is_empty() && field.text.is_empty());
        let list = list_body(options, format);
        let after = options.items.last().map_or("", |item| item.after.as_str());
        if let (Some(heading), Some(part)) = (heading, parts.last_mut()) {
            part.body =
                format!("{}{}{list}", format.casing.of(&heading.name), heading_separator(heading, options, format));
            part.after = after;
        } else {
            parts.push(Part { lead: std::mem::take(&mut start).to_owned(), body: list, after });
        }
    }
    for field in structure.tail.iter().filter(|field| !field.is_blank()) {
        parts.push(Part { lead: field.lead.clone(), body: field_body(field, format), after: &field.after });
    }
    if let Some(cue) = &structure.cue {
        parts.push(Part { lead: format!("{start}{}", cue.lead), body: cue_body(cue, format), after: &cue.end });
    }
    parts
}

/// What is left of a separator when white space at its end is taken from elsewhere.
fn visible(separator: &str) -> &str {
    separator.trim_end()
}

/// The white space that ends a separator.
fn white_end(separator: &str) -> &str {
    separator.get(separator.trim_end().len()..).unwrap_or_default()
}

/// A text that began on a line of its own still does: it may be a list or a table.
fn field_body(field: &Field, format: &Format<'_>) -> String {
    if field.name.is_empty() {
        return field.text.clone();
    }
    let name = format.casing.of(&field.name);
    let text = &field.text;
    match format.separator {
        None => format!("{name}{}{text}", field.separator),
        Some(separator) if text.is_empty() => format!("{name}{}", visible(separator)),
        Some(separator) if field.separator.contains('\n') => {
            format!("{name}{}{}{text}", visible(separator), white_end(&field.separator))
        }
        Some(separator) => format!("{name}{separator}{text}"),
    }
}

/// Options that began on a line of their own still do, unless the format puts them all on one line.
fn heading_separator(heading: &Field, options: &OptionList, format: &Format<'_>) -> String {
    let Some(separator) = format.separator else { return heading.separator.clone() };
    let on_lines = match format.item_space {
        Some(space) => space.text.contains('\n'),
        None => options.items.iter().rev().skip(1).all(|item| item.after.contains('\n')),
    };
    if on_lines && heading.separator.contains('\n') {
        return format!("{}{}", visible(separator), white_end(&heading.separator));
    }
    separator.to_owned()
}

fn list_body(options: &OptionList, format: &Format<'_>) -> String {
    let wrapper = format.wrapper.unwrap_or(&options.wrapper);
    let mut text = String::new();
    for (index, item) in options.items.iter().enumerate() {
        let label = format.numbering.and_then(|style| style.label(index)).unwrap_or_else(|| item.label.clone());
        let on_one_line = format.item_space.is_some_and(|space| !space.text.contains('\n'));
        let gap = format.gap.unwrap_or(if on_one_line { "" } else { &item.lead });
        let separator = format.item_separator.unwrap_or(&item.gap);
        let separator = if item.text.is_empty() { visible(separator) } else { separator };
        text.extend([gap, &wrapper.wrap(&label), separator, &item.text]);
        if index + 1 < options.items.len() {
            text.push_str(format.item_space.map_or(&item.after, |space| &space.text));
        }
    }
    text
}

/// The cue keeps the white space that ended it, and takes none from the separator: there the answer begins, with the
/// task's own delimiter.
fn cue_body(cue: &Cue, format: &Format<'_>) -> String {
    let name = format.casing.of(&cue.name);
    let Some(separator) = format.separator else {
        return [&name, &cue.separator, &cue.gap, &cue.opening].map(String::as_str).concat();
    };
    if cue.opening.is_empty() {
        return format!("{name}{}", visible(separator));
    }
    if cue.gap.contains('\n') {
        return format!("{name}{}{}{}", visible(separator), cue.gap, cue.opening);
    }
    format!("{name}{separator}{}", cue.opening)
}
