//! The launches of a computation on a GPU, recorded once and replayed as one (a graph, in CUDA's words). The host then has
//! nothing to do for them: a step of a large model is thousands of launches, each of which costs it tens of microseconds.

use burn::backend::{Backend, BackendGraph, Dispatch, ExecutionError};
use burn::tensor::{Device, Int, Tensor};

/// Runs before the recorded one: nothing may be compiled, tuned or allocated while a device records, and only from its
/// second run on does Burn's fusion take the way that it will take again.
const RUNS_BEFORE: usize = 2;

/// A recorded computation and its result.
#[derive(Debug)]
pub struct Recording<T> {
    device: Device,
    graph: BackendGraph<Dispatch>,
    /// What the computation gave; every replay writes it anew, where it lies.
    output: T,
}

/// Whether a device of this kind can record. Whether it does is seen when it is asked to.
pub fn can_record(device: &Device) -> bool {
    crate::gpu::is_gpu(device)
}

impl<T> Recording<T> {
    /// Runs `compute` a few times and records the launches of the last run, which is not executed: [`Recording::replay`]
    /// is. `device` is without autodiff; `compute` sends nothing to it, reads nothing back, and launches the same
    /// every time.
    ///
    /// # Errors
    /// Why the device recorded nothing. What `compute` reads is as it was.
    pub fn new(device: &Device, mut compute: impl FnMut() -> T) -> Result<Self, String> {
        let mut preparation = Preparation::begin(device)?;
        for _ in 0..RUNS_BEFORE {
            let output = compute();
            let synced = device.sync();
            // Only now: what is dropped before it was needed is not computed at all.
            drop(output);
            synced.map_err(|error| error.to_string())?;
        }
        Dispatch::graph_start_capture(device.as_dispatch()).map_err(words)?;
        let output = compute();
        let graph = preparation.stop().map_err(words)?;
        Ok(Self {
            device: device.clone(),
            graph,
            output,
        })
    }

    /// What the computation gave, as of the newest replay; not a value before the first.
    pub fn output(&self) -> &T {
        &self.output
    }

    /// Runs what was recorded, on what its inputs hold now.
    ///
    /// # Safety
    /// Every tensor that the computation read still lies where it lay, and nothing else writes to it meanwhile.
    ///
    /// # Errors
    /// The device's refusal.
    pub unsafe fn replay(&self) -> Result<(), String> {
        // SAFETY: the caller's promise; the output is held here, and the device keeps what lies between for the graph.
        unsafe { Dispatch::graph_replay(self.device.as_dispatch(), &self.graph) }
            .map_err(|error| error.to_string())
    }
}

/// What a device does for a recording until it is told to stop, whatever happens before.
struct Preparation<'a> {
    device: &'a Device,
    stopped: bool,
}

impl<'a> Preparation<'a> {
    fn begin(device: &'a Device) -> Result<Self, String> {
        Dispatch::graph_prepare(device.as_dispatch()).map_err(words)?;
        Ok(Self {
            device,
            stopped: false,
        })
    }

    fn stop(&mut self) -> Result<BackendGraph<Dispatch>, ExecutionError> {
        self.stopped = true;
        Dispatch::graph_stop_capture(self.device.as_dispatch())
    }
}

impl Drop for Preparation<'_> {
    fn drop(&mut self) {
        if !self.stopped {
            // That there was nothing to record is no news.
            drop(self.stop());
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // `map_err` hands it over
fn words(error: ExecutionError) -> String {
    error.to_string()
}

/// The same values row by row. CUDA pads the rows of what comes from the host, and an update, whose kernels want them
/// dense, would write its result to another place, where a recording does not look.
pub fn dense(parameter: Tensor<2>) -> Tensor<2> {
    crate::gpu::dense(parameter)
}

/// `target`, where it lies, with the values of `source`, which is on the same device and of the same shape: a recording
/// that reads the one reads the other. Both are plain tensors on a GPU.
pub fn refill(target: Tensor<2, Int>, source: Tensor<2, Int>) -> Tensor<2, Int> {
    crate::gpu::refill(target, source)
}
