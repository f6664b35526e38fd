//! Runs the `cases.toml` beside each family: what each verifier is expected to say, as data, without a model.
//!
//! A file is a list of `[[case]]` tables: `id`, `kwargs` (default none), `mode` (default `official`), `response`, the
//! expected `strict` and `loose` verdicts, and `why`; or, in place of the two, `follows`, the strict one alone, or `error`,
//! a part of the message with which the instruction is refused.

use serde::Deserialize;

use super::verifier::{Verifier, judge};
use super::{dialogue, ifbench, ifeval};
use crate::instance::Check;
use crate::task::VerifierMode;

/// How one case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// Family of the instruction, which names the file.
    pub family: String,
    /// Identifier of the instruction, and the case's `why`.
    pub case: String,
    /// Whether every expectation holds.
    pub passed: bool,
    /// What does not hold; empty where all does.
    pub detail: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[serde(default)]
    kwargs: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    mode: VerifierMode,
    #[serde(default)]
    response: String,
    strict: Option<bool>,
    loose: Option<bool>,
    follows: Option<bool>,
    error: Option<String>,
    why: String,
}

/// Runs the shipped cases of every family. A file that cannot be read is a failed case named `cases.toml`.
pub fn run_cases() -> Vec<CaseResult> {
    let files = ifeval::CASES.iter().chain(ifbench::CASES.iter()).chain(dialogue::CASES.iter());
    files.flat_map(|(family, text)| run_text(family, text)).collect()
}

/// Runs the cases of a file's text.
pub(super) fn run_text(family: &str, text: &str) -> Vec<CaseResult> {
    let result = |case: String, detail: String| CaseResult {
        family: family.to_owned(),
        case,
        passed: detail.is_empty(),
        detail,
    };
    match toml::from_str::<CaseFile>(text) {
        Err(error) => vec![result("cases.toml".to_owned(), error.to_string())],
        Ok(file) => file.case.iter().map(|case| result(format!("{}: {}", case.id, case.why), case.failure())).collect(),
    }
}

impl Case {
    /// What does not hold; empty where all does.
    fn failure(&self) -> String {
        let check = Check { id: self.id.clone(), kwargs: self.kwargs.clone() };
        match (Verifier::new(&check, self.mode), &self.error) {
            (Err(error), Some(wanted)) if error.to_string().contains(wanted) => String::new(),
            (Err(error), _) => format!("refused: {error}"),
            (Ok(_), Some(_)) => "the instruction is not refused".to_owned(),
            (Ok(verifier), None) => self.unmet(verifier),
        }
    }

    fn unmet(&self, verifier: Verifier) -> String {
        let found = judge(&[verifier], &self.response);
        let (strict, loose) = (found.follows_all_strictly(), found.follows_all_loosely());
        match (self.strict, self.loose, self.follows) {
            (Some(strictly), Some(loosely), None) if (strictly, loosely) == (strict, loose) => String::new(),
            (None, None, Some(follows)) if follows == strict => String::new(),
            (Some(_), Some(_), None) | (None, None, Some(_)) => format!("strict is {strict}, loose is {loose}"),
            _ => "the case must expect `strict` and `loose`, or `follows`, or `error`".to_owned(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::Instruction;
    use super::*;

    #[test]
    fn every_shipped_case_passes() {
        let failed = run_cases().into_iter().filter(|result| !result.passed).collect::<Vec<_>>();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn every_instruction_of_ifeval_has_cases_for_both_verdicts_and_for_what_mode_fixed_mends() {
        let files = ifeval::CASES.iter().map(|(_, text)| toml::from_str::<CaseFile>(text).unwrap());
        let cases = files.flat_map(|file| file.case).collect::<Vec<_>>();
        for instruction in Instruction::ALL {
            let of = |verdict: bool| {
                cases.iter().filter(|case| case.id == instruction.as_str() && case.strict == Some(verdict)).count()
            };
            assert!(of(true) >= 2 && of(false) >= 2, "{instruction:?}");
            let fixed = cases.iter().any(|case| case.id == instruction.as_str() && case.mode == VerifierMode::Fixed);
            assert_eq!(fixed, instruction.fixed_reason().is_some(), "{instruction:?}");
        }
    }

    #[test]
    fn hostile_replies_end_without_a_panic_in_every_mode() {
        let files = ifeval::CASES.iter().map(|(_, text)| toml::from_str::<CaseFile>(text).unwrap());
        let cases = files.flat_map(|file| file.case).filter(|case| case.error.is_none()).collect::<Vec<_>>();
        let long = ["*", "* ", "[", "<<", " \n", "-\n", "\u{301}é", "aA", ".)", "\0\u{1c}", "***", "Section 1"];
        let replies = long.map(|piece| piece.repeat(1_000));
        for instruction in Instruction::ALL {
            let case = cases.iter().find(|case| case.id == instruction.as_str()).unwrap();
            for mode in VerifierMode::ALL {
                let check = Check { id: case.id.clone(), kwargs: case.kwargs.clone() };
                let verifiers = [Verifier::new(&check, mode).unwrap()];
                for reply in &replies {
                    let verdicts = judge(&verifiers, reply);
                    assert!(verdicts.loose[0] || !verdicts.strict[0]);
                    assert_eq!(judge(&verifiers, reply), verdicts);
                }
            }
        }
    }

    #[test]
    fn a_case_that_does_not_hold_or_expects_nothing_fails_and_says_why() {
        let run = |rest: &str| {
            run_text("punctuation", &format!("[[case]]\nid = \"punctuation:no_comma\"\nwhy = \"x\"\n{rest}"))
        };
        assert!(run("response = \"a\"\nstrict = false\nloose = true")[0].detail.contains("strict is true"));
        assert!(run("response = \"a\"")[0].detail.contains("must expect"));
        assert!(run("error = \"x\"")[0].detail.contains("not refused"));
        assert!(run("kwargs = { a = 1 }\nstrict = true\nloose = true")[0].detail.contains("refused"));
        assert!(run("unknown = 1")[0].detail.contains("unknown"));
    }
}
