//! Runs as a race: run logs in, a plain state at a time out, and the drawing of it.
