//! A mixture in stereo comes in; how long 30 s of it take goes out.

use std::time::Instant;

use anyhow::{Context, Result};
use ndarray::{Axis, concatenate, s};
use serde::{Deserialize, Serialize};
use unbraid::recipe::voice_piano::VoicePianoConfig;
use unbraid::{Audio, SeparateConfig, separate};

use super::subject::Subject;

/// Seconds of sound.
pub(super) const SECS: usize = 30;

/// How often each is done; the fastest counts, since other programs only ever slow it down.
pub(super) const TIMES: usize = 3;

/// How long the separation and its stems took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Times {
    pub(super) threads: usize,
    pub(super) channels: usize,
    /// By default and `--fast`, seconds.
    pub(super) default_secs: f64,
    pub(super) fast_secs: f64,
}

/// Separate a mixture, repeated to [`SECS`] seconds.
pub(super) fn times(subject: &Subject) -> Result<Times> {
    let mixture = &subject.clip.mixture;
    let len = SECS * mixture.sample_rate() as usize;
    let again = vec![mixture.samples(); len.div_ceil(mixture.len_samples())];
    let long = concatenate(Axis(1), &again)?
        .slice(s![.., ..len])
        .to_owned();
    let audio = Audio::new(long, mixture.sample_rate())?;
    let fastest = |voice_piano: VoicePianoConfig| -> Result<f64> {
        let config = SeparateConfig {
            sources: subject.clip.sources.clone(),
            voice_piano,
            ..SeparateConfig::default()
        };
        let once = || -> Result<f64> {
            let begin = Instant::now();
            let separation = separate(&audio, &config, &mut ())?;
            std::hint::black_box(separation.stems(&audio)?.collect_audio()?);
            Ok(begin.elapsed().as_secs_f64())
        };
        let all: Vec<f64> = (0..TIMES).map(|_| once()).collect::<Result<_>>()?;
        all.into_iter()
            .reduce(f64::min)
            .context("nothing was timed")
    };
    Ok(Times {
        threads: rayon::current_num_threads(),
        channels: audio.channels(),
        default_secs: fastest(VoicePianoConfig::default())?,
        fast_secs: fastest(VoicePianoConfig::fast())?,
    })
}
