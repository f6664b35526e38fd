//! Tables, good and hostile.

use super::*;

const HEADER: &str = "model,dataset,stage,benchmark,lambda_p,lambda_r,score";

fn table(text: &str) -> Result<ScoreTable, ScoreTableError> {
    let mut table = ScoreTable::default();
    table.add("folder/t.csv", text).map(|()| table)
}

fn fault(text: &str) -> String {
    table(text).unwrap_err().to_string()
}

#[test]
fn columns_are_found_by_name_whatever_their_order_and_ending() {
    let text = "\u{feff}score,Lambda_R,lambda_p,benchmark,stage,dataset,model,n,seed,standard_error,higher_is_better\r\n\
                \"61.5\", 1 ,0.0,MMLU,sft,lima,\"Llama, 3\",805.0,7,0.5,True\r\n\r\n12,0,0,MMLU,sft,,,,,,\r\n";
    let read = table(text).unwrap();
    assert_eq!(read.files.first().map(|file| (file.name.as_str(), file.rows)), Some(("t.csv", 2)));
    let first = read.rows.first().unwrap();
    assert_eq!(first.model.as_deref(), Some("Llama, 3"));
    assert_eq!(first.weighting, Some(Weighting::CONVENTIONAL));
    assert_eq!((first.score, first.n, first.line), (61.5, Some(805), 2));
    assert_eq!((first.standard_error, first.higher_is_better), (Some(0.5), Some(true)));
    let last = read.rows.last().unwrap();
    assert_eq!(last.line, 4);
    assert_eq!((last.weighting, last.dataset.as_deref(), last.model.as_deref()), (None, None, None));
}

#[test]
fn what_is_no_table_of_scores_is_refused_with_line_value_and_remedy() {
    let row = |cells: &str| format!("{HEADER}\nm,d,sft,b,0,1,0.5\n{cells}\n");
    for (text, why) in [
        (String::new(), "the file is empty; a table of scores has a header"),
        ("\u{feff} \r\n".to_owned(), "the file is empty"),
        (format!("{HEADER}\n"), "a header but no score"),
        (HEADER.replace(',', ";") + "\n", "separated by semicolons; save the table with commas"),
        (HEADER.replace(",score", "") + "\nm,d,s,b,0,1\n", "no column `score`; add it"),
        (format!("{HEADER},colour\nm,d,s,b,0,1,2,red\n"), "unknown column `colour`; remove it"),
        (format!("{HEADER},Score\nm,d,s,b,0,1,2,2\n"), "the column `score` is there twice"),
        (row("m,d,sft,b,0,0.5"), "t.csv:3: 6 cells where the header has 7"),
        (row("m,d,sft,b,0,0.5,inf"), "t.csv:3: score is `inf`: write a finite number"),
        (row("m,d,sft,b,0,0.5,NaN"), "score is `NaN`"),
        (row("m,d,sft,b,0,0.5,1e300"), "score is `1e300`"),
        (row("m,d,sft,b,0,0.5,"), "remove the line where there is no score"),
        (row("m,d,sft,b,0,0.5,\"1,5\""), "score is `1,5`: write a number with a decimal point"),
        (row("m,d,sft,b,0,0.5,61 %"), "without separators and percent signs"),
        (row("m,d,sft,b,1.2,0.5,1"), "lambda_p is `1.2`: write a number from 0 to 1"),
        (row("m,d,sft,b,0,-0.2,1"), "lambda_r is `-0.2`"),
        (row("m,d,sft,b,0,nan,1"), "lambda_r is `nan`"),
        (row("m,d,sft,,0,0.5,1"), "benchmark is ``: name the benchmark"),
        (row("\"=HYPERLINK(\"\"x\"\")\",d,sft,b,0,0.5,1"), "would take this name for a formula"),
        (row("m,@d,sft,b,0,0.5,1"), "dataset is `@d`"),
        (row("m,d,\"s\nft\",b,0,0.5,1"), "no control characters and no line breaks"),
        (row(&format!("{},d,sft,b,0,0.5,1", "m".repeat(201))), "longer than 200 characters"),
        (row("m,d,sft,b,0,1,0.6"), "a second score of m, d, sft, b, (0, 1), after t.csv:2"),
        (row("M,d,sft,b,0,0.5,0.6"), "model `M` is spelled `m` in t.csv:2"),
        (
            format!("{HEADER},seed\nm,d,s,b,0,1,2,1\nm,d,s,b,0,1,3,01\n"),
            "a second score of m, d, s, b, (0, 1), seed 01 (the same number as seed 1), after t.csv:2",
        ),
        (format!("{HEADER},seed\nm,d,s,b,0,1,2,10\nm,d,s,b,0,1,3,10.0\n"), "seed 10.0 (the same number as seed 10)"),
        (format!("{HEADER},seed\nm,d,s,b,0,1,2,1\nm,d,s,b,0,1,2,\n"), "has seed in this row or in t.csv:2"),
        (format!("{HEADER},seed,standard_error\nm,d,s,b,0,1,2,1,1\nm,d,s,b,0,1,2,2,\n"), "has standard_error"),
        (format!("{HEADER},n\nm,d,s,b,0,1,2,0\n"), "n is `0`: write how many items"),
        (format!("{HEADER},standard_error\nm,d,s,b,0,1,2,-1\n"), "standard_error is `-1`"),
        (format!("{HEADER},higher_is_better\nm,d,s,b,0,1,2,maybe\n"), "write true or false"),
    ] {
        let fault = fault(&text);
        assert!(fault.contains("t.csv") && fault.contains(why), "{why}: {fault}");
    }
}

