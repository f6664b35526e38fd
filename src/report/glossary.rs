//! Every abbreviation and index of a report, explained once.

use crate::sensitivity::Index;

mod comparison;

use comparison::PICTURE_TERMS;

/// A term, its full name and what it means.
pub(super) struct Term {
    /// Its anchor on the page.
    pub id: &'static str,
    pub label: &'static str,
    pub name: &'static str,
    pub meaning: &'static str,
}

/// The terms, in the order in which a report uses them.
const TERMS: [Term; 21] = [
    Term {
        id: "weights",
        label: "λp, λr",
        name: "loss weights",
        meaning: "Weights of prompt tokens and of response tokens in the loss that the checkpoint was tuned with \
                  (Weighted Instruction Tuning). λp 0, λr 1 is conventional instruction tuning.",
    },
    Term {
        id: "interval",
        label: "0.312 [0.27, 0.36]",
        name: "estimate and interval",
        meaning: "The measured value and its confidence interval. Instances are the independent unit (or the clusters \
                  that the task declares); wordings of one instance are not independent of each other.",
    },
    Term {
        id: "plus-minus",
        label: "±",
        name: "longer side of the interval",
        meaning: "Used where there is no room for both ends.",
    },
    Term {
        id: "original",
        label: "original",
        name: "original wording",
        meaning: "The prompt as the benchmark has it; nothing is perturbed.",
    },
    Term {
        id: "change",
        label: "change",
        name: "mean change",
        meaning: "Mean over instances of the perturbed wordings' credit minus the original's, paired on the instance. \
                  Performance of a perturbation is over instances too, each with its wordings as one: without missing \
                  answers, change is performance minus original. \
                  For perplexities the credit is a negative log-probability, so the change is in nats.",
    },
    Term {
        id: "worst",
        label: "worst",
        name: "worst variant",
        meaning: "Performance under the single wording that changes the original most for the worse, by the paired \
                  change (where lower is better: that raises it most). It is the extreme of several noisy numbers, so \
                  it looks worse than it would on new data.",
    },
    Term {
        id: "spread",
        label: "spread",
        name: "FormatSpread's spread",
        meaning: "Best minus worst wording, by mean credit. Never \
        negative, and above 0 by chance alone: compare it only between equal numbers of wordings and instances.",
    },
    Term {
        id: "posix",
        label: "POSIX",
        name: "prompt sensitivity index",
        meaning: "How much the log-probability of a reply changes, per token, when the prompt is replaced by another \
                  wording. 0 is insensitive; there is no upper end. In nats a token, over the original and the first draw of \
                  every perturbation that leaves the right answer as it was.",
    },
    Term {
        id: "flip-rate",
        label: "flip rate",
        name: "mean flip rate",
        meaning: "Share of perturbed wordings that change an item's \
        credit, averaged over items. 0 to 1; 0 is insensitive.",
    },
    Term {
        id: "any-flip",
        label: "any flip",
        name: "flip rate, any wording",
        meaning: "Share of items whose credit at least one \
        perturbed wording changes. Grows with the number of wordings.",
    },
    Term {
        id: "pdr",
        label: "PDR",
        name: "performance drop rate",
        meaning: "(original − perturbed) / original. Positive where \
        perturbation lowers the credit, which for perplexities is an improvement; undefined where the original is 0.",
    },
    Term {
        id: "consistency",
        label: "consistency",
        name: "consistency rate",
        meaning: "Share of pairs of wordings of an item that get the \
        same answer (SCORE). 1 is insensitive.",
    },
    Term {
        id: "pss",
        label: "PSS",
        name: "ProSA's prompt sensitivity score",
        meaning: "Mean absolute difference of credit between \
        two wordings of an item. 0 is insensitive.",
    },
    Term {
        id: "sd",
        label: "sd",
        name: "standard deviation between wordings",
        meaning: "Standard deviation of mean credit from \
        wording to wording.",
    },
    Term {
        id: "worst-case",
        label: "worst case, best case",
        name: "HELM's worst and best case",
        meaning: "Mean over items of the worst \
        and the best credit that any wording got; where lower is better, the worst credit is the highest.",
    },
    Term {
        id: "seeds",
        label: "seeds",
        name: "training seeds",
        meaning: "Checkpoints of one weighting, base and stage. Numbers are means over them; intervals carry the choice of \
                  instances and, where a weighting of the grid has several seeds, the variance between seeds, pooled over \
                  the weightings.",
    },
    Term {
        id: "may-be-best",
        label: "may be best",
        name: "weightings that cannot be told from the best",
        meaning: "No other weighting is shown to beat it. The truly best weighting is among them with the probability of \
                  the intervals' level, although the data chose the best point (Gupta's subset selection).",
    },
    Term {
        id: "acc",
        label: "acc",
        name: "accuracy",
        meaning: "Share of right answers; for multiple choice the answer is the \
        likeliest choice. acc_norm divides each log-probability by the choice's length.",
    },
    Term {
        id: "exact-match",
        label: "exact_match",
        name: "exact match",
        meaning: "Share of generated answers that equal a target after \
        the task's filter took them from the reply.",
    },
    Term {
        id: "chance",
        label: "chance",
        name: "chance level",
        meaning: "Expected accuracy of guessing: right choices / choices.",
    },
    Term {
        id: "unscored",
        label: "unscored",
        name: "unscored",
        meaning: "An answer that could not be judged. It counts neither as \
        right nor as wrong; how many there are is always stated.",
    },
];

/// All terms: those of every report, then those of a comparison of weightings.
pub(super) fn terms() -> impl Iterator<Item = &'static Term> {
    TERMS.iter().chain(&PICTURE_TERMS)
}

/// The anchor of the term that explains a table's column, by the column's heading.
pub(super) fn term_of(column: &str) -> Option<&'static str> {
    let id = match column {
        "mean best λp" | "mean best λr" | "λp" | "λr" | "Weight" => "weights",
        "Best cell" => "best-cell",
        "Cannot be told from it" | "Others not told from it" => "may-be-best",
        "Tied with" => "tied",
        "Relative gain" | "Mean relative gain" | "Gain over (0, 1)" | "Relative" => "relative-gain",
        "Chosen from" => "chosen-from",
        "Grid" | "Grids" => "grid",
        "On the front" | "May be on the front" => "front",
        "Slope" => "slope",
        "Spearman's rho" | "p of rho" => "spearman",
        "Kendall's tau" | "p of tau" => "kendall",
        "adjusted p of rho" => "adjusted-p",
        "Mean, nats a token" => "log-probability",
        "Variance" => "variance-components",
        _ => return None,
    };
    Some(id)
}

/// The indices with their names in files and their meaning.
pub(super) fn indices() -> [(&'static str, &'static str); 6] {
    [
        Index::BetweenVariantVariance,
        Index::WithinItemVariance,
        Index::WithinItemSd,
        Index::AnswerFlipRateAny,
        Index::AnswerFlipRateMean,
        Index::MeanOverVariants,
    ]
    .map(|index| (index.as_str(), index.meaning()))
}
