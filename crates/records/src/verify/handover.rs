//! Taking files out of a folder that a stranger's program wrote, and making files where it could have been.
//!
//! Such a folder is read when its program is over. A name in it may be a link to a key of the verifier's, or a pipe on
//! which a read never ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Opens the plain file at `below` in `root`, through no link, of at most `most` bytes.
fn open(root: &Path, below: &[&str], most: u64) -> io::Result<File> {
    let mut path = root.to_owned();
    for (index, part) in below.iter().enumerate() {
        path.push(part);
        let kind = fs::symlink_metadata(&path)?.file_type();
        let last = index + 1 == below.len();
        if if last { !kind.is_file() } else { !kind.is_dir() } {
            return Err(refused("it is a link or a special file"));
        }
    }
    let file = options().read(true).open(&path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > most {
        return Err(refused("it is no plain file, or too large"));
    }
    Ok(file)
}

/// The whole of the plain file at `below` in `root`, of at most `most` bytes.
pub(super) fn read(root: &Path, below: &[&str], most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that it grew.
    open(root, below, most)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(refused("it is too large"));
    }
    Ok(bytes)
}

/// The first bytes, at most `most`, of the plain file at `below` in `root`.
pub(super) fn start(root: &Path, below: &[&str], most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(root, below, u64::MAX)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Copies the plain file at `below` in `root` to `to`, with its permissions.
pub(super) fn copy(root: &Path, below: &[&str], to: &Path, most: u64) -> io::Result<()> {
    let from = open(root, below, most)?;
    let permissions = from.metadata()?.permissions();
    let mut new = create(to)?;
    io::copy(&mut from.take(most), &mut new)?;
    new.set_permissions(permissions)
}

/// A new file at `path`. What is there goes: a link itself and not what it leads to.
pub(super) fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    options().write(true).create_new(true).open(path)
}

/// Of an open that follows no link and waits for nobody at the other end of a pipe.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    options
}

fn refused(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn links_pipes_and_large_files_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("out")).unwrap();
        fs::write(dir.path().join("key"), "secret").unwrap();
        fs::write(root.join("out/log"), "text").unwrap();
        symlink(dir.path().join("key"), root.join("out/link")).unwrap();
        symlink(dir.path(), root.join("folder")).unwrap();
        let pipe = root.join("out/pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(read(&root, &["out", "log"], 4).unwrap(), b"text");
        for (below, most) in [
            (["out", "log"], 3),
            (["out", "link"], 99),
            (["out", "pipe"], 99),
            (["folder", "key"], 99),
            (["out", "none"], 99),
        ] {
            assert!(read(&root, &below, most).is_err(), "{below:?}");
            assert!(
                copy(&root, &below, &dir.path().join("to"), most).is_err(),
                "{below:?}"
            );
        }
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (key, path) = (dir.path().join("key"), dir.path().join("output.txt"));
        fs::write(&key, "secret").unwrap();
        symlink(&key, &path).unwrap();
        drop(create(&path).unwrap());
        assert_eq!(fs::read_to_string(&key).unwrap(), "secret");
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
