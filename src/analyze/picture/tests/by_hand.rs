//! Small grids whose answers are worked out by hand.

use super::super::evidence::Evidence;
use super::super::{CharacteristicsRow, Firmness, WeightAxis, assemble, assemble_with};
use super::{Row, arm_id, series, table};
use crate::analyze::analysis::{BestSet, Headline, WeightingsAnalysis};
use crate::seed::Seed;

const P: Headline = Headline::Performance;
const S: Headline = Headline::Posix;

fn assembled(rows: &[Row]) -> WeightingsAnalysis {
    let mut analysis = table(rows, vec![series(0, "m", "d", "sft")]);
    assemble(&mut analysis, &[], 0.95);
    analysis
}

#[test]
fn ties_go_to_the_smallest_prompt_weight_then_to_the_smallest_response_weight_and_the_base_is_no_candidate() {
    let analysis = assembled(&[
        (0, "a", P, None, 9.0, None),
        (0, "a", P, Some((0.4, 0.2)), 3.0, None),
        (0, "a", P, Some((0.2, 1.0)), 3.0, None),
        (0, "a", P, Some((0.2, 0.4)), 3.0, None),
        (0, "a", P, Some((0.0, 1.0)), 2.0, None),
    ]);
    let best = &analysis.picture.best_cells[0];
    assert_eq!((best.arm.as_str(), best.cells), ("p0.2-r0.4 (0)", 4));
    assert_eq!(best.tied, ["p0.2-r1 (0)", "p0.4-r0.2 (0)"]);
    assert_eq!(best.not_worse, None);
    let gain = &analysis.picture.gains[0];
    assert_eq!((gain.reference.as_str(), gain.chosen_from), ("p0-r1 (0)", 4));
    assert!((gain.relative.point().unwrap() - 0.5).abs() < 1e-12);
}

/// A: (3, 3), B: (2, 1), C: (2, 2), D: (1, 1) as (performance, POSIX): C is beaten by B, D by B; A and B stay.
#[test]
fn the_front_holds_who_is_beaten_in_neither_number() {
    let weights = [(0.0, 1.0), (0.2, 1.0), (0.4, 1.0), (0.6, 1.0)];
    let numbers = [(3.0, 3.0), (2.0, 1.0), (2.0, 2.0), (1.0, 1.0)];
    let rows = weights.iter().zip(numbers).flat_map(|(weights, (performance, posix))| {
        [(0, "a", P, Some(*weights), performance, Some(0.1)), (0, "a", S, Some(*weights), posix, Some(10.0))]
    });
    let analysis = assembled(&rows.collect::<Vec<_>>());
    let front = &analysis.picture.fronts[0];
    assert_eq!(front.front, ["p0-r1 (0)", "p0.2-r1 (0)"]);
    // D is beaten in performance for certain and better in nothing; C shares B's performance, and POSIX tells nothing apart.
    assert_eq!(front.not_excluded.as_ref().unwrap(), &["p0-r1 (0)", "p0.2-r1 (0)", "p0.4-r1 (0)"]);
}

/// On the grid {0, 1} x {0, 1} without (0,0), y = 1 + 2 p - 3 r exactly.
#[test]
fn slopes_hold_the_other_weight_fixed() {
    let rows = [((0.0, 1.0), -2.0), ((1.0, 0.0), 3.0), ((1.0, 1.0), 0.0), ((0.5, 0.5), 0.5)]
        .map(|(weights, y)| (0, "a", P, Some(weights), y, None));
    let analysis = assembled(&rows);
    let slope = |axis: WeightAxis| {
        let found = analysis.picture.weight_effects.iter().find(|effect| effect.axis == axis).unwrap();
        (found.slope.point().unwrap(), found.levels.iter().map(|level| level.arms).collect::<Vec<_>>())
    };
    let (prompt, levels) = slope(WeightAxis::Prompt);
    assert!((prompt - 2.0).abs() < 1e-12, "{prompt}");
    assert_eq!(levels, [1, 1, 2]);
    assert!((slope(WeightAxis::Response).0 + 3.0).abs() < 1e-12);
}

/// By hand: slope 3 / 0.625 = 4.8, residual sum of squares 0.6, SE = sqrt(0.2 / 0.625), t(3) = 3.182446.
#[test]
fn a_slope_over_arms_has_the_textbook_interval() {
    let rows = [(0.0, 1.0), (0.25, 2.0), (0.5, 4.0), (0.75, 5.0), (1.0, 5.5)]
        .map(|(prompt, y)| (0, "a", P, Some((prompt, 1.0)), y, None));
    let analysis = assembled(&rows);
    let effect = &analysis.picture.weight_effects[0];
    assert_eq!(analysis.picture.weight_effects.len(), 1, "the response weight does not vary");
    let slope = effect.slope.estimate().unwrap();
    let interval = slope.interval.unwrap();
    assert!((slope.point - 4.8).abs() < 1e-9, "{slope:?}");
    let half = 3.182_446 * 0.32_f64.sqrt();
    assert!((interval.low - 4.8 + half).abs() < 1e-5 && (interval.high - 4.8 - half).abs() < 1e-5, "{interval:?}");
}

