//! Recordings of single sounds come in; what each looks like in every slice of its life goes out.

use ndarray::Array2;
use rayon::prelude::*;
use realfft::RealFftPlanner;

use super::dictionary::{Atom, Dictionary, FINENESS, Provenance, fine_bins};
use super::inharmonicity::inharmonicity;
use super::pitch::{hz_of_midi, midi_of_hz, pitch_hz};
use crate::{Error, Stft, StftConfig};

/// The slices of a note's life, in seconds after its onset: attack, then longer and longer stretches of its decay.
///
/// In frames of 512 samples at 22.05 kHz they are [0, 2), [2, 5), [5, 12), [12, 26) and [26, 60).
pub const SLICES_SECS: [(f64, f64); 5] = [
    (0.0, 2.0 * FRAME),
    (2.0 * FRAME, 5.0 * FRAME),
    (5.0 * FRAME, 12.0 * FRAME),
    (12.0 * FRAME, 26.0 * FRAME),
    (26.0 * FRAME, 60.0 * FRAME),
];

const FRAME: f64 = 512.0 / 22_050.0;

/// Frames that are averaged in a slice, at most.
const MOST_FRAMES: usize = 8;

/// Seconds of a sound that are worth keeping: its slices, and the window of a frame around the last.
pub const LIFE_SECS: f64 = 60.0 * FRAME + 0.2;

/// One recorded sound to learn from: mono, from its onset on.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    samples: Vec<f32>,
    sample_rate: u32,
    note: Option<f32>,
    velocity: f32,
    label: String,
}

impl Example {
    /// A sound; silence before its onset, and what comes after [`LIFE_SECS`], is cut off.
    ///
    /// The onset is 4 ms before the sound first reaches a fiftieth of its peak.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if the rate is zero.
    /// - [`Error::Silent`] if nothing sounds.
    pub fn new(samples: Vec<f32>, sample_rate: u32) -> Result<Self, Error> {
        /// Share of the peak.
        const ONSET: f32 = 0.02;
        const BEFORE_SECS: f64 = 0.004;
        if sample_rate == 0 {
            return Err(Error::config("sample_rate", sample_rate, "at least 1 Hz"));
        }
        let peak = samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        if !(peak > 0.0 && peak.is_finite()) {
            return Err(Error::Silent {
                what: "example",
                index: 0,
            });
        }
        let rate = f64::from(sample_rate);
        let first = samples
            .iter()
            .position(|x| x.abs() > ONSET * peak)
            .unwrap_or(0);
        let start = first.saturating_sub((BEFORE_SECS * rate) as usize);
        let end = samples.len().min(start + (LIFE_SECS * rate) as usize);
        Ok(Self {
            samples: samples[start..end].to_vec(),
            sample_rate,
            note: None,
            velocity: 64.0,
            label: String::new(),
        })
    }

    /// As a file keeps it: already cut.
    #[must_use]
    pub fn kept(samples: Vec<f32>, sample_rate: u32) -> Self {
        Self {
            samples,
            sample_rate,
            note: None,
            velocity: 64.0,
            label: String::new(),
        }
    }

    /// Say its pitch, as a MIDI note number.
    #[must_use]
    pub fn with_note(mut self, note: f32) -> Self {
        self.note = Some(note);
        self
    }

    /// Say how hard it was struck, as a MIDI velocity.
    #[must_use]
    pub fn with_velocity(mut self, velocity: f32) -> Self {
        self.velocity = velocity;
        self
    }

