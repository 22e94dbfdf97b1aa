//! When sources are struck.

use serde::{Deserialize, Serialize};

/// One stroke.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Onset {
    /// When it starts, in seconds.
    pub secs: f64,
    /// What is struck: the name of a source, or of a kind of source.
    pub source: String,
    /// How hard, 0 to 1, if that is known; 0 is no stroke, and no more is taken from it.
    pub strength: f32,
}
