//! A run's settings as the command line spells them.

use crate::instance::Presentation;
use crate::store::{Manifest, RunSettings};

/// What the command line takes where nothing is said.
const DEFAULT_FEWSHOT_SEED: u64 = 1234;
const DEFAULT_POSIX_INSTANCES: usize = 10;
const DEFAULT_POSIX_TOKENS: usize = 16;
const DEFAULT_LIKELIHOOD_PAIRS: usize = 100;

/// A command that asks the same questions; folders are the reader's own. A chat template that was given as a file or by
/// name is not on record: the command names the checkpoint's own.
pub(super) fn command(manifest: &Manifest) -> String {
    let mut words = vec!["wit-eval".to_owned()];
    for entry in &manifest.checkpoints {
        words.push(format!("--checkpoint {}", quoted(&entry.label)));
    }
    words.extend(flags(&manifest.settings));
    words.join(" ")
}

/// The flags of the settings; those that have their default are left out.
fn flags(settings: &RunSettings) -> Vec<String> {
    let mut flags = vec![format!("--tasks {}", quoted(&settings.tasks))];
    let perturbations = settings.perturbations.join(",");
    flags.push(format!(
        "--perturbations {}",
        if perturbations.is_empty() { "none".to_owned() } else { quoted(&perturbations) }
    ));
    flags.push(format!("--seed {}", settings.seed.0));
    if let Some(limit) = settings.limit {
        flags.push(format!("--limit {limit}"));
    }
    if let Some(shots) = settings.num_fewshot {
        flags.push(format!("--num_fewshot {shots}"));
    }
    if settings.fewshot_seed != DEFAULT_FEWSHOT_SEED {
        flags.push(format!("--fewshot_seed {}", settings.fewshot_seed));
    }
    if let Some(instruction) = &settings.system_instruction {
        flags.push(format!("--system_instruction {}", quoted(instruction)));
    }
    match settings.presentation {
        Presentation::Text => {}
        Presentation::Chat => flags.push("--apply_chat_template --fewshot_as_multiturn=false".to_owned()),
        Presentation::ChatMultiturn => flags.push("--apply_chat_template".to_owned()),
    }
    if let Some(kwargs) = &settings.gen_kwargs {
        flags.push(format!("--gen_kwargs {}", quoted(kwargs)));
    }
    let (instances, tokens) =
        settings.posix.map_or((0, DEFAULT_POSIX_TOKENS), |posix| (posix.instances_per_task, posix.max_new_tokens));
    if instances != DEFAULT_POSIX_INSTANCES {
        flags.push(format!("--posix_limit {instances}"));
    }
    if tokens != DEFAULT_POSIX_TOKENS {
        flags.push(format!("--posix_tokens {tokens}"));
    }
    if let Some(likelihood) = &settings.likelihood {
        flags.push(format!("--likelihood {}", quoted(&likelihood.source)));
        if likelihood.limit != DEFAULT_LIKELIHOOD_PAIRS {
            flags.push(format!("--likelihood_limit {}", likelihood.limit));
        }
    }
    flags
}

/// A word as a POSIX shell takes it literally.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '-' | '_' | '/' | ':' | '@' | '=');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::seed::Seed;
    use crate::store::{LikelihoodSettings, PosixSettings};

    fn default_settings() -> RunSettings {
        RunSettings {
            tasks: "wit_default".to_owned(),
            perturbations: vec!["typo@default:2".to_owned(), "casing@default:1".to_owned()],
            seed: Seed(0),
            fewshot_seed: DEFAULT_FEWSHOT_SEED,
            limit: None,
            num_fewshot: None,
            presentation: Presentation::Text,
            system_instruction: None,
            gen_kwargs: None,
            posix: Some(PosixSettings {
                instances_per_task: DEFAULT_POSIX_INSTANCES,
                max_new_tokens: DEFAULT_POSIX_TOKENS,
            }),
            likelihood: None,
        }
    }

    #[test]
    fn a_shell_takes_a_quoted_word_literally() {
        assert_eq!(quoted("mmlu,bbh_zeroshot"), "mmlu,bbh_zeroshot");
        assert_eq!(quoted("it's; rm -rf"), r"'it'\''s; rm -rf'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn settings_with_their_default_are_not_printed() {
        let flags = flags(&default_settings()).join(" ");
        assert_eq!(flags, "--tasks wit_default --perturbations typo@default:2,casing@default:1 --seed 0");
    }

    #[test]
    fn what_was_switched_off_is_switched_off_again() {
        let off = RunSettings { perturbations: Vec::new(), posix: None, ..default_settings() };
        assert_eq!(flags(&off).join(" "), "--tasks wit_default --perturbations none --seed 0 --posix_limit 0");
    }

    #[test]
    fn every_setting_that_moves_a_question_is_printed() {
        let settings = RunSettings {
            fewshot_seed: 7,
            limit: Some(0.25),
            num_fewshot: Some(3),
            presentation: Presentation::Chat,
            system_instruction: Some("Be brief.".to_owned()),
            gen_kwargs: Some("temperature=0.7".to_owned()),
            posix: Some(PosixSettings { instances_per_task: 5, max_new_tokens: 32 }),
            likelihood: Some(LikelihoodSettings {
                source: "held out.jsonl".to_owned(),
                digest: Digest::of_bytes(b""),
                limit: 20,
                chat_template: true,
            }),
            ..default_settings()
        };
        assert_eq!(
            flags(&settings).join(" "),
            "--tasks wit_default --perturbations typo@default:2,casing@default:1 --seed 0 --limit 0.25 --num_fewshot 3 \
             --fewshot_seed 7 --system_instruction 'Be brief.' --apply_chat_template --fewshot_as_multiturn=false \
             --gen_kwargs temperature=0.7 --posix_limit 5 --posix_tokens 32 --likelihood 'held out.jsonl' --likelihood_limit 20"
        );
        let multiturn = RunSettings { presentation: Presentation::ChatMultiturn, ..default_settings() };
        assert!(flags(&multiturn).join(" ").ends_with("--apply_chat_template"));
    }
}
