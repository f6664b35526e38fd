//! What can be measured on texts without a model.

use std::collections::BTreeSet;

use rand::seq::SliceRandom as _;

use crate::seed::Seed;

/// Words that [`ngram_diversity`] is measured on: the measure falls as a text grows, so that only samples of one size compare.
pub const DIVERSITY_WORDS: usize = 10_000;
/// Longest n-gram.
const LONGEST: usize = 4;

/// A diversity with the number of words that it was measured on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diversity {
    /// The measure, in (0, 1]; higher is more diverse.
    pub value: f64,
    /// Words, at most [`DIVERSITY_WORDS`].
    pub words: usize,
}

/// The words of a text: what stands between white space, without marks at either end, in lower case. Languages that are
/// written without spaces have few.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .filter(|word| !word.is_empty())
}

/// Mean over n = 1 to 4 of distinct n-grams / n-grams. N-grams are of words (see [`words`]) and do not reach from one text
/// into the next. The texts are taken in an order drawn from `seed` until [`DIVERSITY_WORDS`] words are there, the last one
/// cut. `None` where no text has a word; lengths of n-grams that no text has are left out of the mean.
///
/// Source: the ratio of distinct n-grams (distinct-n) is Li et al., arXiv 1510.03055; over several n and as "n-gram
/// diversity", with the sum in place of the mean, Padmakumar and He, arXiv 2309.05196. Deviation: a sample of fixed size.
pub fn ngram_diversity<'t>(texts: impl IntoIterator<Item = &'t str>, seed: Seed) -> Option<Diversity> {
    let mut texts = texts.into_iter().collect::<Vec<_>>();
    texts.shuffle(&mut seed.stream(&["characteristics", "ngram_diversity"]));
    let mut sample: Vec<Vec<String>> = Vec::new();
    let mut taken = 0;
    for text in texts {
        let own = words(text).take(DIVERSITY_WORDS - taken).collect::<Vec<_>>();
        taken += own.len();
        sample.push(own);
        if taken == DIVERSITY_WORDS {
            break;
        }
    }
    let ratios = (1..=LONGEST).filter_map(|n| {
        let all = sample.iter().map(|text| (text.len() + 1).saturating_sub(n)).sum::<usize>();
        let distinct = sample.iter().flat_map(|text| text.windows(n)).collect::<BTreeSet<_>>().len();
        (all > 0).then(|| distinct as f64 / all as f64)
    });
    let ratios = ratios.collect::<Vec<_>>();
    let value = ratios.iter().sum::<f64>() / ratios.len() as f64;
    value.is_finite().then_some(Diversity { value, words: taken })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// By hand: `the cat saw the cat` and `the dog` have 3 of 7 words... each n on its own: words 4/7, pairs 4/5 (`the cat`
    /// twice), triples 3/3, fours 2/2.
    #[test]
    fn diversity_is_the_mean_ratio_of_distinct_n_grams() {
        let found = ngram_diversity(["The cat saw the cat.", "the dog"], Seed(1)).unwrap();
        let expected = (4.0 / 7.0 + 4.0 / 5.0 + 1.0 + 1.0) / 4.0;
        assert!((found.value - expected).abs() < 1e-12 && found.words == 7, "{found:?}");
    }

    #[test]
    fn lengths_that_no_text_has_are_left_out_and_no_word_gives_no_number() {
        assert_eq!(ngram_diversity(["hello", "hello"], Seed(1)), Some(Diversity { value: 0.5, words: 2 }));
        assert_eq!(ngram_diversity(["...", ""], Seed(1)), None);
    }

    #[test]
    fn more_of_the_same_data_does_not_lower_the_diversity_beyond_the_sample() {
        let text = (0..500).map(|number| format!("word{}", number % 97)).collect::<Vec<_>>().join(" ");
        let of = |copies: usize| ngram_diversity(vec![text.as_str(); copies], Seed(3)).unwrap();
        assert_eq!(of(20), of(200));
        assert_eq!(of(200).words, DIVERSITY_WORDS);
        assert!(of(1).value > of(20).value, "and this is why the sample has one size");
    }

    #[test]
    fn words_have_neither_case_nor_marks_around_them() {
        assert_eq!(words("\"Don't\" -- stop, NOW!").collect::<Vec<_>>(), ["don't", "stop", "now"]);
    }
}
