//! `judge_prompts.jsonl`.

use super::error::FastChatError;
use super::row::{Row, Seen, read};
use crate::judgment::JudgePrompt;
use crate::scoring::mt_bench::{Mode, PromptRole};

/// Reads `judge_prompts.jsonl`; `file` is its name in errors. A name that is used twice is an error, and so is a
/// template of MT-Bench that asks for another kind of answer than MT-Bench reads.
pub fn judge_prompts(text: &str, file: &str) -> Result<Vec<JudgePrompt>, FastChatError> {
    let mut seen = Seen::new("name");
    read(text, file, |row| {
        let name = row.text("name")?;
        seen.once(&name, row)?;
        check_kind(&name, row)?;
        Ok(JudgePrompt {
            system_prompt: row.text("system_prompt")?,
            prompt_template: row.text("prompt_template")?,
            name,
        })
    })
}

fn check_kind(name: &str, row: &mut Row) -> Result<(), FastChatError> {
    let published = |role: &PromptRole| name == role.name() || name.strip_prefix("wit-") == Some(role.name());
    let Some(role) = PromptRole::all().find(published) else { return Ok(()) };
    let (kind, format) = match role.mode {
        Mode::Single => ("single", "[[rating]]"),
        Mode::Pairwise => ("pairwise", "[[A]]"),
    };
    for (field, expected) in [("type", kind), ("output_format", format)] {
        let found = row.text(field)?;
        if found != expected {
            let shown = found.chars().take(40).collect::<String>();
            let message = format!("`{name}` must have {expected:?}, not {shown:?}; give the template another name");
            return Err(row.value(field, message));
        }
    }
    Ok(())
}
