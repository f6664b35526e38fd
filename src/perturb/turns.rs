//! Conversations are perturbed turn by turn: each turn of the user is a text of its own.

use super::Outcome;
use super::protect::LostArgument;
use super::protect::arguments::{arguments_are_stated, arguments_survive, checks_of};
use crate::instance::{Instance, PromptParts};

/// The turns of the user, first to last, each as an instance of one turn: the first with everything that precedes it,
/// every later one alone. The first keeps the instance's id; turn `n` has `#n` behind it, which is the label of its random
/// streams and the id by which a user's paraphrases name it.
pub fn turns(instance: &Instance) -> Vec<Instance> {
    let prompt = &instance.prompt;
    let first = Instance { prompt: PromptParts { later: Vec::new(), ..prompt.clone() }, ..instance.clone() };
    let later = prompt.later.iter().zip(2..).map(|(query, number): (_, usize)| Instance {
        id: format!("{}#{number}", instance.id),
        prompt: PromptParts {
            query: query.clone(),
            target_delimiter: prompt.target_delimiter.clone(),
            fewshot_delimiter: prompt.fewshot_delimiter.clone(),
            protected: prompt.protected.clone(),
            ..PromptParts::default()
        },
        ..instance.clone()
    });
    std::iter::once(first).chain(later).collect()
}

/// The instance with its turns as they came out; a turn without a variant stays. [`Outcome::Nothing`] where every turn
/// stays.
pub(super) fn together(instance: &Instance, outcomes: Vec<Outcome>) -> Outcome {
    if instance.prompt.later.is_empty() {
        return outcomes.into_iter().next().unwrap_or_else(|| Outcome::nothing("there is no turn"));
    }
    let mut prompt = instance.prompt.clone();
    let mut expectation = instance.expectation.clone();
    let mut changes = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    for (turn, outcome) in outcomes.into_iter().enumerate() {
        let found = match outcome {
            Outcome::Changed(found) => found,
            Outcome::Nothing { reason } => {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
                continue;
            }
        };
        changes.extend(found.changes.iter().map(|change| format!("turn {}: {change}", turn + 1)));
        match turn.checked_sub(1) {
            None => {
                let later = std::mem::take(&mut prompt.later);
                prompt = PromptParts { later, ..found.prompt };
                expectation = found.expectation;
            }
            Some(place) => {
                if let Some(text) = prompt.later.get_mut(place) {
                    *text = found.prompt.query;
                }
            }
        }
    }
    if prompt == instance.prompt {
        return Outcome::nothing(format!("no turn may change: {}", reasons.join("; ")));
    }
    Outcome::of_parts(instance, prompt, expectation, changes)
}

