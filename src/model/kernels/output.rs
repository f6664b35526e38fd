//! One output that several threads write, each its own tiles.

use std::marker::PhantomData;

/// A row-major matrix whose disjoint pieces are written from several threads.
pub(super) struct SharedOutput<'a> {
    start: *mut f32,
    rows: usize,
    width: usize,
    first_row: usize,
    first_column: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer comes from an exclusive borrow that lives as long as this value; whoever calls `piece` promises
// that no two pieces that are alive together overlap, so no location is reachable from two threads.
#[allow(unsafe_code)]
unsafe impl Sync for SharedOutput<'_> {}

impl<'a> SharedOutput<'a> {
    /// Takes over a matrix of `values.len() / width` rows.
    pub fn new(values: &'a mut [f32], width: usize) -> Self {
        Self::part(values, width, 0, 0)
    }

    /// Takes over the part of a matrix that begins at this row and column.
    pub fn part(values: &'a mut [f32], width: usize, first_row: usize, first_column: usize) -> Self {
        let rows = values.len() / width.max(1);
        Self { start: values.as_mut_ptr(), rows, width, first_row, first_column, borrow: PhantomData }
    }

    /// Columns `column..column + length` of a row, both counted in the whole matrix.
    ///
    /// # Safety
    ///
    /// While the piece is alive, no other piece that shares a value with it may be.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    pub unsafe fn piece(&self, row: usize, column: usize, length: usize) -> &mut [f32] {
        let (row, column) = (row - self.first_row, column - self.first_column);
        assert!(row < self.rows && column <= self.width && length <= self.width - column, "tile outside the output");
        // SAFETY: the assertion keeps the range inside the borrowed slice; exclusiveness is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.width + column), length) }
    }
}
