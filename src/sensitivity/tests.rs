//! All indices on small matrices, by hand, and their properties on random ones.

use proptest::prelude::*;

use super::*;
use crate::estimate::IntervalMethod;

fn variant(index: usize) -> VariantId {
    if index == 0 {
        VariantId::original()
    } else {
        VariantId { perturbation: format!("p{index}"), strength: "default".into(), draw: 0 }
    }
}

/// A row an item; the answer of a cell is its credit's text.
fn matrix(columns: usize, rows: &[Vec<Option<f64>>]) -> CreditMatrix {
    let row = |(index, credits): (usize, &Vec<Option<f64>>)| MatrixRow {
        instance: format!("t/{index}"),
        cluster: format!("t/{index}"),
        credits: credits.clone(),
        answers: credits.iter().map(|credit| credit.map(|credit| credit.to_string())).collect(),
    };
    CreditMatrix::new((0..columns).map(variant).collect(), rows.iter().enumerate().map(row).collect()).unwrap()
}

fn complete(rows: &[&[f64]]) -> CreditMatrix {
    let rows = rows.iter().map(|row| row.iter().copied().map(Some).collect()).collect::<Vec<_>>();
    matrix(rows.first().map_or(1, Vec::len), &rows)
}

fn of(matrix: &CreditMatrix) -> Sensitivity {
    Sensitivity::with_draws(matrix, 0.95, Seed(3), 200)
}

fn assert_points(found: &Sensitivity, expected: &[(Index, f64)]) {
    let indices = found.indices();
    for (index, value) in expected {
        let measure = indices.iter().find(|(name, _)| name == index).unwrap().1;
        let point = measure.point().unwrap_or_else(|| panic!("{}: {measure:?}", index.as_str()));
        assert!((point - value).abs() < 1e-12, "{}: {point} instead of {value}", index.as_str());
    }
}

/// By hand. Variant means: 3/4, 2/4, 1/4. Items: (1,1,1), (1,1,0), (1,0,0), (0,0,0).
#[test]
fn every_index_of_a_complete_matrix_is_its_formula() {
    let found = of(&complete(&[&[1.0, 1.0, 1.0], &[1.0, 1.0, 0.0], &[1.0, 0.0, 0.0], &[0.0, 0.0, 0.0]]));
    let third = 1.0_f64 / 3.0;
    assert_points(
        &found,
        &[
            (Index::Original, 0.75),
            (Index::MeanOverVariants, 0.5),
            (Index::PerturbedMean, 0.375),
            (Index::WorstCase, 0.25),
            (Index::BestCase, 0.75),
            (Index::Spread, 0.5),
            (Index::BetweenVariantVariance, 0.0625),
            (Index::BetweenVariantSd, 0.25),
            (Index::WithinItemVariance, third / 2.0),
            (Index::WithinItemSd, third.sqrt() / 2.0),
            (Index::PerformanceDropRate, 0.5),
            (Index::Consistency, 8.0 / 12.0),
            (Index::FlipRateAny, 0.5),
            (Index::FlipRateMean, 0.375),
            (Index::AnswerFlipRateAny, 0.5),
            (Index::AnswerFlipRateMean, 0.375),
            (Index::Pss, third),
        ],
    );
    assert_eq!((found.items, found.missing_cells), (4, 0));
    let changes = found.variants.iter().map(|v| v.change.point().unwrap()).collect::<Vec<_>>();
    assert_eq!(changes, [0.0, -0.25, -0.5]);
    let spread = found.spread.estimate().unwrap();
    assert_eq!((spread.n, spread.clusters), (4, 4));
    assert_eq!(spread.interval.unwrap().method, IntervalMethod::Simultaneous);
    assert_eq!(found.flip_rate_any.estimate().unwrap().interval.unwrap().method, IntervalMethod::Wilson);
}

/// By hand. The variant exists for the easy item only: its mean is 1 against the original's 0.5, but the item did not
/// change. Item 3 lacks its original, item 4 everything.
#[test]
fn a_variant_that_only_easy_items_have_is_compared_on_those_items() {
    let found = of(&matrix(
        3,
        &[
            vec![Some(1.0), Some(1.0), Some(0.0)],
            vec![Some(0.0), None, None],
            vec![None, Some(0.0), Some(1.0)],
            vec![None, None, None],
        ],
    ));
    assert_points(
        &found,
        &[
            (Index::Original, 0.5),
            (Index::MeanOverVariants, (2.0 / 3.0 + 0.0 + 0.5) / 3.0),
            (Index::PerturbedMean, 0.5),
            (Index::Spread, 1.0),
            (Index::WorstCase, 0.0),
            (Index::BestCase, 1.0),
            (Index::PerformanceDropRate, 0.5),
            (Index::FlipRateAny, 1.0),
            (Index::FlipRateMean, 0.5),
            (Index::Pss, 5.0 / 6.0),
        ],
    );
    assert_eq!((found.items, found.missing_cells), (4, 6));
    let counts = [&found.original, &found.worst_case, &found.spread].map(|m| m.estimate().map(|e| (e.n, e.clusters)));
    assert_eq!(counts, [Some((2, 2)), Some((2, 2)), Some((1, 1))]);
    assert_eq!(found.spread.estimate().unwrap().interval, None, "one cluster has no interval");
}

