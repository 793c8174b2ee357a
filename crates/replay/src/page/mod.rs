//! What the web page asks, as plain functions: numbers for the renderer, JSON for the rest. The page's worker holds a
//! [`Library`] and calls these through `web/`, which is all that needs a browser.

mod answers;
mod chart;
mod library;
mod points;
mod verdict;

pub use answers::{RaceRequest, ValuesRequest, ask};
pub use chart::{ChartRequest, Drawn, Margin, chart};
pub use library::{Library, OpenError, Opened};
pub use points::{Kind, Points, Span as PointSpan};
pub use verdict::{VerdictError, verdict};
