//! What the page's worker calls: `page` behind wasm-bindgen.

mod blob;

use blueberry_steps::{Part, Piece};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use crate::page::{self, Library};

/// The runs that are open, in the worker.
#[wasm_bindgen]
#[derive(Default)]
pub struct Session {
    library: Library,
}

/// A chart's curves and what is around them.
#[wasm_bindgen]
pub struct Chart {
    points: Vec<f32>,
    about: String,
}

#[wasm_bindgen]
impl Session {
    /// Nothing is open.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a log; gives `page::Opened` as JSON.
    ///
    /// # Errors
    /// Where nothing of it can be used.
    pub fn open(&mut self, name: &str, blob: Blob) -> Result<String, JsError> {
        let opened = self.library.open(name, blob::reader(blob))?;
        Ok(serde_json::to_string(&opened)?)
    }

    /// Begins an own log that comes in parts.
    pub fn begin(&mut self, name: &str) -> u32 {
        self.library.begin(name)
    }

    /// The next part of it.
    ///
    /// # Errors
    /// Where it is no own log.
    pub fn feed(&mut self, id: u32, bytes: &[u8]) -> Result<(), JsError> {
        Ok(self.library.feed(id, bytes)?)
    }

    /// Says how many bytes it will be in all, once its begin has come.
    ///
    /// # Errors
    /// Where no such log was begun.
    pub fn expect(&mut self, id: u32, bytes: f64) -> Result<(), JsError> {
        Ok(self.library.expect(id, bytes as u64)?)
    }

    /// The next part of it, read by another worker: what the `Part` of `blueberry-steps` holds there.
    ///
    /// # Errors
    /// Where it is no own log.
    pub fn feed_part(
        &mut self,
        id: u32,
        pieces: &[u32],
        columns: Vec<f64>,
        text: Vec<u8>,
    ) -> Result<(), JsError> {
        let (pieces, _) = pieces.as_chunks::<{ Piece::NUMBERS }>();
        let pieces = pieces.iter().copied().map(Piece::decode).collect();
        let part = Part {
            pieces,
            columns,
            text,
        };
        Ok(self.library.feed_part(id, &part)?)
    }

    /// Ends it; gives `page::Opened` as JSON.
    ///
    /// # Errors
    /// Where nothing of it can be used.
    pub fn finish(&mut self, id: u32) -> Result<String, JsError> {
        Ok(serde_json::to_string(&self.library.finish(id)?)?)
    }

    /// Begins a log that is read on while it is written.
    pub fn follow(&mut self, name: &str) -> u32 {
        self.library.follow(name)
    }

    /// The next bytes of a followed log; gives `page::Opened` as JSON.
    ///
    /// # Errors
    /// Where it is no own log.
    pub fn push(&mut self, id: u32, bytes: &[u8]) -> Result<String, JsError> {
        Ok(serde_json::to_string(&self.library.push(id, bytes)?)?)
    }

    /// Closes a run.
    pub fn close(&mut self, id: u32) {
        self.library.close(id);
    }

    /// Draws a chart.
    ///
    /// # Errors
    /// Where the request is malformed.
    pub fn chart(&mut self, request: &str) -> Result<Chart, JsError> {
        let drawn = page::chart(&mut self.library, &serde_json::from_str(request)?);
        Ok(Chart {
            points: drawn.points.numbers,
            about: serde_json::to_string(&drawn.about)?,
        })
    }

    /// Answers any other question; request and answer are JSON.
    ///
    /// # Errors
    /// Where the request is malformed.
    pub fn ask(&mut self, method: &str, request: &str) -> Result<String, JsError> {
        Ok(page::ask(&mut self.library, method, request)?)
    }
}

#[wasm_bindgen]
impl Chart {
    /// Four numbers a point; empties the chart.
    pub fn points(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.points)
    }

    /// Everything else, as JSON.
    pub fn about(&self) -> String {
        self.about.clone()
    }
}
