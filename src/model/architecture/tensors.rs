//! Which stored tensor, or which part of one, a weight is.

/// The part of a stored tensor that a weight is. Rows are outputs of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of it.
    Whole,
    /// Rows `start..start + length` (of a vector: its entries).
    Rows {
        /// First row.
        start: usize,
        /// Number of rows.
        length: usize,
    },
    /// Columns `start..start + length`, transposed: the projection is stored as `(inputs, outputs)`.
    Columns {
        /// First column.
        start: usize,
        /// Number of columns.
        length: usize,
    },
    /// Of rows that hold `parts` parts of `head_dim` rows for each head in turn, every head's part number `part`.
    HeadRows {
        /// Which part.
        part: usize,
        /// How many there are.
        parts: usize,
        /// Rows of one part of one head.
        head_dim: usize,
    },
}

/// A stored tensor and the part of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorView {
    /// Names under which it may be stored, preferred first.
    pub names: Vec<String>,
    /// Shape as stored.
    pub shape: Vec<usize>,
    /// The part.
    pub selection: Selection,
}

impl TensorView {
    pub(super) fn whole(name: impl Into<String>, shape: &[usize]) -> Self {
        Self { names: vec![name.into()], shape: shape.to_vec(), selection: Selection::Whole }
    }

    pub(super) fn or(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Rows `start..start + length` of a tensor with `rows` rows.
    pub(super) fn rows(name: impl Into<String>, shape: &[usize], start: usize, length: usize) -> Self {
        Self { names: vec![name.into()], shape: shape.to_vec(), selection: Selection::Rows { start, length } }
    }
}

/// `y = W x + b` with `W` of shape `(outputs, inputs)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Width of `x`.
    pub inputs: usize,
    /// Width of `y`.
    pub outputs: usize,
    /// `W`.
    pub weight: TensorView,
    /// `b`.
    pub bias: Option<TensorView>,
}

impl Linear {
    /// `{name}.weight` and, where there is one, `{name}.bias`.
    pub(super) fn named(name: &str, inputs: usize, outputs: usize, bias: bool) -> Self {
        Self {
            inputs,
            outputs,
            weight: TensorView::whole(format!("{name}.weight"), &[outputs, inputs]),
            bias: bias.then(|| TensorView::whole(format!("{name}.bias"), &[outputs])),
        }
    }
}
