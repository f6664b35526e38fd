//! Progress of a training run on standard error: a bar in a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::super::progress::note;
use crate::report::text::visible_line;
use crate::train::session::{MetricsRow, Split};
use crate::train::trainer::StepReport;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Shows how far a run is.
pub(super) struct Meter {
    bar: Option<ProgressBar>,
    quiet: bool,
    first_step: usize,
    total: usize,
    started: Instant,
    last_line: Instant,
    tokens: usize,
    loss: f64,
}

impl Meter {
    /// Starts after `first_step` of `total` steps.
    pub(super) fn new(label: &str, first_step: usize, total: usize, quiet: bool) -> Self {
        let bar = (std::io::stderr().is_terminal() && !quiet).then(|| {
            let bar = ProgressBar::new(total as u64);
            if let Ok(style) = ProgressStyle::with_template("{prefix} [{wide_bar}] {pos}/{len} {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(visible_line(label));
            bar.set_position(first_step as u64);
            bar
        });
        let now = Instant::now();
        Self { bar, quiet, first_step, total, started: now, last_line: now, tokens: 0, loss: f64::NAN }
    }

    /// A step is done.
    pub(super) fn step(&mut self, report: &StepReport) {
        self.tokens += report.sums.tokens;
        self.loss = report.sums.loss;
        let (speed, left) = (self.tokens_per_second(), self.seconds_left(report.step));
        let text = format!("loss {:.4}, {speed:.0} tokens/s, {} left", report.sums.loss, clock(left));
        if let Some(bar) = &self.bar {
            bar.set_position(report.step as u64);
            bar.set_message(text);
        } else if !self.quiet && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            note(false, &format!("step {}/{}: {text}", report.step, self.total));
        }
    }

    /// A validation is done.
    pub(super) fn row(&self, row: &MetricsRow) {
        if row.split != Split::Validation {
            return;
        }
        let nats = |name: &str, value: Option<f64>| value.map_or(String::new(), |value| format!(", {name} {value:.4}"));
        let line = format!(
            "step {}: validation loss {:.4}{}{}{}",
            row.step,
            row.loss,
            nats("prompt nats/token", row.prompt_nats_per_token),
            nats("response nats/token", row.response_nats_per_token),
            nats("reward accuracy", row.rewards.map(|rewards| rewards.accuracies)),
        );
        self.say(&line);
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(self.quiet, line)),
            None => note(self.quiet, line),
        }
    }

    /// Tokens a second since the start.
    pub(super) fn tokens_per_second(&self) -> f64 {
        self.tokens as f64 / self.started.elapsed().as_secs_f64().max(1e-9)
    }

    fn seconds_left(&self, step: usize) -> f64 {
        let done = step.saturating_sub(self.first_step).max(1);
        self.started.elapsed().as_secs_f64() * self.total.saturating_sub(step) as f64 / done as f64
    }

    /// Ends the display; tells the seconds that passed.
    pub(super) fn finish(self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.started.elapsed().as_secs_f64()
    }
}

/// Seconds as `1:02:03`, `2:03` or `3 s`.
fn clock(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = seconds.round().clamp(0.0, 1e9) as u64;
    match (whole / 3_600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn durations_read_like_clocks() {
        assert_eq!([clock(3.2), clock(123.0), clock(3_723.0)], ["3 s", "2:03", "1:02:03"]);
    }
}
