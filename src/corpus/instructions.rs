//! Rows of instruction data for training, and the rows that evaluate it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::draw::{Draw, filled};
use super::kinds::{Exercise, Kind};
use super::turns::TurnKind;
use super::wordings::{turn_wordings, wordings};
use crate::chat::{Message, Role};
use crate::digest::Digest;
use crate::instruction::{InstructionBody, InstructionRow};
use crate::seed::Seed;

/// Evaluation rows of each single-turn kind.
const ROWS_A_KIND: usize = 15;
/// Evaluation rows of each two-turn kind.
const ROWS_A_TURN_KIND: usize = 7;
/// The stream of the evaluation rows; training seeds are numbers that do not matter to it.
const EVALUATION: Seed = Seed(0);
/// One training row in so many is a two-turn conversation.
const TURNS_ONE_IN: usize = 4;

/// A row of the demonstration's evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvaluationRow {
    /// Name of the kind.
    pub kind: &'static str,
    /// The turns before the instruction; empty for single-turn kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Message>,
    /// What is asked.
    pub instruction: String,
    /// The one right answer.
    pub answer: String,
    /// The texts that the answer is made from.
    pub arguments: Vec<String>,
}

/// Both evaluation sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationRows {
    /// Single-turn instructions, the kinds by turns.
    pub follow: Vec<EvaluationRow>,
    /// Two-turn conversations, the kinds by turns.
    pub recall: Vec<EvaluationRow>,
}

/// Which wordings a row may have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    Train,
    HeldOut,
}

/// A row before it is given its final form.
struct Conversation {
    kind: &'static str,
    /// Whether another row with the same material counts as the same row: where the material is drawn from so few
    /// possibilities that training must see them all (facts, sums, single words), it does not.
    open: bool,
    exercise: Exercise,
    before: Vec<Message>,
    instruction: String,
}

impl Conversation {
    fn single(kind: Kind, split: Split, pick: usize, draw: &mut Draw) -> Self {
        let exercise = kind.exercise(draw);
        let words = wordings(kind);
        let pool = if split == Split::Train { words.train } else { words.held_out };
        let instruction = filled(at(pool, pick), &exercise.slots);
        let few = matches!(
            kind,
            Kind::Count | Kind::Upper | Kind::Quote | Kind::Capital | Kind::Opposite | Kind::Day | Kind::Add
        );
        Self { kind: kind.name(), open: !few, exercise, before: Vec::new(), instruction }
    }

    fn turns(kind: TurnKind, split: Split, (told, asked): (usize, usize), draw: &mut Draw) -> Self {
        let exercise = kind.exercise(draw);
        let words = turn_wordings(kind);
        let (first, second) = match split {
            Split::Train => (words.told, words.asked),
            Split::HeldOut => (words.told_held_out, words.asked_held_out),
        };
        let before = vec![
            Message::new(Role::User, filled(at(first, told), &exercise.slots)),
            Message::new(Role::Assistant, filled(words.reply, &exercise.slots)),
        ];
        let instruction = filled(at(second, asked), &exercise.slots);
        Self { kind: kind.name(), open: true, exercise, before, instruction }
    }

    fn prompt(&self) -> Digest {
        let user = self.before.iter().filter(|message| message.role == Role::User).map(|m| m.content.as_str());
        prompt_digest(user.chain([self.instruction.as_str()]))
    }

    /// Kind and material, where it tells rows apart.
    fn material(&self) -> Option<Digest> {
        self.open.then(|| {
            let arguments = self.exercise.arguments.join("\n");
            Digest::of_bytes(format!("{}\n{arguments}", self.kind).as_bytes())
        })
    }

    fn evaluation_row(self) -> EvaluationRow {
        EvaluationRow {
            kind: self.kind,
            before: self.before,
            instruction: self.instruction,
            answer: self.exercise.answer,
            arguments: self.exercise.arguments,
        }
    }

    fn messages(self) -> Vec<Message> {
        let mut messages = self.before;
        messages.push(Message::new(Role::User, self.instruction));
        messages.push(Message::new(Role::Assistant, self.exercise.answer));
        messages
    }
}

fn at(texts: &'static [&'static str], index: usize) -> &'static str {
    texts.get(index % texts.len().max(1)).copied().unwrap_or_default()
}

