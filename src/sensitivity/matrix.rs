//! Instances by variants: what every index reads.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::stats::cluster_indices;
use crate::variant::VariantId;

/// One instance's credits and answers, a cell a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatrixRow {
    /// Identifier of the instance.
    pub instance: String,
    /// Cluster of the instance.
    pub cluster: String,
    /// Credit under each variant; `None` where there is no such variant or no score.
    pub credits: Vec<Option<f64>>,
    /// Answer under each variant, comparable from variant to variant (option *texts*, not letters, where a
    /// perturbation moves options). `None` where there is none.
    pub answers: Vec<Option<String>>,
}

/// Credits of instances under variants. Column 0 is the original; every row has a cell for every column.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditMatrix {
    variants: Vec<VariantId>,
    items: Vec<MatrixRow>,
}

/// A matrix that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MatrixError {
    /// Column 0 must be the identity.
    #[error("column 0 is {found}, not the original: put the original variant first")]
    OriginalNotFirst {
        /// What stands there.
        found: String,
    },
    /// A row has too few or too many cells.
    #[error(
        "instance {instance} has {found} {what}, the matrix has {columns} variants: give one a variant, None where missing"
    )]
    Ragged {
        /// The row.
        instance: String,
        /// `credits` or `answers`.
        what: &'static str,
        /// Its cells.
        found: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// A credit is NaN or infinite.
    #[error("instance {instance}, variant {variant}: the credit is not finite; an unscored response is None")]
    NotFinite {
        /// The row.
        instance: String,
        /// The column.
        variant: String,
    },
}

impl CreditMatrix {
    /// A matrix whose shape was checked.
    pub fn new(variants: Vec<VariantId>, items: Vec<MatrixRow>) -> Result<Self, MatrixError> {
        match variants.first() {
            Some(first) if first.is_original() => {}
            other => {
                let found = other.map_or_else(|| "missing".to_owned(), ToString::to_string);
                return Err(MatrixError::OriginalNotFirst { found });
            }
        }
        let columns = variants.len();
        for row in &items {
            for (what, found) in [("credits", row.credits.len()), ("answers", row.answers.len())] {
                if found != columns {
                    return Err(MatrixError::Ragged { instance: row.instance.clone(), what, found, columns });
                }
            }
            let bad = row.credits.iter().zip(&variants).find(|(cell, _)| cell.is_some_and(|c| !c.is_finite()));
            if let Some((_, variant)) = bad {
                return Err(MatrixError::NotFinite { instance: row.instance.clone(), variant: variant.to_string() });
            }
        }
        Ok(Self { variants, items })
    }

    /// The columns, original first.
    pub fn variants(&self) -> &[VariantId] {
        &self.variants
    }

    /// The rows.
    pub fn items(&self) -> &[MatrixRow] {
        &self.items
    }

    /// Cells without a credit.
    pub fn missing_cells(&self) -> usize {
        self.items.iter().flat_map(|row| &row.credits).filter(|cell| cell.is_none()).count()
    }

    /// Why an index is undefined: the simplest reason that holds, else the index's own.
    pub(super) fn reason_or(&self, own: &str) -> String {
        if self.items.is_empty() {
            "no items".to_owned()
        } else if self.variants.len() < 2 && self.items.iter().any(|row| row.original().is_some()) {
            "only the original was asked: a sensitivity needs at least one perturbation".to_owned()
        } else {
            own.to_owned()
        }
    }

    /// Whether every credit lies in [0, 1].
    pub(super) fn credits_are_shares(&self) -> bool {
        self.items.iter().flat_map(|row| &row.credits).flatten().all(|credit| (0.0..=1.0).contains(credit))
    }

    /// Cluster number of each row, by first appearance.
    pub(super) fn clusters(&self) -> Vec<usize> {
        cluster_indices(self.items.iter().map(|row| row.cluster.as_str()))
    }
}

impl MatrixRow {
    /// Credits that are there, in column order.
    pub(super) fn present(&self) -> Vec<f64> {
        self.credits.iter().flatten().copied().collect()
    }

    /// The original's credit.
    pub(super) fn original(&self) -> Option<f64> {
        self.credits.first().copied().flatten()
    }

    /// Credits of the perturbed variants that are there.
    pub(super) fn perturbed(&self) -> Vec<f64> {
        self.credits.iter().skip(1).flatten().copied().collect()
    }
}
