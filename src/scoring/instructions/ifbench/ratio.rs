//! `ratio:*`: shares of a reply.

use std::collections::BTreeSet;

use super::super::nltk::{sent_tokenize, word_tokenize};
use super::super::python::{lower, split_words, strip, words};
use super::{Arguments, BoxedCheck, CheckError, Edition, plain};
use crate::instance::Check;
use crate::scoring::python_text::without_ascii_punctuation;

/// The constraint `ratio:{name}`.
pub(super) fn build(name: &str, check: &Check, edition: Edition) -> Option<Result<BoxedCheck, CheckError>> {
    Some(match name {
        "overlap" => overlap(check, edition),
        "sentence_balance" => plain(check, sentence_balance),
        "sentence_type" => plain(check, sentence_type),
        "sentence_words" => match edition {
            Edition::Published => plain(check, |reply| three_of_a_length(reply).is_some()),
            Edition::Revised => plain(check, three_without_repetition),
        },
        "stop_words" => stop_words(check),
        _ => return None,
    })
}

/// The share of the reply's different trigrams that `reference_text` has too is within two percentage points of
/// `percentage`. Published: trigrams of characters, though the prompt speaks of words. Revised: of NLTK's tokens.
fn overlap(check: &Check, edition: Edition) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["reference_text", "percentage"])?;
    let percentage = arguments.count("percentage")? as f64;
    let reference = arguments.text("reference_text")?;
    Ok(match edition {
        Edition::Published => {
            let reference = trigrams(reference.chars());
            Box::new(move |reply| is_near(&trigrams(reply.chars()), &reference, percentage))
        }
        Edition::Revised => {
            let reference = trigrams(word_tokenize(reference).into_iter());
            Box::new(move |reply| is_near(&trigrams(word_tokenize(reply).into_iter()), &reference, percentage))
        }
    })
}

fn trigrams<T: Ord + Clone>(items: impl Iterator<Item = T>) -> BTreeSet<[T; 3]> {
    let items = items.collect::<Vec<_>>();
    items.windows(3).filter_map(|window| <[T; 3]>::try_from(window.to_vec()).ok()).collect()
}

fn is_near<T: Ord>(reply: &BTreeSet<T>, reference: &BTreeSet<T>, percentage: f64) -> bool {
    let share = reply.intersection(reference).count() as f64 / reply.len() as f64 * 100.0;
    !reply.is_empty() && (percentage - 2.0..=percentage + 2.0).contains(&share)
}

/// How many sentences end with each mark.
fn endings<const N: usize>(reply: &str, marks: [char; N]) -> [usize; N] {
    let sentences = sent_tokenize(reply);
    marks.map(|mark| sentences.iter().filter(|sentence| sentence.ends_with(mark)).count())
}

/// As many sentences end with `.` as with `?` and with `!`.
fn sentence_balance(reply: &str) -> bool {
    let [statements, questions, exclamations] = endings(reply, ['.', '?', '!']);
    statements == questions && questions == exclamations
}

/// Twice as many sentences end with `.` as with `?`.
fn sentence_type(reply: &str) -> bool {
    let [statements, questions] = endings(reply, ['.', '?']);
    statements == 2 * questions
}

/// Three sentences of the same number of characters. The first edition asks no more.
fn three_of_a_length(reply: &str) -> Option<String> {
    let sentences = sent_tokenize(reply);
    let lengths = sentences.iter().map(|sentence| strip(sentence).chars().count()).collect::<BTreeSet<_>>();
    (sentences.len() == 3 && lengths.len() == 1).then(|| sentences.join(" "))
}

/// And no word twice, case and ASCII punctuation aside.
fn three_without_repetition(reply: &str) -> bool {
    three_of_a_length(reply).is_some_and(|text| {
        let text = without_ascii_punctuation(&lower(&text));
        split_words(&text).count() == split_words(&text).collect::<BTreeSet<_>>().len()
    })
}

/// At most `percentage` per cent of the words (runs of `\w`) are stop words.
fn stop_words(check: &Check) -> Result<BoxedCheck, CheckError> {
    let percentage = Arguments::new(check, &["percentage"])?.count("percentage")? as f64;
    Ok(Box::new(move |reply| {
        let all = words(reply).count();
        let stop = words(reply).map(lower).filter(|word| STOP_WORDS.split(' ').any(|listed| listed == word)).count();
        all > 0 && stop as f64 / all as f64 * 100.0 <= percentage
    }))
}

/// NLTK's English stop words, without those that hold an apostrophe: a run of `\w` never does.
const STOP_WORDS: &str = "a an the this that these those all any both each few more most other some such no own same \
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it \
    its itself they them their theirs themselves what which who whom am is are was were be been being have has had \
    having do does did doing can will should and but if or because as until while of at by for with about against \
    between into through during before after above below to from up down in out on off over under nor than again \
    further then once here there when where why how not only so too very just now s t d ll m o re ve y don ain aren \
    couldn didn doesn hadn hasn haven isn ma mightn mustn needn shan shouldn wasn weren won wouldn";
