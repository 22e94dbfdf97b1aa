//! A separation comes in; the project folder goes out, and back in.
//!
//! What `factorize` writes is what every other command opens: `unbraid.json` says how it was made, and
//! `fit.safetensors` holds the fit; `fit.npz` is the same for NumPy. A batch has `unbraid-batch.json` beside its results.

mod batch;
mod fit;
mod history;
mod journal;
mod manifest;
mod warm;

pub use crate::digest::{sha256_of_bytes, sha256_of_file};
pub use batch::{BATCH, Batch, BatchRecording, BatchState, read_batch, write_batch};
pub use fit::{FIT_NPZ, FIT_SAFETENSORS, read_fit, write_fit};
pub use history::{current_state, next_state, set_current_state, state_folder, states};
pub use journal::Journal;
pub use manifest::{
    FORMAT_VERSION, Input, MANIFEST, Manifest, Objective, Output, Program, read_manifest,
    write_manifest,
};
pub use warm::{read_warm_start, write_warm_start};
