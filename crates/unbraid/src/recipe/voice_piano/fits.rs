//! A pitch path and the notes that sound come in; the voice's share of every bin goes out.

use ndarray::{Array2, Axis};

use super::masked::{gain_of, mono, through};
use super::notes::{RULE, Roll};
use super::path::Path;
use super::piano::{Gains, Piano, Templates};
use super::view::View;
use super::{Known, VoicePianoConfig, singer};
use crate::fit::{FitConfig, NotePrices, Term, fit, note_paths, transfer_gains};
use crate::knowledge::{HearConfig, Score, Tolerance, weigh, with_confidence};
use crate::model::{LowRank, ROWS, Start, Update, Voice};
use crate::spectrogram::Quantity;
use crate::{Audio, Error, Spectrogram};

/// Rooms that are tried first: small, middle, and large; their tails fall by 60 dB in so many seconds.
const ROOMS_SECS: [f64; 3] = [0.4, 0.8, 2.0];

/// A room is believed if it leaves less than this share of the divergence without one: dry recordings are explained worse by any.
const BETTER: f64 = 0.98;

/// Free components of the voice, in the fits that have some.
const FREE: usize = 20;

/// The voice's share from the model of the voice and of the piano, both to the power of `exponent`.
fn mask_of(voice: &Array2<f32>, piano: &Array2<f32>, exponent: f32) -> Array2<f32> {
    let mut mask = voice.clone();
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

/// Which notes sound, with the last fit that says so.
pub(super) struct Played<'a> {
    notes: Notes<'a>,
    voice: Voice,
    /// Activations, `(frames, templates)`, and their templates.
    piano: Option<(Array2<f32>, Templates)>,
}

impl Played<'_> {
    /// Each key's notes from attack forward, by dynamic programming beside the voice as it is ([`note_paths`]).
    fn paths(&self, view: &View) -> Option<Score> {
        let (activations, templates) = self.piano.as_ref()?;
        let allowed = self.notes.allowed(templates, view);
        let mut open = Array2::from_elem((128, view.v.nrows()), false);
        for (atom, allowed) in templates.atoms.iter().zip(allowed.outer_iter()) {
            if let Some(key) = atom.key() {
                let mut row = open.row_mut(usize::from(key));
                row.zip_mut_with(&allowed, |open, &allowed| *open |= allowed);
            }
        }
        let config = view.stft.config();
        let window_secs = config.window_len as f64 / f64::from(view.sample_rate);
        let paths = note_paths(
            view.v.view(),
            templates.spectra.t(),
            &templates.atoms,
            activations.t(),
            self.voice.model().view(),
            open.view(),
            (view.hop_secs(), window_secs),
            &NotePrices::default(),
        );
        Some(Score {
            notes: paths.notes,
            pedals: Vec::new(),
            tracks: vec!["piano".to_owned()],
        })
    }

    /// What lies between the piano's templates and the recording ([`transfer_gains`]), and how far from level that is: the
    /// standard deviation of the bands' gains in dB, weighted by what the piano has there.
    pub(super) fn transfer(&self, view: &View) -> Option<(Gains, f32)> {
        let (activations, templates) = self.piano.as_ref()?;
        let piano = activations.dot(&templates.spectra);
        let voice = self.voice.model();
        let (v, bands) = (view.v.view(), Piano::bands(view));
        let gains = transfer_gains(v, piano.view(), voice.view(), &bands, view.floor);
        let mut weights = vec![0.0; gains.len()];
        let played = piano.sum_axis(Axis(0));
        bands.gather(played.as_slice().expect(ROWS), &mut weights);
        let all = weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let db: Vec<f32> = gains.iter().map(|gain| 20.0 * gain.log10()).collect();
        let mean = |of: &dyn Fn(f32) -> f32| {
            let each = db.iter().zip(&weights);
            each.map(|(db, weight)| of(*db) * weight).sum::<f32>() / all
        };
        let level = mean(&|db| db);
        let spread = mean(&|db| (db - level).powi(2)).sqrt();
        Some((gains, spread))
    }

    /// In how many seconds the room's tail of the voice falls by 60 dB: that of [`ROOMS_SECS`] by which all is explained best,
    /// if it is explained clearly better than without a room.
    pub(super) fn t60_secs(&self, view: &View, path: &Path, templates: &Templates) -> Option<f64> {
        let misfit = |t60_secs: Option<f64>| -> f64 {
            let view = view.copy().in_room(t60_secs);
            let e = view.excite(path, 0.3);
            let voice = Voice::with_free_filter(e, view.bands.clone(), view.level);
            let mut voice = voice.gated(&path.silent, &path.breathy);
            let term = self.notes.term(templates, &view, 0.0);
            let mut terms: Vec<Term> = term.map(|(term, _)| term).into_iter().collect();
            view.fit(&mut voice, &mut terms, 12);
            view.divergences(&voice, &terms).iter().sum()
        };
        let dry = misfit(None);
        let [small, middle, large] = ROOMS_SECS;
        let try_room = |secs: f64| (secs, misfit(Some(secs)));
        let first = try_room(middle);
        if first.1 > BETTER * dry {
            // A room that is much smaller can still be one.
            let other = try_room(small);
            return (other.1 < BETTER * dry).then_some(other.0);
        }
        let mut best = first;
        for secs in [small, 0.5 * (small + middle), 1.5 * middle, large] {
            let other = try_room(secs);
            if other.1 < best.1 {
                best = other;
            }
        }
        Some(best.0)
    }
}

