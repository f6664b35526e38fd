//! Grids that nobody planned for: no panic, no set without its best member, no number that is not finite.

use proptest::prelude::*;

use super::super::{CharacteristicsRow, assemble, statements};
use super::{Row, series, table};
use crate::analyze::analysis::{Headline, WeightingsAnalysis};

fn cell() -> impl Strategy<Value = Row> {
    let weights = prop_oneof![
        1 => Just(None),
        6 => (0_u8..4, 0_u8..4).prop_map(|(p, r)| (p + r > 0).then_some((f64::from(p) / 3.0, f64::from(r) / 3.0))),
    ];
    let point = prop_oneof![Just(0.0), Just(1.0), -2.0..3.0_f64, Just(1e300), Just(-1e-300)];
    let measure = prop_oneof![Just(Headline::Performance), Just(Headline::Posix), Just(Headline::Spread)];
    let name = prop_oneof![Just("average"), Just("ifeval"), Just("alpaca_eval"), Just("mmlu")];
    (0_usize..4, name, measure, weights, point, proptest::option::of(0.0..0.5_f64))
}

fn finite(analysis: &WeightingsAnalysis) -> bool {
    let text = serde_json::to_string(&analysis.picture).unwrap();
    // What is not finite is written as null; so are absent intervals, but never a point.
    !text.contains("\"point\":null") && !text.contains("\"low\":null") && !text.contains("\"high\":null")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_table_gives_a_picture(rows in prop::collection::vec(cell(), 0..40), level in 0.5..0.999_f64) {
        let stage = |number: usize| if number.is_multiple_of(2) { "sft" } else { "dpo" };
        let described = (0..3).map(|number| series(number, "m", "d", stage(number))).collect();
        let mut analysis = table(&rows, described);
        let known = CharacteristicsRow { values: [("x".to_owned(), f64::NAN)].into(), ..CharacteristicsRow::default() };
        assemble(&mut analysis, &[known], level);
        prop_assert!(finite(&analysis));
        for best in &analysis.picture.best_cells {
            prop_assert!(best.not_worse.as_ref().is_none_or(|set| set.contains(&best.arm)));
        }
        for front in &analysis.picture.fronts {
            prop_assert!(!front.front.is_empty());
            let kept = front.not_excluded.as_ref();
            prop_assert!(kept.is_none_or(|kept| front.front.iter().all(|arm| kept.contains(arm))));
        }
        for count in &analysis.picture.counts {
            prop_assert!(count.hits <= count.of && count.of > 0);
        }
        statements(&analysis);
    }
}
