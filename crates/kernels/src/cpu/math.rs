//! Scalar functions that the compiler turns into vector instructions.

/// Runs `$body` compiled for AVX2 and FMA where the processor has them, else as it is.
macro_rules! vectorised {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                    // SAFETY: the processor has just said that it has both.
                    return unsafe { wide($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use vectorised;

/// Lanes in which sums and maxima are gathered: two vectors of eight.
pub(crate) const LANES: usize = 16;

/// `e^x` for `x <= 0`, to 2 units in the last place; 0 below -87.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2` (Cody and Waite, in two parts), then a polynomial of degree 5 in `r`
/// (the coefficients of Cephes `expf`), then `2^n` put into the exponent. No branches, so that it
/// vectorises; libm's takes one value at a time.
#[inline(always)]
pub(crate) fn exp_negative(x: f32) -> f32 {
    /// Adding it rounds to the nearest integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let kept = if x < -87.0 { -87.0 } else { x };
    let shifted = kept * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (kept - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    let value = (p * r * r + r) + 1.0;
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.0 { 0.0 } else { value * scale }
}

/// `sum a_i b_i`, in lanes.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// `tanh x`, by `1 - 2 e^(-2x) / (1 + e^(-2x))` of `|x|`.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let small = exp_negative(-2.0 * x.abs());
    ((1.0 - small) / (1.0 + small)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_the_last_places() {
        let mut worst = 0.0f64;
        for i in 0..=870_000 {
            let x = -(i as f32) * 1e-4;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp_negative(x)) - exact).abs() / exact);
        }
        // 2 units in the last place of f32 are 2.4e-7.
        assert!(worst < 2.4e-7, "{worst:e}");
    }

    #[test]
    fn the_hyperbolic_tangent_is_right_to_f32_of_1() {
        for i in -200_000..=200_000 {
            let x = i as f32 * 1e-4;
            let error = (f64::from(tanh(x)) - f64::from(x).tanh()).abs();
            assert!(error < 2e-7, "tanh {x}: off by {error:e}");
        }
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(tanh(f32::NAN).is_nan());
    }

    #[test]
    fn its_ends_are_exact() {
        assert_eq!(exp_negative(0.0), 1.0);
        assert_eq!(exp_negative(-1e30), 0.0);
        assert_eq!(exp_negative(f32::NEG_INFINITY), 0.0);
        assert!(exp_negative(f32::NAN).is_nan());
    }
}
