//! `language`, and the detector that `change_case` uses too.
//!
//! The benchmark names langdetect, a naive Bayes model over character n-grams that draws n-grams at random, so that
//! short texts get other verdicts from run to run. The seed is 0 here, set before every detection, and the profiles are
//! loaded once: a text always gets the same verdict, and the one that Python's langdetect 1.0.9 gives with seed 0.

use std::sync::LazyLock;

use langdetect::{DetectorFactory, Seed};

use super::super::check::{Arguments, BoxedCheck, CheckError};
use crate::instance::Check;

static DETECTOR: LazyLock<DetectorFactory> = LazyLock::new(|| {
    let mut factory = DetectorFactory::builtin().clone();
    factory.seed = Seed::Int(0);
    factory
});

/// The likeliest language of a text, as langdetect's code; `None` where it cannot be told (no letters, say).
pub(super) fn detected(text: &str) -> Option<String> {
    DETECTOR.detect(text).ok()
}

/// `language:response_language` {language}: the reply is in that language.
///
/// Python: `langdetect.detect(reply) == language`, and followed where langdetect raises an exception. Fixed: a text in
/// which no language can be told does not follow.
pub(super) fn response_language(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["language"])?;
    let language = arguments.text("language")?.to_owned();
    if !DETECTOR.langlist().contains(&language) {
        return Err(arguments.invalid("language", &format!("one of {}", DETECTOR.langlist().join(", "))));
    }
    Ok(Box::new(move |reply| detected(reply).map_or(!fixed, |found| found == language)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_gets_the_same_language_every_time() {
        let first = detected("NO WAY TO TELL");
        assert!((0..20).all(|_| detected("NO WAY TO TELL") == first));
        assert_eq!(detected("12 34 !"), None);
    }
}
