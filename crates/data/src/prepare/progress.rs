//! What a preparation tells of its progress.

/// Is told how far a preparation is, several times a second; may be called from several threads.
pub trait Progress: Sync {
    /// The latest state.
    fn update(&self, status: &Status);
}

/// Tells nobody.
impl Progress for () {
    fn update(&self, _status: &Status) {}
}

/// How far a preparation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What is being done.
    pub stage: Stage,
    /// Bytes of the sources read in this stage.
    pub bytes_done: u64,
    /// Bytes of all sources.
    pub bytes_total: u64,
    /// Documents, or rows, read so far.
    pub documents: u64,
    /// Tokens made so far.
    pub tokens: u64,
}

/// The sources are read twice, or once and then what was made of them before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Once for their digests, which tell whether there is anything to do.
    Hashing,
    /// Once for their tokens.
    Tokenising,
    /// The shards that are there, for their digests; bytes are theirs.
    Checking,
}
