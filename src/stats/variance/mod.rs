//! Where the variance of a credit comes from: items, wordings, weightings, training seeds.

mod design;
mod mean_squares;
mod tables;
mod term;

use crate::estimate::Estimate;

use design::Design;
use mean_squares::value;
use term::Term;

/// One credit: item × wording × checkpoint, the checkpoint named by its arm (weighting) and, within it, its seed. The numbers
/// are names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VarianceCell {
    /// The item.
    pub item: usize,
    /// The wording.
    pub variant: usize,
    /// The arm.
    pub arm: usize,
    /// The seed, nested in the arm: seed 0 of two arms are two seeds.
    pub seed: usize,
    /// The credit.
    pub credit: f64,
}

/// A source of variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VarianceTerm {
    /// Which item was asked, whoever answers and however it is worded.
    Item,
    /// How items are worded, the same for all items and checkpoints.
    Variant,
    /// Which item suffers from which wording, the same for all checkpoints.
    ItemByVariant,
    /// The training seed, the same for all items and wordings.
    Seed,
    /// The arm (weighting), the same for all items, wordings and seeds.
    Arm,
    /// Everything else: what checkpoints add to single items or wordings, chance, and main effects that the design cannot tell apart.
    Residual,
}

/// Variance components of a credit, in squared credit units; they add up to the variance of a single credit.
///
/// # Model
///
/// `y_ivcs = m + I_i + V_v + (IV)_iv + A_c + S_s(c) + R_ivcs`: items and wordings crossed with each other and with
/// checkpoints, seeds nested in arms. `R` holds the interactions of items and wordings with arms and seeds, and chance; none of
/// them is assumed to be absent. All effects are taken as random: the arm's component is the variance between the arms
/// at hand.
///
/// # Estimates
///
/// Analysis of variance (method of moments; Searle, Casella and `McCulloch`, Variance Components, 1992, chapter 4). With the
/// mean squares of the `n` items × `v` wordings × `m` columns table of arm means (of checkpoints, where there is one arm):
///
/// - item `(MS_i - MS_iv - MS_im + MS_ivm) / vm`, wording `(MS_v - MS_iv - MS_vm + MS_ivm) / nm`,
/// - item by wording `(MS_iv - MS_ivm) / m`, column `(MS_m - MS_im - MS_vm + MS_ivm) / nv`,
/// - residual `MS_im / v + MS_vm / n + (1 - 1/v - 1/n) MS_ivm`;
///
/// seed: the column's formula with the mean squares *within arms*, pooled over the arms that have several seeds; arm: the column's less
/// `h` times the seed's, and the residual plus `1 - h` times the residual within arms, `h` the mean over arms of 1 / seeds. With one
/// wording, or one column, the mean squares without degrees of freedom drop out of the formulas. A negative estimate is
/// reported as exactly 0: the data show no such variance; arms are corrected by the seeds' estimate before it is cut.
///
/// # What is identified
///
/// Terms that the design cannot tell apart are absent, and their variance is in `Residual`: wordings and item by wording need
/// two wordings, item by wording two checkpoints, `Seed` an arm with two seeds, `Arm` two arms *and* an arm with two seeds. Where
/// every arm has one seed, giving all cells one arm makes `Seed` the variance between checkpoints, arm and seed together.
///
/// # Unbalanced data
///
/// Items that lack a cell (wording × checkpoint) are left out. `n` counts the cells used, `clusters` what the term varies over: items,
/// wordings, seeds or arms. Arms may have different numbers of seeds; each arm counts once.
///
/// # Intervals
///
/// Item, item by wording: Student's t on a jackknife over items, on the logarithm where the estimate is three standard errors above
/// 0, cut at 0 elsewhere. Wording, seed, arm: resampling items says nothing about new ones, so the modified large-sample
/// interval with the mean squares' own degrees of freedom ([`crate::estimate::IntervalMethod::ChiSquare`]); it takes these effects to be normal, and with two or three
/// levels it is as wide as so few levels deserve. Residual: both parts joined as independent (MOVER, Zou and Donner 2008). No
/// interval where nothing varies.
///
/// # Errors
///
/// In words, for people: no cells, a credit that is not finite, a cell given twice, one wording of one checkpoint, fewer than three items with all
/// cells, or a level outside (0, 1).
pub fn decompose_variance(cells: &[VarianceCell], level: f64) -> Result<Vec<(VarianceTerm, Estimate)>, String> {
    if level.is_nan() || level <= 0.0 || level >= 1.0 {
        return Err(format!("the level {level} is not between 0 and 1"));
    }
    let design = Design::new(cells)?;
    let mut tables = design.tables();
    let whole = tables.terms();
    let without = design
        .items
        .iter()
        .map(|item| {
            tables.add(item, -1.0);
            let terms = tables.terms();
            tables.add(item, 1.0);
            terms
        })
        .collect::<Vec<_>>();
    let used = design.items.len() * design.checkpoints();
    let estimate = |term: &Term| {
        let left_out = without.iter().filter_map(|terms| terms.iter().find(|other| other.name == term.name));
        let values = left_out.map(|other| value(&other.over_items)).collect::<Vec<_>>();
        let estimate = term.estimate(&values, level);
        let clusters = design.clusters(term.name);
        (term.name, Estimate { n: used * design.wordings, clusters, ..estimate })
    };
    Ok(whole.iter().map(estimate).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::estimate::IntervalMethod;

    /// Six items, three wordings, arms with these numbers of seeds.
    fn cells(seeds: &[usize]) -> Vec<VarianceCell> {
        let mut cells = Vec::new();
        for (item, variant) in (0..6).flat_map(|item| (0..3).map(move |variant| (item, variant))) {
            for (arm, seed) in
                seeds.iter().enumerate().flat_map(|(arm, seeds)| (0..*seeds).map(move |seed| (arm, seed)))
            {
                let mixed = item * 7 + variant * variant * 3 + arm * 5 + seed * 11 + item * variant * 2;
                let chance = (mixed + item * arm * 3 + item * item * seed + 1) % 13;
                let credit = chance as f64 / 4.0 + 0.5 * arm as f64 + 0.25 * variant as f64 + (item % 3) as f64 * 0.75;
                cells.push(VarianceCell { item, variant, arm, seed, credit });
            }
        }
        cells
    }

    fn point(found: &[(VarianceTerm, Estimate)], term: VarianceTerm) -> f64 {
        found.iter().find(|(name, _)| *name == term).unwrap().1.point
    }

    fn decompose(cells: &[VarianceCell]) -> Vec<(VarianceTerm, Estimate)> {
        decompose_variance(cells, 0.95).unwrap()
    }

    /// numpy: mean squares from explicit residual arrays, solved for the components.
    #[test]
    fn components_solve_the_expected_mean_squares() {
        let found = decompose(&cells(&[2, 1, 3]));
        for (term, expected) in [
            (VarianceTerm::Item, 0.335_204_475_309),
            (VarianceTerm::Variant, 0.037_210_648_148),
            (VarianceTerm::ItemByVariant, 0.0),
            (VarianceTerm::Seed, 0.0),
            (VarianceTerm::Arm, 0.340_181_327_160),
            (VarianceTerm::Residual, 0.885_405_949_931),
        ] {
            assert!((point(&found, term) - expected).abs() < 1e-9, "{term:?}: {}", point(&found, term));
        }
        let together =
            cells(&[2, 1, 3]).into_iter().map(|cell| VarianceCell { arm: 0, seed: cell.arm * 3 + cell.seed, ..cell });
        let found = decompose(&together.collect::<Vec<_>>());
        assert!((point(&found, VarianceTerm::Item) - 0.332_152_777_778).abs() < 1e-9);
        assert!((point(&found, VarianceTerm::Seed) - 0.282_037_037_037).abs() < 1e-9);
        assert!((point(&found, VarianceTerm::Residual) - 0.951_180_555_556).abs() < 1e-9);
    }

    #[test]
    fn terms_that_the_design_cannot_tell_apart_are_absent() {
        let names = |cells: &[VarianceCell]| decompose(cells).iter().map(|(term, _)| *term).collect::<Vec<_>>();
        let all = cells(&[2, 1, 3]);
        assert_eq!(names(&all), {
            use VarianceTerm::{Arm, Item, ItemByVariant, Residual, Seed, Variant};
            [Item, Variant, ItemByVariant, Seed, Arm, Residual]
        });
        let unreplicated = names(&cells(&[1, 1, 1]));
        assert!(!unreplicated.contains(&VarianceTerm::Arm) && !unreplicated.contains(&VarianceTerm::Seed));
        let original = all.iter().filter(|cell| cell.variant == 0).copied().collect::<Vec<_>>();
        assert_eq!(
            names(&original),
            [VarianceTerm::Item, VarianceTerm::Seed, VarianceTerm::Arm, VarianceTerm::Residual]
        );
        let alone = cells(&[1]);
        assert_eq!(names(&alone), [VarianceTerm::Item, VarianceTerm::Variant, VarianceTerm::Residual]);
    }

    /// The variance between checkpoints stays in the residual where it has no name.
    #[test]
    fn unnamed_main_effects_are_left_in_the_residual() {
        let shifted = |by: f64| {
            let mut cells = cells(&[1, 1]);
            cells.iter_mut().filter(|cell| cell.arm == 1).for_each(|cell| cell.credit += by);
            point(&decompose(&cells), VarianceTerm::Residual)
        };
        assert!(shifted(9.5) > shifted(-0.5) + 40.0);
    }

    #[test]
    fn levels_have_their_own_degrees_of_freedom_and_order_changes_nothing() {
        let all = cells(&[2, 1, 3]);
        let found = decompose(&all);
        let estimate = |term| found.iter().find(|(name, _)| *name == term).unwrap().1;
        let (item, wording) = (estimate(VarianceTerm::Item), estimate(VarianceTerm::Variant));
        assert_eq!(item.interval.unwrap().method, IntervalMethod::Jackknife);
        assert_eq!(wording.interval.unwrap().method, IntervalMethod::ChiSquare);
        assert_eq!((item.n, item.clusters, wording.clusters), (108, 6, 3));
        assert_eq!((estimate(VarianceTerm::Seed).clusters, estimate(VarianceTerm::Arm).clusters), (5, 3));
        assert!(wording.interval.unwrap().high > 20.0 * wording.point, "three wordings say little: {wording:?}");
        for (_, estimate) in &found {
            let interval = estimate.interval.unwrap();
            assert!(interval.low >= 0.0 && interval.low <= estimate.point && estimate.point <= interval.high);
        }
        assert_eq!(found, decompose(&all.into_iter().rev().collect::<Vec<_>>()));
    }

    #[test]
    fn items_without_all_cells_are_left_out_and_what_cannot_be_used_is_refused() {
        let all = cells(&[2, 2]);
        let holey = all.iter().filter(|cell| cell.item != 5 || cell.variant != 1).copied().collect::<Vec<_>>();
        let complete = all.iter().filter(|cell| cell.item != 5).copied().collect::<Vec<_>>();
        let seed = |cells: &[VarianceCell]| point(&decompose(cells), VarianceTerm::Seed);
        assert!((seed(&holey) - seed(&complete)).abs() < 1e-12 && (seed(&holey) - seed(&all)).abs() > 1e-6);
        let refused = |cells: &[VarianceCell]| decompose_variance(cells, 0.95).unwrap_err();
        assert!(refused(&[]).contains("nothing tells"));
        assert!(refused(all.get(..4).unwrap()).contains("at least 3"), "one item");
        let mut twice = all.clone();
        twice.push(*all.first().unwrap());
        assert!(refused(&twice).contains("given twice"));
        twice.first_mut().unwrap().credit = f64::NAN;
        assert!(refused(&twice).contains("not finite"));
        assert!(decompose_variance(&all, 1.0).is_err());
        let constant = all.iter().map(|cell| VarianceCell { credit: 1.0, ..*cell }).collect::<Vec<_>>();
        assert!(decompose(&constant).iter().all(|(_, e)| e.point <= 0.0 && e.interval.is_none()));
    }
}
