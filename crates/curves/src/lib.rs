//! Draws lists of curves with WebGPU.
//!
//! A crate apart from `blueberry-replay`, which makes the lists, so that a page in a browser without WebGPU never
//! loads it: there the page draws the same lists on a 2D canvas. What to draw is decided elsewhere; here are only
//! a canvas, its points, and items that say how to draw a part of them ([`item`]).

pub mod item;

#[cfg(target_family = "wasm")]
mod renderer;
