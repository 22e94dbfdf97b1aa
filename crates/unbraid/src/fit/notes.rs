//! A spectrogram, templates of notes in slices of their life, and what else explains it come in; the notes that explain it
//! best go out, each from its attack forward.
//!
//! ```text
//! for each key, the others as they are:
//!   v   spectrogram              (frames, bins)
//!   r   model without the key    (frames, bins)
//!   d   the key's template of one layer and slice, of unit sum
//!
//!   gain of a state    g = argmin over g ≥ 0 of  Σ_f g d − v log(r + g d)
//!   what it saves      Σ_f v log(1 + g d / r) − g
//!
//! a path through   silent → before the onset → attack → … → last slice → silent,
//! the one that saves most, after the prices of a strike, of an unsteady age, and of growing louder
//! ```
//!
//! Attack and decay are coupled: a note's slices come in their order and at about their age, however long it
//! lasts. Given everything else, the path is the best there is (dynamic programming), so that going from key to key never raises
//! the divergence plus the prices paid, where all keys are on paths or silent. Activations that come from a fit are not on paths
//! (several slices sound at once), and what that explained beyond a path is given up once.
//!
//! # References
//!
//! - S. Ewert, M. D. Plumbley, M. Sandler, *A dynamic programming variant of non-negative matrix deconvolution for the
//!   transcription of struck string instruments*, ICASSP 2015.
//! - T. Cheng, M. Mauch, E. Benetos, S. Dixon, *An attack/decay model for piano transcription*, ISMIR 2016.

use std::collections::BTreeMap;
use std::ops::Range;

use ndarray::{Array2, ArrayView1, ArrayView2, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::divergence::FLOOR;
use crate::knowledge::{Atom, Note, SLICES_SECS};

/// What a note pays for. All prices are in units of the mean sum of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotePrices {
    /// A strike: higher, and fewer notes are heard.
    pub strike: f64,
    /// A frame in which a note ages by none or by two frames.
    pub unsteady: f64,
    /// A frame in which a note grows louder than its dictionary says, for every neper beyond one.
    pub louder: f64,
    /// A frame in which a note sounds.
    pub frame: f64,
}

impl Default for NotePrices {
    fn default() -> Self {
        Self {
            strike: 0.3,
            unsteady: 0.004,
            louder: 0.02,
            frame: 0.002,
        }
    }
}

/// The notes that were found, and what they left of the objective.
#[derive(Debug, Clone, PartialEq)]
pub struct NotePaths {
    /// The notes, by onset; velocities are those of the layers, confidences are 1.
    pub notes: Vec<Note>,
    /// The activations, `(atoms, frames)`: one slice of one layer of a key in every frame.
    pub activations: Array2<f32>,
    /// The divergence and the prices paid, at the start (where no price is known) and after every key.
    pub objective: Vec<f64>,
}

/// One slice of one layer of a key.
struct State {
    atom: usize,
    layer: usize,
    slice: usize,
    /// The bins in which its template lives.
    bins: Range<usize>,
    /// ln of how loud it is beside the others.
    level: f32,
}

/// What a state is worth in a frame.
#[derive(Clone, Copy, Default)]
struct Worth {
    gain: f32,
    saved: f32,
}

