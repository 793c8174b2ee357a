//! What a device computed otherwise than [`crate::versions`] says, since its quick way does not take the shape. Said, not
//! passed over: it may be slow.

use std::collections::BTreeSet;
use std::sync::Mutex;

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes a way around, once.
pub(crate) fn fell_back(what: String) {
    // A poisoned lock means that a panic is under way already.
    if let Ok(mut seen) = SEEN.lock() {
        seen.insert(what);
    }
}

/// What was noted since the last call, in this process.
pub fn take_fallbacks() -> Vec<String> {
    SEEN.lock().map_or_else(
        |_| Vec::new(),
        |mut seen| std::mem::take(&mut *seen).into_iter().collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_told_once() {
        fell_back("a product".into());
        fell_back("a product".into());
        assert_eq!(take_fallbacks(), ["a product"]);
        assert!(take_fallbacks().is_empty());
    }
}
