//! From the text of a table to its rows.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{OPTIONAL, REQUIRED, ScoreRow, ScoreTableError};
use crate::weighting::Weighting;

/// Longest name, in characters.
const MAX_NAME: usize = 200;

/// Scores beyond this are taken for a fault: sums of them must stay finite.
const MAX_SCORE: f64 = 1e12;

/// Characters of a value that an error quotes.
const QUOTED: usize = 60;

/// Where each column stands.
struct Columns {
    required: [usize; REQUIRED.len()],
    optional: [Option<usize>; OPTIONAL.len()],
}

/// A line with what is needed to complain about it.
struct Line<'a> {
    file: &'a str,
    number: u64,
    cells: &'a StringRecord,
}

/// Why a name is not safe to show everywhere, in spreadsheets too, and what to do; `None` where it is.
pub fn name_fault(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_control) {
        Some("a name has no control characters and no line breaks; remove them")
    } else if text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        Some("a spreadsheet would take this name for a formula; begin it with a letter or digit")
    } else if text.chars().count() > MAX_NAME {
        Some("the name is longer than 200 characters; shorten it")
    } else {
        None
    }
}

/// Reads the rows of a file; at most `most` of them.
pub(super) fn rows(
    file: &str,
    text: &str,
    place: usize,
    most: usize,
    into: &mut Vec<ScoreRow>,
) -> Result<(), ScoreTableError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(ScoreTableError::Empty { file: file.to_owned(), what: "the file is empty" });
    }
    // The reader counts lines by line feeds.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| broken(file, &error))?.clone();
    let columns = columns(file, &header)?;
    let mut count = 0;
    for record in reader.records() {
        let cells = record.map_err(|error| broken(file, &error))?;
        let number = cells.position().map_or(0, |position| line(&text, position));
        if cells.iter().all(str::is_empty) {
            continue;
        }
        count += 1;
        if count > most {
            return Err(ScoreTableError::TooManyRows { file: file.to_owned(), line: number });
        }
        into.push(row(&Line { file, number, cells: &cells }, &columns, place)?);
    }
    if count == 0 {
        return Err(ScoreTableError::Empty { file: file.to_owned(), what: "the file has a header but no score" });
    }
    Ok(())
}

/// The line of a record; its position is that of the empty lines before it.
fn line(text: &str, position: &csv::Position) -> u64 {
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let tail = text.as_bytes().get(from..).unwrap_or_default();
    position.line() + tail.iter().take_while(|byte| **byte == b'\n').count() as u64
}

fn broken(file: &str, error: &csv::Error) -> ScoreTableError {
    let line = error.position().map_or(0, csv::Position::line);
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells where the header has {expected_len}")
        }
        _ => error.to_string(),
    };
    ScoreTableError::Line { file: file.to_owned(), line, message }
}

fn columns(file: &str, header: &StringRecord) -> Result<Columns, ScoreTableError> {
    if let (1, Some(only)) = (header.len(), header.get(0)) {
        let separator = [(';', "semicolons"), ('\t', "tabs")].into_iter().find(|(sign, _)| only.contains(*sign));
        if let Some((_, separator)) = separator {
            return Err(ScoreTableError::Separator { file: file.to_owned(), separator });
        }
    }
    let mut seen: Vec<String> = Vec::new();
    for name in header {
        let name = name.to_lowercase();
        if !REQUIRED.contains(&name.as_str()) && !OPTIONAL.contains(&name.as_str()) {
            return Err(ScoreTableError::UnknownColumn { file: file.to_owned(), column: quoted(&name) });
        }
        if seen.contains(&name) {
            return Err(ScoreTableError::RepeatedColumn { file: file.to_owned(), column: name });
        }
        seen.push(name);
    }
    let find = |name: &str| seen.iter().position(|other| other == name);
    let mut required = [0; REQUIRED.len()];
    for (slot, column) in required.iter_mut().zip(REQUIRED) {
        *slot = find(column).ok_or_else(|| ScoreTableError::MissingColumn { file: file.to_owned(), column })?;
    }
    Ok(Columns { required, optional: OPTIONAL.map(find) })
}

