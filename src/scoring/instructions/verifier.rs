//! Verifiers, and the strict and loose readings of a reply.

use std::fmt;

use super::check::{BoxedCheck, CheckError};
use super::python::strip;
use super::{dialogue, ifbench, ifeval};
use crate::instance::Check;
use crate::task::VerifierMode;

/// Decides whether replies follow one instruction. Pure: the same reply always gets the same verdict.
pub struct Verifier {
    id: String,
    check: BoxedCheck,
    /// Of the loose reading, where it is another.
    loose: Option<BoxedCheck>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Verifier {
    /// The verifier of an instruction: IFEval's, IFBench's or a dialogue check. An unknown identifier and an argument that
    /// is missing, unknown, of another type or out of range are errors that name it; nothing is drawn at random. Null
    /// arguments are absent. Whole numbers may be written as floats (`3.0`).
    pub fn new(check: &Check, mode: VerifierMode) -> Result<Self, CheckError> {
        let built = ifeval::build(check, mode)
            .or_else(|| ifbench::build(check, mode))
            .or_else(|| dialogue::build(check))
            .unwrap_or_else(|| Err(CheckError::UnknownId { id: check.id.clone() }));
        let loose = ifeval::build_loose(check, mode).transpose()?;
        built.map(|function| Self { id: check.id.clone(), check: function, loose })
    }

    /// The instruction's identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether this text follows the instruction. A blank text follows none. A search that reaches the limit on
    /// backtracking counts as not followed.
    pub fn follows(&self, response: &str) -> bool {
        !strip(response).is_empty() && (self.check)(response)
    }

    /// The same for the loose reading of this text.
    fn follows_loosely(&self, response: &str) -> bool {
        !strip(response).is_empty() && (self.loose.as_ref().unwrap_or(&self.check))(response)
    }
}

/// Verdicts on one reply, instruction by instruction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdicts {
    /// The reply as it is.
    pub strict: Vec<bool>,
    /// At least one of eight variants of the reply: as it is or without asterisks; whole, without its first line, without
    /// its last, without both.
    pub loose: Vec<bool>,
}

impl Verdicts {
    /// Whether every instruction is followed, strictly (prompt-level strict accuracy is the mean of this).
    pub fn follows_all_strictly(&self) -> bool {
        self.strict.iter().all(|followed| *followed)
    }

    /// Whether every instruction is followed, loosely. Different instructions may be followed by different variants.
    pub fn follows_all_loosely(&self) -> bool {
        self.loose.iter().all(|followed| *followed)
    }
}

/// Judges a reply as IFEval's program does (Zhou et al. 2023, section 2.2).
///
/// Strict: the reply is not blank and passes. Loose: one of eight variants is not blank and passes. Lines are split at
/// `\n` only; the variants that lost a line are stripped of white space, the others are not; asterisks go after that.
pub fn judge(verifiers: &[Verifier], response: &str) -> Verdicts {
    let variants = loose_variants(response);
    let strict = verifiers.iter().map(|verifier| verifier.follows(response)).collect::<Vec<_>>();
    let loosely = |verifier: &Verifier| {
        let own = verifier.loose.is_some() && verifier.follows_loosely(response);
        own || variants.iter().any(|variant| verifier.follows_loosely(variant))
    };
    let loose = verifiers.iter().zip(&strict).map(|(verifier, strict)| *strict || loosely(verifier)).collect();
    Verdicts { strict, loose }
}

/// The variants besides the reply itself, each once.
fn loose_variants(response: &str) -> Vec<String> {
    let lines = response.split('\n').collect::<Vec<_>>();
    let joined = |range: std::ops::Range<usize>| strip(&lines.get(range).unwrap_or_default().join("\n")).to_owned();
    let end = lines.len();
    let whole = [response.to_owned(), joined(1..end), joined(0..end - 1), joined(1..end - 1)];
    let mut variants = Vec::<String>::new();
    for variant in whole.iter().cloned().chain(whole.iter().map(|text| text.replace('*', ""))) {
        if variant != response && !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    variants
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn verifier(id: &str, kwargs: &serde_json::Value) -> Result<Verifier, CheckError> {
        let check = Check { id: id.to_owned(), kwargs: kwargs.as_object().unwrap().clone() };
        Verifier::new(&check, VerifierMode::Official)
    }

    fn error(id: &str, kwargs: &serde_json::Value) -> String {
        verifier(id, kwargs).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_with_an_instruction_is_named_with_identifier_key_and_value() {
        let unknown = error("keywords:existance", &serde_json::json!({}));
        assert!(unknown.contains("keywords:existance"), "{unknown}");
        let missing = error("keywords:existence", &serde_json::json!({"keywords": null}));
        assert!(missing.contains("keywords:existence") && missing.contains("\"keywords\""), "{missing}");
        let kwargs = serde_json::json!({"num_words": "many", "relation": "at least"});
        let wrong = error("length_constraints:number_words", &kwargs);
        assert!(wrong.contains("num_words") && wrong.contains("\"many\"") && wrong.contains("whole number"), "{wrong}");
        let kwargs = serde_json::json!({"num_words": 3, "relation": "around"});
        let relation = error("length_constraints:number_words", &kwargs);
        assert!(relation.contains("around") && relation.contains("at least"), "{relation}");
        let extra = error("punctuation:no_comma", &serde_json::json!({"num_words": 3}));
        assert!(extra.contains("num_words") && extra.contains("none"), "{extra}");
        for value in [serde_json::json!(-1), serde_json::json!(2.5), serde_json::json!(1e300), serde_json::json!([3])] {
            assert!(
                verifier("detectable_format:number_bullet_lists", &serde_json::json!({"num_bullets": value})).is_err()
            );
        }
    }

    #[test]
    fn whole_floats_and_null_arguments_are_read_as_copies_of_the_data_write_them() {
        let kwargs = serde_json::json!({"num_words": 3.0, "relation": "at least", "keywords": null});
        let words = verifier("length_constraints:number_words", &kwargs).unwrap();
        assert!(words.follows("one two three") && !words.follows("one two"));
    }

    #[test]
    fn lm_eval_drops_arguments_that_python_counts_as_false() {
        let kwargs = serde_json::json!({"num_bullets": 0});
        let check = Check {
            id: "detectable_format:number_bullet_lists".to_owned(),
            kwargs: kwargs.as_object().unwrap().clone(),
        };
        assert!(Verifier::new(&check, VerifierMode::Official).unwrap().follows("none"));
        assert!(matches!(Verifier::new(&check, VerifierMode::LmEval), Err(CheckError::Missing { .. })));
    }

    #[test]
    fn a_blank_reply_follows_nothing() {
        let no_comma = verifier("punctuation:no_comma", &serde_json::json!({})).unwrap();
        for blank in ["", " \n\t", "\u{1c}\u{3000}"] {
            let verdicts = judge(std::slice::from_ref(&no_comma), blank);
            assert_eq!(verdicts, Verdicts { strict: vec![false], loose: vec![false] });
        }
        // Without asterisks and the first line nothing is left; the other variants still count.
        assert!(judge(&[no_comma], "a, b\n**").follows_all_loosely());
    }

    /// The eight variants, as the benchmark's program builds them.
    #[test]
    fn the_loose_variants_are_those_of_the_benchmark() {
        assert_eq!(
            loose_variants("x\n *a*\n\ny "),
            ["*a*\n\ny", "x\n *a*", "*a*", "x\n a\n\ny ", "a\n\ny", "x\n a", "a"]
        );
        assert_eq!(loose_variants("one"), [""]);
        assert_eq!(loose_variants(" * "), ["", "  "]);
    }
}
