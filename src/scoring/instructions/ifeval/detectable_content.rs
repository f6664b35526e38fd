//! `detectable_content`: placeholders and postscripts.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::super::python::{lower, strip};
use super::{literal, own_pattern};
use crate::instance::Check;

/// `detectable_content:number_placeholders` {`num_placeholders`}: at least so many placeholders in square brackets.
///
/// Python: `len(re.findall(r"\[.*?\]", reply))`, within a line. Fixed: brackets that are empty or a check box, or that
/// begin a Markdown link, are not counted.
pub(super) fn number_placeholders(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["num_placeholders"])?;
    let wanted = arguments.count("num_placeholders")?;
    let source = if fixed { r"\[(?!\s*\])(?![ xX]\])[^\[\]\n]*\](?!\()" } else { r"\[.*?\]" };
    let pattern = own_pattern(check, "", source)?;
    Ok(Box::new(move |reply| pattern.count(reply).is_ok_and(|count| count >= wanted)))
}

/// `detectable_content:postscript` {`postscript_marker`}: there is a postscript with that marker.
///
/// Python searches the reply in lower case for `p\.\s?p\.\s?s` where the marker is `P.P.S`, `p\.\s?s\.` where it is `P.S.`,
/// and otherwise for the marker in lower case, as a pattern; anywhere, also within a word. (The white space before and the
/// rest of the line after, which its pattern has too, always match.) Fixed: the marker is literal, with white space allowed
/// after each of its periods, and no letter, number or period stands before it.
pub(super) fn postscript(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["postscript_marker"])?;
    let marker = strip(arguments.text("postscript_marker")?);
    if marker.is_empty() {
        return Err(arguments.invalid("postscript_marker", "a text that is not blank"));
    }
    let source = match marker {
        _ if fixed => format!(r"(?<![\w.]){}", literal(&lower(marker)).replace(r"\.", r"\.\s?").replace(' ', "")),
        "P.P.S" => r"p\.\s?p\.\s?s".to_owned(),
        "P.S." => r"p\.\s?s\.".to_owned(),
        other => lower(other),
    };
    let pattern = arguments.pattern("postscript_marker", "m", &source)?;
    Ok(Box::new(move |reply| pattern.is_match(&lower(reply)).unwrap_or(false)))
}
