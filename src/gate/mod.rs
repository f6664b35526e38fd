//! Whether a candidate may replace a baseline: non-inferiority with margins, floors, and a verdict that an exit code repeats.
