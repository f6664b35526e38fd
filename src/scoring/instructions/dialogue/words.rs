//! A reply as words and the marks that separate clauses.

use super::numbers;

/// A word, or a mark that matters to what a word refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Lower-case letters, a number in digits (`12`, `7:30`, `2.5`) or an ordinal (`3rd`).
    Word(String),
    /// Comma, semicolon, bracket, dash or slash.
    Pause,
    /// The end of a sentence or line.
    End {
        /// Whether it was a question.
        question: bool,
    },
}

impl Token {
    /// The word, if it is one.
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Pause | Self::End { .. } => None,
        }
    }
}

/// Splits a text. Numbers of list items (`2.` at the start of a line) and marks of emphasis are no words; `isn't` and its
/// like become `not`, `Tom's` becomes `tom`, number words become digits. The last token is an end.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let characters: Vec<char> = without_item_number(line).chars().map(straight).collect();
        let mut place = 0;
        while let Some(&character) = characters.get(place) {
            let rest = characters.get(place..).unwrap_or_default();
            if character.is_ascii_digit() {
                let (word, length) = number(rest);
                tokens.push(Token::Word(word));
                place += length;
            } else if character.is_alphanumeric() {
                let length = rest.iter().take_while(|c| c.is_alphabetic() || **c == '\'').count().max(1);
                tokens.push(Token::Word(word(rest.get(..length).unwrap_or_default())));
                place += length;
            } else {
                tokens.extend(mark(character));
                place += 1;
            }
        }
        tokens.push(Token::End { question: false });
    }
    numbers::in_digits(&tokens)
}

/// Curly apostrophes as straight ones.
fn straight(character: char) -> char {
    if matches!(character, '’' | '‘' | 'ʼ') { '\'' } else { character }
}

fn mark(character: char) -> Option<Token> {
    match character {
        '.' | '!' | '…' => Some(Token::End { question: false }),
        '?' => Some(Token::End { question: true }),
        ',' | ';' | '(' | ')' | '[' | ']' | '–' | '—' | '/' | '|' => Some(Token::Pause),
        '&' => Some(Token::Word("and".to_owned())),
        _ => None,
    }
}

/// The line without the number of a list item.
fn without_item_number(line: &str) -> &str {
    let text = line.trim_start();
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix(['.', ')']) {
        Some(item) if rest.len() < text.len() && item.starts_with(char::is_whitespace) => item,
        _ => line,
    }
}

fn word(characters: &[char]) -> String {
    let lower = characters.iter().collect::<String>().to_lowercase();
    if lower.ends_with("n't") || lower == "cannot" {
        return "not".to_owned();
    }
    let bare = lower.trim_matches('\'');
    bare.strip_suffix("'s").unwrap_or(bare).to_owned()
}

/// A number at the start of `characters` and how many of them it takes: digits, with a colon or point between digits,
/// with commas before groups of three, or an ordinal.
fn number(characters: &[char]) -> (String, usize) {
    let digits = |from: usize| characters.iter().skip(from).take_while(|c| c.is_ascii_digit()).count();
    let mut length = digits(0);
    let mut text: String = characters.iter().take(length).collect();
    while let Some(mark @ (',' | ':' | '.')) = characters.get(length) {
        let more = digits(length + 1);
        if more == 0 || (*mark == ',' && more != 3) {
            break;
        }
        if *mark != ',' {
            text.push(*mark);
        }
        text.extend(characters.iter().skip(length + 1).take(more));
        length += 1 + more;
    }
    let letters: String = characters.iter().skip(length).take_while(|c| c.is_alphabetic()).take(3).collect();
    if ["st", "nd", "rd", "th"].contains(&letters.as_str()) {
        text.push_str(&letters);
        length += 2;
    }
    (text, length)
}
