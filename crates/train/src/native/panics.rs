//! Calls into a device's backend. What it cannot do it says by a panic, often on a thread of its own, of which the caller
//! sees nothing but that it is gone.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

thread_local! {
    /// The innermost call that this thread is in, whose panic becomes an error.
    static CALL: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The calls that are under way on any thread, by their number, each with the words of panics since it began, in their order.
static CALLS: Mutex<BTreeMap<u64, Vec<String>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
static HOOK: Once = Once::new();

/// How the names of CubeCL's threads begin, one or more for each device.
const DEVICE_THREADS: &str = "DS";

/// What `call` gives and what panicked on the device's threads meanwhile; or, where it panicked itself, the words of all
/// panics, the cause first. None is printed. What `call` was changing must not be used again.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> (Result<T, String>, Option<String>) {
    HOOK.call_once(keep_words);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    calls().insert(number, Vec::new());
    let outer = CALL.replace(Some(number));
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    CALL.set(outer);
    let mut words = calls().remove(&number).unwrap_or_default();
    words.dedup();
    let told = (!words.is_empty()).then(|| words.join("; "));
    match result {
        Ok(value) => (Ok(value), told),
        // The hook has kept these words, unless the panic was thrown on without one.
        Err(payload) => (Err(told.unwrap_or_else(|| text(payload.as_ref()))), None),
    }
}

fn calls() -> MutexGuard<'static, BTreeMap<u64, Vec<String>>> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has panics of calls and of devices' threads kept instead of printed while there are calls. Nobody can tell for which call
/// a device's thread works, so that each is told.
fn keep_words() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        let device = thread.name().is_some_and(|name| name.starts_with(DEVICE_THREADS));
        let own = CALL.get();
        let mut calls = calls();
        let mut told = false;
        for (_, words) in calls.iter_mut().filter(|(call, _)| device || own == Some(**call)) {
            let place = info
                .location()
                .map_or(String::new(), |place| format!(" ({place})"));
            words.push(text(info.payload()) + &place);
            told = true;
        }
        drop(calls);
        if !told {
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
        assert_eq!(CALL.get(), None, "later panics are told as ever");
    }

    /// Each call has its own words, whichever ends first.
    #[test]
    fn calls_at_once_do_not_take_each_others_words() {
        let (first, second) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        let words = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let (result, _) = caught::<()>(|| {
                    first.wait();
                    second.wait();
                    panic!("the other")
                });
                result.expect_err("it panics")
            });
            first.wait();
            let (result, _) = caught::<()>(|| panic!("this one"));
            second.wait();
            [result.expect_err("it panics"), other.join().expect("ends")]
        });
        assert!(
            words[0].contains("this one") && !words[0].contains("the other"),
            "{words:?}"
        );
        assert!(
            words[1].contains("the other") && !words[1].contains("this one"),
            "{words:?}"
        );
    }
}
