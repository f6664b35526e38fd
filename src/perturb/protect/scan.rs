//! Finds what stays in a text by its looks.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{ProtectedSpan, Reason};

/// The longest stretch between double quotation marks that counts as quoted, in bytes: a passage may be quoted whole.
const LONGEST_QUOTE: usize = 8_000;

/// The longest stretch between single quotation marks, which apostrophes look like, in bytes.
const LONGEST_SINGLE_QUOTE: usize = 300;

/// Patterns of protected text. `trim` drops punctuation that ends a sentence from the match's end.
const PATTERNS: [(Reason, bool, &str); 17] = [
    (Reason::Code, false, r"(?s)```.*?(?:```|\z)"),
    (Reason::Code, false, r"`[^`\n]+`"),
    (Reason::Code, true, r"(?:[a-zA-Z][a-zA-Z0-9+.\-]*://|www\.)\S+"),
    (Reason::Code, true, r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)*"),
    // Identifiers: snake_case, camelCase, call(), dotted names and file names, paths, @mentions and #tags.
    (Reason::Code, false, r"\w*_\w*"),
    (Reason::Code, false, r"\w*\p{Ll}\p{Lu}\w*"),
    (Reason::Code, false, r"\w+\(\)"),
    (Reason::Code, true, r"\w+(?:\.\w+)+"),
    (Reason::Code, true, r"\S*[/\\]\S*"),
    (Reason::Code, false, r"[@#]\w+"),
    (
        Reason::Placeholder,
        false,
        r"\[[^\[\]\n]{1,120}\]|\{[^{}\n]{1,120}\}|<[^<>\s][^<>\n]{0,118}>|\{\{[^{}\n]{1,120}\}\}",
    ),
    (Reason::Math, false, r"\$[^$\n]+\$|\\[A-Za-z]+(?:\{[^{}\n]*\})*"),
    (Reason::Number, true, r"\S*\p{N}\S*"),
    (
        Reason::Number,
        false,
        r"(?i)\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|half|twice|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\b",
    ),
    (Reason::Acronym, false, r"\b\p{Lu}[\p{Lu}\p{N}]+s?\b"),
    (Reason::Acronym, false, r"\b[A-HJ-Z]\b"),
    // A variable; not the end of "don't" or of "Ann's".
    (Reason::Math, false, r"(?:^|[^\w'’])([b-hj-zα-ω])\b"),
];

static COMPILED: LazyLock<Vec<(Reason, bool, Regex)>> = LazyLock::new(|| {
    let compile = |&(reason, trim, pattern): &(Reason, bool, &str)| Some((reason, trim, Regex::new(pattern).ok()?));
    PATTERNS.iter().filter_map(compile).collect()
});

/// The spans of a text that stay: what looks protected, and every occurrence of the substrings given.
pub fn protected_spans(text: &str, given: &[String]) -> Vec<ProtectedSpan> {
    let mut spans = Vec::new();
    for (reason, trim, pattern) in COMPILED.iter() {
        for captures in pattern.captures_iter(text) {
            let Some(found) = captures.get(1).or_else(|| captures.get(0)) else { continue };
            let kept = if *trim { found.as_str().trim_end_matches(ends_sentence) } else { found.as_str() };
            spans.push(ProtectedSpan { range: found.start()..found.start() + kept.len(), reason: *reason });
        }
    }
    spans.extend(formulas(text).into_iter().map(|range| ProtectedSpan { range, reason: Reason::Math }));
    spans.extend(quotes(text).into_iter().map(|range| ProtectedSpan { range, reason: Reason::Quote }));
    for substring in given.iter().filter(|substring| !substring.is_empty()) {
        let starts = overlapping_matches(text, substring);
        let found = starts.map(|start| start..start + substring.len());
        spans.extend(found.map(|range| ProtectedSpan { range, reason: Reason::Declared }));
    }
    spans.retain(|span| !span.range.is_empty());
    spans.sort_by_key(|span| (span.range.start, span.range.end));
    spans
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '?' | '!' | ')')
}

