//! Notes on paper come in; where an instrument's activations may be other than zero goes out.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::dictionary::Atom;
use super::example::SLICES_SECS;

/// A note of a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Where it is struck, in seconds.
    pub onset_secs: f64,
    /// Where its key comes up, in seconds.
    pub offset_secs: f64,
    /// Its MIDI note number.
    pub key: u8,
    /// Its MIDI velocity, 1 to 127.
    pub velocity: u8,
    /// Which of the score's tracks it is from.
    pub track: usize,
    /// How sure it is that it sounds here, 0 to 1.
    pub confidence: f32,
}

/// The sustain pedal (MIDI controller 64), down or up from some moment on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pedal {
    /// When, in seconds.
    pub time_secs: f64,
    /// Whether it is down from then on.
    pub down: bool,
    /// Which of the score's tracks it is from.
    pub track: usize,
}

/// Music on paper.
#[expect(
    clippy::unsafe_derive_deserialize,
    reason = "the unsafe is that of ndarray's slices, and nothing here relies on what a score holds"
)]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// The notes, by onset.
    pub notes: Vec<Note>,
    /// The pedal's movements, by time.
    pub pedals: Vec<Pedal>,
    /// The tracks' names; one that has none has an empty one.
    pub tracks: Vec<String>,
}

/// How far a recording may be from its score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerance {
    /// How long before its onset a note may sound, in seconds.
    pub before_secs: f64,
    /// How long after its release it may ring, in seconds.
    pub after_secs: f64,
    /// How far a slice of life may be from where it belongs, in seconds; without, every slice may sound as long as the
    /// note does. A slice may also stay longer by as much as it is old, since soft notes change more slowly.
    pub slice_secs: Option<f64>,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            before_secs: 0.06,
            after_secs: 0.35,
            slice_secs: Some(0.12),
        }
    }
}

impl Tolerance {
    /// For a score that was moved into the recording's time by [`align`](super::align()), which is right to some hundredths of a
    /// second: with a narrower one 0.3 to 1.2 dB is lost (docs/knowledge.md).
    #[must_use]
    pub fn aligned() -> Self {
        Self {
            before_secs: 0.15,
            after_secs: 0.4,
            slice_secs: Some(0.3),
        }
    }

    /// For notes that were found by their paths in the recording itself.
    #[must_use]
    pub fn heard() -> Self {
        Self {
            before_secs: 0.08,
            after_secs: 0.12,
            slice_secs: Some(0.15),
        }
    }
}

impl Score {
    /// Where a note stops being held: at its release, or later when the pedal that is down then comes up.
    #[must_use]
    pub fn held_until(&self, note: &Note) -> f64 {
        let own = |pedal: &&Pedal| pedal.track == note.track;
        let down = self
            .pedals
            .iter()
            .filter(own)
            .take_while(|pedal| pedal.time_secs <= note.offset_secs)
            .last()
            .is_some_and(|pedal| pedal.down);
        if !down {
            return note.offset_secs;
        }
        self.pedals
            .iter()
            .filter(own)
            .find(|pedal| pedal.time_secs > note.offset_secs && !pedal.down)
            .map_or(f64::INFINITY, |pedal| pedal.time_secs)
    }

    /// What sounds from one moment to another, in seconds, with times counted from the first.
    ///
    /// Notes that begin before keep their onsets, which then lie before zero; the pedals stay as they are but for their times.
    #[must_use]
    pub fn between(&self, start_secs: f64, end_secs: f64) -> Self {
        // Strings ring on for a while.
        const RINGING_SECS: f64 = 2.0;
        let sounds = |note: &&Note| {
            note.onset_secs < end_secs && self.held_until(note) + RINGING_SECS > start_secs
        };
        Self {
            notes: self
                .notes
                .iter()
                .filter(sounds)
                .map(|note| Note {
                    onset_secs: note.onset_secs - start_secs,
                    offset_secs: note.offset_secs - start_secs,
                    ..*note
                })
                .collect(),
            pedals: self
                .pedals
                .iter()
                .map(|pedal| Pedal {
                    time_secs: pedal.time_secs - start_secs,
                    ..*pedal
                })
                .collect(),
            tracks: self.tracks.clone(),
        }
    }

    /// The same music later by so many seconds.
    #[must_use]
    pub fn later(mut self, secs: f64) -> Self {
        for note in &mut self.notes {
            note.onset_secs += secs;
            note.offset_secs += secs;
        }
        for pedal in &mut self.pedals {
            pedal.time_secs += secs;
        }
        self
    }

    /// Go on with what was heard in the next piece of a recording, from a moment on. The times of both count from the
    /// recording's beginning.
    ///
    /// A note that both hear at that moment is one note.
    pub fn go_on(&mut self, next: &Self, from_secs: f64) {
        self.notes.retain(|note| note.onset_secs < from_secs);
        for note in &next.notes {
            if note.onset_secs >= from_secs {
                self.notes.push(*note);
            } else if note.offset_secs > from_secs {
                let same = |old: &&mut Note| {
                    (old.key, old.track) == (note.key, note.track) && old.offset_secs > from_secs
                };
                if let Some(old) = self.notes.iter_mut().rev().find(same) {
                    old.offset_secs = note.offset_secs;
                }
            }
        }
        self.pedals.retain(|pedal| pedal.time_secs < from_secs);
        let later = |pedal: &&Pedal| pedal.time_secs >= from_secs;
        self.pedals.extend(next.pedals.iter().filter(later));
        if self.tracks.len() < next.tracks.len() {
            self.tracks.clone_from(&next.tracks);
        }
    }

