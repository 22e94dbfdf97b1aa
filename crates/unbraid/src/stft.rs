//! Audio comes in, its complex spectrum goes out, and back again exactly; whole, or block by block.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView3};
use rayon::prelude::*;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use crate::{Audio, Error, Window};

/// Settings of the short-time Fourier transform, all lengths in samples.
///
/// | field | more gives | less gives | start with |
/// |---|---|---|---|
/// | `window_len` | finer pitch | finer time | [`StftConfig::for_sample_rate`]: 93 ms |
/// | `fft_len` | interpolated bins | | `window_len` |
/// | `hop_len` | speed | smoother activations | a quarter of the window |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StftConfig {
    /// The taper of a frame.
    pub window: Window,
    /// Samples under the window.
    pub window_len: usize,
    /// Samples of the transform; above `window_len` the frame is padded with zeros.
    pub fft_len: usize,
    /// Samples from one frame to the next.
    pub hop_len: usize,
}

impl StftConfig {
    /// A Hann window over the power of two nearest to 93 ms (4096 samples at 44.1 kHz), a
    /// quarter of it as hop.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = unbraid::StftConfig::for_sample_rate(44_100);
    /// assert_eq!((config.fft_len, config.hop_len), (4096, 1024));
    /// ```
    #[must_use]
    pub fn for_sample_rate(sample_rate: u32) -> Self {
        const WINDOW_SECS: f64 = 4096.0 / 44_100.0;
        let exponent = (f64::from(sample_rate) * WINDOW_SECS)
            .log2()
            .round()
            .max(4.0);
        Self::with_fft_len(1 << exponent as u32)
    }

    /// A Hann window of `fft_len` samples, a quarter of it as hop.
    #[must_use]
    pub fn with_fft_len(fft_len: usize) -> Self {
        let hop_len = (fft_len / 4).max(1);
        Self {
            window: Window::Hann,
            window_len: fft_len,
            fft_len,
            hop_len,
        }
    }
}

/// A short-time Fourier transform that can be undone exactly.
///
/// Frame `t` is centred on sample `t · hop_len`; the signal is taken as zero outside. The
/// inverse adds the windowed frames up and divides by the sum of the squared windows that
/// reach a sample (weighted overlap-add, Griffin and Lim 1984, eq. 6), so what comes back is the
/// signal itself wherever that sum is positive. Settings for which it is not are refused.
///
/// # Examples
///
/// ```
/// use ndarray::Array2;
/// use unbraid::{Audio, Stft, StftConfig};
///
/// let audio = Audio::new(Array2::from_shape_fn((1, 1000), |(_, n)| (n as f32).sin()), 8000)?;
/// let stft = Stft::new(StftConfig::with_fft_len(64))?;
/// let spectrum = stft.forward(&audio);
/// let again = stft.inverse(&spectrum, audio.len_samples(), 8000)?;
/// assert!(audio.samples().iter().zip(again.samples()).all(|(a, b)| (a - b).abs() < 1e-6));
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Clone)]
pub struct Stft {
    config: StftConfig,
    window: Vec<f32>,
    /// The window on the way back, without the factor that the inverse transform has too much.
    synthesis: Vec<f32>,
    /// Where every frame is present: one over the sum of the squared windows, by sample modulo hop.
    inner_gain: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl std::fmt::Debug for Stft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stft")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A sample must be reached by at least this share of the largest squared window, or undoing
/// the transform would amplify rounding (and whatever was done to the spectrum) beyond use.
const LEAST_OVERLAP: f64 = 1e-2;

impl Stft {
    /// Check settings and plan the transforms.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a length is zero, the window is longer than the transform, or the
    /// frames do not overlap enough for the signal to be rebuilt.
    pub fn new(config: StftConfig) -> Result<Self, Error> {
        let StftConfig {
            window,
            window_len,
            fft_len,
            hop_len,
        } = config;
        if fft_len < 2 {
            return Err(Error::config("stft.fft_len", fft_len, "at least 2"));
        }
        if fft_len > 1 << 24 {
            return Err(Error::config("stft.fft_len", fft_len, "at most 16777216"));
        }
        if window_len == 0 || window_len > fft_len {
            let requirement = format!("between 1 and `stft.fft_len` ({fft_len})");
            return Err(Error::config("stft.window_len", window_len, requirement));
        }
        let samples = window.samples(window_len);
        if hop_len == 0 || least_overlap(&samples, hop_len) < LEAST_OVERLAP {
            let most = (1..=window_len)
                .rev()
                .find(|&hop| least_overlap(&samples, hop) >= LEAST_OVERLAP)
                .unwrap_or(1);
            let requirement = format!(
                "between 1 and {most}, so that {window} windows of {window_len} samples overlap \
                 enough to rebuild the signal"
            );
            return Err(Error::config("stft.hop_len", hop_len, requirement));
        }
        let inner_gain = (0..hop_len)
            .map(|phase| {
                // Sample n sits at window index n + window_len / 2 − t · hop_len.
                let first = (phase + window_len / 2) % hop_len;
                let sum: f64 = samples[first.min(window_len)..]
                    .iter()
                    .step_by(hop_len)
                    .map(|w| w * w)
                    .sum();
                (1.0 / sum) as f32
            })
            .collect();
        let mut planner = RealFftPlanner::new();
        Ok(Self {
            config,
            window: samples.iter().map(|&w| w as f32).collect(),
            synthesis: samples.iter().map(|&w| w as f32 / fft_len as f32).collect(),
            inner_gain,
            forward: planner.plan_fft_forward(fft_len),
            inverse: planner.plan_fft_inverse(fft_len),
        })
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> StftConfig {
        self.config
    }

    /// Rows of the spectrum: frequencies from zero to half the sample rate.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.config.fft_len / 2 + 1
    }

