//! A judge's text as a rating.

use super::settings::Reading;

/// The scale that the judge is asked to use, in points.
pub const RATING_SCALE: std::ops::RangeInclusive<f64> = 1.0..=10.0;

/// A rating, in points; whole numbers and decimals are told apart because judgment files write them differently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rating {
    /// `[[8]]`.
    Whole(u64),
    /// `[[8.5]]`, and `[[8.]]`.
    Decimal(f64),
}

impl Rating {
    /// The number of points; finite.
    pub fn points(self) -> f64 {
        match self {
            Self::Whole(points) => points as f64,
            Self::Decimal(points) => points,
        }
    }

    /// Whether it lies on the scale that the judge is asked to use.
    pub fn is_on_scale(self) -> bool {
        RATING_SCALE.contains(&self.points())
    }

    fn from_digits(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(points) => Some(Self::Whole(points)),
            Err(_) => text.parse().ok().filter(|points: &f64| points.is_finite()).map(Self::Decimal),
        }
    }
}

/// The rating in a judge's text; `None` where it is unparsable.
///
/// [`Reading::Published`]: the first `[[d]]` or `[[d.d]]`; where there is none, the first `[d]` or `[d.d]` (a citation
/// or an index, if the judge wrote one); where there is neither, nothing. A number off the scale is taken as it stands.
/// [`Reading::Strict`]: in double brackets only, on the scale from 1 to 10, and the same wherever the text gives one.
///
/// Deviation: the published program fails on a whole number with a leading zero, such as `[[08]]`, and on digits other
/// than ASCII's. Here the first is the number and the second is unparsable.
pub fn parse_rating(judgment: &str, reading: Reading) -> Option<Rating> {
    let mut doubled = bracketed(judgment, "[[", "]]");
    match reading {
        Reading::Published => {
            let digits = doubled.next().or_else(|| bracketed(judgment, "[", "]").next())?;
            Rating::from_digits(digits)
        }
        Reading::Strict => {
            let first = Rating::from_digits(doubled.next()?).filter(|rating| rating.is_on_scale())?;
            let same = |digits| Rating::from_digits(digits).map(Rating::points) == Some(first.points());
            doubled.all(same).then_some(first)
        }
    }
}

/// Numbers between brackets, in their order: digits, and after a full stop perhaps more digits.
fn bracketed<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices('[').filter_map(move |(at, _)| {
        let inside = text.get(at..)?.strip_prefix(open)?;
        let end = inside.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(inside.len());
        let (number, after) = inside.split_at_checked(end)?;
        let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
        let is_number = !whole.is_empty() && number.matches('.').count() <= 1;
        (is_number && after.starts_with(close)).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Rating::{Decimal, Whole};

    /// Each line was checked against Python: `re.search` with the published program's two patterns.
    #[test]
    fn the_first_double_bracket_counts_and_single_brackets_only_without_one() {
        for (text, expected) in [
            ("Rating: [[7]]", Some(Whole(7))),
            ("[[7.5]] then [[3]]", Some(Decimal(7.5))),
            ("[3] and [[9]]", Some(Whole(9))),
            ("as in [2], Rating: [5.25]", Some(Whole(2))),
            ("[[8.]]", Some(Decimal(8.0))),
            ("[[8..5]] [[.5]] [[x]] [[]] [[9", None),
            ("[[[6]]]", Some(Whole(6))),
            ("[[4]", Some(Whole(4))),
            ("[[rating]]", None),
            ("Rating: 8/10", None),
            ("[[ 8 ]]", None),
            ("[[-8]]", None),
            ("[[8/10]] [4]", Some(Whole(4))),
            ("[[100]]", Some(Whole(100))),
            ("", None),
        ] {
            assert_eq!(parse_rating(text, Reading::Published), expected, "{text:?}");
        }
    }

    #[test]
    fn a_leading_zero_is_read_and_foreign_digits_and_endless_numbers_are_not() {
        assert_eq!(parse_rating("[[08]]", Reading::Published), Some(Whole(8)));
        assert_eq!(parse_rating("[[\u{666}]]", Reading::Published), None);
        assert_eq!(parse_rating(&format!("[[{}]]", "9".repeat(400)), Reading::Published), None);
    }

    #[test]
    fn strict_reading_wants_one_rating_on_the_scale_in_double_brackets() {
        for (text, expected) in [
            ("[[7]]", Some(Whole(7))),
            ("[[7]] ... Rating: [[7]]", Some(Whole(7))),
            ("[[7]] or [[8]]", None),
            ("[7]", None),
            ("[[0]]", None),
            ("[[11]]", None),
            ("[[10]] see [3]", Some(Whole(10))),
        ] {
            assert_eq!(parse_rating(text, Reading::Strict), expected, "{text:?}");
        }
    }
}
