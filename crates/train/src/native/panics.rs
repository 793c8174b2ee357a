//! Calls into a device's backend. What it cannot do it says by a panic, often on a thread of its own, of which the caller
//! sees nothing but that it is gone.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, Once, PoisonError};

thread_local! {
    /// Whether this thread is in a call whose panic becomes an error.
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

/// Calls that are under way on any thread, and the words of panics that none of them has taken yet, in their order.
static CALLS: Mutex<(usize, Vec<String>)> = Mutex::new((0, Vec::new()));
static HOOK: Once = Once::new();

/// How the names of CubeCL's threads begin, one or more for each device.
const DEVICE_THREADS: &str = "DS";

/// What `call` gives and what panicked on the device's threads meanwhile; or, where it panicked itself, the words of all
/// panics, the cause first. None is printed. What `call` was changing must not be used again.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> (Result<T, String>, Option<String>) {
    HOOK.call_once(keep_words);
    let from = {
        let mut calls = calls();
        calls.0 += 1;
        calls.1.len()
    };
    let before = CALLING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    CALLING.set(before);
    let mut calls = calls();
    calls.0 -= 1;
    let from = from.min(calls.1.len());
    let mut words = calls.1.split_off(from);
    words.dedup();
    let told = (!words.is_empty()).then(|| words.join("; "));
    match result {
        Ok(value) => (Ok(value), told),
        // The hook has kept these words, unless the panic was thrown on without one.
        Err(payload) => (Err(told.unwrap_or_else(|| text(payload.as_ref()))), None),
    }
}

fn calls() -> std::sync::MutexGuard<'static, (usize, Vec<String>)> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has panics of calls and of devices' threads kept instead of printed while there are calls.
fn keep_words() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        let device = thread.name().is_some_and(|name| name.starts_with(DEVICE_THREADS));
        let mut calls = calls();
        if CALLING.get() || (device && calls.0 > 0) {
            let place = info
                .location()
                .map_or(String::new(), |place| format!(" ({place})"));
            calls.1.push(text(info.payload()) + &place);
        } else {
            drop(calls);
            usual(info);
        }
    }));
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("an unknown panic").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_devices_thread_is_the_cause() {
        let device = || {
            std::thread::Builder::new()
                .name("DSD-0-0".into())
                .spawn(|| panic!("no {}", "memory"))
                .expect("a thread")
                .join()
        };
        let (result, _) = caught(|| device().expect("an answer"));
        let words = result.expect_err("it panics");
        // Other tests may have a device of their own that panics.
        let (cause, then) = (words.find("no memory ("), words.find("an answer"));
        assert!(
            cause.is_some() && cause < then && words.contains("panics.rs"),
            "{words}"
        );
        let (result, told) = caught(|| device().is_err());
        assert_eq!(result, Ok(true));
        assert!(told.is_some_and(|told| told.contains("no memory")));
        assert_eq!(caught(|| 7).0, Ok(7));
        assert!(!CALLING.get(), "later panics are told as ever");
    }
}