    /// Columns of the spectrum of a signal of `len_samples` samples.
    ///
    /// One frame is centred at or before the first sample and one behind the last, so that
    /// every sample lies between two centres.
    #[must_use]
    pub fn frames(&self, len_samples: usize) -> usize {
        if len_samples == 0 {
            0
        } else {
            (len_samples - 1) / self.config.hop_len + 2
        }
    }

    /// Centre frequency of every bin in Hz.
    #[must_use]
    pub fn frequencies_hz(&self, sample_rate: u32) -> Vec<f64> {
        let width = f64::from(sample_rate) / self.config.fft_len as f64;
        (0..self.bins()).map(|bin| bin as f64 * width).collect()
    }

    /// Time of every frame's centre in seconds.
    #[must_use]
    pub fn times_secs(&self, frames: usize, sample_rate: u32) -> Vec<f64> {
        let hop = self.config.hop_len as f64 / f64::from(sample_rate);
        (0..frames).map(|frame| frame as f64 * hop).collect()
    }

    /// The complex spectrum of a whole recording.
    #[must_use]
    pub fn forward(&self, audio: &Audio) -> Spectrum {
        self.forward_block(audio, 0..self.frames(audio.len_samples()))
    }

    /// The complex spectrum of some frames of a recording: what [`Stft::forward`] gives there.
    ///
    /// # Panics
    ///
    /// If the frames reach beyond `self.frames(audio.len_samples())`.
    #[must_use]
    pub fn forward_block(&self, audio: &Audio, frames: Range<usize>) -> Spectrum {
        assert!(
            frames.end <= self.frames(audio.len_samples()),
            "frames {frames:?} reach beyond the recording"
        );
        let bins = self.bins();
        let mut values = Array3::zeros((audio.channels(), frames.len(), bins));
        for (channel, mut rows) in values.outer_iter_mut().enumerate() {
            let samples = audio.channel(channel);
            let rows = rows.as_slice_mut().expect("made contiguous just above");
            rows.par_chunks_mut(bins).enumerate().for_each_init(
                || {
                    (
                        self.forward.make_input_vec(),
                        self.forward.make_scratch_vec(),
                    )
                },
                |(frame, scratch), (row, out)| {
                    self.cut_frame(samples, frames.start + row, frame);
                    self.forward
                        .process_with_scratch(frame, out, scratch)
                        .expect("the buffers come from the plan itself");
                },
            );
        }
        Spectrum { values }
    }

    /// The windowed samples of one frame, zero outside the signal and behind the window.
    fn cut_frame(&self, samples: &[f32], frame: usize, out: &mut [f32]) {
        let (start, inside) = self.reach(frame, samples.len());
        out.fill(0.0);
        let pairs = samples[start..].iter().zip(&self.window[inside.clone()]);
        for (value, (sample, weight)) in out[inside].iter_mut().zip(pairs) {
            *value = sample * weight;
        }
    }

    /// Where a frame meets a signal: its first sample that exists, and the part of the window that lies on the
    /// signal from there on.
    fn reach(&self, frame: usize, len_samples: usize) -> (usize, Range<usize>) {
        let (begin, half) = (frame * self.config.hop_len, self.window.len() / 2);
        let before = half.saturating_sub(begin).min(self.window.len());
        let start = (begin + before).saturating_sub(half).min(len_samples);
        let count = (self.window.len() - before).min(len_samples - start);
        (start, before..before + count)
    }