/// Find the notes of an instrument, key by key, the others as they are.
///
/// # Shapes
///
/// | | shape |
/// |---|---|
/// | `spectrogram` | `(frames, bins)` |
/// | `templates` | `(bins, atoms)`, each of unit sum |
/// | `activations` | `(atoms, frames)`: what the paths start from; where it is zero in all of a key's atoms, the key stays silent |
/// | `rest` | `(frames, bins)`: what everything but these atoms explains |
///
/// `open` says in which frames each of 128 keys may sound, `(128, frames)`; `window_secs` is the length of a frame, half of which a
/// note is seen before its onset.
#[must_use]
#[expect(
    clippy::too_many_arguments,
    reason = "they are the parts of one equation"
)]
pub fn note_paths(
    spectrogram: ArrayView2<'_, f32>,
    templates: ArrayView2<'_, f32>,
    atoms: &[Atom],
    activations: ArrayView2<'_, f32>,
    rest: ArrayView2<'_, f32>,
    open: ArrayView2<'_, bool>,
    (hop_secs, window_secs): (f64, f64),
    prices: &NotePrices,
) -> NotePaths {
    let frames = spectrogram.nrows();
    let unit = f64::from(spectrogram.sum()) / frames.max(1) as f64;
    let mut activations = activations.to_owned();
    let mut model = activations.t().dot(&templates.t());
    model += &rest;
    let floor = (FLOOR * spectrogram.mean().unwrap_or(0.0)).max(1e-20);
    model.mapv_inplace(|x| x.max(floor));
    let keys = states_of_keys(atoms, templates);
    // The loudest first: they explain what the others must not.
    let mut order: Vec<(u8, f32)> = keys
        .iter()
        .map(|(&key, states)| {
            let sum = states.iter().map(|state| activations.row(state.atom).sum());
            (key, sum.sum::<f32>())
        })
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let ages = Ages::new(hop_secs, window_secs);
    let mut objective = vec![divergence(spectrogram, model.view())];
    let mut paid = 0.0;
    let mut notes = Vec::new();
    for (key, _) in order {
        let states = &keys[&key];
        // The model without this key.
        for state in states {
            for (t, &h) in activations.row(state.atom).iter().enumerate() {
                if h > 0.0 {
                    let template = templates.column(state.atom);
                    let mut row = model.row_mut(t);
                    row.zip_mut_with(&template, |m, &w| *m = (*m - h * w).max(floor));
                }
            }
            activations.row_mut(state.atom).fill(0.0);
        }
        let may = open.row(usize::from(key));
        let worth = worths(spectrogram, model.view(), templates, states, may);
        let (path, price) = ages.best_path(states, &worth, may, unit, prices);
        paid += price;
        for (t, step) in path.iter().enumerate() {
            let Some(step) = step else { continue };
            let state = &states[step.state];
            let gain = worth[[t, step.state]].gain;
            activations[[state.atom, t]] = gain;
            let template = templates.column(state.atom);
            let mut row = model.row_mut(t);
            row.zip_mut_with(&template, |m, &w| *m += gain * w);
        }
        notes.extend(notes_of(key, &path, states, atoms, hop_secs, &ages));
        objective.push(divergence(spectrogram, model.view()) + paid);
    }
    notes.sort_by(|a: &Note, b: &Note| {
        a.onset_secs
            .total_cmp(&b.onset_secs)
            .then(a.key.cmp(&b.key))
    });
    NotePaths {
        notes,
        activations,
        objective,
    }
}

fn divergence(v: ArrayView2<'_, f32>, model: ArrayView2<'_, f32>) -> f64 {
    let rows: Vec<f64> = (0..v.nrows())
        .into_par_iter()
        .map(|t| {
            let pairs = v.row(t).into_iter().zip(model.row(t));
            pairs
                .map(|(&v, &m)| {
                    let (v, m) = (f64::from(v), f64::from(m));
                    if v > 0.0 { v * (v / m).ln() - v + m } else { m }
                })
                .sum()
        })
        .collect();
    rows.iter().sum()
}

fn states_of_keys(atoms: &[Atom], templates: ArrayView2<'_, f32>) -> BTreeMap<u8, Vec<State>> {
    /// Share of a template outside of the bins that are looked at.
    const OUTSIDE: f32 = 1e-3;
    let mut keys: BTreeMap<u8, Vec<State>> = BTreeMap::new();
    let mut layers: BTreeMap<u8, Vec<(u32, String)>> = BTreeMap::new();
    for (atom, known) in atoms.iter().enumerate() {
        let Some(key) = known.key() else { continue };
        let template = templates.column(atom);
        let mut sum = 0.0;
        let last = template.iter().rposition(|&w| {
            sum += w;
            sum > OUTSIDE
        });
        sum = 0.0;
        let first = template.iter().position(|&w| {
            sum += w;
            sum > OUTSIDE
        });
        let own = layers.entry(key).or_default();
        let name = (known.velocity.to_bits(), known.label.clone());
        let layer = own.iter().position(|other| *other == name);
        let layer = layer.unwrap_or_else(|| {
            own.push(name);
            own.len() - 1
        });
        keys.entry(key).or_default().push(State {
            atom,
            layer,
            slice: known.slice.min(SLICES_SECS.len() - 1),
            bins: first.unwrap_or(0)..last.map_or(0, |last| last + 1),
            level: known.level.max(1e-9).ln(),
        });
    }
    keys
}

