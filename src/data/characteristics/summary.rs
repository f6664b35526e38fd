//! Lengths of prompts and responses, summed up.

/// What lengths are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Tokens of a model's tokenizer.
    Tokens,
    /// Words: there is no tokenizer.
    Words,
}

impl Unit {
    /// The name of a characteristic that is counted in this unit; tokens are the paper's, words say so.
    pub fn column(self, name: &str) -> String {
        match self {
            Self::Tokens => name.to_owned(),
            Self::Words => format!("{name}_words"),
        }
    }
}

/// Means over examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lengths {
    /// Mean over examples of the length of the response / the length of the prompt.
    pub generation_ratio: f64,
    /// Mean length of a prompt.
    pub prompt_length: f64,
    /// Examples.
    pub examples: usize,
    /// Examples whose prompt has no length, left out.
    pub left_out: usize,
}

/// The means over `(prompt, response)` lengths; `None` where no prompt has a length.
pub fn summarize(lengths: &[(usize, usize)]) -> Option<Lengths> {
    let kept = lengths.iter().filter(|(prompt, _)| *prompt > 0);
    let examples = kept.clone().count();
    let ratio = kept.clone().map(|(prompt, response)| *response as f64 / *prompt as f64).sum::<f64>();
    let prompt = kept.map(|(prompt, _)| *prompt as f64).sum::<f64>();
    let n = examples as f64;
    (examples > 0).then(|| Lengths {
        generation_ratio: ratio / n,
        prompt_length: prompt / n,
        examples,
        left_out: lengths.len() - examples,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 6/3 and 1/4; a prompt without a token has no ratio.
    #[test]
    fn the_ratio_is_averaged_over_examples_and_not_a_ratio_of_sums() {
        let found = summarize(&[(3, 6), (4, 1), (0, 5)]);
        let expected = Lengths { generation_ratio: 1.125, prompt_length: 3.5, examples: 2, left_out: 1 };
        assert_eq!(found, Some(expected));
        assert_eq!(summarize(&[(0, 1)]), None);
    }

    #[test]
    fn a_length_in_words_says_so_in_its_name() {
        assert_eq!(Unit::Tokens.column("prompt_length"), "prompt_length");
        assert_eq!(Unit::Words.column("prompt_length"), "prompt_length_words");
    }
}
