//! NLTK's word tokenizer: sentences by Punkt, then the rules of the Penn Treebank's tokenizer (R. MacIntyre's sed script)
//! with NLTK's additions (NLTK 3.10's `NLTKWordTokenizer`), one substitution after another.

use std::sync::LazyLock;

use fancy_regex::Regex;

use super::super::python::split_words;
use super::punkt::sent_tokenize;

/// `nltk.word_tokenize(text)`.
pub(in super::super) fn word_tokenize(text: &str) -> Vec<String> {
    sent_tokenize(text).into_iter().flat_map(sentence_words).collect()
}

/// The tokens of one sentence; quotation marks come out as two backticks or two apostrophes.
fn sentence_words(sentence: &str) -> Vec<String> {
    let mut text = sentence.to_owned();
    for (index, (pattern, replacement)) in RULES.iter().flatten().enumerate() {
        if index == BEFORE_PADDING {
            text = format!(" {text} ");
        }
        // A search that is given up leaves the text as it is.
        let replaced = pattern.try_replacen(&text, 0, *replacement).map(std::borrow::Cow::into_owned);
        text = replaced.unwrap_or(text);
    }
    split_words(&text).map(str::to_owned).collect()
}

/// Rules before the text is padded with a space on either side.
const BEFORE_PADDING: usize = 17;

/// The rules, compiled once, and checked by a test.
static RULES: LazyLock<Option<Vec<(Regex, &'static str)>>> = LazyLock::new(|| {
    SUBSTITUTIONS.iter().map(|(pattern, replacement)| Some((Regex::new(pattern).ok()?, *replacement))).collect()
});

const SUBSTITUTIONS: &[(&str, &str)] = &[
    // Opening quotes.
    ("([«“‘„]|`+)", " ${1} "),
    ("^\"", "``"),
    ("(``)", " ${1} "),
    (r#"([ (\[{<])("|'{2})"#, "${1} `` "),
    (r"(?i)(?<!\w)(')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)", "${1} "),
    // Punctuation. A final period may stand before closing marks.
    (r#"([^.])(\.)([\])}>"'»”’ ]*)\s*\z"#, "${1} ${2} ${3} "),
    (r"([:,])(\D)", " ${1} ${2}"),
    (r"([:,])(\n?)\z", " ${1} ${2}"),
    (r"\.{2,}", " ${0} "),
    ("[;@#$%&]", " ${0} "),
    ("[\u{2012}-\u{2015}]", " ${0} "),
    (r#"([^.])(\.)([\])}>"']*)\s*\z"#, "${1} ${2}${3} "),
    ("[?!]", " ${0} "),
    ("([^'])' ", "${1} ' "),
    (r"\*", " ${0} "),
    (r"[\]\[(){}<>]", " ${0} "),
    ("--", " -- "),
    // Closing quotes and what follows an apostrophe.
    ("([»”’])", " ${1} "),
    ("''", " '' "),
    ("\"", " '' "),
    (r"\s+", " "),
    ("([^' ])('[sS]|'[mM]|'[dD]|') ", "${1} ${2} "),
    ("([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "${1} ${2} "),
    // Contractions. NLTK compiles these with Python's `re`, whose words have no combining marks.
    (r"(?i)(?<![\pL\pN_])(can)(not)(?![\pL\pN_])", " ${1} ${2} "),
    (r"(?i)(?<![\pL\pN_])(d)('ye)(?![\pL\pN_])", " ${1} ${2} "),
    (r"(?i)(?<![\pL\pN_])(gim)(me)(?![\pL\pN_])", " ${1} ${2} "),
    (r"(?i)(?<![\pL\pN_])(gon)(na)(?![\pL\pN_])", " ${1} ${2} "),
    (r"(?i)(?<![\pL\pN_])(got)(ta)(?![\pL\pN_])", " ${1} ${2} "),
    (r"(?i)(?<![\pL\pN_])(lem)(me)(?![\pL\pN_])", " ${1} ${2} "),
    (r"(?i)(?<![\pL\pN_])(more)('n)(?![\pL\pN_])", " ${1} ${2} "),
    (r"(?i)(?<![\pL\pN_])(wan)(na)(?=[\s\x1c-\x1f])", " ${1} ${2} "),
    (r"(?i) ('t)(is)(?![\pL\pN_])", " ${1} ${2} "),
    (r"(?i) ('t)(was)(?![\pL\pN_])", " ${1} ${2} "),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_compiles() {
        assert_eq!(RULES.as_ref().map(Vec::len), Some(SUBSTITUTIONS.len()));
        assert_eq!(SUBSTITUTIONS.get(BEFORE_PADDING).map(|rule| rule.0), Some("([»”’])"));
    }

    /// Expectations are those of NLTK 3.10.4's `word_tokenize`.
    #[test]
    fn words_are_those_of_nltk() {
        for (text, words) in WORDS {
            assert_eq!(word_tokenize(text), *words, "{text:?}");
        }
    }

    const WORDS: &[(&str, &[&str])] = &[
        (
            "I cannot don't won't; it's O'Neil's \"best\" (ever).",
            &[
                "I", "can", "not", "do", "n't", "wo", "n't", ";", "it", "'s", "O'Neil", "'s", "``", "best", "''", "(",
                "ever", ")", ".",
            ],
        ),
        (
            "Gonna wanna go, gimme 50,000.5%--now!",
            &["Gon", "na", "wan", "na", "go", ",", "gim", "me", "50,000.5", "%", "--", "now", "!"],
        ),
        (
            "'Tis the cat's ... e.g. A/B, U.S.A.",
            &["'", "Tis", "the", "cat", "'s", "...", "e.g", ".", "A/B", ",", "U.S.A", "."],
        ),
        (
            "HELLO-WORLD *BOLD* <TAG> \"QUOTED TEXT.\"",
            &["HELLO-WORLD", "*", "BOLD", "*", "<", "TAG", ">", "``", "QUOTED", "TEXT", ".", "''"],
        ),
        ("they'll we've I'd 'quoted' n't", &["they", "'ll", "we", "'ve", "I", "'d", "'", "quoted", "'", "n't"]),
        ("«Oui» „ja“ — yes…", &["«", "Oui", "»", "„", "ja", "“", "—", "yes…"]),
    ];
}
