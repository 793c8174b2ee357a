//! How much of a stranger's files is read.

/// Bounds on what is read; what goes past one is an error that names it.
///
/// The defaults hold the memory of one check under 1 GB whatever the files say: a line costs about 350
/// bytes, an unknown value in it about 110.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most files in a record's folder.
    pub files: usize,
    /// Deepest folder in a record's folder; a file at its top has depth 1.
    pub depth: usize,
    /// Largest file in bytes, as it is on the disk.
    pub file_bytes: u64,
    /// All files of a record together, in bytes: each is read to be held against its digest.
    pub folder_bytes: u64,
    /// Largest text of a record other than a log, in bytes.
    pub text_bytes: u64,
    /// The logs of one claim.
    pub logs: LogLimits,
}

/// Bounds on the logs of one claim, all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// Most logs.
    pub count: usize,
    /// Bytes when unpacked.
    pub bytes: u64,
    /// Lines.
    pub lines: u64,
    /// Bytes of one line, its newline included.
    pub line_bytes: usize,
    /// JSON values, as the commas and brackets of the text count them: a few bytes of `[0,0,..]` would
    /// take sixteen times their size in memory.
    pub values: u64,
}

impl Default for Limits {
    /// 128 files, 2 deep, 256 MiB a file, 512 MiB in all, 1 MiB a text.
    fn default() -> Self {
        Self {
            files: 128,
            depth: 2,
            file_bytes: 256 << 20,
            folder_bytes: 512 << 20,
            text_bytes: 1 << 20,
            logs: LogLimits::default(),
        }
    }
}

impl Default for LogLimits {
    /// 64 logs with 256 MiB, 500,000 lines and 7 million values in all, 1 MiB a line.
    fn default() -> Self {
        Self {
            count: 64,
            bytes: 256 << 20,
            lines: 500_000,
            line_bytes: 1 << 20,
            values: 7_000_000,
        }
    }
}
