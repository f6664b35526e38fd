//! `custom:*`: single prompts with a rule of their own.

mod csv;
mod latin;

use std::cmp::Reverse;
use std::sync::LazyLock;

use super::super::nltk::sent_tokenize;
use super::super::python::{Regex, is_word_character, lower, split_words, strip};
use super::count::digit_runs;
use super::edges::strip_edges;
use super::{BoxedCheck, CheckError, Edition, plain};
use crate::instance::Check;
use crate::scoring::is_space;
use crate::scoring::python_text::without_ascii_punctuation;
use csv::read_rows;
use latin::to_ascii;

/// The constraint `custom:{name}`.
pub(super) fn build(name: &str, check: &Check, edition: Edition) -> Option<Result<BoxedCheck, CheckError>> {
    Some(match name {
        "character_reverse" => plain(check, |reply| lower(reply).contains("elgae dlab")),
        "csv_city" => plain(check, csv_city),
        "csv_quotes" => plain(check, csv_quotes),
        "csv_special_character" => plain(check, csv_special_character),
        "date_format_list" => plain(check, |reply| strip(reply).split(',').all(is_napoleonic_date)),
        "european_capitals_sort" => plain(check, european_capitals_sort),
        "mcq_count_length" => plain(check, mcq_count_length),
        "multiples" => plain(check, |reply| digit_runs(reply).eq(["14", "21", "28", "35", "42", "49"])),
        "reverse_newline" => plain(check, reverse_newline),
        "sentence_alphabet" => match edition {
            Edition::Published => plain(check, |reply| sentence_alphabet(reply, is_space)),
            Edition::Revised => plain(check, |reply| {
                sentence_alphabet(reply, |c| c.is_ascii_punctuation() || c.is_ascii_whitespace() || c == '\u{b}')
            }),
        },
        "word_reverse" => plain(check, word_reverse),
        _ => return None,
    })
}

/// A header of the five columns and seven rows of five fields.
fn csv_city(reply: &str) -> bool {
    let Some(rows) = read_rows(reply, ',') else { return false };
    let Some((header, rows)) = rows.split_first() else { return false };
    *header == ["ID", "Country", "City", "Year", "Count"] && rows.len() == 7 && rows.iter().all(|row| row.len() == 5)
}

/// The header with or without quotes, then three rows, tab-separated; every field of every row is in double quotes.
fn csv_quotes(reply: &str) -> bool {
    let is_quoted = |field: &String| {
        let field = strip(field);
        field.starts_with('"') && field.ends_with('"')
    };
    is_header(reply, ["StudentID", "Subject", "Grade", "Semester", "Score"], '\t', &[' '])
        && rows_with_quotes(reply, '\t')
            .is_some_and(|rows| rows.len() == 4 && rows.iter().all(|row| row.len() == 5 && row.iter().all(is_quoted)))
}

/// The header with or without quotes, then 14 rows, comma-separated, of five fields each up to the first row with a
/// field that begins with a quotation mark and holds, before another one, a character that is neither `\w` nor `\s`.
fn csv_special_character(reply: &str) -> bool {
    let header = ["ProductID", "Category", "Brand", "Price", "Stock"];
    let Some(rows) = rows_with_quotes(reply, ',').filter(|rows| rows.len() == 15) else { return false };
    let special = rows.iter().skip(1).position(|row| row.iter().any(|field| has_special_character(field)));
    is_header(reply, header, ',', &[' ', '\t'])
        && special.is_some_and(|place| rows.iter().skip(1).take(place + 1).all(|row| row.len() == 5))
}

/// Rows whose fields keep their quotation marks.
fn rows_with_quotes(reply: &str, delimiter: char) -> Option<Vec<Vec<String>>> {
    read_rows(&reply.replace('"', "\"\"\""), delimiter)
}

/// Whether the first line names these columns, each in double quotes or not, with `padding` after a delimiter.
fn is_header(reply: &str, columns: [&str; 5], delimiter: char, padding: &[char]) -> bool {
    let mut rest = strip(reply.split('\n').next().unwrap_or_default());
    for (place, column) in columns.into_iter().enumerate() {
        if place > 0 {
            let Some(after) = rest.strip_prefix(delimiter) else { return false };
            rest = after.trim_start_matches(padding);
        }
        let quoted = || rest.strip_prefix('"')?.strip_prefix(column)?.strip_prefix('"');
        let Some(after) = rest.strip_prefix(column).or_else(quoted) else { return false };
        rest = after;
    }
    rest.is_empty()
}

