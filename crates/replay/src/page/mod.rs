//! What the web page asks, as plain functions: numbers for the renderer, JSON for the rest. The page's worker holds a
//! [`Library`] and calls these through `web/`, which is all that needs a browser.

mod answers;
mod chart;
mod csv;
mod library;
mod points;
mod words;

pub use answers::{RaceRequest, ValuesRequest, ask};
pub use chart::{About, ChartRequest, Drawn, Margin, chart};
pub use csv::{Csv, csv};
pub use library::{Facts, LIMITS, Library, OpenError, Opened, Trouble};
pub use points::{Kind, PointSpan, Points};
