//! SHA-256 as text.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 in lower-case hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether a text is a SHA-256 in lower-case hex.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Settings that may differ between two runs of one recipe: seed, machine and place.
const NOT_THE_RECIPE: [&str; 5] = ["seed", "device", "unchecked_device", "preset", "data"];

/// Digest of a run's recipe: of its settings but for seed, device and paths, with sorted keys. Runs of one
/// submission share it, and its re-runs on another machine too.
#[must_use]
pub fn config_sha256(config: &Value) -> String {
    let mut recipe = config.clone();
    if let Value::Object(fields) = &mut recipe {
        fields.retain(|name, _| !NOT_THE_RECIPE.contains(&name.as_str()));
    }
    recipe.sort_all_objects();
    sha256(recipe.to_string().as_bytes())
}
