//! Words to standard output and standard error. `println!` panics where they cannot be written, and a reader that is gone
//! (`blueberry train 2>&1 | head`) is no reason to lose a run.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why words are missing from standard output, where its reader did not leave by itself: a full disk, say.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// A line on standard output.
macro_rules! outln {
    ($($words:tt)*) => { $crate::out::write(format_args!("{}\n", format_args!($($words)*))) };
}

/// Words on standard output.
macro_rules! out {
    ($($words:tt)*) => { $crate::out::write(format_args!($($words)*)) };
}

/// A line on standard error.
macro_rules! errln {
    ($($words:tt)*) => { $crate::out::write_error(format_args!("{}\n", format_args!($($words)*))) };
}

pub fn write(words: Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    keep(stdout.write_fmt(words).and_then(|()| stdout.flush()));
}

fn keep(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error);
    }
}

/// Standard output for a library that writes to it: never an error.
pub struct Standard;

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        keep(io::stdout().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        keep(io::stdout().flush());
        Ok(())
    }
}

/// Where nobody can be told, nobody is.
pub fn write_error(words: Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(words);
}

/// Whether everything for standard output is there.
///
/// # Errors
/// The first failure but that of a reader that left.
pub fn complete() -> Result<(), &'static io::Error> {
    LOST.get().map_or(Ok(()), Err)
}
