//! One file a command.

pub mod bench;
pub mod data;
pub mod devices;
pub mod info;
pub mod train;
pub mod view;
