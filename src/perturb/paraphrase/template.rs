//! Sentence patterns with slots and the other ways of saying them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::text::{Passage, Sentence, Word};

/// The most steps that matching one template on one sentence may take.
const MATCH_STEPS: usize = 4_000;

/// Where in its passage a sentence has to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Position {
    /// Anywhere.
    #[default]
    Any,
    /// First of its passage.
    First,
    /// The only one of its passage.
    Only,
}

/// What a slot may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotGuard {
    /// The slot's name.
    pub name: String,
    /// Fewest and most words.
    pub words: (usize, usize),
    /// Its first word is one of these, where there are any.
    pub start: BTreeSet<String>,
    /// Its first word is none of these.
    pub not_start: BTreeSet<String>,
    /// Its last word is none of these.
    pub not_end: BTreeSet<String>,
    /// None of its words is one of these.
    pub none_of: BTreeSet<String>,
    /// Endings that its last word may not have.
    pub not_suffix: Vec<String>,
    /// Whether it may hold commas, colons, dashes and brackets.
    pub plain: bool,
}

/// A word or a slot of a pattern, with what stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Punctuation and white space before it.
    pub gap: String,
    /// The word as written, or the slot.
    pub kind: ItemKind,
}

/// A word or a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// A word as written.
    Word(String),
    /// Index of a slot.
    Slot(usize),
}

/// A piece of a paraphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text of its own.
    Text(String),
    /// What the slot holds.
    Slot(usize),
}

/// Another way of saying a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewording {
    /// Its pieces.
    pub pieces: Vec<Piece>,
    /// The mark that ends it, where it needs another than the original has.
    pub end: Option<String>,
    /// For people: slots as `…`.
    pub shown: String,
}

/// A pattern with its paraphrases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// Words and slots in order.
    pub items: Vec<Item>,
    /// What the slots may hold.
    pub slots: Vec<SlotGuard>,
    /// Text between the last word and the mark that ends the sentence.
    pub tail: String,
    /// Marks that the sentence may end in.
    pub ends: Vec<String>,
    /// Where the sentence has to stand.
    pub position: Position,
    /// Whether its paraphrases are polite requests, of which a prompt takes one.
    pub polite: bool,
    /// The paraphrases.
    pub rewordings: Vec<Rewording>,
}

/// A pattern's text taken apart: items, slot names in order of appearance, tail.
pub(super) type Pattern = (Vec<Item>, Vec<String>, String);