/// Hear which notes sound, in two rounds of fits with a voice whose filter is free; or take them from the score.
pub(super) fn find_notes<'a>(
    view: &View,
    templates: &Templates,
    known: &'a Known<'a>,
    path: &Path,
    iterations: usize,
) -> Played<'a> {
    let tailed = view.excite(path, 0.3);
    let fitted = |notes: &Notes<'_>| {
        let voice = Voice::with_free_filter(tailed.clone(), view.bands.clone(), view.level);
        let mut voice = voice.gated(&path.silent, &path.breathy);
        let term = notes.term(templates, view, 0.0);
        let (mut terms, own): (Vec<Term>, _) =
            term.map_or((Vec::new(), None), |(term, own)| (vec![term], Some(own)));
        view.fit(&mut voice, &mut terms, iterations);
        let activations = terms.pop().map(|term| term.part.activations);
        (voice, activations.zip(own))
    };
    if known.score.is_some() {
        let notes = Notes::Known(known);
        let (voice, piano) = fitted(&notes);
        return Played {
            notes,
            voice,
            piano,
        };
    }
    let voice = Voice::with_free_filter(view.excite(path, 0.0), view.bands.clone(), view.level);
    let mut voice = voice.gated(&path.silent, &path.breathy);
    let mut terms = [view.piano(&templates.spectra, None, 0.0)];
    view.fit(&mut voice, &mut terms, iterations);
    let mut notes = Notes::Heard(Roll::of(
        &terms[0].part.activations,
        &templates.atoms,
        &RULE,
    ));
    let (_, played) = fitted(&notes);
    if let Some((activations, own)) = played {
        notes = Notes::Heard(Roll::of(&activations, &own.atoms, &RULE));
    }
    let (voice, piano) = fitted(&notes);
    Played {
        notes,
        voice,
        piano,
    }
}

/// Free components of the voice, started from what the voice explains so far; none where it explains nothing.
fn free_voice(view: &View, voice: &Array2<f32>, path: &Path, price: f32) -> Option<Term> {
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
    let sings = Array2::from_shape_fn((part.components(), view.v.nrows()), |(_, frame)| {
        !path.silent[frame]
    });
    let part = part.allow(sings.view()).ok()?;
    Some(Term { part, price })
}

/// What a first separation tells.
pub(super) struct Rough {
    /// The voice's share, `(frames, bins)`, for tracking on it.
    pub(super) mask: Array2<f32>,
    /// How far the piano is from its templates ([`Played::transfer`]).
    pub(super) transfer: Option<(Gains, f32)>,
    /// The room ([`Played::t60_secs`]).
    pub(super) t60_secs: Option<f64>,
}

/// A first mask, for tracking on it, and what else it tells.
pub(super) fn rough_mask(
    view: &View,
    templates: &Templates,
    known: &Known<'_>,
    path: &Path,
    config: &VoicePianoConfig,
) -> Rough {
    let played = find_notes(view, templates, known, path, 18);
    let transfer = played.transfer(view).filter(|_| !config.transfer);
    let t60_secs = if config.room && config.t60_secs.is_none() {
        played.t60_secs(view, path, templates)
    } else {
        config.t60_secs
    };
    let in_room = view.copy().in_room(t60_secs);
    let view = &in_room;
    let Played {
        notes,
        voice: heard,
        ..
    } = played;
    let piano = notes.term(templates, view, 0.0).map(|(term, _)| term);
    let free = free_voice(view, &heard.model(), path, 0.1);
    let voice = Voice::with_free_filter(heard.excitation, view.bands.clone(), view.level)
        .gated(&path.silent, &path.breathy);
    let mask = Fitted::new(view, voice, piano, free, 25).mask(config.exponent);
    Rough {
        mask,
        transfer,
        t60_secs,
    }
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

    fn mask(&self, exponent: f32) -> Array2<f32> {
        let product = |term: &Term| term.part.activations.dot(&term.part.templates);
        let mut model = self.voice.model();
        if let Some(free) = &self.free {
            model += &product(free);
        }
        let piano = self.piano.as_ref();
        let piano = piano.map_or_else(|| Array2::zeros(model.raw_dim()), product);
        mask_of(&model, &piano, exponent)
    }
}

/// What the last fits say.
pub(super) struct Final {
    /// The mean of their masks, `(frames, bins)`.
    pub(super) mask: Array2<f32>,
    /// The notes of the first of them, how hard they were struck, and how sure they are.
    pub(super) score: Score,
}

