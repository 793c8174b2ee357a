//! The nearest orthogonal matrix, by a polynomial iteration over a batch of matrices of one shape.

use burn::tensor::{FloatDType, Tensor};
use serde::{Deserialize, Serialize};

/// Which iteration brings the singular values near 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orthogonalize {
    /// Five quintic Newton-Schulz steps with one set of coefficients (Jordan et al., "Muon", 2024).
    #[default]
    NewtonSchulz,
    /// Five steps with coefficients that are optimal step by step (Amsel et al., "Polar Express",
    /// arXiv 2505.16932, with a safety factor of 2 %).
    PolarExpress,
}

/// Coefficients `(a, b, c)` of `a X + b (X X^T) X + c (X X^T)^2 X`, one row a step.
const NEWTON_SCHULZ: [[f64; 3]; 5] = [[3.4445, -4.7750, 2.0315]; 5];

const POLAR_EXPRESS: [[f64; 3]; 5] = [
    [8.156554524902461, -22.48329292557795, 15.878769915207462],
    [4.042929935166739, -2.808917465908714, 0.5000178451051316],
    [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
    [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
    [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
];

impl Orthogonalize {
    pub(crate) fn coefficients(self) -> &'static [[f64; 3]; 5] {
        match self {
            Self::NewtonSchulz => &NEWTON_SCHULZ,
            Self::PolarExpress => &POLAR_EXPRESS,
        }
    }

    /// The iteration only converges for singular values up to 1, which the Frobenius norm guarantees;
    /// `(factor, epsilon)` of `norm * factor + epsilon`, by which the matrix is divided first.
    pub(crate) fn normalisation(self) -> (f64, f64) {
        match self {
            Self::NewtonSchulz => (1.0, 1e-7),
            Self::PolarExpress => (1.02, 1e-6),
        }
    }
}

/// Brings the singular values of each matrix near 1.
///
/// # Shapes
/// `x` and the result are `[matrices, rows, cols]`.
pub fn orthogonalize(x: Tensor<3>, method: Orthogonalize) -> Tensor<3> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu_f32(&x) {
        return crate::cpu::orthogonalize(x, method);
    }
    let dtype = FloatDType::from(x.dtype());
    orthogonalize_in(dtype, x, method).cast(dtype)
}

/// [`orthogonalize`] with factors of `dtype` in its products, in f32 between them: squares of a gradient are nothing in
/// f16, and what is divided by their sum then is beyond it. The result is f32.
pub(crate) fn orthogonalize_in(dtype: FloatDType, x: Tensor<3>, method: Orthogonalize) -> Tensor<3> {
    #[cfg(feature = "gpu")]
    if crate::gpu::is_cuda(&x.device()) {
        return iterate(x, dtype, method, crate::gpu::plain_product);
    }
    orthogonalize_plain_in(dtype, x, method)
}

/// The reference of [`orthogonalize`].
pub fn orthogonalize_plain(x: Tensor<3>, method: Orthogonalize) -> Tensor<3> {
    let dtype = FloatDType::from(x.dtype());
    orthogonalize_plain_in(dtype, x, method).cast(dtype)
}

/// The reference of [`orthogonalize_in`].
pub(crate) fn orthogonalize_plain_in(dtype: FloatDType, x: Tensor<3>, method: Orthogonalize) -> Tensor<3> {
    iterate(x, dtype, method, |a, b| a.matmul(b).cast(FloatDType::F32))
}

/// `product` gives f32 of factors of `dtype`.
fn iterate(
    x: Tensor<3>,
    dtype: FloatDType,
    method: Orthogonalize,
    product: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
) -> Tensor<3> {
    let [_, rows, cols] = x.dims();
    // The Gram matrix is that of the shorter side.
    let tall = rows > cols;
    let mut x = x.cast(FloatDType::F32);
    let (factor, epsilon) = method.normalisation();
    let norm = (x.clone() * x.clone()).sum_dim(1).sum_dim(2).sqrt();
    x = x / (norm * factor + epsilon);
    for &[a, b, c] in method.coefficients() {
        let factor = x.clone().cast(dtype);
        let transposed = factor.clone().swap_dims(1, 2);
        let gram = if tall {
            product(transposed, factor.clone())
        } else {
            product(factor.clone(), transposed)
        };
        let gram_factor = gram.clone().cast(dtype);
        let polynomial = gram * b + product(gram_factor.clone(), gram_factor) * c;
        let polynomial = polynomial.cast(dtype);
        let added = if tall {
            product(factor, polynomial)
        } else {
            product(polynomial, factor)
        };
        x = x * a + added;
    }
    x
}
