//! The source that this binary was built from, fixed by the build script.

use blueberry_runlog::SourceTree;

/// Commit, digest and version.
pub fn source_tree() -> SourceTree {
    let commit = env!("BLUEBERRY_COMMIT");
    SourceTree {
        commit: (!commit.is_empty()).then(|| commit.to_owned()),
        dirty: env!("BLUEBERRY_DIRTY") == "true",
        sha256: env!("BLUEBERRY_SOURCE_SHA256").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        patch_sha256: None,
        build_flags: None,
        extra: Default::default(),
    }
}
