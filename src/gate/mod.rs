//! Whether a candidate may replace a baseline: non-inferiority with margins, floors, and a verdict that an exit code repeats.
//!
//! [`decide`] is pure. Every check is a paired column of differences `D` = candidate - baseline, turned so that more is
//! better, with a margin `δ`, and three one-sided tests:
//!
//! | test | rejects | says |
//! | --- | --- | --- |
//! | drop | `D >= -δ`, Holm-adjusted over every test that can fail | regressed |
//! | non-inferiority | `D <= -δ`, each at alpha | not worse |
//! | gain | `D <= 0`, Holm-adjusted over all checks | improved |
//!
//! Equal models, and any candidate within all margins and limits, fail with probability at most alpha over all checks
//! together (Holm). A candidate that is worse by the margin in any one check passes with probability at most alpha: all
//! checks must pass, so that no adjustment is due there (intersection-union, Berger 1982). The tests are described in
//! `evidence`.

mod checks;
mod decide;
mod evidence;
mod level;
mod policy;
mod power;
pub mod render;
mod results;
mod sample;
mod trinomial;
mod verdict;
mod words;

pub use checks::{AVERAGE, SubjectKind, TaskGroup};
pub use decide::{decide, decide_runs};
pub use policy::{Alpha, CheckRule, Defaults, FloorBy, Margin, Margins, Policy, PolicyError, Power};
pub use power::PLANNED_POWER;
pub use results::{CheckResult, Gate, LimitResult, LimitState, SCHEMA, Side};
pub use verdict::{Conclusion, InconclusivePolicy, Overall, Verdict};
