//! The judge in the web page.
//!
//! A crate apart from `blueberry-replay`, so that the first view does not wait for it.

mod verdict;

pub use verdict::{VerdictError, categories, verdict};

#[cfg(target_family = "wasm")]
mod web {
    use wasm_bindgen::prelude::*;

    /// The official categories, as JSON.
    #[wasm_bindgen]
    pub fn categories() -> String {
        crate::categories().to_string()
    }

    /// The verdict on a log, as JSON.
    ///
    /// # Errors
    /// Where it is no own log.
    #[wasm_bindgen]
    pub fn verdict(name: &str, log: &[u8], category: &str) -> Result<String, JsError> {
        Ok(crate::verdict(name, log, category)?.to_string())
    }
}
