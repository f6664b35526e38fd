//! Where the modes of verification differ on a reply.

use super::check::CheckError;
use super::ifeval::Instruction;
use super::verifier::{Verifier, judge};
use crate::instance::Check;
use crate::task::VerifierMode;

/// An instruction on which two modes do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeDifference {
    /// Its place among the checks, from 0.
    pub index: usize,
    /// Its identifier.
    pub id: String,
    /// Strict and loose verdict in each mode, in the order of [`VerifierMode::ALL`].
    pub verdicts: [(bool, bool); 3],
    /// What differs in the rules.
    pub reason: &'static str,
}

/// Judges a reply in every mode and lists the instructions whose strict or loose verdict is not the same in all. An
/// instruction that some mode cannot build (an argument that lm-evaluation-harness drops, say) is an error.
pub fn compare_modes(checks: &[Check], response: &str) -> Result<Vec<ModeDifference>, CheckError> {
    let in_mode = |mode: VerifierMode| {
        let verifiers = checks.iter().map(|check| Verifier::new(check, mode)).collect::<Result<Vec<_>, _>>()?;
        Ok(judge(&verifiers, response))
    };
    let [official, lm_eval, fixed] = VerifierMode::ALL.map(in_mode);
    let modes = [official?, lm_eval?, fixed?];
    let at = |index: usize| {
        modes.each_ref().map(|mode| {
            let verdict = |list: &[bool]| list.get(index).copied().unwrap_or_default();
            (verdict(&mode.strict), verdict(&mode.loose))
        })
    };
    let listed = checks.iter().enumerate().map(|(index, check)| ModeDifference {
        index,
        id: check.id.clone(),
        verdicts: at(index),
        reason: Instruction::from_id(&check.id).and_then(Instruction::fixed_reason).unwrap_or(OTHER_EDITION),
    });
    Ok(listed
        .filter(|difference| difference.verdicts.iter().any(|verdict| *verdict != difference.verdicts[0]))
        .collect())
}

const OTHER_EDITION: &str = "the editions of the benchmark's program differ";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn check(id: &str, kwargs: &serde_json::Value) -> Check {
        Check { id: id.to_owned(), kwargs: kwargs.as_object().unwrap().clone() }
    }

    #[test]
    fn differences_are_listed_with_their_reason_and_agreements_are_not() {
        let letter = serde_json::json!({"letter": "#", "let_frequency": 2, "let_relation": "at least"});
        let checks = [
            check("punctuation:no_comma", &serde_json::json!({})),
            check("keywords:letter_frequency", &letter),
            check("detectable_format:constrained_response", &serde_json::json!({})),
        ];
        let found = compare_modes(&checks, "## My answer is no. Truly").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].index, found[0].verdicts), (1, [(false, false), (false, false), (true, true)]));
        assert!(found[0].reason.contains("random letter"));
        assert_eq!((found[1].index, found[1].verdicts), (2, [(true, true), (true, true), (false, false)]));
        assert!(compare_modes(&checks[..1], "no comma").unwrap().is_empty());
    }
}