#[test]
fn one_variant_has_a_performance_but_no_sensitivity() {
    let found = of(&complete(&[&[1.0], &[0.0]]));
    assert_points(&found, &[(Index::Original, 0.5), (Index::MeanOverVariants, 0.5)]);
    for (index, measure) in found.indices().into_iter().skip(2) {
        assert!(measure.reason().is_some_and(|r| r.contains("only the original")), "{}: {measure:?}", index.as_str());
    }
}

#[test]
fn without_items_or_without_scores_every_index_says_why_it_is_undefined() {
    for (found, reason) in [(of(&complete(&[])), "no items"), (of(&matrix(2, &[vec![None, None]])), "no ")] {
        for (index, measure) in found.indices() {
            assert!(
                measure.reason().is_some_and(|r| r.starts_with(reason) || r.contains("base")),
                "{}: {measure:?}",
                index.as_str()
            );
        }
    }
}

#[test]
fn a_drop_from_an_original_credit_of_zero_is_undefined_with_the_reason() {
    let found = of(&complete(&[&[0.0, 1.0], &[0.0, 0.0]]));
    assert!(found.performance_drop_rate.reason().unwrap().contains("no base"));
    assert_points(&found, &[(Index::Spread, 0.5), (Index::FlipRateAny, 0.5)]);
}

#[test]
fn a_perturbation_that_helps_has_a_negative_drop() {
    assert_points(&of(&complete(&[&[1.0, 1.0], &[0.0, 1.0]])), &[(Index::PerformanceDropRate, -1.0)]);
}

#[test]
fn equal_credits_everywhere_give_zero_with_an_interval_of_zero() {
    let found = of(&complete(&[&[0.1, 0.1, 0.1], &[0.7, 0.7, 0.7], &[0.3, 0.3, 0.3]]));
    let spread = found.spread.estimate().unwrap();
    assert_eq!((spread.point, spread.interval.map(|i| (i.low, i.high))), (0.0, Some((0.0, 0.0))));
    let zeros =
        [Index::Spread, Index::BetweenVariantVariance, Index::WithinItemVariance, Index::WithinItemSd, Index::Pss];
    for (index, measure) in found.indices() {
        if zeros.contains(&index) {
            assert_eq!(measure.point(), Some(0.0), "{}", index.as_str());
        }
    }
    assert_points(&found, &[(Index::Consistency, 1.0), (Index::FlipRateAny, 0.0), (Index::PerformanceDropRate, 0.0)]);
}

#[test]
fn answers_may_change_where_credits_do_not() {
    let mut row = complete(&[&[0.0, 0.0, 0.0]]).items()[0].clone();
    row.answers = vec![Some("A".into()), Some("B".into()), None];
    let found = of(&CreditMatrix::new((0..3).map(variant).collect(), vec![row]).unwrap());
    assert_points(
        &found,
        &[
            (Index::FlipRateAny, 0.0),
            (Index::AnswerFlipRateAny, 1.0),
            (Index::AnswerFlipRateMean, 1.0),
            (Index::Consistency, 0.0),
        ],
    );
}

#[test]
fn items_of_one_cluster_count_as_one_observation_for_the_error() {
    let rows = complete(&[&[1.0, 0.0], &[1.0, 0.0], &[1.0, 1.0], &[0.0, 0.0]]).items().to_vec();
    let clustered = rows.into_iter().map(|row| MatrixRow { cluster: "passage".into(), ..row }).collect();
    let found = of(&CreditMatrix::new(vec![variant(0), variant(1)], clustered).unwrap());
    for (_, measure) in found.indices() {
        let estimate = measure.estimate().unwrap();
        assert_eq!((estimate.clusters, estimate.interval), (1, None));
    }
}

#[test]
fn what_is_no_matrix_is_refused_with_its_place() {
    let row = |credits: Vec<Option<f64>>, answers: usize| MatrixRow {
        instance: "t/7".into(),
        cluster: "t/7".into(),
        credits,
        answers: vec![None; answers],
    };
    let new = |columns: &[usize], row| CreditMatrix::new(columns.iter().map(|c| variant(*c)).collect(), vec![row]);
    let message = |result: Result<CreditMatrix, MatrixError>| result.unwrap_err().to_string();
    assert!(message(new(&[1, 0], row(vec![None; 2], 2))).contains("column 0 is p1@default#0"));
    assert!(message(new(&[], row(vec![], 0))).contains("column 0 is missing"));
    assert!(message(new(&[0, 1], row(vec![None], 2))).contains("t/7 has 1 credits"));
    assert!(message(new(&[0, 1], row(vec![None; 2], 3))).contains("t/7 has 3 answers"));
    assert!(message(new(&[0, 1], row(vec![None, Some(f64::NAN)], 2))).contains("t/7, variant p1@default#0"));
}

