//! A pitch path and the notes that sound come in; the voice's share of every bin goes out.

use ndarray::{Array2, Axis};

use super::path::Path;
use super::notes::{RULE, Roll};
use super::piano::Templates;
use super::view::View;
use super::{Known, VoicePianoConfig, tweak};
use crate::Spectrogram;
use crate::fit::{FitConfig, Term, fit};
use crate::model::{LowRank, Start, Voice};
use crate::spectrogram::Quantity;

/// How sharp the masks are: shares are of the models to this power.
const EXPONENT: f32 = 1.5;

/// Free components of the voice, in the fits that have some.
const FREE: usize = 20;

/// The voice's share from the model of the voice and of the piano.
fn mask_of(voice: &Array2<f32>, piano: &Array2<f32>) -> Array2<f32> {
    let mut mask = voice.clone();
    let exponent = tweak("exp", f64::from(EXPONENT)) as f32;
    ndarray::Zip::from(&mut mask)
        .and(piano)
        .par_for_each(|v, p| {
            let most = v.max(*p);
            let (a, b) = if most > 0.0 {
                ((*v / most).powf(exponent), (p / most).powf(exponent))
            } else {
                (0.5, 0.5)
            };
            *v = a / (a + b);
        });
    mask
}

/// Which notes sound.
pub(super) enum Notes<'a> {
    /// Those that were heard.
    Heard(Roll),
    /// Those of a score.
    Known(&'a Known<'a>),
}

impl Notes<'_> {
    /// Where each template may sound, `(templates, frames)`.
    fn allowed(&self, templates: &Templates, view: &View) -> Array2<bool> {
        match self {
            Self::Heard(roll) => roll.allowed(&templates.atoms),
            Self::Known(known) => {
                let score = known.score.expect("notes are known by their score");
                templates.allowed(score, view, &known.tolerance)
            }
        }
    }

    /// The templates that may sound somewhere, as a term.
    fn term(&self, templates: &Templates, view: &View, price: f32) -> Option<(Term, Templates)> {
        let allowed = self.allowed(templates, view);
        let sounding: Vec<usize> = (0..templates.len())
            .filter(|&k| allowed.row(k).iter().any(|x| *x))
            .collect();
        if sounding.is_empty() {
            return None;
        }
        let allowed = allowed.select(Axis(0), &sounding);
        let templates = templates.select(&sounding);
        let term = view.piano(&templates.spectra, Some(&allowed), price);
        Some((term, templates))
    }
}

/// Hear which notes sound, in two rounds of fits with a voice whose filter is free; or take them from the score. The voice of
/// the last fit comes with them.
pub(super) fn find_notes<'a>(
    view: &View,
    templates: &Templates,
    known: &'a Known<'a>,
    path: &Path,
    iterations: usize,
) -> (Notes<'a>, Voice) {
    let tailed = view.excite(path, 0.3);
    let fitted = |notes: &Notes<'_>| {
        let mut voice = Voice::with_free_filter(tailed.clone(), view.bands.clone(), view.level);
        let term = notes.term(templates, view, 0.0);
        let (mut terms, own): (Vec<Term>, _) = term.map_or((Vec::new(), None), |(term, own)| (vec![term], Some(own)));
        view.fit(&mut voice, &mut terms, iterations);
        let activations = terms.pop().map(|term| term.part.activations);
        (voice, activations.zip(own))
    };
    if known.score.is_some() {
        let notes = Notes::Known(known);
        let voice = fitted(&notes).0;
        return (notes, voice);
    }
    let mut voice = Voice::with_free_filter(view.excite(path, 0.0), view.bands.clone(), view.level);
    let mut terms = [view.piano(&templates.spectra, None, 0.0)];
    view.fit(&mut voice, &mut terms, iterations);
    let mut notes = Notes::Heard(Roll::of(&terms[0].part.activations, &templates.atoms, &RULE));
    let (_, played) = fitted(&notes);
    if let Some((activations, own)) = played {
        notes = Notes::Heard(Roll::of(&activations, &own.atoms, &RULE));
    }
    let (voice, _) = fitted(&notes);
    (notes, voice)
}

