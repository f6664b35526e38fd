//! Paraphrase: other words for the same request, by sentence templates and a guarded lexicon that ship with the
//! program, or from the user's own paraphrases ([`user`]).
//!
//! Two kinds of change are made. A *template* knows a kind of sentence ("Which of the following {…}?", "Write a {…}.")
//! and other ways to say it; what its slots hold is carried over untouched. A *substitution* puts a word or phrase in
//! the place of another that means the same in the contexts that its guards admit. The article before a replaced word
//! is made to agree with it. Both leave alone what is protected everywhere, system text, few-shot examples, options,
//! field names and cues, and the material that a request works on; see the source of `editable` for what counts as
//! material.
//!
//! Strengths: `light` makes one change. `default` rewords one sentence where a template fits, and substitutes at most
//! 15 % of the words that may change (at least one where no template fits). `heavy` rewords every sentence that a
//! template fits, at most 6, with at most one polite request among them, and substitutes wherever it can, at most 24
//! times.

mod data;
mod editable;
mod guard;
mod lexicon;
mod template;
mod text;
pub mod user;
mod validate;

use std::ops::Range;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::protect::{Part, PromptText};
use super::{Outcome, PerturbationInfo, PerturbationKind, Strength};
use crate::instance::{Expectation, Instance};
pub use data::ParaphraseData;
use editable::Stretch;
use lexicon::Candidate;
use template::{ItemKind, Piece, Rewording, Template};
use text::{Passage, capitalised, uncapitalised};

/// What there is to know about it before it is used.
pub const INFO: PerturbationInfo = PerturbationInfo {
    kind: PerturbationKind::Paraphrase,
    summary: "says the instruction or question in other words, by templates and a guarded lexicon, or with your own wordings",
    keeps: "numbers, quoted text, code, placeholders, options, answers, field names, cues, examples, and the material that a request works on",
    strengths: "light: one change; default: one sentence reworded and up to 15 % of its words; heavy: everything that has another wording",
    default_draws: 3,
};

/// Share of the words that may change which the default strength substitutes at most.
const DEFAULT_SHARE: f64 = 0.15;
/// Most sentences that the heavy strength rewords.
const MOST_SENTENCES: usize = 6;
/// Most words that the heavy strength substitutes.
const MOST_SUBSTITUTIONS: usize = 24;

/// Rewords the instruction and the question of an instance.
pub fn apply(instance: &Instance, strength: &Strength, rng: &mut ChaCha8Rng, data: &ParaphraseData) -> Outcome {
    if instance.expectation == Expectation::Document {
        return Outcome::nothing("the text itself is scored; there is no request to reword");
    }
    let stretches = match editable::stretches(instance) {
        Ok(stretches) => stretches,
        Err(reason) => return Outcome::nothing(reason),
    };
    let mut plan = Plan::of(&stretches, data);
    if plan.is_empty() {
        return Outcome::nothing("no template fits a sentence of it and no word of it is in the lexicon");
    }
    plan.choose(*strength, rng);
    finish(instance, &stretches, &plan.written(&stretches))
}

/// Puts the reworded stretches into the prompt. A draft in which a protected stretch is missing or out of order is
/// refused, whatever the templates say.
fn finish(instance: &Instance, stretches: &[Stretch], drafts: &[Draft]) -> Outcome {
    let mut prompt = instance.prompt.clone();
    let mut changes = Vec::new();
    for part in Part::ALL {
        let original = match part {
            Part::Instruction => &instance.prompt.instruction,
            Part::Query => &instance.prompt.query,
        };
        let mut text = String::with_capacity(original.len() + 64);
        let mut at = 0;
        for (stretch, draft) in stretches.iter().zip(drafts).filter(|(stretch, _)| stretch.part == part) {
            text.push_str(original.get(at..stretch.range.start).unwrap_or_default());
            text.push_str(&draft.text);
            changes.extend(draft.changes.iter().cloned());
            at = stretch.range.end;
        }
        text.push_str(original.get(at..).unwrap_or_default());
        match part {
            Part::Instruction => prompt.instruction = text,
            Part::Query => prompt.query = text,
        }
    }
    let source = PromptText::of(instance);
    let whole = [(Part::Instruction, &prompt.instruction), (Part::Query, &prompt.query)];
    if whole.iter().any(|(part, text)| !in_order(source.part(*part).protected_substrings().into_iter(), text)) {
        return Outcome::nothing("the rewording would have moved protected text");
    }
    Outcome::of_prompt(instance, prompt, changes)
}

/// Whether the needles are found one after the other.
fn in_order<'a>(mut needles: impl Iterator<Item = &'a str>, text: &str) -> bool {
    let mut rest = text;
    needles.all(|needle| match rest.split_once(needle) {
        Some((_, tail)) => {
            rest = tail;
            true
        }
        None => false,
    })
}

fn says_please(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower.contains("please") || lower.contains("kindly")
}