fn cells(values: impl Strategy<Value = f64> + Clone + 'static) -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
    (2..6_usize).prop_flat_map(move |columns| {
        prop::collection::vec(prop::collection::vec(prop::option::weighted(0.8, values.clone()), columns), 1..12)
    })
}

fn binary() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
    cells(prop::sample::select(vec![0.0, 1.0]))
}

fn few_draws(rows: &[Vec<Option<f64>>]) -> Sensitivity {
    Sensitivity::with_draws(&matrix(rows[0].len(), rows), 0.95, Seed(1), 20)
}

fn points(found: &Sensitivity) -> Vec<Option<f64>> {
    found.indices().iter().map(|(_, measure)| measure.point()).collect()
}

proptest! {
    #[test]
    fn the_order_of_items_and_of_perturbed_variants_does_not_matter(rows in cells(0.0..1.0_f64), turn in 0..12_usize) {
        let mut turned = rows.clone();
        let by = turn % turned.len();
        turned.rotate_left(by);
        for row in &mut turned {
            let by = turn % (row.len() - 1);
            row[1..].rotate_left(by);
        }
        for (a, b) in points(&few_draws(&rows)).into_iter().zip(points(&few_draws(&turned))) {
            prop_assert_eq!(a.is_some(), b.is_some());
            if let (Some(a), Some(b)) = (a, b) { prop_assert!((a - b).abs() < 1e-9, "{} and {}", a, b); }
        }
    }

    #[test]
    fn every_index_stays_in_its_range(rows in binary()) {
        let found = few_draws(&rows);
        for (index, measure) in found.indices() {
            let Some(point) = measure.point() else { continue };
            let (low, high) = match index {
                Index::PerformanceDropRate => (f64::NEG_INFINITY, 1.0),
                Index::Spread | Index::BetweenVariantVariance => (0.0, 2.0),
                Index::BetweenVariantSd => (0.0, 2.0_f64.sqrt()),
                Index::WithinItemVariance => (0.0, 0.5),
                Index::WithinItemSd => (0.0, 0.5_f64.sqrt()),
                _ => (0.0, 1.0),
            };
            prop_assert!(point >= low - 1e-12 && point <= high + 1e-12, "{}: {}", index.as_str(), point);
        }
        if let (Some(worst), Some(best)) = (found.worst_case.point(), found.best_case.point()) {
            prop_assert!(worst <= best);
        }
        if let (Some(mean), Some(any)) = (found.flip_rate_mean.point(), found.flip_rate_any.point()) {
            prop_assert!(mean <= any + 1e-12);
        }
    }

    #[test]
    fn for_binary_credits_pss_is_twice_the_within_item_variance(rows in binary()) {
        let found = few_draws(&rows);
        prop_assert_eq!(found.pss.point().is_some(), found.within_item_variance.point().is_some());
        if let (Some(pss), Some(variance)) = (found.pss.point(), found.within_item_variance.point()) {
            prop_assert!((pss - 2.0 * variance).abs() < 1e-12);
        }
    }

    #[test]
    fn copies_of_the_original_show_no_sensitivity(
        credits in prop::collection::vec(0.0..1.0_f64, 1..10),
        copies in 1..5_usize,
    ) {
        let rows = credits.iter().map(|credit| vec![Some(*credit); copies + 1]).collect::<Vec<_>>();
        let found = few_draws(&rows);
        for (index, measure) in found.indices() {
            match index.direction() {
                Direction::MoreSensitive => prop_assert_eq!(measure.point(), Some(0.0), "{}", index.as_str()),
                Direction::LessSensitive => prop_assert_eq!(measure.point(), Some(1.0)),
                Direction::Performance => prop_assert!(measure.point().is_some()),
            }
        }
    }

    #[test]
    fn with_no_cell_missing_the_spread_is_the_difference_of_plain_means(
        rows in (2..5_usize)
            .prop_flat_map(|columns| prop::collection::vec(prop::collection::vec(0.0..1.0_f64, columns), 1..9)),
    ) {
        let found = of(&complete(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        let means = found.variants.iter().map(|v| v.credit.point().unwrap()).collect::<Vec<_>>();
        let high = means.iter().copied().fold(f64::MIN, f64::max);
        let low = means.iter().copied().fold(f64::MAX, f64::min);
        prop_assert!((found.spread.point().unwrap() - (high - low)).abs() < 1e-12);
    }
}
