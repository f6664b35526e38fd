//! Reports of tables of scores that were made elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;

use super::{ReportArgs, outputs};
use crate::analyze::picture::CharacteristicsRow;
use crate::analyze::scores::{ScoreOptions, ScoreTable, ScoresError, analyze_scores};
use crate::cli::Exit;
use crate::cli::progress::note;
use crate::data::score_table::published::PublishedFigures;

/// Writes the report of the tables.
pub(super) fn run(args: &ReportArgs, characteristics: Vec<CharacteristicsRow>) -> anyhow::Result<Exit> {
    if !args.runs.is_empty() {
        bail!(
            "RUN and --scores together: runs are compared instance by instance, a table of scores has no instances, so one \
             report cannot hold both; make two"
        );
    }
    let mut scales = BTreeMap::new();
    for (name, factor) in &args.scale {
        if scales.insert(name.clone(), *factor).is_some() {
            bail!("--scale names {name} twice; give one factor");
        }
    }
    let beside = || args.scores.first().and_then(|path| path.parent()).unwrap_or_else(|| Path::new("")).join("report");
    let output = args.output_path.clone().unwrap_or_else(beside);
    outputs::keep(args.scores.iter().chain(&args.published).chain(&args.characteristics), &output)?;
    let published = args.published.as_deref().map(PublishedFigures::read).transpose()?;
    let table = ScoreTable::read(&args.scores)?;
    let options = ScoreOptions { level: args.options.level, scales, characteristics, published };
    let analysis = match analyze_scores(&table, &options) {
        Err(nothing @ ScoresError::NothingToCompare { .. }) => {
            note(false, &nothing.to_string());
            return Ok(Exit::Nothing);
        }
        analysis => analysis?,
    };
    outputs::write(&analysis, &args.options, &output, args.quiet)?;
    Ok(Exit::Success)
}

/// Reads `MT-Bench=10`.
pub(super) fn scale(text: &str) -> Result<(String, f64), String> {
    let parts = text.rsplit_once('=').map(|(name, factor)| (name.trim(), factor.trim().parse::<f64>()));
    match parts {
        Some((name, Ok(factor))) if !name.is_empty() && factor.is_finite() && factor > 0.0 => {
            Ok((name.to_owned(), factor))
        }
        _ => Err("write NAME=FACTOR with a factor above 0, such as MT-Bench=10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_a_benchmark_and_a_factor_above_0() {
        assert_eq!(scale("MT-Bench=10"), Ok(("MT-Bench".to_owned(), 10.0)));
        assert_eq!(scale("a=b = 0.5"), Ok(("a=b".to_owned(), 0.5)));
        for wrong in ["MT-Bench", "=10", "x=0", "x=-1", "x=inf", "x=ten"] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }
}