#[test]
fn preference_tuned_arms_stand_beside_the_arm_of_the_same_weighting_model_and_data() {
    let rows = [
        (0, "a", P, Some((0.0, 1.0)), 2.0, None),
        (0, "a", P, Some((0.4, 1.0)), 4.0, None),
        (1, "a", P, Some((0.4, 1.0)), 5.0, None),
        (2, "a", P, Some((0.4, 1.0)), 7.0, None),
    ];
    let described = vec![series(0, "m", "d", "sft"), series(1, "m", "d", "dpo"), series(2, "other", "d", "dpo")];
    let mut analysis = table(&rows, described);
    assemble(&mut analysis, &[], 0.95);
    let [only] = &analysis.picture.preference_gains[..] else { panic!("{:?}", analysis.picture.preference_gains) };
    assert_eq!((only.arm.as_str(), only.before.as_str()), ("p0.4-r1 (1)", "p0.4-r1 (0)"));
    assert!((only.difference.point().unwrap() - 1.0).abs() < 1e-12);
    assert!((only.relative.point().unwrap() - 0.25).abs() < 1e-12);
}

/// Best prompt weights 0, 0.2, 0.4, 0.6 and prompt lengths 10, 20, 40, 30: one pair of six is out of order.
#[test]
fn the_best_prompt_weight_is_correlated_with_what_is_known_of_the_data() {
    let mut rows: Vec<Row> = Vec::new();
    let mut described = Vec::new();
    for (number, dataset) in ["a", "b", "c", "d"].into_iter().enumerate() {
        described.push(series(number, "m", dataset, "sft"));
        rows.push((number, "x", P, Some((0.2 * number as f64, 0.5)), 2.0, None));
        rows.push((number, "x", P, Some((1.0, 1.0)), 1.0, None));
    }
    let mut analysis = table(&rows, described);
    let known = [("A", 10.0), ("b", 20.0), ("c", 40.0), ("d", 30.0)].map(|(dataset, length)| CharacteristicsRow {
        model: None,
        dataset: Some(dataset.to_owned()),
        values: [("prompt_length".to_owned(), length)].into(),
    });
    assemble(&mut analysis, &known, 0.95);
    let [only] = &analysis.picture.correlations[..] else { panic!("{:?}", analysis.picture.correlations) };
    assert!((only.spearman.point().unwrap() - 0.8).abs() < 1e-12);
    assert!((only.kendall.point().unwrap() - 4.0 / 6.0).abs() < 1e-12);
    assert_eq!(only.p_adjusted, only.spearman_p);
    assert_eq!(analysis.series[2].characteristics["prompt_length"].to_bits(), 40.0_f64.to_bits());
}

fn with_set(not_worse: &[(f64, f64)], evidence: &Evidence) -> (Firmness, String) {
    with_points([(0.5, 0.3), (0.6, 0.1), (0.62, 0.2)], not_worse, evidence)
}

/// Performance with an error of 0.05 and POSIX with one of 0.01.
fn with_points(points: [(f64, f64); 3], not_worse: &[(f64, f64)], evidence: &Evidence) -> (Firmness, String) {
    let weights = [(0.0, 1.0), (0.2, 1.0), (0.4, 1.0)];
    let rows = weights.iter().zip(points).flat_map(|(weights, (performance, posix))| {
        [(0, "a", P, Some(*weights), performance, Some(0.05)), (0, "a", S, Some(*weights), posix, Some(0.01))]
    });
    let mut analysis = table(&rows.collect::<Vec<_>>(), vec![series(0, "m", "d", "sft")]);
    analysis.benchmarks[0].best = vec![BestSet {
        series: 0,
        measure: P,
        best: arm_id(0, Some((0.4, 1.0))),
        not_worse: not_worse.iter().map(|weights| arm_id(0, Some(*weights))).collect(),
        arms: 3,
    }];
    assemble_with(&mut analysis, &[], 0.95, evidence);
    let found = &analysis.picture.recommendations[0];
    (found.firmness, found.text.clone())
}

