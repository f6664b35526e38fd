//! Guessing how a greedy generation goes on from what stands in its prompt and its reply already.
//!
//! Texts repeat themselves: quotes of the prompt, lists, code, and above all the loops that small and hardly trained models end
//! in. Where the newest tokens occurred before, those that followed them then are guessed to follow now (prompt lookup
//! decoding, Saxena 2023). A guess goes through the network behind the newest token, in the same pass; what the network
//! itself would have chosen decides, token by token, so that the reply has the same tokens and the same bits with and
//! without.

/// Newest tokens that must have occurred before.
const MATCH_TOKENS: usize = 3;

/// Most tokens that are guessed at a time. More make a pass no cheaper for each token.
const MAX_GUESS: usize = 16;

/// A pass costs as much as so many of its rows, beside what its rows cost: weights are read once, however many rows there are.
const ROWS_OF_A_PASS: f64 = 24.0;

/// The prompt and the reply so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub prompt: &'a [u32],
    pub reply: &'a [u32],
}

impl Text<'_> {
    fn len(self) -> usize {
        self.prompt.len() + self.reply.len()
    }

    fn token(self, at: usize) -> Option<u32> {
        self.prompt.get(at).or_else(|| self.reply.get(at - self.prompt.len())).copied()
    }

    /// Where that stands which followed the newest tokens when they occurred last.
    fn after_last_occurrence(self) -> Option<usize> {
        let newest = self.len().checked_sub(MATCH_TOKENS)?;
        let same = |at: &usize| (0..MATCH_TOKENS).rev().all(|k| self.token(at + k) == self.token(newest + k));
        (0..newest).rev().find(same).map(|at| at + MATCH_TOKENS)
    }
}

/// What is guessed of a generation, and how well it went.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// Where in the text that stands which is guessed to come next.
    at: Option<usize>,
    /// Guesses in a row that were right, also those that no pass was spent on.
    right: i32,
}

impl Lookup {
    /// Learns what the newest token of a text is.
    pub fn saw_newest(&mut self, text: Text<'_>) {
        let newest = text.len().checked_sub(1).and_then(|at| text.token(at));
        match self.at {
            Some(at) if text.token(at) == newest => {
                self.at = Some(at + 1);
                self.right = self.right.saturating_add(1);
            }
            _ => {
                self.at = text.after_last_occurrence();
                self.right = 0;
            }
        }
    }

    /// The next tokens, as many as are worth their rows in a batch that has `rows` without them, and at most `limit`.
    ///
    /// After `s` right guesses in a row, the next is taken to be right with probability `p = (2s + 1) / (2s + 3)`, and the
    /// `k`-th of the next with `p^k`. It is worth its row where this is more than a row's share of the cost of a token,
    /// `rows / (rows + 24)`.
    pub fn guess(&self, text: Text<'_>, rows: usize, limit: usize) -> Vec<u32> {
        let Some(at) = self.at else { return Vec::new() };
        let right = f64::from(self.right);
        let probability = (2.0 * right + 1.0) / (2.0 * right + 3.0);
        let cost = rows as f64 / (rows as f64 + ROWS_OF_A_PASS);
        let mut guess = Vec::new();
        let mut worth = probability;
        while worth > cost && guess.len() < limit.min(MAX_GUESS) {
            // Behind the text's end follows what was guessed first: a loop goes on.
            let next = text.token(at + guess.len()).or_else(|| guess.get(at + guess.len() - text.len()).copied());
            let Some(next) = next else { break };
            guess.push(next);
            worth *= probability;
        }
        guess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is guessed to follow a text whose reply came token by token, alone in its batch.
    fn guess(prompt: &[u32], reply: &[u32], rows: usize, limit: usize) -> Vec<u32> {
        let mut lookup = Lookup::default();
        for end in 1..=reply.len() {
            lookup.saw_newest(Text { prompt, reply: reply.get(..end).unwrap_or_default() });
        }
        lookup.guess(Text { prompt, reply }, rows, limit)
    }

    #[test]
    fn nothing_is_guessed_where_nothing_occurred_before() {
        assert!(guess(&[1, 2, 3, 4], &[5], 1, 9).is_empty());
        assert!(guess(&[], &[1], 1, 9).is_empty());
        assert!(guess(&[7, 1, 2, 8], &[1, 2], 1, 9).is_empty(), "two tokens are too few");
    }

    #[test]
    fn what_followed_when_the_newest_tokens_occurred_last_is_guessed_to_follow() {
        let prompt = [1, 2, 3, 40, 9, 1, 2, 3, 50, 60, 70];
        assert_eq!(guess(&prompt, &[1, 2, 3], 1, 9), [50, 60], "unproved guesses are short");
        assert_eq!(guess(&prompt, &[1, 2, 3, 50], 1, 4), [60, 70, 1, 2], "the reply follows the prompt");
    }

    #[test]
    fn a_loop_is_guessed_to_go_on_and_the_longer_it_went_the_further() {
        let turn = [5, 6, 7, 8];
        let reply = |turns: usize| turn.repeat(turns);
        assert_eq!(guess(&[], &reply(2), 1, 3), [5, 6, 7]);
        assert_eq!(guess(&[], &reply(6), 1, 99), turn.repeat(4), "at most sixteen");
        assert_eq!(guess(&[], &[4, 4, 4, 4], 1, 2), [4, 4]);
        let length = |turns| guess(&[], &reply(turns), 64, 99).len();
        assert_eq!((length(2), length(3)), (0, 1));
        assert!(length(9) > length(4), "{} {}", length(9), length(4));
    }

    #[test]
    fn one_wrong_guess_takes_the_trust_away_and_full_batches_need_more_of_it() {
        let looped = [5, 6, 7, 8].repeat(5);
        let broken = [&looped[..], &[1, 5, 6, 7]].concat();
        assert!(guess(&[], &looped, 8, 99).len() > 4);
        assert_eq!(guess(&[], &broken, 8, 99).len(), 1);
        assert!(guess(&[], &looped, 384, 99).is_empty());
    }
}
