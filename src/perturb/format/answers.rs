//! Answers that name an option, rewritten when the labels are.

use super::grammar::Format;
use crate::perturb::anatomy::OptionList;

/// The answer with the label that a format gives its option: bare where it was bare, in the new wrapper where it stood
/// in the list's own, else in the wrapper that it had. `None` if it names no option.
pub fn rewritten(answer: &str, list: &OptionList, format: &Format<'_>) -> Option<String> {
    let index = list.named(answer)?;
    let old = &list.items.get(index)?.label;
    let new = match format.numbering {
        Some(style) => style.label(index)?,
        None => old.clone(),
    };
    let text = answer.trim();
    let wrapper = format.wrapper.unwrap_or(&list.wrapper);
    let rewritten = if text != old && text == list.wrapper.wrap(old).trim() {
        wrapper.wrap(&new).trim().to_owned()
    } else {
        text.replacen(old.as_str(), &new, 1)
    };
    let lead = answer.len() - answer.trim_start().len();
    let (before, after) = (answer.get(..lead)?, answer.get(lead + text.len()..)?);
    Some(format!("{before}{rewritten}{after}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::perturb::anatomy::{LabelStyle, Wrapper, parse};

    #[test]
    fn an_answer_follows_its_option_into_the_new_numbering() {
        let list = parse("Pick.\n(A) a\n(B) b\nAnswer:").options.unwrap();
        let wrapper = Wrapper::from_example("x.").unwrap();
        let format = Format { numbering: Some(LabelStyle::LowerRoman), wrapper: Some(&wrapper), ..Format::default() };
        assert_eq!(rewritten("B", &list, &format).as_deref(), Some("ii"));
        assert_eq!(rewritten("(B)", &list, &format).as_deref(), Some("ii."));
        assert_eq!(rewritten(" [B]\n", &list, &format).as_deref(), Some(" [ii]\n"));
        assert_eq!(rewritten("yes", &list, &format), None);
    }
}
