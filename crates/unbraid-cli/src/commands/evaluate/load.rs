//! Files come in; samples that can be scored against each other go out, or the file that does not fit.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use ndarray::{Array2, Axis, Slice, concatenate};
use unbraid::Audio;
use unbraid::evaluate::Sample;
use unbraid_io::audio::read_audio;

use super::counted;
use super::score::Settings;
use crate::failure::Failure;

/// How samples are held: `f32` keeps the file's channels, `f64` holds their mean without rounding.
pub(super) trait Held: Sample + AddAssign {
    fn of(audio: Audio) -> Array2<Self>;
    fn zero() -> Self;
    fn divided_by(self, count: f64) -> Self;
}

impl Held for f32 {
    fn of(audio: Audio) -> Array2<Self> {
        audio.into_samples()
    }

    fn zero() -> Self {
        0.0
    }

    fn divided_by(self, count: f64) -> Self {
        (f64::from(self) / count) as Self
    }
}

impl Held for f64 {
    fn of(audio: Audio) -> Array2<Self> {
        let samples = audio.samples();
        let mut mean = Array2::zeros((1, samples.ncols()));
        for channel in samples.rows() {
            mean.row_mut(0)
                .zip_mut_with(&channel, |sum, &sample| *sum += Self::from(sample));
        }
        let channels = samples.nrows() as Self;
        mean.mapv_into(|sum| sum / channels)
    }

    fn zero() -> Self {
        0.0
    }

    fn divided_by(self, count: f64) -> Self {
        self / count
    }
}

/// Reads files that all have to fit the first one.
pub(super) struct Loader<'a> {
    settings: &'a Settings,
    first: Option<First>,
}

struct First {
    path: PathBuf,
    sample_rate: u32,
    channels: usize,
    len_samples: usize,
}

impl<'a> Loader<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            first: None,
        }
    }

    /// The rate of everything that has been read.
    pub(super) fn sample_rate(&self) -> Option<u32> {
        self.first.as_ref().map(|first| first.sample_rate)
    }

    /// The sum of some files.
    pub(super) fn sum<T: Held>(
        &mut self,
        paths: &[PathBuf],
        may_pad: bool,
    ) -> Result<Array2<T>, Failure> {
        let mut sum: Option<Array2<T>> = None;
        for path in paths {
            let samples = self.one(path, may_pad)?;
            match &mut sum {
                None => sum = Some(samples),
                Some(sum) => sum.zip_mut_with(&samples, |sum, &sample| *sum += sample),
            }
        }
        sum.ok_or_else(|| Failure::usage("a source without files"))
    }

    pub(super) fn one<T: Held>(
        &mut self,
        path: &Path,
        may_pad: bool,
    ) -> Result<Array2<T>, Failure> {
        let audio = read_audio(path, self.settings.span)?.audio;
        let sample_rate = audio.sample_rate();
        let samples = T::of(audio);
        let (channels, len_samples) = samples.dim();
        let Some(first) = &self.first else {
            self.first = Some(First {
                path: path.to_owned(),
                sample_rate,
                channels,
                len_samples,
            });
            return Ok(samples);
        };
        let (path, other) = (path.display(), first.path.display());
        if sample_rate != first.sample_rate {
            return Err(Failure::Other(anyhow!(
                "{path} has {sample_rate} Hz, but {other} has {} Hz: resample one of them",
                first.sample_rate
            )));
        }
        if channels != first.channels {
            return Err(Failure::Other(anyhow!(
                "{path} has {}, but {other} has {}: pass --downmix mono, or use \
                 stems with all channels",
                counted(channels, "channel"),
                first.channels
            )));
        }
        if len_samples == first.len_samples {
            return Ok(samples);
        }
        if may_pad && self.settings.pad {
            return Ok(fitted(&samples, first.len_samples));
        }
        let remedy = if may_pad {
            "pass --pad to cut or pad estimates as museval does, or --duration for a part that both have"
        } else {
            "cut them to one length, or pass --duration for a part that all have"
        };
        Err(Failure::Other(anyhow!(
            "{path} has {len_samples} samples, but {other} has {}: {remedy}",
            first.len_samples
        )))
    }
}

/// Cut or pad with silence at the end.
fn fitted<T: Held>(samples: &Array2<T>, len: usize) -> Array2<T> {
    let (channels, given) = samples.dim();
    if given >= len {
        return samples.slice_axis(Axis(1), Slice::from(..len)).to_owned();
    }
    let silence = Array2::from_elem((channels, len - given), T::zero());
    concatenate(Axis(1), &[samples.view(), silence.view()]).expect("channels are the same")
}
