//! A recording comes in; the sources mixed into it go out, by non-negative matrix factorisation.

pub mod audio;
pub mod error;
pub mod evaluate;

pub use audio::Audio;
pub use error::Error;
