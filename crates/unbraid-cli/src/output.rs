//! Text comes in; standard output and standard error go out, and nobody has to read them to the end.
//!
//! `unbraid … | head` closes the pipe once it has seen enough. What is said after that is said to nobody, quietly, and the work
//! goes on to its end: stems are whole, and the exit code is that of the work. Any other refusal (a full disk) is a failure.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether standard output could not be written, for another reason than that nobody reads it.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Print a line, as `println!` does, to whoever still reads.
macro_rules! say {
    () => { $crate::output::text(format_args!("\n")) };
    ($($words:tt)*) => { $crate::output::text(format_args!("{}\n", format_args!($($words)*))) };
}

/// Print a line on standard error, as `eprintln!` does, to whoever still reads.
macro_rules! complain {
    ($($words:tt)*) => { $crate::output::complaint(format_args!($($words)*)) };
}

pub(crate) use {complain, say};

/// Write text on standard output.
pub(crate) fn text(text: Arguments<'_>) {
    bytes(text.to_string().as_bytes());
}

/// Write bytes on standard output.
pub(crate) fn bytes(bytes: &[u8]) {
    let mut out = stdout().lock();
    heard(out.write_all(bytes).and_then(|()| out.flush()));
}

/// What became of writing standard output: that nobody reads it is no failure, anything else is said once.
pub(crate) fn heard(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
        && !FAILED.swap(true, Ordering::Relaxed)
    {
        complain!("error: cannot write standard output: {error}");
    }
}

/// Whether something that should have been said could not be.
pub(crate) fn failed() -> bool {
    FAILED.load(Ordering::Relaxed)
}

/// Write a line on standard error; where that cannot be written, there is nobody left to tell.
pub(crate) fn complaint(text: Arguments<'_>) {
    stderr().write_all(format!("{text}\n").as_bytes()).ok();
}
