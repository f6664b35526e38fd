//! Which checkpoints may be compared, and which are replicates of each other.

use std::collections::BTreeMap;

use crate::analyze::analysis::CheckpointAnalysis;
use crate::analyze::inputs::RunInputs;
use crate::analyze::picture::Series;
use crate::weighting::Weighting;

use super::results::{Arm, ArmKind, NotComparable};

/// An arm with the places of its checkpoints in the analysis.
pub(super) struct Members {
    pub arm: Arm,
    /// Places in the analysis' list of checkpoints.
    pub places: Vec<usize>,
}

/// The arms, their series, and who stands aside.
pub(super) struct Arms {
    pub members: Vec<Members>,
    pub series: Vec<Series>,
    pub aside: Vec<NotComparable>,
}

/// Characters of a digest that name training data.
const DIGEST_SHOWN: usize = 12;

/// What a tuned checkpoint started from: arms that share it and the stage form a series.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Origin {
    stage: Option<String>,
    /// The model before any tuning.
    base: Option<String>,
    /// Digest of the instruction data.
    data: Option<String>,
    /// Digest of the preference data.
    preferences: Option<String>,
}

/// What makes two checkpoints replicates. Weights are compared by their bits: they are read, not computed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: ArmKind,
    origin: Origin,
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
    let mut origins: Vec<Origin> = Vec::new();
    for key in by_key.keys().filter(|key| key.kind == ArmKind::Weighting) {
        if !origins.contains(&key.origin) {
            origins.push(key.origin.clone());
        }
    }
    // In the keys' order: weights are not negative, so their bits are in their order.
    let mut members = by_key
        .into_iter()
        .filter_map(|(key, places)| Some(Members { arm: arm(&key, &places, checkpoints, &origins)?, places }))
        .collect::<Vec<_>>();
    references(&mut members, &origins);
    let series =
        origins.iter().enumerate().map(|(number, origin)| describe(number, origin, &origins, &members, checkpoints));
    Arms { series: series.collect(), members, aside }
}

/// A series for people and programs. The size of the model is that of its checkpoints.
fn describe(
    number: usize,
    origin: &Origin,
    origins: &[Origin],
    members: &[Members],
    checkpoints: &[CheckpointAnalysis],
) -> Series {
    let mut own = members.iter().filter(|entry| entry.arm.kind == ArmKind::Weighting && entry.arm.series == number);
    let first = own.find_map(|entry| checkpoints.get(*entry.places.first()?));
    let size = first.map(|checkpoint| checkpoint.checkpoint.parameters).filter(|parameters| *parameters > 0);
    Series {
        number,
        name: origin.words(origins),
        model: origin.base.clone(),
        dataset: origin.data.as_deref().map(shortened),
        stage: origin.stage.clone(),
        characteristics: size.map(|size| ("model_size".to_owned(), size as f64)).into_iter().collect(),
    }
}

fn shortened(digest: &str) -> String {
    digest.chars().take(DIGEST_SHOWN).collect()
}

impl Origin {
    /// `sft of tiny-base`, with the data where another series differs by nothing else.
    fn words(&self, all: &[Self]) -> String {
        let words =
            [self.stage.as_deref(), self.base.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" of ");
        let words = if words.is_empty() { "unknown base".to_owned() } else { words };
        let alike = |other: &&Self| other.stage == self.stage && other.base == self.base;
        let alike = all.iter().filter(alike).collect::<Vec<_>>();
        let data = |digest: &Option<String>| digest.as_deref().map_or_else(|| "unknown".to_owned(), shortened);
        let mut words = words;
        if alike.iter().any(|other| other.data != self.data) {
            words = format!("{words} on data {}", data(&self.data));
        }
        if alike.iter().any(|other| other.preferences != self.preferences) {
            words = format!("{words}, preferences {}", data(&self.preferences));
        }
        words
    }
}

/// Where a tuned checkpoint comes from. A preference-tuned checkpoint's own base is the tuned checkpoint before it: where that
/// is among the checkpoints (by its name, and by the weighting where both know it), its model and data are taken over; where it
/// is not, or several of one name differ, they are not known.
fn origin(checkpoint: &CheckpointAnalysis, all: &[CheckpointAnalysis]) -> Origin {
    let entry = &checkpoint.checkpoint;
    let digest = entry.data_digest.as_ref().map(|digest| digest.as_str().to_owned());
    let base = entry.base.as_deref().map(|base| last_component(base).to_owned());
    let stage = entry.stage.clone();
    if !is_preference_tuned(checkpoint) {
        return Origin { stage, base, data: digest, preferences: None };
    }
    let before = all.iter().filter(|other| {
        let of = &other.checkpoint;
        !is_preference_tuned(other)
            && base.as_ref() == Some(&of.label)
            && (of.weighting == entry.weighting || of.weighting.is_none())
    });
    let mut found = before.map(|other| {
        let of = &other.checkpoint;
        (of.base.as_deref().map(|base| last_component(base).to_owned()), of.data_digest.clone())
    });
    let first = found.next().filter(|first| found.all(|other| other == *first));
    let (base, data) = first.unwrap_or_default();
    Origin { stage, base, data: data.map(|digest| digest.as_str().to_owned()), preferences: digest }
}

fn is_preference_tuned(checkpoint: &CheckpointAnalysis) -> bool {
    checkpoint.checkpoint.stage.as_deref() == Some("dpo")
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
    let weights = entry.weighting.filter(|_| tuned).map_or((0, 0), bits);
    let origin = if tuned { origin(checkpoint, all) } else { Origin::default() };
    Key { kind, origin, weights, alone: (!tuned).then_some(place) }
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

fn arm(key: &Key, places: &[usize], checkpoints: &[CheckpointAnalysis], origins: &[Origin]) -> Option<Arm> {
    let first = checkpoints.get(*places.first()?)?;
    let number = origins.iter().position(|own| *own == key.origin).filter(|_| key.kind == ArmKind::Weighting);
    let weighting = first.checkpoint.weighting.filter(|_| key.kind == ArmKind::Weighting);
    let id = match weighting {
        Some(weighting) if origins.len() > 1 => format!("{weighting} ({})", key.origin.words(origins)),
        Some(weighting) => weighting.to_string(),
        None => first.id.clone(),
    };
    Some(Arm {
        id,
        kind: key.kind,
        weighting,
        base: first.checkpoint.base.clone(),
        stage: first.checkpoint.stage.clone(),
        series: number.unwrap_or(origins.len()),
        checkpoints: places.iter().filter_map(|place| Some(checkpoints.get(*place)?.id.clone())).collect(),
        reference: None,
        base_arm: None,
    })
}

/// Fills in whom each arm is compared with.
fn references(members: &mut [Members], origins: &[Origin]) {
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
        // A preference-tuned arm's untuned model is that of the arm before it.
        let of_series = origins.get(arm.series).and_then(|origin| origin.base.as_deref());
        let own = of_series.or(arm.base.as_deref()).map(last_component);
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
