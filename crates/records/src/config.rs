//! `config.toml`: the settings of a log's first line as a preset's author writes them.

use serde_json::Value;

/// Name of the file.
pub const CONFIG_FILE: &str = "config.toml";

/// The settings but for the seed, by which the runs of a record differ. Nulls, which TOML lacks, are left out.
///
/// # Errors
/// What TOML cannot hold: an integer of more than 63 bits, or settings that are no table.
pub fn config_text(config: &Value) -> Result<String, toml::ser::Error> {
    let mut config = config.clone();
    without_nulls(&mut config);
    if let Value::Object(fields) = &mut config {
        fields.shift_remove("seed");
    }
    toml::to_string_pretty(&toml::Table::try_from(&config)?)
}

/// Whether `text` says what [`config_text`] says, however it is laid out.
#[must_use]
pub fn says(text: &str, config: &Value) -> bool {
    let ours = config_text(config)
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok());
    ours.is_some() && text.parse::<toml::Table>().ok() == ours
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(without_nulls);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use serde_json::json;

    #[test]
    fn seeds_do_not_matter_and_everything_else_does() {
        let text = config_text(&config(1)).unwrap();
        assert_eq!(text, config_text(&config(2)).unwrap());
        assert!(says(&text, &config(3)) && says(&format!("# a remark\n{text}"), &config(1)));
        assert!(!says(&text.replace("lr = 0.02", "lr = 0.03"), &config(1)));
        assert!(!says("no toml", &config(1)) && !says("", &config(1)));
    }

    #[test]
    fn nulls_are_left_out_and_large_numbers_are_an_error() {
        assert_eq!(
            config_text(&json!({"b": 1.5, "a": null, "c": {"d": [1, null]}})).unwrap(),
            "b = 1.5\n\n[c]\nd = [1]\n"
        );
        assert!(config_text(&json!({"a": u64::MAX})).is_err());
        assert!(config_text(&json!([1])).is_err());
    }
}
