//! Moments, as file names and records write them.

/// A moment of Coordinated Universal Time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since the beginning of 1970.
    pub unix_seconds: u64,
    /// Microseconds of the second, below a million.
    pub microseconds: u32,
}

impl Moment {
    /// `date`: seconds since the beginning of 1970.
    pub fn as_seconds(self) -> f64 {
        self.unix_seconds as f64 + f64::from(self.microseconds) / 1e6
    }

    /// The moment in a file's name: ISO 8601 with `-` for `:`, microseconds left out where there are none.
    pub fn file_stamp(self) -> String {
        let (days, second) = (self.unix_seconds / 86_400, self.unix_seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let fraction =
            if self.microseconds == 0 { String::new() } else { format!(".{:06}", self.microseconds % 1_000_000) };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}{fraction}")
    }
}

/// Year, month and day of a day counted from 1 January 1970, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day ends one; 146,097 days are 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by `CPython` 3.11.7: `datetime.fromtimestamp(.., timezone.utc)`.
    #[test]
    fn moments_are_written_as_python_writes_them() {
        for (unix_seconds, microseconds, expected) in [
            (0, 0, "1970-01-01T00-00-00"),
            (951_782_399, 999_999, "2000-02-28T23-59-59.999999"),
            (951_782_400, 1, "2000-02-29T00-00-00.000001"),
            (1_795_360_925, 869_765, "2026-11-22T15-22-05.869765"),
            (4_107_542_400, 0, "2100-03-01T00-00-00"),
        ] {
            assert_eq!(Moment { unix_seconds, microseconds }.file_stamp(), expected);
        }
    }
}
