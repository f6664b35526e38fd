//! Rows of a table as arms of grids.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::picture::Series;
use crate::analyze::weightings::results::{Arm, ArmKind};
use crate::data::score_table::{ScoreRow, ScoreTable};
use crate::weighting::Weighting;

/// Rows of one arm by benchmark, each sorted by seed.
pub(super) type Cells<'a> = BTreeMap<&'a str, Vec<&'a ScoreRow>>;

/// An arm with its rows.
pub(super) struct Member<'a> {
    pub arm: Arm,
    pub cells: Cells<'a>,
    /// How often the table has it: an untuned model is repeated beside every grid.
    pub repeats: usize,
}

/// Arms and the grids that they form.
pub(super) struct Layout<'a> {
    pub series: Vec<Series>,
    /// Untuned models first, then weightings by series and weights.
    pub members: Vec<Member<'a>>,
}

/// Model, data and stage; `sft` before `dpo`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    model: Option<&'a str>,
    dataset: Option<&'a str>,
    stage_rank: u8,
    stage: Option<&'a str>,
}

impl<'a> Key<'a> {
    fn of(row: &'a ScoreRow) -> Self {
        let stage = row.stage.as_deref();
        let stage_rank = match stage {
            None => 0,
            Some("sft") => 1,
            Some("dpo") => 2,
            Some(_) => 3,
        };
        Self { model: row.model.as_deref(), dataset: row.dataset.as_deref(), stage_rank, stage }
    }

    /// `sft of Llama-3.2-1B on lima`, as far as it is known.
    fn name(&self) -> String {
        let head = match (self.stage, self.model) {
            (Some(stage), Some(model)) => format!("{stage} of {model}"),
            (stage, model) => stage.or(model).unwrap_or_default().to_owned(),
        };
        let tail = self.dataset.map(|dataset| format!("on {dataset}"));
        let name = [head, tail.unwrap_or_default()].join(" ").trim().to_owned();
        if name.is_empty() { "the table's grid".to_owned() } else { name }
    }
}

/// An untuned model, and the keys that its rows have.
struct Untuned<'a> {
    keys: Vec<Key<'a>>,
    cells: Cells<'a>,
}

impl<'a> Layout<'a> {
    pub fn new(table: &'a ScoreTable) -> Self {
        let mut tuned: BTreeMap<Key<'a>, BTreeMap<(u64, u64), Cells<'a>>> = BTreeMap::new();
        let mut untuned: BTreeMap<Key<'a>, Cells<'a>> = BTreeMap::new();
        for row in &table.rows {
            let cells = if let Some(weighting) = row.weighting {
                // Weights are not negative: the order of their bits is theirs.
                let bits = (weighting.prompt().to_bits(), weighting.response().to_bits());
                tuned.entry(Key::of(row)).or_default().entry(bits).or_default()
            } else {
                untuned.entry(Key::of(row)).or_default()
            };
            cells.entry(row.benchmark.as_str()).or_default().push(row);
        }
        for rows in tuned.values_mut().flat_map(BTreeMap::values_mut).chain(untuned.values_mut()) {
            for replicates in rows.values_mut() {
                replicates.sort_by(|a, b| a.seed.cmp(&b.seed));
            }
        }
        let keys = tuned.keys().copied().collect::<Vec<_>>();
        let bases = merged(untuned);
        let mut ids = Names::default();
        let mut members = Vec::new();
        for base in &bases {
            members.push(Member {
                arm: base.arm(&bases, keys.len(), &mut ids),
                cells: base.cells.clone(),
                repeats: base.keys.len(),
            });
        }
        for (number, (key, arms)) in tuned.into_iter().enumerate() {
            let base = base_of(&key, &bases, &keys).and_then(|place| Some(members.get(place)?.arm.id.clone()));
            for cells in arms.into_values() {
                let arm = arm(&key, number, keys.len(), base.as_ref(), &cells, &mut ids);
                members.push(Member { arm, cells, repeats: 1 });
            }
        }
        references(&mut members);
        let series = keys.iter().enumerate().map(|(number, key)| Series {
            number,
            name: key.name(),
            model: key.model.map(str::to_owned),
            dataset: key.dataset.map(str::to_owned),
            stage: key.stage.map(str::to_owned),
            characteristics: BTreeMap::new(),
        });
        Self { series: series.collect(), members }
    }
}