/// A sentence that a template fits.
struct Fit<'a> {
    stretch: usize,
    sentence: usize,
    /// The sentence's bytes.
    span: Range<usize>,
    template: &'a Template,
    captures: Vec<Range<usize>>,
    /// Whether another sentence of the stretch says please.
    pleased: bool,
}

/// A place where the lexicon has other words.
struct Place {
    stretch: usize,
    candidate: Candidate,
}

/// What may be done, and what was chosen of it.
struct Plan<'a> {
    fits: Vec<Fit<'a>>,
    places: Vec<Place>,
    words: usize,
    rewordings: Vec<(usize, &'a Rewording)>,
    substitutions: Vec<(usize, String)>,
}

/// A stretch as it is to be.
struct Draft {
    text: String,
    changes: Vec<String>,
}

impl<'a> Plan<'a> {
    fn of(stretches: &[Stretch], data: &'a ParaphraseData) -> Self {
        let mut plan =
            Self { fits: Vec::new(), places: Vec::new(), words: 0, rewordings: Vec::new(), substitutions: Vec::new() };
        for (stretch, found) in stretches.iter().enumerate() {
            let passage = &found.passage;
            plan.words += passage.words.iter().filter(|word| word.open).count();
            plan.places
                .extend(data.lexicon.candidates(passage).into_iter().map(|candidate| Place { stretch, candidate }));
            for (sentence, whole) in passage.sentences.iter().enumerate() {
                let fits = data.templates.iter().filter_map(|template| {
                    let captures = template.captures(passage, sentence)?;
                    let rest = [passage.slice(0..whole.start), passage.slice(whole.end..passage.text.len())];
                    let pleased = rest.iter().any(|text| says_please(text));
                    Some(Fit { stretch, sentence, span: whole.start..whole.end, template, captures, pleased })
                });
                plan.fits.extend(fits);
            }
        }
        plan
    }

    fn is_empty(&self) -> bool {
        self.fits.is_empty() && self.places.is_empty()
    }

    fn choose(&mut self, strength: Strength, rng: &mut ChaCha8Rng) {
        let (sentences, substitutions) = match strength {
            Strength::Light => {
                let reword = !self.fits.is_empty() && (self.places.is_empty() || rng.random_bool(0.5));
                if reword { (1, 0..=0) } else { (0, 1..=1) }
            }
            Strength::Heavy => (MOST_SENTENCES, MOST_SUBSTITUTIONS..=MOST_SUBSTITUTIONS),
            Strength::Default | Strength::Rate(_) => {
                let share = strength.rate(DEFAULT_SHARE, DEFAULT_SHARE, DEFAULT_SHARE);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let most = ((self.words as f64 * share).round() as usize).clamp(1, MOST_SUBSTITUTIONS);
                (1, usize::from(self.fits.is_empty())..=most)
            }
        };
        self.choose_rewordings(sentences, rng);
        let mut free = self.free_places();
        free.shuffle(rng);
        let most = (*substitutions.end()).min(free.len());
        let count = rng.random_range((*substitutions.start()).min(most)..=most);
        let chosen = free.into_iter().take(count).filter_map(|place| {
            let candidate = &self.places.get(place)?.candidate;
            Some((place, candidate.replacements.choose(rng)?.clone()))
        });
        self.substitutions = chosen.collect();
        self.substitutions.sort_by_key(|(place, _)| *place);
    }

    /// Chooses sentences first, then a template, then a paraphrase, so that a sentence that many templates fit is not
    /// chosen more often.
    fn choose_rewordings(&mut self, most: usize, rng: &mut ChaCha8Rng) {
        let mut sentences = self.fits.iter().map(|fit| (fit.stretch, fit.sentence)).collect::<Vec<_>>();
        sentences.dedup();
        sentences.shuffle(rng);
        let (mut polite, mut asked) = (false, false);
        for sentence in sentences.into_iter().take(most) {
            let fits = self.fits.iter().enumerate();
            let of_it =
                fits.filter(|(_, fit)| (fit.stretch, fit.sentence) == sentence && !(polite && fit.template.polite));
            let of_it = of_it.collect::<Vec<_>>();
            let Some((index, fit)) = of_it.choose(rng) else { continue };
            let mild = |rewording: &&Rewording| !(asked || fit.pleased) || !says_please(&rewording.shown);
            let rewordings = fit.template.rewordings.iter().filter(mild).collect::<Vec<_>>();
            let Some(rewording) = rewordings.choose(rng).copied() else { continue };
            polite |= fit.template.polite;
            asked |= says_please(&rewording.shown);
            self.rewordings.push((*index, rewording));
        }
        self.rewordings.sort_by_key(|(index, _)| *index);
    }

    /// Places outside the reworded sentences or wholly within a slot.
    fn free_places(&self) -> Vec<usize> {
        let fits = self.rewordings.iter().filter_map(|(fit, _)| self.fits.get(*fit)).collect::<Vec<_>>();
        let is_free = |place: &Place| {
            let spot = &place.candidate.range;
            fits.iter().all(|fit| {
                let elsewhere =
                    fit.stretch != place.stretch || spot.start >= fit.span.end || fit.span.start >= spot.end;
                elsewhere || fit.captures.iter().any(|slot| slot.start <= spot.start && spot.end <= slot.end)
            })
        };
        let places = self.places.iter().enumerate();
        places.filter(|(_, place)| is_free(place)).map(|(index, _)| index).collect()
    }

