//! Matrix products, through the crate that Burn's CPU backend uses.

pub(crate) use gemm::Parallelism;

/// All of the machine's threads.
pub(crate) const ALL_THREADS: Parallelism = Parallelism::Rayon(0);

/// A matrix inside a slice, or its transpose. Rows may lie apart, as those of one head among others do.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    /// From a row of `values` to the next.
    stride: usize,
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// `rows x cols` values, row by row.
    pub fn new(values: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(values, rows, cols, cols)
    }

    /// `rows x cols` values whose rows begin `stride` apart.
    pub fn strided(values: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(
            fits(values.len(), rows, cols, stride),
            "the matrix lies in its slice"
        );
        Self {
            values,
            rows,
            cols,
            stride,
            transposed: false,
        }
    }

    /// The same values, read as columns.
    pub fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            transposed: !self.transposed,
            ..self
        }
    }

    /// Steps from a column to the next and from a row to the next.
    fn strides(self) -> (isize, isize) {
        if self.transposed {
            (self.stride as isize, 1)
        } else {
            (1, self.stride as isize)
        }
    }
}

/// Whether `rows` rows of `cols` values that begin `stride` apart lie in `len` values.
fn fits(len: usize, rows: usize, cols: usize, stride: usize) -> bool {
    cols <= stride && (rows == 0 || (rows - 1) * stride + cols <= len)
}

/// Where a product goes: rows that may lie apart.
pub(crate) struct Target<'a> {
    start: *mut f32,
    rows: usize,
    cols: usize,
    stride: usize,
    lives: std::marker::PhantomData<&'a mut [f32]>,
}

impl<'a> Target<'a> {
    /// All of `values`, row by row.
    pub fn new(values: &'a mut [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(values.len(), rows * cols, "the result is all of its slice");
        Self {
            start: values.as_mut_ptr(),
            rows,
            cols,
            stride: cols,
            lives: std::marker::PhantomData,
        }
    }
}

/// Memory that several threads write into, each its own columns or rows.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    lives: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: what is written through it is for the users of `Shared::target` to keep apart.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub fn new(values: &'a mut [f32]) -> Self {
        Self {
            start: values.as_mut_ptr(),
            len: values.len(),
            lives: std::marker::PhantomData,
        }
    }

    /// `rows x cols` values from `offset`, whose rows begin `stride` apart.
    ///
    /// # Safety
    /// No value of it is in two targets that live at once.
    pub unsafe fn target(&self, offset: usize, rows: usize, cols: usize, stride: usize) -> Target<'a> {
        assert!(
            offset <= self.len && fits(self.len - offset, rows, cols, stride),
            "the target lies in its memory"
        );
        Target {
            // SAFETY: `offset` is within the memory, as asserted.
            start: unsafe { self.start.add(offset) },
            rows,
            cols,
            stride,
            lives: std::marker::PhantomData,
        }
    }

    /// `len` values from `offset`.
    ///
    /// # Safety
    /// No value of it is in another slice or target that lives at once.
    pub unsafe fn slice(&self, offset: usize, len: usize) -> &'a mut [f32] {
        assert!(
            offset <= self.len && len <= self.len - offset,
            "the slice lies in its memory"
        );
        // SAFETY: it lies in the memory, as asserted, and nobody else has it, as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), len) }
    }
}

/// `out = keep * out + scale * a b`. With `keep = 0` what was in `out` is not read.
#[allow(clippy::needless_pass_by_value)] // A target is used up: whoever holds it may write.
pub(crate) fn product_on(
    threads: Parallelism,
    out: Target<'_>,
    keep: f32,
    a: Matrix<'_>,
    b: Matrix<'_>,
    scale: f32,
) {
    assert_eq!(a.cols, b.rows, "inner sizes");
    assert_eq!((out.rows, out.cols), (a.rows, b.cols), "outer sizes");
    let ((a_cols, a_rows), (b_cols, b_rows)) = (a.strides(), b.strides());
    // SAFETY: by the assertions here, in `Matrix::strided` and where targets are made, every index that sizes and
    // strides give lies in its memory; `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out.start,
            1,
            out.stride as isize,
            keep != 0.0,
            a.values.as_ptr(),
            a_cols,
            a_rows,
            b.values.as_ptr(),
            b_cols,
            b_rows,
            keep,
            scale,
            false,
            false,
            false,
            threads,
        );
    }
}

/// [`product_on`] this thread alone, into a whole slice.
pub(crate) fn product(out: &mut [f32], keep: f32, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    product_on(
        Parallelism::None,
        Target::new(out, a.rows, b.cols),
        keep,
        a,
        b,
        scale,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_by_hand() {
        // [1 2; 3 4; 5 6] [1 0 2; 0 1 3]
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 2.0, 0.0, 1.0, 3.0]);
        let mut out = [f32::NAN; 9];
        product(&mut out, 0.0, Matrix::new(&a, 3, 2), Matrix::new(&b, 2, 3), 1.0);
        assert_eq!(out, [1.0, 2.0, 8.0, 3.0, 4.0, 18.0, 5.0, 6.0, 28.0]);
        // The same by transposes, on top of what is there, doubled.
        let (a_t, b_t) = ([1.0, 3.0, 5.0, 2.0, 4.0, 6.0], [1.0, 0.0, 0.0, 1.0, 2.0, 3.0]);
        product(
            &mut out,
            1.0,
            Matrix::new(&a_t, 2, 3).t(),
            Matrix::new(&b_t, 3, 2).t(),
            2.0,
        );
        assert_eq!(out, [3.0, 6.0, 24.0, 9.0, 12.0, 54.0, 15.0, 18.0, 84.0]);
    }

    #[test]
    fn rows_that_lie_apart_leave_what_is_between_them() {
        // [1 2; 3 4] times itself, each row with one foreign value behind it.
        let a = [1.0, 2.0, f32::NAN, 3.0, 4.0, f32::NAN];
        let mut out = [0.0, 0.0, 9.0, 0.0, 0.0, 9.0];
        let matrix = Matrix::strided(&a, 2, 2, 3);
        let memory = Shared::new(&mut out);
        // SAFETY: there is no other target.
        let target = unsafe { memory.target(0, 2, 2, 3) };
        product_on(ALL_THREADS, target, 0.0, matrix, matrix, 1.0);
        assert_eq!(out, [7.0, 10.0, 9.0, 15.0, 22.0, 9.0]);
    }

    #[test]
    #[should_panic(expected = "the matrix lies in its slice")]
    fn a_matrix_beyond_its_slice_is_refused() {
        Matrix::strided(&[0.0; 5], 2, 2, 4);
    }
}
