//! Bytes come in; their SHA-256 goes out, in hexadecimal.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::error::reading;

/// A SHA-256 in the making, beside what is being written.
#[derive(Debug, Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn hex(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
///
/// [`Error::Read`] if it cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(reading(path))?;
    let mut digest = Digest::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(reading(path))? {
            0 => return Ok(digest.hex()),
            len => digest.update(&buffer[..len]),
        }
    }
}

/// The SHA-256 of bytes in memory, in hexadecimal.
///
/// # Examples
///
/// ```
/// assert!(unbraid_io::project::sha256_of_bytes(b"abc").starts_with("ba7816bf"));
/// ```
#[must_use]
pub fn sha256_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