fn overlapping_matches<'a>(text: &'a str, substring: &'a str) -> impl Iterator<Item = usize> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find(substring)?;
        from = start + text.get(start..)?.chars().next().map_or(1, char::len_utf8);
        Some(start)
    })
}

/// Tokens with an operator, and the operands beside them: `f(x) = x^2 + c` is one stretch.
fn formulas(text: &str) -> Vec<Range<usize>> {
    const OPERATORS: &str = "=+*^|<>≤≥≠≈×÷√∑∫→±∈∧∨¬";
    let mut formulas: Vec<Range<usize>> = Vec::new();
    let mut operand_before: Option<usize> = None;
    let mut open = false;
    let mut at = 0;
    for token in text.split_inclusive(char::is_whitespace) {
        let word = token.trim_end();
        let range = at..at + word.trim_end_matches(ends_clause).len();
        at += token.len();
        if range.is_empty() {
            continue;
        }
        if word.contains(|c| OPERATORS.contains(c)) {
            let start = operand_before.unwrap_or(range.start);
            match formulas.last_mut() {
                Some(last) if open || start < last.end => last.end = range.end,
                _ => formulas.push(start..range.end),
            }
            open = true;
        } else if is_operand(word) {
            if let (true, Some(last)) = (open, formulas.last_mut()) {
                last.end = range.end;
            }
        } else {
            open = false;
        }
        open &= !word.ends_with(ends_clause) && !token.ends_with('\n');
        operand_before = (is_operand(word) && !open && !word.ends_with(ends_clause)).then_some(range.start);
    }
    formulas
}

fn ends_clause(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '?' | '!')
}

/// Whether a token reads as an operand: nowhere more than two letters in a row, and no little word.
fn is_operand(word: &str) -> bool {
    const LITTLE_WORDS: [&str; 22] = [
        "am", "an", "as", "at", "be", "by", "do", "go", "he", "if", "in", "is", "it", "me", "my", "no", "of", "on",
        "or", "so", "to", "we",
    ];
    !LITTLE_WORDS.contains(&word)
        && word.split(|c: char| !c.is_alphabetic()).all(|letters| letters.chars().count() <= 2)
}

/// Every occurrence of `wanted` that neither begins nor ends within a word, whatever the case of its ASCII letters;
/// a single letter only in its own case (`A` is a label, `a` an article).
pub(super) fn whole_words(text: &str, wanted: &str) -> Vec<ProtectedSpan> {
    let single = wanted.chars().count() == 1;
    let cased = |text: &str| if single { text.to_owned() } else { text.to_ascii_lowercase() };
    let (haystack, needle) = (cased(text), cased(wanted));
    let is_edge = |neighbour: Option<char>, own: Option<char>| {
        !(neighbour.is_some_and(char::is_alphanumeric) && own.is_some_and(char::is_alphanumeric))
    };
    let mut spans = Vec::new();
    for (start, found) in haystack.match_indices(&needle) {
        let range = start..start + found.len();
        let before = haystack.get(..start).and_then(|head| head.chars().next_back());
        let after = haystack.get(range.end..).and_then(|tail| tail.chars().next());
        if is_edge(before, found.chars().next()) && is_edge(after, found.chars().next_back()) {
            spans.push(ProtectedSpan { range, reason: Reason::Answer });
        }
    }
    spans
}

/// Quoted stretches, marks included: `"…"`, `“…”`, `«…»`, `‘…’` and `'…'`. A straight or curly single mark opens only
/// where no letter or digit stands before it and closes only where none follows, so that an apostrophe is neither. A
/// quotation does not run over an empty line.
pub(super) fn quotes(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut skip_until = 0;
    let mut before: Option<char> = None;
    for (start, mark) in text.char_indices() {
        let glued = before.is_some_and(char::is_alphanumeric);
        before = Some(mark);
        let close = match mark {
            '"' => '"',
            '“' => '”',
            '«' => '»',
            '‘' if !glued => '’',
            '\'' if !glued => '\'',
            _ => continue,
        };
        if start < skip_until {
            continue;
        }
        if let Some(end) = closing(text, start + mark.len_utf8(), close) {
            found.push(start..end);
            skip_until = end;
        }
    }
    found
}

