//! The judge's preference between two answers.

/// Texts of one token each with which a judge names the better answer: the first shown, the second shown.
pub const CANDIDATES: [&str; 2] = ["m", "M"];

/// A preference in `[1, 2]`: 1 the first answer is better, 2 the second is, 1.5 neither.
///
/// Where the first answer is the baseline's this is `AlpacaEval`'s `preference`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Preference(f64);

impl Preference {
    /// Neither answer is better.
    pub const DRAW: Self = Self(1.5);
    /// The first answer is better.
    pub const FIRST: Self = Self(1.0);
    /// The second answer is better.
    pub const SECOND: Self = Self(2.0);

    /// A preference as files hold it: in `[1, 2]`, or 0 for a draw. `None` for anything else, which `AlpacaEval` drops.
    pub fn from_stored(value: f64) -> Option<Self> {
        if value.abs() <= 0.0 {
            return Some(Self::DRAW);
        }
        (1.0..=2.0).contains(&value).then_some(Self(value))
    }

    /// From a win share in `[0, 1]` of the second answer.
    pub fn from_share(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(1.0 + share))
    }

    /// `2 - P`, `P = p(m) / (p(m) + p(M))`, from the log-probabilities (nats) of the tokens that name the first and the
    /// second answer. A token that is not among those listed has probability 0; `None` where neither is listed, or
    /// where a log-probability is not a number or above 0 by more than rounding.
    pub fn from_log_probs(first: Option<f64>, second: Option<f64>) -> Option<Self> {
        let present = |log_prob: Option<f64>| match log_prob {
            None => Some(f64::NEG_INFINITY),
            Some(value) => (value <= 1e-3).then_some(value),
        };
        let (first, second) = (present(first)?, present(second)?);
        if first.max(second) == f64::NEG_INFINITY {
            return None;
        }
        // p(M) / (p(m) + p(M)), without a difference of numbers near 1.
        let share = 1.0 / (1.0 + (first - second).exp());
        Self::from_share(share)
    }

    /// The answer of the likelier token; equal probabilities go to the second answer, as `AlpacaEval` decides.
    pub fn from_likelier(first: Option<f64>, second: Option<f64>) -> Option<Self> {
        let weighted = Self::from_log_probs(first, second)?;
        Some(if weighted.0 < 1.5 { Self::FIRST } else { Self::SECOND })
    }

    /// The same preference where the two answers change places: `3 - x`.
    #[must_use]
    pub fn flipped(self) -> Self {
        Self(3.0 - self.0)
    }

    /// The number in `[1, 2]`.
    pub fn value(self) -> f64 {
        self.0
    }

    /// Share in `[0, 1]` in which the second answer wins: `x - 1`.
    pub fn share(self) -> f64 {
        self.0 - 1.0
    }

    /// 1 where the second answer wins, 0 where the first does, ½ for a draw.
    pub fn discrete(self) -> f64 {
        if self.0 > 1.5 {
            1.0
        } else if self.0 < 1.5 {
            0.0
        } else {
            0.5
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn close(found: Option<Preference>, expected: f64) -> bool {
        (found.unwrap().value() - expected).abs() < 1e-12
    }

    /// By hand: p(m) = 0.6, p(M) = 0.2.
    #[test]
    fn the_weighted_preference_is_the_second_tokens_share_of_the_two() {
        assert!(close(Preference::from_log_probs(Some(0.6_f64.ln()), Some(0.2_f64.ln())), 1.25));
        assert!(close(Preference::from_log_probs(Some(-0.1), None), 1.0));
        assert!(close(Preference::from_log_probs(None, Some(-30.0)), 2.0));
        assert!(close(Preference::from_log_probs(Some(-900.0), Some(-900.0)), 1.5));
        assert!(close(Preference::from_log_probs(Some(f64::NEG_INFINITY), Some(-2.0)), 2.0));
    }

    #[test]
    fn without_either_token_there_is_no_preference() {
        for (first, second) in
            [(None, None), (Some(f64::NAN), Some(-1.0)), (Some(f64::NEG_INFINITY), None), (Some(0.5), Some(-1.0))]
        {
            assert_eq!(Preference::from_log_probs(first, second), None, "{first:?} {second:?}");
        }
    }

    #[test]
    fn the_likelier_token_wins_and_a_tie_goes_to_the_second() {
        assert_eq!(Preference::from_likelier(Some(-0.1), Some(-3.0)), Some(Preference::FIRST));
        assert_eq!(Preference::from_likelier(Some(-1.0), Some(-1.0)), Some(Preference::SECOND));
    }

    #[test]
    fn stored_preferences_outside_their_range_are_none() {
        assert_eq!(Preference::from_stored(0.0), Some(Preference::DRAW));
        assert_eq!(Preference::from_stored(2.0), Some(Preference::SECOND));
        for value in [0.5, 2.000_001, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Preference::from_stored(value), None);
        }
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn flipping_gives_the_win_to_the_other_answer() {
        assert_eq!(Preference::FIRST.flipped(), Preference::SECOND);
        assert_eq!(Preference::DRAW.flipped().discrete(), 0.5);
        assert_eq!(Preference::from_stored(1.2).unwrap().flipped().discrete(), 1.0);
    }
}
