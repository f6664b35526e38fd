//! `detectable_format`: bullets, highlights and sections.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::super::python::{Regex, strip};
use super::{literal, own_pattern};
use crate::instance::Check;

/// `detectable_format:number_bullet_lists` {`num_bullets`}: exactly so many bullet points.
///
/// Python: hits of `^\s*\*[^\*].*$` and hits of `^\s*-.*$`, each over all lines. So `---`, `-5 degrees` and a line that
/// begins with `*emphasis*` are bullets. Fixed: a bullet is `*`, `-` or `+` at the beginning of a line, white space and a
/// text; a rule (`- - -`) is none.
pub(super) fn number_bullet_lists(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["num_bullets"])?;
    let wanted = arguments.count("num_bullets")?;
    if fixed {
        return Ok(Box::new(move |reply| reply.lines().filter(|line| is_bullet(line)).count() == wanted));
    }
    let stars = own_pattern(check, "m", r"^\s*\*[^\*].*$")?;
    let hyphens = own_pattern(check, "m", r"^\s*-.*$")?;
    Ok(Box::new(move |reply| match (stars.count(reply), hyphens.count(reply)) {
        (Ok(stars), Ok(hyphens)) => stars + hyphens == wanted,
        _ => false,
    }))
}

fn is_bullet(line: &str) -> bool {
    let text = strip(line).strip_prefix(['*', '-', '+']).filter(|text| text.starts_with(char::is_whitespace));
    let is_rule = line.chars().all(|character| character.is_whitespace() || matches!(character, '*' | '-'));
    text.is_some() && !is_rule
}

/// `detectable_format:number_highlighted_sections` {`num_highlights`}: at least so many parts in Markdown emphasis.
///
/// Python: hits of `\*[^\n\*]*\*` that hold something besides asterisks and white space, plus hits of `\*\*[^\n\*]*\*\*`
/// that do; of the first kind are also two list marks or signs of multiplication on one line. Fixed: `*text*`, `**text**`
/// and `***text***` where the text neither begins nor ends with white space.
pub(super) fn number_highlighted_sections(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["num_highlights"])?;
    let wanted = arguments.count("num_highlights")?;
    let sources: &[&str] = if fixed {
        &[r"(?<!\*)(\*{1,3})(?![\s*])[^\n*]*(?<![\s*])\1(?!\*)"]
    } else {
        &[r"\*[^\n\*]*\*", r"\*\*[^\n\*]*\*\*"]
    };
    let patterns = sources.iter().map(|source| own_pattern(check, "", source)).collect::<Result<Vec<Regex>, _>>()?;
    Ok(Box::new(move |reply| {
        let holds_text = |part: &&str| !strip(part.trim_matches('*')).is_empty();
        let counts = patterns.iter().map(|pattern| Ok(pattern.find_all(reply)?.into_iter().filter(holds_text).count()));
        let total = counts.sum::<Result<usize, crate::scoring::PatternError>>();
        total.is_ok_and(|total| total >= wanted)
    }))
}

/// `detectable_format:multiple_sections` {`section_spliter`, `num_sections`}: at least so many sections, each with a mark
/// and a number at its head. (The argument's name is the data's.)
///
/// Python: the pieces of `re.split(r"\s?" + mark.strip() + r"\s?\d+\s?", reply)`, less one; the mark is a pattern, and counts
/// anywhere ("see Section 2"). Fixed: the literal mark and its number begin a line, after marks such as `#` and `**`.
pub(super) fn multiple_sections(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["section_spliter", "num_sections"])?;
    let mark = strip(arguments.text("section_spliter")?);
    if mark.is_empty() {
        return Err(arguments.invalid("section_spliter", "a text that is not blank"));
    }
    let wanted = arguments.count("num_sections")?;
    let (flags, source) =
        if fixed { ("m", format!(r"^[^\w\n]*{}\s?\d+", literal(mark))) } else { ("", format!(r"\s?{mark}\s?\d+\s?")) };
    let pattern = arguments.pattern("section_spliter", flags, &source)?;
    if fixed {
        return Ok(Box::new(move |reply| pattern.count(reply).is_ok_and(|count| count >= wanted)));
    }
    Ok(Box::new(move |reply| pattern.split(reply).is_ok_and(|pieces| pieces.len() > wanted)))
}
