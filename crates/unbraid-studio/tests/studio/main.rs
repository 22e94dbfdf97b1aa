//! The server as a browser, or an attacker, meets it: bytes go in over a socket, bytes come out.
#![expect(clippy::unwrap_used, reason = "a test ends where its helper fails")]

mod client;
mod disk;
mod projects;
mod refusals;
