//! Enumeration labels: how the first, second, third ... item of a list is named.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A numbering of list items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelStyle {
    /// 1, 2, 3 ...
    Arabic,
    /// A, B, C ... to Z.
    UpperLetter,
    /// a, b, c ... to z.
    LowerLetter,
    /// The Roman numerals of Unicode, U+2160 to U+216B: one to twelve.
    UnicodeRoman,
    /// i, ii, iii, iv ...
    LowerRoman,
    /// I, II, III, IV ...
    UpperRoman,
}

const ROMAN: [&str; 30] = [
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI", "XVII",
    "XVIII", "XIX", "XX", "XXI", "XXII", "XXIII", "XXIV", "XXV", "XXVI", "XXVII", "XXVIII", "XXIX", "XXX",
];

impl LabelStyle {
    /// Every style.
    pub const ALL: [Self; 6] =
        [Self::Arabic, Self::UpperLetter, Self::LowerLetter, Self::UnicodeRoman, Self::LowerRoman, Self::UpperRoman];

    /// The most items that this style can label.
    pub fn limit(self) -> usize {
        match self {
            Self::Arabic => 999,
            Self::UpperLetter | Self::LowerLetter => 26,
            Self::UnicodeRoman => 12,
            Self::LowerRoman | Self::UpperRoman => ROMAN.len(),
        }
    }

    /// The label of the item at `index` (from 0); `None` past the limit.
    pub fn label(self, index: usize) -> Option<String> {
        if index >= self.limit() {
            return None;
        }
        let offset = u32::try_from(index).ok()?;
        match self {
            Self::Arabic => Some((index + 1).to_string()),
            Self::UpperLetter => char::from_u32(u32::from('A') + offset).map(String::from),
            Self::LowerLetter => char::from_u32(u32::from('a') + offset).map(String::from),
            Self::UnicodeRoman => char::from_u32(0x2160 + offset).map(String::from),
            Self::LowerRoman => ROMAN.get(index).map(|roman| roman.to_ascii_lowercase()),
            Self::UpperRoman => ROMAN.get(index).map(|&roman| roman.to_owned()),
        }
    }

    /// Where a label stands in this style, from 0; `None` if it is no label of it.
    pub fn index(self, label: &str) -> Option<usize> {
        let single = || label.chars().next().filter(|c| label.len() == c.len_utf8());
        let within = |first: char| {
            let index = u32::from(single()?).checked_sub(u32::from(first))?;
            usize::try_from(index).ok().filter(|&index| index < self.limit())
        };
        match self {
            Self::Arabic => {
                let plain = !label.starts_with('0') && label.len() <= 3 && label.bytes().all(|b| b.is_ascii_digit());
                plain.then(|| label.parse::<usize>().ok()).flatten().map(|number| number - 1)
            }
            Self::UpperLetter => within('A'),
            Self::LowerLetter => within('a'),
            Self::UnicodeRoman => within('\u{2160}'),
            Self::UpperRoman => ROMAN.iter().position(|&roman| roman == label),
            Self::LowerRoman => {
                let lower = label.bytes().all(|b| b.is_ascii_lowercase());
                lower.then(|| ROMAN.iter().position(|roman| roman.eq_ignore_ascii_case(label))).flatten()
            }
        }
    }
}

impl fmt::Display for LabelStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arabic => "1",
            Self::UpperLetter => "A",
            Self::LowerLetter => "a",
            Self::UnicodeRoman => "\u{2160}",
            Self::LowerRoman => "i",
            Self::UpperRoman => "I",
        })
    }
}

/// What surrounds a label: `(` and `)`, nothing and `.` ...
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wrapper {
    /// Before the label.
    pub open: String,
    /// After the label.
    pub close: String,
}

impl Wrapper {
    /// A wrapper written around `x`, such as `(x)` or `x.`; `None` without exactly one `x`.
    pub fn from_example(example: &str) -> Option<Self> {
        let (open, close) = example.split_once('x')?;
        (!close.contains('x')).then(|| Self { open: open.to_owned(), close: close.to_owned() })
    }

    /// The label with what surrounds it.
    pub fn wrap(&self, label: &str) -> String {
        format!("{}{label}{}", self.open, self.close)
    }
}

impl fmt::Display for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.open, self.close)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_style_reads_back_the_labels_it_writes_and_stops_at_its_limit() {
        for style in LabelStyle::ALL {
            for index in 0..style.limit() {
                assert_eq!(style.index(&style.label(index).unwrap()), Some(index), "{style} {index}");
            }
            assert_eq!(style.label(style.limit()), None);
        }
    }

    #[test]
    fn labels_of_another_style_are_not_read() {
        assert_eq!(LabelStyle::Arabic.index("0"), None);
        assert_eq!(LabelStyle::Arabic.index("01"), None);
        assert_eq!(LabelStyle::Arabic.index(""), None);
        assert_eq!(LabelStyle::UpperLetter.index("a"), None);
        assert_eq!(LabelStyle::UpperLetter.index("AB"), None);
        assert_eq!(LabelStyle::LowerRoman.index("iiii"), None);
        assert_eq!(LabelStyle::UpperRoman.index("iv"), None);
        assert_eq!(LabelStyle::UnicodeRoman.index("\u{216C}"), None);
    }
}
