//! Floats as JSON. JSON has no NaN and no infinities, and a `null` would lose which one it was, so they are
//! the strings `"NaN"`, `"Infinity"` and `"-Infinity"`. For `#[serde(with = ...)]`.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub fn serialize<S: Serializer>(value: &f64, output: S) -> Result<S::Ok, S::Error> {
    Float(*value).serialize(output)
}

pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    Ok(Float::deserialize(input)?.0)
}

/// An optional float. The field also needs `default`.
pub mod option {
    use super::{Deserialize, Deserializer, Float, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<f64>, output: S) -> Result<S::Ok, S::Error> {
        value.map(Float).serialize(output)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Float>::deserialize(input)?.map(|float| float.0))
    }
}

/// Floats by name.
pub mod map {
    use std::collections::BTreeMap;

    use super::{Deserialize, Deserializer, Float, Serializer};

    pub fn serialize<S: Serializer>(values: &BTreeMap<String, f64>, output: S) -> Result<S::Ok, S::Error> {
        output.collect_map(values.iter().map(|(name, value)| (name, Float(*value))))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let values = BTreeMap::<String, Float>::deserialize(input)?;
        Ok(values.into_iter().map(|(name, value)| (name, value.0)).collect())
    }
}

struct Float(f64);

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => output.serialize_f64(value),
            value if value.is_nan() => output.serialize_str("NaN"),
            value if value > 0.0 => output.serialize_str("Infinity"),
            _ => output.serialize_str("-Infinity"),
        }
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(FloatVisitor)
    }
}

struct FloatVisitor;

impl Visitor<'_> for FloatVisitor {
    type Value = Float;

    fn expecting(&self, text: &mut fmt::Formatter) -> fmt::Result {
        text.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Float, E> {
        Ok(Float(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Float, E> {
        match value {
            "NaN" => Ok(Float(f64::NAN)),
            "Infinity" => Ok(Float(f64::INFINITY)),
            "-Infinity" => Ok(Float(f64::NEG_INFINITY)),
            other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
        }
    }
}
