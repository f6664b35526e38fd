//! The questions that both runs asked in the same words.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::record::PlanRecord;
use crate::variant::VariantId;

use super::error::difference_words;
use super::records::{Key, Questions, key};
use super::{Common, PairError, Side, TaskDifference};

/// How one run's question stands in the other.
#[derive(PartialEq, Eq)]
enum Standing {
    /// Equal, as is the instance's original.
    Equal,
    /// The instance's original differs.
    OtherInstance,
    /// The instance is missing.
    Missing,
    /// The instance is equal, this wording of it is not.
    OtherWording,
}

fn equal(a: &PlanRecord, b: &PlanRecord) -> bool {
    a.request == b.request && a.purpose == b.purpose && a.cluster == b.cluster
}

/// `key` is that of `record`, a question of the run whose questions are `own`.
fn standing(record: &PlanRecord, key: Key<'_>, own: &Questions<'_>, others: &Questions<'_>) -> Standing {
    let (task, instance, _) = key;
    let original = VariantId::original();
    let original = (task, instance, Some(&original));
    match (own.get(&original), others.get(&original)) {
        (_, None) => Standing::Missing,
        (Some(own), Some(other)) if !equal(own, other) => Standing::OtherInstance,
        _ if others.get(&key).is_some_and(|other| equal(record, other)) => Standing::Equal,
        _ => Standing::OtherWording,
    }
}

/// The questions that both have. Others are refused, or left out and counted where that is allowed.
pub(super) fn common<'a>(
    sides: &[Side<'a, '_>; 2],
    indexed: &[Questions<'_>; 2],
    allowed: bool,
) -> Result<Common<'a>, PairError> {
    let [own, other] = sides.map(|side| side.run);
    let [own_index, other_index] = indexed;
    let mut differences: BTreeMap<&str, TaskDifference> = BTreeMap::new();
    let mut kept = Vec::with_capacity(own.plan.len());
    for record in own.plan {
        let Some(key) = key(record) else { continue };
        let standing = standing(record, key, own_index, other_index);
        let is_original = key.2.is_some_and(VariantId::is_original);
        let difference = differences.entry(&record.task).or_default();
        match standing {
            Standing::Equal => kept.push(record),
            Standing::Missing => difference.only_baseline += usize::from(is_original),
            Standing::OtherWording => difference.wordings += 1,
            Standing::OtherInstance if is_original => {
                difference.other_instances += 1;
                difference.first_other.get_or_insert_with(|| record.instance.clone());
            }
            Standing::OtherInstance => {}
        }
    }
    for record in other.plan {
        let Some(key) = key(record) else { continue };
        let difference = differences.entry(&record.task).or_default();
        match standing(record, key, other_index, own_index) {
            Standing::Missing => difference.only_candidate += usize::from(key.2.is_some_and(VariantId::is_original)),
            // Where the baseline has another one, it is counted already.
            Standing::OtherWording => difference.wordings += usize::from(!own_index.contains_key(&key)),
            Standing::Equal | Standing::OtherInstance => {}
        }
    }
    let named = differences.into_iter().map(|(task, found)| TaskDifference { task: task.to_owned(), ..found });
    let differences = named.filter(|difference| !difference.is_none()).collect::<Vec<_>>();
    let runs = [own, other];
    if kept.is_empty() {
        return Err(PairError::nothing_in_common(&runs));
    }
    if !differences.is_empty() && !allowed {
        return Err(PairError::other_data(&runs, &differences));
    }
    let records = if kept.len() == own.plan.len() {
        Cow::Borrowed(own.plan)
    } else {
        Cow::Owned(kept.into_iter().cloned().collect())
    };
    Ok(Common { records, differences })
}

impl Common<'_> {
    /// What was left out, in words.
    pub fn notes(&self) -> Vec<String> {
        let words = |difference: &TaskDifference| format!("Left out of {}.", difference_words(difference));
        self.differences.iter().map(words).collect()
    }
}
