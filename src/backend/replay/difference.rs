//! How a request without an answer differs from the nearest one that has an answer.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::request::{Prompt, Request};

/// Lines of a difference that are shown.
const MOST_LINES: usize = 16;

/// Characters of a line that are shown.
const LONGEST_LINE_CHARS: usize = 160;

/// How a request's prompt begins, for people.
pub(super) fn beginning(request: &Request) -> String {
    readable(request).trim_start().chars().take(LONGEST_LINE_CHARS).collect()
}

/// Names the nearest recorded request and shows what changed.
pub(super) fn to_nearest<'a>(request: &Request, recorded: impl Iterator<Item = &'a Request>) -> String {
    let text = readable(request);
    let nearest = recorded
        .filter(|other| std::mem::discriminant(*other) == std::mem::discriminant(request))
        .map(|other| (shared_bytes(&text, &readable(other)), other))
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    let Some((shared, nearest)) = nearest else {
        return "No request of its kind is recorded.".to_owned();
    };
    let recorded_text = readable(nearest);
    if recorded_text == text {
        let change = changed_lines(&settings(nearest), &settings(request));
        return format!(
            "Its prompt is recorded, but other settings were asked with it (- recorded, + asked):\n{change}"
        );
    }
    if shared * 2 < text.len().min(recorded_text.len()) {
        return "No recorded prompt resembles it.".to_owned();
    }
    let change = changed_lines(&recorded_text, &text);
    format!("The prompt changed (- recorded, + asked):\n{change}")
}

/// Bytes that two texts share at their beginning and end: cheap, and high for a prompt that was edited in one place.
fn shared_bytes(left: &str, right: &str) -> usize {
    let same = |(left, right): &(u8, u8)| left == right;
    let head = left.bytes().zip(right.bytes()).take_while(same).count();
    let longest_tail = left.len().min(right.len()) - head;
    head + left.bytes().rev().zip(right.bytes().rev()).take(longest_tail).take_while(same).count()
}

/// What the model is given to read.
fn readable(request: &Request) -> String {
    match request {
        Request::Generate { prompt, .. }
        | Request::LogLikelihood { prompt, .. }
        | Request::NextToken { prompt, .. } => prompt.as_readable_text(),
        Request::Dialogue { prompt, turns, .. } => {
            turns.iter().fold(prompt.as_readable_text(), |text, turn| text + "\n\n[user]\n" + turn)
        }
        Request::Rolling { text } => text.clone(),
        Request::PromptSet { prompts, .. } => {
            prompts.iter().map(Prompt::as_readable_text).collect::<Vec<_>>().join("\n\n")
        }
    }
}

/// Everything of a request but its prompt, one setting a line.
fn settings(request: &Request) -> String {
    let mut value = serde_json::to_value(request).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("prompt");
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

fn changed_lines(recorded: &str, asked: &str) -> String {
    let diff = TextDiff::configure().timeout(Duration::from_millis(500)).diff_lines(recorded, asked);
    let mut lines = Vec::new();
    for change in diff.iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Equal => continue,
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        lines.push((sign, change.value().trim_end_matches('\n')));
    }
    let hidden = lines.len().saturating_sub(MOST_LINES);
    let counterpart = |place: usize| match (lines.get(place), lines.get(place + 1)) {
        (Some(('-', old)), Some(('+', new))) => head_bytes(old, new),
        _ => 0,
    };
    let mut shown = Vec::new();
    for (place, (sign, line)) in lines.iter().take(MOST_LINES).enumerate() {
        let skip = if *sign == '-' { counterpart(place) } else { place.checked_sub(1).map_or(0, counterpart) };
        shown.push(format!("  {sign} {}", around(line, skip)));
    }
    if hidden > 0 {
        shown.push(format!("  ({hidden} more lines)"));
    }
    shown.join("\n")
}

fn head_bytes(left: &str, right: &str) -> usize {
    left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count()
}

/// A long line from a little before the byte where it changed.
fn around(line: &str, changed_at: usize) -> String {
    let mut start = changed_at.saturating_sub(40);
    while !line.is_char_boundary(start) {
        start -= 1;
    }
    if line.len() <= LONGEST_LINE_CHARS {
        start = 0;
    }
    let tail = line.get(start..).unwrap_or(line);
    let mut text: String = tail.chars().take(LONGEST_LINE_CHARS).collect();
    if text.len() < tail.len() {
        text.push('…');
    }
    if start > 0 { format!("…{text}") } else { text }
}
