//! IFEval's 25 verifiable instructions (Zhou et al. 2023, *Instruction-Following Evaluation for Large Language Models*,
//! arXiv:2311.07911), one family a file.
//!
//! The rules are those of the benchmark's program, with Python's and NLTK's semantics. Where it draws a random value for
//! an argument that is absent, the argument is required here.

mod change_case;
mod combination;
mod detectable_content;
mod detectable_format;
mod id;
mod keywords;
mod language;
mod length_constraints;
mod punctuation;
mod relation;
mod startend;
mod structure;

pub use id::Instruction;

use super::check::{BoxedCheck, CheckError};
use super::python::Regex;
use crate::instance::Check;
use crate::scoring::PatternError;
use crate::task::VerifierMode;

/// The case files, family by family.
pub(super) const CASES: &[(&str, &str)] = &[
    ("change_case", include_str!("change_case/cases.toml")),
    ("combination", include_str!("combination/cases.toml")),
    ("detectable_content", include_str!("detectable_content/cases.toml")),
    ("detectable_format", include_str!("detectable_format/cases.toml")),
    ("keywords", include_str!("keywords/cases.toml")),
    ("language", include_str!("language/cases.toml")),
    ("length_constraints", include_str!("length_constraints/cases.toml")),
    ("punctuation", include_str!("punctuation/cases.toml")),
    ("startend", include_str!("startend/cases.toml")),
];

/// The check of the loose reading, where it is another than that of the strict one: a letter that the published program
/// draws at random for each reading.
pub(super) fn build_loose(check: &Check, mode: VerifierMode) -> Option<Result<BoxedCheck, CheckError>> {
    let differs = mode == VerifierMode::Official && Instruction::from_id(&check.id)? == Instruction::LetterFrequency;
    differs.then(|| keywords::letter_frequency(check, mode, true))
}

/// The check of one of IFEval's identifiers; `None` for any other.
pub(super) fn build(check: &Check, mode: VerifierMode) -> Option<Result<BoxedCheck, CheckError>> {
    let instruction = Instruction::from_id(&check.id)?;
    let truthy = (mode == VerifierMode::LmEval).then(|| without_falsy(check));
    let check = truthy.as_ref().unwrap_or(check);
    let fixed = mode == VerifierMode::Fixed;
    Some(match instruction {
        Instruction::CapitalWordFrequency => change_case::capital_word_frequency(check, fixed),
        Instruction::EnglishCapital => change_case::english_capital(check, fixed),
        Instruction::EnglishLowercase => change_case::english_lowercase(check),
        Instruction::RepeatPrompt => combination::repeat_prompt(check, fixed),
        Instruction::TwoResponses => combination::two_responses(check),
        Instruction::NumberPlaceholders => detectable_content::number_placeholders(check, fixed),
        Instruction::Postscript => detectable_content::postscript(check, fixed),
        Instruction::ConstrainedResponse => detectable_format::constrained_response(check, fixed),
        Instruction::JsonFormat => detectable_format::json_format(check, fixed),
        Instruction::MultipleSections => structure::multiple_sections(check, fixed),
        Instruction::NumberBulletLists => structure::number_bullet_lists(check, fixed),
        Instruction::NumberHighlightedSections => structure::number_highlighted_sections(check, fixed),
        Instruction::Title => detectable_format::title(check),
        Instruction::KeywordsExistence => keywords::existence(check, fixed),
        Instruction::ForbiddenWords => keywords::forbidden_words(check, fixed),
        Instruction::KeywordFrequency => keywords::frequency(check, fixed),
        Instruction::LetterFrequency => keywords::letter_frequency(check, mode, false),
        Instruction::ResponseLanguage => language::response_language(check, fixed),
        Instruction::NthParagraphFirstWord => length_constraints::nth_paragraph_first_word(check, fixed),
        Instruction::NumberParagraphs => length_constraints::number_paragraphs(check, fixed),
        Instruction::NumberSentences => length_constraints::number_sentences(check),
        Instruction::NumberWords => length_constraints::number_words(check, fixed),
        Instruction::NoComma => punctuation::no_comma(check),
        Instruction::EndChecker => startend::end_checker(check),
        Instruction::Quotation => startend::quotation(check),
    })
}

/// The check without arguments that Python counts as false: lm-evaluation-harness drops 0, an empty text, an empty list
/// and `false` together with the nulls.
fn without_falsy(check: &Check) -> Check {
    let kept = check.kwargs.iter().filter(|(_, value)| match value {
        serde_json::Value::Null => false,
        serde_json::Value::Bool(value) => *value,
        serde_json::Value::Number(number) => number.as_f64() != Some(0.0),
        serde_json::Value::String(text) => !text.is_empty(),
        serde_json::Value::Array(items) => !items.is_empty(),
        serde_json::Value::Object(members) => !members.is_empty(),
    });
    Check { id: check.id.clone(), kwargs: kept.map(|(key, value)| (key.clone(), value.clone())).collect() }
}

/// A pattern written here, which compiles; the test of the cases would show the error if one did not.
fn own_pattern(check: &Check, flags: &str, python: &str) -> Result<Regex, CheckError> {
    Regex::new(flags, python).map_err(|source: PatternError| CheckError::Pattern {
        id: check.id.clone(),
        key: "(own pattern)".to_owned(),
        source,
    })
}

/// A text as a pattern that matches it literally.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_ascii() && !character.is_ascii_alphanumeric() && !character.is_ascii_whitespace() {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
