//! A recording under one transform comes in; fits of a voice and a piano to it are made here.

use ndarray::{Array2, Axis, s};

use super::path::Path;
use crate::analysis::glottal::{Smear, excitation};
use crate::fit::{Term, divergences, fit_jointly};
use crate::model::{Bands, LowRank, Room, Update, Voice};
use crate::observe::Observer;
use crate::spectrogram::{Channels, Quantity};
use crate::{Audio, Error, Spectrogram, Stft, StftConfig, Window};

/// The highest frequency that is modelled.
pub(super) const MODELLED_HZ: f64 = 11_025.0;

/// The hop at 44.1 kHz, and so its duration at any rate.
const HOP_SECS: f64 = 1024.0 / 44_100.0;

/// After so many iterations of a fit the tail of the voice is made anew.
const ITERATIONS_PER_TAIL: usize = 4;

/// How loud the tail of a room is beside what it is of.
const TAIL_DB: f64 = -6.0;

/// Bands of the voice's filter.
const BANDS: usize = 30;

pub(super) fn stft(hops: usize, sample_rate: u32) -> Result<Stft, Error> {
    let hop = (f64::from(sample_rate) * HOP_SECS).max(16.0);
    // Even lengths whose only prime factors are small transform fast.
    let hop_len = (1..1000)
        .flat_map(|away: i64| [hop.round() as i64 - away + 1, hop.round() as i64 + away])
        .filter(|len| *len > 0)
        .find(|&len| {
            let mut rest = len;
            for prime in [2, 3, 5] {
                while rest % prime == 0 {
                    rest /= prime;
                }
            }
            rest == 1 && len % 2 == 0
        })
        .unwrap_or(1024) as usize;
    Stft::new(StftConfig {
        window: Window::Hann,
        window_len: hops * hop_len,
        fft_len: hops * hop_len,
        hop_len,
    })
}

/// The spectrogram of the modelled bins under one transform.
pub(super) struct View {
    pub(super) stft: Stft,
    pub(super) sample_rate: u32,
    /// `(frames, bins)`.
    pub(super) v: Array2<f32>,
    pub(super) bands: Bands,
    pub(super) floor: f32,
    pub(super) level: f32,
    pub(super) portable: bool,
    /// What gives the voice back, if anything does.
    pub(super) room: Option<Room>,
}

impl View {
    pub(super) fn new(
        audio: &Audio,
        hops: usize,
        portable: bool,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let sample_rate = audio.sample_rate();
        let stft = stft(hops, sample_rate)?;
        let spectrogram =
            Spectrogram::of(audio, &stft, Quantity::Magnitude, Channels::Sum, observer)?;
        let bin_hz = f64::from(sample_rate) / stft.config().fft_len as f64;
        let bins = stft.bins().min((MODELLED_HZ / bin_hz) as usize + 1);
        let v = spectrogram.view();
        let v = v
            .index_axis(Axis(0), 0)
            .slice(s![..bins, ..])
            .t()
            .as_standard_layout()
            .into_owned();
        let most = v.iter().fold(0.0_f32, |m, x| m.max(*x));
        Ok(Self {
            bands: Bands::mel(BANDS, bins, bin_hz),
            floor: (1e-5 * most).max(1e-12),
            level: v.mean().unwrap_or(0.0),
            stft,
            sample_rate,
            v,
            portable,
            room: None,
        })
    }

    pub(super) fn bin_hz(&self) -> f64 {
        f64::from(self.sample_rate) / self.stft.config().fft_len as f64
    }

    /// Seconds from frame to frame.
    pub(super) fn hop_secs(&self) -> f64 {
        self.stft.config().hop_len as f64 / f64::from(self.sample_rate)
    }

    pub(super) fn excite(&self, path: &Path, tail: f32) -> Array2<f32> {
        let smear = Smear { cents: 25.0, tail };
        excitation(
            &path.f0_hz,
            &path.voiced,
            &self.stft,
            self.sample_rate,
            self.v.ncols(),
            smear,
        )
    }

    /// The piano as a term, playing where it may.
    pub(super) fn piano(
        &self,
        templates: &Array2<f32>,
        allowed: Option<&Array2<bool>>,
        price: f32,
    ) -> Term {
        let (frames, bins) = self.v.dim();
        let start = self.level * bins as f32 / templates.nrows() as f32 / 2.0;
        let h = Array2::from_elem((templates.nrows(), frames), start);
        let part = LowRank::from_factors("piano", templates.t(), h.view(), 1)
            .expect("templates are finite and at least zero")
            .with_templates(Update::Fixed);
        let part = match allowed {
            Some(allowed) => part.allow(allowed.view()).expect("one row per template"),
            None => part,
        };
        Term { part, price }
    }

    /// The same once more.
    pub(super) fn copy(&self) -> Self {
        Self {
            stft: self.stft.clone(),
            v: self.v.clone(),
            bands: self.bands.clone(),
            room: self.room.clone(),
            ..*self
        }
    }

    /// The same in a room of which so much is known.
    pub(super) fn in_room(mut self, t60_secs: Option<f64>) -> Self {
        self.room = self.room_of(t60_secs, 1);
        self
    }

    /// That room, for every so many frames.
    pub(super) fn room_of(&self, t60_secs: Option<f64>, every: usize) -> Option<Room> {
        let hop_secs = self.hop_secs() * every as f64;
        let room = |t60| Room::new(t60, TAIL_DB, hop_secs, self.v.ncols(), self.bin_hz());
        t60_secs.filter(|t60| *t60 > 0.0).map(room)
    }

    pub(super) fn fit(&self, voice: &mut Voice, terms: &mut [Term], iterations: usize) {
        let fit = |voice: &mut Voice, terms: &mut [Term], iterations| {
            let (v, floor) = (self.v.view(), self.floor);
            fit_jointly(v, voice, terms, floor, iterations, self.portable);
        };
        let Some(room) = &self.room else {
            return fit(voice, terms, iterations);
        };
        // The tail is of what the voice is so far.
        let mut left = iterations;
        while left > 0 {
            let now = left.min(ITERATIONS_PER_TAIL);
            fit(voice, terms, now);
            left -= now;
            if left > 0 {
                voice.ring(room);
            }
        }
    }

    pub(super) fn divergences(&self, voice: &Voice, terms: &[Term]) -> Vec<f64> {
        divergences(self.v.view(), voice, terms, self.floor, self.portable)
    }
}
