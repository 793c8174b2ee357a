//! Packed logs in the web page.
//!
//! A crate apart from `blueberry-replay`, so that the first view does not wait for it.

use std::io::{self, Read};

/// Most bytes of an unpacked log: it is in memory as a whole, once here and once in the page.
pub const MOST_BYTES: u64 = 1 << 30;

/// Unpacks gzip and zstd; what is neither comes back as it is.
///
/// # Errors
/// Where it is damaged, or more than [`MOST_BYTES`] unpacked.
pub fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    blueberry_runlog::decompress(packed, MOST_BYTES)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(target_family = "wasm")]
mod web {
    use wasm_bindgen::prelude::*;

    /// Unpacks gzip and zstd.
    ///
    /// # Errors
    /// Where it is damaged or too much.
    #[wasm_bindgen]
    pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, JsError> {
        Ok(crate::unpack(packed)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_log_is_an_error_and_a_plain_one_comes_back() {
        assert_eq!(unpack(b"{}\n").unwrap(), b"{}\n");
        assert!(unpack(&[0x1f, 0x8b, 8, 0, 0, 0]).is_err());
        assert!(unpack(&[0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff]).is_err());
    }
}
