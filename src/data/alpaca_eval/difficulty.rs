//! The table of difficulties and gamed baselines (`df_gamed.csv`).

use std::path::Path;

use super::error::AlpacaEvalError;
use super::records::read_text;
use crate::scoring::alpaca_eval::{DifficultyTable, GamedRow};

/// The columns that are read; others (`model`) are not.
const COLUMNS: [&str; 5] = ["index", "preference", "std_delta_len", "instruction_difficulty", "not_gamed_baseline"];

/// Reads the table.
pub fn read_difficulty_table(path: &Path) -> Result<DifficultyTable, AlpacaEvalError> {
    parse_difficulty_table(&path.display().to_string(), &read_text(path)?)
}

/// Reads the text of the table; `file` names it in errors.
pub fn parse_difficulty_table(file: &str, text: &str) -> Result<DifficultyTable, AlpacaEvalError> {
    let fail = |line: u64, message: String| AlpacaEvalError::Table { file: file.to_owned(), line, message };
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| fail(1, error.to_string()))?.clone();
    let place = |name: &str| {
        let found = header.iter().position(|column| column.trim() == name);
        found.ok_or_else(|| fail(1, format!("no column `{name}`")))
    };
    let mut places = [0; COLUMNS.len()];
    for (slot, name) in places.iter_mut().zip(COLUMNS) {
        *slot = place(name)?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|error| fail(error.position().map_or(0, csv::Position::line), error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields = places.map(|place| record.get(place).unwrap_or_default().trim());
        rows.push(gamed_row(fields).map_err(|message| fail(line, message))?);
    }
    if rows.is_empty() {
        return Err(fail(0, "no rows".to_owned()));
    }
    DifficultyTable::new(rows).map_err(|error| fail(0, error.to_string()))
}

fn gamed_row(fields: [&str; COLUMNS.len()]) -> Result<GamedRow, String> {
    let [index, preference, length, difficulty, not_gamed] = fields;
    let number = |name: &str, text: &str| text.parse::<f64>().map_err(|_| format!("`{name}` is `{text}`, no number"));
    // Pandas writes an integer column with a gap as 3.0.
    let position = index.strip_suffix(".0").unwrap_or(index);
    Ok(GamedRow {
        position: position.parse().map_err(|_| format!("`index` is `{index}`, no whole number from 0"))?,
        share: number("preference", preference)?,
        standardized_length_difference: number("std_delta_len", length)?,
        difficulty: number("instruction_difficulty", difficulty)?,
        not_gamed: match not_gamed {
            "True" | "true" | "1" => true,
            "False" | "false" | "0" => false,
            other => return Err(format!("`not_gamed_baseline` is `{other}`, neither True nor False")),
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_whatever_their_order() {
        let text = "model,instruction_difficulty,index,not_gamed_baseline,preference,std_delta_len\n\
                    a_verbose,0.5,0,False,0.25,-1.5\na_concise,0.5,0.0,False,0.75,1e-3\n";
        assert_eq!(parse_difficulty_table("t.csv", text).unwrap().len(), 2);
    }

    #[test]
    fn a_table_that_is_not_the_published_one_is_refused_with_the_line() {
        let header = "index,preference,std_delta_len,instruction_difficulty,not_gamed_baseline\n";
        for (text, why) in [
            ("index,preference\n0,1\n".to_owned(), "line 1: no column `std_delta_len`"),
            (header.to_owned(), "no rows"),
            (format!("{header}0,0.5,0,0,False\n-1,0.5,0,0,False\n"), "line 3: `index` is `-1`"),
            (format!("{header}0,x,0,0,False\n"), "line 2: `preference` is `x`"),
            (format!("{header}0,0.5,0,0,maybe\n"), "`not_gamed_baseline` is `maybe`"),
            (format!("{header}0,0.5,nan,0,False\n"), "not finite"),
            (format!("{header}0,1.5,0,0,False\n"), "not in [0, 1]"),
            (format!("{header}0,0.5\n"), "line 2"),
        ] {
            let error = parse_difficulty_table("t.csv", &text).unwrap_err().to_string();
            assert!(error.starts_with("t.csv") && error.contains(why), "{error}");
        }
    }
}
