//! A file of plain text: one document.

use std::fs;

use super::document::{Content, MAX_DOCUMENT_BYTES, Place, Sink};
use super::error::{PrepareError, Problem};
use super::sources::Source;
use crate::error::AtPath;

/// Some editors put it in front of UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn read(source: &Source, sink: &mut dyn Sink) -> Result<(), PrepareError> {
    let path = &source.path;
    if fs::metadata(path).at("read", path)?.len() > MAX_DOCUMENT_BYTES {
        return Err(source.problem(
            Place::Byte(0),
            Problem::TooLarge {
                limit: MAX_DOCUMENT_BYTES,
            },
        ));
    }
    let mut bytes = fs::read(path).at("read", path)?;
    sink.advance(bytes.len() as u64);
    let mark = if bytes.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    bytes.drain(..mark);
    if bytes.is_empty() {
        return Err(source.problem(Place::Byte(0), Problem::Empty));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = mark + error.utf8_error().valid_up_to();
        source.problem(Place::Byte(at as u64), Problem::NotUtf8)
    })?;
    sink.document(Place::Byte(0), Content::Text(text))
}

#[cfg(test)]
mod tests {
    use super::super::document::testing::{Kept, source};
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        fs::write(&path, bytes).unwrap();
        let mut kept = Kept::default();
        read(&source(&path), &mut kept).map_err(|error| error.to_string())?;
        assert_eq!(kept.bytes, bytes.len() as u64);
        Ok(kept.texts().into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn a_file_is_a_document_without_its_mark() {
        assert_eq!(read_bytes("\u{feff}Zoë\r\n".as_bytes()).unwrap(), ["Zoë\r\n"]);
        assert_eq!(read_bytes(b"a").unwrap(), ["a"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        assert!(
            read_bytes(b"abc\xff")
                .unwrap_err()
                .contains("a.txt at byte 3: the text is not UTF-8")
        );
        assert!(
            read_bytes(b"\xef\xbb\xbfab\xc3")
                .unwrap_err()
                .contains("at byte 5")
        );
        assert!(read_bytes(b"").unwrap_err().contains("empty"));
        assert!(read_bytes(BYTE_ORDER_MARK).unwrap_err().contains("empty"));
    }

    #[test]
    fn a_file_beyond_the_limit_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        // Sparse: it takes no room on the disk.
        fs::File::create(&path)
            .unwrap()
            .set_len(MAX_DOCUMENT_BYTES + 1)
            .unwrap();
        let message = read(&source(&path), &mut Kept::default())
            .unwrap_err()
            .to_string();
        assert!(message.contains("more than 67108864 bytes"), "{message}");
    }
}