/// The best gain of every state in every frame, and what it saves, `(frames, states)`.
fn worths(
    v: ArrayView2<'_, f32>,
    rest: ArrayView2<'_, f32>,
    templates: ArrayView2<'_, f32>,
    states: &[State],
    may: ArrayView1<'_, bool>,
) -> Array2<Worth> {
    let own: Vec<Vec<f32>> = states
        .iter()
        .map(|state| templates.slice(s![state.bins.clone(), state.atom]).to_vec())
        .collect();
    let rows: Vec<Vec<Worth>> = (0..v.nrows())
        .into_par_iter()
        .map(|t| {
            if !may[t] {
                return vec![Worth::default(); states.len()];
            }
            states
                .iter()
                .zip(&own)
                .map(|(state, d)| {
                    let v = v.slice(s![t, state.bins.clone()]);
                    let r = rest.slice(s![t, state.bins.clone()]);
                    match (v.as_slice(), r.as_slice()) {
                        (Some(v), Some(r)) => worth(v, r, d),
                        _ => worth(&v.to_vec(), &r.to_vec(), d),
                    }
                })
                .collect()
        })
        .collect();
    Array2::from_shape_vec(
        (v.nrows(), states.len()),
        rows.into_iter().flatten().collect(),
    )
    .expect("one row per frame")
}

/// The gain of one template beside a rest: Newton's method on the logarithm of the gain, where the condition
/// `Σ v d / (r + g d) = 1` is nearly a straight line.
fn worth(v: &[f32], r: &[f32], d: &[f32]) -> Worth {
    const STEPS: usize = 6;
    /// Sums of `v d / (r + g d)` and of `g d` times its share.
    fn sums(v: &[f32], r: &[f32], d: &[f32], gain: f32) -> (f32, f32) {
        const LANES: usize = 16;
        let (mut whole, mut own) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        for ((v, r), d) in v.chunks(LANES).zip(r.chunks(LANES)).zip(d.chunks(LANES)) {
            for (lane, ((v, r), d)) in v.iter().zip(r).zip(d).enumerate() {
                let inverse = 1.0 / (r + gain * d);
                let part = v * d * inverse;
                whole[lane] += part;
                own[lane] += part * gain * d * inverse;
            }
        }
        (whole.iter().sum(), own.iter().sum())
    }
    // Where even the first touch of the template does not pay, it stays silent.
    let (at_zero, _) = sums(v, r, d, 0.0);
    if at_zero <= 1.0 {
        return Worth::default();
    }
    let total: f32 = v.iter().sum();
    let mut gain = (0.3 * total).max(1e-12);
    for _ in 0..STEPS {
        let (whole, own) = sums(v, r, d, gain);
        let slope = (own / whole.max(1e-20)).clamp(0.1, 1.0);
        gain *= (whole.max(1e-6).ln() / slope).clamp(-3.0, 3.0).exp();
    }
    let saved: f32 = v
        .iter()
        .zip(r)
        .zip(d)
        .filter(|((_, _), d)| **d > 1e-7)
        .map(|((v, r), d)| v * (gain * d / r).ln_1p())
        .sum::<f32>()
        - gain;
    if saved > 0.0 {
        Worth { gain, saved }
    } else {
        Worth::default()
    }
}

/// A moment of a note's life on the path.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    state: usize,
    /// Frames since before the onset.
    age: usize,
}

/// A note's life in frames.
struct Ages {
    /// Frames in which a note is seen before its onset.
    before: usize,
    /// The slice of every age.
    slices: Vec<usize>,
}

impl Ages {
    fn new(hop_secs: f64, window_secs: f64) -> Self {
        // A frame that holds less than a tenth of its window behind the onset sees nothing of it.
        let before = (0.35 * window_secs / hop_secs).round() as usize;
        let last = SLICES_SECS[SLICES_SECS.len() - 1].0;
        let life = (last / hop_secs).ceil() as usize + 1;
        let slices = (0..before + life)
            .map(|age| {
                let secs = (age as f64 - before as f64 + 0.5) * hop_secs;
                let begun = SLICES_SECS.iter().filter(|(from, _)| *from <= secs).count();
                begun.max(1) - 1
            })
            .collect();
        Self { before, slices }
    }

