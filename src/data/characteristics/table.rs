//! Characteristics as a table: `model,dataset,NAME...`; a row speaks of a model, of a data set, or of a pair of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The columns that name what a row speaks of.
pub const NAMES: [&str; 2] = ["model", "dataset"];
/// Largest file that is read.
const LIMIT_BYTES: u64 = 16 << 20;

/// What is known of a model, of a data set, or of a pair of them. A row without a model speaks of the data whatever the model, and
/// the other way round; names are compared without case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The base model.
    pub model: Option<String>,
    /// The training data.
    pub dataset: Option<String>,
    /// Values by name.
    pub values: BTreeMap<String, f64>,
}

impl Row {
    /// Whether another row speaks of the same; names are compared without case.
    fn is_about(&self, other: &Self) -> bool {
        self.subject() == other.subject()
    }

    /// What it speaks of, without case.
    fn subject(&self) -> (Option<String>, Option<String>) {
        let key = |name: &Option<String>| name.as_ref().map(|name| name.to_lowercase());
        (key(&self.model), key(&self.dataset))
    }
}

/// Why a table of characteristics cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CharacteristicsError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no such table.
    #[error("{}: {} bytes are more than the {LIMIT_BYTES} that are read; is this a table of characteristics?", file.display(), bytes)]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A line that is no row of the table.
    #[error("{}:{line}: {message}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A cell that is no number.
    #[error(
        "{}:{line}: {column} is {value:?}, which is no finite number; write one like 0.43, or leave the cell empty where the \
         value is not known", file.display()
    )]
    Cell {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        value: String,
    },
}

