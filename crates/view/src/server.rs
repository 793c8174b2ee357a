//! The server, on this machine's loopback address only.

use std::future::Future;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use crate::routes::{self, Served};
use crate::{Error, Page, Run, browser, runs};

/// The port where none is asked for.
pub const DEFAULT_PORT: u16 = 8151;

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    served: Arc<Served>,
}

impl Server {
    /// Listens on 127.0.0.1; port 0 takes any that is free.
    ///
    /// # Errors
    /// [`Error::Bind`] where the port is taken.
    pub async fn bind(page: Page, runs: Vec<Run>, port: u16) -> Result<Self, Error> {
        let bind = |source| Error::Bind { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(bind)?;
        let port = listener.local_addr().map_err(bind)?.port();
        let served = Arc::new(Served { page, runs, port });
        Ok(Self { listener, served })
    }

    /// Where the page is, with all runs.
    #[must_use]
    pub fn url(&self) -> String {
        let Served { runs, port, .. } = &*self.served;
        let query = if runs.is_empty() {
            String::new()
        } else {
            routes::query(runs)
        };
        format!("http://127.0.0.1:{port}/{query}")
    }

    /// Answers until `stop` is done.
    ///
    /// # Errors
    /// [`Error::Serve`] where the system takes the listener away.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let router = Router::new().fallback(routes::answer).with_state(self.served);
        let serve = axum::serve(self.listener, router).with_graceful_shutdown(stop);
        serve.await.map_err(Error::Serve)
    }
}

/// Serves the page in the folder `page` with `paths` until Ctrl-C; `say` is told the address. What the command
/// `blueberry view` does.
///
/// # Errors
/// [`Error`], before the address is said for everything that can be known before.
pub fn view(
    page: &Path,
    paths: &[PathBuf],
    port: u16,
    opened: bool,
    say: impl FnOnce(&str),
) -> Result<(), Error> {
    let runs = runs::find(paths)?;
    let page = Page::load(page)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.map_err(Error::Serve)?.block_on(async {
        let server = Server::bind(page, runs, port).await?;
        say(&server.url());
        if opened {
            browser::open(&server.url())?;
        }
        tokio::select! {
            result = server.serve(std::future::pending()) => result,
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Error::Serve),
        }
    })
}
