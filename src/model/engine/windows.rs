//! Long texts in windows of the model's context.

use super::score::Scoring;

/// Splits a text into disjoint windows, each predicting up to `max_length` tokens from as much context as still fits:
/// the first from `prefix` alone, the last from tokens of the window before. Every token is predicted once.
///
/// The windows of lm-evaluation-harness (`get_rolling_token_windows` with a context of one, made disjoint).
pub fn rolling_windows(tokens: &[u32], prefix: u32, max_length: usize) -> Vec<Scoring> {
    let max_length = max_length.max(1);
    let mut windows = Vec::new();
    let mut predicted = 0;
    while predicted < tokens.len() {
        let end = (predicted + max_length).min(tokens.len());
        let context = if predicted == 0 {
            vec![prefix]
        } else {
            // Context and continuation but for its last token fill the model's context.
            let start = (end - 1).saturating_sub(max_length);
            tokens.get(start..predicted).unwrap_or_default().to_vec()
        };
        let continuation = tokens.get(predicted..end).unwrap_or_default().to_vec();
        windows.push(Scoring { context, continuation });
        predicted = end;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(count: u32, max_length: usize) -> Vec<(Vec<u32>, Vec<u32>)> {
        let tokens = (1..=count).collect::<Vec<_>>();
        let windows = rolling_windows(&tokens, 0, max_length).into_iter();
        windows.map(|window| (window.context, window.continuation)).collect()
    }

    /// Worked by hand from the definition.
    #[test]
    fn windows_are_disjoint_and_the_last_one_has_more_context() {
        assert_eq!(windows(3, 4), [(vec![0], vec![1, 2, 3])]);
        assert_eq!(
            windows(10, 4),
            [(vec![0], vec![1, 2, 3, 4]), (vec![4], vec![5, 6, 7, 8]), (vec![6, 7, 8], vec![9, 10]),]
        );
        assert!(windows(0, 4).is_empty());
    }
}
