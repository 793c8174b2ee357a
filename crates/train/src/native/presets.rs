//! Presets by name or file, with overrides.

use std::fs;
use std::path::Path;

use thiserror::Error;
use toml::{Table, Value};

use crate::native::files::{FileError, fail};
use crate::{Preset, SettingsError};

/// The built-in presets: name and TOML.
pub const PRESETS: [(&str, &str); 3] = [
    ("tiny", include_str!("../../../../presets/tiny.toml")),
    ("nano", include_str!("../../../../presets/nano.toml")),
    ("reference", include_str!("../../../../presets/reference.toml")),
];

/// Larger files are no presets.
const MAX_BYTES: u64 = 1 << 20;

/// A preset that cannot be used.
#[derive(Debug, Error)]
pub enum PresetError {
    /// No such name.
    #[error("unknown preset `{0}`: the built-in ones are {names}; for a file, give its path with `.toml`", names = names())]
    Unknown(String),
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not a preset.
    #[error("preset `{name}`: {cause}")]
    Malformed {
        /// Name or path.
        name: String,
        /// Why not.
        cause: Box<toml::de::Error>,
    },
    /// A file that is too large.
    #[error("preset `{name}` has {bytes} bytes: more than {MAX_BYTES}")]
    TooLarge {
        /// Path.
        name: String,
        /// Its size.
        bytes: u64,
    },
    /// An override that is no assignment.
    #[error("--set {0}: write it as key=value, as in `--set optim.muon.lr=0.02`")]
    NotAssignment(String),
    /// An override of something that is no table.
    #[error("--set {assignment}: `{key}` is not a table")]
    NotTable {
        /// The override.
        assignment: String,
        /// The part that is none.
        key: String,
    },
    /// Settings that cannot be run.
    #[error("preset `{name}`: {cause}")]
    Invalid {
        /// Name or path.
        name: String,
        /// Why not.
        cause: SettingsError,
    },
}

fn names() -> String {
    PRESETS.map(|(name, _)| name).join(", ")
}

/// Loads the preset of a built-in name or of a path ending in `.toml`, applies overrides (`key=value`, the
/// key dotted as `optim.muon.lr`) and checks the result.
///
/// # Errors
/// [`PresetError`].
pub fn load_preset(name: &str, overrides: &[String]) -> Result<Preset, PresetError> {
    let text = source(name)?;
    let malformed = |cause| PresetError::Malformed {
        name: name.into(),
        cause: Box::new(cause),
    };
    let mut table: Table = text.parse().map_err(malformed)?;
    // A kind first: it takes the fields of the preset's own kind away, and not those that were given before it.
    let is_kind = |assignment: &&String| assignment.trim_start().starts_with("schedule.kind");
    let (kinds, others): (Vec<_>, Vec<_>) = overrides.iter().partition(is_kind);
    for assignment in kinds.into_iter().chain(others) {
        apply(&mut table, assignment)?;
    }
    let preset: Preset = table.try_into().map_err(malformed)?;
    preset.validate().map_err(|cause| PresetError::Invalid {
        name: name.into(),
        cause,
    })?;
    Ok(preset)
}

fn source(name: &str) -> Result<String, PresetError> {
    if let Some((_, text)) = PRESETS.iter().find(|(known, _)| *known == name) {
        return Ok((*text).to_owned());
    }
    if !name.ends_with(".toml") {
        return Err(PresetError::Unknown(name.to_owned()));
    }
    let path = Path::new(name);
    let bytes = fs::metadata(path).map_err(fail("read", path))?.len();
    if bytes > MAX_BYTES {
        return Err(PresetError::TooLarge {
            name: name.into(),
            bytes,
        });
    }
    Ok(fs::read_to_string(path).map_err(fail("read", path))?)
}

