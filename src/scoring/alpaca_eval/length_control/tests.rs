//! Golden numbers: scikit-learn 1.5.2 (`LogisticRegression(penalty="l1", solver="liblinear", fit_intercept=False)`,
//! `GroupKFold(5)`) with numpy 2.4.6 on a processor with AVX2, at a tolerance of 1e-12.

use super::super::preference::Preference;
use super::logistic::{Row, log_likelihood};
use super::selection::{candidates, choose_inverse_penalty, fold_of};
use super::*;

const SHARES: [f64; 12] = [0.0, 0.1, 0.95, 0.5, 1.0, 0.2, 0.7, 0.33, 0.0, 0.01, 0.6, 0.4];
const DIFFERENCES: [i64; 12] = [10, -40, -300, 0, -120, 55, -20, 80, 200, -5, -60, 31];

fn comparisons() -> Vec<Comparison> {
    SHARES
        .iter()
        .zip(DIFFERENCES)
        .enumerate()
        .map(|(position, (share, length_difference))| Comparison {
            position,
            preference: Preference::from_share(*share),
            length_difference,
            length: 300,
        })
        .collect()
}

/// A made-up table of two gamed baselines.
fn table(instructions: usize) -> DifficultyTable {
    let row = |i: usize| GamedRow {
        position: i % instructions,
        share: f64::midpoint(1.0, (3.1 * i as f64 + 0.5).sin()),
        standardized_length_difference: 2.0 * (1.7 * i as f64).cos(),
        difficulty: ((i % instructions) as f64).sin(),
        not_gamed: false,
    };
    DifficultyTable::new((0..2 * instructions).map(row).collect()).unwrap()
}

const NO_DRAWS: LengthControlSettings = LengthControlSettings { seed: Seed(1), draws: 0, level: 0.95 };

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

#[test]
fn the_minimal_form_equals_scikit_learn() {
    let found = length_controlled(&comparisons(), None, NO_DRAWS).unwrap();
    close(found.length_difference_sd, 119.898_031_171_441_18, 1e-11);
    close(found.inverse_penalty, 21.544_346_900_318_82, 1e-10);
    close(found.coefficients.length, -2.377_674_525_453_745_7, 1e-8);
    close(found.coefficients.not_gamed, -0.606_095_705_867_610_7, 1e-8);
    assert_eq!(found.coefficients.difficulty, None);
    close(100.0 * found.win_rate.point, 35.295_033_378_541_05, 1e-7);
    close(found.prediction_error.unwrap(), 0.0, 1e-15);
    assert_eq!((found.form.as_str(), found.extreme), ("length_controlled_minimal", false));
}

#[test]
fn the_full_form_equals_scikit_learn() {
    let found = length_controlled(&comparisons(), Some(&table(12)), NO_DRAWS).unwrap();
    close(found.inverse_penalty, 21.544_346_900_318_82, 1e-10);
    close(found.coefficients.length, -1.469_854_401_585_393_8, 1e-8);
    close(found.coefficients.difficulty.unwrap(), -0.528_837_951_641_023, 1e-8);
    close(found.coefficients.not_gamed, -0.515_161_263_504_053_8, 1e-8);
    close(100.0 * found.win_rate.point, 37.377_185_671_582_68, 1e-7);
    close(100.0 * found.prediction_error.unwrap(), 2.601_354_418_857_611_3, 1e-7);
    assert_eq!(found.form.as_str(), "length_controlled_v1");
}

fn training_rows() -> Vec<Row> {
    let comparisons = comparisons();
    Design::new(&comparisons, Some(&table(12))).unwrap().resample(&[1; 12]).unwrap().rows
}

/// From no weight at all to hardly a penalty, and whatever the start.
#[test]
fn the_regression_equals_liblinear_at_every_strength_of_the_penalty() {
    let rows = training_rows();
    let golden = [
        (0.01, [0.0, 0.0, 0.0]),
        (0.3, [0.0, 0.0, 0.0]),
        (1.0, [-0.429_828_750_220_054_6, 0.0, -0.087_376_141_319_897_97]),
        (10.0, [-1.387_821_723_211_951_6, -0.478_738_776_608_461_26, -0.482_503_384_733_879_27]),
        (1e4, [-1.545_316_367_687_664_2, -0.574_958_943_894_510_2, -0.545_011_543_467_207]),
    ];
    for (inverse_penalty, expected) in golden {
        for start in [[0.0; 3], [3.0, -5.0, 40.0], [-30.0, 0.0, 1e-9]] {
            let found = minimize(&rows, inverse_penalty, start, logistic::EXACT).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                close(*found, expected, 1e-7);
            }
        }
    }
}