    fn written(&self, stretches: &[Stretch]) -> Vec<Draft> {
        stretches.iter().enumerate().map(|(index, stretch)| self.draft(index, stretch)).collect()
    }

    fn draft(&self, index: usize, stretch: &Stretch) -> Draft {
        let mut draft = Draft { text: String::new(), changes: Vec::new() };
        let mut at = 0;
        for (fit, rewording) in &self.rewordings {
            let Some(fit) = self.fits.get(*fit).filter(|fit| fit.stretch == index) else { continue };
            let Some(sentence) = stretch.passage.sentences.get(fit.sentence) else { continue };
            draft.text.push_str(&self.substituted(index, stretch, at..sentence.start));
            draft.text.push_str(&self.reworded(index, stretch, fit, rewording));
            draft.changes.push(fit.change(&stretch.passage, rewording));
            at = sentence.end;
        }
        draft.text.push_str(&self.substituted(index, stretch, at..stretch.passage.text.len()));
        for (place, replacement) in &self.substitutions {
            if let Some(place) = self.places.get(*place).filter(|place| place.stretch == index) {
                let original = stretch.passage.slice(place.candidate.range.clone());
                draft.changes.push(format!("\"{original}\" -> \"{replacement}\""));
            }
        }
        draft
    }

    /// A range of the stretch with the substitutions in it.
    fn substituted(&self, index: usize, stretch: &Stretch, range: Range<usize>) -> String {
        let mut text = String::new();
        let mut at = range.start;
        for (place, replacement) in &self.substitutions {
            let Some(place) = self.places.get(*place).filter(|place| place.stretch == index) else { continue };
            let spot = &place.candidate.range;
            if range.start <= spot.start && spot.end <= range.end {
                text.push_str(stretch.passage.slice(at..spot.start));
                text.push_str(replacement);
                at = spot.end;
            }
        }
        text.push_str(stretch.passage.slice(at..range.end));
        text
    }

    fn reworded(&self, index: usize, stretch: &Stretch, fit: &Fit<'_>, rewording: &Rewording) -> String {
        let passage = &stretch.passage;
        let Some(sentence) = passage.sentences.get(fit.sentence) else { return String::new() };
        let upper = passage.slice(sentence.start..sentence.end).starts_with(char::is_uppercase);
        let mut text = String::new();
        for piece in &rewording.pieces {
            match piece {
                Piece::Text(own) if text.is_empty() && !upper && !own.starts_with("I ") => {
                    text.push_str(&uncapitalised(own));
                }
                Piece::Text(own) => text.push_str(own),
                Piece::Slot(slot) => {
                    let range = fit.captures.get(*slot).cloned().unwrap_or_default();
                    let held = self.substituted(index, stretch, range.clone());
                    let guard = fit.template.slots.get(*slot);
                    let one_word = guard.is_some_and(|slot| !slot.start.is_empty() && slot.words == (1, 1));
                    let known = one_word && range.start == sentence.start;
                    text.push_str(&match (text.is_empty(), known, upper) {
                        (true, false, true) if one_word || range.start == sentence.start => capitalised(&held),
                        (false, true, _) => uncapitalised(&held),
                        _ => held,
                    });
                }
            }
        }
        let original_end = passage.slice(sentence.body_end..sentence.end);
        // Material on the request's own line comes last; a question mark after it would become part of it.
        let has_material = passage.slice(sentence.start..sentence.body_end).contains(": ");
        text.push_str(match &rewording.end {
            _ if has_material => original_end,
            Some(end) if original_end.is_empty() && end == "?" => end,
            Some(end) if !original_end.is_empty() && !original_end.contains(':') => end,
            _ => original_end,
        });
        text
    }
}

impl Fit<'_> {
    /// What changed, for people: short slots in full, longer ones as `…`.
    fn change(&self, passage: &Passage, rewording: &Rewording) -> String {
        let held = |slot: usize| {
            let text = passage.slice(self.captures.get(slot).cloned().unwrap_or_default());
            if text.split_whitespace().count() > 2 { "…".to_owned() } else { text.to_owned() }
        };
        let mut before = String::new();
        for item in &self.template.items {
            before.push_str(&item.gap);
            match &item.kind {
                ItemKind::Word(word) => before.push_str(word),
                ItemKind::Slot(slot) => before.push_str(&held(*slot)),
            }
        }
        let pieces = rewording.pieces.iter().map(|piece| match piece {
            Piece::Text(own) => own.clone(),
            Piece::Slot(slot) => held(*slot),
        });
        format!("\"{before}{}\" -> \"{}\"", self.template.tail, pieces.collect::<String>())
    }
}

#[cfg(test)]
mod tests;
