//! A fit's activations come in; the notes that were heard in them go out.

use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

use super::dictionary::Atom;
use super::score::{Note, Pedal, Score};

/// How notes are told from what else a fit gives an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HearConfig {
    /// A note sounds where it has more than this share of the loudest note around.
    pub threshold: f32,
    /// How far around a moment the loudest note is looked for, in seconds.
    pub around_secs: f64,
    /// Gaps and notes shorter than this are none, in seconds.
    pub least_secs: f64,
    /// A note that gets louder by this much within a tenth of a second is struck again, in dB.
    pub rise_db: f32,
    /// Whether the pedal is told from notes that are damped together.
    pub pedal: bool,
}

impl Default for HearConfig {
    fn default() -> Self {
        Self {
            threshold: 0.1,
            around_secs: 1.0,
            least_secs: 0.116,
            rise_db: 4.0,
            pedal: true,
        }
    }
}

/// The notes in a fit's activations, `(atoms, frames)`: when each is struck and ends, how hard, and how sure that is.
///
/// A key sounds where its activations, all slices and layers together, exceed a share of the loudest key's around; it is
/// struck where they rise. The onset is where they reach half of what they rise to: of a frame that is centred on the
/// onset, half lies behind it. Atoms without a pitch are not heard.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid::knowledge::{Atom, HearConfig, hear};
///
/// let atoms = [60.0, 64.0].map(|note| Atom { note: Some(note), ..Atom::default() });
/// let activations = array![
///     [0.0, 0.0, 1.0, 1.0, 0.9, 0.8, 0.0, 0.0],
///     [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
/// ];
/// let score = hear(&atoms, activations.view(), 0.1, &HearConfig::default());
/// assert_eq!(score.notes.len(), 1);
/// assert_eq!(score.notes[0].key, 60);
/// ```
#[must_use]
pub fn hear(
    atoms: &[Atom],
    activations: ArrayView2<'_, f32>,
    hop_secs: f64,
    config: &HearConfig,
) -> Score {
    let level = levels(atoms, activations);
    let on = sounding(&level, hop_secs, config);
    let mut notes = Vec::new();
    for (key, (level, on)) in level.outer_iter().zip(on.outer_iter()).enumerate() {
        let level: Vec<f32> = level.to_vec();
        let mut begin = 0;
        while begin < on.len() {
            let len = on
                .slice(s![begin..])
                .iter()
                .take_while(|&&x| x == on[begin])
                .count();
            if on[begin] {
                let strikes = strikes(&level, begin, begin + len, hop_secs, config);
                for (at, &onset_secs) in strikes.iter().enumerate() {
                    let end = (begin + len) as f64 * hop_secs;
                    let offset_secs = strikes.get(at + 1).copied().unwrap_or(end);
                    notes.push(Note {
                        onset_secs,
                        offset_secs: offset_secs.max(onset_secs + hop_secs),
                        key: key as u8,
                        velocity: 64,
                        track: 0,
                        confidence: 1.0,
                    });
                }
            }
            begin += len;
        }
    }
    notes.sort_by(|a, b| {
        a.onset_secs
            .total_cmp(&b.onset_secs)
            .then(a.key.cmp(&b.key))
    });
    let mut score = Score {
        notes,
        pedals: Vec::new(),
        tracks: vec![String::new()],
    };
    weigh(&mut score, atoms, activations, hop_secs, config);
    if config.pedal {
        score.tell_pedal();
    }
    score
}

/// How loud each of 128 keys is, `(keys, frames)`: all slices and layers together.
fn levels(atoms: &[Atom], activations: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut level = Array2::<f32>::zeros((128, activations.ncols()));
    for (atom, row) in atoms.iter().zip(activations.outer_iter()) {
        if let Some(key) = atom.key() {
            let mut sum = level.row_mut(usize::from(key));
            sum += &row;
        }
    }
    level
}