#[test]
fn labels_that_one_feature_separates_still_have_a_finite_optimum() {
    let row = |x: f64| Row { features: [x, 0.0, 1.0], share: f64::from(u8::from(x > 0.0)), weight: 1.0 };
    let rows = [-1.0, -0.9, -0.8, 0.7, 0.8, 1.0].map(row);
    let point = minimize(&rows, 1e4, [0.0; 3], logistic::EXACT).unwrap();
    assert!(point.iter().all(|w| w.is_finite()) && point[0] > 8.0, "{point:?}");
    assert!(log_likelihood(&rows, &point) > -1e-3);
    assert_eq!(minimize(&[Row { features: [f64::NAN, 0.0, 1.0], ..rows[0] }], 1.0, [0.0; 3], logistic::EXACT), None);
}

/// numpy: `np.logspace(-4, 4, 10)`.
#[test]
fn the_candidates_are_scikit_learns() {
    let expected = [
        1e-4,
        7.742_636_826_811_278e-4,
        5.994_842_503_189_409e-3,
        4.641_588_833_612_782e-2,
        0.359_381_366_380_462_6,
        2.782_559_402_207_126,
        21.544_346_900_318_82,
        166.810_053_720_005_56,
        1_291.549_665_014_884,
        10_000.0,
    ];
    for (found, expected) in candidates().into_iter().zip(expected) {
        close(found / expected, 1.0, 1e-14);
    }
    close(choose_inverse_penalty(&training_rows()).unwrap(), 21.544_346_900_318_82, 1e-10);
}

/// scikit-learn: the held-out groups of `GroupKFold(5)` over 12 groups of two rows.
#[test]
fn rows_are_dealt_to_folds_from_the_last_to_the_first() {
    let folds = (0..12).map(|row| fold_of(row, 12)).collect::<Vec<_>>();
    assert_eq!(folds, [1, 0, 4, 3, 2, 1, 0, 4, 3, 2, 1, 0]);
}

#[test]
fn the_interval_does_not_depend_on_threads_and_holds_the_point() {
    let settings = LengthControlSettings { draws: 200, ..NO_DRAWS };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| length_controlled(&comparisons(), Some(&table(12)), settings).unwrap())
    };
    assert_eq!(on(1), on(4));
    let found = on(2).win_rate;
    let interval = found.interval.unwrap();
    assert!(interval.low < found.point && found.point < interval.high, "{interval:?}");
    assert!(found.standard_error.unwrap() > 0.01);
    let other = LengthControlSettings { seed: Seed(2), ..settings };
    assert_ne!(length_controlled(&comparisons(), Some(&table(12)), other).unwrap().win_rate.interval, found.interval);
}

/// The judge prefers whatever is longer and the model's replies are longer: at equal length nothing is left of it.
#[test]
fn a_preference_for_length_alone_leaves_one_half() {
    let comparison = |position: usize| {
        let length_difference =
            [-300, -250, -200, -150, -220, 60, -180, -190][position % 8] + i64::try_from(position).unwrap();
        let share = logistic::logistic(-3.0 * (length_difference as f64 / 110.0).tanh());
        Comparison { position, preference: Preference::from_share(share), length_difference, length: 500 }
    };
    let comparisons = (0..40).map(comparison).collect::<Vec<_>>();
    let raw = raw_win_rate(&comparisons, 40);
    let found = length_controlled(&comparisons, None, NO_DRAWS).unwrap();
    assert!(raw > 0.75, "{raw}");
    close(found.win_rate.point, 0.5, 0.02);
    assert!(found.extreme);
}

#[test]
fn unscored_comparisons_do_not_train_but_are_predicted() {
    let mut with_gap = comparisons();
    with_gap.push(Comparison { position: 3, preference: None, length_difference: 0, length: 5 });
    let found = length_controlled(&with_gap, Some(&table(12)), NO_DRAWS).unwrap();
    assert_eq!((found.scored, found.win_rate.n), (12, 13));
}

