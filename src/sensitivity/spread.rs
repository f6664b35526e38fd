//! Spread of `FormatSpread`, and the paired changes that indices over variants are made of.

use super::matrix::MatrixRow;

/// Adds an item's changes of credit against its own original to the sums, a pair (sum of changes, items) a perturbed
/// variant.
pub(super) fn add_changes(row: &MatrixRow, sums: &mut [(f64, f64)]) {
    let Some(original) = row.original() else { return };
    for ((change, items), credit) in sums.iter_mut().zip(row.credits.iter().skip(1)) {
        if let Some(credit) = credit {
            *change += credit - original;
            *items += 1.0;
        }
    }
}

/// Each variant's mean change of credit against the original *of the same items*,
/// `d_v = mean over items with both of (c_iv - c_i0)`, the original's 0 first; NaN for a variant that no item has.
///
/// With no cell missing, `d_v` is the difference of the variants' means. With missing cells it compares like with like:
/// a variant that only easy items have does not look better for that.
pub(super) fn levels(sums: &[(f64, f64)]) -> Vec<f64> {
    let changes = sums.iter().map(|(change, items)| if *items > 0.0 { change / items } else { f64::NAN });
    std::iter::once(0.0).chain(changes).collect()
}

/// Spread: `max_v m_v - min_v m_v` over all variants, original included, `m_v` the variants' mean credits.
///
/// Means are taken as [paired changes](levels), the original's being 0; with no cell missing the result is the
/// plain difference of the best and the worst mean. Range 0 to the width of the credit's range (with missing cells up to
/// twice it, where the extremes come from different items); more means more sensitive. It never falls when a variant is
/// added: compare only runs with equal variants. The point is biased upwards by sampling error (a maximum minus a minimum of
/// noisy means); the interval is not: it is made of simultaneous bounds over all pairs of variants
/// ([`crate::stats`], `levels.rs`), contains the point, holds the truth with at least its level, and reaches 0 where noise alone
/// explains the spread. Unit: the credit's. Source: Sclar et al., `FormatSpread`, ICLR 2024 (arXiv 2310.11324), its performance
/// spread; here over the variants given, without its search.
pub(super) fn spread(levels: &[f64]) -> Option<f64> {
    if levels.len() < 2 {
        return None;
    }
    let high = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = levels.iter().copied().fold(f64::INFINITY, f64::min);
    Some(high - low)
}
