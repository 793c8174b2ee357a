//! What happens to queries and keys: a normalisation of each head, then the rotary position embedding.

use burn::tensor::{Device, Tensor, TensorData};

use crate::rms_norm_plain;

/// Cosines and sines of every position's angles.
#[derive(Clone, Debug)]
pub struct RopeTable {
    /// `[1, seq, 1, head_dim / 2]`.
    cos: Tensor<4>,
    /// `[1, seq, 1, head_dim / 2]`.
    sin: Tensor<4>,
}

impl RopeTable {
    /// The table for positions `0..seq`: angle `position * base^(-2i / head_dim)`.
    /// Angles are computed in f64, since at position 2,047 an f32 product is off by 1e-4 radians.
    pub fn new(seq: usize, head_dim: usize, base: f64, device: &Device) -> Self {
        let half = head_dim / 2;
        let angles: Vec<f64> = (0..seq)
            .flat_map(|position| {
                (0..half).map(move |i| position as f64 * base.powf(-2.0 * i as f64 / head_dim as f64))
            })
            .collect();
        let tensor = |f: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|&angle| f(angle) as f32).collect();
            Tensor::from_data(TensorData::new(values, [1, seq, 1, half]), device)
        };
        Self {
            cos: tensor(f64::cos),
            sin: tensor(f64::sin),
        }
    }
}

/// Normalises each head by [`rms_norm`](crate::rms_norm) with `gain` (Henry et al., "Query-Key Normalization", 2020),
/// where one is given, then rotates each pair `(x[i], x[i + head_dim / 2])` by its position's angle (Su et al.,
/// "RoFormer", 2021).
///
/// # Shapes
/// `x` and the result are `[batch, seq, heads, head_dim]`, `gain` is `[1, head_dim]`; the table has the same `seq`.
pub fn qk_norm_rope(x: Tensor<4>, gain: Option<Tensor<2>>, table: &RopeTable, eps: f64) -> Tensor<4> {
    #[cfg(feature = "native")]
    if crate::cpu::is_cpu(&x.device()) {
        return crate::cpu::qk_norm_rope(x, gain, table.cos.clone(), table.sin.clone(), eps);
    }
    #[cfg(feature = "gpu")]
    if crate::gpu::is_gpu(&x.device()) {
        return crate::gpu::qk_norm_rope(x, gain, table.cos.clone(), table.sin.clone(), eps);
    }
    qk_norm_rope_plain(x, gain, table, eps)
}

/// The reference of [`qk_norm_rope`].
pub fn qk_norm_rope_plain(x: Tensor<4>, gain: Option<Tensor<2>>, table: &RopeTable, eps: f64) -> Tensor<4> {
    let x = match gain {
        Some(gain) => rms_norm_plain(x, gain, eps, None),
        None => x,
    };
    let half = x.dims()[3] / 2;
    let (cos, sin) = (table.cos.clone(), table.sin.clone());
    let first = x.clone().narrow(3, 0, half);
    let second = x.narrow(3, half, half);
    Tensor::cat(
        vec![
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos + first * sin,
        ],
        3,
    )
}