/// What the last fits are made from.
pub(super) struct Last<'a> {
    pub(super) audio: &'a Audio,
    pub(super) short: (&'a View, &'a Templates),
    pub(super) long: (&'a View, &'a Templates),
    pub(super) known: &'a Known<'a>,
    pub(super) path: &'a Path,
    pub(super) config: &'a VoicePianoConfig,
}

impl Last<'_> {
    /// Three fits that differ in what they let the voice do, and one on shorter frames: the mean of their masks.
    pub(super) fn fits(&self) -> Result<Final, Error> {
        let (config, (view, templates)) = (self.config, self.long);
        let played = find_notes(view, templates, self.known, self.path, 12);
        let coupled = match &played.notes {
            Notes::Heard(_) if config.coupled && config.paths => played.paths(view),
            Notes::Heard(roll) if config.coupled => Some(roll.score(view.hop_secs(), &RULE)),
            _ => None,
        };
        let Played {
            notes,
            voice: heard,
            ..
        } = played;
        let tolerance = if config.paths {
            Tolerance::heard()
        } else {
            self.known.tolerance
        };
        let coupled = coupled.as_ref().map(|score| Known {
            score: Some(score),
            tolerance,
            ..*self.known
        });
        let notes = coupled.as_ref().map_or(notes, Notes::Known);
        let e = heard.excitation;
        let term = |price| {
            let found = notes.term(templates, view, price);
            found.map(|(mut term, own)| {
                if config.adapt_rate > 0.0 {
                    let rate = config.adapt_rate;
                    term.part = term.part.with_templates(Update::Adapt { rate });
                }
                (term, own)
            })
        };
        let piano = |price| term(price).map(|(term, _)| term);
        let (first, atoms) = term(0.0).unzip();
        let voice = self.voice(view, e.clone(), config.shapes);
        let first = Fitted::new(view, voice, first, None, config.iterations);
        let played = first.piano.as_ref().zip(atoms);
        let score = played.map(|(term, own)| {
            let activations = &term.part.activations;
            let Notes::Known(known) = &notes else {
                return Roll::of(activations, &own.atoms, &RULE).score(view.hop_secs(), &RULE);
            };
            if let Some(given) = self.known.score {
                return with_confidence(given, &own.atoms, activations.t(), view.hop_secs());
            }
            let mut score = known.score.cloned().unwrap_or_default();
            let config = HearConfig::default();
            weigh(
                &mut score,
                &own.atoms,
                activations.t(),
                view.hop_secs(),
                &config,
            );
            score.tell_pedal();
            score
        });
        let mut mask = first.mask(config.exponent);
        if config.average {
            let voice = self.voice(view, e.clone(), config.shapes);
            let sparse = Fitted::new(view, voice, piano(0.1), None, config.iterations);
            mask += &sparse.mask(config.exponent);
            let free = free_voice(view, &first.voice.model(), self.path, 0.3);
            let voice = self.voice(view, e, 0);
            let free = Fitted::new(view, voice, piano(0.0), free, config.iterations);
            mask += &free.mask(config.exponent);
            mask /= 3.0;
        }
        if config.short_share > 0.0 {
            let short = self.short_mask(&notes)?;
            mask.zip_mut_with(&short, |mask, short| {
                *mask += config.short_share * (short - *mask);
            });
        }
        // Where lyrics are silent, nothing else may say otherwise.
        let silent = self.path.silent.iter();
        for (mut row, _) in mask.outer_iter_mut().zip(silent).filter(|(_, on)| **on) {
            row.fill(0.0);
        }
        Ok(Final {
            mask,
            score: score.or(self.known.score.cloned()).unwrap_or_default(),
        })
    }

    fn voice(&self, view: &View, excitation: Array2<f32>, shapes: usize) -> Voice {
        let bands = view.bands.clone();
        let voice = if shapes == 0 {
            Voice::with_free_filter(excitation, bands, view.level)
        } else if let Some(known) = self.known.voice {
            let update = match self.config.filter_rate {
                rate if rate > 0.0 => Update::Adapt { rate },
                _ => Update::Fixed,
            };
            let shapes = singer::shapes(known, view, &bands);
            let likely = singer::likely(known, view, self.known.lyrics);
            Voice::with_known_shapes(excitation, bands, shapes, likely.view(), update, view.level)
        } else {
            Voice::with_shapes(excitation, bands, shapes, view.level, 0)
        };
        voice.gated(&self.path.silent, &self.path.breathy)
    }

    /// A fit under shorter frames, where what blurs in long ones is sharp; its mask under the long ones.
    fn short_mask(&self, notes: &Notes<'_>) -> Result<Array2<f32>, Error> {
        let ((short, templates), (long, _)) = (self.short, self.long);
        let voice = self.voice(short, short.excite(self.path, 0.3), self.config.shapes);
        let piano = notes.term(templates, short, 0.0).map(|(term, _)| term);
        let fitted = Fitted::new(short, voice, piano, None, self.config.iterations);
        let mono = mono(self.audio)?;
        let voice = through(&mono, &short.stft, &fitted.mask(self.config.exponent), 0.0)?;
        Ok(gain_of(&voice, &mono, &long.stft, long.v.ncols()))
    }
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
