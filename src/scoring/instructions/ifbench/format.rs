//! `format:*`: the outer form of a reply.

mod emoji;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::nltk::{sent_tokenize, word_tokenize};
use super::super::python::{is_lower, is_upper, is_word_character, lower, split_words, strip};
use super::edges::strip_edges;
use super::{Arguments, BoxedCheck, CheckError, plain};
use crate::instance::Check;
use crate::scoring::is_space;
use crate::scoring::python_text::without_ascii_punctuation;

/// The constraint `format:{name}`. No edition differs here.
pub(super) fn build(name: &str, check: &Check) -> Option<Result<BoxedCheck, CheckError>> {
    Some(match name {
        "emoji" => plain(check, emoji::ends_every_sentence),
        "line_indent" => plain(check, line_indent),
        "list" => list(check),
        "newline" => plain(check, newline),
        "no_bullets_bullets" => plain(check, no_bullets_bullets),
        "no_whitespace" => plain(check, |reply| !reply.contains(is_space)),
        "options" => options(check),
        "output_template" => plain(check, output_template),
        "parentheses" => plain(check, parentheses),
        "quote_unquote" => plain(check, quote_unquote),
        "quotes" => plain(check, quotes),
        "sub-bullets" => plain(check, sub_bullets),
        "thesis" => plain(check, thesis),
        "title_case" => plain(check, title_case),
        _ => return None,
    })
}

/// Each line begins with more spaces than the one before. Blank lines are left out as the program does it: it takes them
/// out of the list that it walks through, the first that is alike each time, and so skips what follows every one of them.
fn line_indent(reply: &str) -> bool {
    let lines = reply.split('\n').collect::<Vec<_>>();
    let mut blank = BTreeMap::<&str, VecDeque<usize>>::new();
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| strip(line).is_empty()) {
        blank.entry(line).or_default().push_back(place);
    }
    let mut taken_out = BTreeSet::new();
    let mut place = 0;
    while let Some(line) = lines.get(place) {
        let alike = blank.get_mut(line).and_then(VecDeque::pop_front);
        place += if alike.is_some() { 2 } else { 1 };
        taken_out.extend(alike);
    }
    let kept = lines.iter().enumerate().filter(|(place, _)| !taken_out.contains(place));
    let indents = kept.map(|(_, line)| line.len() - line.trim_start_matches(' ').len()).collect::<Vec<_>>();
    indents.is_sorted_by(|before, after| before < after)
}

/// The marker `sep` occurs at least twice, wherever.
fn list(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["sep"])?;
    let marker = match arguments.text("sep")? {
        "" => return Err(arguments.invalid("sep", "the text that stands for a bullet")),
        marker => marker.to_owned(),
    };
    Ok(Box::new(move |reply| reply.matches(marker.as_str()).count() >= 2))
}

/// As many lines that are not empty as words, ASCII punctuation aside.
fn newline(reply: &str) -> bool {
    let text = without_ascii_punctuation(reply);
    strip(&text).split('\n').filter(|line| !line.is_empty()).count() == split_words(&text).count()
}

/// At least two sentences, whatever ends them, then at least two lines that begin with `*`, then nothing. A blank line
/// ends the sentences.
fn no_bullets_bullets(reply: &str) -> bool {
    let (mut in_sentences, mut sentences, mut bullets) = (true, 0, 0);
    for line in reply.split('\n').map(strip) {
        if line.starts_with('*') {
            if sentences < 2 {
                return false;
            }
            in_sentences = false;
            bullets += 1;
        } else if in_sentences {
            let here = sent_tokenize(line).len();
            in_sentences = here > 0;
            sentences += here;
        } else {
            return false;
        }
    }
    bullets >= 2
}

/// The reply is one of `options`, which `/` separates, or else `or`, or else a comma. Lettered options must be met
/// exactly; of others, case and punctuation at the edges do not count.
fn options(check: &Check) -> Result<BoxedCheck, CheckError> {
    let text = Arguments::new(check, &["options"])?.text("options")?;
    let separator = ["/", "or"].into_iter().find(|separator| text.contains(separator)).unwrap_or(",");
    let options = text.split(separator).map(|option| strip(option).to_owned());
    Ok(if is_lettered(text) {
        let options = options.collect::<Vec<_>>();
        Box::new(move |reply| options.iter().any(|option| option == reply))
    } else {
        let options = options.map(|option| lower(strip_edges(&option))).collect::<Vec<_>>();
        Box::new(move |reply| options.contains(&lower(strip_edges(reply))))
    })
}

