//! Mean squares of an items by wordings by checkpoints table, and what they estimate.

use crate::stats::quantile::{chi_square_quantile, f_quantile};

/// A mean square with its degrees of freedom; `None` in a [`Table`] where there are none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MeanSquare {
    pub(super) value: f64,
    pub(super) df: f64,
}

/// A linear combination of independent mean squares.
pub(super) type Combination = Vec<(f64, MeanSquare)>;

/// Its value.
pub(super) fn value(terms: &Combination) -> f64 {
    terms.iter().map(|(factor, square)| factor * square.value).sum()
}

/// Standard error of a combination, each mean square a scaled chi-square: `sqrt(Σ 2 c² MS² / df)`.
pub(super) fn standard_error(terms: &Combination) -> f64 {
    terms.iter().map(|(factor, square)| 2.0 * (factor * square.value).powi(2) / square.df).sum::<f64>().sqrt()
}

/// Modified large-sample interval of a combination with factors of both signs (Ting, Burdick, Graybill, Jeyaratnam and Lu
/// 1990, Journal of Statistical Computation and Simulation 35; Burdick and Graybill 1992, section 3.3), without the terms
/// between mean squares of one sign, which make it narrower by little. Exact where one mean square has all the weight.
pub(super) fn modified_large_sample(terms: &Combination, level: f64) -> Option<(f64, f64)> {
    let tail = (1.0 - level) / 2.0;
    let point = value(terms);
    let below = squared_distance(terms, 1.0, 1.0 - tail)?;
    let above = squared_distance(terms, -1.0, 1.0 - tail)?;
    Some((point - below.max(0.0).sqrt(), point + above.max(0.0).sqrt()))
}

/// Squared distance from the point to the lower end (`sign` 1) or to the upper end (`sign` -1).
fn squared_distance(terms: &Combination, sign: f64, upper: f64) -> Option<f64> {
    let mut sum = 0.0;
    // What pulls the end away: the mean squares that may be too large (first), and those that may be too small (second).
    let (large, small): (Vec<_>, Vec<_>) = terms.iter().partition(|(factor, _)| factor * sign > 0.0);
    for (factor, square) in &large {
        sum += (too_large(square.df, upper)? * factor * square.value).powi(2);
    }
    for (factor, square) in &small {
        sum += (too_small(square.df, upper)? * factor * square.value).powi(2);
    }
    for (factor, square) in &large {
        for (other_factor, other) in &small {
            let f = f_quantile(upper, square.df, other.df)?;
            let (g, h) = (too_large(square.df, upper)?, too_small(other.df, upper)?);
            let cross = ((f - 1.0).powi(2) - (g * f).powi(2) - h * h) / f;
            sum += cross * (factor * square.value * other_factor * other.value).abs();
        }
    }
    Some(sum)
}

/// `1 - 1 / F_{upper; df, ∞}`: the share by which a mean square may lie above its expectation.
fn too_large(df: f64, upper: f64) -> Option<f64> {
    Some(1.0 - df / chi_square_quantile(upper, df)?)
}

/// `1 / F_{1 - upper; df, ∞} - 1`: the share by which it may lie below.
fn too_small(df: f64, upper: f64) -> Option<f64> {
    Some(df / chi_square_quantile(1.0 - upper, df)? - 1.0)
}

/// Sums over items of a wordings by columns table, from which all mean squares follow; items can be taken out again.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) wordings: usize,
    pub(super) columns: usize,
    items: f64,
    /// Sum over items of each cell, wording by wording.
    cells: Vec<f64>,
    /// Sums over items of the squared mean, of squared means of wordings, of columns, and of squared cells.
    squares: [f64; 4],
}

/// All mean squares of a table; those without degrees of freedom are `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct MeanSquares {
    pub(super) items: f64,
    pub(super) item: Option<MeanSquare>,
    pub(super) wording: Option<MeanSquare>,
    pub(super) column: Option<MeanSquare>,
    pub(super) item_wording: Option<MeanSquare>,
    pub(super) item_column: Option<MeanSquare>,
    pub(super) wording_column: Option<MeanSquare>,
    pub(super) all: Option<MeanSquare>,
}

impl Table {
    pub(super) fn new(wordings: usize, columns: usize) -> Self {
        Self { wordings, columns, items: 0.0, cells: vec![0.0; wordings * columns], squares: [0.0; 4] }
    }

