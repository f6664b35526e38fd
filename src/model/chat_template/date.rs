//! The date that a template may print; it comes from the caller, never from a clock.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// A calendar day, written `2024-07-26`. Its time of day is midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    year: i32,
    month: u32,
    day: u32,
}

/// Text that is no calendar day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a date; write it as YYYY-MM-DD")]
pub struct DateError {
    text: String,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let parsed = || {
            let mut parts = text.splitn(3, '-');
            let year: i32 = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
            let month: u32 = parts.next().filter(|month| month.len() == 2)?.parse().ok()?;
            let day: u32 = parts.next().filter(|day| day.len() == 2)?.parse().ok()?;
            let valid = year >= 1 && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
            valid.then_some(Self { year, month, day })
        };
        parsed().ok_or_else(|| DateError { text: text.to_owned() })
    }
}

impl fmt::Display for Date {
    /// `2024-07-26`, read back by [`FromStr`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day } = self;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl Date {
    /// Writes the date in C's `strftime` directives; `None` for one that is not supported.
    pub(super) fn format(self, pattern: &str) -> Option<String> {
        let mut text = String::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            let mut directive = chars.next()?;
            let padded = directive != '-';
            if !padded {
                directive = chars.next()?;
            }
            self.write(&mut text, directive, padded)?;
        }
        Some(text)
    }

    fn write(self, text: &mut String, directive: char, padded: bool) -> Option<()> {
        let month = MONTHS.get(usize::try_from(self.month).ok()?.checked_sub(1)?)?;
        let weekday = WEEKDAYS.get(self.weekday())?;
        let width = |digits: usize| if padded { digits } else { 1 };
        let written = match directive {
            'Y' => write!(text, "{:0w$}", self.year, w = width(4)),
            'y' => write!(text, "{:0w$}", self.year % 100, w = width(2)),
            'm' => write!(text, "{:0w$}", self.month, w = width(2)),
            'd' => write!(text, "{:0w$}", self.day, w = width(2)),
            'e' => write!(text, "{:w$}", self.day, w = width(2)),
            'j' => write!(text, "{:0w$}", self.day_of_year(), w = width(3)),
            'B' => write!(text, "{month}"),
            'b' | 'h' => write!(text, "{}", month.get(..3)?),
            'A' => write!(text, "{weekday}"),
            'a' => write!(text, "{}", weekday.get(..3)?),
            'F' => write!(text, "{self}"),
            'H' | 'M' | 'S' => write!(text, "{:0w$}", 0, w = width(2)),
            'I' => write!(text, "12"),
            'p' => write!(text, "AM"),
            'T' | 'X' => write!(text, "00:00:00"),
            '%' => write!(text, "%"),
            _ => return None,
        };
        written.ok()
    }

    fn day_of_year(self) -> u32 {
        (1..self.month).map(|month| days_in(self.year, month)).sum::<u32>() + self.day
    }

    /// 0 is Sunday. Day 1 of year 1 of the proleptic Gregorian calendar was a Monday.
    fn weekday(self) -> usize {
        let years = self.year - 1;
        let days = i64::from(years * 365 + years / 4 - years / 100 + years / 400) + i64::from(self.day_of_year());
        usize::try_from(days.rem_euclid(7)).unwrap_or(0)
    }
}

fn days_in(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_pythons_strftime_writes_them() {
        // Expected texts: datetime.date(...).strftime(...) of CPython 3.
        let cases = [
            ("2024-07-26", "%d %b %Y", "26 Jul 2024"),
            ("2024-02-29", "%A, %B %d, %Y (%j)", "Thursday, February 29, 2024 (060)"),
            ("1999-12-05", "%a %-d/%-m/%y %e %%", "Sun 5/12/99  5 %"),
            ("2000-01-01", "%Y-%m-%dT%H:%M:%S", "2000-01-01T00:00:00"),
        ];
        for (date, pattern, expected) in cases {
            assert_eq!(date.parse::<Date>().unwrap().format(pattern).as_deref(), Some(expected));
        }
        assert_eq!("2024-07-26".parse::<Date>().unwrap().format("%Q"), None);
    }

    #[test]
    fn a_day_reads_back_and_what_is_no_day_is_refused() {
        assert_eq!("0987-06-05".parse::<Date>().unwrap().to_string(), "0987-06-05");
        for text in ["2023-02-29", "2024-13-01", "2024-00-10", "2024-1-1", "today", "", "2024-01-01-x", "-001-01-01"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
