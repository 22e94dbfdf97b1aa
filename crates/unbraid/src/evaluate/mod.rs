//! References and estimates come in; how well they match goes out.
//!
//! | measure | where | forgives | published figures |
//! |---|---|---|---|
//! | BSS Eval 4: SDR, ISR, SIR, SAR | [`v4::bss_eval`] | nothing in SDR; a fixed filter in SIR, SAR | MUSDB18, `SiSEC` 2018 |
//! | BSS Eval 3 images: the same | [`bss_eval_images`] and framewise | the same, a filter per frame | DSD100, `SiSEC` 2016 |
//! | BSS Eval 3 sources: SDR, SIR, SAR | [`bss_eval_sources`] and framewise | any filter of 512 samples | older papers |
//! | SI-SDR, SI-SIR, SI-SAR | [`si_sdr()`] | one gain | speech, recent papers |
//! | SNR | [`snr_db`] | nothing | |
//! | notes heard: precision, recall, F1 | [`note_scores`] | 50 ms | MIREX |
//!
//! All measures are pure functions, count in `f64`, and give the same result on any number of
//! threads. Sources are lists of arrays `(channels, samples)`, such as
//! [`Audio::samples`](crate::Audio::samples) gives. Silence is either the measure's own defined case
//! or an error, never a made-up number.
//!
//! SDR alone says little: a scaled mixture beats many separators by it. Report SIR and SAR too, and the
//! improvement over the mixture ([`Ratios::improvement_over`]).

mod correlation;
mod decibels;
mod filters;
mod fourier;
mod notes;
mod permutation;
mod projection;
mod scores;
mod si_sdr;
mod signals;
mod v3;
pub mod v4;

pub use notes::{NoteConfig, NoteScores, note_matches, note_scores};
pub use permutation::best_order;
pub use scores::{FrameConfig, FrameScores, FramewiseScores, Ratios, Scores, median};
pub use si_sdr::{ScaleInvariantRatios, si_sdr, snr_db};
pub use signals::Sample;
pub use v3::{
    BssEvalConfig, Matching, bss_eval_images, bss_eval_images_framewise, bss_eval_sources,
    bss_eval_sources_framewise,
};