/// Where the quotation whose content starts at `from` ends, its mark included.
fn closing(text: &str, from: usize, close: char) -> Option<usize> {
    let rest = text.get(from..)?;
    let single = matches!(close, '\'' | '’');
    if rest.starts_with(|c: char| c.is_whitespace()) && single {
        return None;
    }
    let mut previous = '\0';
    let longest = if single { LONGEST_SINGLE_QUOTE } else { LONGEST_QUOTE };
    let mut chars = rest.char_indices().take_while(|(at, _)| *at <= longest).peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        if c == '\n' && previous == '\n' {
            return None;
        }
        let apostrophe = single && (next.is_some_and(char::is_alphanumeric) || previous.is_whitespace());
        if c == close && at > 0 && !apostrophe {
            return Some(from + at + c.len_utf8());
        }
        previous = c;
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let spans = protected_spans(text, &[]);
        let mut found: Vec<&str> = spans.iter().map(|span| &text[span.range.clone()]).collect();
        found.dedup();
        found
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
    }

    #[test]
    fn numbers_in_digits_and_words_are_found_without_the_full_stop() {
        assert_eq!(found("A 40-year-old man paid 3.50 for two, in 1995."), ["A", "40-year-old", "3.50", "two", "1995"]);
        assert!(found("someone often weighs bones").is_empty());
    }

    #[test]
    fn quotations_are_found_and_apostrophes_are_not() {
        assert_eq!(
            found("Say 'hello there' or \"good bye\" “twice now”."),
            ["'hello there'", "\"good bye\"", "“twice now”", "twice"]
        );
        assert_eq!(found("Don't take the students' books, it's Ann's."), [""; 0]);
        assert_eq!(found("He wrote 'don't go' on it"), ["'don't go'"]);
        assert_eq!(found("the dogs' tails and cats' ears"), [""; 0]);
        assert_eq!(found("'a' 'b'").len(), 2);
    }

    #[test]
    fn code_addresses_and_placeholders_are_found() {
        let text = "Use `let x`, my_var, getName and run() from main.py at https://a.org/b?c. Ask me@b.org for [name] {x} <y>.";
        let found = found(text);
        for wanted in [
            "`let x`",
            "my_var",
            "getName",
            "run()",
            "main.py",
            "https://a.org/b?c",
            "me@b.org",
            "[name]",
            "{x}",
            "<y>",
        ] {
            assert!(found.contains(&wanted), "{wanted} in {found:?}");
        }
    }

    #[test]
    fn formulas_and_acronyms_are_found() {
        let text = "Let f(x) = x^2 + c with $a_b$ and \\frac{1}{2} where DNA and the USA agree, B or C.";
        let joined = found(text).join("|");
        for wanted in ["f(x) = x^2 + c", "$a_b$", "\\frac{1}{2}", "DNA", "USA", "B", "C"] {
            assert!(joined.contains(wanted), "{wanted} in {joined}");
        }
        assert!(found("so p and q → r holds").contains(&"q → r"));
        assert!(!joined.contains("where") && !joined.contains("agree"));
    }

    #[test]
    fn a_declared_substring_is_found_at_every_place_even_overlapping() {
        let spans = protected_spans("anana", &["ana".to_owned(), String::new()]);
        assert_eq!(spans.iter().map(|span| span.range.clone()).collect::<Vec<_>>(), [0..3, 2..5]);
    }

    #[test]
    fn an_answer_is_found_as_a_whole_word_in_any_case() {
        let spans = whole_words("No, nobody said no.", "no");
        assert_eq!(spans.iter().map(|span| span.range.clone()).collect::<Vec<_>>(), [0..2, 16..18]);
        assert_eq!(whole_words("A cat ate a", "A").len(), 1);
    }
}
