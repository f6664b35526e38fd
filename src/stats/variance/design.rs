//! The crossed design behind the cells, and its complete part.

use std::collections::{BTreeMap, BTreeSet};

use super::mean_squares::Table;
use super::tables::Tables;
use super::{VarianceCell, VarianceTerm};

/// Fewer items leave nothing to judge the errors of their mean squares by.
const LEAST_ITEMS: usize = 3;

/// The complete part of the data.
pub(super) struct Design {
    pub(super) wordings: usize,
    /// Seeds of each arm.
    seeds: Vec<usize>,
    /// Credits of an item, centred; wording by wording, a cell a checkpoint, arm by arm.
    pub(super) items: Vec<Vec<f64>>,
}

impl Design {
    pub(super) fn new(cells: &[VarianceCell]) -> Result<Self, String> {
        if let Some(bad) = cells.iter().find(|cell| !cell.credit.is_finite()) {
            return Err(format!("item {}, wording {}: the credit is not finite", bad.item, bad.variant));
        }
        let wordings = places(cells.iter().map(|cell| cell.variant));
        let checkpoints = places(cells.iter().map(|cell| (cell.arm, cell.seed)));
        let size = wordings.len() * checkpoints.len();
        if size < 2 {
            return Err("one wording of one checkpoint: nothing tells items from chance".to_owned());
        }
        let origin = cells.iter().map(|cell| cell.credit).sum::<f64>() / cells.len() as f64;
        let mut rows = BTreeMap::<usize, Vec<Option<f64>>>::new();
        for cell in cells {
            let row = rows.entry(cell.item).or_insert_with(|| vec![None; size]);
            let wording = wordings.get(&cell.variant).copied().unwrap_or_default();
            let checkpoint = checkpoints.get(&(cell.arm, cell.seed)).copied().unwrap_or_default();
            let place = row.get_mut(wording * checkpoints.len() + checkpoint);
            if place.is_some_and(|place| place.replace(cell.credit - origin).is_some()) {
                let VarianceCell { item, variant, arm, seed, .. } = cell;
                return Err(format!("item {item}, wording {variant}, arm {arm}, seed {seed} is given twice"));
            }
        }
        let given = rows.len();
        let items = rows.into_values().filter_map(|row| row.into_iter().collect()).collect::<Vec<Vec<f64>>>();
        if items.len() < LEAST_ITEMS {
            return Err(format!(
                "{} of {given} items have a credit for all {} wordings and {} checkpoints: at least {LEAST_ITEMS} are needed",
                items.len(),
                wordings.len(),
                checkpoints.len()
            ));
        }
        let mut seeds = BTreeMap::new();
        for (arm, _) in checkpoints.keys() {
            *seeds.entry(*arm).or_insert(0) += 1;
        }
        Ok(Self { wordings: wordings.len(), seeds: seeds.into_values().collect(), items })
    }

    pub(super) fn checkpoints(&self) -> usize {
        self.seeds.iter().sum()
    }

    /// What a term varies over.
    pub(super) fn clusters(&self, term: VarianceTerm) -> usize {
        match term {
            VarianceTerm::Item | VarianceTerm::ItemByVariant | VarianceTerm::Residual => self.items.len(),
            VarianceTerm::Variant => self.wordings,
            VarianceTerm::Seed => self.seeds.iter().filter(|seeds| **seeds > 1).sum(),
            VarianceTerm::Arm => self.seeds.len(),
        }
    }

    pub(super) fn tables(&self) -> Tables {
        let single = self.seeds.len() == 1;
        let columns = if single { self.checkpoints() } else { self.seeds.len() };
        let within = self.seeds.iter().filter(|seeds| **seeds > 1 && !single);
        let mut tables = Tables {
            seeds: self.seeds.clone(),
            main: Table::new(self.wordings, columns),
            within: within.map(|seeds| Table::new(self.wordings, *seeds)).collect(),
        };
        for item in &self.items {
            tables.add(item, 1.0);
        }
        tables
    }
}

/// Numbers keys in increasing order.
fn places<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    keys.collect::<BTreeSet<_>>().into_iter().enumerate().map(|(place, key)| (key, place)).collect()
}
