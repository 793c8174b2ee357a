//! Causal attention.

use blueberry_kernels::{AttentionMask, attention, attention_plain};

use crate::common::{Random, values};
use crate::device::{Gpu, check, gradient, is_own, leaf, on};

#[test]
fn attention_is_its_reference() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    // batch, kv_heads, group, seq, head_dim, window, soft-cap
    for (batch, kv_heads, group, seq, d, window, softcap) in [
        (1, 1, 1, 1, 32, None, None),
        (2, 3, 1, 7, 48, None, Some(2.0)),
        (1, 2, 2, 63, 64, Some(5), None),
        (1, 1, 4, 64, 32, Some(64), Some(30.0)),
        (2, 1, 3, 65, 12, Some(1), None),
        (1, 3, 2, 127, 48, Some(100), Some(5.0)),
        (1, 1, 4, 130, 128, None, None),
        (1, 3, 1, 33, 128, Some(7), Some(0.5)),
        (2, 1, 1, 300, 32, Some(257), None),
        (1, 1, 2, 1000, 32, Some(130), Some(10.0)),
        (1, 1, 1, 1000, 64, None, None),
        (2, 2, 4, 96, 64, Some(4096), None),
        (1, 1, 2, 65, 20, Some(30), Some(2.0)),
        (1, 1, 1, 33, 200, None, None),
    ] {
        let what = format!("{batch} x {kv_heads} x {group}, {seq} x {d}, window {window:?}, cap {softcap:?}");
        let q = random.tensor([batch, seq, kv_heads * group, d], 3.0);
        let k = random.tensor([batch, seq, kv_heads, d], 3.0);
        let v = random.tensor([batch, seq, kv_heads, d], 1.0);
        let weight = random.tensor([batch, seq, kv_heads * group, d], 1.0);
        let both = gpu.run(|device, half| {
            let mask = AttentionMask::new(seq, window, device).with_softcap(softcap);
            let leaves = [
                leaf(&q, device, half),
                leaf(&k, device, half),
                leaf(&v, device, half),
            ];
            let [q, k, v] = leaves.clone();
            let f = if is_own(device) {
                attention
            } else {
                attention_plain
            };
            let out = f(q, k, v, &mask);
            let tape = (out.clone() * on(&weight, device)).sum().backward();
            let gradients = leaves.map(|leaf| gradient(&leaf, &tape));
            [values(out.inner())].into_iter().chain(gradients).collect()
        });
        check(&what, &["values", "q", "k", "v"], both, 2e-5);
    }
}
