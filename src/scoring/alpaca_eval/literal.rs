//! Python literals, as far as a ranking may hold them (`ast.literal_eval`).

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 32;

/// A value written in Python.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    /// A text.
    Text(String),
    /// A number, or a truth value as the number that it equals.
    Number(f64),
    /// `None`.
    Nothing,
    /// A list or tuple.
    Sequence(Vec<Literal>),
    /// A dictionary; a later entry of the same key wins.
    Table(Vec<(Literal, Literal)>),
}

impl Literal {
    /// Reads a whole text as one literal.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text.trim_start_matches([' ', '\t']) };
        reader.skip_space();
        let first = reader.literal(0)?;
        reader.skip_space();
        if reader.rest.is_empty() {
            return Ok(first);
        }
        // A tuple may stand without parentheses.
        let mut entries = vec![first];
        while reader.take(',') {
            reader.skip_space();
            if reader.rest.is_empty() {
                break;
            }
            entries.push(reader.literal(0)?);
            reader.skip_space();
        }
        if reader.rest.is_empty() { Ok(Self::Sequence(entries)) } else { Err(reader.unexpected()) }
    }

    /// The value under this key of a dictionary.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Table(entries) = self else { return None };
        entries.iter().rev().find(|(found, _)| matches!(found, Self::Text(text) if text == key)).map(|(_, value)| value)
    }

    /// The number, where it is one.
    pub(super) fn as_number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// White space, line breaks and comments.
    fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
            if !self.rest.starts_with('#') {
                return;
            }
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn take(&mut self, expected: char) -> bool {
        self.take_str(expected.encode_utf8(&mut [0; 4]))
    }

    fn take_str(&mut self, expected: &str) -> bool {
        self.rest.strip_prefix(expected).map(|rest| self.rest = rest).is_some()
    }

    fn unexpected(&self) -> String {
        match self.rest.chars().next() {
            None => "it ends too early".to_owned(),
            Some(found) => format!("unexpected {found:?}"),
        }
    }

    fn literal(&mut self, depth: usize) -> Result<Literal, String> {
        if depth > MAX_DEPTH {
            return Err("nested too deep".to_owned());
        }
        if self.take('[') {
            return self.sequence(']', depth).map(|(entries, _)| Literal::Sequence(entries));
        }
        if self.take('(') {
            let (mut entries, comma) = self.sequence(')', depth)?;
            let grouped = if entries.len() == 1 && !comma { entries.pop() } else { None };
            return Ok(grouped.unwrap_or(Literal::Sequence(entries)));
        }
        if self.take('{') {
            return self.table(depth);
        }
        if let Some(text) = self.texts()? {
            return Ok(Literal::Text(text));
        }
        self.word()
    }

    /// Entries up to the closing bracket, and whether a comma stood before it.
    fn sequence(&mut self, close: char, depth: usize) -> Result<(Vec<Literal>, bool), String> {
        let mut entries = Vec::new();
        let mut comma = true;
        loop {
            self.skip_space();
            if self.take(close) {
                return Ok((entries, comma));
            }
            if !comma {
                return Err(self.unexpected());
            }
            entries.push(self.literal(depth + 1)?);
            self.skip_space();
            comma = self.take(',');
        }
    }

    fn table(&mut self, depth: usize) -> Result<Literal, String> {
        let mut entries = Vec::new();
        let mut comma = true;
        loop {
            self.skip_space();
            if self.take('}') {
                return Ok(Literal::Table(entries));
            }
            if !comma {
                return Err(self.unexpected());
            }
            let key = self.literal(depth + 1)?;
            self.skip_space();
            if !self.take(':') {
                return Err(self.unexpected());
            }
            self.skip_space();
            entries.push((key, self.literal(depth + 1)?));
            self.skip_space();
            comma = self.take(',');
        }
    }

    /// One or several adjacent texts, which Python joins.
    fn texts(&mut self) -> Result<Option<String>, String> {
        let mut joined: Option<String> = None;
        while let Some(text) = self.text()? {
            joined.get_or_insert_default().push_str(&text);
            self.skip_space();
        }
        Ok(joined)
    }

    fn text(&mut self) -> Result<Option<String>, String> {
        let prefix = self.rest.chars().take_while(char::is_ascii_alphabetic).count();
        let letters = self.rest.get(..prefix).unwrap_or_default().to_ascii_lowercase();
        let body = self.rest.get(prefix..).unwrap_or_default();
        let quotes = ["'''", "\"\"\"", "'", "\""];
        let Some(quote) = quotes.into_iter().find(|quote| body.starts_with(*quote)) else { return Ok(None) };
        let raw = match letters.as_str() {
            "" | "u" => false,
            "r" => true,
            _ => return Err(format!("texts with the prefix `{letters}` are not read")),
        };
        self.rest = body.get(quote.len()..).unwrap_or_default();
        let mut text = String::new();
        loop {
            if self.take_str(quote) {
                return Ok(Some(text));
            }
            let mut characters = self.rest.chars();
            let character = characters.next().ok_or("a text does not end")?;
            self.rest = characters.as_str();
            match character {
                '\n' if quote.len() == 1 => return Err("a text does not end on its line".to_owned()),
                '\\' if raw => {
                    text.push('\\');
                    text.extend(self.next());
                }
                '\\' => self.escape(&mut text)?,
                other => text.push(other),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next();
        self.rest = characters.as_str();
        character
    }

    /// What follows a backslash; an escape that Python does not know stays as it is.
    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        let escape = self.next().ok_or("a text does not end")?;
        let plain = match escape {
            '\n' => return Ok(()),
            '\\' | '\'' | '"' => escape,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => self.code_point(2)?,
            'u' => self.code_point(4)?,
            'U' => self.code_point(8)?,
            other => {
                text.push('\\');
                other
            }
        };
        text.push(plain);
        Ok(())
    }

    fn code_point(&mut self, digits: usize) -> Result<char, String> {
        let code = self.rest.get(..digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        let character = code.ok_or("an escape that is no character")?;
        self.rest = self.rest.get(digits..).unwrap_or_default();
        Ok(character)
    }

    /// A number or a name.
    fn word(&mut self) -> Result<Literal, String> {
        let length =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.+-".contains(c))).unwrap_or(self.rest.len());
        let word = self.rest.get(..length).unwrap_or_default();
        let literal = match word {
            "True" => Literal::Number(1.0),
            "False" => Literal::Number(0.0),
            "None" => Literal::Nothing,
            word => Literal::Number(number(word).ok_or_else(|| self.unexpected())?),
        };
        self.rest = self.rest.get(length..).unwrap_or_default();
        Ok(literal)
    }
}

fn number(word: &str) -> Option<f64> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let lower = digits.to_ascii_lowercase().replace('_', "");
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(head, radix)| Some((lower.strip_prefix(head)?, radix)));
    let value = match radix {
        Some((digits, radix)) => u32::from_str_radix(digits, radix).ok().map(f64::from),
        None if lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') => lower.parse::<f64>().ok(),
        None => None,
    }?;
    Some(if negative { -value } else { value })
}
