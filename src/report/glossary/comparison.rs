//! Terms of a comparison of weightings.

use super::Term;

/// In the order in which a report uses them.
pub(super) const PICTURE_TERMS: [Term; 13] = [
    Term {
        id: "grid",
        label: "grid",
        name: "series of weightings",
        meaning: "Checkpoints that share base model, training data and stage and differ by λp and λr. A cell is one pair of weights; \
                  (0, 0) is the untuned base.",
    },
    Term {
        id: "best-cell",
        label: "best cell",
        name: "cell with the best point estimate",
        meaning: "The highest performance of a grid (of a sensitivity: the lowest), the base aside. Ties go to the smallest λp, \
                  then the smallest λr. With noise the best point need not be the truly best cell.",
    },
    Term {
        id: "tied",
        label: "tied with",
        name: "cells with the same point",
        meaning: "Other cells whose number is exactly the best one.",
    },
    Term {
        id: "relative-gain",
        label: "relative gain",
        name: "change relative to a reference",
        meaning: "(cell − reference) / reference; the reference is conventional tuning (0, 1) of the same grid. Undefined where the \
                  reference is not above 0.",
    },
    Term {
        id: "chosen-from",
        label: "chosen from",
        name: "cells that the best was chosen from",
        meaning: "The largest of many noisy numbers overstates the truth: the more cells, the more.",
    },
    Term {
        id: "simultaneous",
        label: "simultaneous interval",
        name: "an interval that holds for all comparisons together",
        meaning: "Wider than the interval of one comparison, so that choosing the best afterwards does no harm.",
    },
    Term {
        id: "front",
        label: "front",
        name: "Pareto front",
        meaning: "Cells that no other cell equals or beats in both performance and sensitivity and beats in one. By points; which \
                  cells may be on it counts noise.",
    },
    Term {
        id: "slope",
        label: "slope",
        name: "effect of a weight",
        meaning: "Change of the measure for one unit of the weight, the other weight held fixed: least squares on both weights \
                  over the cells of a grid.",
    },
    Term {
        id: "spearman",
        label: "Spearman's rho",
        name: "rank correlation",
        meaning: "Correlation of ranks, −1 to 1; 0 is none. Its p-value is that of no correlation.",
    },
    Term {
        id: "kendall",
        label: "Kendall's tau",
        name: "rank correlation by pairs",
        meaning: "Share of pairs in the same order minus share in opposite order, corrected for ties (tau-b), −1 to 1.",
    },
    Term {
        id: "adjusted-p",
        label: "adjusted p",
        name: "p-value that counts all comparisons",
        meaning: "Holm for verdicts: the probability of any false one is bounded. Benjamini-Hochberg for correlations: the share \
                  of false ones among those called is bounded.",
    },
    Term {
        id: "log-probability",
        label: "nats a token",
        name: "mean log-probability per token",
        meaning: "Natural logarithm of the probability that the model gives a text, divided by its tokens. At most 0; closer to 0 \
                  is likelier. Models with different tokenizers are not comparable.",
    },
    Term {
        id: "variance-components",
        label: "variance components",
        name: "variance by source",
        meaning: "How much of the variance of a single credit comes from items, wordings, seeds and weightings.",
    },
];
