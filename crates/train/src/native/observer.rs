//! What a run tells whoever started it while it goes on.

use std::path::Path;

use blueberry_runlog::{Event, Run};

use crate::native::DeviceInfo;

/// What the run is busy with outside its log.
#[derive(Clone, Debug)]
pub enum Phase<'a> {
    /// Comparing the device with the CPU.
    CheckingDevice(&'a DeviceInfo),
    /// Opening the data, or making what is built in.
    PreparingData {
        /// Whether it is the built-in corpus.
        built_in: bool,
    },
    /// Holding the data against its digests; done and all bytes.
    CheckingData(u64, u64),
    /// Compiling and tuning.
    WarmingUp,
    /// Measuring the validation loss; done and all sequences.
    Evaluating(usize, usize),
    /// Making a downstream benchmark: its name, done and all rows.
    Benchmarking(&'a str, usize, usize),
    /// Writing text.
    Sampling,
    /// Saving the state.
    SavingCheckpoint,
}

/// Hears of everything; every method may do nothing.
pub trait Observer {
    /// Something that takes time begins or goes on.
    fn phase(&mut self, _phase: Phase<'_>) {}

    /// The log has its first line.
    fn started(&mut self, _run: &Run, _dir: &Path) {}

    /// The log has one more event.
    fn event(&mut self, _event: &Event) {}

    /// Something that a person should know.
    fn warning(&mut self, _text: &str) {}
}

/// Says nothing.
impl Observer for () {}