fn row(line: &Line<'_>, columns: &Columns, file: usize) -> Result<ScoreRow, ScoreTableError> {
    let [model, dataset, stage, benchmark, prompt, response, score] =
        columns.required.map(|place| line.cells.get(place).unwrap_or_default());
    let [seed, error, n, better] =
        columns.optional.map(|place| place.and_then(|place| line.cells.get(place)).filter(|cell| !cell.is_empty()));
    let benchmark = line.name("benchmark", benchmark)?;
    let (p, r) = (line.weight("lambda_p", prompt)?, line.weight("lambda_r", response)?);
    // Both are in [0, 1]: the only weights that are refused are (0, 0), the untuned model.
    let weighting = Weighting::new(p, r).ok();
    Ok(ScoreRow {
        model: line.name("model", model)?,
        dataset: line.name("dataset", dataset)?,
        stage: line.name("stage", stage)?,
        benchmark: benchmark.ok_or_else(|| line.fail("benchmark", "", "name the benchmark"))?,
        weighting,
        seed: line.name("seed", seed.unwrap_or_default())?,
        score: line.score(score)?,
        standard_error: error.map(|text| line.standard_error(text)).transpose()?,
        n: n.map(|text| line.count(text)).transpose()?,
        higher_is_better: better.map(|text| line.truth(text)).transpose()?,
        file,
        line: line.number,
    })
}

impl Line<'_> {
    fn fail(&self, column: &str, value: &str, message: &str) -> ScoreTableError {
        ScoreTableError::Value {
            file: self.file.to_owned(),
            line: self.number,
            column: column.to_owned(),
            value: quoted(value),
            message: message.to_owned(),
        }
    }

    /// A name that is safe to show everywhere; `None` where the cell is empty.
    fn name(&self, column: &str, text: &str) -> Result<Option<String>, ScoreTableError> {
        if text.is_empty() {
            return Ok(None);
        }
        name_fault(text).map_or_else(|| Ok(Some(text.to_owned())), |fault| Err(self.fail(column, text, fault)))
    }

    /// A finite number, or nothing.
    fn number(text: &str) -> Option<f64> {
        text.parse::<f64>().ok().filter(|number| number.is_finite())
    }

    fn weight(&self, column: &str, text: &str) -> Result<f64, ScoreTableError> {
        let weight = Self::number(text).filter(|weight| (0.0..=1.0).contains(weight));
        weight.ok_or_else(|| self.fail(column, text, "write a number from 0 to 1"))
    }

    fn score(&self, text: &str) -> Result<f64, ScoreTableError> {
        let score = Self::number(text).filter(|score| score.abs() <= MAX_SCORE);
        score.ok_or_else(|| {
            let remedy = if text.is_empty() {
                "remove the line where there is no score"
            } else if text.contains(',') || text.ends_with('%') {
                "write a number with a decimal point, without separators and percent signs"
            } else {
                "write a finite number, or remove the line where there is no score"
            };
            self.fail("score", text, remedy)
        })
    }

    fn standard_error(&self, text: &str) -> Result<f64, ScoreTableError> {
        let error = Self::number(text).filter(|error| (0.0..=MAX_SCORE).contains(error));
        error.ok_or_else(|| {
            self.fail("standard_error", text, "write a number that is not negative, or leave the cell empty")
        })
    }

    fn count(&self, text: &str) -> Result<usize, ScoreTableError> {
        // Data frames write a column of whole numbers with a gap as 805.0.
        let digits = text.strip_suffix(".0").unwrap_or(text);
        let count = digits.parse::<u32>().ok().filter(|count| *count > 0).and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| {
            self.fail("n", text, "write how many items were scored, a whole number above 0, or leave the cell empty")
        })
    }

    fn truth(&self, text: &str) -> Result<bool, ScoreTableError> {
        match text.to_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err(self.fail("higher_is_better", text, "write true or false, or leave the cell empty")),
        }
    }
}

/// A value as errors show it.
fn quoted(value: &str) -> String {
    let mut shown = value.chars().take(QUOTED).collect::<String>();
    if value.chars().count() > QUOTED {
        shown.push('…');
    }
    shown
}
