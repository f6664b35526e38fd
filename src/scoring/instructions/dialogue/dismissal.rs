//! Which words of a reply are dismissed: denied, replaced, or asked about.

use super::words::Token;

/// Words after which what follows is denied.
const DENIALS: [&str; 10] =
    ["not", "never", "neither", "nor", "without", "except", "excluding", "minus", "unlike", "than"];
/// Two words with the same effect.
const DENIAL_PAIRS: [[&str; 2]; 2] = [["instead", "of"], ["no", "longer"]];
/// A denial followed by one of these denies nothing: "not only", "don't forget", "no problem".
const HARMLESS: [&str; 12] = [
    "only", "just", "forget", "hesitate", "worry", "miss", "problem", "worries", "doubt", "wonder", "matter", "longer",
];
/// Verbs of opinion: "I don't think it is Tom" denies beyond the pronoun.
const OPINIONS: [&str; 7] = ["think", "believe", "know", "remember", "recall", "suppose", "sure"];
/// Words after which stands what was true before.
const FORMERLY: [&str; 4] = ["originally", "previously", "formerly", "initially"];
/// Verbs of change: "moved from X to Y".
const CHANGES: [&str; 14] = [
    "moved",
    "move",
    "moving",
    "changed",
    "change",
    "changing",
    "switched",
    "switching",
    "shifted",
    "updated",
    "corrected",
    "rescheduled",
    "renamed",
    "swapped",
];
/// Verbs of choice: "chose X over Y".
const CHOICES: [&str; 8] = ["chose", "chosen", "choose", "picked", "pick", "prefer", "preferred", "prefers"];
/// Verbs of removal, before or after what is removed.
const REMOVALS: [&str; 13] = [
    "removed",
    "removing",
    "remove",
    "dropped",
    "dropping",
    "deleted",
    "cancelled",
    "canceled",
    "replaced",
    "replacing",
    "crossed",
    "scratched",
    "excluded",
];
/// "took the milk off", "taken out".
const TAKINGS: [&str; 3] = ["took", "taken", "taking"];
/// After these something else begins.
const TURNS: [&str; 16] = [
    "but", "it", "he", "she", "they", "you", "so", "because", "since", "although", "though", "now", "then", "yes",
    "that", "which",
];
/// These end what was removed or replaced.
const RESULTS: [&str; 11] =
    ["to", "with", "by", "into", "added", "adding", "kept", "keeping", "leaving", "leaves", "remaining"];
/// May stand between a name and the denial behind it: "Tom has been removed".
const AUXILIARIES: [&str; 13] =
    ["is", "was", "are", "were", "has", "have", "been", "being", "be", "does", "do", "did", "will"];

/// How far a dismissal reaches.
struct Reach {
    words: usize,
    /// Words at which something else begins, besides `stops`.
    turns: &'static [&'static str],
    stops: &'static [&'static str],
    /// Words that join a list whose every member is dismissed, so that commas do not end the reach.
    joins: &'static [&'static str],
}

const DENIED: Reach = Reach { words: 5, turns: &TURNS, stops: &[], joins: &["or", "nor"] };
const DOUBTED: Reach = Reach { words: 8, turns: &["but", "because", "so"], stops: &[], joins: &["or", "nor"] };
const FORMER: Reach = Reach { words: 4, turns: &TURNS, stops: &RESULTS, joins: &[] };
const REMOVED: Reach = Reach { words: 12, turns: &TURNS, stops: &RESULTS, joins: &["and", "or"] };

/// For each token, whether it is dismissed.
pub(super) fn dismissed(tokens: &[Token]) -> Vec<bool> {
    let mut flags = asked(tokens);
    for place in 0..tokens.len() {
        if let Some((first, reach)) = cue(tokens, place) {
            for covered in covered(tokens, first, &reach) {
                set(&mut flags, covered);
            }
        }
        if denied_behind(tokens, place + 1) {
            set(&mut flags, place);
            if word(tokens, place.wrapping_sub(1)).is_some_and(|word| word == "and" || word == "or") {
                set(&mut flags, place.wrapping_sub(2));
            }
        }
    }
    flags
}

fn set(flags: &mut [bool], place: usize) {
    if let Some(flag) = flags.get_mut(place) {
        *flag = true;
    }
}

