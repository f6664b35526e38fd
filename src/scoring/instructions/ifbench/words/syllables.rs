//! `words:odd_even_syllables`: words of odd and even numbers of syllables take turns.
//!
//! The benchmark's program asks the Python package `syllapy`, which looks a word up in a dictionary of some 6 400 words
//! and, where it is not there, counts groups of vowels. The rule is the same here; the dictionary is a shorter one of
//! our own ([`EXCEPTIONS`]), of common words in which the groups of vowels mislead.

use super::super::super::python::{lower, split_words};
use crate::scoring::python_text::without_ascii_punctuation;

/// No two words in a row have both an odd or both an even number of syllables; ASCII punctuation is taken out first.
pub(super) fn alternate(reply: &str) -> bool {
    let text = lower(&without_ascii_punctuation(reply));
    let odd = split_words(&text).map(|word| syllables(word) % 2 == 1).collect::<Vec<_>>();
    odd.iter().zip(odd.iter().skip(1)).all(|(before, after)| before != after)
}

/// Syllables of a word in lower case; 0 for one with a digit.
fn syllables(word: &str) -> usize {
    if word.chars().any(char::is_numeric) {
        return 0;
    }
    let exception = EXCEPTIONS.iter().find(|(_, words)| words.split(' ').any(|listed| listed == word));
    exception.map_or_else(|| by_spelling(word), |(count, _)| *count)
}

/// Groups of vowels (`aeiouy`), one less for a final `e`, one more for a final `le` after a consonant, at least one.
fn by_spelling(word: &str) -> usize {
    let is_vowel = |character: char| "aeiouy".contains(character);
    let characters = word.chars().map(is_vowel).collect::<Vec<_>>();
    let before = std::iter::once(&false).chain(&characters);
    let groups = characters.iter().zip(before).filter(|(here, before)| **here && !**before).count();
    let syllabic_l = word.strip_suffix("le").is_some_and(|stem| stem.chars().next_back().is_some_and(|c| !is_vowel(c)));
    (groups + usize::from(syllabic_l)).saturating_sub(usize::from(word.ends_with('e'))).max(1)
}

/// Common words that have another number of syllables than their vowels suggest.
const EXCEPTIONS: &[(usize, &str)] = &[
    (
        1,
        "asked based called caused changed charged checked closed clothes codes comes dates drives dropped earned \
         failed files filled fixed forced formed frames games genes gives gloves grabbed grades guides helped holes \
         homes joined jokes killed lakes launched learned leaves liked lines linked lived lives loved loves makes \
         marked melted miles missed mixed modes moved moves named names notes ones owned passed phones picked placed \
         plates pleased quotes raised rates reached roles rubbed rules sales saved scared scenes scores sealed seemed \
         served serves shared shares showed sides signed sites slipped stared states stepped stones stopped stored \
         stores styles takes tales themes times tired tones trained turned types used viewed votes waves worked \
         wrapped writes",
    ),
    (
        2,
        "agree arrived balanced barely baseball basement being believes beyond bias buyer buying careful chaos client \
         coffee combined compared composed confirmed cookie create cruel derived described designed desired diet \
         doing dual dying engaged enhanced evening every exclaimed exposed fluid flying focused framework fuel giant \
         going grateful happened homework household improved increased informed inspired involved issue largely \
         lately layer layers layout likely lion lonely lovely loyal lying managed maybe measured merely movement \
         movie noticed observed occurred opposed ourselves paying peaceful perceived pipeline placement player \
         playing poem poems poet prepared prior produced promised proposed purchased quiet rarely react real received \
         reduced referred released removed replaced required rescue reserved revised riot royal ruin saying science \
         secured seeing sidewalk something sometimes somewhat somewhere statement statements statue suddenly supposed \
         surely surprised themselves thereby therefore tissue trial triumph trying useful value via virtue voyage \
         whispered widely widespread wireless",
    ),
    (
        3,
        "achievement actual annual anyone area arrangement audience audio barrier carrying casual compliance continue \
         creating creation creative creator curious determined diagram dialogue diary disagree discovered employee \
         employees employer employers engagement entirely established everyday everything everywhere excitement \
         genuine hawaii idea ideal ideas improvement indian influence introduced linear management manual measurement \
         media medium museum mutual nuclear obvious ongoing period piano pioneer previous radio reaction realize \
         recipe replacement requirement requirements retirement revenue ritual scientist scientists serious sexual \
         sodium stadium studio suicide theory usual vacuum various video violence violent virtual visual warrior",
    ),
    (
        4,
        "absolutely anxiety appreciate appropriate associate biology cooperate coordinate definitely diabetes \
         environmental evaluate experience geography graduation historian immediate initiate material materials \
         memorial mysterious negotiate priority radiation realistic reality reconcile reliable scenario scientific \
         situation society superior tutorial valuable variable variation variety violation",
    ),
    (
        5,
        "appreciation association bibliography cooperation creativity curiosity evaluation eventually experiences \
         individual individuals intellectual negotiation organizational orientation theoretical",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// As `syllapy` 0.8.0 counts: the words of its dictionary and those of its spelling rule.
    #[test]
    fn syllables_are_counted() {
        for (word, count) in [
            ("cat", 1),
            ("apple", 2),
            ("the", 1),
            ("rhythm", 1),
            ("moonlight", 2),
            ("fascinated", 4),
            ("experience", 4),
            ("something", 2),
            ("used", 1),
            ("area", 3),
            ("zzz", 1),
            ("b2b", 0),
            ("ale", 1),
        ] {
            assert_eq!(syllables(word), count, "{word}");
        }
    }

    #[test]
    fn no_word_is_listed_twice() {
        let mut words = EXCEPTIONS.iter().flat_map(|(_, words)| words.split(' ')).collect::<Vec<_>>();
        let all = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all);
    }
}