/// Takes a pattern apart. Slots are written `{name}`.
pub(super) fn parse_pattern(text: &str) -> Result<Pattern, String> {
    let mut names: Vec<String> = Vec::new();
    let mut items = Vec::new();
    let mut gap = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '{' {
            let (name, tail) =
                rest.get(1..).and_then(|t| t.split_once('}')).ok_or_else(|| format!("`{text}`: `{{` without `}}`"))?;
            if names.iter().any(|known| known == name) {
                return Err(format!("`{text}`: slot `{name}` appears twice"));
            }
            items.push(Item { gap: std::mem::take(&mut gap), kind: ItemKind::Slot(names.len()) });
            names.push(name.to_owned());
            rest = tail;
        } else if first.is_alphanumeric() {
            let passage = Passage::new(rest, Vec::new());
            let end = passage.words.first().map_or(rest.len(), |word| word.range.end);
            let (word, tail) = rest.split_at(end);
            items.push(Item { gap: std::mem::take(&mut gap), kind: ItemKind::Word(word.to_owned()) });
            rest = tail;
        } else {
            gap.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    if items.is_empty() { Err("an empty pattern".to_owned()) } else { Ok((items, names, gap)) }
}

/// Takes a paraphrase apart, whose slots must be the pattern's, each once.
pub(super) fn parse_rewording(text: &str, names: &[String]) -> Result<Rewording, String> {
    let end = text.chars().next_back().filter(|c| matches!(c, '.' | '?' | '!')).map(String::from);
    let body = text.trim_end_matches(['.', '?', '!']);
    let mut pieces = Vec::new();
    let mut used = BTreeMap::new();
    let mut rest = body;
    while !rest.is_empty() {
        let Some((head, tail)) = rest.split_once('{') else {
            pieces.push(Piece::Text(rest.to_owned()));
            break;
        };
        let (name, tail) = tail.split_once('}').ok_or_else(|| format!("`{text}`: `{{` without `}}`"))?;
        let slot = names.iter().position(|known| known == name);
        let slot = slot.ok_or_else(|| format!("`{text}`: the pattern has no slot `{name}`"))?;
        *used.entry(slot).or_insert(0) += 1;
        if !head.is_empty() {
            pieces.push(Piece::Text(head.to_owned()));
        }
        pieces.push(Piece::Slot(slot));
        rest = tail;
    }
    if let Some(missing) = (0..names.len()).find(|slot| used.get(slot) != Some(&1)) {
        let name = names.get(missing).map_or("", String::as_str);
        return Err(format!("`{text}`: slot `{name}` has to appear exactly once"));
    }
    if pieces.is_empty() {
        return Err("an empty paraphrase".to_owned());
    }
    Ok(Rewording { pieces, end, shown: shown(body) })
}

/// A pattern for people: slots as `…`.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '{' => inside = true,
            '}' => {
                inside = false;
                out.push('…');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

impl Template {
    /// What the slots hold where the sentence has this pattern.
    pub(super) fn captures(&self, passage: &Passage, index: usize) -> Option<Vec<Range<usize>>> {
        let sentence = passage.sentences.get(index)?;
        let placed = match self.position {
            Position::Any => true,
            Position::First => index == 0,
            Position::Only => passage.sentences.len() == 1,
        };
        let end = passage.slice(sentence.body_end..sentence.end);
        let starts_with_word = matches!(self.items.first()?.kind, ItemKind::Word(_));
        let first_word = passage.words.get(sentence.words.start)?;
        let flush = !starts_with_word || first_word.range.start == sentence.start;
        let fits = placed
            && flush
            && self.ends.iter().any(|known| known == end)
            && !(self.polite && has_request(passage, sentence));
        let mut search = Search { template: self, passage, sentence, steps: 0, captures: vec![0..0; self.slots.len()] };
        (fits && search.from(0, sentence.words.start)).then_some(search.captures)
    }
}

/// Whether the sentence is a polite request already.
fn has_request(passage: &Passage, sentence: &Sentence) -> bool {
    let words = passage.words.get(sentence.words.clone()).unwrap_or_default();
    words.iter().any(|word| matches!(word.lower.as_str(), "please" | "kindly" | "pls"))
        || words.windows(2).any(|pair| {
            let pair = pair.iter().map(|word| word.lower.as_str()).collect::<Vec<_>>();
            matches!(pair.as_slice(), ["could" | "can" | "would" | "will", "you"])
        })
}

struct Search<'a> {
    template: &'a Template,
    passage: &'a Passage,
    sentence: &'a Sentence,
    steps: usize,
    captures: Vec<Range<usize>>,
}

impl Search<'_> {
    /// Whether the items from `item` on match the words from `word` on.
    fn from(&mut self, item: usize, word: usize) -> bool {
        self.steps += 1;
        if self.steps > MATCH_STEPS {
            return false;
        }
        let template = self.template;
        let Some(current) = template.items.get(item) else {
            return word == self.sentence.words.end && self.tail_is_there();
        };
        match &current.kind {
            ItemKind::Word(text) => {
                self.is_word(item, word, text) && self.gap_before(item, word) && self.from(item + 1, word + 1)
            }
            ItemKind::Slot(slot) => {
                let Some(guard) = template.slots.get(*slot) else { return false };
                let left = self.sentence.words.end.saturating_sub(word);
                let most = guard.words.1.min(left);
                let fewest = if item + 1 == template.items.len() { left.max(guard.words.0) } else { guard.words.0 };
                (fewest..=most).any(|length| {
                    let filled = self.fill(*slot, guard, item, word..word + length);
                    filled && self.from(item + 1, word + length)
                })
            }
        }
    }

    fn tail_is_there(&self) -> bool {
        let ends_in_slot = matches!(self.template.items.last().map(|item| &item.kind), Some(ItemKind::Slot(_)));
        let last = self.passage.words.get(self.sentence.words.end.wrapping_sub(1));
        ends_in_slot
            || last.is_some_and(|last| self.passage.slice(last.range.end..self.sentence.body_end) == self.template.tail)
    }

    fn is_word(&self, item: usize, word: usize, text: &str) -> bool {
        let starts = item == 0 && word == self.sentence.words.start;
        self.sentence.words.contains(&word)
            && self.passage.words.get(word).is_some_and(|found| {
                let written = self.passage.slice(found.range.clone());
                found.open && (written == text || (starts && found.lower == text.to_lowercase() && !shouts(written)))
            })
    }

    /// Whether what the pattern has between the last item and a literal word is there; a slot checks its own edges.
    fn gap_before(&self, item: usize, word: usize) -> bool {
        let Some(before) = item.checked_sub(1).and_then(|before| self.template.items.get(before)) else { return true };
        matches!(before.kind, ItemKind::Slot(_))
            || word.checked_sub(1).is_some_and(|left| {
                self.template.items.get(item).is_some_and(|item| self.passage.gap_after(left) == item.gap)
            })
    }

    /// Puts the words into the slot if the guard and the edges admit it.
    fn fill(&mut self, slot: usize, guard: &SlotGuard, item: usize, words: Range<usize>) -> bool {
        let Some(range) = self.slot_range(item, &words) else { return false };
        let text = self.passage.slice(range.clone());
        let inside = self.passage.words.get(words).unwrap_or_default();
        let admitted = guard.admits(inside, text);
        if admitted && let Some(capture) = self.captures.get_mut(slot) {
            *capture = range;
        }
        admitted
    }

    fn slot_range(&self, item: usize, words: &Range<usize>) -> Option<Range<usize>> {
        let passage = self.passage;
        let own_gap = &self.template.items.get(item)?.gap;
        let start = if item == 0 {
            self.sentence.start
        } else {
            let before = passage.words.get(words.start.checked_sub(1)?)?;
            let gap = passage.gap_after(words.start - 1);
            gap.starts_with(own_gap.as_str()).then_some(before.range.end + own_gap.len())?
        };
        let end = match self.template.items.get(item + 1) {
            None => self.sentence.body_end,
            Some(next) => {
                let last = words.end.checked_sub(1)?;
                passage.gap_after(last).ends_with(next.gap.as_str()).then_some(())?;
                passage.words.get(words.end)?.range.start.checked_sub(next.gap.len())?
            }
        };
        (start < end).then_some(start..end)
    }
}

fn shouts(word: &str) -> bool {
    word.chars().count() > 1 && word.chars().all(char::is_uppercase)
}

impl SlotGuard {
    fn admits(&self, words: &[Word], text: &str) -> bool {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
        let balanced =
            text.matches('(').count() == text.matches(')').count() && text.matches('"').count().is_multiple_of(2);
        let marks: &[char] =
            if self.plain { &[',', ';', ':', '(', '\u{2014}', '|', '?', '!'] } else { &['|', '?', '!'] };
        let first_is_closed_mark = text.starts_with([',', ';', ':', ')', '-']);
        balanced
            && !first_is_closed_mark
            && !text.ends_with([',', ';', ':', '-', '('])
            && !text.contains(marks)
            && (self.start.is_empty() || self.start.contains(&first.lower))
            && !self.not_start.contains(&first.lower)
            && !self.not_end.contains(&last.lower)
            && !self.not_suffix.iter().any(|suffix| last.lower.ends_with(suffix.as_str()))
            && !words.iter().any(|word| self.none_of.contains(&word.lower))
    }
}
