//! How prompts write numbers.

use crate::scoring::number_words::{TENS, UNITS};

const ORDINALS: [&str; 13] = [
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth",
];
const TIMES: [&str; 4] = ["", "once", "twice", "thrice"];

/// How a number is written: in digits, as a cardinal up to 99 (and whole hundreds below a thousand), as an ordinal up to
/// the twelfth, as `once`, `twice`, `thrice`; with its neighbours where it is one side of a relation.
pub(super) fn number_forms(number: f64, related: bool) -> Vec<String> {
    if number.fract() != 0.0 || !(0.0..=1e9).contains(&number) {
        return vec![number.to_string()];
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number up to 10^9")]
    let number = number as usize;
    let numbers = if related { number.saturating_sub(1)..=number + 1 } else { number..=number };
    numbers.flat_map(forms_of).collect()
}

fn forms_of(number: usize) -> Vec<String> {
    let mut forms = vec![number.to_string()];
    let mut listed = |list: &[&str], index: usize| {
        forms.extend(list.get(index).filter(|word| !word.is_empty()).map(|word| (*word).to_owned()));
    };
    listed(&UNITS, number);
    listed(&ORDINALS, number);
    listed(&TIMES, number);
    let (tens, units) = (number / 10, number % 10);
    match (tens.checked_sub(2).and_then(|place| TENS.get(place)), UNITS.get(units)) {
        (Some(ten), _) if number >= 20 && units == 0 => forms.push((*ten).to_owned()),
        (Some(ten), Some(unit)) if number > 20 => forms.extend([format!("{ten}-{unit}"), format!("{ten} {unit}")]),
        _ => {}
    }
    if let (Some(unit), true) = (UNITS.get(number / 100), number.is_multiple_of(100) && (100..1000).contains(&number)) {
        forms.extend([format!("{unit} hundred"), format!("{unit}-hundred")]);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_digits_words_and_times() {
        assert_eq!(number_forms(21.0, false), ["21", "twenty-one", "twenty one"]);
        assert_eq!(number_forms(2.0, false), ["2", "two", "second", "twice"]);
        assert_eq!(number_forms(30.0, false), ["30", "thirty"]);
        assert_eq!(number_forms(300.0, false), ["300", "three hundred", "three-hundred"]);
        assert_eq!(number_forms(0.0, true), ["0", "zero", "zeroth", "1", "one", "first", "once"]);
        assert_eq!(number_forms(0.5, true), ["0.5"]);
        assert_eq!(number_forms(-1.0, true), ["-1"]);
        assert_eq!(number_forms(1e300, true).len(), 1);
    }
}
