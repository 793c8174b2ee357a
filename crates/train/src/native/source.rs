//! The source that this binary was built from, fixed by the build script.

use blueberry_runlog::SourceTree;

/// Commit, digest and version.
pub fn source_tree() -> SourceTree {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    SourceTree {
        commit: some(env!("BLUEBERRY_COMMIT")),
        dirty: env!("BLUEBERRY_DIRTY") == "true",
        sha256: env!("BLUEBERRY_SOURCE_SHA256").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        patch_sha256: some(env!("BLUEBERRY_PATCH_SHA256")),
        build_flags: some(env!("BLUEBERRY_BUILD_FLAGS")),
        extra: Default::default(),
    }
}

/// Files of the source that git did not know when this binary was built; empty where nobody needs them to build it again.
pub fn unknown_source_files() -> &'static str {
    env!("BLUEBERRY_UNKNOWN_FILES")
}
