//! What the page weighs on the way to a browser.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Error, assemble};

/// What is loaded only when it is used, by the begin of its name: the WebGPU renderer, the judge, the decompressors, the
/// reader of long logs, and what works behind the page.
const LATER: &[&str] = &["curves", "judge", "unpack", "steps", "reader.js", "sw.js"];

/// A file of the page.
pub struct Weight {
    /// Its place in the page.
    pub name: String,
    /// As it lies on the disk.
    pub bytes: u64,
    /// As a host that compresses sends it.
    pub gzip_bytes: u64,
}

impl Weight {
    /// Whether the file is loaded only when it is used. Records are watched one by one.
    fn is_later(&self) -> bool {
        let name = self.name.rsplit('/').next().unwrap_or(&self.name);
        let is_later = |later: &&str| name.starts_with(*later);
        LATER.iter().any(is_later) || self.name.starts_with("records/")
    }
}

/// Weighs every file of the page in `out`.
pub fn weigh(out: &Path) -> Result<Vec<Weight>, Error> {
    assemble::files(out)?
        .into_iter()
        .map(|name| weigh_file(out, name))
        .collect()
}

fn weigh_file(out: &Path, name: String) -> Result<Weight, Error> {
    let path = out.join(&name);
    let bytes = std::fs::read(&path).map_err(Error::file(&path))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
    let packed = packed.map_err(Error::file(&path))?;
    Ok(Weight {
        name,
        bytes: bytes.len() as u64,
        gzip_bytes: packed.len() as u64,
    })
}

/// Compressed bytes of the first view.
pub fn first_view(weights: &[Weight]) -> u64 {
    let first = weights.iter().filter(|weight| !weight.is_later());
    first.map(|weight| weight.gzip_bytes).sum()
}

/// The files with their sizes, and the sum.
pub fn table(weights: &[Weight]) -> String {
    let row = |weight: &Weight| {
        let when = if weight.is_later() {
            "when used"
        } else {
            "first view"
        };
        format!(
            "{:>9} {:>9}  {when:<10}  {}\n",
            weight.bytes, weight.gzip_bytes, weight.name
        )
    };
    let rows: String = weights.iter().map(row).collect();
    let sum = first_view(weights);
    format!("\n    bytes      gzip\n{rows}first view, compressed: {sum} bytes\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(name: &str, gzip_bytes: u64) -> Weight {
        Weight {
            name: name.to_owned(),
            bytes: 2 * gzip_bytes,
            gzip_bytes,
        }
    }

    #[test]
    fn the_renderer_is_no_part_of_the_first_view() {
        let weights = [
            weight("index.html", 10),
            weight("app-1/curves_bg.wasm", 100),
            weight("sw.js", 1),
        ];
        assert_eq!(first_view(&weights), 10);
        assert!(
            table(&weights).contains("first view, compressed: 10 bytes"),
            "{}",
            table(&weights)
        );
    }

    #[test]
    fn a_file_is_weighed_compressed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("zeros"), [0; 10_000]).unwrap();
        let weights = weigh(folder.path()).unwrap();
        assert_eq!(weights[0].bytes, 10_000);
        assert!(weights[0].gzip_bytes < 100, "{}", weights[0].gzip_bytes);
    }
}
