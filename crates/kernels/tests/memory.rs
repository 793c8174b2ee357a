//! How much memory operations hold at most, by an allocator that counts. A file of its own: one allocator a program.
#![cfg(feature = "native")]

#[allow(dead_code)] // a part of it
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use blueberry_kernels::{AttentionMask, Head, LossTerms, attention, head_loss};
use burn::tensor::{Device, Tensor};
use common::{Random, leaf};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all memory is the system's; only sizes are added up.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn count(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that `run` holds at most, above what is there before it.
fn peak(run: impl FnOnce()) -> usize {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    run();
    PEAK.load(Relaxed) - before
}

/// Of attention, forward and backward, at the heads of the `reference` preset.
fn attention_peak(random: &mut Random, seq: usize, window: Option<usize>) -> usize {
    let (heads, kv_heads, head_dim) = (8, 4, 64);
    let q = random.tensor([1, seq, heads, head_dim], 1.0);
    let [k, v] = [(), ()].map(|()| random.tensor([1, seq, kv_heads, head_dim], 1.0));
    let mask = AttentionMask::new(seq, window, &Device::flex());
    peak(|| {
        let [q, k, v] = [&q, &k, &v].map(leaf);
        let tape = attention(q.clone(), k, v, &mask).sum().backward();
        assert!(q.grad(&tape).is_some());
    })
}

fn head_loss_peak(random: &mut Random, tokens: usize, vocab: usize) -> usize {
    let (x, head): (Tensor<2>, Tensor<2>) =
        (random.tensor([tokens, 64], 1.0), random.tensor([vocab, 64], 0.1));
    let targets = random.targets(tokens, vocab);
    peak(|| {
        let x = leaf(&x);
        let loss = head_loss(
            x.clone(),
            Head::Tied(leaf(&head)),
            targets.clone(),
            LossTerms::default(),
        );
        assert!(x.grad(&loss.backward()).is_some());
    })
}

/// In one test, since tests beside one another would count each other's memory.
#[test]
fn neither_scores_nor_logits_are_ever_whole() {
    // What threads hold at a time grows with their number, so two of them, whatever the machine has.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2);
    pool.build_global().expect("there is no pool yet");
    let mut random = Random::new();
    // What products and threads keep for good is there after the first.
    attention_peak(&mut random, 2048, None);
    for window in [None, Some(256)] {
        let [short, long] = [1024, 2048].map(|seq| attention_peak(&mut random, seq, window));
        let growth = long as f64 / short as f64;
        println!("attention, window {window:?}: {short} bytes at 1,024, {long} at 2,048: {growth:.2}x");
        assert!(growth < 2.2, "{growth}");
        // One f32 for each pair of positions of each head.
        assert!(long < 8 * 2048 * 2048 * 4, "{long}");
    }
    let (tokens, vocab) = (4096, 49_152);
    let logits = tokens * vocab * 4;
    let found = head_loss_peak(&mut random, tokens, vocab);
    println!("head and loss: {found} bytes; all logits are {logits}");
    assert!(found < logits / 8, "{found}");
}
