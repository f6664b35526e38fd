//! Which checkpoint of each run is compared.

use crate::analyze::RunInputs;
use crate::store::CheckpointEntry;

use super::{PairError, PairOptions};

const BASELINE_FLAG: &str = "--baseline_checkpoint";
const CANDIDATE_FLAG: &str = "--candidate_checkpoint";

/// The two checkpoints: those that are named, else the only ones, else those that share a label, else a weighting.
pub(super) fn choose<'s>(
    baseline: &'s RunInputs<'_>,
    candidate: &'s RunInputs<'_>,
    options: &PairOptions,
) -> Result<(&'s CheckpointEntry, &'s CheckpointEntry), PairError> {
    let own = named(baseline, options.baseline_checkpoint.as_deref(), BASELINE_FLAG)?;
    let other = named(candidate, options.candidate_checkpoint.as_deref(), CANDIDATE_FLAG)?;
    let all = |run: &'s RunInputs<'_>| run.manifest.checkpoints.iter().collect::<Vec<_>>();
    let (left, right) =
        (own.map_or_else(|| all(baseline), |one| vec![one]), other.map_or_else(|| all(candidate), |one| vec![one]));
    let pairs = || left.iter().flat_map(|a| right.iter().map(move |b| (*a, *b)));
    let only = |same: &dyn Fn(&CheckpointEntry, &CheckpointEntry) -> bool| {
        let mut found = pairs().filter(|(a, b)| same(a, b));
        found.next().filter(|_| found.next().is_none())
    };
    let same_weighting = |a: &CheckpointEntry, b: &CheckpointEntry| a.weighting.is_some() && a.weighting == b.weighting;
    only(&|_, _| true)
        .or_else(|| only(&|a, b| a.label == b.label))
        .or_else(|| only(&same_weighting))
        .ok_or_else(|| ambiguous(baseline, &left, candidate, &right))
}

/// The checkpoint of a label that was given.
fn named<'s>(
    run: &'s RunInputs<'_>,
    wanted: Option<&str>,
    flag: &'static str,
) -> Result<Option<&'s CheckpointEntry>, PairError> {
    let Some(label) = wanted else { return Ok(None) };
    let found = run.manifest.checkpoints.iter().find(|entry| entry.label == label);
    found.map(Some).ok_or_else(|| PairError::UnknownCheckpoint {
        run: run.name.to_owned(),
        flag,
        label: label.to_owned(),
        labels: labels(&run.manifest.checkpoints.iter().collect::<Vec<_>>()),
    })
}

fn labels(entries: &[&CheckpointEntry]) -> String {
    let labels = entries.iter().map(|entry| entry.label.as_str()).collect::<Vec<_>>();
    if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
}

fn ambiguous(
    baseline: &RunInputs<'_>,
    left: &[&CheckpointEntry],
    candidate: &RunInputs<'_>,
    right: &[&CheckpointEntry],
) -> PairError {
    PairError::AmbiguousCheckpoint {
        baseline: baseline.name.to_owned(),
        baseline_labels: labels(left),
        candidate: candidate.name.to_owned(),
        candidate_labels: labels(right),
    }
}
