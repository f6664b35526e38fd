//! PSS, the `PromptSensiScore` of `ProSA`.

use super::Measure;
use super::extremes::NEEDS_TWO;
use super::matrix::CreditMatrix;
use super::means::over_items;

/// `PSS = mean_i S_i` with `S_i = mean over pairs of wordings a < b of |c_ia - c_ib|`.
///
/// All wordings of an item count, original included; items with fewer than two scored wordings are left out. Range:
/// 0 (all wordings of every item get equal credit) to the width of the credit's range (two wordings); more means more
/// sensitive. Credits that are 0 or 1, `k` of `n` being 1, give `S_i = 2k(n-k) / (n(n-1))`: twice the item's
/// [within-item variance](super::Index::WithinItemVariance), and at most `n/(2(n-1))` for even `n`. Unit: the credit's.
/// Source: Zhuo et al., `ProSA`, Findings of EMNLP 2024 (arXiv 2410.12405), its PSS.
pub(super) fn pss(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, |row| mean_pairwise_difference(row.present()), NEEDS_TWO)
}

/// Mean of `|a - b|` over pairs. Over sorted values the sum is that of each gap times the pairs that straddle it, which
/// is exactly 0 for equal values.
fn mean_pairwise_difference(mut values: Vec<f64>) -> Option<f64> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let gaps = values.iter().zip(values.iter().skip(1)).map(|(low, high)| high - low);
    let sum = gaps.enumerate().map(|(index, gap)| gap * ((index + 1) * (n - index - 1)) as f64).sum::<f64>();
    Some(sum / (n * (n - 1) / 2) as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorting_gives_the_same_as_all_pairs(values in prop::collection::vec(-3.0..3.0_f64, 2..20)) {
            let mut sum = 0.0;
            for (i, a) in values.iter().enumerate() {
                for b in values.iter().skip(i + 1) {
                    sum += (a - b).abs();
                }
            }
            let pairs = values.len() * (values.len() - 1) / 2;
            prop_assert!((mean_pairwise_difference(values).unwrap() - sum / pairs as f64).abs() < 1e-12);
        }

        #[test]
        fn binary_credits_give_the_closed_form(n in 2..30_usize, k in 0..30_usize) {
            let k = k.min(n);
            let values = (0..n).map(|i| if i < k { 1.0 } else { 0.0 }).collect::<Vec<_>>();
            let closed = (2 * k * (n - k)) as f64 / (n * (n - 1)) as f64;
            prop_assert!((mean_pairwise_difference(values).unwrap() - closed).abs() < 1e-12);
        }
    }
}
