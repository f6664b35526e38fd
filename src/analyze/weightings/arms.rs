//! Which checkpoints may be compared, and which are replicates of each other.

use std::collections::BTreeMap;

use crate::analyze::analysis::CheckpointAnalysis;
use crate::analyze::inputs::RunInputs;
use crate::weighting::Weighting;

use super::results::{Arm, ArmKind, NotComparable};

/// An arm with the places of its checkpoints in the analysis.
pub(super) struct Members {
    pub arm: Arm,
    /// Places in the analysis' list of checkpoints.
    pub places: Vec<usize>,
}

/// The arms, and who stands aside.
pub(super) struct Arms {
    pub members: Vec<Members>,
    pub aside: Vec<NotComparable>,
}

/// What makes two checkpoints replicates. Weights are compared by their bits: they are read, not computed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: ArmKind,
    stage: Option<String>,
    base: Option<String>,
    data: Option<String>,
    weights: (u64, u64),
    alone: Option<usize>,
}

/// Sorts checkpoints into arms. `run_of` names the run of each.
pub(super) fn arms(runs: &[RunInputs<'_>], checkpoints: &[CheckpointAnalysis], run_of: &[usize]) -> Arms {
    let (kept, aside) = comparable(runs, checkpoints, run_of);
    let mut by_key: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for place in kept {
        if let Some(checkpoint) = checkpoints.get(place) {
            by_key.entry(key(checkpoint, place, checkpoints)).or_default().push(place);
        }
    }
    let mut series: Vec<(Option<String>, Option<String>)> = Vec::new();
    for key in by_key.keys().filter(|key| key.kind == ArmKind::Weighting) {
        let own = (key.stage.clone(), key.base.clone());
        if !series.contains(&own) {
            series.push(own);
        }
    }
    // In the keys' order: weights are not negative, so their bits are in their order.
    let mut members = by_key
        .into_iter()
        .filter_map(|(key, places)| Some(Members { arm: arm(&key, &places, checkpoints, &series)?, places }))
        .collect::<Vec<_>>();
    references(&mut members);
    Arms { members, aside }
}

fn key(checkpoint: &CheckpointAnalysis, place: usize, all: &[CheckpointAnalysis]) -> Key {
    let entry = &checkpoint.checkpoint;
    let kind = if is_base(checkpoint, all) {
        ArmKind::Base
    } else if entry.weighting.is_some() {
        ArmKind::Weighting
    } else {
        ArmKind::Unknown
    };
    let tuned = kind == ArmKind::Weighting;
    // A preference-tuned checkpoint's base is the tuned checkpoint of its own weighting and seed.
    let base = entry.base.clone().filter(|_| tuned && entry.stage.as_deref() != Some("dpo"));
    let weights = entry.weighting.filter(|_| tuned).map_or((0, 0), bits);
    Key {
        kind,
        stage: entry.stage.clone().filter(|_| tuned),
        base: base.map(|base| last_component(&base).to_owned()),
        data: entry.data_digest.as_ref().filter(|_| tuned).map(|digest| digest.as_str().to_owned()),
        weights,
        alone: (!tuned).then_some(place),
    }
}

fn bits(weighting: Weighting) -> (u64, u64) {
    (weighting.prompt().to_bits(), weighting.response().to_bits())
}

fn last_component(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(path)
}

/// An untuned model: it says so, or others name it as the model that they were tuned from.
fn is_base(checkpoint: &CheckpointAnalysis, all: &[CheckpointAnalysis]) -> bool {
    let entry = &checkpoint.checkpoint;
    let named = || {
        let mut others = all.iter().filter_map(|other| other.checkpoint.base.as_deref());
        entry.stage.is_none() && others.any(|base| last_component(base) == entry.label)
    };
    entry.stage.as_deref() == Some("base") || (entry.weighting.is_none() && named())
}

fn arm(
    key: &Key,
    places: &[usize],
    checkpoints: &[CheckpointAnalysis],
    series: &[(Option<String>, Option<String>)],
) -> Option<Arm> {
    let first = checkpoints.get(*places.first()?)?;
    let number = series.iter().position(|own| *own == (key.stage.clone(), key.base.clone()));
    let weighting = first.checkpoint.weighting.filter(|_| key.kind == ArmKind::Weighting);
    let id = match weighting {
        Some(weighting) if series.len() > 1 => {
            let words =
                [key.stage.as_deref(), key.base.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" of ");
            let words = if words.is_empty() { "unknown base".to_owned() } else { words };
            format!("{weighting} ({words})")
        }
        Some(weighting) => weighting.to_string(),
        None => first.id.clone(),
    };
    Some(Arm {
        id,
        kind: key.kind,
        weighting,
        base: first.checkpoint.base.clone(),
        stage: first.checkpoint.stage.clone(),
        series: number.unwrap_or(series.len()),
        checkpoints: places.iter().filter_map(|place| Some(checkpoints.get(*place)?.id.clone())).collect(),
        reference: None,
        base_arm: None,
    })
}

/// Fills in whom each arm is compared with.
fn references(members: &mut [Members]) {
    let conventional = members
        .iter()
        .filter(|entry| entry.arm.weighting == Some(Weighting::CONVENTIONAL))
        .map(|entry| (entry.arm.series, entry.arm.id.clone()))
        .collect::<Vec<_>>();
    let bases = members
        .iter()
        .filter(|entry| entry.arm.kind == ArmKind::Base)
        .map(|entry| entry.arm.id.clone())
        .collect::<Vec<_>>();
    for entry in members.iter_mut() {
        let arm = &mut entry.arm;
        let own = arm.base.as_deref().map(last_component);
        let named = bases.iter().find(|id| own.is_some_and(|own| last_component(id) == own));
        let only = if let [only] = bases.as_slice() { Some(only) } else { None };
        arm.base_arm = named.or(only).filter(|id| arm.kind != ArmKind::Base && **id != arm.id).cloned();
        let same = conventional.iter().find(|(series, _)| arm.kind == ArmKind::Weighting && *series == arm.series);
        // Base models and unknown weightings belong to no series: the one conventional arm there is.
        let only = if let [only] = conventional.as_slice() { Some(only) } else { None };
        let reference = same.or(only.filter(|_| arm.kind != ArmKind::Weighting)).map(|(_, id)| id);
        let is_reference = reference == Some(&arm.id);
        arm.reference = if is_reference { None } else { reference.or(arm.base_arm.as_ref()).cloned() };
    }
}

/// The largest set of checkpoints that answered the same questions; of equals, the first. Weights that are given twice
/// count once.
fn comparable(
    runs: &[RunInputs<'_>],
    checkpoints: &[CheckpointAnalysis],
    run_of: &[usize],
) -> (Vec<usize>, Vec<NotComparable>) {
    let questions = |place: usize| {
        let run = run_of.get(place).and_then(|run| runs.get(*run));
        run.map(|run| (&run.manifest.plan, &run.manifest.tasks))
    };
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for place in 0..checkpoints.len() {
        match sets.iter_mut().find(|set| set.first().is_some_and(|first| questions(*first) == questions(place))) {
            Some(set) => set.push(place),
            None => sets.push(vec![place]),
        }
    }
    let most = sets.iter().map(Vec::len).max().unwrap_or(0);
    let chosen = sets.into_iter().find(|set| set.len() == most).unwrap_or_default();
    let id = |place: usize| checkpoints.get(place).map(|checkpoint| checkpoint.id.clone()).unwrap_or_default();
    let mut aside = Vec::new();
    let mut kept: Vec<usize> = Vec::new();
    for place in 0..checkpoints.len() {
        let digest = |place: usize| checkpoints.get(place).map(|checkpoint| &checkpoint.checkpoint.digest);
        let twin = kept.iter().find(|other| digest(**other) == digest(place));
        let reason = if chosen.contains(&place) {
            twin.map(|twin| format!("it has the same weights as {}", id(*twin)))
        } else {
            Some("it answered other questions, or the task definitions differ: nothing can be paired".to_owned())
        };
        match reason {
            Some(reason) => aside.push(NotComparable { checkpoint: id(place), reason }),
            None => kept.push(place),
        }
    }
    (kept, aside)
}
