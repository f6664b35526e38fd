//! More spaces between words, tabs, empty lines, spaces at the ends of lines.
//!
//! Sites are the gaps (runs of white space between two other characters) that lie outside every protected span and
//! hold no tab, and the beginning of the prompt. The number of changed sites is exactly `max(1, round(rate x sites))`.
//! White space is only ever added (or one space becomes a tab), so indentation keeps its depth and lines stay lines.
//!
//! Nothing is added at the end of the instruction or of the query, nor beside the answer cue: `Answer: ` and `Answer:`
//! split the first token of the answer differently, which would measure the tokenizer and not the wording.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::protect::{Edit, Part, PromptText};
use super::typo::edit_count;
use super::{Outcome, PerturbationInfo, PerturbationKind, Strength};
use crate::instance::Instance;

/// Facts for a listing.
pub const INFO: PerturbationInfo = PerturbationInfo {
    kind: PerturbationKind::Whitespace,
    summary: "extra spaces and tabs between words, empty lines, spaces at line ends",
    keeps: "every character that is not white space, in order; every protected span; the white space around options \
            and the answer cue and at the end of the prompt; examples",
    strengths: "share of gaps: light 0.05 (up to 2 spaces), default 0.15 (up to 3, tabs), heavy 0.4 (up to 5, tabs), \
                or a number (up to 3, tabs); at least one gap",
    default_draws: 2,
};

/// A place where white space may be added.
enum Site {
    /// Before the first character of the prompt.
    Start(Part),
    /// A gap without line break.
    Spaces(Part, Range<usize>),
    /// A gap with a line break.
    Lines(Part, Range<usize>),
}

/// One draw.
pub fn apply(instance: &Instance, strength: &Strength, rng: &mut ChaCha8Rng) -> Outcome {
    let prompt = PromptText::of(instance);
    let mut sites = sites(&prompt);
    let gaps = sites.iter().filter(|site| !matches!(site, Site::Start(_))).count();
    if gaps == 0 {
        return Outcome::nothing("no gap between words outside protected text");
    }
    let (most_spaces, tabs) = match strength {
        Strength::Light => (2, false),
        Strength::Default | Strength::Rate(_) => (3, true),
        Strength::Heavy => (5, true),
    };
    let count = edit_count(strength.rate(0.05, 0.15, 0.4), gaps);
    sites.shuffle(rng);
    sites.truncate(count);
    let mut edits = Vec::with_capacity(count);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for site in sites {
        let (edit, change) = widen(&prompt, site, most_spaces, tabs, rng);
        edits.push(edit);
        *counts.entry(change).or_default() += 1;
    }
    let changes = counts.into_iter().map(|(change, count)| format!("{change}: {count}")).collect();
    Outcome::of_prompt(instance, prompt.with_edits(instance, &edits), changes)
}

fn sites(prompt: &PromptText) -> Vec<Site> {
    let mut sites = Vec::new();
    if let Some(part) = Part::ALL.into_iter().find(|part| !prompt.part(*part).text().is_empty()) {
        sites.push(Site::Start(part));
    }
    for part in Part::ALL {
        let text = prompt.part(part);
        for gap in gaps(text.text()) {
            let space = text.slice(&gap);
            if !text.is_free(&gap) || space.contains('\t') {
                continue;
            }
            sites.push(if space.contains('\n') { Site::Lines(part, gap) } else { Site::Spaces(part, gap) });
        }
    }
    sites
}

/// Runs of white space with something else on both sides.
fn gaps(text: &str) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut start = None;
    let mut seen_text = false;
    for (at, c) in text.char_indices() {
        match (c.is_whitespace(), start) {
            (true, None) if seen_text => start = Some(at),
            (false, Some(begin)) => {
                gaps.push(begin..at);
                start = None;
            }
            _ => {}
        }
        seen_text |= !c.is_whitespace();
    }
    gaps
}

fn widen(
    prompt: &PromptText,
    site: Site,
    most_spaces: usize,
    tabs: bool,
    rng: &mut ChaCha8Rng,
) -> (Edit, &'static str) {
    let spaces = " ".repeat(rng.random_range(1..=most_spaces));
    match site {
        Site::Start(part) => {
            let (text, change) = if rng.random_bool(0.5) {
                ("\n", "empty line at the beginning")
            } else {
                (" ", "space at the beginning")
            };
            (Edit { part, range: 0..0, text: text.to_owned() }, change)
        }
        Site::Spaces(part, range) if tabs && rng.random_bool(0.2) => {
            (Edit { part, range, text: "\t".to_owned() }, "tab between words")
        }
        Site::Spaces(part, range) => {
            (Edit { part, range: range.end..range.end, text: spaces }, "extra spaces between words")
        }
        Site::Lines(part, range) => {
            let (at, text, change) = if rng.random_bool(0.5) {
                let first_break = prompt.part(part).slice(&range).find('\n').unwrap_or(0);
                (range.start + first_break, "\n".to_owned(), "empty line between lines")
            } else {
                (range.start, spaces, "spaces at the end of a line")
            };
            (Edit { part, range: at..at, text }, change)
        }
    }
}