/// Free components of the voice, started from what the voice explains so far; none where it explains nothing.
fn free_voice(view: &View, voice: &Array2<f32>, price: f32) -> Option<Term> {
    let values = voice.t().insert_axis(Axis(0));
    let spectrogram = Spectrogram::from_values(values, Quantity::Magnitude).ok()?;
    let config = FitConfig {
        iterations: 20,
        portable: view.portable,
        ..Default::default()
    };
    let part = LowRank::free(&spectrogram, FREE, Start::Random, 0).ok()?;
    let mut part = fit(part, &spectrogram, &config, &mut ()).ok()?.model;
    for (mut row, mut h) in part
        .templates
        .outer_iter_mut()
        .zip(part.activations.columns_mut())
    {
        let sum = row.sum().max(f32::MIN_POSITIVE);
        row /= sum;
        h *= 0.5 * sum * spectrogram.scale();
    }
    Some(Term { part, price })
}

/// A first mask, for tracking on it.
pub(super) fn rough_mask(
    view: &View,
    templates: &Templates,
    known: &Known<'_>,
    path: &Path,
) -> Array2<f32> {
    let (notes, heard) = find_notes(view, templates, known, path, 18);
    let piano = notes.term(templates, view, 0.0).map(|(term, _)| term);
    let free = free_voice(view, &heard.model(), 0.1);
    let voice = Voice::with_free_filter(heard.excitation, view.bands.clone(), view.level);
    Fitted::new(view, voice, piano, free, 25).mask()
}

/// A fit of a voice, a piano and free components of the voice.
struct Fitted {
    voice: Voice,
    piano: Option<Term>,
    free: Option<Term>,
}

impl Fitted {
    fn new(
        view: &View,
        mut voice: Voice,
        piano: Option<Term>,
        free: Option<Term>,
        iterations: usize,
    ) -> Self {
        let played = piano.is_some();
        let mut terms: Vec<Term> = piano.into_iter().chain(free).collect();
        view.fit(&mut voice, &mut terms, iterations);
        let mut terms = terms.into_iter();
        Self {
            voice,
            piano: if played { terms.next() } else { None },
            free: terms.next(),
        }
    }

    fn mask(&self) -> Array2<f32> {
        let product = |term: &Term| term.part.activations.dot(&term.part.templates);
        let mut model = self.voice.model();
        if let Some(free) = &self.free {
            model += &product(free);
        }
        let piano = self.piano.as_ref();
        let piano = piano.map_or_else(|| Array2::zeros(model.raw_dim()), product);
        mask_of(&model, &piano)
    }
}

/// What the last fits say.
pub(super) struct Final {
    /// The mean of their masks, `(frames, bins)`.
    pub(super) mask: Array2<f32>,
    /// The notes of the first of them.
    pub(super) roll: Option<Roll>,
}

/// Three fits that differ in what they let the voice do, the mean of their masks.
pub(super) fn final_fits(
    view: &View,
    sets: [&Templates; 3],
    known: &Known<'_>,
    path: &Path,
    config: &VoicePianoConfig,
) -> Final {
    let (notes, heard) = find_notes(view, sets[0], known, path, 12);
    let e = heard.excitation;
    let voice = |shapes: usize| {
        if shapes == 0 {
            Voice::with_free_filter(e.clone(), view.bands.clone(), view.level)
        } else {
            Voice::with_shapes(e.clone(), view.bands.clone(), shapes, view.level, 0)
        }
    };
    let piano = |set: usize, price: f32| notes.term(sets[set], view, price).map(|(term, _)| term);
    let (first, atoms) = notes.term(sets[0], view, 0.0).unzip();
    let first = Fitted::new(view, voice(config.shapes), first, None, config.iterations);
    let roll = first.piano.as_ref().zip(atoms).map(|(term, own)| {
        Roll::of(&term.part.activations, &own.atoms, &RULE)
    });
    let mut mask = first.mask();
    if config.average {
        let sparse = piano(1, 0.1);
        mask += &Fitted::new(view, voice(config.shapes), sparse, None, config.iterations).mask();
        let free = free_voice(view, &first.voice.model(), 0.3);
        mask += &Fitted::new(view, voice(0), piano(2, 0.0), free, config.iterations).mask();
        mask /= 3.0;
    }
    Final { mask, roll }
}

/// The voice's share of the highest octave that is modelled, which stands for all above it.
pub(super) fn share_above(mask: &Array2<f32>, v: &Array2<f32>) -> Vec<f32> {
    let half = mask.ncols() / 2;
    mask.outer_iter()
        .zip(v.outer_iter())
        .map(|(mask, v)| {
            let (mut voice, mut all) = (0.0_f32, f32::MIN_POSITIVE);
            for (share, v) in mask.iter().zip(v).skip(half) {
                voice += share * v * v;
                all += v * v;
            }
            (voice / all).min(1.0)
        })
        .collect()
}
