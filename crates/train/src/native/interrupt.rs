//! Ctrl-C: the first asks the run to stop after its step, the second leaves at once. So does the first while there is
//! nothing to save yet.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the run was asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    requested: AtomicBool,
    begun: AtomicBool,
}

/// What a process that is killed by SIGINT exits with, 128 + 2.
const KILLED_BY_INTERRUPT: i32 = 130;

impl Interrupt {
    /// Listens to Ctrl-C (and to SIGTERM and SIGHUP) for the rest of the process. Until [`Interrupt::begin`], the first one
    /// leaves at once.
    ///
    /// # Errors
    /// Something in the process listens already.
    pub fn listen() -> Result<Self, ctrlc::Error> {
        let interrupt = Self::default();
        let state = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || {
            // Whoever read the words may be gone: a terminal that is closed hangs up.
            let say = |words| drop(writeln!(std::io::stderr(), "\n{words}"));
            if !state.begun.load(Ordering::SeqCst) {
                say("stopped before the first step: nothing was begun or changed");
                std::process::exit(KILLED_BY_INTERRUPT);
            }
            if state.requested.swap(true, Ordering::SeqCst) {
                std::process::exit(KILLED_BY_INTERRUPT);
            }
            say("stopping as soon as what is under way can be saved; press Ctrl-C again to leave at once");
        })?;
        Ok(interrupt)
    }

    /// From now on there is something to save: a warm-up, which takes minutes on some devices, is over.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.requested.load(Ordering::SeqCst)
    }
}
