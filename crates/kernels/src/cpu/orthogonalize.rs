//! Orthogonalisation of matrices one by one, in buffers that are used again.
//!
//! With `G = X X^T` (`X` in its wide form) and `P = a I + b G + c G^2`, an iteration is `X <- P X`. All of `G`, `P` and
//! their products are polynomials of one matrix, so they commute and are symmetric: half of each is computed and
//! mirrored. And the next `G` is `P G P`, so several iterations can be taken on `G` alone before `X` is touched by the
//! product of their `P`, which is cheaper the longer the matrix is.

use std::ops::Range;

use super::global_norm::squares;
use super::math::vectorised;
use super::product::{Matrix, Parallelism, Shared, Target, product_on};
use super::slices::uninitialised;
use crate::orthogonalize::Orthogonalize;

/// A matrix in row order and the buffers of its iteration, for matrices up to a size.
pub(super) struct Workspace {
    x: Vec<f32>,
    next: Vec<f32>,
    gram: Vec<f32>,
    polynomial: Vec<f32>,
    factor: Vec<f32>,
    spare: Vec<f32>,
}

impl Workspace {
    /// Room for any one matrix of these shapes.
    pub fn new(Room { whole, short }: Room) -> Self {
        let square = || uninitialised(short * short);
        Self {
            x: uninitialised(whole),
            next: uninitialised(whole),
            gram: square(),
            polynomial: square(),
            factor: square(),
            spare: square(),
        }
    }

    /// Where a matrix of `len` values is written before [`Workspace::orthogonalize`] and read after it.
    pub fn matrix(&mut self, len: usize) -> &mut [f32] {
        &mut self.x[..len]
    }

    /// Brings the singular values of the matrix near 1.
    pub fn orthogonalize(&mut self, shape: [usize; 2], method: Orthogonalize, threads: Parallelism) {
        let size = Size::new(shape);
        self.normalise(size, method);
        let mut steps = method.coefficients().iter();
        for &steps_on_gram in size.segments() {
            self.gram(size, threads);
            for index in 0..steps_on_gram {
                // There are as many coefficients as the segments are long.
                let Some(&coefficients) = steps.next() else { return };
                let place = Place {
                    first: index == 0,
                    last: index + 1 == steps_on_gram,
                };
                self.step_on_gram(size.short, coefficients, place, threads);
            }
            self.apply(size, threads);
        }
    }

    fn normalise(&mut self, size: Size, method: Orthogonalize) {
        let x = &mut self.x[..size.len()];
        let (factor, epsilon) = method.normalisation();
        let scale = 1.0 / (squares(x).sqrt() * factor + epsilon);
        multiply(x, scale as f32);
    }

    /// `gram = X X^T`.
    fn gram(&mut self, size: Size, threads: Parallelism) {
        let x = &self.x[..size.len()];
        let rows = |range| size.wide_rows(x, range);
        symmetric(
            &mut self.gram,
            size.short,
            rows,
            |end| size.wide_rows(x, 0..end).t(),
            threads,
        );
    }

    /// `factor <- P factor`, and unless this is the last step on it, `gram <- P gram P`.
    fn step_on_gram(&mut self, n: usize, [a, b, c]: [f64; 3], place: Place, threads: Parallelism) {
        let gram = &self.gram[..n * n];
        symmetric_product(&mut self.polynomial, gram, gram, n, threads);
        polynomial(&mut self.polynomial, gram, n, [a, b, c].map(|x| x as f32));
        if place.first {
            std::mem::swap(&mut self.factor, &mut self.polynomial);
        } else {
            symmetric_product(&mut self.spare, &self.polynomial, &self.factor, n, threads);
            std::mem::swap(&mut self.factor, &mut self.spare);
        }
        if place.last {
            return;
        }
        // In the first step the factor is the polynomial.
        let p = if place.first {
            &self.factor
        } else {
            &self.polynomial
        };
        symmetric_product(&mut self.spare, p, gram, n, threads);
        symmetric_product(&mut self.gram, &self.spare, p, n, threads);
    }

    /// `X <- factor X`.
    fn apply(&mut self, size: Size, threads: Parallelism) {
        let (n, [rows, cols]) = (size.short, size.shape);
        let x = Matrix::new(&self.x[..size.len()], rows, cols);
        let factor = Matrix::new(&self.factor[..n * n], n, n);
        let out = Target::new(&mut self.next[..size.len()], rows, cols);
        let (left, right) = if size.tall() { (x, factor) } else { (factor, x) };
        product_on(threads, out, 0.0, left, right, 1.0);
        std::mem::swap(&mut self.x, &mut self.next);
    }
}

