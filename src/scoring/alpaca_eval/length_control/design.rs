//! The rows that the regression is fitted to.

use std::collections::BTreeMap;

use super::super::summary::Comparison;
use super::LengthControlError;
use super::logistic::{Row, Vector, dot, logistic};

/// Weight of a gamed row: 0.2, shared by the two gamed baselines.
const GAMED_WEIGHT: f64 = 0.1;

/// A row of `AlpacaEval`'s `df_gamed.csv`: a baseline that was made longer or shorter on purpose, compared with itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GamedRow {
    /// Place of the instruction in the benchmark (`index`).
    pub position: usize,
    /// Share in `[0, 1]` in which the gamed answer wins (`preference`).
    pub share: f64,
    /// `Δ/σ` (`std_delta_len`).
    pub standardized_length_difference: f64,
    /// The instruction's difficulty (`instruction_difficulty`).
    pub difficulty: f64,
    /// False for gamed rows (`not_gamed_baseline`); true gives the row full weight and the constant.
    pub not_gamed: bool,
}

/// Gamed rows, and the difficulty of every instruction.
#[derive(Debug, Clone, PartialEq)]
pub struct DifficultyTable {
    rows: Vec<GamedRow>,
    difficulties: BTreeMap<usize, f64>,
}

impl DifficultyTable {
    /// Checks the rows. An instruction's difficulty is that of its first row.
    pub fn new(rows: Vec<GamedRow>) -> Result<Self, LengthControlError> {
        let mut difficulties = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            let fail = |message: &str| LengthControlError::Table { row: at + 1, message: message.to_owned() };
            if !(0.0..=1.0).contains(&row.share) {
                return Err(fail("`preference` is not in [0, 1]"));
            }
            if !row.standardized_length_difference.is_finite() || !row.difficulty.is_finite() {
                return Err(fail("`std_delta_len` or `instruction_difficulty` is not finite"));
            }
            difficulties.entry(row.position).or_insert(row.difficulty);
        }
        Ok(Self { rows, difficulties })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Comparisons and table, joined.
pub(super) struct Design<'a> {
    comparisons: &'a [Comparison],
    /// Of each comparison; 0 in the minimal form.
    difficulties: Vec<f64>,
    /// Gamed rows, each with the comparison of its instruction, if it was made.
    gamed: Vec<(Option<usize>, Row)>,
}

/// Training rows of one resample.
pub(super) struct Sample {
    pub(super) rows: Vec<Row>,
    /// `σ`, in characters.
    pub(super) length_difference_sd: f64,
}

impl<'a> Design<'a> {
    pub(super) fn new(
        comparisons: &'a [Comparison],
        table: Option<&DifficultyTable>,
    ) -> Result<Self, LengthControlError> {
        let Some(table) = table else {
            return Ok(Self { comparisons, difficulties: vec![0.0; comparisons.len()], gamed: Vec::new() });
        };
        let difficulty = |comparison: &Comparison| {
            let position = comparison.position;
            table.difficulties.get(&position).copied().ok_or(LengthControlError::UnknownInstruction { position })
        };
        let difficulties = comparisons.iter().map(difficulty).collect::<Result<_, _>>()?;
        let places: BTreeMap<usize, usize> = comparisons.iter().enumerate().map(|(at, c)| (c.position, at)).collect();
        let gamed = table.rows.iter().map(|row| (places.get(&row.position).copied(), training_row(row))).collect();
        Ok(Self { comparisons, difficulties, gamed })
    }

    /// The training rows where each instruction was drawn so often, gamed rows first; `None` where the drawn length
    /// differences do not vary. A gamed row is drawn with its instruction; one whose instruction was not compared
    /// always stays.
    pub(super) fn resample(&self, counts: &[u32]) -> Option<Sample> {
        let length_difference_sd = self.length_difference_sd(counts)?;
        let gamed = self.gamed.iter().filter_map(|(place, row)| {
            let times = place.map_or(1.0, |place| counts.get(place).copied().map_or(0.0, f64::from));
            (times > 0.0).then_some(Row { weight: row.weight * times, ..*row })
        });
        let own = self.comparisons.iter().zip(&self.difficulties).zip(counts).filter_map(|((comparison, d), times)| {
            let standardized = comparison.length_difference as f64 / length_difference_sd;
            let share = comparison.preference?.share();
            let features = [standardized.tanh(), *d, 1.0];
            (*times > 0).then_some(Row { features, share, weight: f64::from(*times) })
        });
        Some(Sample { rows: gamed.chain(own).collect(), length_difference_sd })
    }

    /// Sample standard deviation (n - 1) of the length differences, each counted so often.
    fn length_difference_sd(&self, counts: &[u32]) -> Option<f64> {
        let drawn =
            || self.comparisons.iter().zip(counts).map(|(c, times)| (c.length_difference as f64, f64::from(*times)));
        let n = drawn().map(|(_, times)| times).sum::<f64>();
        let mean = drawn().map(|(difference, times)| difference * times).sum::<f64>() / n;
        let squares = drawn().map(|(difference, times)| times * (difference - mean).powi(2)).sum::<f64>();
        let sd = (squares / (n - 1.0)).sqrt();
        (sd > 0.0 && sd.is_finite()).then_some(sd)
    }

    /// Predicted win share of each comparison at equal length.
    fn predictions(&self, point: &Vector) -> impl Iterator<Item = f64> {
        self.difficulties.iter().map(|difficulty| logistic(dot(point, &[0.0, *difficulty, 1.0])))
    }

    /// Mean prediction over the drawn comparisons.
    pub(super) fn mean_prediction(&self, point: &Vector, counts: &[u32]) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        for (prediction, times) in self.predictions(point).zip(counts) {
            sum += prediction * f64::from(*times);
            n += f64::from(*times);
        }
        sum / n
    }

    /// Sample standard deviation of the predictions over √n; `None` with one comparison.
    pub(super) fn prediction_error(&self, point: &Vector) -> Option<f64> {
        let n = self.difficulties.len() as f64;
        let origin = self.predictions(point).next()?;
        let mean = self.predictions(point).map(|x| x - origin).sum::<f64>() / n;
        let squares = self.predictions(point).map(|x| (x - origin - mean).powi(2)).sum::<f64>();
        (n > 1.0).then(|| (squares / (n - 1.0) / n).sqrt())
    }
}

fn training_row(row: &GamedRow) -> Row {
    let (constant, weight) = if row.not_gamed { (1.0, 1.0) } else { (0.0, GAMED_WEIGHT) };
    let features = [row.standardized_length_difference.tanh(), row.difficulty, constant];
    Row { features, share: row.share, weight }
}
