//! A recording comes in; the sources mixed into it go out, by non-negative matrix factorisation.
//!
//! The spectrogram V of a recording is explained as a sum of non-negative spectra (templates)
//! times activations over time, V ≈ WH; components are grouped into sources, masks share the recording out among
//! them, and every source comes back as audio. [`mod@separate`] is the whole chain and the file to
//! read first; every arrow of
//!
//! ```text
//! audio → spectrum → spectrogram V → model Λ → fit → groups → masks → stems
//! ```
//!
//! is one module. A module uses only those to its left (and [`error`], [`observe`]).

pub mod analysis;
pub mod audio;
pub mod baseline;
pub mod divergence;
pub mod error;
pub mod evaluate;
pub mod evidence;
pub mod factorize;
pub mod fit;
pub mod group;
pub mod knowledge;
pub mod mask;
pub mod model;
pub mod observe;
pub mod pieces;
pub mod recipe;
#[cfg(any(test, feature = "testsignals"))]
pub mod reference;
pub mod refit;
pub mod resample;
pub mod separate;
pub mod separation;
pub mod sharing;
pub mod spectrogram;
pub mod stems;
pub mod stft;
#[cfg(any(test, feature = "testsignals"))]
pub mod testsignals;
pub mod why;
pub mod window;

pub use audio::Audio;
pub use error::Error;
pub use separate::{SeparateConfig, separate};
pub use separation::Separation;
pub use spectrogram::Spectrogram;
pub use stft::{Stft, StftConfig};
pub use window::Window;

/// The README's code runs.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
