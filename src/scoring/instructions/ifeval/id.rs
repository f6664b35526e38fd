//! IFEval's instructions by name.

/// One of IFEval's 25 verifiable instructions (Zhou et al. 2023, table 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instruction {
    /// `change_case:capital_word_frequency`
    CapitalWordFrequency,
    /// `change_case:english_capital`
    EnglishCapital,
    /// `change_case:english_lowercase`
    EnglishLowercase,
    /// `combination:repeat_prompt`
    RepeatPrompt,
    /// `combination:two_responses`
    TwoResponses,
    /// `detectable_content:number_placeholders`
    NumberPlaceholders,
    /// `detectable_content:postscript`
    Postscript,
    /// `detectable_format:constrained_response`
    ConstrainedResponse,
    /// `detectable_format:json_format`
    JsonFormat,
    /// `detectable_format:multiple_sections`
    MultipleSections,
    /// `detectable_format:number_bullet_lists`
    NumberBulletLists,
    /// `detectable_format:number_highlighted_sections`
    NumberHighlightedSections,
    /// `detectable_format:title`
    Title,
    /// `keywords:existence`
    KeywordsExistence,
    /// `keywords:forbidden_words`
    ForbiddenWords,
    /// `keywords:frequency`
    KeywordFrequency,
    /// `keywords:letter_frequency`
    LetterFrequency,
    /// `language:response_language`
    ResponseLanguage,
    /// `length_constraints:nth_paragraph_first_word`
    NthParagraphFirstWord,
    /// `length_constraints:number_paragraphs`
    NumberParagraphs,
    /// `length_constraints:number_sentences`
    NumberSentences,
    /// `length_constraints:number_words`
    NumberWords,
    /// `punctuation:no_comma`
    NoComma,
    /// `startend:end_checker`
    EndChecker,
    /// `startend:quotation`
    Quotation,
}

impl Instruction {
    /// All 25, in the order of their identifiers.
    pub const ALL: [Self; 25] = [
        Self::CapitalWordFrequency,
        Self::EnglishCapital,
        Self::EnglishLowercase,
        Self::RepeatPrompt,
        Self::TwoResponses,
        Self::NumberPlaceholders,
        Self::Postscript,
        Self::ConstrainedResponse,
        Self::JsonFormat,
        Self::MultipleSections,
        Self::NumberBulletLists,
        Self::NumberHighlightedSections,
        Self::Title,
        Self::KeywordsExistence,
        Self::ForbiddenWords,
        Self::KeywordFrequency,
        Self::LetterFrequency,
        Self::ResponseLanguage,
        Self::NthParagraphFirstWord,
        Self::NumberParagraphs,
        Self::NumberSentences,
        Self::NumberWords,
        Self::NoComma,
        Self::EndChecker,
        Self::Quotation,
    ];

    /// The identifier in the data: family, colon, name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CapitalWordFrequency => "change_case:capital_word_frequency",
            Self::EnglishCapital => "change_case:english_capital",
            Self::EnglishLowercase => "change_case:english_lowercase",
            Self::RepeatPrompt => "combination:repeat_prompt",
            Self::TwoResponses => "combination:two_responses",
            Self::NumberPlaceholders => "detectable_content:number_placeholders",
            Self::Postscript => "detectable_content:postscript",
            Self::ConstrainedResponse => "detectable_format:constrained_response",
            Self::JsonFormat => "detectable_format:json_format",
            Self::MultipleSections => "detectable_format:multiple_sections",
            Self::NumberBulletLists => "detectable_format:number_bullet_lists",
            Self::NumberHighlightedSections => "detectable_format:number_highlighted_sections",
            Self::Title => "detectable_format:title",
            Self::KeywordsExistence => "keywords:existence",
            Self::ForbiddenWords => "keywords:forbidden_words",
            Self::KeywordFrequency => "keywords:frequency",
            Self::LetterFrequency => "keywords:letter_frequency",
            Self::ResponseLanguage => "language:response_language",
            Self::NthParagraphFirstWord => "length_constraints:nth_paragraph_first_word",
            Self::NumberParagraphs => "length_constraints:number_paragraphs",
            Self::NumberSentences => "length_constraints:number_sentences",
            Self::NumberWords => "length_constraints:number_words",
            Self::NoComma => "punctuation:no_comma",
            Self::EndChecker => "startend:end_checker",
            Self::Quotation => "startend:quotation",
        }
    }

    /// The instruction of that identifier.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|instruction| instruction.as_str() == id)
    }

    /// Why `VerifierMode::Fixed` may come to another verdict; `None` where the rule is the same in all modes.
    pub fn fixed_reason(self) -> Option<&'static str> {
        Some(match self {
            Self::CapitalWordFrequency => {
                "words are what stands between white space: the benchmark's tokenizer cuts DON'T into DO and N'T"
            }
            Self::EnglishCapital => "the language is told from the text in lower case: the detector skips capitals",
            Self::RepeatPrompt => "an answer must follow the repeated request",
            Self::NumberPlaceholders => {
                "brackets that are empty, a check box or the text of a Markdown link are no placeholders"
            }
            Self::Postscript => "the marker is literal, and stands at the beginning of a word",
            Self::ConstrainedResponse => "the option must be the whole answer, not a part of it",
            Self::JsonFormat => "the answer must be an object or a list, without NaN or Infinity",
            Self::MultipleSections => "the section mark is literal, and begins a line",
            Self::NumberBulletLists => {
                "a bullet is a mark, white space and a text: rules (---), negative numbers and emphasis are none"
            }
            Self::NumberHighlightedSections => {
                "emphasis begins and ends with a character that is not white space: two list marks on a line are none"
            }
            Self::KeywordsExistence | Self::KeywordFrequency => {
                "keywords are literal whole words (also with s or es), not patterns"
            }
            Self::ForbiddenWords => "forbidden words are literal, not patterns",
            Self::LetterFrequency => "the character is counted as it is (the others draw a random letter for # and !)",
            Self::ResponseLanguage => "a text in which no language can be told is not in the language asked for",
            Self::NthParagraphFirstWord => {
                "blank pieces are no paragraphs, and marks around the first word are taken off"
            }
            Self::NumberParagraphs => "the divider stands alone between white space: ***bold italics*** is none",
            Self::NumberWords => {
                "words are what stands between white space and holds a letter or number: It's is one word"
            }
            Self::EnglishLowercase
            | Self::TwoResponses
            | Self::Title
            | Self::NumberSentences
            | Self::NoComma
            | Self::EndChecker
            | Self::Quotation => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_is_found_by_its_identifier_and_they_are_in_order() {
        for instruction in Instruction::ALL {
            assert_eq!(Instruction::from_id(instruction.as_str()), Some(instruction));
        }
        assert!(Instruction::ALL.is_sorted_by_key(|instruction| instruction.as_str()));
        assert_eq!(Instruction::from_id("keywords:Existence"), None);
    }
}
