//! What every pitch would explain comes in; the pitch of every frame goes out.

use std::collections::BTreeSet;

use ndarray::{Array2, Axis, s};
use unbraid_kernel::Isa;

use super::fits::{Rough, find_notes, rough_mask};
use super::guard::{Presence, doubted};
use super::masked::share_of;
use super::piano::{Gains, Moment, Piano, Templates, moment};
use super::salience::{Scene, peaks, shares};
use super::view::View;
use super::{Known, MOST_MOMENTS, VoicePianoConfig};
use crate::analysis::glottal::{Grid, agreement, combs};
use crate::analysis::viterbi::{Moves, best_path};
use crate::knowledge::{Melody, Pitch, Sound, midi_of_hz};
use crate::model::Voice;
use crate::{Audio, Error};

/// A pitch per frame.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) f0_hz: Vec<f64>,
    pub(super) voiced: Vec<bool>,
    pub(super) gain: Vec<f32>,
    /// Where lyrics say that nothing is sung.
    pub(super) silent: Vec<bool>,
    /// Where lyrics say that a consonant has no pitch.
    pub(super) breathy: Vec<bool>,
}

impl Path {
    /// The same as points in time.
    pub(super) fn melody(&self, hop_secs: f64) -> Melody {
        /// A voice that explains this much more of a frame than the piano alone is sure.
        const SURE: f32 = 0.1;
        let points = self.f0_hz.iter().zip(&self.voiced).zip(&self.gain);
        let points = points
            .enumerate()
            .map(|(frame, ((&hz, &voiced), &gain))| Pitch {
                time_secs: frame as f64 * hop_secs,
                hz: if voiced { hz } else { 0.0 },
                confidence: (gain / SURE).clamp(0.0, 1.0),
            });
        Melody::new(points.collect())
            .expect("frames follow each other, and pitches come from the grid")
    }
}

/// The pitch path and the evidence it was found by.
pub(super) struct Tracked {
    pub(super) path: Path,
    evidence: Array2<f32>,
    salience: Array2<f32>,
    /// The templates that were used, and their activations, `(frames, templates)`.
    templates: Templates,
    piano: Array2<f32>,
}

/// A melody that is known is believed from this confidence on; below, the recording decides.
const BELIEVED: f32 = 0.5;

/// Half a semitone's unsteadiness, for combs on a grid.
const GRID_SPREAD_CENTS: f64 = 40.0;

/// The most templates that candidates are tried beside.
const MOST_TEMPLATES: usize = 220;

const MOVES_PER_SEMITONE: f32 = 4.0;

fn moves(grid: &Grid) -> Moves {
    let per = grid.per_semitone();
    Moves {
        per_state: MOVES_PER_SEMITONE / per as f32,
        reach: per * 3 / 2,
        jump: 3.0 * MOVES_PER_SEMITONE,
    }
}

/// The path between the states of a grid: the mean place around a state, weighted.
fn refine(states: &[usize], weights: &Array2<f32>, grid: &Grid) -> Vec<f64> {
    states
        .iter()
        .zip(weights.outer_iter())
        .map(|(&state, row)| {
            let range = state.saturating_sub(2)..(state + 3).min(grid.len());
            let (mut sum, mut total) = (0.0, 0.0);
            for place in range {
                let weight = f64::from(row[place]) + 1e-9;
                sum += weight * place as f64;
                total += weight;
            }
            grid.at(sum / total)
        })
        .collect()
}

/// Everything that pitches are found from.
pub(super) struct Tracker<'a> {
    pub(super) view: &'a View,
    /// What does not hold its pitch.
    pub(super) transients: Array2<f32>,
    pub(super) piano: Piano,
    pub(super) grid: Grid,
    pub(super) known: &'a Known<'a>,
    pub(super) config: &'a VoicePianoConfig,
}

