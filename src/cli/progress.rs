//! Progress on standard error: a bar in a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::report::text::{visible, visible_line};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Shows how far a checkpoint is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    label: String,
    started: Instant,
    last_line: Instant,
    quiet: bool,
}

impl Progress {
    /// Starts showing `total` requests of a checkpoint.
    pub(super) fn new(label: &str, total: usize, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal() && !quiet;
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(total as u64);
            let template = "{prefix} [{wide_bar}] {pos}/{len}, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(visible_line(label));
            bar
        });
        let started = Instant::now();
        Self { bar, label: label.to_owned(), started, last_line: started, quiet }
    }

    /// Shows that `done` of `total` requests are answered.
    pub(super) fn update(&mut self, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
        } else if !self.quiet && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let elapsed = self.started.elapsed().as_secs_f64();
            let left = elapsed * (total.saturating_sub(done)) as f64 / done.max(1) as f64;
            note(false, &format!("{}: {done}/{total} requests, about {left:.0} s left", self.label));
        }
    }

    /// Ends the display with one line that stays.
    pub(super) fn finish(self, answered: usize) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = answered as f64 / seconds.max(1e-9);
        note(self.quiet, &format!("{}: {answered} requests answered in {seconds:.1} s ({rate:.1}/s)", self.label));
    }
}

/// Writes a line to standard error, unless asked to be quiet. It may quote file names and file content, so nothing in
/// it may act on the terminal. A closed standard error is nobody's loss.
pub(super) fn note(quiet: bool, line: &str) {
    if !quiet {
        let _ = writeln!(std::io::stderr(), "{}", visible(line));
    }
}