/// The largest of several matrices, in values, and the largest short side.
#[derive(Clone, Copy)]
pub(super) struct Room {
    whole: usize,
    short: usize,
}

impl Room {
    pub fn for_shapes(shapes: impl Iterator<Item = [usize; 2]>) -> Self {
        let none = Self { whole: 0, short: 0 };
        shapes.fold(none, |room, [rows, cols]| Self {
            whole: room.whole.max(rows * cols),
            short: room.short.max(rows.min(cols)),
        })
    }
}

/// Where a step stands among those that are taken on the Gram matrix alone.
#[derive(Clone, Copy)]
struct Place {
    first: bool,
    last: bool,
}

#[derive(Clone, Copy)]
struct Size {
    shape: [usize; 2],
    short: usize,
    long: usize,
}

impl Size {
    fn new(shape: [usize; 2]) -> Self {
        let [rows, cols] = shape;
        Self {
            shape,
            short: rows.min(cols),
            long: rows.max(cols),
        }
    }

    fn len(self) -> usize {
        self.short * self.long
    }

    fn tall(self) -> bool {
        self.shape[0] > self.shape[1]
    }

    /// How many steps to take on the Gram matrix before `X` is multiplied; five in all.
    ///
    /// Rounding grows with each: a small singular value's part of `G` is multiplied by `a^2` a step, and so is
    /// the rounding error beside it. Three steps at a stretch keep it near that of five steps on `X`.
    fn segments(self) -> &'static [usize] {
        if 2 * self.long >= 3 * self.short {
            &[2, 3]
        } else {
            &[1; 5]
        }
    }

    /// Rows of the wide form of `x`.
    fn wide_rows(self, x: &[f32], range: Range<usize>) -> Matrix<'_> {
        let (count, long, short) = (range.len(), self.long, self.short);
        if self.tall() {
            Matrix::strided(&x[range.start..], long, count, short).t()
        } else {
            Matrix::new(&x[range.start * long..range.end * long], count, long)
        }
    }
}

/// Rows that one product computes of a symmetric matrix of `n` rows: small blocks waste little above the diagonal, large
/// ones are multiplied faster.
fn panel(n: usize) -> usize {
    (n / 4).next_multiple_of(16).clamp(32, 128)
}

/// `out = a b` of commuting symmetric matrices.
fn symmetric_product(out: &mut [f32], a: &[f32], b: &[f32], n: usize, threads: Parallelism) {
    let rows = |range: Range<usize>| Matrix::new(&a[range.start * n..range.end * n], range.len(), n);
    symmetric(out, n, rows, |end| Matrix::strided(b, n, end, n), threads);
}

/// A product that is symmetric, from the rows of its left side and the first columns of its right side.
fn symmetric<'a>(
    out: &mut [f32],
    n: usize,
    rows: impl Fn(Range<usize>) -> Matrix<'a>,
    first_cols: impl Fn(usize) -> Matrix<'a>,
    threads: Parallelism,
) {
    let out = &mut out[..n * n];
    for start in (0..n).step_by(panel(n)) {
        let end = n.min(start + panel(n));
        let memory = Shared::new(out);
        // SAFETY: there is no other target.
        let target = unsafe { memory.target(start * n, end - start, end, n) };
        product_on(threads, target, 0.0, rows(start..end), first_cols(end), 1.0);
    }
    mirror(out, n);
}

/// Copies what is below the diagonal above it, by tiles, so that neither side leaves the cache.
fn mirror(values: &mut [f32], n: usize) {
    const TILE: usize = 16;
    for top in (0..n).step_by(TILE) {
        for left in (0..=top).step_by(TILE) {
            for row in top..n.min(top + TILE) {
                for col in left..row.min(left + TILE) {
                    values[col * n + row] = values[row * n + col];
                }
            }
        }
    }
}

/// `square <- a I + b gram + c square`.
fn polynomial(square: &mut [f32], gram: &[f32], n: usize, [a, b, c]: [f32; 3]) {
    let square = &mut square[..n * n];
    combine(square, gram, b, c);
    for diagonal in square.iter_mut().step_by(n + 1) {
        *diagonal += a;
    }
}

vectorised! {
    fn combine(square: &mut [f32], gram: &[f32], b: f32, c: f32) {
        for (square, &gram) in square.iter_mut().zip(gram) {
            *square = gram * b + *square * c;
        }
    }
}

vectorised! {
    fn multiply(values: &mut [f32], scale: f32) {
        for value in values {
            *value *= scale;
        }
    }
}
