//! Flip rates: how many items change when their wording does.

use super::Measure;
use super::matrix::{CreditMatrix, MatrixRow};
use super::means::over_items;

const NEEDS_CREDITS: &str = "no item has both its original and a perturbed variant scored";
const NEEDS_ANSWERS: &str = "no item has answers to its original and to a perturbed variant that can be compared";

/// Share of items whose credit differs from the original's under at least one perturbed variant:
/// `mean_i 1[exists v > 0: c_iv != c_i0]`.
///
/// Range 0 to 1; more means more sensitive. It grows with the number of variants: compare only runs with equal
/// variants. Items without a scored original, or without any scored perturbed variant, are left out. Credits are
/// compared exactly, so for a continuous credit almost every item flips; the index is meant for right and wrong.
pub(super) fn any(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, |row| credit_flips(row).and_then(at_least_one), NEEDS_CREDITS)
}

/// Share of an item's perturbed variants whose credit differs from the original's, averaged over items:
/// `mean_i mean_{v > 0} 1[c_iv != c_i0]`. Range 0 to 1, at most the rate of [`any`]; it does not grow with the number of
/// variants.
pub(super) fn mean(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, |row| credit_flips(row).and_then(share), NEEDS_CREDITS)
}

/// As [`any`], for answers: counts a change from one wrong answer to another too, so it is never below the credit's rate
/// where credits follow from answers.
pub(super) fn answer_any(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, |row| answer_flips(row).and_then(at_least_one), NEEDS_ANSWERS)
}

/// As [`mean`], for answers.
pub(super) fn answer_mean(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, |row| answer_flips(row).and_then(share), NEEDS_ANSWERS)
}

/// (flipped, compared)
type Flips = (usize, usize);

/// Whether a perturbed wording's credit is another than the original's: exactly, without a tolerance.
#[allow(clippy::float_cmp)]
pub(crate) fn is_flip(original: f64, perturbed: f64) -> bool {
    original != perturbed
}

fn credit_flips(row: &MatrixRow) -> Option<Flips> {
    let original = row.original()?;
    let perturbed = row.perturbed();
    Some((perturbed.iter().filter(|credit| is_flip(original, **credit)).count(), perturbed.len()))
}

fn answer_flips(row: &MatrixRow) -> Option<Flips> {
    let (original, perturbed) = row.answers.split_first()?;
    let original = original.as_ref()?;
    let differing = perturbed.iter().flatten().filter(|answer| *answer != original).count();
    Some((differing, perturbed.iter().flatten().count()))
}

fn at_least_one((flipped, compared): Flips) -> Option<f64> {
    (compared > 0).then_some(if flipped > 0 { 1.0 } else { 0.0 })
}

fn share((flipped, compared): Flips) -> Option<f64> {
    (compared > 0).then(|| flipped as f64 / compared as f64)
}