#[test]
fn what_cannot_be_fitted_is_refused_with_the_reason() {
    let few = &comparisons()[..4];
    assert_eq!(length_controlled(few, None, NO_DRAWS), Err(LengthControlError::TooFew { scored: 4 }));
    let mut even = comparisons();
    for comparison in &mut even {
        comparison.length_difference = 7;
    }
    assert_eq!(length_controlled(&even, None, NO_DRAWS), Err(LengthControlError::NoVariation));
    let missing = length_controlled(&comparisons(), Some(&table(11)), NO_DRAWS);
    assert_eq!(missing, Err(LengthControlError::UnknownInstruction { position: 11 }));
    let row =
        GamedRow { position: 0, share: 0.5, standardized_length_difference: 0.0, difficulty: 0.0, not_gamed: false };
    for bad in [GamedRow { share: 1.5, ..row }, GamedRow { difficulty: f64::NAN, ..row }] {
        let error = DifficultyTable::new(vec![row, bad]).unwrap_err();
        assert!(error.to_string().contains("row 2"), "{error}");
    }
}

/// By hand from the reference's bounds: 20 allows 10 to 40, 50 allows 37.5 to 62.5.
#[test]
fn a_win_rate_that_moved_too_far_is_marked() {
    for (raw, controlled, extreme) in [
        (0.2, 0.11, false),
        (0.2, 0.09, true),
        (0.2, 0.39, false),
        (0.2, 0.41, true),
        (0.5, 0.38, false),
        (0.5, 0.63, true),
    ] {
        assert_eq!(is_extreme(raw, controlled), extreme, "{raw} {controlled}");
    }
}

/// Share of 60 simulated benchmarks of 60 instructions whose interval holds the true win rate at equal length. The
/// simulated judge is the model's own: `P = s(-0.6 - 1.2 tanh(Δ/σ))`, decided by a coin.
#[test]
fn the_interval_covers_the_true_win_rate_at_equal_length() {
    use rand::Rng as _;
    const TRIALS: u64 = 60;
    let truth = logistic::logistic(-0.6);
    let mut covered = 0;
    for trial in 0..TRIALS {
        let mut random = Seed(trial).stream(&["length control coverage"]);
        let comparison = |position: usize| {
            let length_difference = random.random_range(-400_i64..=200);
            // The standard deviation of that distribution is 173.5.
            let chance = logistic::logistic(-0.6 - 1.2 * (length_difference as f64 / 173.5).tanh());
            let preference = if random.random::<f64>() < chance { Preference::SECOND } else { Preference::FIRST };
            Comparison { position, preference: Some(preference), length_difference, length: 500 }
        };
        let comparisons = (0..60).map(comparison).collect::<Vec<_>>();
        let settings = LengthControlSettings { seed: Seed(trial), draws: 80, level: 0.95 };
        let interval = length_controlled(&comparisons, None, settings).unwrap().win_rate.interval.unwrap();
        covered += u64::from(interval.low <= truth && truth <= interval.high);
    }
    let share = covered as f64 / TRIALS as f64;
    assert!((0.85..=1.0).contains(&share), "{share}");
}

proptest::proptest! {
    #[test]
    fn no_other_point_is_better_than_the_minimum(
        rows in proptest::collection::vec((-3.0_f64..3.0, -3.0_f64..3.0, 0.0_f64..=1.0, 0.01_f64..3.0), 1..20),
        log_penalty in -4.0_f64..4.0,
        other in proptest::array::uniform3(-8.0_f64..8.0),
    ) {
        let row = |(x, d, share, weight): (f64, f64, f64, f64)| Row { features: [x, d, 1.0], share, weight };
        let rows = rows.into_iter().map(row).collect::<Vec<_>>();
        let inverse_penalty = 10_f64.powf(log_penalty);
        let point = minimize(&rows, inverse_penalty, [0.0; 3], logistic::EXACT).unwrap();
        let value = |point: &Vector| logistic::objective(&rows, inverse_penalty, point);
        let (found, slack) = (value(&point), 1e-9 * (1.0 + value(&point).abs()));
        let near = std::array::from_fn(|column| point[column] + 1e-3 * other[column]);
        proptest::prop_assert!(found <= value(&other) + slack && found <= value(&near) + slack);
    }
}
