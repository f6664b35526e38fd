//! Exit codes: an interface that scripts rely on.

use std::io;
use std::process::ExitCode;

/// How the program ended.
///
/// | code | meaning |
/// | --- | --- |
/// | 0 | fine |
/// | 1 | a gate found a regression |
/// | 2 | could not run: usage, data, input and output, model |
/// | 3 | nothing was selected, or there are too few data to decide |
///
/// A closed standard output (`wit-eval list | head -1`) is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Success,
    /// A gate found a regression.
    Regression,
    /// Could not run.
    Failure,
    /// Nothing was selected, or there are too few data to decide.
    Nothing,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Regression => Self::from(1),
            Exit::Failure => Self::from(2),
            Exit::Nothing => Self::from(3),
        }
    }
}

/// Whether an error is a reader that went away.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// An error and its causes, outermost first. Many errors quote their cause themselves; such a cause is not repeated.
pub(super) fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_quoted_already_is_not_said_twice() {
        let quoting = anyhow::anyhow!("disk full").context("a/b: disk full").context("--output_path");
        assert_eq!(message(&quoting), "--output_path: a/b: disk full");
    }
}
