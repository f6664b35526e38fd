//! Files of instruction and preference data: real ones, one of every layout, and hostile ones.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;
use wit_eval::chat::{Message, Role};
use wit_eval::data::instruct::{
    InstructError, InstructionFile, PreferenceFile, ReadOptions, SkipReason, read_instructions, read_preferences,
};
use wit_eval::digest::Digest;
use wit_eval::instruction::{InstructionBody, PreferencePrompt};

fn shared_data(file: &str) -> Option<PathBuf> {
    let fixtures = std::env::var_os("WIT_EVAL_FIXTURES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures")), PathBuf::from);
    let path = fixtures.join("../data").join(file);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: no {}", path.display());
    None
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn rows(name: &str, content: &str) -> Result<InstructionFile, InstructError> {
    let folder = TempDir::new().unwrap();
    read_instructions(&file(&folder, name, content), &ReadOptions::default())
}

fn row(json: &str) -> Result<InstructionBody, InstructError> {
    rows("rows.jsonl", json).map(|mut file| file.rows.remove(0).body)
}

fn preferences(json: &str) -> Result<PreferenceFile, InstructError> {
    let folder = TempDir::new().unwrap();
    read_preferences(&file(&folder, "pairs.jsonl", json), &ReadOptions::default())
}

fn text(prompt: &str, response: &str) -> InstructionBody {
    InstructionBody::Text { prompt: prompt.into(), response: response.into() }
}

fn turns(turns: &[(Role, &str)]) -> Vec<Message> {
    turns.iter().map(|(role, text)| Message::new(*role, *text)).collect()
}

fn talk(list: &[(Role, &str)]) -> InstructionBody {
    InstructionBody::Conversation(turns(list))
}

use Role::{Assistant, System, User};

#[test]
fn published_files_are_read_whole() {
    for (name, count) in [
        ("instruct/alpaca_5000.json", 5000),
        ("instruct/alpaca_data_cleaned_1000.json", 1000),
        ("instruct/dolly_3k.json", 2996),
        ("instruct/lima_data.jsonl", 1030),
    ] {
        let Some(path) = shared_data(name) else { return };
        let file = read_instructions(&path, &ReadOptions::default()).unwrap();
        let skipped: usize = file.skipped.values().sum();
        assert_eq!(file.rows.len() + skipped, count, "{name}");
        // Two rows of the first file have an empty output.
        assert_eq!(skipped, if count == 5000 { 2 } else { 0 }, "{name}");
        assert_eq!(file.digest, Digest::of_bytes(&fs::read(&path).unwrap()));
        assert_eq!(file.rows.last().unwrap().number, count);
    }
    let Some(path) = shared_data("preference/dpo_en_demo.json") else { return };
    let file = read_preferences(&path, &ReadOptions::default()).unwrap();
    let equal = file.skipped.get(&SkipReason::EqualAnswers).copied().unwrap_or_default();
    assert_eq!(file.rows.len() + equal, 299);
    assert!(matches!(&file.rows[0].prompt, PreferencePrompt::Conversation(turns) if turns[0].role == User));
}

