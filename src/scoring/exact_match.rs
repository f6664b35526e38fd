//! Exact match of an answer with the accepted ones.

use crate::task::MetricSpec;

use super::pattern::{Pattern, PatternError};
use super::python_text::{without_ascii_digits, without_ascii_punctuation};

/// How two texts are compared, compiled.
///
/// Both texts go through the same steps in this order, that of `exact_match` in the `evaluate` package, which
/// lm-evaluation-harness uses: patterns removed, case folded (`str.lower`), ASCII punctuation removed, ASCII digits
/// removed. Nothing is trimmed. With several accepted answers one that matches is enough.
#[derive(Debug)]
pub(super) struct ExactMatch {
    ignored: Vec<Pattern>,
    ignore_case: bool,
    ignore_punctuation: bool,
    ignore_numbers: bool,
}

impl ExactMatch {
    pub(super) fn new(spec: &MetricSpec) -> Result<Self, PatternError> {
        Ok(Self {
            ignored: spec.regexes_to_ignore.iter().map(|source| Pattern::new(source)).collect::<Result<_, _>>()?,
            ignore_case: spec.ignore_case,
            ignore_punctuation: spec.ignore_punctuation,
            ignore_numbers: spec.ignore_numbers,
        })
    }

    pub(super) fn any(&self, answer: &str, targets: &[String]) -> Result<bool, PatternError> {
        let answer = self.normalized(answer)?;
        for target in targets {
            if self.normalized(target)? == answer {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn normalized(&self, text: &str) -> Result<String, PatternError> {
        let mut text = text.to_owned();
        for pattern in &self.ignored {
            text = pattern.remove_from(&text)?;
        }
        if self.ignore_case {
            text = text.to_lowercase();
        }
        if self.ignore_punctuation {
            text = without_ascii_punctuation(&text);
        }
        if self.ignore_numbers {
            text = without_ascii_digits(&text);
        }
        Ok(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::task::Metric;

    fn matches(change: impl Fn(&mut MetricSpec), answer: &str, target: &str) -> bool {
        let mut spec = MetricSpec::new(Metric::ExactMatch);
        change(&mut spec);
        ExactMatch::new(&spec).unwrap().any(answer, &["unlikely".to_owned(), target.to_owned()]).unwrap()
    }

    #[test]
    fn without_settings_every_character_counts() {
        assert!(matches(|_| {}, "(A)", "(A)"));
        assert!(!matches(|_| {}, "(A) ", "(A)"));
        assert!(!matches(|_| {}, "(a)", "(A)"));
    }

    #[test]
    fn each_setting_forgives_its_own_difference_on_both_sides() {
        assert!(matches(|s| s.ignore_case = true, "ÉCOLE", "école"));
        assert!(matches(|s| s.ignore_punctuation = true, "(A).", "A"));
        assert!(matches(|s| s.ignore_punctuation = true, "A", "[A]"));
        assert!(!matches(|s| s.ignore_punctuation = true, "A’", "A"));
        assert!(matches(|s| s.ignore_numbers = true, "a1", "a2"));
    }

    #[test]
    fn patterns_are_removed_before_case_is_folded() {
        let spec = |s: &mut MetricSpec| {
            s.regexes_to_ignore = vec![",".into(), r"\$".into(), "(?s).*#### ".into(), r"\.$".into()];
            s.ignore_case = true;
        };
        assert!(matches(spec, "so\n#### $1,200.", "1200"));
        assert!(!matches(
            |s| {
                s.regexes_to_ignore = vec!["x".into()];
                s.ignore_case = true;
            },
            "Xa",
            "a"
        ));
    }
}
