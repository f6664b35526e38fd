//! A gate as `JUnit` XML: a check is a test case, a subject a suite.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::gate::results::{CheckResult, Gate};
use crate::gate::verdict::{Overall, Verdict};
use crate::report::text::visible_line;

/// Regressed checks are failures. Inconclusive ones are errors where they turn the gate red, failures where the policy
/// says so, and skipped where it lets them pass: a reader of the XML never sees a colour that the exit code contradicts.
pub(super) fn render(gate: &Gate) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("wit-eval gate");
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    for check in &gate.checks {
        let name = visible_line(&check.subject);
        let case = case(check, gate);
        if let Some((_, suite)) = suites.iter_mut().find(|(known, _)| *known == name) {
            suite.add_test_case(case);
        } else {
            let mut suite = TestSuite::new(name.as_str());
            suite.add_test_case(case);
            suites.push((name, suite));
        }
    }
    report.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    report.add_test_suite(outcome(gate));
    report.to_string()
}

fn case(check: &CheckResult, gate: &Gate) -> TestCase {
    let status = match (check.verdict, gate.policy.inconclusive.as_red()) {
        (Verdict::Improved | Verdict::Unchanged, _) => TestCaseStatus::success(),
        (Verdict::Regressed, _) | (Verdict::Inconclusive, Some(true)) => failing(NonSuccessKind::Failure, check),
        (Verdict::Inconclusive, Some(false)) => failing(NonSuccessKind::Error, check),
        (Verdict::Inconclusive, None) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(visible_line(&check.reason));
            status
        }
    };
    let mut case = TestCase::new(visible_line(&check.measure_words()), status);
    case.set_classname(visible_line(&check.subject));
    case.set_system_out(visible_line(&format!("{}: {}", check.verdict.as_str(), check.reason)));
    case
}

fn failing(kind: NonSuccessKind, check: &CheckResult) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(visible_line(&check.reason)).set_type(check.verdict.as_str());
    status
}

/// A suite of its own for the verdict, so that a gate that compared nothing is not an empty, green document.
fn outcome(gate: &Gate) -> TestSuite {
    let line = gate.conclusion.line();
    let status = match gate.conclusion.exit_code {
        0 => TestCaseStatus::success(),
        code => {
            let kind = if code == 1 { NonSuccessKind::Failure } else { NonSuccessKind::Error };
            let mut status = TestCaseStatus::non_success(kind);
            let missing = gate.missing.iter().map(|line| visible_line(line)).collect::<Vec<_>>();
            let lines = std::iter::once(line.clone()).chain(missing).collect::<Vec<_>>();
            let kind = match gate.conclusion.verdict {
                Overall::RequiredMissing => "missing",
                Overall::NothingCompared => "nothing compared",
                verdict => verdict.words(),
            };
            status.set_message(lines.join("; ")).set_type(kind);
            status
        }
    };
    let mut case = TestCase::new("verdict", status);
    case.set_classname("gate").set_system_out(line);
    let mut suite = TestSuite::new("gate");
    suite.add_test_case(case);
    suite
}