fn word(tokens: &[Token], place: usize) -> Option<&str> {
    tokens.get(place).and_then(Token::word)
}

/// Tokens of questions.
fn asked(tokens: &[Token]) -> Vec<bool> {
    let mut flags = vec![false; tokens.len()];
    let mut begin = 0;
    for (place, token) in tokens.iter().enumerate() {
        if let Token::End { question } = token {
            if *question {
                flags.iter_mut().take(place).skip(begin).for_each(|flag| *flag = true);
            }
            begin = place + 1;
        }
    }
    flags
}

/// Where the reach of a dismissal that begins at `place` starts, and how far it goes.
fn cue(tokens: &[Token], place: usize) -> Option<(usize, Reach)> {
    let here = word(tokens, place)?;
    let next = word(tokens, place + 1).unwrap_or_default();
    if DENIAL_PAIRS.contains(&[here, next]) {
        return Some((place + 2, DENIED));
    }
    let before = |count: usize| place.checked_sub(count).and_then(|place| word(tokens, place)).unwrap_or_default();
    if DENIALS.contains(&here) || here == "no" {
        let denies = !HARMLESS.contains(&next) && before(1) != "why";
        let reach = if OPINIONS.contains(&next) { DOUBTED } else { DENIED };
        return denies.then_some((place + 1, reach));
    }
    if FORMERLY.contains(&here) || (here == "used" && next == "to") {
        return Some((place + 1 + usize::from(here == "used"), FORMER));
    }
    if here == "from" && (1..=4).any(|count| CHANGES.contains(&before(count))) {
        return Some((place + 1, FORMER));
    }
    if here == "over" && (1..=5).any(|count| CHOICES.contains(&before(count))) {
        return Some((place + 1, DENIED));
    }
    if REMOVALS.contains(&here) || (TAKINGS.contains(&here) && taken_away(tokens, place)) {
        return Some((place + 1, REMOVED));
    }
    None
}

/// Whether `off` or `out` follows in the clause.
fn taken_away(tokens: &[Token], place: usize) -> bool {
    let clause = tokens.iter().skip(place + 1).map_while(Token::word).take(8);
    clause.into_iter().any(|word| word == "off" || word == "out")
}

/// The places from `first` on that a dismissal covers.
fn covered(tokens: &[Token], first: usize, reach: &Reach) -> Vec<usize> {
    let mut places = Vec::new();
    let mut place = first;
    while places.len() < reach.words {
        match tokens.get(place) {
            Some(Token::Word(word)) if [reach.turns, reach.stops].iter().any(|ends| ends.contains(&word.as_str())) => {
                break;
            }
            Some(Token::Word(_)) => places.push(place),
            Some(Token::Pause) if place > first && list_goes_on(tokens, place + 1, reach.joins) => {}
            Some(Token::Pause | Token::End { .. }) | None => break,
        }
        place += 1;
    }
    places
}

/// Whether short members between commas lead to a word that joins the last one.
fn list_goes_on(tokens: &[Token], from: usize, joins: &[&str]) -> bool {
    let mut words = 0;
    for token in tokens.iter().skip(from).take(24) {
        match token {
            Token::Word(word) if joins.contains(&word.as_str()) => return true,
            Token::Word(word) if TURNS.contains(&word.as_str()) => return false,
            Token::Word(_) if words < 3 => words += 1,
            Token::Pause => words = 0,
            Token::Word(_) | Token::End { .. } => return false,
        }
    }
    false
}

/// Whether the words from `from` on say that what stands before them is not, or is gone.
fn denied_behind(tokens: &[Token], from: usize) -> bool {
    let auxiliaries =
        tokens.iter().skip(from).map_while(Token::word).take(6).take_while(|word| AUXILIARIES.contains(word));
    let behind = from + auxiliaries.count();
    let (here, next) = (word(tokens, behind).unwrap_or_default(), word(tokens, behind + 1).unwrap_or_default());
    let gone =
        REMOVALS.contains(&here) || here == "gone" || (TAKINGS.contains(&here) && ["off", "out"].contains(&next));
    // "Rice removed." needs no auxiliary, "the milk removed a stain" is another matter.
    let stands_alone = gone && word(tokens, behind + 1).is_none();
    let denied = here == "not" || gone || [here, next] == ["no", "longer"] || [here, next] == ["off", "the"];
    stands_alone || (behind > from && denied)
}