/// The loudest key within some seconds of every frame.
fn loudest_around(level: &Array2<f32>, hop_secs: f64, around_secs: f64) -> Vec<f32> {
    let frames = level.ncols();
    let around = (around_secs / hop_secs).round().max(1.0) as usize;
    let most = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0_f32, f32::max);
    let loudest: Vec<f32> = (0..frames)
        .map(|t| most(&mut level.column(t).iter().copied()))
        .collect();
    (0..frames)
        .map(|t| {
            let span = &loudest[t.saturating_sub(around)..(t + around + 1).min(frames)];
            most(&mut span.iter().copied())
        })
        .collect()
}

/// Which of 128 keys sound when, `(keys, frames)`: gaps closed and blips taken away.
fn sounding(level: &Array2<f32>, hop_secs: f64, config: &HearConfig) -> Array2<bool> {
    let least = (config.least_secs / hop_secs).round().max(1.0) as usize;
    let local = loudest_around(level, hop_secs, config.around_secs);
    let mut roll = Array2::from_elem(level.dim(), false);
    for (level, mut sounds) in level.outer_iter().zip(roll.outer_iter_mut()) {
        let mut on: Vec<bool> = level
            .iter()
            .zip(&local)
            .map(|(&x, &most)| x > config.threshold * most)
            .collect();
        fill_runs(&mut on, false, least);
        fill_runs(&mut on, true, least);
        sounds
            .iter_mut()
            .zip(on)
            .for_each(|(sounds, on)| *sounds = on);
    }
    roll
}

/// Which of 128 keys may sound when, `(keys, frames)`: where they are heard, and 70 ms before and after.
pub(crate) fn piano_roll(
    atoms: &[Atom],
    activations: ArrayView2<'_, f32>,
    hop_secs: f64,
    config: &HearConfig,
) -> Array2<bool> {
    const WIDER_SECS: f64 = 0.07;
    let wider = (WIDER_SECS / hop_secs).round().max(1.0) as usize;
    let on = sounding(&levels(atoms, activations), hop_secs, config);
    let mut roll = Array2::from_elem(on.dim(), false);
    for (on, mut roll) in on.outer_iter().zip(roll.outer_iter_mut()) {
        for t in (0..on.len()).filter(|&t| on[t]) {
            roll.slice_mut(s![t.saturating_sub(wider)..(t + wider + 1).min(on.len())])
                .fill(true);
        }
    }
    roll
}

/// Turn runs of `value` that are shorter than `least` into the other value; those at the ends stay.
fn fill_runs(values: &mut [bool], value: bool, least: usize) {
    let mut begin = 0;
    while begin < values.len() {
        let len = values[begin..]
            .iter()
            .take_while(|&&x| x == values[begin])
            .count();
        let inner = begin > 0 && begin + len < values.len();
        if values[begin] == value && len < least && inner {
            values[begin..begin + len].fill(!value);
        }
        begin += len;
    }
}

/// When a key is struck within a run of frames in which it sounds, in seconds.
fn strikes(
    level: &[f32],
    begin: usize,
    end: usize,
    hop_secs: f64,
    config: &HearConfig,
) -> Vec<f64> {
    /// How long a rise may take, and how long a strike is deaf to the next.
    const RISE_SECS: f64 = 0.1;
    let reach = (RISE_SECS / hop_secs).round().max(1.0) as usize;
    let least = (config.least_secs / hop_secs).round().max(1.0) as usize;
    let ratio = 10.0_f32.powf(config.rise_db / 20.0);
    let at = |t: usize| level.get(t).copied().unwrap_or(0.0);
    // Where the level, from the least just before to the most just after, rises the most around.
    let rise = |t: usize| {
        let low = (t.saturating_sub(reach)..=t)
            .map(at)
            .fold(f32::INFINITY, f32::min);
        let high = (t..=t + reach).map(at).fold(0.0_f32, f32::max);
        (low, high)
    };
    let half = |low: f32, high: f32, from: usize, to: usize| {
        let middle = low + 0.5 * (high - low);
        let cross = (from..to).find(|&t| at(t) < middle && at(t + 1) >= middle);
        cross.map(|t| {
            (t as f64 + f64::from((middle - at(t)) / (at(t + 1) - at(t)).max(1e-20))) * hop_secs
        })
    };
    let high = (begin..=begin + 2 * reach).map(at).fold(0.0_f32, f32::max);
    let first = half(
        0.0,
        high,
        begin.saturating_sub(reach),
        (begin + 2 * reach).min(end),
    );
    let mut onsets = vec![first.unwrap_or(begin as f64 * hop_secs)];
    let mut t = (onsets[0] / hop_secs) as usize + least;
    while t < end {
        let (low, high) = rise(t);
        // The steepest place of the rise.
        let steepest = (t + 1..=t + reach)
            .all(|other| at(t + 1) - at(t) >= at(other) - at(other.saturating_sub(1)));
        if high > ratio * low && steepest {
            let onset = half(low, high, t.saturating_sub(reach), t + reach);
            let onset = onset.unwrap_or(t as f64 * hop_secs);
            // The rise of the strike before is not another one.
            if onset - onsets[onsets.len() - 1] >= config.least_secs {
                onsets.push(onset);
                t += least;
                continue;
            }
        }
        t += 1;
    }
    onsets
}

