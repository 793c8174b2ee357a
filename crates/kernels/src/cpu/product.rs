//! Small matrix products on one thread, through the crate that Burn's CPU backend uses.

/// A matrix inside a slice, row by row, or its transpose.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// `rows x cols` values, row by row.
    pub fn new(values: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(values.len(), rows * cols, "a matrix is all of its slice");
        Self {
            values,
            rows,
            cols,
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
            (self.rows as isize, 1)
        } else {
            (1, self.cols as isize)
        }
    }
}

/// `out = keep * out + scale * a b`, with `out` row by row. With `keep = 0` what was in `out` is not read.
pub(crate) fn product(out: &mut [f32], keep: f32, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    assert_eq!(a.cols, b.rows, "inner sizes");
    assert_eq!(out.len(), a.rows * b.cols, "the result is all of its slice");
    let ((a_cols, a_rows), (b_cols, b_rows)) = (a.strides(), b.strides());
    // SAFETY: by the assertions here and in `Matrix::new`, every index that sizes and strides give lies in its slice;
    // `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out.as_mut_ptr(),
            1,
            b.cols as isize,
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
            gemm::Parallelism::None,
        );
    }
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
}