    /// Say what else it is.
    #[must_use]
    pub fn with_label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// Find its pitch, if it has one.
    #[must_use]
    pub fn with_detected_note(mut self) -> Self {
        let rate = f64::from(self.sample_rate);
        // Behind the noise of the attack, where partials have settled.
        let settled = (0.1 * rate) as usize;
        let from = if self.samples.len() > 3 * settled {
            settled
        } else {
            0
        };
        let long = (from + (0.3 * rate) as usize).min(self.samples.len());
        self.note =
            pitch_hz(&self.samples[from..long], self.sample_rate, 26.0, 4500.0).map(midi_of_hz);
        self
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Their rate in Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The pitch as a MIDI note number, if it has one.
    #[must_use]
    pub fn note(&self) -> Option<f32> {
        self.note
    }

    /// How hard it was struck, as a MIDI velocity.
    #[must_use]
    pub fn velocity(&self) -> f32 {
        self.velocity
    }

    /// What else it is.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its slices: atoms and their mean spectra.
    fn slices(&self, stft: StftConfig, sample_rate: u32) -> Vec<(Atom, Vec<f32>)> {
        let analysis = Analysis::new(stft, sample_rate, self.sample_rate);
        let rate = f64::from(self.sample_rate);
        let life = self.samples.len() as f64 / rate;
        let mut slices = Vec::new();
        for (slice, &(begin, end)) in SLICES_SECS.iter().enumerate() {
            // What ends before the middle of a slice does not tell how it sounds there.
            if slice > 0 && life < 0.5 * (begin + end) {
                break;
            }
            let end = end.min(life).max(begin + 0.25 * FRAME);
            let count = (((end - begin) / (0.5 * FRAME)).round() as usize).clamp(1, MOST_FRAMES);
            let step = (end - begin) / count as f64;
            let centres = (0..count).map(|n| ((begin + (n as f64 + 0.5) * step) * rate) as usize);
            let spectrum = analysis.mean(&self.samples, centres);
            let atom = Atom {
                note: self.note,
                velocity: self.velocity,
                slice,
                label: self.label.clone(),
                inharmonicity: 0.0,
                filter: false,
                level: spectrum.iter().sum::<f32>() / FINENESS as f32,
            };
            slices.push((atom, spectrum));
        }
        slices
    }

    /// The pitch as it is, and how far partials are stretched.
    fn string(&self) -> Option<(f32, f32)> {
        /// Long enough to tell the partials of the lowest string apart.
        const WINDOW_SECS: f64 = 0.8;
        let note = self.note?;
        let rate = f64::from(self.sample_rate);
        let window_len = ((WINDOW_SECS * rate) as usize).min(self.samples.len());
        if window_len < 64 {
            return None;
        }
        let stft = StftConfig::with_fft_len(window_len.next_power_of_two());
        let stft = StftConfig { window_len, ..stft };
        let analysis = Analysis::new(stft, self.sample_rate, self.sample_rate);
        let spectrum = analysis.mean(&self.samples, std::iter::once(window_len / 2));
        let bin_hz = rate / (stft.fft_len * FINENESS) as f64;
        let (hz, b) = inharmonicity(&spectrum, bin_hz, hz_of_midi(note));
        Some((midi_of_hz(hz), b as f32))
    }
}

/// Frames of one rate, analysed as the transform of another rate would.
struct Analysis {
    window: Vec<f64>,
    fft: std::sync::Arc<dyn realfft::RealToComplex<f32>>,
    /// Fine bins wanted, and how many bins of this transform each of them is wide.
    bins: usize,
    step: f64,
    gain: f32,
}

impl Analysis {
    fn new(stft: StftConfig, sample_rate: u32, example_rate: u32) -> Self {
        let ratio = f64::from(example_rate) / f64::from(sample_rate);
        let len = |samples: usize| ((samples as f64 * ratio).round() as usize).max(2);
        let window_len = len(stft.window_len);
        let fft_len = len(stft.fft_len * FINENESS).max(window_len);
        let fine_hz = f64::from(sample_rate) / (stft.fft_len * FINENESS) as f64;
        let own_hz = f64::from(example_rate) / fft_len as f64;
        Self {
            window: stft.window.samples(window_len),
            fft: RealFftPlanner::new().plan_fft_forward(fft_len),
            bins: fine_bins(stft.fft_len / 2 + 1),
            step: fine_hz / own_hz,
            gain: (1.0 / ratio) as f32,
        }
    }

