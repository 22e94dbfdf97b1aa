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

/// The strokes from one moment to another, in seconds, with times counted from the first.
///
/// Sources that are not struck there are named by a stroke without strength: it is still known of them that they are struck.
#[must_use]
pub fn between(onsets: &[Onset], start_secs: f64, end_secs: f64) -> Vec<Onset> {
    let mut found: Vec<Onset> = Vec::new();
    for onset in onsets {
        if onset.secs >= start_secs && onset.secs < end_secs {
            found.push(Onset {
                secs: onset.secs - start_secs,
                ..onset.clone()
            });
        }
    }
    for onset in onsets {
        if !found.iter().any(|known| known.source == onset.source) {
            found.push(Onset {
                secs: 0.0,
                source: onset.source.clone(),
                strength: 0.0,
            });
        }
    }
    found
}
