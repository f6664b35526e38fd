//! What `json.loads` accepts: JSON and, besides, `NaN`, `Infinity`, `-Infinity`, lone surrogate escapes and duplicate
//! keys. It refuses control characters in strings, a byte order mark, and integers beyond CPython's limit.

/// Digits beyond which CPython refuses to read an integer.
const MAX_INTEGER_DIGITS: usize = 4300;

/// Nesting beyond which CPython raises `RecursionError`, about; a text nested deeper is not accepted.
const MAX_DEPTH: usize = 990;

/// Whether `json.loads(text)` succeeds.
pub(in super::super) fn is_json(text: &str) -> bool {
    let mut reader = Reader { rest: text.as_bytes() };
    reader.skip_space();
    let read = reader.value(0);
    reader.skip_space();
    read.is_some() && reader.rest.is_empty()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.rest.first()? {
            b'"' => self.string(),
            b'{' => self.members(depth, b'}', true),
            b'[' => self.members(depth, b']', false),
            b'-' | b'0'..=b'9' => self.number(),
            _ => ["true", "false", "null", "NaN", "Infinity"].into_iter().find_map(|word| self.literal(word)),
        }
    }

    /// An object or a list.
    fn members(&mut self, depth: usize, end: u8, keyed: bool) -> Option<()> {
        self.take(1)?;
        self.skip_space();
        if self.next_if(end) {
            return Some(());
        }
        loop {
            if keyed {
                self.string()?;
                self.skip_space();
                self.next_if(b':').then_some(())?;
                self.skip_space();
            }
            self.value(depth + 1)?;
            self.skip_space();
            if self.next_if(end) {
                return Some(());
            }
            self.next_if(b',').then_some(())?;
            self.skip_space();
        }
    }

    fn string(&mut self) -> Option<()> {
        self.next_if(b'"').then_some(())?;
        loop {
            match *self.rest.first()? {
                b'"' => return self.take(1),
                b'\\' => self.escape()?,
                0..0x20 => return None,
                _ => self.take(1)?,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.rest.get(1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.take(2),
            b'u' => {
                let digits = self.rest.get(2..6)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                self.take(6)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.literal("-Infinity").is_some() {
            return Some(());
        }
        self.next_if(b'-');
        let digits = if self.next_if(b'0') { 1 } else { self.digits() };
        (digits > 0).then_some(())?;
        let fraction = self.part(1, |first| first == b'.');
        let exponent = self.exponent();
        (fraction || exponent || digits <= MAX_INTEGER_DIGITS).then_some(())
    }

    /// Takes a mark of one byte and the digits that must follow it; nothing where they do not.
    fn part(&mut self, mark_bytes: usize, is_mark: impl Fn(u8) -> bool) -> bool {
        let marked = self.rest.first().is_some_and(|first| is_mark(*first));
        let followed = self.rest.get(mark_bytes).is_some_and(u8::is_ascii_digit);
        if marked && followed {
            self.rest = self.rest.get(mark_bytes..).unwrap_or_default();
            self.digits();
        }
        marked && followed
    }

    fn exponent(&mut self) -> bool {
        let signed = matches!(self.rest.get(1), Some(b'+' | b'-'));
        self.part(1 + usize::from(signed), |first| first.eq_ignore_ascii_case(&b'e'))
    }

    fn digits(&mut self) -> usize {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = self.rest.get(count..).unwrap_or_default();
        count
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(word.as_bytes())?;
        Some(())
    }

    fn next_if(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    fn take(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start_json();
    }
}

/// JSON's white space: space, tab, line feed, carriage return.
trait JsonSpace {
    fn trim_ascii_start_json(&self) -> &Self;
}

impl JsonSpace for [u8] {
    fn trim_ascii_start_json(&self) -> &Self {
        let count = self.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.get(count..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations are those of CPython 3.11's `json.loads`.
    #[test]
    fn what_python_reads_is_json_here_too() {
        for text in [
            "{}",
            "[]",
            " [1, -0, 0.5, 1e5, 1E+05, -1.5e-3] ",
            "NaN",
            "[Infinity, -Infinity]",
            "\"a\"",
            "true",
            "null",
            "5",
            r#"{"a": 1, "a": 2}"#,
            r#""\ud800""#,
            r#""\u12aF\n\/""#,
            "\"\u{7f}é\u{2028}\"",
            "[[[]]]",
            "{\"\": {}}",
            "\t\r\n1",
        ] {
            assert!(is_json(text), "{text}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "{]",
            "[1,]",
            "{\"a\":1,}",
            "{a: 1}",
            "{'a': 1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "-NaN",
            "nan",
            "True",
            "\"a\nb\"",
            "\"\t\"",
            r#""\x41""#,
            r#""\u12g4""#,
            "\"open",
            "1 2",
            "[1 2]",
            "{\"a\" 1}",
            "\u{feff}{}",
            "\u{a0}1",
            "// c\n1",
            "-infinity",
            "١",
        ] {
            assert!(!is_json(text), "{text}");
        }
        assert!(
            is_json(&"9".repeat(4300)) && !is_json(&"9".repeat(4301)) && is_json(&format!("{}.5", "9".repeat(5000)))
        );
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        assert!(is_json(&("[".repeat(500) + &"]".repeat(500))));
        assert!(!is_json(&"[".repeat(1_000_000)));
        assert!(!is_json(&("{\"a\":".repeat(2000) + "1" + &"}".repeat(2000))));
    }
}