#[test]
fn a_recommendation_is_clear_only_where_nothing_else_may_be_the_best() {
    let (firmness, text) = with_set(&[(0.4, 1.0)], &Evidence::default());
    assert_eq!(firmness, Firmness::Clear);
    assert!(text.contains("p0.4-r1 is shown to be the best of 3 weightings"), "{text}");
    assert!(text.contains("POSIX is 0.200") && text.contains("performance 0.600"), "{text}");
    let (firmness, text) = with_set(&[(0.0, 1.0), (0.2, 1.0), (0.4, 1.0)], &Evidence::default());
    assert_eq!(firmness, Firmness::Tied);
    assert!(
        text.contains("3 cannot be told from the best") && text.contains("nothing here supports leaving it"),
        "{text}"
    );
    let mut evidence = Evidence::default();
    let shown = [(0.0, 1.0), (0.4, 1.0)].map(|other| (arm_id(0, Some((0.2, 1.0))), arm_id(0, Some(other))));
    evidence.shown.insert(("a".to_owned(), 0, S), shown.into());
    let (_, text) = with_set(&[(0.0, 1.0), (0.2, 1.0), (0.4, 1.0)], &evidence);
    assert!(text.contains("p0.2-r1 (POSIX 0.100 [0.080, 0.120], performance 0.600"), "{text}");
}

#[test]
fn an_arm_that_gets_nothing_right_is_no_suggestion_however_little_sensitive() {
    let all = [(0.0, 1.0), (0.2, 1.0), (0.4, 1.0)];
    let mut evidence = Evidence::default();
    let shown = [(0.0, 1.0), (0.4, 1.0)].map(|other| (arm_id(0, Some((0.2, 1.0))), arm_id(0, Some(other))));
    evidence.shown.insert(("a".to_owned(), 0, S), shown.into());
    for performance in [0.0, 0.05] {
        let (_, text) = with_points([(0.1, 0.3), (performance, 0.1), (0.12, 0.2)], &all, &evidence);
        assert!(!text.contains("A suggestion"), "{text}");
        assert!(
            text.contains("have no performance that is shown to be above 0: nothing here supports leaving it"),
            "{text}"
        );
    }
}

/// The numbers lie on 1 + 2 p: what is left over is rounding, of which no interval is made.
#[test]
fn arms_on_a_line_give_a_slope_without_an_interval() {
    let rows = [0.0, 0.2, 0.4, 0.6, 0.8].map(|prompt| (0, "a", P, Some((prompt, 1.0)), 1.0 + 2.0 * prompt, None));
    let analysis = assembled(&rows);
    let effect = analysis.picture.weight_effects.iter().find(|effect| effect.axis == WeightAxis::Prompt).unwrap();
    let slope = effect.slope.estimate().unwrap();
    assert!((slope.point - 2.0).abs() < 1e-9 && slope.interval.is_none(), "{slope:?}");
}

/// Three cells, errors 0.01: 0.5 and 0.52 differ by 1.4 standard errors, 0.7 stands out from both.
#[test]
fn a_table_with_standard_errors_has_a_set_that_cannot_be_told_from_the_best() {
    let rows = [((0.0, 1.0), 0.5), ((0.2, 1.0), 0.52), ((0.4, 1.0), 0.7)]
        .map(|(weights, point)| (0, "a", P, Some(weights), point, Some(0.01)));
    let analysis = assembled(&rows);
    assert_eq!(analysis.picture.best_cells[0].not_worse.as_ref().unwrap(), &["p0.4-r1 (0)"]);
    assert_eq!(analysis.picture.recommendations[0].firmness, Firmness::Clear);
    // By hand: 0.7 / 0.5 - 1; SE = 0.01 sqrt(1 + 1.4²) / 0.5; z of 1 - 0.05 / 3 two-sided is 2.394.
    let relative = analysis.picture.gains[0].relative.estimate().unwrap();
    let interval = relative.interval.unwrap();
    assert!((relative.point - 0.4).abs() < 1e-12);
    assert!((interval.high - 0.4 - 2.394 * 0.034_409).abs() < 3e-4, "{interval:?}");
    let tied = assembled(&rows[..2]);
    assert_eq!(tied.picture.best_cells[0].not_worse.as_ref().unwrap().len(), 2);
}

/// Sums of twelve uniform numbers less 6: normal enough, with variance 1.
fn noise(random: &mut impl rand::Rng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

fn clear_share(lead: f64) -> f64 {
    const DRAWS: usize = 200;
    let mut clear = 0;
    for draw in 0..DRAWS {
        let mut random = Seed(5).stream(&["clear", &draw.to_string(), &lead.to_string()]);
        let rows = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|prompt| {
            let truth = if prompt > 0.9 { 0.5 + lead } else { 0.5 };
            (0, "a", P, Some((prompt, 1.0)), truth + 0.02 * noise(&mut random), Some(0.02))
        });
        clear += usize::from(assembled(&rows).picture.recommendations[0].firmness == Firmness::Clear);
    }
    clear as f64 / DRAWS as f64
}

#[test]
fn equal_arms_seldom_give_a_clear_recommendation_and_a_better_one_does() {
    let (equal, better) = (clear_share(0.0), clear_share(0.15));
    assert!(equal <= 0.05, "{equal}");
    assert!(better >= 0.95, "{better}");
}
