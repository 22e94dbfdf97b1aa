//! A piano's dictionary comes in; templates for the fits go out, tuned and chosen.

use std::collections::BTreeMap;

use ndarray::{Array2, s};

use super::VoicePianoConfig;
use super::view::View;
use crate::Error;
use crate::knowledge::{Atom, Dictionary, Score, Tolerance, built_in_piano};
use crate::model::Bands;

/// The lowest and the highest key that is modelled: below and above there is hardly a note in a song.
const KEYS: std::ops::RangeInclusive<u8> = 24..=100;

/// Layers of loudness that are modelled: the masks gain nothing by more, and the time grows with them.
const MOST_LAYERS: usize = 4;

/// Keys farther from every one that was learnt stay silent.
const REACH_SEMITONES: f32 = 3.0;

/// The whole piano under the transform of a view.
pub(super) struct Piano {
    dictionary: Dictionary,
    bins: usize,
    /// What every bin is multiplied by: what this piano, its room and microphones let through beside the dictionary's.
    transfer: Option<Vec<f32>>,
}

/// The gains of a piano's bands beside its dictionary's.
pub(super) type Gains = Vec<f32>;

/// How many there are.
const BANDS: usize = 24;

/// Some of a piano's templates, tuned.
pub(super) struct Templates {
    /// `(templates, bins)`, every row adding up to one.
    pub(super) spectra: Array2<f32>,
    pub(super) atoms: Vec<Atom>,
}

/// A slice of the life of a key: what templates of all layers of loudness share.
pub(super) type Moment = (u8, usize);

pub(super) fn moment(atom: &Atom) -> Moment {
    (atom.key().unwrap_or_default(), atom.slice)
}

impl Piano {
    /// The piano of a dictionary, or else the one that comes with the program.
    ///
    /// With `one_layer`, every moment has one template, of a loudness between the softest and the loudest.
    pub(super) fn new(
        known: Option<&Dictionary>,
        view: &View,
        config: &VoicePianoConfig,
    ) -> Result<Self, Error> {
        if known.is_some_and(Dictionary::is_of_filters) {
            let requirement = "spectra of a piano's notes; filters of a singer go to the voice";
            return Err(Error::config("dictionary", "of filters", requirement));
        }
        let stft = view.stft.config();
        let learnt = match known {
            Some(dictionary) => dictionary
                .with_layers(MOST_LAYERS)
                .at(stft, view.sample_rate)?,
            None => built_in_piano(stft, view.sample_rate)?,
        };
        let whole = learnt.completed(KEYS, REACH_SEMITONES, true)?;
        let whole = if config.stretched {
            whole
        } else {
            whole.unstretched()?
        };
        let whole = if config.one_layer {
            middle_layer(&whole)?
        } else {
            whole
        };
        let wanted: Vec<usize> = (0..whole.atoms().len())
            .filter(|&k| {
                whole.atoms()[k]
                    .key()
                    .is_some_and(|key| KEYS.contains(&key))
            })
            .collect();
        if wanted.is_empty() {
            let requirement = "notes of known pitch, between MIDI notes 24 and 100";
            return Err(Error::config("dictionary", "without pitches", requirement));
        }
        Ok(Self {
            dictionary: whole.select(&wanted),
            bins: view.v.ncols(),
            transfer: None,
        })
    }

    /// The same piano behind a transfer function.
    pub(super) fn through(mut self, gains: Option<&Gains>, view: &View) -> Self {
        self.transfer = gains.map(|gains| {
            let mut curve = vec![1.0; self.bins];
            Self::bands(view).spread(gains, &mut curve);
            curve
        });
        self
    }

    /// The bands of a transfer function.
    pub(super) fn bands(view: &View) -> Bands {
        Bands::mel(BANDS, view.v.ncols(), view.bin_hz())
    }

    /// The templates of which `wanted` says yes, tuned up by `cents`.
    pub(super) fn templates(
        &self,
        cents: f64,
        wanted: impl Fn(&Atom) -> bool,
    ) -> Result<Templates, Error> {
        let atoms = self.dictionary.atoms();
        let keep: Vec<usize> = (0..atoms.len()).filter(|&k| wanted(&atoms[k])).collect();
        let chosen = self.dictionary.select(&keep).retuned(cents as f32)?;
        let spectra = chosen.templates();
        let mut spectra = spectra
            .slice(s![..self.bins, ..])
            .t()
            .as_standard_layout()
            .into_owned();
        for mut row in spectra.outer_iter_mut() {
            if let Some(transfer) = &self.transfer {
                row.iter_mut()
                    .zip(transfer)
                    .for_each(|(x, gain)| *x *= gain);
            }
            let sum = row.sum();
            if sum > 0.0 {
                row /= sum;
            }
        }
        Ok(Templates {
            spectra,
            // Under the keys' names, whatever the tuning.
            atoms: keep.iter().map(|&k| atoms[k].clone()).collect(),
        })
    }
}

/// For every moment, the atom of the loudness that is nearest to the middle; made of its neighbours where there is none.
fn middle_layer(whole: &Dictionary) -> Result<Dictionary, Error> {
    let layers = whole.with_velocities_between(1)?;
    let mut ends = BTreeMap::<Moment, (f32, f32)>::new();
    for atom in layers.atoms() {
        let (softest, loudest) = ends
            .entry(moment(atom))
            .or_insert((f32::INFINITY, f32::NEG_INFINITY));
        *softest = softest.min(atom.velocity);
        *loudest = loudest.max(atom.velocity);
    }
    let mut nearest = BTreeMap::<Moment, (f32, usize)>::new();
    for (k, atom) in layers.atoms().iter().enumerate() {
        let (softest, loudest) = ends[&moment(atom)];
        let away = (atom.velocity - 0.5 * (softest + loudest)).abs();
        let best = nearest.entry(moment(atom)).or_insert((away, k));
        if away < best.0 {
            *best = (away, k);
        }
    }
    let mut keep: Vec<usize> = nearest.into_values().map(|(_, k)| k).collect();
    keep.sort_unstable();
    Ok(layers.select(&keep))
}

impl Templates {
    pub(super) fn len(&self) -> usize {
        self.atoms.len()
    }

    /// Some of them, by their places.
    pub(super) fn select(&self, keep: &[usize]) -> Self {
        Self {
            spectra: self.spectra.select(ndarray::Axis(0), keep),
            atoms: keep.iter().map(|&k| self.atoms[k].clone()).collect(),
        }
    }

    /// Where a score lets each of them sound, `(templates, frames)`.
    pub(super) fn allowed(
        &self,
        score: &Score,
        view: &View,
        tolerance: &Tolerance,
    ) -> Array2<bool> {
        score.allowed(&self.atoms, view.v.nrows(), view.hop_secs(), tolerance)
    }
}
