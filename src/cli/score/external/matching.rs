//! Which row answers which instance.

use std::collections::{BTreeMap, VecDeque};

use similar::TextDiff;

use super::rows::ReplyRow;

/// Share of words that two wordings of one prompt have in common.
const NEARLY_THE_SAME: f32 = 0.9;

/// With more left over than this on a side the files do not belong together, and nothing is compared.
const MOST_COMPARED: usize = 50;

/// What an instance is found by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Handle {
    /// Keys that name it.
    pub keys: Vec<String>,
    /// Texts that it may have been asked with: as presented, and the question alone.
    pub prompts: Vec<String>,
}

/// Rows and instances that belong together, and what is left over. Positions are those of the lists given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Matching {
    /// The row of each instance.
    pub row_of: Vec<Option<usize>>,
    /// Rows that answer no instance, or one that has an answer already.
    pub unmatched: Vec<usize>,
    /// Rows that were matched although their prompt is another: by key, or by a wording that is nearly the same.
    pub reworded: Vec<usize>,
}

impl Matching {
    /// Every row goes to the instance that its key names, otherwise to the first instance with its prompt that has no row
    /// yet. White space at the ends of prompts does not count.
    pub(super) fn of(rows: &[ReplyRow], instances: &[Handle]) -> Self {
        let mut by_key: BTreeMap<&str, VecDeque<usize>> = BTreeMap::new();
        let mut by_prompt: BTreeMap<&str, VecDeque<usize>> = BTreeMap::new();
        for (place, instance) in instances.iter().enumerate() {
            instance.keys.iter().for_each(|key| by_key.entry(key).or_default().push_back(place));
            instance.prompts.iter().for_each(|prompt| by_prompt.entry(prompt.trim()).or_default().push_back(place));
        }
        let mut found = Self { row_of: vec![None; instances.len()], ..Self::default() };
        for (index, row) in rows.iter().enumerate() {
            let named = row.key.as_deref().and_then(|key| found.take(by_key.get_mut(key)?));
            let instance = named.or_else(|| found.take(by_prompt.get_mut(row.prompt.as_deref()?.trim())?));
            let Some(instance) = instance else {
                found.unmatched.push(index);
                continue;
            };
            let prompts = instances.get(instance).map(|one| one.prompts.as_slice()).unwrap_or_default();
            let same = |prompt: &String| prompts.iter().any(|other| other.trim() == prompt.trim());
            if row.prompt.as_ref().is_some_and(|prompt| !same(prompt)) {
                found.reworded.push(index);
            }
            if let Some(slot) = found.row_of.get_mut(instance) {
                *slot = Some(index);
            }
        }
        found.pair_similar(rows, instances);
        found
    }

    /// Pairs what is left over where the wordings are nearly the same: editions of one benchmark differ in a prompt or two.
    fn pair_similar(&mut self, rows: &[ReplyRow], instances: &[Handle]) {
        let missing = self.missing();
        if missing.len() > MOST_COMPARED || self.unmatched.len() > MOST_COMPARED {
            return;
        }
        for instance in missing {
            let prompts = instances.get(instance).map(|one| one.prompts.as_slice()).unwrap_or_default();
            let likeness = |row: usize| {
                let prompt = rows.get(row)?.prompt.as_deref()?;
                prompts.iter().map(|other| TextDiff::from_words(other.trim(), prompt.trim()).ratio()).reduce(f32::max)
            };
            let alike =
                self.unmatched.iter().copied().filter(|row| likeness(*row).is_some_and(|l| l >= NEARLY_THE_SAME));
            // Two candidates are none: which of them it is cannot be told.
            let alike = alike.collect::<Vec<_>>();
            if let ([row], Some(slot)) = (alike.as_slice(), self.row_of.get_mut(instance)) {
                *slot = Some(*row);
                self.reworded.push(*row);
                self.unmatched.retain(|other| other != row);
            }
        }
    }

    /// The first candidate without a row.
    fn take(&self, candidates: &mut VecDeque<usize>) -> Option<usize> {
        while let Some(place) = candidates.pop_front() {
            if self.row_of.get(place).is_some_and(Option::is_none) {
                return Some(place);
            }
        }
        None
    }

    /// Instances without a row.
    pub(super) fn missing(&self) -> Vec<usize> {
        let missing = self.row_of.iter().enumerate().filter(|(_, row)| row.is_none());
        missing.map(|(instance, _)| instance).collect()
    }

    /// Number of instances that have a row.
    pub(super) fn count(&self) -> usize {
        self.row_of.len() - self.missing().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: Option<&str>, prompt: &str) -> ReplyRow {
        let prompt = (!prompt.is_empty()).then(|| prompt.to_owned());
        ReplyRow { place: 1, prompt, key: key.map(str::to_owned), replies: vec!["reply".to_owned()] }
    }

    fn handle(key: &str, prompt: &str) -> Handle {
        Handle { keys: vec![key.to_owned()], prompts: vec![prompt.to_owned(), format!("Q: {prompt}")] }
    }

    #[test]
    fn keys_win_over_prompts_and_equal_prompts_are_taken_in_order() {
        let instances = [handle("1", "a"), handle("2", "a"), handle("3", "b"), handle("4", "c")];
        let rows = [row(None, "a \n"), row(None, "Q: a"), row(None, "a"), row(Some("3"), "other"), row(Some("9"), "c")];
        let found = Matching::of(&rows, &instances);
        assert_eq!(found.row_of, [Some(0), Some(1), Some(3), Some(4)]);
        assert_eq!((found.unmatched, found.reworded), (vec![2], vec![3]));
    }

    #[test]
    fn a_prompt_that_was_reworded_in_a_word_or_two_finds_its_instance_and_is_listed() {
        let asked = "Write a poem about rain with at least 3 placeholders in square brackets and a title above it all";
        let edition = asked.replace("at least 3 placeholders", "at least one placeholder");
        let instances = [handle("1", asked), handle("2", "Something else entirely")];
        let found = Matching::of(&[row(None, &edition), row(None, "And now for nothing like it")], &instances);
        assert_eq!((found.row_of, found.unmatched, found.reworded), (vec![Some(0), None], vec![1], vec![0]));
        let twice = Matching::of(&[row(None, &edition), row(None, &edition.replace("poem", "song"))], &instances);
        assert_eq!((twice.count(), twice.unmatched), (0, vec![0, 1]), "two candidates are none");
    }

    #[test]
    fn what_has_no_partner_is_listed_on_either_side() {
        let found = Matching::of(&[row(None, "x"), row(Some("1"), "")], &[handle("1", "a"), handle("2", "b")]);
        assert_eq!((found.count(), found.missing(), found.unmatched), (1, vec![1], vec![0]));
        assert_eq!(Matching::of(&[], &[]).count(), 0);
    }
}