/// Hash of what the user says, without case, marks and white space: two prompts with the same hash are the same prompt.
pub fn prompt_digest<'a>(user_turns: impl IntoIterator<Item = &'a str>) -> Digest {
    let normalized: Vec<String> = user_turns
        .into_iter()
        .flat_map(|turn| turn.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    Digest::of_bytes(normalized.join(" ").as_bytes())
}

/// What evaluation has taken, which training rows leave out.
#[derive(Default)]
struct Taken {
    prompts: BTreeSet<Digest>,
    materials: BTreeSet<Digest>,
}

impl Taken {
    fn has(&self, row: &Conversation) -> bool {
        self.prompts.contains(&row.prompt())
            || row.material().is_some_and(|material| self.materials.contains(&material))
    }

    /// False where the row is taken.
    fn take(&mut self, row: &Conversation) -> bool {
        if self.has(row) {
            return false;
        }
        self.materials.extend(row.material());
        self.prompts.insert(row.prompt())
    }
}

/// The evaluation rows: always the same, held-out wordings only, no prompt twice.
pub fn evaluation_rows() -> EvaluationRows {
    evaluation().0
}

/// The data files of the evaluation tasks, by name: one JSON object a line.
pub fn evaluation_files() -> Result<[(&'static str, String); 2], serde_json::Error> {
    let text = |rows: &[EvaluationRow]| {
        rows.iter().map(|row| Ok(serde_json::to_string(row)? + "\n")).collect::<Result<String, serde_json::Error>>()
    };
    let rows = evaluation_rows();
    Ok([("follow.jsonl", text(&rows.follow)?), ("recall.jsonl", text(&rows.recall)?)])
}

fn evaluation() -> (EvaluationRows, Taken) {
    let mut taken = Taken::default();
    let mut follow = Vec::new();
    for number in 0..ROWS_A_KIND {
        for kind in Kind::ALL {
            let label = format!("{number}");
            let mut draw = Draw(EVALUATION.stream(&["corpus", "evaluation", kind.name(), &label]));
            let made = (0..1000).map(|_| Conversation::single(kind, Split::HeldOut, number, &mut draw));
            follow.extend(first_new(made, &mut taken));
        }
    }
    let mut recall = Vec::new();
    for number in 0..ROWS_A_TURN_KIND {
        for kind in TurnKind::ALL {
            let label = format!("{number}");
            let mut draw = Draw(EVALUATION.stream(&["corpus", "evaluation", kind.name(), &label]));
            // Every pair of wordings in turn.
            let made = (0..1000).map(|_| Conversation::turns(kind, Split::HeldOut, (number, number / 2), &mut draw));
            recall.extend(first_new(made, &mut taken));
        }
    }
    (EvaluationRows { follow, recall }, taken)
}

fn first_new(mut made: impl Iterator<Item = Conversation>, taken: &mut Taken) -> Option<EvaluationRow> {
    made.find(|row| taken.take(row)).map(Conversation::evaluation_row)
}

/// The first `n` rows of the training data of a seed: training wordings only, and no prompt of the evaluation. Three in
/// four are single-turn instructions, the others two-turn conversations; every row is a conversation.
pub fn training_rows(seed: Seed, n: usize) -> Vec<InstructionRow> {
    let (_, taken) = evaluation();
    let mut draw = Draw(seed.stream(&["corpus", "training"]));
    let mut rows = Vec::with_capacity(n);
    while rows.len() < n {
        let (first, second) = (draw.between(0, 119), draw.between(0, 119));
        let row = if draw.once_in(TURNS_ONE_IN) {
            let at = draw.between(0, TurnKind::ALL.len() - 1);
            let kind = TurnKind::ALL.get(at).copied().unwrap_or(TurnKind::Name);
            Conversation::turns(kind, Split::Train, (first, second), &mut draw)
        } else {
            let at = draw.between(0, Kind::ALL.len() - 1);
            let kind = Kind::ALL.get(at).copied().unwrap_or(Kind::Repeat);
            Conversation::single(kind, Split::Train, first, &mut draw)
        };
        if !taken.has(&row) {
            let body = InstructionBody::Conversation(row.messages());
            rows.push(InstructionRow { number: rows.len() + 1, body });
        }
    }
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_enough_wordings_and_no_wording_is_in_both_splits() {
        let apart = |train: &[&str], held_out: &[&str]| {
            assert!(train.len() + held_out.len() >= 6 && held_out.len() >= 2, "{train:?}");
            for wording in held_out {
                let words = |text: &str| prompt_digest([text]);
                assert!(!train.iter().any(|other| words(other) == words(wording)), "{wording}");
            }
        };
        for kind in Kind::ALL {
            apart(wordings(kind).train, wordings(kind).held_out);
        }
        for kind in TurnKind::ALL {
            let words = turn_wordings(kind);
            apart(words.told, words.told_held_out);
            apart(words.asked, words.asked_held_out);
        }
    }

    #[test]
    fn held_out_wordings_use_no_word_that_training_never_shows() {
        let words = |text: &'static str| {
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
        };
        let (mut known, mut asked) = (BTreeSet::new(), BTreeSet::new());
        for kind in Kind::ALL {
            known.extend(wordings(kind).train.iter().flat_map(|text| words(text)));
            asked.extend(wordings(kind).held_out.iter().flat_map(|text| words(text)));
        }
        for kind in TurnKind::ALL {
            let turn = turn_wordings(kind);
            known.extend(turn.told.iter().chain(turn.asked).flat_map(|text| words(text)));
            asked.extend(turn.told_held_out.iter().chain(turn.asked_held_out).flat_map(|text| words(text)));
        }
        assert_eq!(asked.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn evaluation_has_every_kind_equally_often_and_no_prompt_twice() {
        let rows = evaluation_rows();
        assert_eq!((rows.follow.len(), rows.recall.len()), (16 * ROWS_A_KIND, 9 * ROWS_A_TURN_KIND));
        for kind in Kind::ALL {
            assert_eq!(rows.follow.iter().filter(|row| row.kind == kind.name()).count(), ROWS_A_KIND);
        }
        let prompts: BTreeSet<Digest> = rows
            .follow
            .iter()
            .chain(&rows.recall)
            .map(|row| {
                let user = row.before.iter().filter(|turn| turn.role == Role::User).map(|turn| turn.content.as_str());
                prompt_digest(user.chain([row.instruction.as_str()]))
            })
            .collect();
        assert_eq!(prompts.len(), rows.follow.len() + rows.recall.len());
        assert!(rows.recall.iter().all(|row| row.before.len() == 2));
    }

    #[test]
    fn more_rows_of_a_seed_begin_with_fewer_and_another_seed_gives_others() {
        let rows = |seed, n| training_rows(Seed(seed), n);
        assert_eq!(rows(1, 60)[..40], rows(1, 40)[..]);
        assert_ne!(rows(1, 40), rows(2, 40));
    }

    #[test]
    fn case_and_marks_do_not_make_another_prompt() {
        assert_eq!(prompt_digest(["Add 2 and 3."]), prompt_digest([" add  2, and 3"]));
        assert_ne!(prompt_digest(["Add 2 and 3."]), prompt_digest(["Add 3 and 2."]));
    }
}
