//! Tables and wrapped text for a terminal.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use crate::analyze::number::measure_plus_minus;
use crate::report::text::{shortened, visible_line};
use crate::sensitivity::Measure;

use super::TERMINAL_WIDTH;

/// Characters of a name that a table shows.
const NAME_CHARACTERS: usize = 60;

/// Characters of a table's title; the note of what was left out still fits the line.
const TITLE_CHARACTERS: usize = 70;

/// A rule under the header, nothing else: in the order of comfy-table's presets.
const RULED_HEADER: &str = "     ──            ";

/// An empty table.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(RULED_HEADER);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(TERMINAL_WIDTH);
    table.set_header(header.iter().enumerate().map(|(place, name)| aligned(place, (*name).to_owned())));
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    table
}

/// Names to the left, numbers to the right.
fn aligned(place: usize, text: String) -> Cell {
    let alignment = if place == 0 { CellAlignment::Left } else { CellAlignment::Right };
    Cell::new(text).set_alignment(alignment)
}

/// Adds a row.
pub(crate) fn add(table: &mut Table, cells: Vec<String>) {
    table.add_row(cells.into_iter().enumerate().map(|(place, text)| aligned(place, text)));
}

/// Adds a row whose cells say whether they are text.
pub(super) fn add_aligned(table: &mut Table, cells: impl Iterator<Item = (String, bool)>) {
    table.add_row(cells.enumerate().map(|(place, (text, is_text))| aligned(if is_text { 0 } else { place }, text)));
}

/// A name from outside.
pub(crate) fn name(text: &str) -> String {
    shortened(&visible_line(text), NAME_CHARACTERS)
}

/// A number, or a dash.
pub(crate) fn optional(measure: Option<&Measure>) -> String {
    measure.map_or_else(|| "–".to_owned(), measure_plus_minus)
}

/// Lines without the white space that fills the last column.
pub(crate) fn text(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A title from outside.
pub(crate) fn title(text: &str) -> String {
    shortened(&visible_line(text), TITLE_CHARACTERS)
}

/// Words filled into lines that start under the first; a word longer than a line is broken.
pub(crate) fn wrapped(text: &str, head: &str) -> String {
    let limit = usize::from(TERMINAL_WIDTH);
    let mut out = String::new();
    let mut line = head.to_owned();
    let indent = " ".repeat(head.chars().count());
    let room = limit.saturating_sub(indent.len()).max(1);
    let mut width = indent.len();
    for word in text.split_whitespace().flat_map(|word| broken(word, room)) {
        let characters = word.chars().count();
        if width > indent.len() && width + 1 + characters > limit {
            out.push_str(&line);
            out.push('\n');
            line.clone_from(&indent);
            width = indent.len();
        }
        if width > indent.len() {
            line.push(' ');
            width += 1;
        }
        line.push_str(&word);
        width += characters;
    }
    out + &line + "\n"
}

/// A word in pieces of at most `room` characters.
fn broken(word: &str, room: usize) -> Vec<String> {
    let characters = word.chars().collect::<Vec<_>>();
    characters.chunks(room).map(|piece| piece.iter().collect()).collect()
}
