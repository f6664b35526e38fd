//! What the category of a question decides.

/// Whether the judge is shown a reference answer: mathematics, reasoning and coding.
pub fn needs_reference(category: &str) -> bool {
    matches!(category, "math" | "reasoning" | "coding")
}

/// The temperature at which questions of a category are answered; 0 is greedy.
///
/// Writing and role play 0.7, STEM and humanities 0.1, extraction, mathematics, coding and reasoning 0. Any other
/// category is answered at 0.7, as the published program does.
pub fn temperature(category: &str) -> f64 {
    match category {
        "extraction" | "math" | "coding" | "reasoning" => 0.0,
        "stem" | "humanities" => 0.1,
        _ => 0.7,
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    /// The eight categories of the published configuration.
    #[test]
    fn temperatures_follow_the_category() {
        let expected = [
            ("writing", 0.7),
            ("roleplay", 0.7),
            ("extraction", 0.0),
            ("math", 0.0),
            ("coding", 0.0),
            ("reasoning", 0.0),
            ("stem", 0.1),
            ("humanities", 0.1),
            ("cooking", 0.7),
        ];
        for (category, value) in expected {
            assert_eq!(temperature(category), value, "{category}");
        }
    }

    #[test]
    fn three_categories_are_judged_against_a_reference() {
        let all = ["writing", "roleplay", "extraction", "math", "coding", "reasoning", "stem", "humanities"];
        let with = all.into_iter().filter(|category| needs_reference(category)).collect::<Vec<_>>();
        assert_eq!(with, ["math", "coding", "reasoning"]);
    }
}
