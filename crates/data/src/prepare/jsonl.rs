//! JSON lines: a document a line, in one field of an object.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::document::{Content, MAX_DOCUMENT_BYTES, Place, Sink};
use super::error::{PrepareError, Problem};
use super::sources::Source;
use super::text::BYTE_ORDER_MARK;
use crate::error::AtPath;

/// Room that is kept from line to line.
const LINE_BYTES: usize = 1 << 20;

/// Lines with nothing but space are passed over; a `null` counts as a document without text.
pub(super) fn read(source: &Source, field: &str, sink: &mut dyn Sink) -> Result<(), PrepareError> {
    let path = &source.path;
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).at("open", path)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut reader)
            .take(MAX_DOCUMENT_BYTES + 1)
            .read_until(b'\n', &mut line)
            .at("read", path)?;
        if read == 0 {
            break;
        }
        sink.advance(read as u64);
        let place = Place::Line(number);
        if read as u64 > MAX_DOCUMENT_BYTES {
            return Err(source.problem(
                place,
                Problem::TooLarge {
                    limit: MAX_DOCUMENT_BYTES,
                },
            ));
        }
        let json = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line).trim_ascii();
        if !json.is_empty() {
            let text = parse(json, field).map_err(|cause| source.problem(place, problem(field, &cause)))?;
            // The room of a long line is not held while its document is worked on.
            line.clear();
            line.shrink_to(LINE_BYTES);
            sink.document(place, Content::Text(text))?;
        }
    }
    Ok(())
}

/// The parser counts lines too, and to it this one is always the first.
fn problem(field: &str, cause: &serde_json::Error) -> Problem {
    let mut reason = cause.to_string();
    reason.truncate(reason.rfind(" at line ").unwrap_or(reason.len()));
    Problem::Json {
        field: field.to_owned(),
        column: cause.column(),
        reason,
    }
}

fn parse(json: &[u8], field: &str) -> serde_json::Result<String> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let text = Field(field).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(text)
}

/// Takes one field of an object and keeps nothing of the others.
struct Field<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a string `{}`", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let mut text = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                text = Some(map.next_value::<Option<String>>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let text = text.ok_or_else(|| A::Error::custom(format_args!("the field `{}` is missing", self.0)))?;
        Ok(text.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::testing::{Kept, source};
    use super::*;

    fn read_text(text: &str, field: &str) -> Result<Vec<(Place, Content)>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, text).unwrap();
        let mut kept = Kept::default();
        read(&source(&path), field, &mut kept).map_err(|error| error.to_string())?;
        assert_eq!(kept.bytes, text.len() as u64);
        Ok(kept.documents)
    }

    fn line(number: u64, text: &str) -> (Place, Content) {
        (Place::Line(number), Content::Text(text.to_owned()))
    }

    #[test]
    fn a_line_is_a_document() {
        let text = "\u{feff}{\"id\": [1, {\"text\": 2}], \"text\": \"a\\nb\"}\r\n\n{\"text\": null}\n{\"text\": \"\u{e9}\"}";
        assert_eq!(
            read_text(text, "text").unwrap(),
            [line(1, "a\nb"), line(3, ""), line(4, "é")]
        );
        assert_eq!(read_text("{\"story\": \"x\"}", "story").unwrap(), [line(1, "x")]);
        assert_eq!(read_text("", "text").unwrap(), []);
    }

    #[test]
    fn a_bad_line_is_named() {
        let refused =
            |second: &str| read_text(&format!("{{\"text\": \"a\"}}\n{second}\n"), "text").unwrap_err();
        for (bad, why) in [
            ("{\"text\": \"a", "EOF"),
            ("{\"other\": 1}", "the field `text` is missing"),
            ("{\"text\": 3}", "invalid type: integer"),
            ("[\"text\"]", "expected an object"),
            ("{\"text\": \"a\"} x", "trailing characters"),
        ] {
            let message = refused(bad);
            assert!(
                message.contains("a.jsonl line 2: not a JSON object with a string `text` (column ")
                    && message.contains(why),
                "{message}"
            );
        }
    }
}
