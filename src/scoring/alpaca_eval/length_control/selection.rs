//! The strength of the penalty, by cross-validation.

use super::logistic::{COLUMNS, Row, Vector, log_likelihood, minimize};

/// How closely the fits to four folds are solved; their log-likelihoods are then right to about its square.
const TOLERANCE: f64 = 1e-7;

/// Folds of the cross-validation.
pub(super) const FOLDS: usize = 5;

/// `C` is one of so many values, evenly spaced in their logarithm from 1e-4 to 1e4 (scikit-learn's default).
const CANDIDATES: usize = 10;

/// The candidates for `C`, ascending: `10^(-4 + 8 k / 9)`.
pub(super) fn candidates() -> [f64; CANDIDATES] {
    let last = (CANDIDATES - 1) as f64;
    std::array::from_fn(|k| 10_f64.powf(8.0 * k as f64 / last - 4.0))
}

/// The fold in which a row is held out: rows are dealt to the folds in turn, from the last row to the first.
///
/// This is scikit-learn's `GroupKFold` over groups of equal size (a row's two copies) where numpy's `argsort` leaves
/// equal keys in their order, as it does with AVX2 or AVX-512 since numpy 2.0. Its plain `argsort` is not stable: there
/// the reference's folds, and with them sometimes its `C`, are others.
pub(super) fn fold_of(row: usize, rows: usize) -> usize {
    (rows - 1 - row) % FOLDS
}

/// The candidate whose fits to four folds predict the fifth best, on average over the folds; the smallest of equals.
/// `None` where a fit does not converge.
pub(super) fn choose_inverse_penalty(rows: &[Row]) -> Option<f64> {
    let mut totals = [0.0; CANDIDATES];
    for fold in 0..FOLDS {
        let side = |held_out: bool| {
            let chosen = rows.iter().enumerate().filter(|(at, _)| (fold_of(*at, rows.len()) == fold) == held_out);
            chosen.map(|(_, row)| *row).collect::<Vec<_>>()
        };
        let (training, held_out) = (side(false), side(true));
        let mut point: Vector = [0.0; COLUMNS];
        for (inverse_penalty, total) in candidates().into_iter().zip(&mut totals) {
            point = minimize(&training, inverse_penalty, point, TOLERANCE)?;
            *total += log_likelihood(&held_out, &point);
        }
    }
    let best = candidates().into_iter().zip(totals).reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(inverse_penalty, _)| inverse_penalty)
}
