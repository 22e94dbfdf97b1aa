//! Templates with labels come in, learnt or read from a file; the same under another transform or tuning go out.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};

use super::example::{Example, analyze};
use super::inharmonicity::{InharmonicityCurve, relabelled_hz};
use super::pitch::hz_of_midi;
use crate::{Error, Stft, StftConfig};

/// Bins of the mean spectra for each bin of the templates: frames are padded with zeros to so many times their
/// transform, so that a template can be read off between bins.
pub const FINENESS: usize = 4;

/// What one template stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Atom {
    /// The pitch as a MIDI note number with its cents behind the point, 69 being 440 Hz; none for what has no pitch.
    pub note: Option<f32>,
    /// How hard it was struck, as a MIDI velocity from 1 to 127.
    pub velocity: f32,
    /// Which slice of its life this is, from 0 ([`super::SLICES_SECS`]).
    pub slice: usize,
    /// Anything else, such as a phoneme or the name of a drum.
    pub label: String,
    /// How far its partials are stretched: partial m lies at `m f0 √(1 + B m²)`.
    pub inharmonicity: f32,
    /// The template's sum before it was brought to one: how loud this slice is beside the others.
    pub level: f32,
    /// Whether the template is a filter, which a voice's harmonics go through, instead of a spectrum.
    pub filter: bool,
}

impl Default for Atom {
    fn default() -> Self {
        Self {
            note: None,
            velocity: 64.0,
            slice: 0,
            label: String::new(),
            inharmonicity: 0.0,
            level: 1.0,
            filter: false,
        }
    }
}

impl Atom {
    /// The MIDI note number, without cents.
    #[must_use]
    pub fn key(&self) -> Option<u8> {
        self.note.map(key_of)
    }
}

fn key_of(note: f32) -> u8 {
    note.round().clamp(0.0, 127.0) as u8
}

/// Where a dictionary came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provenance {
    /// What it was learnt from: folders, files, presets.
    pub origin: String,
    /// Who made the recordings.
    pub author: String,
    /// The licence of the recordings.
    pub licence: String,
    /// The program that learnt it.
    pub program: String,
}

/// Templates that are known, with what each stands for.
///
/// Templates belong to one transform at one sample rate. A dictionary that carries the examples it was learnt from
/// gives templates for any other ([`Dictionary::at`]), by analysing them anew; and any can be retuned as a whole
/// ([`Dictionary::retuned`]).
///
/// # Shapes
///
/// [`Dictionary::templates`] has shape `(bins, atoms)`; every template has unit sum.
///
/// # Examples
///
/// ```
/// use unbraid::StftConfig;
/// use unbraid::knowledge::{Example, Provenance, learn};
///
/// // A decaying note of 440 Hz.
/// let samples = (0..16_000)
///     .map(|n| (f64::from(n) * 0.345_575).sin() as f32 * (-f64::from(n) / 4000.0).exp() as f32)
///     .collect();
/// let example = Example::new(samples, 8000)?.with_note(69.0);
/// let piano = learn("piano", vec![example], StftConfig::with_fft_len(512), 8000, Provenance::default())?;
/// assert_eq!(piano.templates().dim(), (257, 5));
///
/// // The same instrument 20 cents sharp, and under a longer window.
/// let sharp = piano.retuned(20.0)?.at(StftConfig::with_fft_len(1024), 8000)?;
/// assert_eq!(sharp.templates().dim(), (513, 5));
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dictionary {
    kind: String,
    atoms: Vec<Atom>,
    stft: StftConfig,
    sample_rate: u32,
    /// `(bins, atoms)`.
    templates: Array2<f32>,
    /// `(fine bins, atoms)`, or nothing if they have not been needed yet.
    means: Option<Array2<f32>>,
    /// What the atoms were learnt from: a run of atoms each.
    examples: Vec<Example>,
    /// How much sharper than the examples the templates are.
    cents: f32,
    provenance: Provenance,
}