#[test]
fn files_are_joined_and_the_same_file_is_refused_twice() {
    let mut joined = table(&format!("{HEADER}\nm,d,sft,b,0,1,0.5\n")).unwrap();
    joined.add("u.csv", &format!("{HEADER}\nm,d,sft,c,0,1,0.5\n")).unwrap();
    assert_eq!((joined.rows.len(), joined.files.len()), (2, 2));
    let again = joined.add("v.csv", &format!("{HEADER}\nm,d,sft,b,0,1,0.5\n")).unwrap_err().to_string();
    assert_eq!(again, "v.csv has the same content as t.csv; give one of them");
    let twice = joined.add("w.csv", &format!("{HEADER}\nm,d,sft,b,0,1,0.7\n")).unwrap_err().to_string();
    assert!(twice.starts_with("w.csv:2: a second score of m, d, sft, b, (0, 1), after t.csv:2"), "{twice}");
}

#[test]
fn a_file_that_is_too_large_or_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = ScoreTable::read(&[folder.path().join("none.csv")]).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read "), "{missing}");
    assert!(ScoreTable::read(&[folder.path()]).unwrap_err().to_string().contains("not a regular file"));
    let utf16 = folder.path().join("utf16.csv");
    std::fs::write(&utf16, [0xff, 0xfe, b'm', 0]).unwrap();
    assert!(ScoreTable::read(&[&utf16]).unwrap_err().to_string().contains("save the table as CSV in UTF-8"));
    let large = folder.path().join("large.csv");
    std::fs::File::create(&large).unwrap().set_len(MAX_BYTES + 1).unwrap();
    assert!(ScoreTable::read(&[&large]).unwrap_err().to_string().contains("larger than"));
    let many = (0..=MAX_ROWS).map(|row| format!("m,d,s,b{row},0,1,1")).collect::<Vec<_>>().join("\n");
    assert!(fault(&format!("{HEADER}\n{many}")).contains("more than 200000 scores; split the table"));
}

#[test]
fn seeds_that_differ_as_numbers_or_as_words_are_different_seeds() {
    let rows = ["1", "10", "0.1", "a", "9007199254740993", "9007199254740992"];
    let rows = rows.map(|seed| format!("m,d,s,b,0,1,2,{seed}")).join("\n");
    assert_eq!(table(&format!("{HEADER},seed\n{rows}\n")).unwrap().rows.len(), 6);
    for (seed, plain) in [("007", "7"), ("1.0", "1"), ("000", "0"), ("1e1", "10"), ("inf", "inf"), ("a1", "a1")] {
        assert_eq!(plain_seed(seed), plain);
    }
}