    /// The signal of a whole spectrum.
    ///
    /// # Errors
    ///
    /// - [`Error::Shape`] if the spectrum has not the bins and frames of such a signal.
    /// - [`Error::Config`] if the sample rate is zero, [`Error::TooShort`] if nothing is there.
    pub fn inverse(
        &self,
        spectrum: &Spectrum,
        len_samples: usize,
        sample_rate: u32,
    ) -> Result<Audio, Error> {
        let (channels, frames, bins) = spectrum.values.dim();
        if (frames, bins) != (self.frames(len_samples), self.bins()) {
            return Err(Error::Shape {
                what: "the spectrum",
                expected: vec![channels, self.bins(), self.frames(len_samples)],
                actual: vec![channels, bins, frames],
            });
        }
        let mut samples = Array2::zeros((channels, len_samples));
        for (channel, mut out) in samples.outer_iter_mut().enumerate() {
            let mut overlap = OverlapAdd::new(self, len_samples);
            let rows = spectrum.channel_rows(channel);
            let done = overlap.push(rows);
            out.as_slice_mut()
                .expect("rows of a new array are contiguous")
                .copy_from_slice(done);
        }
        Audio::new(samples, sample_rate)
    }

    /// Divide samples, the first of which is the signal's sample `start`, by the sum of the squared windows that
    /// reach each.
    fn apply_gain(&self, start: usize, frames: usize, samples: &mut [f32]) {
        let (hop, len) = (self.config.hop_len, self.window.len());
        // Where no frame is missing, before the first or behind the last.
        let from = (len - 1).saturating_sub(len / 2);
        let to = (frames * hop).saturating_sub(len / 2);
        let mut at = 0;
        while at < samples.len() {
            let sample = start + at;
            if (from..to).contains(&sample) {
                let phase = sample % hop;
                let count = (hop - phase).min(to - sample).min(samples.len() - at);
                let gains = &self.inner_gain[phase..phase + count];
                let run = samples[at..at + count].iter_mut();
                run.zip(gains).for_each(|(value, gain)| *value *= gain);
                at += count;
            } else {
                samples[at] *= self.edge_gain(sample, frames);
                at += 1;
            }
        }
    }

    /// One over the sum of the squared windows of the frames that exist and reach a sample.
    fn edge_gain(&self, sample: usize, frames: usize) -> f32 {
        let hop = self.config.hop_len;
        let len = self.window.len();
        let position = sample + len / 2;
        let last = position / hop;
        let first = (position + 1).saturating_sub(len).div_ceil(hop);
        let sum: f64 = (first..=last.min(frames - 1))
            .map(|frame| f64::from(self.window[position - frame * hop]).powi(2))
            .sum();
        (1.0 / sum) as f32
    }
}

/// The least sum of squared windows at any sample, relative to the largest squared window.
///
/// At the edges of a signal only the frames next to a sample on either side are sure to exist,
/// so only those two count.
fn least_overlap(window: &[f64], hop_len: usize) -> f64 {
    let middle = window.len() / 2;
    let squared = |index: usize| window.get(index).map_or(0.0, |w| w * w);
    let most = window.iter().fold(0.0_f64, |most, w| most.max(w * w));
    (0..hop_len)
        .map(|phase| {
            let left = (middle + phase).checked_sub(hop_len).map_or(0.0, squared);
            (squared(middle + phase) + left) / most
        })
        .fold(f64::INFINITY, f64::min)
}

/// The complex spectrum of a recording or of a block of its frames.
///
/// # Shapes
///
/// [`Spectrum::view`] has shape `(channels, bins, frames)`. In memory the bins of one frame
/// stand together, as the transform makes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// `(channels, frames, bins)`, contiguous.
    values: Array3<Complex32>,
}

impl Spectrum {
    /// The values, `(channels, bins, frames)`.
    #[must_use]
    pub fn view(&self) -> ArrayView3<'_, Complex32> {
        self.values.view().permuted_axes([0, 2, 1])
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.values.dim().0
    }

    /// The number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.values.dim().1
    }

    /// The number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.values.dim().2
    }

    /// One channel, frame after frame.
    pub(crate) fn channel_rows(&self, channel: usize) -> &[Complex32] {
        let len = self.frames() * self.bins();
        let all = self.values.as_slice().expect("made contiguous");
        &all[channel * len..(channel + 1) * len]
    }
}

