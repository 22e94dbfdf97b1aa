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
mod given;
mod guard;
mod job;
mod loudness;
mod music;
mod picture;
mod program;
mod project;
mod ranges;
mod rows;
mod separated;
mod server;
mod state;
mod studio;
mod upload;

pub use failure::Failure;
pub use program::{Given, OfSource, Offered, Program, Value, Watch};
pub use server::{Server, serve};
pub use studio::Settings;
