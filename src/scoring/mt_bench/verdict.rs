//! A judge's text as a verdict, and two verdicts with swapped places as an outcome.

use serde::{Deserialize, Serialize};

use super::settings::Reading;

/// Which of two answers a judge prefers, by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// `[[A]]`: the one that stands first.
    First,
    /// `[[B]]`: the one that stands second.
    Second,
    /// `[[C]]`: neither.
    Tie,
}

/// The verdict in a judge's text; `None` where it is unparsable.
///
/// [`Reading::Published`]: the text contains `[[A]]`, else `[[B]]`, else `[[C]]`; so a text that weighs `[[A]]` before
/// it settles on `[[B]]` counts for the first. [`Reading::Strict`]: a text with different tags gives no verdict.
pub fn parse_verdict(judgment: &str, reading: Reading) -> Option<Verdict> {
    let tags = [("[[A]]", Verdict::First), ("[[B]]", Verdict::Second), ("[[C]]", Verdict::Tie)];
    let mut found = tags.into_iter().filter(|(tag, _)| judgment.contains(tag)).map(|(_, verdict)| verdict);
    let first = found.next()?;
    match reading {
        Reading::Published => Some(first),
        Reading::Strict => found.next().is_none().then_some(first),
    }
}

/// What a comparison with the baseline came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The judged reply is better in both orders.
    Win,
    /// A tie in one order, or verdicts that contradict one another.
    Tie,
    /// The baseline's reply is better in both orders.
    Loss,
}

impl Outcome {
    /// 1 for a win, one half for a tie, 0 for a loss: the summand of the published `win_rate_adjusted`.
    pub fn credit(self) -> f64 {
        match self {
            Self::Win => 1.0,
            Self::Tie => 0.5,
            Self::Loss => 0.0,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Win => "win",
            Self::Tie => "tie",
            Self::Loss => "loss",
        }
    }
}

/// A place in the order of two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Assistant A's.
    First,
    /// Assistant B's.
    Second,
}

/// One comparison, asked in both orders; `None` is a verdict that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Game {
    /// With the judged reply first.
    pub original: Option<Verdict>,
    /// With the baseline's reply first.
    pub swapped: Option<Verdict>,
}

impl Game {
    /// Win or loss where both orders agree on it, otherwise a tie; `None` where a verdict could not be read.
    pub fn outcome(self) -> Option<Outcome> {
        Some(match (self.original?, self.swapped?) {
            (Verdict::First, Verdict::Second) => Outcome::Win,
            (Verdict::Second, Verdict::First) => Outcome::Loss,
            _ => Outcome::Tie,
        })
    }

    /// Whether both orders prefer the same answer, or neither does; `None` where a verdict could not be read.
    pub fn agrees(self) -> Option<bool> {
        let pair = (self.original?, self.swapped?);
        Some(matches!(
            pair,
            (Verdict::First, Verdict::Second) | (Verdict::Second, Verdict::First) | (Verdict::Tie, Verdict::Tie)
        ))
    }

    /// The place that won in both orders, whoever stood there.
    pub fn preferred_place(self) -> Option<Place> {
        match (self.original?, self.swapped?) {
            (Verdict::First, Verdict::First) => Some(Place::First),
            (Verdict::Second, Verdict::Second) => Some(Place::Second),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_an_order_of_precedence_and_strict_reading_wants_one_kind() {
        let cases = [
            ("My final verdict is: [[B]]", Some(Verdict::Second), Some(Verdict::Second)),
            ("[[C]]", Some(Verdict::Tie), Some(Verdict::Tie)),
            ("[[A]] ... again [[A]]", Some(Verdict::First), Some(Verdict::First)),
            ("not [[A]]; [[B]]", Some(Verdict::First), None),
            ("[[C]] rather [[B]]", Some(Verdict::Second), None),
            ("[A]", None, None),
            ("[[a]]", None, None),
        ];
        for (text, published, strict) in cases {
            assert_eq!(parse_verdict(text, Reading::Published), published, "{text}");
            assert_eq!(parse_verdict(text, Reading::Strict), strict, "{text}");
        }
    }

    /// The nine pairs of verdicts, as the published table of results counts them.
    #[test]
    fn a_win_counts_only_if_both_orders_agree() {
        use Verdict::{First, Second, Tie};
        let outcomes = [
            (First, Second, Outcome::Win, true),
            (Second, First, Outcome::Loss, true),
            (Tie, Tie, Outcome::Tie, true),
            (First, First, Outcome::Tie, false),
            (Second, Second, Outcome::Tie, false),
            (First, Tie, Outcome::Tie, false),
            (Tie, First, Outcome::Tie, false),
            (Second, Tie, Outcome::Tie, false),
            (Tie, Second, Outcome::Tie, false),
        ];
        for (original, swapped, outcome, agrees) in outcomes {
            let game = Game { original: Some(original), swapped: Some(swapped) };
            assert_eq!((game.outcome(), game.agrees()), (Some(outcome), Some(agrees)), "{game:?}");
        }
        let game = Game { original: Some(First), swapped: None };
        assert_eq!((game.outcome(), game.agrees(), game.preferred_place()), (None, None, None));
    }

    #[test]
    fn a_judge_that_always_takes_the_first_is_seen_to_prefer_the_place() {
        let verdict = Some(Verdict::First);
        assert_eq!(Game { original: verdict, swapped: verdict }.preferred_place(), Some(Place::First));
    }
}