    /// The path that saves most, as a step in every frame in which the key sounds; and the prices it pays.
    #[expect(clippy::too_many_lines, reason = "one recursion, forward and back")]
    fn best_path(
        &self,
        states: &[State],
        worth: &Array2<Worth>,
        may: ArrayView1<'_, bool>,
        unit: f64,
        prices: &NotePrices,
    ) -> (Vec<Option<Step>>, f64) {
        let frames = worth.nrows();
        let layers = states
            .iter()
            .map(|state| state.layer + 1)
            .max()
            .unwrap_or(0);
        let life = self.slices.len();
        // The state of a layer at an age: its own slice, or the last one it has.
        let state_at: Vec<Vec<usize>> = (0..layers)
            .map(|layer| {
                self.slices
                    .iter()
                    .map(|&slice| {
                        let own = states
                            .iter()
                            .enumerate()
                            .filter(|(_, state)| state.layer == layer);
                        own.min_by_key(|(_, state)| {
                            (state.slice > slice, state.slice.abs_diff(slice))
                        })
                        .map_or(0, |(at, _)| at)
                    })
                    .collect()
            })
            .collect();
        let price = |share: f64| (share * unit) as f32;
        let (strike, unsteady, louder, frame) = (
            price(prices.strike),
            price(prices.unsteady),
            price(prices.louder),
            price(prices.frame),
        );
        // How much louder than its dictionary says a note becomes from one frame to the next.
        let grown = |t: usize, from: usize, to: usize| {
            let (a, b) = (worth[[t - 1, from]].gain, worth[[t, to]].gain);
            if b <= 0.0 {
                return 0.0;
            }
            let expected = states[to].level - states[from].level;
            ((b / a.max(1e-3 * b)).ln() - expected - 1.0).max(0.0)
        };
        let cells = layers * life;
        // What is saved by the best path that ends in silence, and in every cell; and where it came from.
        let mut silent = vec![0.0_f32; frames + 1];
        let mut sounding = vec![f32::NEG_INFINITY; cells];
        let mut from_cell: Vec<Vec<i32>> = Vec::with_capacity(frames);
        let mut last_sounding: Vec<i32> = vec![-1; frames + 1];
        for t in 0..frames {
            let mut next = vec![f32::NEG_INFINITY; cells];
            let mut from = vec![-2_i32; cells];
            if may[t] {
                // The best cell that may be struck again.
                let again = (0..cells)
                    .filter(|cell| cell % life > self.before + 1)
                    .max_by(|&a, &b| sounding[a].total_cmp(&sounding[b]))
                    .filter(|&cell| sounding[cell].is_finite());
                for (layer, states_of_layer) in state_at.iter().enumerate() {
                    for (age, &state) in states_of_layer.iter().enumerate() {
                        let cell = layer * life + age;
                        let mut best = (f32::NEG_INFINITY, -2_i32);
                        let mut consider = |value: f32, source: i32| {
                            if value > best.0 {
                                best = (value, source);
                            }
                        };
                        if age == 0 {
                            consider(silent[t] - strike, -1);
                        }
                        // At the very beginning a note may already sound.
                        if t == 0 {
                            consider(-strike, -1);
                        }
                        if age == self.before.saturating_sub(1)
                            && let Some(again) = again
                        {
                            consider(sounding[again] - strike, again as i32);
                        }
                        if t > 0 {
                            let mut step = |before: usize, cost: f32| {
                                let source = layer * life + before;
                                if sounding[source].is_finite() {
                                    let rise = if before > self.before + 1 {
                                        louder * grown(t, states_of_layer[before], state)
                                    } else {
                                        0.0
                                    };
                                    consider(sounding[source] - cost - rise, source as i32);
                                }
                            };
                            let last = age + 1 == life;
                            if last || age > self.before {
                                step(age, if last { 0.0 } else { unsteady });
                            }
                            if age > 0 {
                                step(age - 1, 0.0);
                            }
                            if age > self.before + 1 {
                                step(age - 2, unsteady);
                            }
                        }
                        if best.0.is_finite() {
                            next[cell] = best.0 + worth[[t, state]].saved - frame;
                            from[cell] = best.1;
                        }
                    }
                }
            }
            // Damped, once the attack is over.
            silent[t + 1] = silent[t];
            for (cell, &value) in sounding.iter().enumerate() {
                if cell % life > self.before + 1 && value > silent[t + 1] {
                    silent[t + 1] = value;
                    last_sounding[t + 1] = cell as i32;
                }
            }
            sounding = next;
            from_cell.push(from);
        }
        // The end: silence, or a note that still sounds.
        let mut path: Vec<Option<Step>> = vec![None; frames];
        let mut cell = -1_i32;
        let mut best = silent[frames];
        for (at, &value) in sounding.iter().enumerate() {
            if value > best {
                best = value;
                cell = at as i32;
            }
        }
        let mut saved = 0.0_f64;
        let mut t = frames;
        while t > 0 {
            if cell < 0 {
                // Silent in frame t − 1, having been silent or damped before it.
                cell = last_sounding[t];
                t -= 1;
                if cell < 0 {
                    continue;
                }
                // The note's last frame is t − 1.
                if t == 0 {
                    break;
                }
            }
            let at = cell as usize;
            let (layer, age) = (at / life, at % life);
            let state = state_at[layer][age];
            path[t - 1] = Some(Step { state, age });
            saved += f64::from(worth[[t - 1, state]].saved);
            cell = from_cell[t - 1][at];
            t -= 1;
        }
        (path, (saved - f64::from(best)).max(0.0))
    }
}