/// `re.match(r'".*[^\d\w\s].*"', field)`.
fn has_special_character(field: &str) -> bool {
    let line = field.split('\n').next().unwrap_or_default();
    let Some((inside, _)) = line.strip_prefix('"').and_then(|rest| rest.rsplit_once('"')) else { return false };
    inside.contains(|character| !is_word_character(character) && !is_space(character))
}

/// `YYYY-MM-DD` in ASCII digits, from 1769 to 1821, no month above 12, no day above what the month has (February: 29).
fn is_napoleonic_date(date: &str) -> bool {
    let number = |digits: &str, length: usize| {
        let is_number = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let mut parts = strip(date).split('-');
    let date = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(year), Some(month), Some(day), None) = date else { return false };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        0 => 99,
        _ => 31,
    };
    (1769..=1821).contains(&year) && month <= 12 && day <= days
}

/// European capitals north of 45°, from north to south, as the program lists them.
const CAPITALS: &str = "Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin \
    Amsterdam Warsaw London Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana \
    Zagreb";

/// Exactly these capitals in this order, comma-separated, accents aside.
fn european_capitals_sort(reply: &str) -> bool {
    to_ascii(reply).split(',').map(strip).filter(|city| !city.is_empty()).eq(CAPITALS.split(' '))
}

/// Where a question begins; compiled once, and checked by the cases.
static QUESTION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("", r"\n*(?:Question \d+[\.|\):;]?\s*)").ok());

/// Four questions headed `Question` and a number, nothing before them, each longer than the one before, each with five
/// lines that begin with a letter from a to e and `.`, `)` or `|`.
fn mcq_count_length(reply: &str) -> bool {
    let Some(Ok(questions)) = QUESTION.as_ref().map(|pattern| pattern.split(reply)) else { return false };
    let questions = questions.into_iter().map(strip).filter(|question| !question.is_empty()).collect::<Vec<_>>();
    let lengths = questions.iter().map(|question| question_length(question)).collect::<Option<Vec<_>>>();
    reply.starts_with("Question")
        && questions.len() == 4
        && lengths.is_some_and(|lengths| lengths.is_sorted_by(|before, after| before < after))
}

/// Characters of a question before its options; `None` where it has not five options.
fn question_length(question: &str) -> Option<usize> {
    let lines = question.split('\n').map(strip);
    let (mut text, mut options) = (String::new(), 0);
    for line in lines {
        if is_option(line) {
            options += 1;
        } else if options == 0 {
            text.push(' ');
            text.push_str(line);
        }
    }
    (options == 5).then(|| strip(&text).chars().count())
}

fn is_option(line: &str) -> bool {
    let mut characters = line.chars();
    matches!(characters.next(), Some('A'..='E' | 'a'..='e'))
        && matches!(characters.next(), Some('.' | '|' | ')'))
        && characters.find(|character| !is_space(*character)).is_some_and(is_word_character)
}

/// From the first line with `Zimbabwe` on there are at least 52 lines that are not blank, in reverse order of their
/// letters without marks, punctuation at the edges aside.
fn reverse_newline(reply: &str) -> bool {
    let lines = reply.split('\n').map(strip_edges).filter(|line| !line.is_empty());
    let countries = lines.skip_while(|line| !line.contains("Zimbabwe")).map(to_ascii).collect::<Vec<_>>();
    countries.len() >= 52 && countries.is_sorted_by_key(Reverse)
}

/// 26 sentences, of which the first begins with an a, the second with a b, and so on. Published: after white space
/// only. Revised: after white space and punctuation.
fn sentence_alphabet(reply: &str, skipped: impl Fn(char) -> bool) -> bool {
    let sentences = sent_tokenize(reply);
    let initial = |sentence: &str| sentence.trim_start_matches(&skipped).chars().flat_map(char::to_lowercase).next();
    sentences.len() == 26 && sentences.iter().zip('a'..='z').all(|(sentence, letter)| initial(sentence) == Some(letter))
}

/// Read backwards, word by word and without punctuation, the reply holds `bald eagle` and is one sentence.
fn word_reverse(reply: &str) -> bool {
    let text = without_ascii_punctuation(strip(&lower(reply)));
    let mut words = split_words(&text).collect::<Vec<_>>();
    words.reverse();
    let sentence = words.join(" ");
    sentence.contains("bald eagle") && sent_tokenize(&sentence).contains(&sentence.as_str())
}