/// The pieces of a dictionary, as a file holds them.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What kind of sound it explains, such as `piano`.
    pub kind: String,
    /// What each template stands for.
    pub atoms: Vec<Atom>,
    /// The transform that the templates belong to.
    pub stft: StftConfig,
    /// The sample rate that they belong to, in Hz.
    pub sample_rate: u32,
    /// `(bins, atoms)`.
    pub templates: Array2<f32>,
    /// Mean spectra with [`FINENESS`] times as many bins, `((bins − 1) · FINENESS + 1, atoms)`.
    pub means: Option<Array2<f32>>,
    /// The sounds that were learnt from.
    pub examples: Vec<Example>,
    /// Where it came from.
    pub provenance: Provenance,
}

impl Dictionary {
    /// A dictionary from its pieces: what a file holds.
    ///
    /// Without mean spectra and examples the templates can only be used as they are.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if the transform is not allowed, or the rate is zero.
    /// - [`Error::Shape`] if the arrays do not fit the transform and the atoms.
    /// - [`Error::NotNonNegative`] if a value is negative or not finite.
    pub fn from_parts(parts: Parts) -> Result<Self, Error> {
        let Parts {
            kind,
            atoms,
            stft,
            sample_rate,
            mut templates,
            means,
            examples,
            provenance,
        } = parts;
        let bins = Stft::new(stft)?.bins();
        if sample_rate == 0 {
            return Err(Error::config("sample_rate", sample_rate, "at least 1 Hz"));
        }
        let shape = |what, array: ArrayView2<'_, f32>, bins: usize| {
            if array.dim() == (bins, atoms.len()) {
                return Ok(());
            }
            Err(Error::Shape {
                what,
                expected: vec![bins, atoms.len()],
                actual: array.shape().to_vec(),
            })
        };
        let check = |what, array: ArrayView2<'_, f32>| {
            crate::spectrogram::check_non_negative(
                what,
                array.indexed_iter().map(|((f, k), &v)| ([f, k], v)),
            )
        };
        shape("the array of templates", templates.view(), bins)?;
        check("the array of templates", templates.view())?;
        if let Some(means) = &means {
            shape("the array of mean spectra", means.view(), fine_bins(bins))?;
            check("the array of mean spectra", means.view())?;
        }
        if atoms.is_empty() {
            return Err(Error::TooShort {
                what: "the list of atoms",
                needed: 1,
                actual: 0,
            });
        }
        normalize(&mut templates);
        Ok(Self {
            kind,
            atoms,
            stft,
            sample_rate,
            templates,
            means,
            examples,
            cents: 0.0,
            provenance,
        })
    }

    /// From mean spectra: templates are read off them.
    pub(super) fn from_means(
        kind: &str,
        atoms: Vec<Atom>,
        (stft, sample_rate): (StftConfig, u32),
        means: Array2<f32>,
        examples: Vec<Example>,
        provenance: Provenance,
    ) -> Self {
        let templates = read_off(means.view(), |hz| hz, sample_rate, stft.fft_len);
        Self {
            kind: kind.to_owned(),
            atoms,
            stft,
            sample_rate,
            templates,
            means: Some(means),
            examples,
            cents: 0.0,
            provenance,
        }
    }

    /// What kind of sound it explains, such as `piano`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What each template stands for.
    #[must_use]
    pub fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// The templates, `(bins, atoms)`, each of unit sum.
    #[must_use]
    pub fn templates(&self) -> ArrayView2<'_, f32> {
        self.templates.view()
    }

    /// The mean spectra, `((bins − 1) · FINENESS + 1, atoms)`, if they are there.
    #[must_use]
    pub fn means(&self) -> Option<ArrayView2<'_, f32>> {
        self.means.as_ref().map(|means| means.view())
    }

    /// The transform that the templates belong to.
    #[must_use]
    pub fn stft(&self) -> StftConfig {
        self.stft
    }

    /// The sample rate that they belong to, in Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The sounds it was learnt from, as far as it carries them.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// Where it came from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// How much sharper than what was learnt it has been tuned, in cents.
    #[must_use]
    pub fn cents(&self) -> f32 {
        self.cents
    }

    /// Whether its templates are filters of a singer, which `unbraid learn --kind voice` learns, instead of spectra.
    #[must_use]
    pub fn is_of_filters(&self) -> bool {
        self.atoms.iter().all(|atom| atom.filter)
    }

    /// The same without the examples: smaller, and for this transform alone.
    ///
    /// # Errors
    ///
    /// Those of [`Dictionary::at`].
    pub fn without_examples(&self) -> Result<Self, Error> {
        let mut bare = self.with_means()?;
        bare.examples.clear();
        Ok(bare)
    }

    /// The same atoms under another transform.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if the transform is not allowed.
    /// - [`Error::Analysis`] if the dictionary carries no examples, and is of another transform than its mean spectra, if it
    ///   carries them, can be read off for: one with as long a window.
    pub fn at(&self, stft: StftConfig, sample_rate: u32) -> Result<Self, Error> {
        Stft::new(stft)?;
        let same = (stft.window, stft.window_len, stft.fft_len, sample_rate)
            == (
                self.stft.window,
                self.stft.window_len,
                self.stft.fft_len,
                self.sample_rate,
            );
        if same {
            let mut again = self.clone();
            // Templates do not depend on the hop.
            again.stft = stft;
            return Ok(again);
        }
        if self.examples.is_empty() {
            return self.read_anew(stft, sample_rate);
        }
        let (atoms, means) = analyze(&self.examples, stft, sample_rate)?;
        let mut other = Self::from_means(
            &self.kind,
            atoms,
            (stft, sample_rate),
            means,
            self.examples.clone(),
            self.provenance.clone(),
        );
        if self.cents != 0.0 {
            other = other.retuned(self.cents)?;
        }
        Ok(other)
    }

    /// The same means on the bins of another transform, if its window is as long.
    fn read_anew(&self, stft: StftConfig, sample_rate: u32) -> Result<Self, Error> {
        /// How much longer or shorter a window may be: partials are as much too wide or narrow.
        const MOST_RATIO: f64 = 1.1;
        let secs = |stft: StftConfig, rate: u32| stft.window_len as f64 / f64::from(rate);
        let ratio = secs(stft, sample_rate) / secs(self.stft, self.sample_rate);
        let alike =
            stft.window == self.stft.window && (1.0 / MOST_RATIO..=MOST_RATIO).contains(&ratio);
        let Some(means) = self.means.as_ref().filter(|_| alike) else {
            return Err(Error::Analysis {
                made: describe(self.stft, self.sample_rate),
                wanted: describe(stft, sample_rate),
            });
        };
        let fine_hz =
            |stft: StftConfig, rate: u32| f64::from(rate) / (stft.fft_len * FINENESS) as f64;
        let step = fine_hz(stft, sample_rate) / fine_hz(self.stft, self.sample_rate);
        let bins = fine_bins(stft.fft_len / 2 + 1);
        let mut other = Array2::zeros((bins, self.atoms.len()));
        for (mut out, column) in other.columns_mut().into_iter().zip(means.columns()) {
            for (bin, out) in out.iter_mut().enumerate() {
                *out = at_fine(column, bin as f64 * step);
            }
        }
        let ratio = 2.0_f64.powf(f64::from(self.cents) / 1200.0);
        Ok(Self {
            templates: read_off(other.view(), |hz| hz / ratio, sample_rate, stft.fft_len),
            means: Some(other),
            stft,
            sample_rate,
            ..self.clone()
        })
    }

    /// The whole instrument tuned sharper by so many cents, from where it is now: `D_c(f) = D(f / 2^(c/1200))`.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if `cents` is not finite, or beyond an octave.
    /// - [`Error::Analysis`] if the dictionary carries neither mean spectra nor examples.
    pub fn retuned(&self, cents: f32) -> Result<Self, Error> {
        if !(-1200.0..=1200.0).contains(&cents) {
            return Err(Error::config(
                "tuning",
                cents,
                "between -1200 and 1200 cents",
            ));
        }
        let mut other = self.with_means()?;
        let ratio = 2.0_f64.powf(f64::from(other.cents + cents) / 1200.0);
        let means = other.means.as_ref().expect("made just above");
        other.templates = read_off(
            means.view(),
            |hz| hz / ratio,
            self.sample_rate,
            self.stft.fft_len,
        );
        other.cents += cents;
        for atom in &mut other.atoms {
            atom.note = atom.note.map(|note| note + cents / 100.0);
        }
        Ok(other)
    }

    /// Only some atoms, without the examples.
    ///
    /// # Panics
    ///
    /// If an index is not below the number of atoms.
    #[must_use]
    pub fn select(&self, atoms: &[usize]) -> Self {
        Self {
            kind: self.kind.clone(),
            atoms: atoms.iter().map(|&k| self.atoms[k].clone()).collect(),
            stft: self.stft,
            sample_rate: self.sample_rate,
            templates: self.templates.select(Axis(1), atoms),
            means: self
                .means
                .as_ref()
                .map(|means| means.select(Axis(1), atoms)),
            examples: Vec::new(),
            cents: self.cents,
            provenance: self.provenance.clone(),
        }
    }

    /// With every key of a range that has no atoms made from its nearest neighbour, partials moved to where they would
    /// lie: `stretch` says whether inharmonicity is interpolated along the keyboard, or partials move all alike.
    ///
    /// Keys more than `reach` semitones away from any that was learnt stay away.
    ///
    /// # Errors
    ///
    /// [`Error::Analysis`] if the dictionary carries neither mean spectra nor examples.
    pub fn completed(
        &self,
        keys: std::ops::RangeInclusive<u8>,
        reach: f32,
        stretch: bool,
    ) -> Result<Self, Error> {
        let whole = self.with_means()?;
        let means = whole.means.as_ref().expect("made just above");
        let curve = InharmonicityCurve::of(&whole.atoms);
        let present: std::collections::BTreeSet<u8> =
            whole.atoms.iter().filter_map(Atom::key).collect();
        let mut made: Vec<(Atom, ndarray::Array1<f32>)> = Vec::new();
        for key in keys {
            if present.contains(&key) {
                continue;
            }
            let Some(&near) = present
                .iter()
                .min_by_key(|&&near| (near.abs_diff(key), near < key))
            else {
                break;
            };
            let shift = f32::from(key) - f32::from(near);
            if shift.abs() > reach {
                continue;
            }
            for (k, atom) in whole.atoms.iter().enumerate() {
                if atom.key() != Some(near) {
                    continue;
                }
                let note = atom.note.unwrap_or(f32::from(near));
                let b = if stretch {
                    curve.at(note + shift).unwrap_or(atom.inharmonicity)
                } else {
                    atom.inharmonicity
                };
                let from = (hz_of_midi(note), f64::from(atom.inharmonicity));
                let to = (hz_of_midi(note + shift), f64::from(b));
                let hz_per_fine =
                    f64::from(self.sample_rate) / (self.stft.fft_len * FINENESS) as f64;
                let column = means.column(k);
                let moved = (0..column.len())
                    .map(|fine| {
                        let hz = fine as f64 * hz_per_fine;
                        at_fine(column, relabelled_hz(hz, to, from) / hz_per_fine)
                    })
                    .collect();
                let atom = Atom {
                    note: Some(note + shift),
                    inharmonicity: b,
                    ..atom.clone()
                };
                made.push((atom, moved));
            }
        }
        let mut atoms = whole.atoms.clone();
        let mut columns: Vec<_> = means.columns().into_iter().collect();
        for (atom, column) in &made {
            atoms.push(atom.clone());
            columns.push(column.view());
        }
        let mut order: Vec<usize> = (0..atoms.len()).collect();
        order.sort_by(|&a, &b| {
            let place = |k: usize| {
                (
                    atoms[k].note.unwrap_or(0.0),
                    atoms[k].velocity,
                    atoms[k].slice,
                )
            };
            place(a)
                .partial_cmp(&place(b))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        let columns: Vec<_> = order
            .iter()
            .map(|&k| columns[k].insert_axis(Axis(1)))
            .collect();
        let all = concatenate(Axis(1), &columns).expect("columns of one length");
        let atoms = order.iter().map(|&k| atoms[k].clone()).collect();
        let ratio = 2.0_f64.powf(f64::from(self.cents) / 1200.0);
        let templates = read_off(
            all.view(),
            |hz| hz / ratio,
            self.sample_rate,
            self.stft.fft_len,
        );
        Ok(Self {
            atoms,
            templates,
            means: Some(all),
            examples: Vec::new(),
            ..whole
        })
    }

    /// With layers of loudness between those that were learnt: `steps` between each two, on a logarithmic scale, which
    /// is how the spectrum of a struck string opens up with the blow.
    ///
    /// # Errors
    ///
    /// [`Error::Analysis`] if the dictionary carries neither mean spectra nor examples.
    pub fn with_velocities_between(&self, steps: usize) -> Result<Self, Error> {
        let whole = self.with_means()?;
        let means = whole.means.as_ref().expect("made just above");
        let mut atoms = whole.atoms.clone();
        let mut columns: Vec<ndarray::Array1<f32>> =
            means.columns().into_iter().map(|c| c.to_owned()).collect();
        for (a, low) in whole.atoms.iter().enumerate() {
            // The next louder layer of the same slice of the same key.
            let next = (0..whole.atoms.len())
                .filter(|&b| {
                    let high = &whole.atoms[b];
                    high.key().is_some()
                        && (high.key(), high.slice) == (low.key(), low.slice)
                        && high.label == low.label
                        && high.velocity > low.velocity
                })
                .min_by(|&x, &y| whole.atoms[x].velocity.total_cmp(&whole.atoms[y].velocity));
            let Some(b) = next else { continue };
            let high = &whole.atoms[b];
            for step in 1..=steps {
                let share = step as f32 / (steps + 1) as f32;
                let mix = |x: f32, y: f32| x + share * (y - x);
                let floor = 1e-6 * means.column(a).sum().max(means.column(b).sum());
                let column = ndarray::Zip::from(means.column(a))
                    .and(means.column(b))
                    .map_collect(|&x, &y| mix((x + floor).ln(), (y + floor).ln()).exp());
                atoms.push(Atom {
                    velocity: mix(low.velocity, high.velocity),
                    level: mix(low.level.max(1e-9).ln(), high.level.max(1e-9).ln()).exp(),
                    ..low.clone()
                });
                columns.push(column);
            }
        }
        let views: Vec<_> = columns
            .iter()
            .map(|c| c.view().insert_axis(Axis(1)))
            .collect();
        let means = concatenate(Axis(1), &views).expect("columns of one length");
        let ratio = 2.0_f64.powf(f64::from(self.cents) / 1200.0);
        let templates = read_off(
            means.view(),
            |hz| hz / ratio,
            self.sample_rate,
            self.stft.fft_len,
        );
        Ok(Self {
            atoms,
            templates,
            means: Some(means),
            examples: Vec::new(),
            ..whole
        })
    }

    /// With no more than so many layers of loudness of every key, but one at least: the softest, the loudest, and others evenly
    /// between them.
    ///
    /// For when notes are looked for: the time that takes grows with the number of layers, and layers that are close to each
    /// other tell a note's loudness, not the note.
    #[must_use]
    pub fn with_layers(&self, most: usize) -> Self {
        let most = most.max(1);
        let mut layers = BTreeMap::<u8, Vec<f32>>::new();
        for atom in &self.atoms {
            if let Some(key) = atom.key() {
                layers.entry(key).or_default().push(atom.velocity);
            }
        }
        for velocities in layers.values_mut() {
            velocities.sort_by(f32::total_cmp);
            velocities.dedup();
            let count = velocities.len();
            if count > most {
                let place = |step: usize| (step * (count - 1)).div_ceil((most - 1).max(1));
                // A single one is the loudest: what stands out of a recording.
                let steps = if most == 1 { 1..2 } else { 0..most };
                *velocities = steps.map(|step| velocities[place(step)]).collect();
            }
        }
        let kept = |key: u8, velocity: f32| {
            let of_key = layers.get(&key);
            of_key.is_none_or(|velocities| velocities.contains(&velocity))
        };
        let atoms: Vec<usize> = (0..self.atoms.len())
            .filter(|&k| {
                let atom = &self.atoms[k];
                atom.key().is_none_or(|key| kept(key, atom.velocity))
            })
            .collect();
        let mut thin = self.select(&atoms);
        let examples = self.examples.iter().filter(|example| {
            let key = example.note().map(key_of);
            key.is_none_or(|key| kept(key, example.velocity()))
        });
        thin.examples = examples.cloned().collect();
        thin
    }

    /// The same strings without stiffness: every partial at a whole multiple of its fundamental. It tells what stretched partials
    /// are worth.
    ///
    /// # Errors
    ///
    /// [`Error::Analysis`] if the dictionary carries neither mean spectra nor examples.
    pub fn unstretched(&self) -> Result<Self, Error> {
        let mut whole = self.with_means()?;
        let means = whole.means.as_mut().expect("made just above");
        let hz_per_fine = f64::from(self.sample_rate) / (self.stft.fft_len * FINENESS) as f64;
        for (atom, mut column) in whole.atoms.iter_mut().zip(means.columns_mut()) {
            let Some(note) = atom.note.filter(|_| atom.inharmonicity > 0.0) else {
                continue;
            };
            let f0 = hz_of_midi(note - self.cents / 100.0);
            let (from, to) = ((f0, f64::from(atom.inharmonicity)), (f0, 0.0));
            let before = column.to_owned();
            for (fine, out) in column.iter_mut().enumerate() {
                let hz = relabelled_hz(fine as f64 * hz_per_fine, to, from);
                *out = at_fine(before.view(), hz / hz_per_fine);
            }
            atom.inharmonicity = 0.0;
        }
        let ratio = 2.0_f64.powf(f64::from(self.cents) / 1200.0);
        whole.templates = read_off(
            means.view(),
            |hz| hz / ratio,
            self.sample_rate,
            self.stft.fft_len,
        );
        whole.examples.clear();
        Ok(whole)
    }

    fn with_means(&self) -> Result<Self, Error> {
        if self.means.is_some() {
            return Ok(self.clone());
        }
        if self.examples.is_empty() {
            return Err(Error::Analysis {
                made: describe(self.stft, self.sample_rate),
                wanted: "another tuning, or another set of notes".to_owned(),
            });
        }
        let (atoms, means) = analyze(&self.examples, self.stft, self.sample_rate)?;
        let whole = Self::from_means(
            &self.kind,
            atoms,
            (self.stft, self.sample_rate),
            means,
            self.examples.clone(),
            self.provenance.clone(),
        );
        Ok(whole)
    }
}

/// Bins of the mean spectra.
pub(super) fn fine_bins(bins: usize) -> usize {
    (bins - 1) * FINENESS + 1
}

fn describe(stft: StftConfig, sample_rate: u32) -> String {
    format!(
        "{sample_rate} Hz, {} windows of {} samples, transforms of {}",
        stft.window, stft.window_len, stft.fft_len
    )
}

/// The value of a spectrum between two fine bins.
pub(super) fn at_fine(column: ndarray::ArrayView1<'_, f32>, place: f64) -> f32 {
    if place.is_nan() || place < 0.0 {
        return 0.0;
    }
    let below = place.floor() as usize;
    let Some(&low) = column.get(below) else {
        return 0.0;
    };
    let high = column.get(below + 1).copied().unwrap_or(low);
    low + (place - below as f64) as f32 * (high - low)
}

/// Templates of unit sum, `(bins, atoms)`, from mean spectra: bin by bin at the frequency that `from_hz` gives.
fn read_off(
    means: ArrayView2<'_, f32>,
    from_hz: impl Fn(f64) -> f64,
    sample_rate: u32,
    fft_len: usize,
) -> Array2<f32> {
    let bins = fft_len / 2 + 1;
    let bin_hz = f64::from(sample_rate) / fft_len as f64;
    let mut templates = Array2::zeros((bins, means.ncols()));
    for bin in 0..bins {
        let place = from_hz(bin as f64 * bin_hz) / bin_hz * FINENESS as f64;
        for (out, column) in templates.row_mut(bin).iter_mut().zip(means.columns()) {
            *out = at_fine(column, place);
        }
    }
    normalize(&mut templates);
    templates
}

fn normalize(templates: &mut Array2<f32>) {
    for mut template in templates.columns_mut() {
        let sum: f64 = template.iter().map(|&w| f64::from(w)).sum();
        if sum > 0.0 {
            template.mapv_inplace(|w| (f64::from(w) / sum) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::{learn, stretched};

    const RATE: u32 = 16_000;

    /// A made string: stretched partials, the higher the weaker and the faster gone.
    fn string(note: f32, b: f64, brightness: f64) -> Example {
        let f0 = hz_of_midi(note);
        let samples = (0..RATE * 3 / 2)
            .map(|n| {
                let t = f64::from(n) / f64::from(RATE);
                (1..12)
                    .map(f64::from)
                    .map(|m| {
                        let phase = std::f64::consts::TAU * stretched(m, f0, b) * t;
                        phase.sin() * m.powf(-brightness) * (-t * (1.0 + m)).exp()
                    })
                    .sum::<f64>() as f32
            })
            .collect();
        Example::new(samples, RATE).unwrap().with_note(note)
    }

    fn made(notes: &[f32]) -> Dictionary {
        let examples = notes.iter().map(|&note| string(note, 3e-4, 1.0)).collect();
        let stft = StftConfig::with_fft_len(2048);
        learn("piano", examples, stft, RATE, Provenance::default()).unwrap()
    }

    /// How alike two templates are: the cosine between them.
    fn cosine(a: ndarray::ArrayView1<'_, f32>, b: ndarray::ArrayView1<'_, f32>) -> f32 {
        a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
    }

    #[test]
    fn unstretched_strings_have_their_partials_at_whole_multiples() {
        let plain = |b| {
            let stft = StftConfig::with_fft_len(2048);
            let examples = vec![string(60.0, b, 0.0)];
            learn("piano", examples, stft, RATE, Provenance::default()).unwrap()
        };
        let (stiff, soft) = (plain(1e-3), plain(0.0));
        let unstretched = stiff.unstretched().unwrap();
        let unlike = |dictionary: &Dictionary| {
            1.0 - cosine(dictionary.templates().column(0), soft.templates().column(0))
        };
        let (before, after) = (unlike(&stiff), unlike(&unstretched));
        assert!(before > 0.1 && after < 0.3 * before, "{before} {after}");
    }

    #[test]
    fn retuning_gives_what_learning_the_retuned_instrument_gives() {
        let (flat, sharp) = (made(&[60.0]), made(&[60.3]));
        let retuned = flat.retuned(30.0).unwrap();
        for slice in 0..5 {
            let alike = cosine(
                retuned.templates().column(slice),
                sharp.templates().column(slice),
            );
            let before = cosine(
                flat.templates().column(slice),
                sharp.templates().column(slice),
            );
            assert!(
                alike > 0.995 && before < alike,
                "slice {slice}: {alike}, {before} before"
            );
        }
        let back = retuned.retuned(-30.0).unwrap();
        assert!(back.cents().abs() < 1e-4);
        assert_eq!(back.templates(), flat.retuned(0.0).unwrap().templates());
    }

    #[test]
    fn another_transform_gives_what_learning_under_it_gives() {
        let longer = StftConfig::with_fft_len(4096);
        let again = made(&[60.0]).at(longer, RATE).unwrap();
        let learnt = learn(
            "piano",
            vec![string(60.0, 3e-4, 1.0)],
            longer,
            RATE,
            Provenance::default(),
        )
        .unwrap();
        assert_eq!(again.templates(), learnt.templates());
        let other_rate = made(&[60.0])
            .at(StftConfig::with_fft_len(2048), RATE / 2)
            .unwrap();
        // The same window in samples at half the rate is twice as long in time, as `longer` is.
        let same_bins = again.templates().slice(ndarray::s![..1024, 3]).to_owned();
        let alike = cosine(
            other_rate.templates().slice(ndarray::s![..1024, 3]),
            same_bins.view(),
        );
        assert!(alike > 0.999, "{alike}");
    }

    #[test]
    fn without_examples_another_transform_is_refused_by_name() {
        let bare = made(&[60.0]).without_examples().unwrap();
        assert!(bare.retuned(10.0).is_ok());
        let error = bare.at(StftConfig::with_fft_len(4096), RATE).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("2048") && said.contains("4096"), "{said}");
    }

    #[test]
    fn without_examples_means_serve_another_rate_under_as_long_a_window() {
        let made = made(&[60.0]);
        let other = StftConfig {
            window_len: 4096,
            ..StftConfig::with_fft_len(4096)
        };
        let (bare, truth) = (
            made.without_examples()
                .unwrap()
                .at(other, 2 * RATE)
                .unwrap(),
            made.at(other, 2 * RATE).unwrap(),
        );
        assert_eq!(bare.templates().dim(), truth.templates().dim());
        for slice in 0..5 {
            let alike = cosine(
                bare.templates().column(slice),
                truth.templates().column(slice),
            );
            assert!(alike > 0.99, "slice {slice}: {alike}");
        }
    }

    #[test]
    fn a_missing_note_made_from_its_neighbours_is_like_the_note_itself() {
        let whole = made(&[57.0, 60.0]).completed(57..=60, 1.5, true).unwrap();
        assert_eq!(whole.atoms().len(), 20);
        let truth = made(&[58.0, 59.0]);
        for key in [58_u8, 59] {
            for slice in 0..5 {
                let find = |dictionary: &Dictionary| {
                    let at = dictionary
                        .atoms()
                        .iter()
                        .position(|atom| atom.key() == Some(key) && atom.slice == slice)
                        .unwrap();
                    dictionary.templates().column(at).to_owned()
                };
                let alike = cosine(find(&whole).view(), find(&truth).view());
                assert!(alike > 0.98, "key {key}, slice {slice}: {alike}");
            }
        }
    }

    #[test]
    fn a_layer_between_two_lies_between_them() {
        let soft = string(60.0, 3e-4, 2.0).with_velocity(40.0);
        let hard = string(60.0, 3e-4, 0.5).with_velocity(120.0);
        let truth = string(60.0, 3e-4, 1.25);
        let stft = StftConfig::with_fft_len(2048);
        let learnt =
            |examples| learn("piano", examples, stft, RATE, Provenance::default()).unwrap();
        let layers = learnt(vec![soft, hard]).with_velocities_between(1).unwrap();
        let truth = learnt(vec![truth]);
        let at = layers
            .atoms()
            .iter()
            .position(|atom| (atom.velocity - 80.0).abs() < 1e-3 && atom.slice == 2)
            .unwrap();
        let alike = cosine(layers.templates().column(at), truth.templates().column(2));
        assert!(alike > 0.97, "{alike}");
    }

    #[test]
    fn layers_are_thinned_to_the_ends_and_evenly_between() {
        let velocities = [10.0, 30.0, 50.0, 70.0, 90.0, 110.0, 127.0];
        let example = |velocity| string(60.0, 3e-4, 1.0).with_velocity(velocity);
        let mut examples: Vec<Example> = velocities.map(example).into();
        examples.push(string(64.0, 3e-4, 1.0).with_velocity(64.0));
        let stft = StftConfig::with_fft_len(1024);
        let all = learn("piano", examples, stft, RATE, Provenance::default()).unwrap();
        let kept = |thin: &Dictionary| {
            let own = thin.atoms().iter().filter(|atom| atom.slice == 0);
            own.map(|atom| (atom.key().unwrap(), atom.velocity as u8))
                .collect::<Vec<_>>()
        };
        let thin = all.with_layers(3);
        let expected = [(60, 10), (60, 70), (60, 127), (64, 64)];
        assert_eq!(kept(&thin), expected);
        // The examples are those of the layers that stay.
        let longer = thin.at(StftConfig::with_fft_len(2048), RATE).unwrap();
        assert_eq!(kept(&longer), expected);
        for one in [0, 1] {
            assert_eq!(kept(&all.with_layers(one)), [(60, 127), (64, 64)]);
        }
        assert_eq!(all.with_layers(7).atoms(), all.atoms());
    }

    #[test]
    fn pitch_and_inharmonicity_are_measured_while_learning() {
        let dictionary = learn(
            "piano",
            vec![string(60.17, 4e-4, 1.0).with_note(60.0)],
            StftConfig::with_fft_len(1024),
            RATE,
            Provenance::default(),
        )
        .unwrap();
        let atom = &dictionary.atoms()[0];
        let note = atom.note.unwrap();
        assert!((note - 60.17).abs() < 0.03, "{note}");
        assert!(
            (atom.inharmonicity / 4e-4).ln().abs() < 0.3,
            "{}",
            atom.inharmonicity
        );
    }
}
