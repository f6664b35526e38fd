//! Flipped instances: what changed in the prompt, and both replies.

use std::fmt::Write as _;

use crate::analyze::Analysis;
use crate::analyze::number::figure;
use crate::perturb::diff::{DiffKind, DiffRun};
use crate::report::flip_view::{FlipView, flip_views};
use crate::report::text::{markdown_block, markdown_code, shortened, visible};

use super::{Document, Rank, left_out};

/// Characters of a reply that a pull request shows.
const REPLY_CHARACTERS: usize = 600;

/// Characters of a prompt with what changed marked.
const PROMPT_CHARACTERS: usize = 4_000;

/// Characters of both replies with what changed marked.
const MARKED_CHARACTERS: usize = 1_200;

/// Characters of unchanged text kept beside a change.
const CONTEXT_CHARACTERS: usize = 60;

/// Flipped instances that a pull request shows.
const MOST_FLIPS: usize = 10;

/// The instances, each folded.
pub(super) fn flips(document: &mut Document, analysis: &Analysis) {
    let views = flip_views(analysis);
    if views.is_empty() {
        return;
    }
    document.add(Rank::Text, "\n## Most flipped instances\n".to_owned());
    for view in views.iter().take(MOST_FLIPS) {
        document.add(Rank::Text, flip(view));
    }
    document.add(Rank::Text, left_out(views.len().saturating_sub(MOST_FLIPS), "instance"));
}

fn flip(view: &FlipView<'_>) -> String {
    let FlipView { flipped, .. } = view;
    let mut out = format!(
        "\n<details><summary>{}, {}: {} of {} variants flip</summary>\n\n",
        markdown_code(view.checkpoint),
        markdown_code(&flipped.instance),
        flipped.flipped,
        flipped.variants
    );
    if !flipped.expected.is_empty() {
        let _ = writeln!(out, "Expected {}.\n", markdown_code(&shortened(&flipped.expected, REPLY_CHARACTERS)));
    }
    for exchange in [&flipped.original, &flipped.variant] {
        let _ = writeln!(
            out,
            "- {}: answer {}, credit {}",
            markdown_code(&exchange.variant.to_string()),
            markdown_code(&shortened(&exchange.answer, REPLY_CHARACTERS)),
            figure(exchange.credit)
        );
    }
    let _ = writeln!(out, "\nWhat changed in the prompt, `[-removed-]` and `{{+added+}}`:\n");
    out.push_str(&markdown_block(&shortened(&marked(&view.changes), PROMPT_CHARACTERS)));
    if !flipped.original.reply.is_empty() || !flipped.variant.reply.is_empty() {
        let _ = writeln!(out, "\nWhat changed in the reply:\n");
        out.push_str(&markdown_block(&shortened(&marked(&view.reply_changes), MARKED_CHARACTERS)));
    }
    out + "\n</details>\n"
}

/// A word diff as text, with long unchanged stretches shortened.
fn marked(runs: &[DiffRun]) -> String {
    let mut out = String::new();
    let last = runs.len().saturating_sub(1);
    for (place, run) in runs.iter().enumerate() {
        match run.kind {
            DiffKind::Same => out.push_str(&context(&visible(&run.text), place == 0, place == last)),
            DiffKind::Removed => {
                let _ = write!(out, "[-{}-]", visible(&run.text));
            }
            DiffKind::Added => {
                let _ = write!(out, "{{+{}+}}", visible(&run.text));
            }
        }
    }
    out
}

/// The parts of an unchanged stretch that touch a change.
fn context(text: &str, is_first: bool, is_last: bool) -> String {
    let characters = text.chars().collect::<Vec<_>>();
    let head = if is_first { 0 } else { CONTEXT_CHARACTERS };
    let tail = if is_last { 0 } else { CONTEXT_CHARACTERS };
    if characters.len() <= head + tail + 5 {
        return text.to_owned();
    }
    let head = characters.iter().take(head).collect::<String>();
    let tail = characters.iter().skip(characters.len() - tail).collect::<String>();
    format!("{head} … {tail}")
}