    /// Adds an item (`sign` 1) or takes it out (-1); its credits stand wording by wording.
    pub(super) fn add(&mut self, credits: &[f64], sign: f64) {
        self.items += sign;
        for (cell, credit) in self.cells.iter_mut().zip(credits) {
            *cell += sign * credit;
        }
        for (square, own) in self.squares.iter_mut().zip(margins(credits, self.columns)) {
            *square += sign * own;
        }
    }

    pub(super) fn mean_squares(&self) -> MeanSquares {
        let (n, v, m) = (self.items, self.wordings as f64, self.columns as f64);
        let means = self.cells.iter().map(|cell| cell / n).collect::<Vec<_>>();
        let [grand, rows, columns, cells] = margins(&means, self.columns);
        let [own, own_rows, own_columns, own_cells] = self.squares;
        let square = |sum: f64, df: f64| (df > 0.5).then(|| MeanSquare { value: (sum / df).max(0.0), df });
        let item = v * m * (own - n * grand);
        let item_wording = m * (own_rows - v * own - n * (rows - v * grand));
        let item_column = v * (own_columns - m * own - n * (columns - m * grand));
        let wording_column = n * (cells - m * rows - v * columns + v * m * grand);
        let total = own_cells - n * cells;
        let all = total - item - item_wording - item_column;
        MeanSquares {
            items: n,
            item: square(item, n - 1.0),
            wording: square(n * m * (rows - v * grand), v - 1.0),
            column: square(n * v * (columns - m * grand), m - 1.0),
            item_wording: square(item_wording, (n - 1.0) * (v - 1.0)),
            item_column: square(item_column, (n - 1.0) * (m - 1.0)),
            wording_column: square(wording_column, (v - 1.0) * (m - 1.0)),
            all: square(all, (n - 1.0) * (v - 1.0) * (m - 1.0)),
        }
    }
}

/// Squared mean, sum of squared wording means, of squared column means, of squared cells.
fn margins(cells: &[f64], columns: usize) -> [f64; 4] {
    let count = cells.len() as f64;
    let wordings = count / columns as f64;
    let mut column_sums = vec![0.0; columns];
    let (mut sum, mut rows, mut squares) = (0.0, 0.0, 0.0);
    for row in cells.chunks(columns) {
        let own = row.iter().sum::<f64>();
        rows += (own / columns as f64).powi(2);
        sum += own;
        for (total, cell) in column_sums.iter_mut().zip(row) {
            *total += cell;
            squares += cell * cell;
        }
    }
    let columns = column_sums.iter().map(|total| (total / wordings).powi(2)).sum();
    [(sum / count).powi(2), rows, columns, squares]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// By hand, with scipy's `chi2.ppf([0.025, 0.975], 4)` = 0.484419, 11.143287: the exact interval of a variance.
    #[test]
    fn the_interval_of_one_mean_square_is_the_chi_square_one() {
        let one = vec![(0.5, MeanSquare { value: 2.0, df: 4.0 })];
        let (low, high) = modified_large_sample(&one, 0.95).unwrap();
        assert!((low - 4.0 / 11.143_286_78).abs() < 1e-7 && (high - 4.0 / 0.484_418_557).abs() < 1e-6);
        assert!((standard_error(&one) - 0.5_f64.sqrt()).abs() < 1e-12);
    }

    /// A mean square that is known makes the interval a shifted one: `F` with many degrees of freedom is a chi-square.
    #[test]
    fn a_known_mean_square_only_shifts_the_interval() {
        let terms = vec![(1.0, MeanSquare { value: 2.0, df: 4.0 }), (-1.0, MeanSquare { value: 0.5, df: 1e9 })];
        let (low, high) = modified_large_sample(&terms, 0.95).unwrap();
        assert!((low - (8.0 / 11.143_286_78 - 0.5)).abs() < 1e-3, "{low}");
        assert!((high - (8.0 / 0.484_418_557 - 0.5)).abs() < 1e-3, "{high}");
    }

    #[test]
    fn an_item_taken_out_again_leaves_no_trace() {
        let mut table = Table::new(2, 2);
        for item in [[0.0, 1.0, 1.0, 0.5], [1.0, 1.0, 0.0, 1.0], [0.5, 0.0, 1.0, 0.0]] {
            table.add(&item, 1.0);
        }
        let before = table.mean_squares();
        table.add(&[1.0, 0.25, 0.5, 0.0], 1.0);
        table.add(&[1.0, 0.25, 0.5, 0.0], -1.0);
        let after = table.mean_squares();
        for (a, b) in
            [(before.item, after.item), (before.all, after.all), (before.wording_column, after.wording_column)]
        {
            assert!((a.unwrap().value - b.unwrap().value).abs() < 1e-12);
        }
    }
}
