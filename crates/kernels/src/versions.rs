//! Which version of each operation runs, so that a log can say it.

use std::collections::BTreeMap;

/// The version of every operation of this crate. `plain` is a composition of Burn's tensor operations,
/// whatever the device.
pub fn versions() -> BTreeMap<String, String> {
    ["activation", "attention", "cross_entropy", "global_norm", "orthogonalize", "rms_norm", "rope"]
        .into_iter()
        .map(|name| (name.to_owned(), "plain".to_owned()))
        .collect()
}
