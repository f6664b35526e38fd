//! The comparison of weightings as every format shows it: one line an arm.

use crate::analyze::Analysis;
use crate::analyze::analysis::{
    Arm, ArmKind, ArmMeasure, ArmResult, BenchmarkWeightings, Contrast, ContrastVerdict, Headline, SeedVariance,
    WeightingsAnalysis,
};
use crate::analyze::sensitivity_headline;
use crate::sensitivity::Measure;

/// More checkpoints than this have their own tables folded, or left to the other formats, where weightings are compared.
const FOLDED_ABOVE: usize = 6;

/// Whether the tables of single checkpoints step back behind the comparison of weightings.
pub(super) fn is_folded(analysis: &Analysis) -> bool {
    analysis.weightings.is_some() && analysis.checkpoints.len() > FOLDED_ABOVE
}

/// An arm on a benchmark.
pub(super) struct ArmLine<'a> {
    pub arm: &'a Arm,
    result: &'a ArmResult,
}

/// The index that stands for sensitivity on a benchmark; spread where nothing was measured.
pub(super) fn shown_sensitivity(benchmark: &BenchmarkWeightings) -> Headline {
    sensitivity_headline(benchmark).unwrap_or(Headline::Spread)
}

/// One line an arm, in the order of the arms.
pub(super) fn lines<'a>(analysis: &'a WeightingsAnalysis, benchmark: &'a BenchmarkWeightings) -> Vec<ArmLine<'a>> {
    let rows = benchmark.rows.iter();
    rows.filter_map(|result| Some(ArmLine { arm: analysis.arm(&result.arm)?, result })).collect()
}

impl<'a> ArmLine<'a> {
    /// An entry of the arm.
    pub fn entry(&self, headline: Headline) -> Option<&'a ArmMeasure> {
        self.result.measure(headline)
    }

    /// A number of the arm.
    pub fn value(&self, headline: Headline) -> Option<&'a Measure> {
        self.entry(headline).map(|entry| &entry.value)
    }

    /// The arm against its reference.
    pub fn contrast(&self, headline: Headline) -> Option<&'a Contrast> {
        self.entry(headline).and_then(|entry| entry.against_reference.as_ref())
    }

    /// The literature's name, or what the arm is.
    pub fn name(&self) -> &'static str {
        match self.arm.kind {
            ArmKind::Base => "untuned base",
            ArmKind::Unknown => "weighting not known",
            ArmKind::Weighting => self.arm.weighting.and_then(crate::weighting::Weighting::name).unwrap_or_default(),
        }
    }

    /// The same in a word, for narrow tables.
    pub fn short_name(&self) -> &'static str {
        match self.arm.weighting {
            Some(weighting) if weighting == crate::weighting::Weighting::CONVENTIONAL => "conventional",
            Some(weighting) if weighting.response() <= 0.0 => "prompt-only",
            Some(weighting) if weighting.prompt() >= 1.0 && weighting.response() >= 1.0 => "pre-training",
            _ => "",
        }
    }

    /// λp and λr, or nothing.
    pub fn weights(&self) -> [String; 2] {
        match self.arm.weighting {
            Some(weighting) => [weighting.prompt().to_string(), weighting.response().to_string()],
            None => [String::new(), String::new()],
        }
    }

    /// How many seeds, with a mark where their variance is not the arm's own.
    pub fn seeds(&self) -> String {
        let known = self.entry(Headline::Performance).map_or(SeedVariance::NotMeasured, |entry| entry.seed_variance);
        let mark = match known {
            SeedVariance::None => return "–".to_owned(),
            SeedVariance::Measured => "",
            SeedVariance::Borrowed => "†",
            SeedVariance::NotMeasured => "‡",
        };
        format!("{}{mark}", self.arm.checkpoints.len())
    }
}

/// What the marks beside seeds mean, those that occur.
pub(super) fn seed_notes(lines: &[ArmLine<'_>]) -> Vec<&'static str> {
    let marks = [
        ("†", "† one seed: its interval takes the variance between seeds from the weightings that have several."),
        ("‡", "‡ seed variance not measured: the interval speaks of this checkpoint, not of another seed."),
    ];
    let occurs = |mark: &str| lines.iter().any(|line| line.seeds().ends_with(mark));
    marks.into_iter().filter(|(mark, _)| occurs(mark)).map(|(_, text)| text).collect()
}

/// A verdict in the words of the measure.
pub(super) fn verdict_words(headline: Headline, verdict: ContrastVerdict) -> &'static str {
    match verdict {
        ContrastVerdict::Better if headline.is_sensitivity() => "less sensitive",
        ContrastVerdict::Worse if headline.is_sensitivity() => "more sensitive",
        other => other.words(),
    }
}

/// Whom a benchmark's arms are compared with, in words: `conventional tuning (0,1)` where that is all of them.
pub(super) fn reference_words(analysis: &WeightingsAnalysis) -> String {
    let mut ids = analysis.arms.iter().filter_map(|arm| arm.reference.as_deref()).collect::<Vec<_>>();
    ids.sort_unstable();
    ids.dedup();
    let conventional = |id: &&&str| {
        analysis.arm(id).is_some_and(|arm| arm.weighting == Some(crate::weighting::Weighting::CONVENTIONAL))
    };
    match ids.as_slice() {
        [] => "nothing: there is neither conventional tuning (0,1) nor a base".to_owned(),
        ids if ids.iter().all(|id| conventional(&id)) => "conventional tuning (0,1)".to_owned(),
        [only] => format!("the base {only}"),
        _ => "conventional tuning (0,1), or the base where there is none".to_owned(),
    }
}