/// Whether a wording of one turn states every argument that the original states; one of the user's own may state it in
/// other letters and in another part.
pub(super) fn keeps_arguments(turn: &Instance, wording: &PromptParts, is_the_users: bool) -> Result<(), LostArgument> {
    let checks = checks_of(&turn.expectation);
    if checks.is_empty() {
        return Ok(());
    }
    if is_the_users {
        let whole = |prompt: &PromptParts| format!("{}\n{}", prompt.instruction, prompt.query);
        return arguments_are_stated(&whole(&turn.prompt), &whole(wording), &checks);
    }
    arguments_survive(&turn.prompt.instruction, &wording.instruction, &checks)?;
    arguments_survive(&turn.prompt.query, &wording.query, &checks)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::chat::{Message, Role};
    use crate::instance::{Check, Expectation};
    use crate::perturb::{PerturbationKind, PerturbationSpec, Perturber, Strength, parse_specs};
    use crate::seed::Seed;

    const FIRST: &str = "My name is Ada, and I live beside the harbour. Please tell me something about boats.";
    const SECOND: &str = "Write that once more, but with at least three bullet points and the word \"anchor\".";
    const THIRD: &str = "Good. What is my name, and where do I live?";

    fn dialogue(later: &[&str]) -> Instance {
        let check = |id: &str, kwargs: &str| Check { id: id.into(), kwargs: serde_json::from_str(kwargs).unwrap() };
        let turns = vec![
            vec![],
            vec![
                check("keywords:existence", r#"{"keywords": ["anchor"]}"#),
                check("detectable_format:number_bullet_lists", r#"{"num_bullets": 3}"#),
            ],
            vec![check("keywords:existence", r#"{"keywords": ["Ada", "harbour"]}"#)],
        ];
        Instance {
            task: "talk".into(),
            id: "talk/0".into(),
            cluster: "talk/0".into(),
            prompt: PromptParts {
                earlier: vec![Message::new(Role::User, "Hello there."), Message::new(Role::Assistant, "Hello to you.")],
                query: FIRST.into(),
                later: later.iter().map(|text| (*text).to_owned()).collect(),
                ..PromptParts::default()
            },
            expectation: Expectation::Verified { turns },
            temperature: Some(0.7),
        }
    }

    fn variants(instance: &Instance, specs: &str) -> Vec<Outcome> {
        let perturber = Perturber::embedded().unwrap();
        let specs = parse_specs(specs).unwrap();
        perturber.variants(instance, &specs, Seed(5)).into_iter().map(|(_, outcome)| outcome).collect()
    }

    #[test]
    fn every_turn_of_the_user_changes_and_nothing_else() {
        let instance = dialogue(&[SECOND, THIRD]);
        for outcome in variants(&instance, "typo@heavy:3,whitespace@heavy:3,casing@0.5:3,punctuation@heavy:3") {
            let found = outcome.changed().unwrap();
            let prompt = &found.prompt;
            assert!(prompt.query != FIRST && prompt.later[0] != SECOND && prompt.later[1] != THIRD, "{prompt:?}");
            let restored =
                PromptParts { query: FIRST.into(), later: vec![SECOND.into(), THIRD.into()], ..prompt.clone() };
            assert_eq!(restored, instance.prompt);
            assert_eq!(found.expectation, instance.expectation);
            assert!(found.changes.iter().any(|change| change.starts_with("turn 3: ")), "{:?}", found.changes);
            // What the last turn is verified with was stated in the first.
            assert!(prompt.query.contains("Ada") && prompt.query.contains("harbour"), "{}", prompt.query);
            let second = &prompt.later[0];
            assert!(second.contains("at least three bullet points") && second.contains("\"anchor\""), "{second}");
        }
    }

    #[test]
    fn a_turn_has_a_stream_of_its_own_so_that_other_turns_do_not_change_it() {
        let specs = "typo:1,paraphrase:1,casing:1,whitespace:1,punctuation:1";
        let (long, other) = (variants(&dialogue(&[SECOND, THIRD]), specs), variants(&dialogue(&[THIRD, THIRD]), specs));
        let alone = variants(&dialogue(&[]), specs);
        let query = |outcome: &Outcome| outcome.changed().map_or(FIRST.to_owned(), |found| found.prompt.query.clone());
        for ((long, other), alone) in long.iter().zip(&other).zip(&alone) {
            assert_eq!(query(long), query(other));
            assert_eq!(query(long), query(alone));
            let last = |outcome: &Outcome| outcome.changed().unwrap().prompt.later[1].clone();
            assert_eq!(last(long), last(other));
        }
        let typo = long[0].changed().unwrap();
        let same = variants(&dialogue(&[FIRST]), "typo");
        let same = same[0].changed().unwrap();
        assert_ne!(same.prompt.query, same.prompt.later[0], "the same text, and another stream");
        assert_eq!(typo.prompt.query, same.prompt.query);
    }

    #[test]
    fn a_turn_with_nothing_to_change_stays_and_a_dialogue_of_such_turns_has_no_variant() {
        let found = variants(&dialogue(&["2 + 2?", THIRD]), "typo");
        assert_eq!(found[0].changed().unwrap().prompt.later[0], "2 + 2?");
        let mut bare = dialogue(&["2 + 2?"]);
        bare.prompt.query = "1 + 1?".into();
        assert!(variants(&bare, "typo")[0].reason().unwrap().contains("no turn may change: no unprotected word"));
    }

    #[test]
    fn options_of_a_dialogue_stay_in_their_order() {
        let mut asked = dialogue(&[THIRD]);
        asked.prompt.query = "Which floats?\nA. a boat\nB. a stone\nC. a brick\nAnswer:".into();
        asked.expectation = Expectation::Text { targets: vec!["A".into()], choices: vec![] };
        assert!(variants(&asked, "option_order")[0].reason().unwrap().contains("later turn"));
        asked.prompt.later.clear();
        assert!(variants(&asked, "option_order")[0].changed().is_some());
    }

    #[test]
    fn every_turn_of_a_dialogue_is_laid_out_in_one_format() {
        let query = "Question: Which floats?\nAnswer:";
        let mut asked = dialogue(&[query]);
        asked.prompt.query = query.into();
        asked.expectation =
            Expectation::Judged { category: String::new(), questions: vec![], references: vec![], baseline: None };
        let perturber = Perturber::embedded().unwrap();
        let spec = PerturbationSpec { kind: PerturbationKind::Format, strength: Strength::Default, draws: 4 };
        for (_, outcome) in perturber.variants(&asked, &[spec], Seed(1)) {
            let prompt = &outcome.changed().unwrap().prompt;
            assert!(prompt.query != query && prompt.query == prompt.later[0], "{prompt:?}");
        }
    }

    #[test]
    fn the_users_wording_of_one_turn_leaves_the_others_as_they_are() {
        let mut user = crate::perturb::paraphrase::user::UserParaphrases::default();
        user.add_for_id("talk/0#3", "Fine. Say my name, Ada, and where the harbour is.").unwrap();
        user.add_for_id("talk/0#2", "Once more: at least three bullet points and the word \"ankor\".").unwrap();
        let perturber = Perturber::embedded().unwrap().with_user_paraphrases(user);
        let spec = PerturbationSpec { kind: PerturbationKind::Paraphrase, strength: Strength::Default, draws: 1 };
        let (_, outcome) = perturber.variants(&dialogue(&[SECOND, THIRD]), &[spec], Seed(1)).remove(0);
        let prompt = &outcome.changed().unwrap().prompt;
        assert_eq!(prompt.later, [SECOND, "Fine. Say my name, Ada, and where the harbour is."], "a lost keyword");
        assert_eq!(prompt.query, FIRST);
    }
}
