//! A separation comes in; the project folder goes out, and back in.
//!
//! What `factorize` writes is what every other command opens: `unbraid.json` says how it was made, and
//! `fit.safetensors` holds the fit; `fit.npz` is the same for NumPy.

mod fit;
mod manifest;

pub use fit::{FIT_NPZ, FIT_SAFETENSORS, read_fit, write_fit};
pub use manifest::{
    FORMAT_VERSION, Input, MANIFEST, Manifest, Objective, Output, Program, read_manifest,
    write_manifest,
};

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Error;
use crate::error::reading;

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
///
/// [`Error::Read`] if it cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(reading(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(reading(path))? {
            0 => return Ok(hex(&hash.finalize())),
            len => hash.update(&buffer[..len]),
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
