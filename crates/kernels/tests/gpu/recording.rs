//! Recordings of launches.

use std::panic::{AssertUnwindSafe, catch_unwind};

use blueberry_kernels::{Recording, can_record, embedding, refill, rms_norm};
use burn::tensor::{Int, Tensor};

use crate::common::{Random, assert_close, values};
use crate::device::{Gpu, on};

/// A recording reads what its inputs hold when it is replayed, and its results stay where they are.
#[test]
fn a_recording_is_replayed_on_new_inputs() {
    let (gpu, mut random) = (Gpu::open(), Random::new());
    let device = &gpu.device;
    assert!(can_record(device));
    let table = on(&random.tensor([90, 40], 1.0), device);
    let gain = on(&random.tensor([1, 40], 1.0), device);
    let ids = |shift: i32| {
        let ids: Vec<i32> = (0..70).map(|id| (id * 7 + shift) % 90).collect();
        Tensor::<1, Int>::from_data(ids.as_slice(), device).reshape([2, 35])
    };
    let compute = |tokens: Tensor<2, Int>| {
        let rows = embedding(table.clone(), tokens.flatten(0, 1));
        let x = rms_norm(rows, gain.clone(), 1e-6, None);
        x.clone().matmul(x.transpose()) + 1.0
    };
    let mut input = ids(0);
    let recording = Recording::new(device, || compute(input.clone())).expect("records");
    // Memory that is handed out now must not be the recording's.
    let others: Vec<Tensor<2>> = (0..8).map(|i| Tensor::full([70, 70], i as f32, device)).collect();
    for shift in [3, 11, 3] {
        input = refill(input, ids(shift));
        // SAFETY: the input is refilled where it lies; table and gain are held.
        unsafe { recording.replay() }.expect("replays");
        let found = values(recording.output().clone());
        let expected = values(compute(ids(shift)));
        assert_close(&format!("shift {shift}"), &found, &expected, 1e-5);
    }
    for (i, other) in others.into_iter().enumerate() {
        assert!(
            values(other).iter().all(|&x| x == i as f32),
            "a replay wrote elsewhere"
        );
    }
}

/// A computation that panics leaves the device as it was: it computes, and it records.
#[test]
fn a_recording_that_panics_is_over() {
    let gpu = Gpu::open();
    let input = Tensor::<2>::full([4, 4], 2.0, &gpu.device);
    for fails_in in 1..=3 {
        let mut runs = 0;
        let recorded = catch_unwind(AssertUnwindSafe(|| {
            Recording::new(&gpu.device, || {
                runs += 1;
                assert!(runs < fails_in, "on purpose");
                input.clone() + 1.0
            })
        }));
        assert!(recorded.is_err());
        assert_eq!(values(input.clone() * 3.0), [6.0; 16]);
        let recording = Recording::new(&gpu.device, || input.clone() + 5.0).expect("records");
        // SAFETY: the input is held.
        unsafe { recording.replay() }.expect("replays");
        assert_eq!(values(recording.output().clone()), [7.0; 16]);
    }
}