/// Untuned models, those of one model with equal scores once: tables repeat the base beside every grid.
fn merged<'a>(untuned: BTreeMap<Key<'a>, Cells<'a>>) -> Vec<Untuned<'a>> {
    let mut bases: Vec<Untuned<'a>> = Vec::new();
    let content = |cells: &Cells<'_>| {
        let rows = cells.values().flatten();
        rows.map(|row| {
            (row.benchmark.clone(), row.seed.clone(), row.score.to_bits(), row.standard_error.map(f64::to_bits))
        })
        .collect::<Vec<_>>()
    };
    for (key, cells) in untuned {
        let same = |other: &&mut Untuned<'a>| {
            other.keys.first().is_some_and(|first| first.model == key.model) && content(&other.cells) == content(&cells)
        };
        match bases.iter_mut().find(same) {
            Some(other) => other.keys.push(key),
            None => bases.push(Untuned { keys: vec![key], cells }),
        }
    }
    bases
}

/// The untuned model of a grid: of the same model, data and stage, else of rows that belong to no grid, the same data first.
fn base_of(key: &Key<'_>, bases: &[Untuned<'_>], grids: &[Key<'_>]) -> Option<usize> {
    let find = |fits: &dyn Fn(&Key<'_>) -> bool| bases.iter().position(|base| base.keys.iter().any(fits));
    let alone = |other: &Key<'_>| other.model == key.model && !grids.contains(other);
    find(&|other| other == key)
        .or_else(|| find(&|other| other.model == key.model && other.dataset == key.dataset))
        .or_else(|| find(&|other| alone(other) && other.dataset.is_none()))
        .or_else(|| find(&alone))
}

impl Untuned<'_> {
    fn arm(&self, all: &[Untuned<'_>], series: usize, ids: &mut Names) -> Arm {
        let model = self.keys.first().and_then(|key| key.model);
        let twins = all.iter().filter(|other| other.keys.first().and_then(|key| key.model) == model).count();
        let shown = model.map_or_else(|| "untuned".to_owned(), |model| format!("{model} (untuned)"));
        let id = match self.keys.first() {
            Some(key) if twins > 1 => format!("{shown}, beside {}", key.name()),
            _ => shown,
        };
        let id = ids.unique(&id);
        Arm {
            kind: ArmKind::Base,
            weighting: None,
            base: None,
            stage: Some("base".to_owned()),
            series,
            checkpoints: checkpoints(&id, &self.cells),
            id,
            reference: None,
            base_arm: None,
        }
    }
}

fn arm(
    key: &Key<'_>,
    number: usize,
    grids: usize,
    base_arm: Option<&String>,
    cells: &Cells<'_>,
    ids: &mut Names,
) -> Arm {
    let weighting: Option<Weighting> = cells.values().flatten().find_map(|row| row.weighting);
    let label = weighting.map_or_else(String::new, |weighting| weighting.to_string());
    let id = ids.unique(&if grids > 1 { format!("{label} ({})", key.name()) } else { label });
    Arm {
        kind: ArmKind::Weighting,
        weighting,
        base: key.model.map(str::to_owned),
        stage: key.stage.map(str::to_owned),
        series: number,
        checkpoints: checkpoints(&id, cells),
        id,
        reference: None,
        base_arm: base_arm.cloned(),
    }
}

/// One name a training seed.
fn checkpoints(id: &str, cells: &Cells<'_>) -> Vec<String> {
    let seeds = cells.values().flatten().filter_map(|row| row.seed.as_ref()).collect::<BTreeSet<_>>();
    if seeds.is_empty() {
        return vec![id.to_owned()];
    }
    seeds.into_iter().map(|seed| format!("{id}, seed {seed}")).collect()
}

/// Fills in whom each arm is compared with: conventional tuning of its grid, else the untuned model.
fn references(members: &mut [Member<'_>]) {
    let conventional = members.iter().map(|member| &member.arm);
    let conventional = conventional.filter(|arm| arm.weighting == Some(Weighting::CONVENTIONAL));
    let conventional = conventional.map(|arm| (arm.series, arm.id.clone())).collect::<BTreeMap<_, _>>();
    for arm in members.iter_mut().map(|member| &mut member.arm) {
        let own = match arm.kind {
            ArmKind::Weighting => conventional.get(&arm.series),
            // An untuned model belongs to no grid: the one conventional arm there is.
            _ => conventional.values().next().filter(|_| conventional.len() == 1),
        };
        let is_reference = own == Some(&arm.id);
        arm.reference = if is_reference { None } else { own.or(arm.base_arm.as_ref()).cloned() };
    }
}

/// Identifiers that are taken.
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{wanted} ({number})");
            number += 1;
        }
        name
    }
}
