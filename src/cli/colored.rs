//! An example with its tokens coloured by role, for people.

use std::io::{self, Write};

use crate::instruction::{TokenRole, TokenizedExample};
use crate::model::tokens::TextTokenizer;

const RESET: &str = "\x1b[0m";

struct Style {
    role: TokenRole,
    letter: char,
    name: &'static str,
    color: &'static str,
}

const STYLES: [Style; 3] = [
    Style { role: TokenRole::Special, letter: 'S', name: "special", color: "\x1b[2m" },
    Style { role: TokenRole::Prompt, letter: 'P', name: "prompt", color: "\x1b[34m" },
    Style { role: TokenRole::Response, letter: 'R', name: "response", color: "\x1b[32m" },
];

/// Writes an example with a legend and the count of each role: stretches of one role in its colour, or, without colour,
/// in brackets (`[P|...]`). Spaces are shown as `·`, line ends as `⏎`, tabs as `⇥`, and control characters by their code,
/// so that no text can act on the terminal.
pub fn write_colored(
    out: &mut impl Write,
    tokenizer: &TextTokenizer,
    example: &TokenizedExample,
    color: bool,
) -> io::Result<()> {
    write_legend(out, example, color)?;
    let mut start = 0;
    let mut before = String::new();
    for run in example.roles.chunk_by(|a, b| a == b) {
        let end = start + run.len();
        // The text of a run is what it adds to the text before it: a run decoded alone may lose its first space.
        let through = decode(tokenizer, example.ids.get(..end))?;
        let text = match through.strip_prefix(before.as_str()) {
            Some(added) => added.to_owned(),
            None => decode(tokenizer, example.ids.get(start..end))?,
        };
        let style = STYLES.iter().find(|style| Some(&style.role) == run.first());
        match style {
            Some(Style { color: code, .. }) if color => write!(out, "{code}{}{RESET}", visible(&text))?,
            Some(Style { letter, .. }) => write!(out, "[{letter}|{}]", visible(&text))?,
            None => write!(out, "{}", visible(&text))?,
        }
        (start, before) = (end, through);
    }
    writeln!(out)
}

fn write_legend(out: &mut impl Write, example: &TokenizedExample, color: bool) -> io::Result<()> {
    write!(out, "{} tokens:", example.ids.len())?;
    for (place, Style { role, letter, name, color: code }) in STYLES.iter().enumerate() {
        let count = example.roles.iter().filter(|found| *found == role).count();
        let comma = if place == 0 { "" } else { "," };
        if color {
            write!(out, "{comma} {code}{count} {name}{RESET}")?;
        } else {
            write!(out, "{comma} {count} {name} [{letter}]")?;
        }
    }
    writeln!(out)
}

fn decode(tokenizer: &TextTokenizer, ids: Option<&[u32]>) -> io::Result<String> {
    tokenizer.decode(ids.unwrap_or_default(), false).map_err(io::Error::other)
}

/// White space made visible, and everything that a terminal acts upon written as its code.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' => shown.push('·'),
            '\n' => shown.push_str("⏎\n"),
            '\t' => shown.push('⇥'),
            // Directions, separators and invisible joiners change how a line reads.
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' => {
                shown.extend(c.escape_unicode());
            }
            c if c.is_control() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::model::tokens::DeclaredIds;

    fn tokenizer(name: &str) -> Option<TextTokenizer> {
        let fixtures = std::env::var_os("WIT_EVAL_FIXTURES")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures")), PathBuf::from);
        let folder = fixtures.join("tokenizers").join(name);
        if !folder.is_dir() {
            eprintln!("skipped: no {}", folder.display());
            return None;
        }
        Some(TextTokenizer::open(&folder, DeclaredIds::default()).unwrap())
    }

    fn example(tokenizer: &TextTokenizer, prompt: &str, response: &str) -> TokenizedExample {
        let mut ids = tokenizer.encode(prompt, true).unwrap();
        let mut roles = vec![TokenRole::Prompt; ids.len()];
        roles[0] = TokenRole::Special;
        ids.extend(tokenizer.encode(response, false).unwrap());
        roles.resize(ids.len(), TokenRole::Response);
        TokenizedExample { ids, roles }
    }

    #[test]
    fn roles_are_in_brackets_or_colours_and_every_stretch_keeps_its_text() {
        let Some(tokenizer) = tokenizer("bpe_llama3") else { return };
        let example = example(&tokenizer, "Say it\n", " Yes\x1b[31m!<|eot|>");
        let shown = |color| {
            let mut out = Vec::new();
            write_colored(&mut out, &tokenizer, &example, color).unwrap();
            String::from_utf8(out).unwrap()
        };
        let (plain, colored) = (shown(false), shown(true));
        let (legend, body) = plain.split_once('\n').unwrap();
        assert!(legend.contains("1 special [S]"), "{legend}");
        assert_eq!(body, "[S|<|begin_of_text|>][P|Say·it⏎\n][R|·Yes\\u{1b}[31m!<|eot|>]\n");
        assert!(colored.contains("\x1b[34mSay·it⏎\n\x1b[0m\x1b[32m·Yes\\u{1b}[31m!<|eot|>\x1b[0m"), "{colored:?}");
    }

    #[test]
    fn a_stretch_keeps_the_space_that_a_decoder_strips_at_the_start_of_a_text() {
        let Some(tokenizer) = tokenizer("bpe_sp") else { return };
        let mut example = example(&tokenizer, "one two three", "");
        let last = example.roles.len() - 1;
        example.roles[last] = TokenRole::Response;
        let mut out = Vec::new();
        write_colored(&mut out, &tokenizer, &example, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        let body: String = text.lines().skip(1).collect();
        let letters: String = body.replace("[S|", "").replace("[P|", "").replace("[R|", "").replace(']', "");
        assert_eq!(
            letters.replace("<s>", "").replace("<|begin_of_text|>", "").trim_start_matches('·'),
            "one·two·three"
        );
    }
}
