//! From p-values to verdicts: adjusted within families of tests of one kind, and never beyond the interval.

use crate::analyze::analysis::{ContrastVerdict, Headline};
use crate::stats::{benjamini_hochberg, holm};

use super::{ComparedMean, ComparedMeasure, ComparedTask, Correction};

/// Tests that answer one question, and are adjusted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Did performance change, on any task?
    Tasks,
    /// Did a mean over tasks change?
    Means,
    /// Performance under which perturbations?
    Perturbations,
    /// Which measures over all wordings?
    Measures,
    /// Such measures of means over tasks.
    MeanMeasures,
    /// Anything by metrics that do not stand for their task.
    FurtherMetrics,
}

impl Family {
    const ALL: [Self; 6] =
        [Self::Tasks, Self::Means, Self::Perturbations, Self::Measures, Self::MeanMeasures, Self::FurtherMetrics];

    fn correction(self) -> Correction {
        match self {
            Self::Tasks | Self::Means => Correction::Holm,
            _ => Correction::BenjaminiHochberg,
        }
    }

    fn of_task(primary: bool, entry: &ComparedMeasure) -> Self {
        match (primary, &entry.perturbation, entry.measure) {
            (false, ..) => Self::FurtherMetrics,
            (true, Some(_), _) => Self::Perturbations,
            (true, None, Headline::Performance) => Self::Tasks,
            (true, None, _) => Self::Measures,
        }
    }

    fn of_mean(entry: &ComparedMeasure) -> Self {
        if entry.measure == Headline::Performance { Self::Means } else { Self::MeanMeasures }
    }
}

/// Adjusts every p-value and says what may be said.
pub(super) fn judge(tasks: &mut [ComparedTask], means: &mut [ComparedMean], level: f64) {
    let mut entries = Vec::new();
    for task in tasks {
        let primary = task.primary;
        let own = task.measures.iter_mut().chain(&mut task.perturbations);
        entries.extend(own.map(|entry| (Family::of_task(primary, entry), entry)));
    }
    for mean in means {
        entries.extend(mean.measures.iter_mut().map(|entry| (Family::of_mean(entry), entry)));
    }
    for family in Family::ALL {
        let mut own = entries.iter_mut().filter(|(of, _)| *of == family).map(|(_, entry)| entry).collect::<Vec<_>>();
        let p_values = own.iter().filter_map(|entry| entry.p_value).collect::<Vec<_>>();
        let adjusted = match family.correction() {
            Correction::Holm => holm(&p_values),
            Correction::BenjaminiHochberg => benjamini_hochberg(&p_values),
        };
        let mut adjusted = adjusted.into_iter();
        for entry in &mut own {
            entry.correction = family.correction();
            entry.comparisons = p_values.len();
            entry.p_adjusted = entry.p_value.and_then(|_| adjusted.next());
            entry.verdict = verdict(entry, level);
        }
    }
}

/// Better or worse where the adjusted p-value is below `1 - level` and the interval excludes 0.
fn verdict(entry: &ComparedMeasure, level: f64) -> ContrastVerdict {
    let Some(difference) = entry.difference.estimate() else {
        return ContrastVerdict::Unknown;
    };
    let Some(interval) = difference.interval else {
        // Answers that are equal everywhere are not told apart, whatever is known of their spread.
        let equal = difference.point.abs() <= 0.0 && difference.clusters > 1;
        return if equal { ContrastVerdict::NotToldApart } else { ContrastVerdict::Unknown };
    };
    let shown = entry.p_adjusted.is_some_and(|p| p < 1.0 - level);
    let up = interval.low > 0.0;
    if shown && (up || interval.high < 0.0) {
        if up == entry.more_is_better { ContrastVerdict::Better } else { ContrastVerdict::Worse }
    } else {
        ContrastVerdict::NotToldApart
    }
}
