//! Folders of references and estimates come in as lists of stems; scores go out as museval's JSON,
//! and back in.
//!
//! | what | where |
//! |---|---|
//! | a folder of stems; MUSDB18, DSD100, and folders of tracks | [`StemFolder`], [`Dataset`] |
//! | one track's scores as museval writes them | [`TrackScores`] |
//! | median of frames, then median of tracks | [`summarize`] |

mod json;
mod layout;
mod museval;
mod summary;

pub use layout::{Dataset, Layout, Stem, StemFolder, Track};
pub use museval::{Frame, FrameMetrics, Target, TrackScores, read_scores_folder};
pub use summary::{TargetSummary, summarize};
