//! A spectrogram and a task come in; the fitted model that suits the task goes out.
//!
//! One file per task: which parts, which rounds, which fallback.

mod blind;
mod drums;
mod hits;
mod informed;
mod rank;
mod span;
pub mod voice_piano;

pub use blind::{BlindConfig, FirstFactors, WarmStart, blind, blind_after};
pub use drums::{DrumEvidence, DrumsConfig, DrumsTask, drums};
pub use hits::{HitsConfig, HitsTask, hits, is_struck};
pub use informed::{
    FreeKind, InformedConfig, Instrument, NOTE_EXPONENT, Task, informed, note_stft,
};
pub use rank::{RANKS, Rank, Trial, choose_rank, rank_iterations};
pub use span::learn_span;
