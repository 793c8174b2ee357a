//! Ctrl-C: the first asks the run to stop after its step, the second leaves at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the run was asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

/// What a process that is killed by SIGINT exits with, 128 + 2.
const KILLED_BY_INTERRUPT: i32 = 130;

impl Interrupt {
    /// Listens to Ctrl-C (and to SIGTERM and SIGHUP) for the rest of the process.
    ///
    /// # Errors
    /// Something in the process listens already.
    pub fn listen() -> Result<Self, ctrlc::Error> {
        let interrupt = Self::default();
        let flag = interrupt.clone();
        ctrlc::set_handler(move || {
            if flag.0.swap(true, Ordering::SeqCst) {
                std::process::exit(KILLED_BY_INTERRUPT);
            }
            // Whoever read the words may be gone: a terminal that is closed hangs up.
            let _ = writeln!(
                std::io::stderr(),
                "\nstopping as soon as what is under way can be saved; press Ctrl-C again to leave at once"
            );
        })?;
        Ok(interrupt)
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
