//! What is told beforehand is what is computed.

use super::*;

fn prompt_sets() -> Vec<PromptSetRequest> {
    prompt_sets::sets()
}

#[test]
fn counted_tokens_of_scorings_are_the_computed_ones_within_any_memory() {
    let Some(dir) = models().into_iter().next() else { return };
    let items = items();
    for max_length in [512, 60] {
        let count = score_count(&items, max_length);
        let own = |item: &Scoring| (item.context.len() + item.continuation.len() - 1).min(max_length) as u64;
        assert_eq!(count.asked, items.iter().map(own).sum::<u64>());
        assert!(count.computed < count.asked && count.saving() > 0.2, "{count:?}");
        for way in [(2, 512, 1 << 30), (2, 64, 1 << 16), (2, 7, 0)] {
            let engine = engine_in(&dir, way);
            let engine = Engine {
                options: EngineOptions { max_length_tokens: Some(max_length), ..engine.options.clone() },
                ..engine
            };
            score(&engine, &items);
            assert_eq!(engine.computed_tokens(), count.computed, "{way:?}");
        }
    }
}

#[test]
fn counted_tokens_of_generations_are_the_prompts_computed_ones_and_new_tokens_stay_below_their_bound() {
    let Some(dir) = models().into_iter().next() else { return };
    let requests = requests();
    for way in [(2, 512, 1 << 30), (2, 24, 1 << 17), (2, 7, 0)] {
        let engine = engine_in(&dir, way);
        let (count, bound) = (generation_count(&requests, 512), new_tokens_at_most(&requests, 512));
        let new = generate(&engine, &requests).iter().map(|made| made.token_ids.len() as u64).collect::<Vec<_>>();
        let fed = new.iter().map(|new| new.saturating_sub(1)).sum::<u64>();
        assert_eq!(engine.computed_tokens() - engine.guesses().wrong, count.computed + fed, "{way:?}");
        assert!(new.iter().sum::<u64>() <= bound && bound > 0);
    }
}

#[test]
fn counted_tokens_of_prompt_sets_are_an_upper_bound_that_replies_of_full_length_come_near() {
    let Some(dir) = models().into_iter().next() else { return };
    let engine = engine_in(&dir, (2, 64, 1 << 30));
    let sets = prompt_sets();
    let count = prompt_set_count(&sets, 512);
    prompt_sets::answers(&engine, &sets);
    let computed = engine.computed_tokens() - engine.guesses().wrong;
    assert!(computed <= count.computed, "{computed} {count:?}");
    assert!(computed * 4 >= count.computed * 3, "{computed} {count:?}");
    assert!(count.asked > 2 * count.computed);
}
