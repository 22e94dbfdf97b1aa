//! A recording comes in; the sources mixed into it go out, by non-negative matrix factorisation.

pub mod analysis;
pub mod audio;
pub mod error;
pub mod group;

pub use audio::Audio;
pub use error::Error;