    /// Add another score's notes and pedals as a track of a name.
    pub(crate) fn add_track(&mut self, name: String, other: Self) {
        let track = self.tracks.len();
        let notes = other.notes.into_iter();
        self.notes.extend(notes.map(|note| Note { track, ..note }));
        let pedals = other.pedals.into_iter();
        self.pedals
            .extend(pedals.map(|pedal| Pedal { track, ..pedal }));
        self.notes
            .sort_by(|a, b| a.onset_secs.total_cmp(&b.onset_secs));
        self.pedals
            .sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
        self.tracks.push(name);
    }

    /// Only the notes and pedals of one track.
    #[must_use]
    pub fn track(&self, track: usize) -> Self {
        Self {
            notes: self
                .notes
                .iter()
                .filter(|note| note.track == track)
                .copied()
                .collect(),
            pedals: self
                .pedals
                .iter()
                .filter(|pedal| pedal.track == track)
                .copied()
                .collect(),
            tracks: self.tracks.clone(),
        }
    }

    /// Where each atom's activations may be other than zero, `(atoms, frames)`: atoms of a note's key, from a little
    /// before its onset to a little after it is no longer held, slices of life in their order.
    ///
    /// Atoms without a pitch may sound anywhere.
    #[must_use]
    pub fn allowed(
        &self,
        atoms: &[Atom],
        frames: usize,
        hop_secs: f64,
        tolerance: &Tolerance,
    ) -> Array2<bool> {
        let mut allowed = Array2::from_elem((atoms.len(), frames), false);
        for (atom, mut row) in atoms.iter().zip(allowed.outer_iter_mut()) {
            let Some(key) = atom.key() else {
                row.fill(true);
                continue;
            };
            for note in self.notes.iter().filter(|note| note.key == key) {
                let mut begin = note.onset_secs - tolerance.before_secs;
                let mut end = self.held_until(note) + tolerance.after_secs;
                if let (Some(slack), Some(&(from, to))) =
                    (tolerance.slice_secs, SLICES_SECS.get(atom.slice))
                {
                    if from > 0.0 {
                        begin = begin.max(note.onset_secs + from - slack);
                    }
                    if atom.slice + 1 < SLICES_SECS.len() {
                        end = end.min(note.onset_secs + 2.0 * to + slack);
                    }
                }
                let first = (begin / hop_secs).ceil().max(0.0) as usize;
                let last = (end / hop_secs).floor().min(frames as f64 - 1.0);
                if last >= 0.0 && first <= last as usize {
                    row.slice_mut(ndarray::s![first..=last as usize]).fill(true);
                }
            }
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(onset_secs: f64, offset_secs: f64, key: u8) -> Note {
        Note {
            onset_secs,
            offset_secs,
            key,
            velocity: 80,
            track: 0,
            confidence: 1.0,
        }
    }

    fn pedal(time_secs: f64, down: bool) -> Pedal {
        Pedal {
            time_secs,
            down,
            track: 0,
        }
    }

    #[test]
    fn the_pedal_holds_a_note_until_it_comes_up() {
        let score = Score {
            notes: vec![note(0.0, 0.5, 60), note(2.5, 3.0, 60)],
            pedals: vec![pedal(0.2, true), pedal(2.0, false)],
            tracks: vec![String::new()],
        };
        let held: Vec<f64> = score
            .notes
            .iter()
            .map(|note| score.held_until(note))
            .collect();
        assert_eq!(held, [2.0, 3.0]);
    }

    #[test]
    fn atoms_may_sound_around_their_notes_and_nowhere_else() {
        let score = Score {
            notes: vec![note(1.0, 2.0, 60)],
            ..Score::default()
        };
        let atom = |key: f32, slice| Atom {
            note: Some(key),
            slice,
            ..Atom::default()
        };
        let atoms = [atom(60.2, 0), atom(60.0, 3), atom(61.0, 0)];
        let free = Tolerance {
            slice_secs: None,
            ..Tolerance::default()
        };
        let allowed = score.allowed(&atoms, 40, 0.1, &free);
        let where_allowed =
            |row: usize| -> Vec<usize> { (0..40).filter(|&t| allowed[[row, t]]).collect() };
        assert_eq!(where_allowed(0), (10..=23).collect::<Vec<_>>());
        assert_eq!(where_allowed(1), where_allowed(0));
        assert!(where_allowed(2).is_empty());
        let coupled = score.allowed(&atoms, 40, 0.1, &Tolerance::default());
        let attack: Vec<usize> = (0..40).filter(|&t| coupled[[0, t]]).collect();
        let decay: Vec<usize> = (0..40).filter(|&t| coupled[[1, t]]).collect();
        assert_eq!(attack, (10..=12).collect::<Vec<_>>());
        assert_eq!(decay, (12..=23).collect::<Vec<_>>());
    }
}