#[test]
fn every_layout_of_instructions_is_recognized() {
    let instruction = |input: Option<&str>| InstructionBody::Instruction {
        instruction: "Add".into(),
        input: input.map(str::to_owned),
        output: "3".into(),
    };
    let asked = [(User, "q"), (Assistant, "a")];
    let with_system = [(System, "s"), (User, "q"), (Assistant, "a")];
    for (json, expected) in [
        (r#"{"instruction":"Add","input":"1 2","output":"3","id":7}"#, instruction(Some("1 2"))),
        (r#"{"instruction":"Add","input":" ","output":"3","system":null,"history":[]}"#, instruction(None)),
        (
            r#"{"instruction":"q","input":"","output":"a","system":"s","history":[["x","y"]]}"#,
            talk(&[(System, "s"), (User, "x"), (Assistant, "y"), (User, "q"), (Assistant, "a")]),
        ),
        (r#"{"prompt":"q ","response":"a"}"#, text("q ", "a")),
        (r#"{"prompt":"q","completion":" a","response":"other"}"#, text("q", " a")),
        (
            r#"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}]}"#,
            talk(&asked),
        ),
        (r#"{"prompt":"q","completion":[{"role":"assistant","content":"a"}]}"#, talk(&asked)),
        (r#"{"prompt":"q","response":"a","system":"s"}"#, talk(&with_system)),
        (
            r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"prompt":"q"}"#,
            talk(&asked),
        ),
        (
            r#"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"system":"s"}"#,
            talk(&with_system),
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":["a"]}]}"#,
            talk(&asked),
        ),
    ] {
        assert_eq!(row(json).unwrap(), expected, "{json}");
    }
}

#[test]
fn every_layout_of_preferences_is_recognized() {
    let asked = PreferencePrompt::Conversation(turns(&[(User, "q")]));
    let plain = PreferencePrompt::Text("q".into());
    let longer = PreferencePrompt::Conversation(turns(&[(User, "x"), (Assistant, "y"), (User, "q")]));
    let answer = |text: &str| format!(r#"[{{"role":"assistant","content":"{text}"}}]"#);
    let whole = |text: &str| format!(r#"[{{"role":"user","content":"q"}},{{"role":"assistant","content":"{text}"}}]"#);
    let history = r#"{"from":"human","value":"x"},{"from":"gpt","value":"y"},{"from":"human","value":"q"}"#;
    for (json, prompt) in [
        (r#"{"prompt":"q","chosen":"a","rejected":"b"}"#.to_owned(), &plain),
        (r#"{"instruction":"q","input":"","chosen":"a","rejected":"b"}"#.to_owned(), &plain),
        (
            format!(
                r#"{{"prompt":[{{"role":"user","content":"q"}}],"chosen":{},"rejected":{}}}"#,
                answer("a"),
                answer("b")
            ),
            &asked,
        ),
        (format!(r#"{{"chosen":{},"rejected":{}}}"#, whole("a"), whole("b")), &asked),
        // Binarized UltraFeedback repeats the prompt and the preferred conversation.
        (
            format!(
                r#"{{"prompt":"q","chosen":{},"rejected":{},"messages":{},"score_chosen":8.5}}"#,
                whole("a"),
                whole("b"),
                whole("a")
            ),
            &asked,
        ),
        (
            format!(
                r#"{{"conversations":[{history}],"chosen":{{"from":"gpt","value":"a"}},"rejected":{{"from":"gpt","value":"b"}}}}"#
            ),
            &longer,
        ),
    ] {
        let file = preferences(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
        let row = &file.rows[0];
        assert_eq!((&row.prompt, row.chosen.as_str(), row.rejected.as_str()), (prompt, "a", "b"), "{json}");
    }
}

#[test]
fn answers_without_text_and_equal_answers_are_counted_out_and_nothing_else_is() {
    let file =
        rows("a.jsonl", "{\"prompt\":\"q\",\"response\":\" \"}\n\n{\"prompt\":\"q\",\"response\":\"a\"}\n").unwrap();
    assert_eq!(file.skipped[&SkipReason::EmptyAnswer], 1);
    assert_eq!(file.rows[0].number, 3);
    let same = r#"{"prompt":"q","chosen":"a","rejected":"a"}"#;
    let file = preferences(&format!("{same}\n{}", same.replacen("\"a\"", "\"b\"", 1))).unwrap();
    assert_eq!((file.rows.len(), file.skipped[&SkipReason::EqualAnswers]), (1, 1));
    let error = rows("a.jsonl", "{\"prompt\":\"q\",\"response\":\"\"}").unwrap_err();
    assert!(matches!(error, InstructError::Empty { left_out: 1, .. }), "{error}");
}

#[test]
fn a_row_that_cannot_be_used_is_named_with_the_remedy() {
    for (json, words) in [
        (r#"{"question":"q","answer":"a"}"#, &["row 2", "question, answer", "--columns"][..]),
        (r#"{"text":"both"}"#, &["row 2", "only `text`"]),
        (r#"{"prompt":"q","chosen":"a","rejected":"b"}"#, &["row 2", "wit-eval dpo"]),
        (r#"{"prompt":"q","response":5}"#, &["row 2", "`response`", "a number"]),
        (r#"{"messages":[{"role":"user","content":"q"}]}"#, &["row 2", "no turn of the assistant"]),
        (r#"{"messages":[{"role":"tool","content":"q"}]}"#, &["row 2", "turn 1", "`tool`", "remove"]),
        (r#"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#, &["row 2", "`image`"]),
        (
            r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[]}]}"#,
            &["row 2", "messages[1].content", "null"],
        ),
        (r#"{"messages":[]}"#, &["row 2", "0 turns"]),
        ("{\"prompt\":", &["line 2", "one JSON object"]),
        ("[1]", &["line 2", "one JSON object"]),
    ] {
        let good = r#"{"prompt":"q","response":"a"}"#;
        let error = rows("rows.jsonl", &format!("{good}\n{json}\n")).unwrap_err().to_string();
        for word in words.iter().chain(&["rows.jsonl"]) {
            assert!(error.contains(word), "{json}: `{word}` is not in: {error}");
        }
    }
    let differ = r#"{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],
                     "rejected":[{"role":"user","content":"Q"},{"role":"assistant","content":"b"}]}"#;
    let error = preferences(&differ.replace('\n', "")).unwrap_err().to_string();
    assert!(error.contains("differ") && error.contains("last turn"), "{error}");
}

#[test]
fn tables_and_lists_hold_the_same_rows_and_columns_can_be_renamed() {
    let list = r#"[{"prompt":"q,1","response":"a\nb"}, {"prompt":"x","response":"y"}]"#;
    let expected = rows("rows.json", list).unwrap().rows;
    assert_eq!(
        rows("rows.json", "\u{feff}{\"prompt\":\"q,1\",\"response\":\"a\\nb\"}\n{\"prompt\":\"x\",\"response\":\"y\"}")
            .unwrap()
            .rows,
        expected
    );
    assert_eq!(rows("rows.csv", "\u{feff}prompt,response\n\"q,1\",\"a\nb\"\nx,y\n").unwrap().rows, expected);
    assert_eq!(rows("rows.tsv", "response\tprompt\n\"a\nb\"\tq,1\ny\tx\n").unwrap().rows, expected);
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "faq.csv", "question,answer,prompt\n\"q,1\",\"a\nb\",-\nx,y,-\n");
    let options = ReadOptions { columns: "prompt=question,response=answer".parse().unwrap() };
    assert_eq!(read_instructions(&path, &options).unwrap().rows, expected);
    let options = ReadOptions { columns: "prompt=question,response=reply".parse().unwrap() };
    let error = read_instructions(&path, &options).unwrap_err().to_string();
    assert!(error.contains("no column `reply`") && error.contains("answer"), "{error}");
    let cell = "messages\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"q\"\"},{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"a\"\"}]\"\n";
    assert_eq!(rows("rows.csv", cell).unwrap().rows[0].body, talk(&[(User, "q"), (Assistant, "a")]));
}

/// Columns `prompt` and `response` of text, and a number that no layout uses.
fn write_text_columns(path: &Path, values: &[(&str, &str)]) {
    let schema = "message m { required int64 id (TIMESTAMP(NANOS,true)); required binary prompt (UTF8); optional binary response (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = SerializedFileWriter::new(fs::File::create(path).unwrap(), schema, Arc::default()).unwrap();
    for group in values.chunks(2) {
        let mut rows = file.next_row_group().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&vec![1; group.len()], None, None).unwrap();
        column.close().unwrap();
        let side = |pick: fn(&(&str, &str)) -> String| {
            group.iter().map(|pair| ByteArray::from(pick(pair).into_bytes())).collect::<Vec<_>>()
        };
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&side(|pair| pair.0.to_owned()), None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let levels = vec![1; group.len()];
        column.typed::<ByteArrayType>().write_batch(&side(|pair| pair.1.to_owned()), Some(&levels), None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    file.close().unwrap();
}

/// A column of conversations: a list of `{role, content}`.
fn write_conversations(path: &Path, conversations: &[Vec<(&str, &str)>]) {
    let schema = "message m { optional group messages (LIST) { repeated group list { optional group element { \
                  optional binary role (UTF8); optional binary content (UTF8); } } } }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = SerializedFileWriter::new(fs::File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut rows = file.next_row_group().unwrap();
    let repetition: Vec<i16> =
        conversations.iter().flat_map(|turns| (0..turns.len()).map(|turn| i16::from(turn > 0))).collect();
    let definition = vec![4_i16; repetition.len()];
    for part in 0..2 {
        let pick = |turn: &(&str, &str)| if part == 0 { turn.0.to_owned() } else { turn.1.to_owned() };
        let values: Vec<ByteArray> =
            conversations.iter().flatten().map(|turn| ByteArray::from(pick(turn).into_bytes())).collect();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&definition), Some(&repetition)).unwrap();
        column.close().unwrap();
    }
    rows.close().unwrap();
    file.close().unwrap();
}

#[test]
fn parquet_files_of_texts_and_of_conversations_are_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pairs.parquet");
    write_text_columns(&path, &[("q1", "a1"), ("q2", "é✓"), ("q3", "a3")]);
    let file = read_instructions(&path, &ReadOptions::default()).unwrap();
    let bodies: Vec<_> = file.rows.into_iter().map(|row| row.body).collect();
    assert_eq!(bodies, [text("q1", "a1"), text("q2", "é✓"), text("q3", "a3")]);
    let path = folder.path().join("talks.parquet");
    write_conversations(
        &path,
        &[vec![("user", "q"), ("assistant", "a")], vec![("system", "s"), ("user", "q"), ("assistant", "a")]],
    );
    let file = read_instructions(&path, &ReadOptions::default()).unwrap();
    let bodies: Vec<_> = file.rows.into_iter().map(|row| row.body).collect();
    assert_eq!(bodies, [talk(&[(User, "q"), (Assistant, "a")]), talk(&[(System, "s"), (User, "q"), (Assistant, "a")])]);
    let error = read_preferences(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("chosen"), "{error}");
}

#[test]
fn hostile_files_are_errors() {
    let deep = format!("{{\"prompt\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let folder = TempDir::new().unwrap();
    let parquet = folder.path().join("good.parquet");
    write_text_columns(&parquet, &[("q", "a")]);
    let good = fs::read(&parquet).unwrap();
    let mut broken = good.clone();
    let description = u32::from_le_bytes(good[good.len() - 8..good.len() - 4].try_into().unwrap());
    let pages = good.len() - 8 - usize::try_from(description).unwrap();
    broken[4..pages].fill(0xff);
    let mut claims = good[..good.len() - 8].to_vec();
    claims.extend_from_slice(b"\xff\xff\xff\x7fPAR1");
    // A schema that claims two million fields.
    let footer = b"\x15\x02\x19\xfc\x80\x89\x7a\x00";
    let wide = [b"PAR1", &footer[..], &[8, 0, 0, 0], b"PAR1"].concat();
    let mut many_turns = String::from("{\"messages\":[");
    for _ in 0..2000 {
        write!(many_turns, "{{\"role\":\"assistant\",\"content\":\"a\"}},").unwrap();
    }
    many_turns.push_str("{\"role\":\"user\",\"content\":\"q\"}]}");
    let huge = format!("[{{\"prompt\":\"{}\"}}]", "x".repeat(40 << 20));
    for (name, content) in [
        ("deep.json", deep.clone().into_bytes()),
        ("deep2.json", format!("[{deep}]").into_bytes()),
        ("turns.jsonl", many_turns.into_bytes()),
        ("huge.json", huge.into_bytes()),
        ("open.json", b"[{\"prompt\":\"q\",\"response\":\"a\"},".to_vec()),
        ("more.json", b"[{\"prompt\":\"q\",\"response\":\"a\"}] x".to_vec()),
        ("bytes.jsonl", b"{\"prompt\":\"\xff\",\"response\":\"a\"}".to_vec()),
        ("bytes.csv", b"prompt,response\n\xff,a\n".to_vec()),
        ("ragged.csv", b"prompt,response\na,b,c\n".to_vec()),
        ("twice.csv", b"prompt,prompt\na,b\n".to_vec()),
        ("empty.csv", Vec::new()),
        ("empty.json", Vec::new()),
        ("empty.parquet", Vec::new()),
        ("short.parquet", good[..good.len() / 2].to_vec()),
        ("broken.parquet", broken),
        ("claims.parquet", claims),
        ("wide.parquet", wide),
        ("text.parquet", b"not a table at all PAR1".to_vec()),
        ("rows.json.gz", b"x".to_vec()),
        ("rows", b"x".to_vec()),
    ] {
        let path = file(&folder, name, content);
        let error = read_instructions(&path, &ReadOptions::default()).expect_err(name).to_string();
        assert!(error.contains(name), "{error}");
        assert!(error.len() < 1000, "{}", error.len());
    }
    let error = read_instructions(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains(".parquet"), "{error}");
    fs::create_dir(folder.path().join("folder.json")).unwrap();
    let error = read_instructions(&folder.path().join("folder.json"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, InstructError::Read { .. }), "{error}");
}
