//! What is answered to a request.

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use crate::byte_range::{self, ByteRange};
use crate::page::{Page, media_type};
use crate::runs::Run;

/// Most bytes of a log in one answer; the page asks again for the rest. An answer is held in memory.
const MOST_BYTES: u64 = 16 << 20;

/// Says that the log may grow: the page asks again.
const FOLLOW: HeaderName = HeaderName::from_static("blueberry-follow");

/// Sent with everything: the page's own policy once more, since its text does not reach workers and cannot say who may
/// frame it, and no guessing of types.
const ALWAYS: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; \
         connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// What is served.
pub struct Served {
    /// The page's files.
    pub page: Page,
    /// The logs.
    pub runs: Vec<Run>,
    /// The port, which a request's `Host` must name.
    pub port: u16,
}

/// Answers a request.
pub async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let mut response = route(&served, &request).await;
    for (name, value) in ALWAYS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn route(served: &Served, request: &Parts) -> Response {
    if !is_own_host(&request.headers, served.port) {
        return text(
            StatusCode::FORBIDDEN,
            "This server answers to 127.0.0.1 and localhost only.\n",
        );
    }
    if ![Method::GET, Method::HEAD].contains(&request.method) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered.\n");
    }
    let path = request.uri.path().trim_start_matches('/');
    if path.is_empty() && request.uri.query().is_none() && !served.runs.is_empty() {
        return to_runs(&served.runs);
    }
    if let Some(run) = served.runs.iter().find(|run| run.url == path) {
        return log(&run.log, &request.headers).await;
    }
    match served.page.file(path) {
        Some(file) => page_file(file).await,
        None => text(StatusCode::NOT_FOUND, "There is nothing here.\n"),
    }
}

/// A page of another site that had its name point at this machine would ask under that name.
fn is_own_host(headers: &HeaderMap, port: u16) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let (name, asked) = host.rsplit_once(':').unwrap_or((host, "80"));
    ["127.0.0.1", "localhost"].contains(&name) && asked.parse() == Ok(port)
}

/// The page's link with all runs. Their URLs hold no letter that a query would have to escape.
pub fn query(runs: &[Run]) -> String {
    let urls: Vec<&str> = runs.iter().map(|run| run.url.as_str()).collect();
    format!("?runs={}", urls.join(","))
}

fn to_runs(runs: &[Run]) -> Response {
    let mut response = text(StatusCode::FOUND, "");
    if let Ok(place) = HeaderValue::from_str(&format!("/{}", query(runs))) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

async fn page_file(path: &Path) -> Response {
    match tokio::fs::read(path).await {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        Err(error) => unreadable(path, &error),
    }
}

async fn log(path: &Path, headers: &HeaderMap) -> Response {
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    match read_part(path, range).await {
        Ok(part) => part.into_response(),
        Err(error) => unreadable(path, &error),
    }
}

/// A part of a log.
struct Part {
    status: StatusCode,
    bytes: Bytes,
    /// The header `Content-Range`, for a part and for nothing.
    content_range: Option<String>,
}

async fn read_part(path: &Path, range: Option<&str>) -> std::io::Result<Part> {
    let mut file = File::open(path).await?;
    let length = file.metadata().await?.len();
    let (first, last) = match byte_range::parse(range, length) {
        ByteRange::Beyond => {
            return Ok(Part {
                status: StatusCode::RANGE_NOT_SATISFIABLE,
                bytes: Bytes::new(),
                content_range: Some(format!("bytes */{length}")),
            });
        }
        ByteRange::Part { first, last } => (first, last.min(first + MOST_BYTES - 1)),
        // More than one answer holds is a part, though the whole was asked for: the page goes on from there.
        ByteRange::Whole if length > MOST_BYTES => (0, MOST_BYTES - 1),
        ByteRange::Whole => (0, length.saturating_sub(1)),
    };
    file.seek(SeekFrom::Start(first)).await?;
    let mut bytes = Vec::new();
    file.take(last + 1 - first).read_to_end(&mut bytes).await?;
    let is_part = range.is_some() || length > MOST_BYTES;
    // What was read, not what was asked for: the log may have been cut in between.
    let end = (first + bytes.len() as u64).saturating_sub(1);
    Ok(Part {
        status: if is_part {
            StatusCode::PARTIAL_CONTENT
        } else {
            StatusCode::OK
        },
        bytes: bytes.into(),
        content_range: is_part.then(|| format!("bytes {first}-{end}/{length}")),
    })
}

impl Part {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.bytes));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(FOLLOW, HeaderValue::from_static("1"));
        if let Some(Ok(range)) = self.content_range.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Response {
    text(StatusCode::NOT_FOUND, &format!("{}: {error}\n", path.display()))
}

fn text(status: StatusCode, words: &str) -> Response {
    let mut response = Response::new(Body::from(words.to_owned()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
