//! Calls of libraries that read strangers' files. On some that are damaged they panic, which must not end a program, nor
//! print more than the error that comes of it.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread is in a call whose panic becomes an error.
    static CALLING: Cell<bool> = const { Cell::new(false) };
}
static HOOK: Once = Once::new();

/// What `call` gives, or the words of its panic. What it was changing is not used again.
pub fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CALLING.get() {
                usual(info);
            }
        }));
    });
    let before = CALLING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    CALLING.set(before);
    result.map_err(|payload| words(payload.as_ref()))
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("its reader gave up: {}", text.unwrap_or("it did not say why"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_words() {
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(
            caught(|| panic!("at {}", 3)),
            Err::<(), _>("its reader gave up: at 3".to_owned())
        );
        assert_eq!(
            caught(|| panic!("no")),
            Err::<(), _>("its reader gave up: no".to_owned())
        );
        assert!(!CALLING.get(), "later panics are told as ever");
    }
}
