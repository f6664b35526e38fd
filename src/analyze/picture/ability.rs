//! Which ability a benchmark asks for.

use super::types::Ability;

impl Ability {
    /// By the benchmark's name, as the field's benchmarks are called: `IFEval`, `IFBench`, `Multi-IF` and what is named after
    /// instructions ask for adherence; AlpacaEval, MT-Bench, Arena-Hard, `WildBench` and dialogues for conversation; anything
    /// else for knowledge.
    pub fn of_benchmark(name: &str) -> Self {
        let plain = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let any = |parts: &[&str]| parts.iter().any(|part| plain.contains(part));
        if any(&["ifeval", "ifbench", "multiif", "instructions", "followbench", "infobench"]) {
            Self::Adherence
        } else if any(&["alpaca", "mtbench", "mt101", "arenahard", "wildbench", "vicuna", "dialogue"]) {
            Self::Conversation
        } else {
            Self::Knowledge
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benchmarks_are_known_by_their_usual_spellings() {
        for name in ["IFEval", "ifeval", "wit_ifbench", "instructions_en", "multi-if"] {
            assert_eq!(Ability::of_benchmark(name), Ability::Adherence, "{name}");
        }
        for name in ["AlpacaEval", "alpaca_eval_2", "MT-Bench", "mt_bench", "wit_dialogue"] {
            assert_eq!(Ability::of_benchmark(name), Ability::Conversation, "{name}");
        }
        for name in ["MMLU", "bbh", "gsm8k"] {
            assert_eq!(Ability::of_benchmark(name), Ability::Knowledge, "{name}");
        }
    }
}