/// Say of each note of a score how hard it was struck, and how sure it is that it sounds, from the activations
/// `(atoms, frames)` of a fit.
///
/// Loudness is the most a key's activations reach within 150 ms of the onset. The velocity is that at which the
/// dictionary is as loud, with one gain for the whole recording, such that loudness and the layers that were active agree on
/// the median note. The confidence is a logistic function of how far (in dB) the note is above the threshold under which
/// it would not be heard: a half at 4 dB, nine tenths at 11 dB.
pub fn weigh(
    score: &mut Score,
    atoms: &[Atom],
    activations: ArrayView2<'_, f32>,
    hop_secs: f64,
    config: &HearConfig,
) {
    const LOOK_SECS: f64 = 0.15;
    const EVEN_DB: f32 = 4.0;
    const SLOPE_DB: f32 = 3.2;
    let frames = activations.ncols();
    if frames == 0 {
        return;
    }
    let level = levels(atoms, activations);
    let local = loudest_around(&level, hop_secs, config.around_secs);
    let curves = Loudness::of(atoms);
    let frame = |secs: f64| ((secs / hop_secs).round().max(0.0) as usize).min(frames - 1);
    let measured: Vec<(f32, f32, usize)> = score
        .notes
        .iter()
        .map(|note| {
            let (from, to) = (
                frame(note.onset_secs - hop_secs),
                frame(note.onset_secs + LOOK_SECS),
            );
            let own = level.row(usize::from(note.key.min(127)));
            let loud = (from..=to).map(|t| own[t]).fold(0.0_f32, f32::max);
            let (mut sum, mut total) = (0.0, 1e-20_f32);
            for (atom, row) in atoms.iter().zip(activations.outer_iter()) {
                if atom.key() == Some(note.key) {
                    let share = row.slice(s![from..=to]).sum();
                    sum += share * atom.velocity;
                    total += share;
                }
            }
            (loud, sum / total, frame(note.onset_secs))
        })
        .collect();
    let mut gains: Vec<f32> = score
        .notes
        .iter()
        .zip(&measured)
        .filter(|(_, (loud, ..))| *loud > 0.0)
        .map(|(note, &(loud, velocity, _))| loud.ln() - curves.at(note.key, velocity))
        .collect();
    gains.sort_by(f32::total_cmp);
    let gain = gains.get(gains.len() / 2).copied().unwrap_or(0.0);
    for (note, (loud, _, at)) in score.notes.iter_mut().zip(measured) {
        let velocity = curves.velocity(note.key, loud.max(1e-20).ln() - gain);
        note.velocity = velocity.round().clamp(1.0, 127.0) as u8;
        let above_db = 20.0
            * (loud / (config.threshold * local[at]).max(1e-20))
                .max(1e-6)
                .log10();
        note.confidence = 1.0 / (1.0 + (-(above_db - EVEN_DB) / SLOPE_DB).exp());
    }
}

