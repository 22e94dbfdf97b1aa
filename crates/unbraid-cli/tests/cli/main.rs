//! The program as a user runs it: one binary for all of its tests, to link once.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers among them")]

mod batch;
mod compare;
#[cfg(target_os = "linux")]
mod disk;
mod evaluate;
mod guide;
mod helpers;
mod knowledge;
mod pieces;
mod pipe;
mod project;
mod refit;
mod refusals;
mod separate;
mod stages;
mod studio;
