//! Instructions that a program verifies: IFEval's 25, IFBench's 58 and the checks of dialogues.
//!
//! A [`Check`](crate::instance::Check) names an instruction and its arguments; [`Verifier::new`] builds it once, and
//! [`judge`] gives the strict and the loose verdict on a reply, as IFEval's program does. Where programs that verify the
//! same instructions differ, [`VerifierMode`](crate::task::VerifierMode) chooses, and [`compare_modes`] shows the difference.
//!
//! | mode | rules |
//! | --- | --- |
//! | `official` | IFEval's own program, its language detector with seed 0; a letter that it would draw at random is decided as `docs/ifeval.md` says |
//! | `lm-eval` | lm-evaluation-harness: the same, but arguments that Python counts as false are dropped (and then missing), and a character that is none of a-z gets the verdict that a random letter gets most often |
//! | `fixed` | known defects mended; [`Instruction::fixed_reason`] says what and why |
//!
//! What the originals draw at random is never drawn here: a missing argument is an error, and the language detector
//! gives a text the same language every time.

// Benchmarks are written as they write themselves.
#![allow(clippy::doc_markdown)]

mod cases;
mod category;
mod check;
mod dialogue;
mod ifbench;
mod ifeval;
mod modes;
mod nltk;
mod python;
mod verifier;

pub use cases::{CaseResult, run_cases};
pub use category::{CategoryAccuracies, CategoryAccuracy};
pub use check::CheckError;
use check::{Arguments, BoxedCheck};
pub use ifeval::Instruction;
pub use modes::{ModeDifference, compare_modes};
pub use verifier::{Verdicts, Verifier, judge};
