//! Rows of a table, and the sum of their gradients by row: only rows that some token names are touched.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Flex, TensorMetadata};

use super::slices::{floats, tensor, tokens};

/// `table` is `[vocab, n]`; gives `[tokens, n]`.
pub(super) fn forward(table: &FlexTensor, ids: &[usize]) -> FloatTensor<Flex> {
    let mut hold = None;
    let n = table.shape()[1];
    let table = floats(table, &mut hold);
    let mut out = Vec::with_capacity(ids.len() * n);
    for &id in ids {
        out.extend_from_slice(&table[id * n..(id + 1) * n]);
    }
    tensor(out, &[ids.len(), n])
}

/// The gradient of the table: each row the sum of the upstream gradients of its tokens.
fn backward(upstream: &FlexTensor, ids: &[usize], vocab: usize) -> FloatTensor<Flex> {
    let mut hold = None;
    let n = upstream.shape()[1];
    let mut gradient = vec![0.0f32; vocab * n];
    for (row, &id) in floats(upstream, &mut hold).chunks_exact(n).zip(ids) {
        let sums = &mut gradient[id * n..(id + 1) * n];
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    tensor(gradient, &[vocab, n])
}

#[derive(Debug)]
struct Embedding;

impl Backward<Flex, 1> for Embedding {
    /// The tokens, and the rows of the table.
    type State = (Vec<usize>, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (ids, vocab) = ops.state;
        let upstream = grads.consume::<Flex>(&ops.node);
        register!(grads, ops.parents, [backward(&upstream, &ids, vocab)]);
    }
}

pub(super) fn tracked<C: CheckpointStrategy>(
    table: FloatTensor<Autodiff<Flex, C>>,
    ids: &IntTensor<Autodiff<Flex, C>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let prepared = Embedding.prepare::<C>([table.node()]).compute_bound().stateful();
    let (table, ids) = (table.into_primitive(), tokens(ids));
    let out = forward(&table, &ids);
    match prepared {
        OpsKind::Tracked(prep) => prep.finish((ids, table.shape()[0]), out),
        OpsKind::UnTracked(prep) => prep.finish(out),
    }
}
