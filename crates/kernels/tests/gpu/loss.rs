//! The head and its loss.

use blueberry_kernels::{Head, LossTerms, head_chunk, head_loss, head_loss_plain, may_round_products};

use burn::tensor::{Device, Tensor, TensorData};

use crate::common::{Random, values};
use crate::device::{Gpu, check, gradient, ids_on, is_own, leaf, on};

/// Tokens, `d_model`, vocabulary.
type LossSizes = (usize, usize, usize);

fn check_head_loss(gpu: &Gpu, (tokens, d, vocab): LossSizes, scale: f32, terms: LossTerms, tied: bool) {
    let mut random = Random::new();
    let what = format!("{tokens} x {d} x {vocab}, tied {tied}, {terms:?}");
    let x = random.tensor([tokens, d], scale);
    let head = random.tensor(if tied { [vocab, d] } else { [d, vocab] }, 1.0);
    let targets = random.targets(tokens, vocab);
    let matrix = |head| if tied { Head::Tied(head) } else { Head::Own(head) };
    let both = gpu.run(|device, half| {
        let (x, head) = (leaf(&x, device, half), leaf(&head, device, half));
        let f = if is_own(device) {
            head_loss
        } else {
            head_loss_plain
        };
        let loss = f(x.clone(), matrix(head.clone()), ids_on(&targets, device), terms) * 3.0;
        let tape = loss.backward();
        vec![values(loss.inner()), gradient(&x, &tape), gradient(&head, &tape)]
    });
    // The products may be those of TF32.
    let bound = if may_round_products(&gpu.device) {
        5e-3
    } else {
        2e-5
    };
    check(&what, &["loss", "x", "head"], both, bound);
    let both = gpu.run(|device, _| {
        let f = if is_own(device) {
            head_loss
        } else {
            head_loss_plain
        };
        let loss = f(
            on(&x, device),
            matrix(on(&head, device)),
            ids_on(&targets, device),
            terms,
        );
        vec![values(loss)]
    });
    check(&what, &["loss without autodiff"], both, bound);
}

fn terms(softcap: Option<f64>, z_loss: f64) -> LossTerms {
    LossTerms {
        softcap,
        z_loss,
        half: None,
    }
}

#[test]
fn head_loss_is_its_reference() {
    let gpu = Gpu::open();
    // Burn makes the products, and a software driver compiles its kernels for matrices of odd sizes for minutes: with
    // one hidden value they are of vectors. Real ones are in the device check of a whole model.
    check_head_loss(&gpu, (1, 7, 257), 3.0, terms(None, 0.0), true);
    check_head_loss(&gpu, (7, 1, 15), 3.0, terms(Some(4.0), 0.0), false);
    check_head_loss(&gpu, (127, 1, 257), 30.0, terms(Some(15.0), 0.1), true);
    check_head_loss(&gpu, (33, 1, 1000), 30.0, terms(None, 0.01), false);
    check_head_loss(&gpu, (127, 48, 257), 3.0, terms(None, 0.0), true);
    check_head_loss(&gpu, (96, 32, 320), 3.0, terms(Some(15.0), 1e-3), false);
}

/// A weight that is no number must show, in an evaluation too.
#[test]
fn a_logit_that_is_no_number_is_no_loss() {
    let (gpu, vocab) = (Gpu::open(), 257);
    let mut random = Random::new();
    let mut head: Vec<f32> = values(random.tensor([vocab, 1], 1.0));
    head[100] = f32::NAN;
    let head = TensorData::new(head, [vocab, 1]);
    let x = random.tensor([7, 1], 1.0);
    let targets = random.targets(7, 50);
    for device in [&gpu.device, &Device::flex()] {
        let head = Head::Tied(Tensor::from_data(head.clone(), device));
        let loss = head_loss(on(&x, device), head, ids_on(&targets, device), terms(None, 0.0));
        assert!(values(loss)[0].is_nan(), "on {device:?}");
    }
}

#[test]
fn head_loss_of_more_than_one_chunk_is_its_reference() {
    let (gpu, vocab) = (Gpu::open(), 49_152);
    // Where products may be rounded, CUDA drives the device. Whole chunks are of the most tokens that one may have.
    let cuda = may_round_products(&gpu.device);
    let chunk = head_chunk(1 << 20, vocab, cuda);
    assert!(head_chunk(chunk + 10, vocab, cuda) < chunk, "two chunks");
    check_head_loss(&gpu, (chunk + 10, 1, vocab), 20.0, terms(Some(15.0), 1e-4), true);
}