fn apply(table: &mut Table, assignment: &str) -> Result<(), PresetError> {
    let not_assignment = || PresetError::NotAssignment(assignment.to_owned());
    let (key, value) = assignment.split_once('=').ok_or_else(not_assignment)?;
    let (parents, last) = match key.trim().rsplit_once('.') {
        Some((parents, last)) => (parents.split('.').collect(), last),
        None => (Vec::new(), key.trim()),
    };
    if last.is_empty() {
        return Err(not_assignment());
    }
    let mut place = table;
    for part in parents {
        let entry = place.entry(part).or_insert_with(|| Value::Table(Table::new()));
        place = entry.as_table_mut().ok_or_else(|| PresetError::NotTable {
            assignment: assignment.to_owned(),
            key: part.to_owned(),
        })?;
    }
    let value = parse_value(value.trim());
    if key.trim() == "schedule.kind" && place.get(last) != Some(&value) {
        // The other fields are those of the preset's kind.
        place.clear();
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

/// A TOML value, or a plain string where it is none, so that `data.dir=/some/where` needs no quotes.
fn parse_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blueberry_optim::Schedule;

    fn error(name: &str, overrides: &[&str]) -> String {
        let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        load_preset(name, &overrides)
            .expect_err("not a preset")
            .to_string()
    }

    #[test]
    fn every_built_in_preset_is_valid_and_described() {
        for (name, _) in PRESETS {
            let preset = load_preset(name, &[]).expect(name);
            assert!(!preset.description.is_empty(), "{name}");
        }
    }

    #[test]
    fn the_reference_has_its_exact_size() {
        let preset = load_preset("reference", &[]).expect("valid");
        let counts = preset.model.counts();
        assert_eq!(counts.parameters, 151_032_320);
        // Hidden matrices 125,829,120 and the tied head 49,152 * 512.
        assert_eq!(counts.matmul_parameters, 125_829_120 + 25_165_824);
        assert_eq!(counts.table_parameters, 0);
        // 6 * 150,994,944 + 12 * 32 layers * 512 * 2,048 / 2.
        assert_eq!(preset.model.flops_per_token(2048), 905_969_664.0 + 201_326_592.0);
    }

    #[test]
    fn overrides_reach_every_depth() {
        let set = [
            "optim.muon.lr=0.5",
            "train.micro_batch = 3",
            "data.dir=/some/where",
            "model.window=[0, 64]",
        ];
        let preset = load_preset("tiny", &set.map(String::from)).expect("valid");
        assert_eq!(preset.optim.muon.lr, 0.5);
        assert_eq!(preset.train.micro_batch, 3);
        assert_eq!(preset.data.dir.as_deref(), Some("/some/where"));
        assert_eq!(preset.model.window, [0, 64]);
    }

    #[test]
    fn another_schedule_begins_without_the_fields_of_the_last() {
        let set = |overrides: &[&str]| {
            let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
            load_preset("reference", &overrides).map(|preset| preset.schedule)
        };
        assert_eq!(
            set(&["schedule.kind=constant"]).expect("valid"),
            Schedule::Constant {}
        );
        let lacks = set(&["schedule.kind=trapezoid"])
            .expect_err("no fields")
            .to_string();
        assert!(lacks.contains("missing field `warmup`"), "{lacks}");
        let trapezoid = [
            "schedule.warmup=0.1",
            "schedule.kind=trapezoid",
            "schedule.cooldown=0.4",
            "schedule.end=0",
        ];
        assert!(matches!(set(&trapezoid), Ok(Schedule::Trapezoid { .. })));
        assert!(matches!(
            set(&["schedule.kind=cosine"]),
            Ok(Schedule::Cosine { warmup: 0.01, .. })
        ));
    }

    #[test]
    fn errors_name_what_is_wrong() {
        assert!(error("huge", &[]).contains("tiny, nano, reference"));
        assert!(error("missing.toml", &[]).contains("cannot read `missing.toml`"));
        assert!(error("tiny", &["train.speed=9"]).contains("unknown field `speed`"));
        assert!(error("tiny", &["train"]).contains("key=value"));
        assert!(error("tiny", &["description.x=1"]).contains("not a table"));
        assert!(error("tiny", &["model.n_kv_heads=3"]).contains("n_kv_heads = 3"));
        assert!(error("tiny", &["train.micro_batch=-1"]).contains("micro_batch"));
    }
}
