//! Files made by independent encoders or by hand come in; what the crate makes of them is checked.

#![expect(clippy::unwrap_used, reason = "a test ends where its helper fails")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "views are handed over like slices"
)]
#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "names of chunks read best as b\"data\""
)]
#![expect(clippy::too_many_lines, reason = "tables of cases are long")]

mod coded;
mod corrupted;
mod helpers;
mod knowledge;
mod metadata;
mod project;
mod refusals;
mod round_trips;
mod span;
mod stems;
mod wav_variants;
mod writing;
