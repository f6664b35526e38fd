//! What the category of a question decides.

/// Whether the judge is shown a reference answer: mathematics, reasoning and coding.
pub fn needs_reference(category: &str) -> bool {
    matches!(category, "math" | "reasoning" | "coding")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_categories_are_judged_against_a_reference() {
        let all = ["writing", "roleplay", "extraction", "math", "coding", "reasoning", "stem", "humanities"];
        let with = all.into_iter().filter(|category| needs_reference(category)).collect::<Vec<_>>();
        assert_eq!(with, ["math", "coding", "reasoning"]);
    }
}
