//! A file of the browser as a reader, a part at a time: a log of a gigabyte is never in memory as a whole.

use std::io::{self, BufReader, Read};

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

/// Bytes that are read at once.
const PART_BYTES: u32 = 4 << 20;

#[wasm_bindgen]
extern "C" {
    /// Reads at once instead of later; there is one in workers only.
    type FileReaderSync;

    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<FileReaderSync, JsValue>;

    #[wasm_bindgen(method, catch, js_name = readAsArrayBuffer)]
    fn read(this: &FileReaderSync, blob: &Blob) -> Result<ArrayBuffer, JsValue>;
}

struct BlobReader {
    blob: Blob,
    at: f64,
}

/// Reads a blob in large parts.
pub fn reader(blob: Blob) -> impl io::BufRead {
    BufReader::with_capacity(PART_BYTES as usize, BlobReader { blob, at: 0.0 })
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = (self.at + buffer.len() as f64).min(self.blob.size());
        let part = self.blob.slice_with_f64_and_f64(self.at, end).map_err(failed)?;
        let bytes = FileReaderSync::new()
            .and_then(|reader| reader.read(&part))
            .map_err(failed)?;
        let bytes = Uint8Array::new(&bytes);
        let count = bytes.length() as usize;
        bytes.copy_to(&mut buffer[..count]);
        self.at = end;
        Ok(count)
    }
}

/// What the browser says, for example of a file that was moved since it was dropped.
fn failed(error: JsValue) -> io::Error {
    let words = js_sys::Reflect::get(&error, &"message".into())
        .ok()
        .and_then(|words| words.as_string());
    io::Error::other(words.unwrap_or_else(|| "the browser could not read the file".to_owned()))
}
