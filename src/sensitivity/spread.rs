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

/// Each perturbed variant's mean change of credit against the original *of the same items*,
/// `d_v = mean over items with both of (c_iv - c_i0)`; variants that no item has are left out.
///
/// With no cell missing, `d_v` is the difference of the variants' means. With missing cells it compares like with like:
/// a variant that only easy items have does not look better for that.
pub(super) fn paired_changes(sums: &[(f64, f64)]) -> Vec<f64> {
    sums.iter().filter(|(_, items)| *items > 0.0).map(|(change, items)| change / items).collect()
}

/// Spread: `max_v m_v - min_v m_v` over all variants, original included, `m_v` the variants' mean credits.
///
/// Means are taken as [paired changes](paired_changes), the original's being 0; with no cell missing the result is the
/// plain difference of the best and the worst mean. Range 0 to the width of the credit's range (with missing cells up to
/// twice it, where the extremes come from different items); more means more sensitive. It never falls when a variant is
/// added: compare only runs with equal variants. Biased upwards by sampling error (a maximum minus a minimum of noisy
/// means), and so are the bootstrap's draws. Unit: the credit's. Source: Sclar et al., `FormatSpread`, ICLR 2024 (arXiv
/// 2310.11324), its performance spread; here over the variants given, without its search.
pub(super) fn spread(changes: &[f64]) -> Option<f64> {
    if changes.is_empty() {
        return None;
    }
    let high = changes.iter().copied().fold(0.0, f64::max);
    let low = changes.iter().copied().fold(0.0, f64::min);
    Some(high - low)
}