/// A score as it was given, but for how sure it is of each note that it sounds ([`weigh`]).
pub(crate) fn with_confidence(
    given: &Score,
    atoms: &[Atom],
    activations: ArrayView2<'_, f32>,
    hop_secs: f64,
) -> Score {
    let mut score = given.clone();
    weigh(
        &mut score,
        atoms,
        activations,
        hop_secs,
        &HearConfig::default(),
    );
    for (note, given) in score.notes.iter_mut().zip(&given.notes) {
        note.velocity = given.velocity;
    }
    score
}

/// How loud each key of a dictionary is at each velocity: the logarithm of its loudest slice.
struct Loudness {
    /// Key → (velocity, ln level), by velocity.
    keys: std::collections::BTreeMap<u8, Vec<(f32, f32)>>,
}

impl Loudness {
    /// Nepers a velocity where a dictionary does not tell: 0.3 dB.
    const SLOPE: f32 = 0.035;

    fn of(atoms: &[Atom]) -> Self {
        let mut keys: std::collections::BTreeMap<u8, Vec<(f32, f32)>> =
            std::collections::BTreeMap::new();
        for atom in atoms {
            let Some(key) = atom.key() else { continue };
            let level = atom.level.max(1e-9).ln();
            let layers = keys.entry(key).or_default();
            match layers
                .iter_mut()
                .find(|(velocity, _)| velocity.to_bits() == atom.velocity.to_bits())
            {
                Some((_, most)) => *most = most.max(level),
                None => layers.push((atom.velocity, level)),
            }
        }
        for layers in keys.values_mut() {
            layers.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        Self { keys }
    }

    /// The two layers that a velocity or a level lies between or next to, as a point and a slope.
    fn line(&self, key: u8, below: impl Fn(&(f32, f32)) -> bool) -> (f32, f32, f32) {
        let nearest = self
            .keys
            .iter()
            .min_by_key(|(other, _)| other.abs_diff(key));
        let Some((_, layers)) = nearest else {
            return (64.0, 0.0, Self::SLOPE);
        };
        let at = layers.iter().take_while(|layer| below(layer)).count();
        let (a, b) = if layers.len() < 2 {
            return (layers[0].0, layers[0].1, Self::SLOPE);
        } else {
            let at = at.clamp(1, layers.len() - 1);
            (layers[at - 1], layers[at])
        };
        let slope = (b.1 - a.1) / (b.0 - a.0).max(1e-3);
        // A layer that is not louder than the one below tells nothing.
        (a.0, a.1, if slope > 0.005 { slope } else { Self::SLOPE })
    }

    fn at(&self, key: u8, velocity: f32) -> f32 {
        let (x, y, slope) = self.line(key, |layer| layer.0 <= velocity);
        y + slope * (velocity - x)
    }

    fn velocity(&self, key: u8, level: f32) -> f32 {
        let (x, y, slope) = self.line(key, |layer| layer.1 <= level);
        x + (level - y) / slope
    }
}

impl Score {
    /// Tell the pedal from notes that are damped together, and let them end together.
    pub(crate) fn tell_pedal(&mut self) {
        self.pedals = told_pedals(&self.notes);
    }
}

/// The pedal, told from notes that end together: keys that come up one after the other while it is down are damped all at
/// once when it comes up.
///
/// Three notes or more that end within 70 ms of each other, and were struck more than 150 ms apart, were held by the
/// pedal: it went down just after the first of them was struck (or after it last came up), and came up where they end.
fn told_pedals(notes: &[Note]) -> Vec<Pedal> {
    const TOGETHER_SECS: f64 = 0.07;
    const APART_SECS: f64 = 0.15;
    const LEAST: usize = 3;
    const AFTER_SECS: f64 = 0.02;
    let mut ends: Vec<&Note> = notes.iter().collect();
    ends.sort_by(|a, b| a.offset_secs.total_cmp(&b.offset_secs));
    let mut pedals = Vec::new();
    let mut last_up = 0.0_f64;
    let mut first = 0;
    while first < ends.len() {
        let begin = ends[first].offset_secs;
        let count = ends[first..]
            .iter()
            .take_while(|note| note.offset_secs - begin <= TOGETHER_SECS)
            .count();
        let together = &ends[first..first + count];
        let onsets = together.iter().map(|note| note.onset_secs);
        let earliest = onsets.clone().fold(f64::INFINITY, f64::min);
        let latest = onsets.fold(f64::NEG_INFINITY, f64::max);
        if count >= LEAST && latest - earliest > APART_SECS {
            let up = together[count / 2].offset_secs;
            let down = earliest.max(last_up) + AFTER_SECS;
            if down < up {
                for (time_secs, down) in [(down, true), (up, false)] {
                    pedals.push(Pedal {
                        time_secs,
                        down,
                        track: 0,
                    });
                }
                last_up = up;
            }
            first += count;
        } else {
            first += 1;
        }
    }
    pedals
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOP_SECS: f64 = 0.023;

    fn atom(note: f32, velocity: f32, level: f32) -> Atom {
        Atom {
            note: Some(note),
            velocity,
            level,
            ..Atom::default()
        }
    }

    /// A level that rises within a window of eight frames around each onset, then decays.
    fn struck(frames: usize, onsets: &[(f64, f32)], end_secs: f64) -> Vec<f32> {
        (0..frames)
            .map(|t| {
                let secs = t as f64 * HOP_SECS;
                if secs > end_secs {
                    return 0.0;
                }
                onsets
                    .iter()
                    .map(|&(onset, loud)| {
                        let rise = ((secs - onset) / (8.0 * HOP_SECS) + 0.5).clamp(0.0, 1.0);
                        let age = (secs - onset).max(0.0);
                        loud * (rise * (-2.0 * age).exp()) as f32
                    })
                    .fold(0.0, f32::max)
            })
            .collect()
    }

    #[test]
    fn onsets_repeated_notes_and_velocities_are_heard() {
        let frames = 120;
        let atoms = [
            atom(60.0, 40.0, 1.0),
            atom(60.0, 100.0, 10.0),
            atom(67.0, 40.0, 1.0),
            atom(67.0, 100.0, 10.0),
        ];
        let low = struck(frames, &[(0.5, 3.0), (1.3, 3.0)], 2.2);
        let high = struck(frames, &[(0.9, 0.9)], 1.9);
        let mut activations = Array2::zeros((4, frames));
        for t in 0..frames {
            // The loud note is half of each layer: its velocity lies between.
            activations[[0, t]] = 0.5 * low[t];
            activations[[1, t]] = 0.5 * low[t];
            activations[[2, t]] = high[t];
        }
        let score = hear(&atoms, activations.view(), HOP_SECS, &HearConfig::default());
        let found: Vec<(u8, f64)> = score.notes.iter().map(|n| (n.key, n.onset_secs)).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        for ((key, onset), (wanted_key, wanted)) in
            found.iter().zip([(60, 0.5), (67, 0.9), (60, 1.3)])
        {
            assert_eq!(*key, wanted_key);
            assert!((onset - wanted).abs() < 0.03, "{onset} for {wanted}");
        }
        let (loud, soft) = (score.notes[0].velocity, score.notes[1].velocity);
        assert!((68..=72).contains(&loud), "{loud}");
        assert!(soft < loud, "{soft} and {loud}");
        assert!(score.notes.iter().all(|n| n.confidence > 0.8));
    }

    #[test]
    fn the_pedal_is_told_from_notes_that_are_damped_together_and_not_from_a_chord() {
        let note = |onset_secs, offset_secs, key| Note {
            onset_secs,
            offset_secs,
            key,
            velocity: 64,
            track: 0,
            confidence: 1.0,
        };
        let pedalled = [note(0.0, 2.0, 48), note(0.5, 2.03, 55), note(1.0, 1.98, 60)];
        let told = told_pedals(&pedalled);
        assert_eq!(told.len(), 2);
        assert!(told[0].down && told[0].time_secs < 0.1);
        assert!(!told[1].down && (told[1].time_secs - 2.0).abs() < 0.04);
        let chord = [
            note(0.0, 2.0, 48),
            note(0.01, 2.03, 55),
            note(0.0, 1.98, 60),
        ];
        assert!(told_pedals(&chord).is_empty());
    }
}
