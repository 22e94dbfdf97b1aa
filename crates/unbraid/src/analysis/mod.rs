//! A spectrogram comes in; what can be read off it without a model goes out.

#![expect(
    clippy::needless_pass_by_value,
    reason = "views are handed over by value, as ndarray does: they are two pointers wide"
)]

pub mod glottal;
pub mod hpss;
pub mod median;
pub mod viterbi;
