#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

/// Renderings by Jinja2; the file's `source` says with which settings.
#[derive(Deserialize)]
struct Renderings {
    templates: BTreeMap<String, String>,
    conversations: Vec<Vec<Message>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    conversation: usize,
    add_generation_prompt: bool,
    rendered: String,
}

fn named() -> NamedTokens {
    NamedTokens { bos: Some("<s>".to_owned()), eos: Some("</s>".to_owned()), ..NamedTokens::default() }
}

fn one_turn() -> Vec<Message> {
    vec![Message::new(Role::User, "Hello")]
}

fn render(source: &str, options: ChatOptions) -> Result<String, ChatTemplateError> {
    ChatTemplate::new("t.jinja", source, &named())?.render(&one_turn(), options)
}

fn failure(source: &str) -> String {
    render(source, ChatOptions::default()).unwrap_err().to_string()
}

#[test]
fn prompts_equal_those_of_jinja2_with_the_settings_of_transformers() {
    let cases: Renderings = serde_json::from_str(include_str!("cases.json")).unwrap();
    let date = Some("2024-07-26".parse().unwrap());
    for case in cases.cases {
        let template = ChatTemplate::new(&case.template, &cases.templates[&case.template], &named()).unwrap();
        let options = ChatOptions { add_generation_prompt: case.add_generation_prompt, date };
        let rendered = template.render(&cases.conversations[case.conversation], options).unwrap();
        assert_eq!(rendered, case.rendered, "{} {}", case.template, case.conversation);
    }
}

#[test]
fn line_ends_of_other_systems_are_line_feeds() {
    assert_eq!(
        render("{% if true %}\r\na\r\nb\r{{ 'c\r\nd' }}{% endif %}\r\n", ChatOptions::default()).unwrap(),
        "a\nb\nc\nd"
    );
}

#[test]
fn a_template_that_refuses_a_conversation_is_heard_word_for_word() {
    let source = "{% macro no(m) %}{{ raise_exception('No ' + m + '!') }}{% endmacro %}{{ no(messages[0].content) }}";
    match render(source, ChatOptions::default()) {
        Err(ChatTemplateError::Raised { message }) => assert_eq!(message, "No Hello!"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_date_comes_from_the_caller_or_not_at_all() {
    let asks = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}fixed{% endif %}";
    let date = Some("2025-01-02".parse().unwrap());
    assert_eq!(render(asks, ChatOptions { date, ..ChatOptions::default() }).unwrap(), "02 Jan 2025");
    assert_eq!(render(asks, ChatOptions::default()).unwrap(), "fixed");
    assert!(failure("{{ strftime_now('%Y') }}").contains("give one"));
}

#[test]
fn what_the_engine_cannot_read_is_refused_with_file_and_line() {
    let refusals = [
        ("a\n{% unheard_of %}", "t.jinja:2: ", "unheard_of"),
        ("a\nb\n{{ messages|no_such_filter }}", "t.jinja:3: ", "no_such_filter"),
        ("\n{% for m in messages %}", "t.jinja:2: ", "end of input"),
        ("\n\n{{ messages[0].content.no_such_method() }}", "t.jinja:3: ", "no_such_method"),
    ];
    for (source, place, culprit) in refusals {
        let text = failure(source);
        assert!(text.starts_with(place) && text.contains(culprit), "{text}");
    }
}

#[test]
fn endless_deep_and_swelling_templates_end_in_an_error() {
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% set c = 1 %}{% endfor %}{% endfor %}";
    assert!(failure(loops).contains("without end"), "{}", failure(loops));
    let recursive = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    assert!(failure(recursive).starts_with("t.jinja:1: "), "{}", failure(recursive));
    let itself = "{% include 'chat_template' %}";
    assert!(failure(itself).starts_with("t.jinja:1: "), "{}", failure(itself));
    let swelling = "{% for a in range(99999) %}{{ 'xxxxxxxxxx' * 9999 }}{% endfor %}";
    assert!(failure(swelling).contains("more than"), "{}", failure(swelling));
    let nested = format!("{}x{}", "{% if true %}".repeat(100_000), "{% endif %}".repeat(100_000));
    assert!(failure(&nested).starts_with("t.jinja:1: "));
    let brackets = format!("{{{{ {}1{} }}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(failure(&brackets).starts_with("t.jinja:1: "));
}

#[test]
fn a_template_cut_off_anywhere_renders_or_is_refused() {
    let cases: Renderings = serde_json::from_str(include_str!("cases.json")).unwrap();
    let mut refused = 0;
    for source in cases.templates.values() {
        for (cut, _) in source.char_indices() {
            refused += usize::from(render(&source[..cut], ChatOptions::default()).is_err());
        }
    }
    assert!(refused > 100, "only {refused} cuts were noticed");
}

#[test]
fn a_list_of_templates_is_chosen_from_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("tokenizer_config.json");
    let list = r#"{"chat_template": [{"name": "default", "template": "D"}, {"name": "rag", "template": "R"}]}"#;
    std::fs::write(&config, list).unwrap();
    let open = |choice| ChatTemplate::open(dir.path(), choice, &named());
    assert_eq!(open(None).unwrap().unwrap().source(), "D");
    assert_eq!(open(Some("rag")).unwrap().unwrap().source(), "R");
    assert!(open(Some("tool")).unwrap_err().to_string().contains("`tool`; name one of: default, rag"));
    std::fs::write(dir.path().join("chat_template.jinja"), "J").unwrap();
    assert_eq!(open(None).unwrap().unwrap().source(), "J");
    assert_eq!(open(Some("rag")).unwrap().unwrap().source(), "R");
    std::fs::write(&config, r#"{"chat_template": 7}"#).unwrap();
    std::fs::remove_file(dir.path().join("chat_template.jinja")).unwrap();
    assert!(open(None).unwrap_err().to_string().contains("`chat_template` is neither text nor a list"));
    std::fs::write(&config, "{}").unwrap();
    assert!(open(None).unwrap().is_none());
}

/// As transformers 5 renders with `continue_final_message`.
#[test]
fn an_open_turn_is_cut_off_behind_the_prefix() {
    let user_bot = "{% for m in messages %}{% if m.role == 'user' %}User: {{ m.content }}\n{% else %}Bot: {{ m.content }}{{ eos_token }}\n{% endif %}{% endfor %}{% if add_generation_prompt %}Bot:{% endif %}";
    let open = |source: &str, prefix: &str| {
        ChatTemplate::new("t.jinja", source, &named()).unwrap().render_open(&one_turn(), prefix, None).unwrap()
    };
    assert_eq!(open(user_bot, "The answer is").as_deref(), Some("User: Hello\nBot: The answer is"));
    assert_eq!(open(user_bot, "So:\n").as_deref(), Some("User: Hello\nBot: So:\n"));
    assert_eq!(open("{{ messages[-1].content | trim }}</s>", " So: ").as_deref(), Some("So:"));
    assert_eq!(open("{{ messages[0].content }}", "So"), None);
}
