//! How long to wait before the next attempt.

use std::time::Duration;

use rand::Rng as _;

use crate::digest::Digest;
use crate::seed::Seed;

/// No wait between two attempts is longer, unless the server asks for it.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);

/// A server that asks for a longer wait is given up.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Exponential back-off with jitter: `base * 2^attempt * u`, at most a minute, `u` in `[0.5, 1)` from a stream labelled by
/// the request and the attempt, so that requests that failed together do not come back together.
pub(super) fn back_off(base: Duration, request: &Digest, attempt: u32) -> Duration {
    let doubled = base.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST_BACK_OFF);
    let mut stream = Seed(0).stream(&["endpoint back-off", request.as_str(), &attempt.to_string()]);
    doubled.mul_f64(stream.random_range(0.5..1.0))
}

/// The wait that a `Retry-After` header asks for: seconds, or a date, which is compared with the answer's own `Date` (the
/// server's clock, so that a wrong one here does no harm). `None` where neither can be read.
pub(super) fn retry_after(header: &str, date: Option<&str>) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = seconds_of(header)?;
    Some(Duration::from_secs(until.saturating_sub(seconds_of(date?)?)))
}

/// Seconds since 1970 of an HTTP date in its only current form, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn seconds_of(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = date.trim().split_once(", ")?.1.split(' ');
    let day: u64 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
    let year: u64 = parts.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = parts.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    if parts.next() != Some("GMT") || !(1..=31).contains(&day) || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    // Years that begin in March, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let since_1970 = days.checked_sub(719_468)?;
    Some(((since_1970 * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_seconds_as_unix_does() {
        // `date -u -d ... +%s` of GNU coreutils.
        for (date, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Mon, 28 Feb 2100 00:00:00 GMT", 4_107_456_000),
        ] {
            assert_eq!(seconds_of(date), Some(seconds), "{date}");
        }
        for broken in [
            "",
            "Sun, 06 Nov 1994",
            "Sun, 40 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            "x, é ü",
        ] {
            assert_eq!(seconds_of(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_server_may_name_seconds_or_a_date_of_its_own_clock() {
        assert_eq!(retry_after("7", None), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("0.25", None), Some(Duration::from_millis(250)));
        let (date, until) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:47 GMT");
        assert_eq!(retry_after(until, Some(date)), Some(Duration::from_secs(10)));
        assert_eq!(retry_after(date, Some(until)), Some(Duration::ZERO));
        assert_eq!(retry_after(until, None), None);
        for hostile in ["-1", "NaN", "1e300", "soon"] {
            assert_eq!(retry_after(hostile, Some(date)), None, "{hostile}");
        }
    }

    #[test]
    fn waits_double_up_to_a_minute_and_depend_on_request_and_attempt_only() {
        let (base, request) = (Duration::from_millis(500), Digest::of_bytes(b"a"));
        for attempt in 0..200 {
            let longest = (base * 2_u32.saturating_pow(attempt.min(20))).min(LONGEST_BACK_OFF);
            let wait = back_off(base, &request, attempt);
            assert!(wait <= longest && wait >= longest / 2, "{attempt}: {wait:?}");
            assert_eq!(wait, back_off(base, &request, attempt));
        }
        assert_ne!(back_off(base, &request, 1), back_off(base, &Digest::of_bytes(b"b"), 1));
    }
}
