//! What differs between the settings of runs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A setting in which runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name; nested ones with dots, as `optim.lr`.
    pub key: String,
    /// Its value in each run, as JSON; `None` where a run has no such setting.
    pub values: Vec<Option<String>>,
}

/// The settings in which not all runs agree, by name. Lists count as one value.
#[must_use]
pub fn differences(configs: &[&Map<String, Value>]) -> Vec<Difference> {
    let mut keys: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for (run, config) in configs.iter().enumerate() {
        flatten("", config, &mut |key, value| {
            let values = keys.entry(key).or_insert_with(|| vec![None; configs.len()]);
            values[run] = Some(value.to_string());
        });
    }
    let differing = keys
        .into_iter()
        .filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1]));
    differing
        .map(|(key, values)| Difference { key, values })
        .collect()
}

/// Calls `take` for every leaf. Logs are parsed to a limited depth, so this does not recurse without bound.
fn flatten(prefix: &str, object: &Map<String, Value>, take: &mut impl FnMut(String, &Value)) {
    for (name, value) in object {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Object(inner) if !inner.is_empty() => flatten(&key, inner, take),
            leaf => take(key, leaf),
        }
    }
}