impl Tracker<'_> {
    /// The templates at a tuning that may sound at all, and when, `(templates, frames)`, if that is known.
    fn templates(&self, cents: f64) -> Result<(Templates, Option<Array2<bool>>), Error> {
        let all = self.piano.templates(cents, |_| true)?;
        let Some(score) = self.known.score else {
            return Ok((all, None));
        };
        let allowed = all.allowed(score, self.view, &self.known.tolerance);
        let sounding: Vec<usize> = (0..all.len())
            .filter(|&k| allowed.row(k).iter().any(|x| *x))
            .collect();
        // A piano that never plays still needs a template, for the shapes of everything.
        let sounding = if sounding.is_empty() {
            vec![0]
        } else {
            sounding
        };
        Ok((
            all.select(&sounding),
            Some(allowed.select(Axis(0), &sounding)),
        ))
    }

    /// Find the pitch path.
    pub(super) fn track(&self, cents: f64) -> Result<Tracked, Error> {
        let (view, grid) = (self.view, &self.grid);
        let bins = view.v.ncols();
        let (templates, allowed) = self.templates(cents)?;
        let wide = combs(grid, bins, view.bin_hz(), GRID_SPREAD_CENTS);
        let isa = if self.config.portable {
            Isa::Portable
        } else {
            Isa::detect()
        };
        let whole = Scene {
            v: view.v.view(),
            floor: view.floor,
            bands: &view.bands,
            combs: wide.view(),
            piano: templates.spectra.view(),
            allowed: allowed.as_ref().map(|allowed| allowed.view()),
            isa,
        };
        let mixture = whole.salience(self.config.tracking_iterations);
        let most = self.transients.iter().fold(0.0_f32, |m, x| m.max(*x));
        let rest = Scene {
            v: self.transients.view(),
            floor: (1e-5 * most).max(1e-12),
            ..whole
        };
        let rest = shares(rest.salience(self.config.tracking_iterations).pitches);
        let salience = shares(mixture.pitches);
        let both = ndarray::Zip::from(&salience)
            .and(&rest)
            .map_collect(|a, b| (a * b).sqrt());
        let candidates = peaks(&both, self.config.candidates.max(1));
        let keep = most_active(&mixture.piano, MOST_TEMPLATES);
        let kept = templates.select(&keep);
        let allowed = allowed
            .as_ref()
            .map(|allowed| allowed.select(Axis(0), &keep));
        let few = Scene {
            piano: kept.spectra.view(),
            allowed: allowed.as_ref().map(|allowed| allowed.view()),
            ..whole
        };
        let misfit = few.candidates(candidates.view(), &mixture.shapes, 12);

        let sums = view.v.sum_axis(Axis(1));
        let loudest = sums.iter().fold(0.0_f32, |m, x| m.max(*x));
        let mut evidence = ndarray::Zip::from(&salience)
            .and(&rest)
            .map_collect(|a, b| 0.75 * (a + 1e-3).ln() + 0.25 * (b + 1e-3).ln());
        let mut gain = Vec::with_capacity(sums.len());
        for (frame, mut row) in evidence.outer_iter_mut().enumerate() {
            let sum = sums[frame] + 0.02 * loudest + f32::MIN_POSITIVE;
            let misfit = misfit.row(frame);
            let count = candidates.ncols();
            let none = misfit[count];
            let mut worth = vec![0.0_f32; grid.len()];
            let mut most = 0.0_f32;
            for (k, &pitch) in candidates.row(frame).iter().enumerate() {
                let better = (none - misfit[k]).max(0.0);
                most = most.max(better);
                // The two neighbours are as good: combs are wider than the grid.
                let around = pitch.saturating_sub(1)..(pitch + 2).min(grid.len());
                for worth in &mut worth[around] {
                    *worth = worth.max(30.0 * better / sum);
                }
            }
            row.iter_mut().zip(&worth).for_each(|(x, w)| *x += w);
            gain.push(most / sum);
        }
        self.sung_notes(&mut evidence);
        let states = best_path(evidence.view(), &moves(grid));
        let f0_hz = refine(&states, &salience, grid);
        let voiced = voicing(&gain);
        let mut path = Path {
            silent: vec![false; f0_hz.len()],
            breathy: vec![false; f0_hz.len()],
            f0_hz,
            voiced,
            gain,
        };
        self.follow(&mut path);
        Ok(Tracked {
            path,
            evidence,
            salience,
            templates,
            piano: mixture.piano,
        })
    }

    /// Pitches far from the note that lyrics say is sung, in whatever octave, lose evidence.
    fn sung_notes(&self, evidence: &mut Array2<f32>) {
        const NEAR_SEMITONES: f32 = 1.5;
        const LOSS: f32 = 4.0;
        let Some(lyrics) = self.known.lyrics else {
            return;
        };
        let hop_secs = self.view.hop_secs();
        for (frame, mut row) in evidence.outer_iter_mut().enumerate() {
            let Some(note) = lyrics.note_at(frame as f64 * hop_secs) else {
                continue;
            };
            for (place, x) in row.iter_mut().enumerate() {
                let away = (midi_of_hz(self.grid.hz(place)) - note).rem_euclid(12.0);
                if away.min(12.0 - away) > NEAR_SEMITONES {
                    *x -= LOSS;
                }
            }
        }
    }

    /// What is known of the voice takes the place of what was heard: a melody where it is sure, and lyrics.
    fn follow(&self, path: &mut Path) {
        let hop_secs = self.view.hop_secs();
        for frame in 0..path.f0_hz.len() {
            let secs = frame as f64 * hop_secs;
            if let Some(melody) = self.known.melody {
                match melody.at(secs) {
                    Some(point) if point.confidence < BELIEVED => {}
                    Some(point) if point.hz > 0.0 => {
                        path.f0_hz[frame] = point.hz;
                        path.voiced[frame] = true;
                        path.gain[frame] = path.gain[frame].max(point.confidence);
                    }
                    _ => path.voiced[frame] = false,
                }
            }
            if let Some(lyrics) = self.known.lyrics {
                let sound = lyrics.at(secs);
                path.silent[frame] = sound == Sound::Silence;
                path.breathy[frame] = sound == Sound::Unvoiced;
                match sound {
                    Sound::Silence => path.voiced[frame] = false,
                    Sound::Voiced => path.voiced[frame] = true,
                    // The window reaches into the vowel, so a pitch may sound all the same.
                    Sound::Unvoiced | Sound::Any => {}
                }
            }
        }
    }

    /// Another separator's stem of the voice as a mask, `(frames, bins)`: its share of every bin, by magnitude.
    pub(super) fn hinted(&self, audio: &Audio) -> Result<Option<Array2<f32>>, Error> {
        let Some(stem) = self.known.stem else {
            return Ok(None);
        };
        share_of(stem, audio, &self.view.stft, self.view.v.ncols()).map(Some)
    }

    /// Find the path once more, with what agrees with a first mask of the voice.
    pub(super) fn retrack(&self, tracked: &mut Tracked, mask: &Array2<f32>) {
        let own = mask * &self.view.v;
        let plain = combs(&self.grid, own.ncols(), self.view.bin_hz(), 0.0);
        let agreed = agreement(own.view(), plain.view());
        let evidence = &tracked.evidence + &agreed.mapv(|s| 8.0 * (s + 0.01).ln());
        let states = best_path(evidence.view(), &moves(&self.grid));
        let weights = &tracked.salience * &agreed.mapv(|s| s.powi(4));
        tracked.path.f0_hz = refine(&states, &weights, &self.grid);
        self.follow(&mut tracked.path);
    }

    /// The same with a stem that is known, if one is.
    pub(super) fn agree(&self, tracked: &mut Tracked, hint: Option<&Array2<f32>>) {
        if let Some(hint) = hint {
            self.retrack(tracked, hint);
        }
    }

    /// Find the pitch path anew behind a transfer function, which stays.
    pub(super) fn through(&mut self, gains: &Gains, cents: f64) -> Result<Tracked, Error> {
        let piano = Piano::new(self.known.piano, self.view, self.config)?;
        self.piano = piano.through(Some(gains), self.view);
        self.track(cents)
    }

    /// Learn a transfer function, and find the pitch path anew behind it.
    pub(super) fn learn_transfer(
        &mut self,
        cents: f64,
        tracked: &mut Tracked,
    ) -> Result<Option<Gains>, Error> {
        let templates = self.brief(cents, tracked)?;
        let played = find_notes(self.view, &templates, self.known, &tracked.path, 18);
        let Some((gains, _)) = played.transfer(self.view) else {
            return Ok(None);
        };
        *tracked = self.through(&gains, cents)?;
        Ok(Some(gains))
    }

    /// The templates of the moments that are most active.
    pub(super) fn brief(&self, cents: f64, tracked: &Tracked) -> Result<Templates, Error> {
        let kept = tracked.moments(MOST_MOMENTS);
        self.piano
            .templates(cents, |atom| kept.contains(&moment(atom)))
    }

    /// When the voice, and the piano, is there, as far as that may be doubted.
    pub(super) fn doubted(
        &self,
        cents: f64,
        tracked: &Tracked,
        t60_secs: Option<f64>,
    ) -> Result<[Option<Presence>; 2], Error> {
        let templates = self.brief(cents, tracked)?;
        let (path, known) = (&tracked.path, (self.known, self.config));
        Ok(doubted(self.view, &templates, path, t60_secs, known))
    }

    /// A first separation with these alone.
    pub(super) fn rough(&self, cents: f64, tracked: &Tracked) -> Result<Rough, Error> {
        let templates = self.brief(cents, tracked)?;
        let (view, known, config) = (self.view, self.known, self.config);
        Ok(rough_mask(view, &templates, known, &tracked.path, config))
    }

    /// How many cents the piano is above its templates: the minimum of the divergence over tunings.
    pub(super) fn tune(&self, tracked: &Tracked) -> Result<f64, Error> {
        const EVERY: usize = 3;
        const MOST_ATOMS: usize = 160;
        let third = |rows: &Array2<f32>| {
            rows.slice(s![..;EVERY, ..])
                .as_standard_layout()
                .into_owned()
        };
        let sparse = View {
            v: third(&self.view.v),
            stft: self.view.stft.clone(),
            bands: self.view.bands.clone(),
            room: None,
            ..*self.view
        };
        let e = third(&self.view.excite(&tracked.path, 0.0));
        let kept = most_active(&tracked.piano, MOST_ATOMS);
        let kept: Vec<_> = kept.iter().map(|&k| &tracked.templates.atoms[k]).collect();
        let misfit: Vec<f64> = (-6..=6)
            .map(|ten| {
                let templates = self
                    .piano
                    .templates(f64::from(ten) * 10.0, |atom| kept.contains(&atom))?;
                let mut voice =
                    Voice::with_free_filter(e.clone(), sparse.bands.clone(), sparse.level);
                let mut terms = [sparse.piano(&templates.spectra, None, 0.0)];
                sparse.fit(&mut voice, &mut terms, 12);
                Ok(sparse.divergences(&voice, &terms).iter().sum())
            })
            .collect::<Result<_, Error>>()?;
        let mut best = 1;
        for at in 1..misfit.len() - 1 {
            if misfit[at] < misfit[best] {
                best = at;
            }
        }
        let (a, b, c) = (misfit[best - 1], misfit[best], misfit[best + 1]);
        let bend = a - 2.0 * b + c;
        let vertex = if bend > 0.0 {
            (0.5 * (a - c) / bend).clamp(-1.0, 1.0)
        } else {
            0.0
        };
        Ok((best as f64 - 6.0 + vertex) * 10.0)
    }
}

impl Tracked {
    /// The moments of keys' lives that are most active, at most `count`.
    pub(super) fn moments(&self, count: usize) -> BTreeSet<Moment> {
        let mut sums = std::collections::BTreeMap::<Moment, f32>::new();
        for (atom, own) in self.templates.atoms.iter().zip(self.piano.columns()) {
            *sums.entry(moment(atom)).or_default() += own.sum();
        }
        let mut order: Vec<(Moment, f32)> = sums.into_iter().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        order.truncate(count);
        order.into_iter().map(|(moment, _)| moment).collect()
    }
}

/// Voiced where a pitch explains more than two per cent of the frame that the piano cannot, and one
/// frame around.
fn voicing(gain: &[f32]) -> Vec<bool> {
    (0..gain.len())
        .map(|t| {
            let around = t.saturating_sub(1)..(t + 2).min(gain.len());
            gain[around].iter().any(|g| *g > 0.02)
        })
        .collect()
}

/// The templates that are most active, in their order.
fn most_active(activations: &Array2<f32>, count: usize) -> Vec<usize> {
    let sums = activations.sum_axis(Axis(0));
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a]).then(a.cmp(&b)));
    order.truncate(count);
    order.sort_unstable();
    order
}
