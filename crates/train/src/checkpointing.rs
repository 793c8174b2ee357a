//! Gradients with one block's activations in memory at a time: the forward pass keeps the stream before each block
//! and nothing else, and the backward pass runs each block again (Chen et al., "Training Deep Nets with Sublinear
//! Memory Cost", 2016, with one block a segment). A third more arithmetic, for memory that no longer grows with what
//! a block holds inside.

use blueberry_model::{Layer, Model, Stream, Weights};
use burn::tensor::{Gradients, Int, Tensor};

/// A batch on the device, `[batch, seq]` each.
pub(crate) struct Inputs {
    pub tokens: Tensor<2, Int>,
    pub targets: Tensor<2, Int>,
}

/// The loss times `share`, `[1]`, and the gradient of every weight in the order of [`Weights::into_vec`]; `None` for
/// one that took no part. `weights` are plain tensors.
pub(crate) fn loss_and_gradients(
    model: &Model,
    weights: &Weights<Tensor<2>>,
    inputs: &Inputs,
    z_loss: f64,
    share: f64,
) -> (Tensor<1>, Vec<Option<Tensor<2>>>) {
    let streams = streams(model, weights, inputs);
    let (loss, mut upstream, top) = top(model, weights, inputs, &streams, z_loss, share);
    let mut layers = Vec::new();
    for (index, layer) in weights.layers.iter().enumerate().rev() {
        let (below, gradients) = through_block(model, layer, index, inputs, &streams[index], upstream);
        upstream = below;
        layers.push(gradients);
    }
    let embed = sum(top.embed, through_embedding(model, weights, inputs, upstream));
    let mut gradients = vec![embed];
    gradients.extend(layers.into_iter().rev().flatten());
    gradients.push(top.final_norm);
    if weights.head.is_some() {
        gradients.push(top.head);
    }
    (loss, gradients)
}

/// The stream before each block and after the last, without a graph.
fn streams(model: &Model, weights: &Weights<Tensor<2>>, inputs: &Inputs) -> Vec<Tensor<3>> {
    let mut streams = vec![model.embed(&weights.embed, inputs.tokens.clone()).sum()];
    for (index, layer) in weights.layers.iter().enumerate() {
        let before = Stream::new(streams[index].clone());
        streams.push(model.block(layer, index, before, inputs.tokens.clone()).sum());
    }
    streams
}

/// Gradients that the head and the last normalisation give.
struct Top {
    embed: Option<Tensor<2>>,
    final_norm: Option<Tensor<2>>,
    head: Option<Tensor<2>>,
}

/// The loss, the gradient of the last stream, and those of the weights above it.
fn top(
    model: &Model,
    weights: &Weights<Tensor<2>>,
    inputs: &Inputs,
    streams: &[Tensor<3>],
    z_loss: f64,
    share: f64,
) -> (Tensor<1>, Tensor<3>, Top) {
    let last = &streams[streams.len() - 1];
    let x = leaf(last);
    let tracked = Weights {
        embed: leaf(&weights.embed),
        layers: Vec::new(),
        final_norm: leaf(&weights.final_norm),
        head: weights.head.as_ref().map(leaf),
    };
    let stream = Stream::new(x.clone());
    let head = Model::head(&tracked);
    let loss =
        model.loss_of_stream(&tracked.final_norm, head, stream, inputs.targets.clone(), z_loss) * share;
    let mut tape = loss.backward();
    let upstream = x.grad_remove(&mut tape).unwrap_or_else(|| last.zeros_like());
    let top = Top {
        embed: tracked.embed.grad_remove(&mut tape),
        final_norm: tracked.final_norm.grad_remove(&mut tape),
        head: tracked.head.and_then(|head| head.grad_remove(&mut tape)),
    };
    (loss.inner(), upstream, top)
}

/// Runs a block again and takes `upstream` through it.
fn through_block(
    model: &Model,
    layer: &Layer<Tensor<2>>,
    index: usize,
    inputs: &Inputs,
    before: &Tensor<3>,
    upstream: Tensor<3>,
) -> (Tensor<3>, Vec<Option<Tensor<2>>>) {
    let x = leaf(before);
    let layer = layer.clone().map(&mut |weight| leaf(&weight));
    let after = model
        .block(&layer, index, Stream::new(x.clone()), inputs.tokens.clone())
        .sum();
    let mut tape = backward(after, upstream);
    let below = x.grad_remove(&mut tape).unwrap_or_else(|| before.zeros_like());
    let gradients = layer
        .into_vec()
        .into_iter()
        .map(|leaf| leaf.grad_remove(&mut tape))
        .collect();
    (below, gradients)
}

fn through_embedding(
    model: &Model,
    weights: &Weights<Tensor<2>>,
    inputs: &Inputs,
    upstream: Tensor<3>,
) -> Option<Tensor<2>> {
    let table = leaf(&weights.embed);
    let rows = model.embed(&table, inputs.tokens.clone()).sum();
    table.grad_remove(&mut backward(rows, upstream))
}

/// The backward pass from `output` with its gradient given: that of the scalar `sum(output * upstream)`.
fn backward(output: Tensor<3>, upstream: Tensor<3>) -> Gradients {
    (output * upstream.autodiff()).sum().backward()
}

fn leaf<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    tensor.clone().autodiff().require_grad()
}

fn sum(a: Option<Tensor<2>>, b: Option<Tensor<2>>) -> Option<Tensor<2>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}
