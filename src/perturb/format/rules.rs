//! Which combinations of atoms make a valid format.

use super::grammar::Format;
use super::shape::Shape;

/// A rule that a combination of atoms breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A field's name and text may not run together.
    FieldWithoutSeparator,
    /// A line break after an option's label or before it needs one between options.
    ItemBreakWithinLine,
    /// A line break after a field's name or an option's label needs one between fields.
    FieldBreakWithinLine,
    /// Parts that hold text may not run together.
    TextsWithoutSpace,
    /// A mark that reads as punctuation may not stand where only white space is allowed: after texts that hold it
    /// themselves (options with commas or full stops) or that run over several lines. `FormatSpread` leaves to the task
    /// where this holds; this is our choice.
    PunctuationAsSpace,
    /// The numbering has too few labels.
    TooManyOptions,
    /// Ours: options that run over several lines need a line break after each, or their ends are lost.
    OptionsOfSeveralLines,
    /// Ours: Markdown headings (`### Input`) must begin a line, and what follows a list of lines must too.
    BlockWithinLine,
    /// Ours: `x.` and an option's text need white space or a mark between them, or `1.` and `5` make `1.5`.
    LabelRunsIntoText,
    /// Ours: a dash before a number would be read as a minus sign.
    DashBeforeNumber,
}

impl Format<'_> {
    /// The first rule that a format breaks for prompts of a shape.
    pub fn broken_rule(&self, shape: &Shape) -> Option<Rule> {
        let within_line = |space: Option<&str>| space.is_some_and(|text| !text.contains('\n'));
        let breaks = |text: Option<&str>| text.is_some_and(|text| text.contains('\n'));
        let space = self.space.map(|space| space.text.as_str());
        let item_space = self.item_space.map(|space| space.text.as_str());
        let breaks_items = item_space.map_or(shape.items_on_lines, |text| text.contains('\n'));
        let dashed = |text: Option<&str>| text.is_some_and(|text| text.contains('-'));
        let bracketed = self.wrapper.map_or(shape.bracketed, |wrapper| wrapper.close.ends_with([')', ']', '>']));
        let rules = [
            (Rule::FieldWithoutSeparator, self.separator == Some("")),
            (Rule::ItemBreakWithinLine, (breaks(self.item_separator) || breaks(self.gap)) && !breaks_items),
            (Rule::FieldBreakWithinLine, within_line(space) && (breaks(self.separator) || breaks(self.item_separator))),
            (Rule::TextsWithoutSpace, (space == Some("") && shape.texts_before_last) || item_space == Some("")),
            (
                Rule::PunctuationAsSpace,
                (shape.plain_spaces && self.space.is_some_and(|space| space.comma_like))
                    || (shape.plain_item_spaces && self.item_space.is_some_and(|space| space.comma_like)),
            ),
            (Rule::TooManyOptions, self.numbering.is_some_and(|style| style.limit() < shape.most_options)),
            (Rule::OptionsOfSeveralLines, shape.options_of_several_lines && (!breaks_items || within_line(space))),
            (Rule::BlockWithinLine, shape.blocks && within_line(space)),
            (Rule::LabelRunsIntoText, self.item_separator == Some("") && !bracketed),
            (
                Rule::DashBeforeNumber,
                (shape.numbers_in_fields && dashed(self.separator))
                    || (shape.numbers_in_options && dashed(self.item_separator)),
            ),
        ];
        rules.into_iter().find_map(|(rule, broken)| broken.then_some(rule))
    }
}
