//! Stop strings.

use super::Detokenize;

/// Watches the text of a growing generation.
#[derive(Debug)]
pub(super) struct StopStrings<'a> {
    stops: Vec<&'a str>,
    /// A stop string that ends with the newest token lies within this many last tokens: every token has at least one byte.
    reach_tokens: usize,
}

impl<'a> StopStrings<'a> {
    pub fn new(stops: &'a [String]) -> Self {
        let stops = stops.iter().map(String::as_str).filter(|stop| !stop.is_empty()).collect::<Vec<_>>();
        let reach_tokens = stops.iter().map(|stop| stop.len()).max().unwrap_or(0) + 8;
        Self { stops, reach_tokens }
    }

    /// Whether the text contains a stop string. Only the last tokens are decoded unless they raise a suspicion.
    pub fn reached(&self, tokens: &[u32], text_of: Detokenize<'_>) -> bool {
        if self.stops.is_empty() {
            return false;
        }
        let contains = |tokens: &[u32]| {
            let text = text_of(tokens);
            self.stops.iter().any(|stop| text.contains(stop))
        };
        let tail = tokens.get(tokens.len().saturating_sub(self.reach_tokens)..).unwrap_or(tokens);
        contains(tail) && (tail.len() == tokens.len() || contains(tokens))
    }

    /// Cuts a text at the first occurrence of each stop string, in their order; tells whether any occurred.
    pub fn cut(&self, text: &mut String) -> bool {
        let length = text.len();
        for stop in &self.stops {
            if let Some(at) = text.find(stop) {
                text.truncate(at);
            }
        }
        text.len() < length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, stops: &[&str]) -> (String, bool) {
        let stops = stops.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut text = text.to_owned();
        let cut = StopStrings::new(&stops).cut(&mut text);
        (text, cut)
    }

    #[test]
    fn text_is_cut_at_each_stop_string_in_list_order() {
        assert_eq!(cut("abc", &["ab", "bc"]), (String::new(), true));
        assert_eq!(cut("abc", &["bc", "ab"]), ("a".to_owned(), true));
        assert_eq!(cut("abc", &["", "x"]), ("abc".to_owned(), false));
    }

    #[test]
    fn a_stop_string_that_spans_tokens_is_seen() {
        let stops = ["\n\nQ:".to_owned()];
        let watch = StopStrings::new(&stops);
        let words = ["A", "\n", "\n", "Q", ":", "B"];
        let text = |ids: &[u32]| ids.iter().filter_map(|id| words.get(*id as usize)).copied().collect::<String>();
        assert!(!watch.reached(&[0, 1, 2, 3], &text));
        assert!(watch.reached(&[0, 1, 2, 3, 4], &text));
        let long = [vec![0; 100], vec![1, 2, 3, 4]].concat();
        assert!(watch.reached(&long, &text));
    }
}