/// Reads a table. Columns beside `model` and `dataset` are characteristics, known ones or the user's own; an empty cell is a
/// value that is not known. A byte order mark and line ends of any kind are taken.
///
/// # Errors
/// A file that cannot be read, a header without `model` or `dataset` or with a column twice, a row with more or fewer cells
/// than the header, a row that names neither model nor data set or repeats another, a value that is no finite number.
pub fn read(path: &Path) -> Result<Vec<Row>, CharacteristicsError> {
    let failed = |source| CharacteristicsError::Read { file: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > LIMIT_BYTES {
        return Err(CharacteristicsError::TooLarge { file: path.to_owned(), bytes });
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    parse(path, bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(&bytes))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Row>, CharacteristicsError> {
    let fault = |line, message: String| CharacteristicsError::Line { file: path.to_owned(), line, message };
    let malformed = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        fault(line, format!("{error}; the first line names the columns and every row fills them"))
    };
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = table.headers().map_err(|error| malformed(&error))?.clone();
    let mut seen = BTreeSet::new();
    if let Some(twice) = header.iter().find(|name| !seen.insert(*name)) {
        return Err(fault(1, format!("the column {twice:?} is there twice; rename one")));
    }
    if !NAMES.iter().any(|name| seen.contains(name)) {
        let message = "neither `model` nor `dataset` is among the columns; the first line should be like \
                       model,dataset,generation_ratio,prompt_length";
        return Err(fault(1, message.to_owned()));
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut subjects = BTreeSet::new();
    for record in table.records() {
        let record = record.map_err(|error| malformed(&error))?;
        let line = record.position().map_or(1, csv::Position::line);
        let row = row(path, line, &header, &record)?;
        if row.model.is_none() && row.dataset.is_none() {
            return Err(fault(line, "names neither model nor dataset; fill one of the two".to_owned()));
        }
        if !subjects.insert(row.subject()) {
            return Err(fault(line, "repeats model and dataset of an earlier row; join the two".to_owned()));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(
    path: &Path,
    line: u64,
    header: &csv::StringRecord,
    record: &csv::StringRecord,
) -> Result<Row, CharacteristicsError> {
    let mut row = Row::default();
    for (column, cell) in header.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        match column {
            "model" => row.model = Some(cell.to_owned()),
            "dataset" => row.dataset = Some(cell.to_owned()),
            _ => {
                let value = cell.parse::<f64>().ok().filter(|value| value.is_finite());
                let value = value.ok_or_else(|| CharacteristicsError::Cell {
                    file: path.to_owned(),
                    line,
                    column: column.to_owned(),
                    value: cell.chars().take(40).collect(),
                })?;
                row.values.insert(column.to_owned(), value);
            }
        }
    }
    Ok(row)
}

/// The rows with one more; values of a row about the same model and data set are replaced by the new ones, other values of it
/// stay.
#[must_use]
pub fn with_row(mut rows: Vec<Row>, new: Row) -> Vec<Row> {
    match rows.iter_mut().find(|row| row.is_about(&new)) {
        Some(row) => row.values.extend(new.values),
        None => rows.push(new),
    }
    rows
}

/// The table as CSV; `first` columns lead, others follow by name. [`read`] gives back the same rows.
///
/// # Errors
/// Never on rows that were read or measured; the writer of CSV may.
pub fn to_csv(rows: &[Row], first: &[&str]) -> Result<Vec<u8>, csv::Error> {
    let named = rows.iter().flat_map(|row| row.values.keys().map(String::as_str)).collect::<BTreeSet<_>>();
    let leading = first.iter().copied().filter(|name| named.contains(name));
    let others = named.iter().copied().filter(|name| !first.contains(name));
    let columns = leading.chain(others).collect::<Vec<_>>();
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(NAMES.iter().chain(&columns))?;
    for row in rows {
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let value = |column: &&str| row.values.get(*column).map(ToString::to_string).unwrap_or_default();
        let cells = [name(&row.model), name(&row.dataset)].into_iter().chain(columns.iter().map(value));
        writer.write_record(cells)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Row>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.csv");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "."))
    }

    fn row(model: &str, dataset: &str, values: &[(&str, f64)]) -> Row {
        let name = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Row { model: name(model), dataset: name(dataset), values }
    }

    #[test]
    fn a_table_from_a_spreadsheet_is_read_with_the_users_own_columns() {
        let text = "\u{FEFF}model,dataset,prompt_length,my own\r\n,lima, 61.5 ,-2\r\nllama-1b,,,1e3\r\n";
        assert_eq!(
            parsed(text).unwrap(),
            [row("", "lima", &[("prompt_length", 61.5), ("my own", -2.0)]), row("llama-1b", "", &[("my own", 1000.0)])]
        );
    }

    #[test]
    fn every_fault_names_the_line_and_what_to_do() {
        for (text, expected) in [
            ("dataset,x\nlima,inf\n", "./c.csv:2: x is \"inf\", which is no finite number"),
            ("dataset,x\nlima,1\nalpaca,NaN\n", "./c.csv:3: x is \"NaN\""),
            ("dataset,x\nlima,1e999\n", "./c.csv:2: x is \"1e999\""),
            ("dataset,x\nlima,=1+1\n", "leave the cell empty"),
            ("dataset,x,x\nlima,1,2\n", "./c.csv:1: the column \"x\" is there twice"),
            ("name,x\nlima,1\n", "./c.csv:1: neither `model` nor `dataset`"),
            ("", "./c.csv:1: neither"),
            ("model,dataset,x\n,,1\n", "./c.csv:2: names neither model nor dataset"),
            ("dataset,x\nlima,1\nLIMA,2\n", "./c.csv:3: repeats"),
            ("dataset,x\nlima,1,2\n", "./c.csv:2:"),
        ] {
            let message = parsed(text).unwrap_err();
            assert!(message.contains(expected), "{text:?}: {message}");
        }
        assert!(read(Path::new("/none/such.csv")).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn bytes_that_are_no_text_are_a_fault_of_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.csv");
        std::fs::write(&path, b"dataset,x\nli\xffma,1\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("c.csv:2:"));
    }

    #[test]
    fn what_is_written_is_read_back_and_a_row_about_the_same_is_joined() {
        let rows = vec![row("", "lima", &[("a", 0.1), ("prompt_length", 3.0)]), row("m,1", "", &[("a", 1.0 / 3.0)])];
        let rows = with_row(rows, row("", "Lima", &[("a", 0.2), ("b", -1e-9)]));
        assert_eq!(rows.len(), 2);
        let text = String::from_utf8(to_csv(&rows, &["prompt_length"]).unwrap()).unwrap();
        assert!(text.starts_with("model,dataset,prompt_length,a,b\n,lima,3,0.2,-0.000000001\n"), "{text}");
        assert_eq!(parsed(&text).unwrap(), rows);
    }
}
