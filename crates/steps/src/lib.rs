//! Step lines of a run log, quickly.
//!
//! Nearly all lines of a log are `step` events, and reading them is most of what opening a log takes. So they have a
//! reader of their own ([`parse`]), which `blueberry-runlog` uses, and which the web page also has as a module apart
//! from the rest: it is compiled for speed, weighs little, and several workers read parts of one log with it
//! ([`Part`]).

mod line;
mod part;

pub use line::{StepLine, parse};
pub use part::{COLUMNS, Part, Piece};

#[cfg(target_family = "wasm")]
mod web {
    use wasm_bindgen::prelude::*;

    /// What a part of a log holds.
    #[wasm_bindgen]
    pub struct Part(crate::Part);

    #[wasm_bindgen]
    impl Part {
        /// Reads a part of a log, cut anywhere.
        #[wasm_bindgen(constructor)]
        pub fn new(bytes: &[u8]) -> Self {
            Self(crate::Part::read(bytes))
        }

        /// Its pieces in order, four numbers each.
        pub fn pieces(&self) -> Vec<u32> {
            self.0.pieces.iter().flat_map(|piece| piece.encode()).collect()
        }

        /// The columns of its steps; empties them.
        pub fn columns(&mut self) -> Vec<f64> {
            std::mem::take(&mut self.0.columns)
        }

        /// Its other lines; empties them.
        pub fn text(&mut self) -> Vec<u8> {
            std::mem::take(&mut self.0.text)
        }
    }
}