/// `re.match(r"\W*[aA]\W*[bB]\W*[cC]\W*", text)`.
fn is_lettered(text: &str) -> bool {
    let mut letters = text.chars().filter(|character| is_word_character(*character));
    ['a', 'b', 'c'].into_iter().all(|letter| letters.next().is_some_and(|found| found.eq_ignore_ascii_case(&letter)))
}

/// The three headings of the template occur, in whatever order.
fn output_template(reply: &str) -> bool {
    ["My Answer:", "My Conclusion:", "Future Outlook:"].into_iter().all(|heading| reply.contains(heading))
}

/// Brackets of any kind are open five deep, and the first bracket after that which closes one matches it. A bracket
/// that closes nothing starts anew.
fn parentheses(reply: &str) -> bool {
    let (mut open, mut deepest) = (Vec::new(), 0);
    for character in reply.chars() {
        let closing = match character {
            '(' => Some(')'),
            '[' => Some(']'),
            '{' => Some('}'),
            _ => None,
        };
        if let Some(closing) = closing {
            open.push(closing);
            deepest = deepest.max(open.len());
        } else if matches!(character, ')' | ']' | '}') {
            if open.last() == Some(&character) {
                open.pop();
                if deepest >= 5 {
                    return true;
                }
            } else {
                open.clear();
                deepest = 0;
            }
        }
    }
    false
}

/// Straight quotation marks, `"` and `'`, open in turn at least three deep, and three levels of the deepest nest are
/// closed again. An apostrophe counts as a quotation mark.
fn quotes(reply: &str) -> bool {
    let (mut open, mut deepest) = (Vec::new(), 0);
    for character in reply.chars() {
        if open.last() == Some(&character) {
            open.pop();
            if deepest - open.len() >= 3 {
                return true;
            }
        } else if matches!(character, '"' | '\'') {
            open.push(character);
            deepest = deepest.max(open.len());
        }
    }
    false
}

/// No straight double quotation marks next to each other, white space aside, and none at the end, digits and
/// punctuation aside. The mark quoted by itself (`'"'`) does not count.
fn quote_unquote(reply: &str) -> bool {
    let text = reply.replace("'\"'", "").chars().filter(|character| !is_space(*character)).collect::<String>();
    let trimmed = text.trim_matches(|c: char| c.is_ascii_digit() || (c.is_ascii_punctuation() && c != '"'));
    !text.contains("\"\"") && !trimmed.ends_with('"')
}

/// After every `*`, and before the next, there is a `-`. A reply without `*` passes.
fn sub_bullets(reply: &str) -> bool {
    reply.split('*').skip(1).all(|bullet| bullet.contains('-'))
}

/// The first text in `<i>` (else `<em>`) is not blank, and something follows it. As the program slices the text, the
/// last character of `<em>` and of `</em>` counts as text.
fn thesis(reply: &str) -> bool {
    let first = |text: &str, tags: [&str; 2]| tags.into_iter().find_map(|tag| text.find(tag));
    let Some(rest) = first(reply, ["<i>", "<em>"]).and_then(|start| reply.get(start..)) else { return false };
    let Some(end) = first(rest, ["</i>", "</em>"]) else { return false };
    let is_text = |text: Option<&str>| text.is_some_and(|text| !strip(text).is_empty());
    is_text(rest.get(3..end)) && is_text(rest.get(end + 4..))
}

/// No token of letters in lower case, or with a small first letter and the others large.
fn title_case(reply: &str) -> bool {
    word_tokenize(reply).iter().all(|word| {
        let mut rest = word.chars();
        let Some(first) = rest.next().filter(|first| is_letter(*first)) else { return true };
        let rest = rest.as_str();
        !is_lower(first.encode_utf8(&mut [0; 4])) || !(rest.is_empty() || is_lower(rest) || is_upper(rest))
    })
}

/// `character.isalpha()`.
fn is_letter(character: char) -> bool {
    is_word_character(character) && !character.is_numeric() && character != '_'
}