    /// The mean magnitude of the frames around some samples.
    fn mean(&self, samples: &[f32], centres: impl Iterator<Item = usize>) -> Vec<f32> {
        let mut frame = self.fft.make_input_vec();
        let mut out = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut sum = vec![0.0_f32; out.len()];
        let mut count = 0;
        for centre in centres {
            frame.fill(0.0);
            let start = centre as isize - (self.window.len() / 2) as isize;
            for (n, (value, weight)) in frame.iter_mut().zip(&self.window).enumerate() {
                let at = usize::try_from(start + n as isize).ok();
                let sample = at.and_then(|at| samples.get(at)).copied().unwrap_or(0.0);
                *value = sample * *weight as f32;
            }
            self.fft
                .process_with_scratch(&mut frame, &mut out, &mut scratch)
                .expect("the buffers come from the plan itself");
            for (sum, value) in sum.iter_mut().zip(&out) {
                *sum += value.norm();
            }
            count += 1;
        }
        let gain = self.gain / count.max(1) as f32;
        (0..self.bins)
            .map(|bin| {
                let place = bin as f64 * self.step;
                let below = place as usize;
                match (sum.get(below), sum.get(below + 1)) {
                    (Some(low), Some(high)) => {
                        gain * (low + (place - below as f64) as f32 * (high - low))
                    }
                    // The example's rate ends here.
                    (Some(last), None) if place - (below as f64) < 1e-6 => gain * last,
                    _ => 0.0,
                }
            })
            .collect()
    }
}

/// Atoms and mean spectra, `(fine bins, atoms)`, of examples under a transform.
pub(super) fn analyze(
    examples: &[Example],
    stft: StftConfig,
    sample_rate: u32,
) -> Result<(Vec<Atom>, Array2<f32>), Error> {
    let bins = fine_bins(Stft::new(stft)?.bins());
    if sample_rate == 0 {
        return Err(Error::config("sample_rate", sample_rate, "at least 1 Hz"));
    }
    let all: Vec<Vec<(Atom, Vec<f32>)>> = examples
        .par_iter()
        .map(|example| {
            let mut slices = example.slices(stft, sample_rate);
            if let Some((note, b)) = example.string() {
                for (atom, _) in &mut slices {
                    atom.note = Some(note);
                    atom.inharmonicity = b;
                }
            }
            slices
        })
        .collect();
    let mut atoms = Vec::new();
    let mut columns = Vec::new();
    for slices in all {
        for (atom, spectrum) in slices {
            if atom.level > 0.0 {
                atoms.push(atom);
                columns.push(spectrum);
            }
        }
    }
    if atoms.is_empty() {
        return Err(Error::TooShort {
            what: "the list of examples that sound",
            needed: 1,
            actual: 0,
        });
    }
    let mut means = Array2::zeros((bins, atoms.len()));
    for (mut out, spectrum) in means.columns_mut().into_iter().zip(&columns) {
        out.iter_mut()
            .zip(spectrum)
            .for_each(|(out, &value)| *out = value);
    }
    Ok((atoms, means))
}

/// Learn a dictionary from recordings of single sounds: one template for each slice of the life of each
/// ([`SLICES_SECS`]), the mean magnitude of the frames whose centres lie in it.
///
/// Pitches that are given are refined to the cent, within 45 cents; how far partials are stretched is measured.
///
/// # Errors
///
/// - [`Error::Config`] for a transform that is not allowed.
/// - [`Error::TooShort`] if nothing is there to learn from.
pub fn learn(
    kind: &str,
    examples: Vec<Example>,
    stft: StftConfig,
    sample_rate: u32,
    provenance: Provenance,
) -> Result<Dictionary, Error> {
    let (atoms, means) = analyze(&examples, stft, sample_rate)?;
    Ok(Dictionary::from_means(
        kind,
        atoms,
        (stft, sample_rate),
        means,
        examples,
        provenance,
    ))
}
