//! Upper and lower case as `str.isupper`, `str.islower` and `str.lower` see it.

/// `text.isupper()`: at least one cased character, and none that is lower case or title case.
pub(in super::super) fn is_upper(text: &str) -> bool {
    let mut cased = false;
    for character in text.chars() {
        if character.is_lowercase() || is_title(character) {
            return false;
        }
        cased |= character.is_uppercase();
    }
    cased
}

/// `text.islower()`: at least one cased character, and none that is upper case or title case.
pub(in super::super) fn is_lower(text: &str) -> bool {
    let mut cased = false;
    for character in text.chars() {
        if character.is_uppercase() || is_title(character) {
            return false;
        }
        cased |= character.is_lowercase();
    }
    cased
}

/// `text.lower()`: the full mapping, so that `İ` becomes two characters and a final `Σ` becomes `ς`.
pub(in super::super) fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// The general category Lt, which has been stable since it was filled.
fn is_title(character: char) -> bool {
    matches!(character, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | 'ᾈ'..='ᾏ' | 'ᾘ'..='ᾟ' | 'ᾨ'..='ᾯ' | 'ᾼ' | 'ῌ' | 'ῼ')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations are those of CPython 3.11.
    #[test]
    fn case_is_that_of_python() {
        for (text, upper, small) in [
            ("ABC 1!", true, false),
            ("abc 1!", false, true),
            ("123", false, false),
            ("", false, false),
            ("Ab", false, false),
            ("ǅ", false, false),
            ("AǅB", false, false),
            ("Ⅷ", true, false),
            ("ⓐ", false, true),
            ("ªº", false, true),
            ("中文", false, false),
            ("STRASSE ẞ", true, false),
            ("ß", false, true),
        ] {
            assert_eq!((is_upper(text), is_lower(text)), (upper, small), "{text}");
        }
        assert_eq!(lower("İ ΑΣ ΣΑ"), "i\u{307} ας σα");
    }
}
