//! Files made by independent encoders or by hand come in; what the crate makes of them is checked.

mod corrupted;
mod helpers;
mod project;
mod refusals;
mod round_trips;
mod span;
mod stems;
mod wav_variants;
mod writing;
