//! The best prompt weight against what is known of model and data: the paper's Table 5.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::weightings::results::{Headline, WeightingsAnalysis};
use crate::sensitivity::Measure;
use crate::stats::{benjamini_hochberg, kendall, spearman};

use super::grid::top_benchmarks;
use super::types::{BestCell, CharacteristicCorrelation, CharacteristicsRow, Series};
use super::weight_effects::correlation_measure;

/// Fewer different values of a characteristic than this correlate with nothing.
const FEWEST: usize = 3;

/// Adds what is known of model and data to each series. A row without a model speaks of the data whatever the model, one
/// without data of the model; the last row that speaks of a series wins. A data set known by its digest is also named by the
/// digest's beginning.
pub(super) fn describe(series: &mut [Series], rows: &[CharacteristicsRow]) {
    for own in series {
        let own_rows = rows.iter().filter(|row| speaks_of(row, own)).collect::<Vec<_>>();
        for row in own_rows {
            let known = row.values.iter().filter(|(_, value)| value.is_finite());
            own.characteristics.extend(known.map(|(name, value)| (name.clone(), *value)));
        }
    }
}

/// Whether a row speaks of a series; names are compared without case.
pub(in crate::analyze) fn speaks_of(row: &CharacteristicsRow, series: &Series) -> bool {
    let speaks = |wanted: &Option<String>, own: &Option<String>| match (wanted, own) {
        (None, _) => true,
        (Some(wanted), Some(own)) => wanted.trim().to_lowercase() == own.trim().to_lowercase(),
        (Some(_), None) => false,
    };
    speaks(&row.model, &series.model) && speaks(&row.dataset, &series.dataset)
}

/// One row a characteristic and benchmark, and one for all benchmarks but the mean: there a series counts once, with the mean
/// of its best prompt weights. Series that share a characteristic's value are one observation of it: their best prompt
/// weights are averaged. Preference-tuned series stand aside where there are others. Also what is left out, in words.
pub(super) fn correlations(
    analysis: &WeightingsAnalysis,
    cells: &[BestCell],
    level: f64,
) -> (Vec<CharacteristicCorrelation>, Vec<String>) {
    let preference = |series: &Series| series.stage.as_deref() == Some("dpo");
    let all_preference = analysis.series.iter().all(preference);
    let series = analysis.series.iter().filter(|series| all_preference || !preference(series)).collect::<Vec<_>>();
    let names = series.iter().flat_map(|series| series.characteristics.keys()).collect::<BTreeSet<_>>();
    let top = top_benchmarks(analysis);
    let mut rows = Vec::new();
    let mut left_out = Vec::new();
    for name in names {
        let values = series.iter().filter_map(|series| Some((series.number, *series.characteristics.get(name)?)));
        let values = values.collect::<BTreeMap<_, _>>();
        let different = values.values().map(|value| value.to_bits()).collect::<BTreeSet<_>>().len();
        if different < FEWEST && series.len() > 1 {
            left_out.push(format!(
                "The best prompt weight against {name}: {different} different values among {} series, which are too few.",
                values.len()
            ));
        }
        if different < FEWEST {
            continue;
        }
        let benchmarks = top.iter().map(|benchmark| vec![benchmark.benchmark.as_str()]);
        let every = top.iter().map(|benchmark| benchmark.benchmark.as_str()).collect::<Vec<_>>();
        let together = std::iter::once(every).filter(|every| every.len() > 1);
        for members in together.chain(benchmarks) {
            let best = mean_prompt_weights(cells, &members);
            let label = if let [only] = members.as_slice() { *only } else { "all" };
            rows.extend(correlation(name, label, &values, &best, level));
        }
    }
    adjust(&mut rows);
    (rows, left_out)
}

/// The mean best prompt weight of every series that has a best cell on each of these benchmarks.
fn mean_prompt_weights(cells: &[BestCell], benchmarks: &[&str]) -> BTreeMap<usize, f64> {
    let mut found: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let own = cells.iter().filter(|cell| cell.measure == Headline::Performance && cell.cells > 1);
    for cell in own.filter(|cell| benchmarks.contains(&cell.benchmark.as_str())) {
        found.entry(cell.series).or_default().push(cell.weighting.prompt());
    }
    let complete = found.into_iter().filter(|(_, weights)| weights.len() == benchmarks.len());
    complete.map(|(series, weights)| (series, weights.iter().sum::<f64>() / weights.len() as f64)).collect()
}

fn correlation(
    name: &str,
    benchmark: &str,
    values: &BTreeMap<usize, f64>,
    best: &BTreeMap<usize, f64>,
    level: f64,
) -> Option<CharacteristicCorrelation> {
    let mut by_value: BTreeMap<u64, (f64, Vec<f64>)> = BTreeMap::new();
    for (series, value) in values {
        if let Some(weight) = best.get(series) {
            by_value.entry(value.to_bits()).or_insert_with(|| (*value, Vec::new())).1.push(*weight);
        }
    }
    let mean = |(value, weights): &(f64, Vec<f64>)| (*value, weights.iter().sum::<f64>() / weights.len() as f64);
    let (x, y): (Vec<_>, Vec<_>) = by_value.values().map(mean).unzip();
    if x.len() < FEWEST {
        return None;
    }
    let (rho, tau) = (spearman(&x, &y, level), kendall(&x, &y, level));
    let measure = |found: Option<crate::estimate::Estimate>| -> Measure { correlation_measure(found, x.len()) };
    Some(CharacteristicCorrelation {
        characteristic: name.to_owned(),
        benchmark: benchmark.to_owned(),
        spearman: measure(rho.as_ref().map(|found| found.estimate)),
        spearman_p: rho.as_ref().map(|found| found.p_value),
        kendall: measure(tau.as_ref().map(|found| found.estimate)),
        kendall_p: tau.as_ref().map(|found| found.p_value),
        p_adjusted: None,
    })
}

/// Benjamini and Hochberg's adjustment over all rows that have a p-value.
fn adjust(rows: &mut [CharacteristicCorrelation]) {
    let p_values = rows.iter().filter_map(|row| row.spearman_p).collect::<Vec<_>>();
    let mut adjusted = benjamini_hochberg(&p_values).into_iter();
    for row in rows.iter_mut().filter(|row| row.spearman_p.is_some()) {
        row.p_adjusted = adjusted.next();
    }
}
