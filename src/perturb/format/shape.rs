//! What a format may change in a prompt, and what limits it.

use crate::instance::{Expectation, Instance};
use crate::perturb::Strength;
use crate::perturb::anatomy::{Field, Mention, OptionList, PromptStructure, parse};

/// The axes that a prompt and a strength leave free, and the facts that the rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Shape {
    /// There are field names or a cue whose separator may change.
    pub separators: bool,
    /// There are parts whose spacing may change.
    pub spaces: bool,
    /// The case of field names may change.
    pub casings: bool,
    /// The options' indentation may change.
    pub gaps: bool,
    /// There are options, whose separators and spacing may change.
    pub items: bool,
    /// The options' wrappers may change.
    pub wrappers: bool,
    /// The options' numbering may change.
    pub numberings: bool,
    /// A part other than the last holds text.
    pub texts_before_last: bool,
    /// Only white space may stand between fields.
    pub plain_spaces: bool,
    /// Only white space may stand between options.
    pub plain_item_spaces: bool,
    /// The original has its options on lines of their own.
    pub items_on_lines: bool,
    /// The original's labels end with a bracket.
    pub bracketed: bool,
    /// An option runs over several lines.
    pub options_of_several_lines: bool,
    /// A field is a Markdown section, or its text (a list, say) begins on a line of its own.
    pub blocks: bool,
    /// A named field's text begins with a number.
    pub numbers_in_fields: bool,
    /// An option begins with a number.
    pub numbers_in_options: bool,
    /// Options of the question or example that has most.
    pub most_options: usize,
}

impl Shape {
    /// The shape of an instance's question and examples together, at a strength.
    pub fn of(instance: &Instance, strength: Strength) -> Self {
        let query = parse(&instance.prompt.query);
        let shots = instance.prompt.shots.iter().map(|shot| parse(&shot.query)).collect::<Vec<_>>();
        let mut shape = Self::default();
        for structure in std::iter::once(&query).chain(&shots) {
            shape.add(structure);
        }
        let (more, most) = match strength {
            Strength::Light => (false, false),
            Strength::Default | Strength::Rate(_) => (true, false),
            Strength::Heavy => (true, true),
        };
        let relabelled = answers_are_labels(instance, &query, &shots);
        shape.casings = more && shape.separators;
        shape.gaps = more && shape.items;
        shape.wrappers = more && relabelled;
        shape.numberings = most && relabelled && !speaks_of_labels(instance, &query, &shots);
        shape
    }

    /// Whether there is anything to format.
    pub fn has_structure(&self) -> bool {
        self.separators || self.items
    }

    fn add(&mut self, structure: &PromptStructure) {
        let fields = || structure.fields.iter().chain(&structure.tail).filter(|field| !field.is_blank());
        let named = || fields().filter(|field| !field.name.is_empty());
        let parts = fields().count() + usize::from(structure.options.is_some()) + usize::from(structure.cue.is_some());
        self.separators |= named().next().is_some() || structure.cue.is_some();
        self.spaces |= parts > 1 && structure.has_structure();
        let before_last = fields().take(if structure.cue.is_some() || structure.options.is_some() {
            parts
        } else {
            parts.saturating_sub(1)
        });
        self.texts_before_last |=
            before_last.into_iter().any(|field| !field.text.is_empty()) || structure.options.is_some();
        self.plain_spaces |= fields().any(|field| field.text.contains('\n'));
        let of_markdown = |name: &str| name.starts_with('#');
        let block =
            |field: &Field| of_markdown(&field.name) || (field.separator.contains('\n') && !field.text.is_empty());
        self.blocks |= named().any(block) || structure.cue.as_ref().is_some_and(|cue| of_markdown(&cue.name));
        self.numbers_in_fields |= named().any(|field| begins_with_number(&field.text));
        if let Some(options) = &structure.options {
            self.add_options(options);
        }
    }

    fn add_options(&mut self, options: &OptionList) {
        let texts = options.texts();
        self.items_on_lines = options.items.iter().rev().skip(1).all(|item| item.after.contains('\n'));
        self.bracketed = options.wrapper.close.ends_with([')', ']', '>']);
        self.items = true;
        self.most_options = self.most_options.max(options.items.len());
        self.plain_item_spaces |=
            texts.iter().any(|text| text.contains([',', '\n']) || text.ends_with(['.', '?', '!', ';']));
        self.options_of_several_lines |= texts.iter().any(|text| text.contains('\n'));
        self.numbers_in_options |= texts.iter().any(|text| begins_with_number(text));
    }
}

impl Field {
    /// Nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.name.is_empty() && self.text.is_empty()
    }
}

/// A digit, or a sign or currency mark before one; anything that a dash would turn negative.
fn begins_with_number(text: &str) -> bool {
    let text = text.trim_start_matches(['$', '€', '£', '+', '-', '.', '(', '\u{2212}']);
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the answers are scored by likelihood and name options of one numbering by label, in the question and in
/// every example, so that they can follow another numbering.
fn answers_are_labels(instance: &Instance, query: &PromptStructure, shots: &[PromptStructure]) -> bool {
    let (Expectation::Choice { choices, .. }, Some(list)) = (&instance.expectation, &query.options) else {
        return false;
    };
    let mut named = choices.iter().map(|choice| list.named(choice)).collect::<Vec<_>>();
    let all = named.iter().all(Option::is_some);
    named.sort_unstable();
    named.dedup();
    let examples = instance.prompt.shots.iter().zip(shots).all(|(shot, structure)| {
        structure.options.as_ref().is_some_and(|options| {
            options.style == list.style && options.wrapper == list.wrapper && options.named(&shot.target).is_some()
        })
    });
    all && named.len() == choices.len() && examples
}

/// Whether any text but the labels themselves speaks of them: `Answer with A, B, C or D`, `both A and B`.
fn speaks_of_labels(instance: &Instance, query: &PromptStructure, shots: &[PromptStructure]) -> bool {
    let of_letters = |text: &str| text.to_lowercase().contains("letter");
    std::iter::once(query).chain(shots).any(|structure| {
        let Some(list) = &structure.options else { return false };
        let prompt = &instance.prompt;
        let heads = [&prompt.instruction, &prompt.assistant_prefix].into_iter().chain(&prompt.system);
        let fields = structure.fields.iter().chain(&structure.tail).map(|field| field.text.as_str());
        heads.into_iter().any(|text| of_letters(text) || list.is_mentioned_in(text, Mention::Any))
            || fields.into_iter().any(|text| of_letters(text) || list.is_mentioned_in(text, Mention::Announced))
            || list.texts().into_iter().any(|text| list.is_mentioned_in(text, Mention::Any))
    })
}
