//! The named formats that have turns, as chat templates.

use crate::chat::{Message, Role};

/// `<|role|>` lines; the end token after each answer.
pub(super) const TULU: &str = "\
{%- for message in messages -%}
{{- '<|' + message.role + '|>\\n' + message.content -}}
{%- if message.role == 'assistant' -%}{{- eos_token -}}{%- endif -%}
{%- if not loop.last or add_generation_prompt -%}{{- '\\n' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}";

/// `<|im_start|>` and `<|im_end|>` around every turn.
pub(super) const CHATML: &str = "\
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}";

const WITHOUT_INPUT: &str = "Below is an instruction that describes a task. Write a response that appropriately completes \
                             the request.";
const WITH_INPUT: &str = "Below is an instruction that describes a task, paired with an input that provides further \
                          context. Write a response that appropriately completes the request.";

/// Stanford Alpaca's text for an instruction without input; a system turn takes the place of the opening sentences, and
/// later turns repeat the headings. The answer follows the heading directly, as in the data that Alpaca was tuned on.
pub(super) fn alpaca() -> String {
    format!(
        "\
{{%- if messages and messages[0].role == 'system' -%}}{{{{- messages[0].content -}}}}
{{%- else -%}}{{{{- '{WITHOUT_INPUT}' -}}}}{{%- endif -%}}
{{%- for message in messages -%}}
{{%- if message.role == 'user' -%}}{{{{- '\\n\\n### Instruction:\\n' + message.content -}}}}
{{%- elif message.role == 'assistant' -%}}{{{{- '\\n\\n### Response:' + message.content + eos_token -}}}}
{{%- elif not loop.first -%}}{{{{- raise_exception('a system turn must come first') -}}}}{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}{{{{- '\\n\\n### Response:' -}}}}{{%- endif -%}}"
    )
}

/// Turns that the template writes as Stanford Alpaca's text for an instruction with input.
pub(super) fn alpaca_with_input(instruction: &str, input: &str, output: &str) -> Vec<Message> {
    vec![
        Message::new(Role::System, WITH_INPUT),
        Message::new(Role::User, format!("{instruction}\n\n### Input:\n{input}")),
        Message::new(Role::Assistant, output),
    ]
}
