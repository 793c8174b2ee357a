//! The server, asked over a socket as a browser asks, and as a browser would not.
#![allow(clippy::unwrap_used)] // helpers of tests, where a panic is the answer

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use blueberry_view::{Page, Server, find_runs};
use tempfile::TempDir;

const LOG: &str = "{\"event\":\"run\"}\n";

/// A server on a free port, with a page of two files and one run.
struct Site {
    place: TempDir,
    url: String,
    port: u16,
    _runtime: tokio::runtime::Runtime,
}

impl Site {
    fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("page/index.html", "<title>page</title>"),
            ("page/app-1/main.js", "run();"),
            ("run/run.jsonl", LOG),
            ("secret", "secret"),
        ] {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let page = Page::load(&place.path().join("page")).unwrap();
        let runs = find_runs(&[place.path().join("run")]).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = runtime.block_on(Server::bind(page, runs, 0)).unwrap();
        let url = server.url();
        let port = url.split(['/', ':']).nth(4).unwrap().parse().unwrap();
        runtime.spawn(server.serve(std::future::pending()));
        Self {
            place,
            url,
            port,
            _runtime: runtime,
        }
    }

    fn log(&self) -> std::path::PathBuf {
        self.place.path().join("run/run.jsonl")
    }

    /// The answer to a request with these lines, the first without the protocol's version.
    fn ask(&self, first: &str, lines: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        write!(stream, "{first} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str, lines: &[&str]) -> String {
        let host = format!("Host: 127.0.0.1:{}", self.port);
        self.ask(&format!("GET {path}"), &[&[host.as_str()], lines].concat())
    }
}

fn append(path: &Path, text: &str) {
    OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn the_page_and_the_run_are_served() {
    let site = Site::start();
    assert!(site.url.ends_with("/?runs=runs/0/run.jsonl"), "{}", site.url);
    assert_eq!(
        body(&site.get("/?runs=runs/0/run.jsonl", &[])),
        "<title>page</title>"
    );
    let script = site.get("/app-1/main.js", &[]);
    assert!(script.contains("content-type: text/javascript"), "{script}");
    assert!(script.contains("nosniff"), "{script}");
    let policy = include_str!("../../../web/index.html")
        .split("Policy\" content=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let header = format!("content-security-policy: {policy}; frame-ancestors 'self'\r\n");
    assert!(
        script.contains(&header),
        "the page's own policy also reaches workers: {script}"
    );
    assert_eq!(body(&site.get("/runs/0/run.jsonl", &[])), LOG);
}

#[test]
fn the_bare_address_leads_to_the_runs() {
    let site = Site::start();
    let answer = site.get("/", &[]);
    assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
    assert!(answer.contains("location: /?runs=runs/0/run.jsonl"), "{answer}");
}

#[test]
fn a_log_that_grows_is_read_on() {
    let site = Site::start();
    let from_end = format!("Range: bytes={}-", LOG.len());
    let nothing = site.get("/runs/0/run.jsonl", &[&from_end]);
    assert!(nothing.starts_with("HTTP/1.1 416"), "{nothing}");
    assert!(
        nothing.contains(&format!("content-range: bytes */{}", LOG.len())),
        "{nothing}"
    );
    append(&site.log(), "{\"event\":\"step\"}\n");
    let more = site.get("/runs/0/run.jsonl", &[&from_end]);
    assert!(
        more.starts_with("HTTP/1.1 206") && more.contains("blueberry-follow: 1"),
        "{more}"
    );
    assert_eq!(body(&more), "{\"event\":\"step\"}\n");
}

#[test]
fn a_log_that_was_cut_says_so() {
    let site = Site::start();
    fs::write(site.log(), "{}\n").unwrap();
    let answer = site.get("/runs/0/run.jsonl", &["Range: bytes=16-"]);
    assert!(
        answer.starts_with("HTTP/1.1 416") && answer.contains("content-range: bytes */3"),
        "{answer}"
    );
}

#[test]
fn a_log_that_is_gone_is_an_answer() {
    let site = Site::start();
    fs::remove_file(site.log()).unwrap();
    assert!(site.get("/runs/0/run.jsonl", &[]).starts_with("HTTP/1.1 404"));
}

#[test]
fn nothing_else_is_served() {
    let site = Site::start();
    for path in [
        "/secret",
        "/../secret",
        "/app-1/../../secret",
        "/%2e%2e/secret",
        "/app-1/..%2f..%2fsecret",
        "/runs/0/../../secret",
        "/runs/1/run.jsonl",
        "//secret",
        "/run/run.jsonl",
    ] {
        let answer = site.get(path, &[]);
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(!body(&answer).contains("secret"), "{path}: {answer}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_page_is_not_followed() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("secret"), "secret").unwrap();
    let page = place.path().join("page");
    fs::create_dir(&page).unwrap();
    fs::write(page.join("index.html"), "").unwrap();
    std::os::unix::fs::symlink(place.path().join("secret"), page.join("link")).unwrap();
    let listed = format!("{:?}", Page::load(&page).unwrap());
    assert!(
        listed.contains("index.html") && !listed.contains("link"),
        "{listed}"
    );
}

#[test]
fn another_name_for_this_machine_is_refused() {
    let site = Site::start();
    for host in [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:80",
        "",
    ] {
        let answer = site.ask("GET /", &[&format!("Host: {host}")]);
        assert!(answer.starts_with("HTTP/1.1 403"), "{host}: {answer}");
    }
    let own = site.ask("GET /?x", &[&format!("Host: localhost:{}", site.port)]);
    assert!(own.starts_with("HTTP/1.1 200"), "{own}");
}

#[test]
fn only_reading_is_answered() {
    let site = Site::start();
    let host = format!("Host: 127.0.0.1:{}", site.port);
    assert!(
        site.ask("DELETE /runs/0/run.jsonl", &[&host])
            .starts_with("HTTP/1.1 405")
    );
    assert!(site.log().exists());
}

#[test]
fn a_page_that_was_not_built_is_said_how_to_build() {
    let place = tempfile::tempdir().unwrap();
    let error = Page::load(place.path()).unwrap_err().to_string();
    assert!(error.contains("build it with `cargo xtask web`"), "{error}");
}
