//! Serves the web page with some runs on this machine.
//!
//! Only what was named when the server started can be asked for: the files of the built page and the given logs, each
//! under a path that the server made up. A log that is still being written is read on by the page in ranges of bytes.
//!
//! ```no_run
//! # async fn example() -> Result<(), blueberry_view::Error> {
//! let runs = blueberry_view::find_runs(&["runs/tiny-42".into()])?;
//! let page = blueberry_view::Page::load("web/dist".as_ref())?;
//! let server = blueberry_view::Server::bind(page, runs, 0).await?;
//! println!("{}", server.url());
//! server.serve(std::future::pending()).await
//! # }
//! ```

mod browser;
mod byte_range;
mod error;
mod page;
mod routes;
mod runs;
mod server;

pub use browser::open;
pub use error::Error;
pub use page::Page;
pub use runs::{MOST_RUNS, Run, find as find_runs};
pub use server::{DEFAULT_PORT, Server, view};