/// The notes on a path: each begins where it is struck.
fn notes_of(
    key: u8,
    path: &[Option<Step>],
    states: &[State],
    atoms: &[Atom],
    hop_secs: f64,
    ages: &Ages,
) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    let mut before: Option<Step> = None;
    for (t, step) in path.iter().enumerate() {
        let secs = t as f64 * hop_secs;
        if let Some(step) = step {
            let fresh = before.is_none_or(|before| step.age < before.age);
            if fresh {
                let onset_secs =
                    (secs + (ages.before as f64 - step.age as f64).max(0.0) * hop_secs).max(0.0);
                if before.is_some()
                    && let Some(last) = notes.last_mut()
                {
                    last.offset_secs = onset_secs;
                }
                notes.push(Note {
                    onset_secs,
                    offset_secs: onset_secs + hop_secs,
                    key,
                    velocity: atoms[states[step.state].atom]
                        .velocity
                        .round()
                        .clamp(1.0, 127.0) as u8,
                    track: 0,
                    confidence: 1.0,
                });
            } else if let Some(last) = notes.last_mut() {
                last.offset_secs = last.offset_secs.max(secs);
            }
        }
        before = *step;
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINS: usize = 60;
    const HOP_SECS: f64 = 512.0 / 22_050.0;

    /// Two keys with five slices each: partials that differ by key, and fall off faster with every slice.
    fn instrument() -> (Vec<Atom>, Array2<f32>) {
        let mut atoms = Vec::new();
        let mut templates = Array2::from_elem((BINS, 10), 1e-5);
        for (k, note) in [60.0_f32, 64.0].into_iter().enumerate() {
            for slice in 0..5 {
                let column = 5 * k + slice;
                for m in 1..6_usize {
                    let bin = m * (7 + 2 * k);
                    templates[[bin, column]] = (-(slice as f32 * 0.3 + 0.1) * m as f32).exp();
                }
                if slice == 0 {
                    // The knock of the hammer.
                    templates
                        .slice_mut(s![2..50, column])
                        .mapv_inplace(|w| w + 0.01);
                }
                let sum = templates.column(column).sum();
                templates.column_mut(column).mapv_inplace(|w| w / sum);
                atoms.push(Atom {
                    note: Some(note),
                    slice,
                    level: (-0.4 * slice as f32).exp(),
                    ..Atom::default()
                });
            }
        }
        (atoms, templates)
    }

    /// A note of one key from one frame to another.
    fn play(v: &mut Array2<f32>, templates: &Array2<f32>, first: usize, onset: usize, end: usize) {
        for t in onset..end.min(v.nrows()) {
            let secs = (t - onset) as f64 * HOP_SECS;
            let slice = SLICES_SECS.iter().filter(|(from, _)| *from <= secs).count() - 1;
            let gain = 5.0 * (-secs * 1.5).exp() as f32;
            let mut row = v.row_mut(t);
            row.scaled_add(gain, &templates.column(first + slice));
        }
    }

    /// The paths from what a fit says of the activations, as in use.
    fn run(v: &Array2<f32>) -> NotePaths {
        let (atoms, templates) = instrument();
        let mut h = Array2::<f32>::ones((v.nrows(), atoms.len()));
        for _ in 0..30 {
            let model = h.dot(&templates.t()) + 1e-3;
            h *= &(v / &model).dot(&templates);
        }
        run_from(v, &h)
    }

    fn run_from(v: &Array2<f32>, h: &Array2<f32>) -> NotePaths {
        let (atoms, templates) = instrument();
        let frames = v.nrows();
        note_paths(
            v.view(),
            templates.view(),
            &atoms,
            h.t(),
            Array2::from_elem((frames, BINS), 1e-3).view(),
            Array2::from_elem((128, frames), true).view(),
            (HOP_SECS, 2.0 * HOP_SECS),
            &NotePrices::default(),
        )
    }

    #[test]
    fn notes_are_found_from_attack_to_release_and_struck_again() {
        let (_, templates) = instrument();
        let mut v = Array2::from_elem((120, BINS), 1e-3);
        play(&mut v, &templates, 0, 10, 60);
        play(&mut v, &templates, 0, 60, 90);
        play(&mut v, &templates, 5, 30, 70);
        let found = run(&v);
        let frames = |secs: f64| (secs / HOP_SECS).round() as usize;
        let notes: Vec<(u8, usize)> = found
            .notes
            .iter()
            .map(|note| (note.key, frames(note.onset_secs)))
            .collect();
        assert_eq!(notes.len(), 3, "{notes:?}");
        for ((key, onset), (wanted_key, wanted)) in notes.iter().zip([(60, 10), (64, 30), (60, 60)])
        {
            assert_eq!(*key, wanted_key);
            assert!(onset.abs_diff(wanted) <= 2, "{onset} for {wanted}");
        }
        let ends: Vec<usize> = found.notes.iter().map(|n| frames(n.offset_secs)).collect();
        for (end, wanted) in ends.iter().zip([60, 70, 90]) {
            assert!(end.abs_diff(wanted) <= 2, "{ends:?}");
        }
    }

    #[test]
    fn going_from_key_to_key_never_raises_the_objective() {
        let (_, templates) = instrument();
        let mut v = Array2::from_elem((100, BINS), 0.01);
        play(&mut v, &templates, 0, 10, 60);
        play(&mut v, &templates, 5, 12, 50);
        v.indexed_iter_mut()
            .for_each(|((t, f), v)| *v += 0.02 * ((t * 31 + f * 17) % 11) as f32 / 11.0);
        let found = run_from(&v, &Array2::zeros((100, 10)));
        for pair in found.objective.windows(2) {
            assert!(pair[1] <= pair[0] * (1.0 + 1e-5), "{:?}", found.objective);
        }
        assert!(found.objective[2] < 0.8 * found.objective[0]);
    }

    #[test]
    fn in_every_frame_a_key_is_in_one_slice_and_slices_move_forward_only() {
        let (_, templates) = instrument();
        let mut v = Array2::from_elem((80, BINS), 1e-3);
        play(&mut v, &templates, 0, 10, 70);
        let found = run(&v);
        let mut last = 0;
        for t in 0..80 {
            let active: Vec<usize> = (0..5)
                .filter(|&k| found.activations[[k, t]] > 0.0)
                .collect();
            assert!(active.len() <= 1, "frame {t}: {active:?}");
            if let Some(&slice) = active.first() {
                assert!(slice >= last, "frame {t}");
                last = slice;
            }
        }
        assert_eq!(last, 4);
    }

    #[test]
    fn the_gain_is_where_the_derivative_is_zero() {
        let d = [0.5, 0.3, 0.2];
        let (v, r) = ([3.0, 1.0, 0.5], [0.4, 0.1, 0.6]);
        let found = worth(&v, &r, &d);
        let slope: f32 = (0..3)
            .map(|f| v[f] * d[f] / (r[f] + found.gain * d[f]))
            .sum();
        assert!((slope - 1.0).abs() < 1e-4, "{slope}");
        assert!(worth(&[0.1; 3], &[1.0; 3], &d).gain <= 0.0);
    }
}