/// Rebuilds one channel of a signal from its frames, block by block.
///
/// Push the frames of a spectrum in order, in blocks of any size; every push returns the samples
/// that no later frame can reach. All pushes together return the whole signal, the same to the
/// last bit however it was cut into blocks.
#[derive(Debug, Clone)]
pub struct OverlapAdd<'a> {
    stft: &'a Stft,
    len_samples: usize,
    frames: usize,
    /// The next frame to come.
    frame: usize,
    /// The first sample still in `open`.
    start: usize,
    /// Samples that later frames may still add to, from `start` on.
    open: Vec<f32>,
    done: Vec<f32>,
}

impl<'a> OverlapAdd<'a> {
    /// Begin a signal of `len_samples` samples.
    #[must_use]
    pub fn new(stft: &'a Stft, len_samples: usize) -> Self {
        let frames = stft.frames(len_samples);
        Self {
            stft,
            len_samples,
            frames,
            frame: 0,
            start: 0,
            open: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Add the next frames, given one after another, and take the samples that are finished.
    ///
    /// # Panics
    ///
    /// If `rows` is no whole number of frames, or more frames come than the signal has.
    pub fn push(&mut self, rows: &[Complex32]) -> &[f32] {
        self.add(rows, |frame, row| frame.copy_from_slice(row))
    }

    /// As [`OverlapAdd::push`], every bin multiplied by its weight: a mask, applied.
    ///
    /// # Panics
    ///
    /// As [`OverlapAdd::push`], and if there is not one weight per bin.
    pub fn push_weighted(&mut self, rows: &[Complex32], weights: &[f32]) -> &[f32] {
        assert_eq!(rows.len(), weights.len(), "one weight per bin");
        let bins = self.stft.bins();
        let mut weights = weights.chunks_exact(bins);
        self.add(rows, |frame, row| {
            let weights = weights.next().expect("as many as rows");
            for ((out, value), weight) in frame.iter_mut().zip(row).zip(weights) {
                *out = value * weight;
            }
        })
    }

    /// The number of samples that a push of so many frames returns.
    pub(crate) fn finished_by(&self, frames: usize) -> usize {
        let stft = self.stft;
        let frame = self.frame + frames;
        // The next frame begins half a window before its centre; after the last, all is done.
        let finished = if frame == self.frames {
            self.len_samples
        } else {
            (frame * stft.config.hop_len)
                .saturating_sub(stft.window.len() / 2)
                .clamp(self.start, self.len_samples)
        };
        finished - self.start
    }

    fn add(
        &mut self,
        rows: &[Complex32],
        mut fill: impl FnMut(&mut [Complex32], &[Complex32]),
    ) -> &[f32] {
        let stft = self.stft;
        let bins = stft.bins();
        assert!(rows.len().is_multiple_of(bins), "whole frames are pushed");
        let count = rows.len() / bins;
        assert!(
            self.frame + count <= self.frames,
            "the signal has {} frames",
            self.frames
        );

        let mut bins_of_frame = stft.inverse.make_input_vec();
        let mut scratch = stft.inverse.make_scratch_vec();
        let mut time = stft.inverse.make_output_vec();
        for row in rows.chunks_exact(bins) {
            fill(&mut bins_of_frame, row);
            // A real signal's spectrum is real at DC and, for even lengths, at Nyquist.
            bins_of_frame[0].im = 0.0;
            if stft.config.fft_len.is_multiple_of(2) {
                bins_of_frame[bins - 1].im = 0.0;
            }
            stft.inverse
                .process_with_scratch(&mut bins_of_frame, &mut time, &mut scratch)
                .expect("the buffers come from the plan itself");
            let (start, inside) = stft.reach(self.frame, self.len_samples);
            let first = start - self.start.min(start);
            if self.open.len() < first + inside.len() {
                self.open.resize(first + inside.len(), 0.0);
            }
            let weighted = time[inside.clone()].iter().zip(&stft.synthesis[inside]);
            for (sum, (value, weight)) in self.open[first..].iter_mut().zip(weighted) {
                *sum += value * weight;
            }
            self.frame += 1;
        }
        let finished = self.start + self.finished_by(0);
        self.done.clear();
        let taken = self
            .open
            .drain(..(finished - self.start).min(self.open.len()));
        self.done.extend(taken);
        self.done.resize(finished - self.start, 0.0);
        stft.apply_gain(self.start, self.frames, &mut self.done);
        self.start = finished;
        &self.done
    }
}
