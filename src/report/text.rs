//! Text from prompts, replies and file names, made harmless before any format shows it.
//!
//! A reply may hold terminal escape codes, bidirectional controls, NUL, HTML, Markdown or a spreadsheet formula. All
//! formats pass such text through [`visible`] (nothing invisible stays invisible, nothing is silently dropped) and then
//! through the escaping of their own format.

use std::fmt::Write as _;

/// Whether a character would act on a terminal or a page instead of being seen: controls, bidirectional controls,
/// zero-width and tag characters, line and paragraph separators. Line feed and tab are controls here too.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

/// Replaces every character that acts by a picture of itself: `␛` for escape, `⟨U+202E⟩` for a bidirectional override.
/// Line feeds and tabs stay: they are layout in a block of text.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            // The pictures of the C0 controls are in the order of the controls.
            '\u{0}'..='\u{1F}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7F}' => out.push('\u{2421}'),
            c if acts(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// [`visible`] on one line: line feeds become `⏎`, tabs a space. For table cells and headings.
pub fn visible_line(text: &str) -> String {
    visible(text).replace('\n', "⏎").replace('\t', " ")
}

/// At most `limit` characters, with a note of how many were left out.
pub fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => {
            let left_out = text.get(end..).unwrap_or_default().chars().count();
            format!("{} […{left_out} more characters]", text.get(..end).unwrap_or_default())
        }
    }
}

/// A Markdown inline span that shows `text` literally, in prose and in table cells alike.
///
/// Plain words become an ordinary code span. Anything else becomes an HTML `code` element in which every punctuation
/// mark is a numeric entity: no backtick, pipe, link, mention or tag is left for a Markdown reader to act on.
pub fn markdown_code(text: &str) -> String {
    let text = visible_line(text);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '/' | ',' | '%');
    if !text.is_empty() && text.chars().all(plain) && text.trim() == text {
        return format!("`{text}`");
    }
    let mut out = String::from("<code>");
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.push_str("</code>");
    out
}

/// Text in which no line begins with `::`, which the log of a GitHub job takes for a command: a word joiner parts the two.
fn without_commands(text: &str) -> String {
    let line = |line: &str| {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        if rest.starts_with("::") {
            format!("{indent}:\u{2060}{}", rest.get(1..).unwrap_or_default())
        } else {
            line.to_owned()
        }
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// A fenced block whose fence is longer than any run of backticks inside.
pub fn markdown_block(text: &str) -> String {
    let text = without_commands(&visible(text));
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n")
}

/// A spreadsheet cell that is never taken for a formula: text that starts with `=`, `+`, `-`, `@`, or with white space or
/// quotes that a spreadsheet strips before it looks, gets a leading apostrophe.
pub fn csv_cell(text: &str) -> String {
    let text = visible_line(text);
    let stripped = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '‘' | '’' | '“' | '”');
    let first = text.trim_start_matches(stripped).chars().next();
    // The full-width and small forms are formulas too in some locales.
    let formula = first.is_some_and(|c| {
        matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫' | '−')
    });
    if formula || text.starts_with(|c: char| c.is_whitespace() || c == '\'') { format!("'{text}") } else { text }
}

/// JSON text whose strings show no character that acts on a terminal: each is written as its `\u` escape, which reads
/// back as the same character. JSON layout has line feeds only, and none inside strings, so values do not change.
pub fn json_ascii_controls(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && acts(c) {
            let mut units = [0_u16; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\0b\x1b[31mred\u{202e}evil\u{9b}2J\r\u{e0041}";

    #[test]
    fn nothing_that_acts_stays_and_nothing_is_dropped_silently() {
        let seen = visible(HOSTILE);
        assert!(!seen.chars().any(acts), "{seen:?}");
        assert_eq!(seen, "a␀b␛[31mred⟨U+202E⟩evil⟨U+009B⟩2J␍⟨U+E0041⟩");
        assert_eq!(visible("two\n\tlines"), "two\n\tlines");
        assert_eq!(visible_line("two\n\tlines"), "two⏎ lines");
    }

    #[test]
    fn markdown_spans_hold_no_mark_that_a_reader_would_act_on() {
        assert_eq!(markdown_code("mmlu_anatomy/12"), "`mmlu_anatomy/12`");
        let span = markdown_code("`|<b>@team [x](http://e) *k*");
        let inner = span.strip_prefix("<code>").unwrap().strip_suffix("</code>").unwrap();
        assert!(!inner.contains(['`', '|', '<', '>', '@', '[', ']', '*', ':']), "{inner}");
        assert_eq!(markdown_code(""), "<code></code>");
    }

    #[test]
    fn a_block_holds_no_line_that_a_jobs_log_takes_for_a_command() {
        let block = markdown_block("fine\n::error::x\n  ::warning::y\na::b");
        assert!(!block.lines().any(|line| line.trim_start().starts_with("::")), "{block}");
        assert!(block.contains("a::b"));
    }

    #[test]
    fn a_fence_is_longer_than_any_fence_inside() {
        let block = markdown_block("x\n````\n# heading");
        assert!(block.starts_with("`````text\n"));
        assert!(block.ends_with("\n`````\n"));
    }

    #[test]
    fn formulas_are_defused_in_csv() {
        for formula in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1", "\"=1", "'=1", "\u{a0}=1", "“+1", "﹣1"]
        {
            let cell = csv_cell(formula);
            assert!(cell.starts_with('\'') || cell.starts_with('␍'), "{cell:?}");
        }
        assert_eq!(csv_cell("typo@heavy"), "typo@heavy");
    }

    #[test]
    fn json_with_escaped_controls_reads_back_as_the_same_text() {
        let json = json_ascii_controls(&serde_json::to_string(HOSTILE).unwrap());
        assert!(!json.chars().any(acts), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), HOSTILE);
    }

    #[test]
    fn shortening_counts_what_it_leaves_out() {
        assert_eq!(shortened("äbc", 3), "äbc");
        assert_eq!(shortened("äbcd", 2), "äb […2 more characters]");
    }
}
