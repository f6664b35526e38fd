//! Matrices as views of slices, and their product.
//!
//! The one place of this engine with raw pointers. A [`MatrixMut`] owns the right to write its elements and can only be
//! cut into parts without common elements, so parts may be written by different threads.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use gemm::Parallelism;

/// Below this many multiply-adds a product is not worth handing to other threads.
const PARALLEL_WORK: usize = 1 << 20;

/// Rows or columns of a part at least. Smaller products take other routes through the library, with sums cut otherwise.
const PART: usize = 96;

/// Targets with fewer rows or columns are not cut, for the same reason.
const NARROW: usize = 6;

/// A matrix to read; element `(i, j)` is `values[i * row_stride + j * column_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row after row.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Row after row, `row_stride` apart.
    pub fn strided(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(rows == 0 || columns == 0 || (rows - 1) * row_stride + columns <= values.len(), "matrix within slice");
        Self { values, rows, columns, row_stride, column_stride: 1 }
    }

    /// Rows become columns.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn part(self, first_row: usize, rows: usize, first_column: usize, columns: usize) -> Self {
        assert!(first_row + rows <= self.rows && first_column + columns <= self.columns, "part within matrix");
        let start = first_row * self.row_stride + first_column * self.column_stride;
        Self { values: self.values.get(start..).unwrap_or_default(), rows, columns, ..self }
    }
}

/// A matrix to write, row after row, `row_stride` apart.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    owner: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is an exclusive borrow of its elements, which no other `MatrixMut` has; `f32` may be sent.
unsafe impl Send for MatrixMut<'_> {}

impl<'a> MatrixMut<'a> {
    /// Row after row.
    pub fn new(values: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Row after row, `row_stride` apart.
    pub fn strided(values: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(columns <= row_stride || rows <= 1, "rows do not overlap");
        assert!(rows == 0 || columns == 0 || (rows - 1) * row_stride + columns <= values.len(), "matrix within slice");
        Self { start: values.as_mut_ptr(), rows, columns, row_stride, owner: PhantomData }
    }

    /// The same elements for a shorter time.
    pub fn reborrow(&mut self) -> MatrixMut<'_> {
        MatrixMut { owner: PhantomData, ..*self }
    }

    /// The first rows, and the rest.
    pub fn split_rows(self, at: usize) -> (Self, Self) {
        assert!(at <= self.rows, "split within matrix");
        // The rest of an empty rest keeps the start; nothing is ever read or written through it.
        let step = if at == self.rows { 0 } else { at * self.row_stride };
        let rest = Self { start: self.start.wrapping_add(step), rows: self.rows - at, ..self };
        (Self { rows: at, ..self }, rest)
    }

    /// The first columns, and the rest. Their elements are interleaved in memory but disjoint.
    pub fn split_columns(self, at: usize) -> (Self, Self) {
        assert!(at <= self.columns, "split within matrix");
        let step = if at == self.columns { 0 } else { at };
        let rest = Self { start: self.start.wrapping_add(step), columns: self.columns - at, ..self };
        (Self { columns: at, ..self }, rest)
    }

    /// Columns `first..first + count`.
    pub fn columns(self, first: usize, count: usize) -> Self {
        self.split_columns(first).1.split_columns(count).0
    }

    /// Rows `first..first + count`.
    pub fn rows(self, first: usize, count: usize) -> Self {
        self.split_rows(first).1.split_rows(count).0
    }

    /// One row.
    pub fn row(&mut self, index: usize) -> &mut [f32] {
        assert!(index < self.rows, "row of matrix");
        // SAFETY: the constructor checked that every row lies in the borrowed slice, parts only shrink, and no other
        // `MatrixMut` has these elements; the borrow of `self` keeps a second row from being taken at the same time.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(index * self.row_stride), self.columns) }
    }
}

/// `target = scale * a b`, added to what the target holds where `accumulate` says so.
///
/// With several lanes, stretches of rows or of columns of the target go to as many threads. Sums over the inner
/// dimension are never cut differently, so the lanes change no bit.
pub fn product(mut target: MatrixMut<'_>, accumulate: bool, a: Matrix<'_>, b: Matrix<'_>, scale: f32, lanes: usize) {
    assert!(target.rows == a.rows && target.columns == b.columns && a.columns == b.rows, "shapes of a product");
    let work = target.rows * target.columns * a.columns;
    let narrow = target.rows.min(target.columns) < NARROW;
    if lanes <= 1 || work < PARALLEL_WORK || narrow {
        single(&mut target, accumulate, a, b, scale);
        return;
    }
    let by_rows = target.rows >= target.columns;
    let size = if by_rows { target.rows } else { target.columns };
    let step = size.div_ceil(lanes).next_multiple_of(48).max(PART);
    rayon::scope(|scope| {
        let mut rest = target;
        let mut first = 0;
        while first < size {
            let left_over = size - first;
            let count = if left_over < step + PART { left_over } else { step };
            let (mut part, left, right);
            if by_rows {
                (part, rest) = rest.split_rows(count);
                (left, right) = (a.part(first, count, 0, a.columns), b);
            } else {
                (part, rest) = rest.split_columns(count);
                (left, right) = (a, b.part(0, b.rows, first, count));
            }
            scope.spawn(move |_| single(&mut part, accumulate, left, right, scale));
            first += count;
        }
    });
}

#[allow(clippy::cast_possible_wrap)]
fn single(target: &mut MatrixMut<'_>, accumulate: bool, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    // SAFETY: all three views were checked to lie in their slices when they were made, `product` checked that their
    // sizes fit together, and the target's elements are borrowed exclusively, so neither operand overlaps it.
    unsafe {
        gemm::gemm(
            target.rows,
            target.columns,
            a.columns,
            target.start,
            1,
            target.row_stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + seed * 101) % 97) as f32 / 97.0 - 0.5).collect()
    }

    #[test]
    fn a_product_into_part_of_a_matrix_is_the_sum_of_products_and_leaves_the_rest() {
        let (rows, columns, inner) = (70, 33, 19);
        let (a, b) = (numbers(rows * inner, 1), numbers(columns * inner, 2));
        let mut c = numbers(rows * 50, 3);
        let before = c.clone();
        let target = MatrixMut::new(&mut c, rows, 50).columns(7, columns);
        product(target, true, Matrix::new(&a, rows, inner), Matrix::new(&b, columns, inner).transposed(), 0.5, 1);
        for i in 0..rows {
            for j in 0..50 {
                let mut expected = f64::from(before[i * 50 + j]);
                if (7..7 + columns).contains(&j) {
                    let terms = (0..inner).map(|k| f64::from(a[i * inner + k]) * f64::from(b[(j - 7) * inner + k]));
                    expected += 0.5 * terms.sum::<f64>();
                }
                assert!((f64::from(c[i * 50 + j]) - expected).abs() < 1e-6, "{i}, {j}");
            }
        }
    }

    #[test]
    fn lanes_change_no_bit() {
        for (rows, columns, inner) in [(300, 120, 700), (100, 500, 70), (193, 64, 700), (5, 1_000, 600), (8, 385, 700)]
        {
            let (a, b) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
            let run = |lanes| {
                let mut c = numbers(rows * columns, 3);
                let (a, b) = (Matrix::new(&a, rows, inner), Matrix::new(&b, inner, columns));
                product(MatrixMut::new(&mut c, rows, columns), true, a, b, 1.0, lanes);
                c.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            assert!([2, 3, 4, 7].into_iter().all(|lanes| run(lanes) == run(1)), "{rows}, {columns}, {inner}");
        }
    }
}
