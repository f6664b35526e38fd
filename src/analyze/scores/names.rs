//! What a benchmark's name says about it.

use crate::analyze::weightings::results::Headline;

/// The name of the mean over benchmarks.
pub(super) const AVERAGE: &str = "average";

/// A name without case and punctuation: `MT-Bench` is `mtbench`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether it is MT-Bench or of its kind: ratings from 1 to 10.
pub(super) fn is_rating(name: &str) -> bool {
    plain(name).starts_with("mtbench")
}

/// Whether it is the mean over benchmarks.
pub(super) fn is_average(name: &str) -> bool {
    plain(name) == AVERAGE
}

/// What a column is.
pub(super) enum Column<'a> {
    /// The performance on a benchmark.
    Performance,
    /// The table's own mean over benchmarks.
    Average,
    /// A measure of sensitivity or of robustness, of a benchmark or of all.
    Measure(Headline, Option<&'a str>),
    /// A sensitivity for which reports have no place.
    NoPlace,
}

/// What the name in the column `benchmark` says: `posix` is the series' sensitivity, `MMLU/posix` that on MMLU.
pub(super) fn column(name: &str) -> Column<'_> {
    let (of, last) = match name.rsplit_once('/') {
        Some((of, last)) => (Some(of), last),
        None => (None, name),
    };
    if let Some(headline) = headline(last) {
        return Column::Measure(headline, of.filter(|of| !is_average(of)));
    }
    if of.is_none() && is_average(name) {
        Column::Average
    } else if plain(last) == "pss" {
        Column::NoPlace
    } else {
        Column::Performance
    }
}

fn headline(name: &str) -> Option<Headline> {
    Some(match plain(name).as_str() {
        "posix" => Headline::Posix,
        "spread" | "formatspread" => Headline::Spread,
        "worstcase" => Headline::WorstCase,
        "fliprate" => Headline::FlipRate,
        "variance" => Headline::Variance,
        "perturbed" => Headline::Perturbed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitivities_belong_to_all_benchmarks_or_to_the_one_before_the_slash() {
        assert!(matches!(column("POSIX"), Column::Measure(Headline::Posix, None)));
        assert!(matches!(column("MMLU/worst_case"), Column::Measure(Headline::WorstCase, Some("MMLU"))));
        assert!(is_rating("MT-Bench") && is_rating("mt_bench") && !is_rating("mtob"));
        assert!(matches!(column("average/spread"), Column::Measure(Headline::Spread, None)));
        assert!(matches!(column("Average"), Column::Average));
        assert!(matches!(column("pss"), Column::NoPlace));
        assert!(matches!(column("bbh/navigate"), Column::Performance));
    }
}
