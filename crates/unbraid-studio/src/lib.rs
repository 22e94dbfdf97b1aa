//! Recordings come in; a page on this computer goes out, on which a person sees, hears and decides
//! what belongs to which source.
//!
//! The server holds the open projects and computes; the page (sources in `web/`, built into
//! `assets/`) draws, plays and asks. Nothing leaves the computer: the server listens on the loopback
//! interface alone, and every request is checked for where it comes from.

mod assets;
mod command;
mod edits;
mod export;
mod failure;
mod fitted;
mod guard;
mod job;
mod loudness;
mod music;
mod picture;
mod project;

mod ranges;
mod rows;
mod server;
mod singer;
mod state;
mod studio;

pub use failure::Failure;
pub use server::{Server, serve};
pub use studio::Settings;
