//! A MIDI file comes in, a score goes out; and the notes that were heard the other way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};
use unbraid::knowledge::{Note, Pedal, Score};

use super::note_table::parse_notes;
use crate::Error;
use crate::atomic::write_file;
use crate::error::reading;

/// Ticks of a quarter in what is written, and microseconds: a tick is half a millisecond.
const TICKS: u16 = 1000;
const QUARTER_MICROS: u32 = 500_000;

/// Read a score from a standard MIDI file: formats 0, 1 and 2, tempo map or SMPTE time, sustain pedal (controller 64); or from
/// a table of notes, as [`super::write_notes_csv`] writes it and `mir_eval` reads it (onset, offset, pitch in Hz).
///
/// A track of the score is a channel of a track of the file. Channel 10 is drums, whose numbers are no pitches, and is
/// left out. A note that never ends, ends with its track.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::Midi`] if it is damaged, or holds no note.
pub fn read_score(path: &Path) -> Result<Score, Error> {
    let bytes = fs::read(path).map_err(reading(path))?;
    let score = match std::str::from_utf8(&bytes) {
        Ok(text) if !bytes.starts_with(b"MThd") && !text.trim().is_empty() => parse_notes(text),
        _ => parse_score(&bytes),
    };
    score.map_err(|reason| Error::Midi {
        path: path.to_owned(),
        reason,
    })
}

/// Seconds at ticks.
struct Clock {
    /// (tick, seconds there, seconds a tick from there on).
    spans: Vec<(u64, f64, f64)>,
}

impl Clock {
    fn of(timing: Timing, tempi: &[(u64, u32)]) -> Result<Self, String> {
        let ticks = match timing {
            Timing::Metrical(ticks) if ticks.as_int() > 0 => f64::from(ticks.as_int()),
            Timing::Timecode(fps, subframes) if subframes > 0 => {
                let tick = 1.0 / (f64::from(fps.as_f32()) * f64::from(subframes));
                return Ok(Self {
                    spans: vec![(0, 0.0, tick)],
                });
            }
            _ => return Err("its header has no ticks".to_owned()),
        };
        let mut spans = vec![(0_u64, 0.0_f64, 0.5 / ticks)];
        for &(tick, micros) in tempi {
            let &(from, secs, per_tick) = spans.last().expect("there is a first");
            let here = secs + (tick - from) as f64 * per_tick;
            let next = (tick, here, f64::from(micros) * 1e-6 / ticks);
            if tick == from {
                spans.pop();
            }
            spans.push(next);
        }
        Ok(Self { spans })
    }

    fn secs(&self, tick: u64) -> f64 {
        let after = self.spans.partition_point(|&(from, _, _)| from <= tick);
        let (from, secs, per_tick) = self.spans[after.max(1) - 1];
        secs + (tick - from) as f64 * per_tick
    }
}

/// Read a score from the bytes of a MIDI file.
pub(super) fn parse_score(bytes: &[u8]) -> Result<Score, String> {
    let smf = Smf::parse(bytes).map_err(|error| error.to_string())?;
    let timing = smf.header.timing;
    let shared = Clock::of(timing, &tempi_of(&smf.tracks))?;
    let mut score = Score::default();
    // Sequences of format 2 are played one after the other.
    let mut offset_secs = 0.0;
    for (index, track) in smf.tracks.iter().enumerate() {
        let own = match smf.header.format {
            Format::Sequential => Some(Clock::of(timing, &tempi_of(&smf.tracks[index..=index]))?),
            Format::SingleTrack | Format::Parallel => None,
        };
        let clock = own.as_ref().unwrap_or(&shared);
        let end = read_track(track, &|tick| offset_secs + clock.secs(tick), &mut score);
        if own.is_some() {
            offset_secs = end;
        }
    }
    score.notes.sort_by(|a, b| {
        a.onset_secs
            .total_cmp(&b.onset_secs)
            .then(a.key.cmp(&b.key))
    });
    score
        .pedals
        .sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
    if score.notes.is_empty() {
        return Err("there is no note in it".to_owned());
    }
    Ok(score)
}

fn tempi_of(tracks: &[Vec<TrackEvent<'_>>]) -> Vec<(u64, u32)> {
    let mut tempi = Vec::new();
    for track in tracks {
        let mut tick = 0_u64;
        for event in track {
            tick += u64::from(event.delta.as_int());
            if let TrackEventKind::Meta(MetaMessage::Tempo(micros)) = event.kind {
                tempi.push((tick, micros.as_int()));
            }
        }
    }
    tempi.sort_by_key(|&(tick, _)| tick);
    tempi
}

/// Add the notes and pedals of one track to a score; say when it ends.
fn read_track(track: &[TrackEvent<'_>], at: &dyn Fn(u64) -> f64, score: &mut Score) -> f64 {
    const DRUMS: u8 = 9;
    let mut name = String::new();
    let mut channels: BTreeMap<u8, usize> = BTreeMap::new();
    // Struck and not yet released: (channel, key) → ticks and velocities, first in, first out.
    let mut sounding: BTreeMap<(u8, u8), Vec<(u64, u8)>> = BTreeMap::new();
    let mut tick = 0_u64;
    for event in track {
        tick += u64::from(event.delta.as_int());
        let (channel, message) = match event.kind {
            TrackEventKind::Meta(MetaMessage::TrackName(bytes)) => {
                String::from_utf8_lossy(bytes).trim().clone_into(&mut name);
                continue;
            }
            TrackEventKind::Midi { channel, message } if channel.as_int() != DRUMS => {
                (channel.as_int(), message)
            }
            _ => continue,
        };
        let mut number = || {
            *channels.entry(channel).or_insert_with(|| {
                score.tracks.push(String::new());
                score.tracks.len() - 1
            })
        };
        match message {
            MidiMessage::NoteOn { key, vel } if vel > 0 => {
                number();
                let held = sounding.entry((channel, key.as_int())).or_default();
                held.push((tick, vel.as_int()));
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                let held = sounding.entry((channel, key.as_int())).or_default();
                if !held.is_empty() {
                    let (begin, velocity) = held.remove(0);
                    let track = number();
                    let key = key.as_int();
                    score
                        .notes
                        .push(note(at(begin), at(tick), key, velocity, track));
                }
            }
            MidiMessage::Controller { controller, value } if controller == 64 => {
                let track = number();
                score.pedals.push(Pedal {
                    time_secs: at(tick),
                    down: value >= 64,
                    track,
                });
            }
            _ => {}
        }
    }
    for ((channel, key), held) in sounding {
        for (begin, velocity) in held {
            let track = channels[&channel];
            score
                .notes
                .push(note(at(begin), at(tick), key, velocity, track));
        }
    }
    for &number in channels.values() {
        score.tracks[number].clone_from(&name);
    }
    at(tick)
}

fn note(onset_secs: f64, offset_secs: f64, key: u8, velocity: u8, track: usize) -> Note {
    Note {
        onset_secs,
        offset_secs,
        key,
        velocity,
        track,
        confidence: 1.0,
    }
}

/// Notes that were heard as the bytes of a MIDI file: format 1, each track on a channel of its own, half a millisecond
/// to the tick.
#[must_use]
pub fn midi_bytes(score: &Score) -> Vec<u8> {
    let meta = |message| TrackEvent {
        delta: u28::from(0),
        kind: TrackEventKind::Meta(message),
    };
    let count = score.tracks.len().max(1);
    let mut tracks = Vec::with_capacity(count);
    for number in 0..count {
        let mut track = Vec::new();
        if number == 0 {
            track.push(meta(MetaMessage::Tempo(u24::from(QUARTER_MICROS))));
        }
        let name = score.tracks.get(number).map_or("", String::as_str);
        if !name.is_empty() {
            track.push(meta(MetaMessage::TrackName(name.as_bytes())));
        }
        // Channel 10 is drums, whose numbers are no pitches.
        let channel = u4::from([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15][number % 15]);
        let mut last = 0;
        for (tick, _, message) in events(score, number) {
            track.push(TrackEvent {
                delta: u28::from(tick - last),
                kind: TrackEventKind::Midi { channel, message },
            });
            last = tick;
        }
        track.push(meta(MetaMessage::EndOfTrack));
        tracks.push(track);
    }
    let timing = Timing::Metrical(u15::from(TICKS));
    let smf = Smf {
        header: Header::new(Format::Parallel, timing),
        tracks,
    };
    let mut bytes = Vec::new();
    smf.write_std(&mut bytes).expect("memory does not refuse");
    bytes
}

/// What happens in a track: tick, order at one tick (what ends comes before what begins), message.
fn events(score: &Score, track: usize) -> Vec<(u32, u8, MidiMessage)> {
    let tick = |secs: f64| {
        (secs.max(0.0) * f64::from(TICKS) * 1e6 / f64::from(QUARTER_MICROS)).round() as u32
    };
    let mut events: Vec<(u32, u8, MidiMessage)> = Vec::new();
    for note in score.notes.iter().filter(|note| note.track == track) {
        let (key, vel) = (
            u7::from(note.key.min(127)),
            u7::from(note.velocity.clamp(1, 127)),
        );
        let begin = tick(note.onset_secs);
        events.push((begin, 2, MidiMessage::NoteOn { key, vel }));
        let end = tick(note.offset_secs).max(begin + 1);
        let vel = u7::from(64);
        events.push((end, 0, MidiMessage::NoteOff { key, vel }));
    }
    for pedal in score.pedals.iter().filter(|pedal| pedal.track == track) {
        let value = u7::from(if pedal.down { 127 } else { 0 });
        let controller = u7::from(64);
        events.push((
            tick(pedal.time_secs),
            1,
            MidiMessage::Controller { controller, value },
        ));
    }
    events.sort_by_key(|&(tick, order, _)| (tick, order));
    events
}

/// Write notes that were heard as MIDI.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_midi(path: &Path, score: &Score) -> Result<(), Error> {
    write_file(path, &midi_bytes(score))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let score = Score {
            notes: vec![note(0.25, 1.0, 60, 80, 0), note(0.5, 2.125, 64, 1, 0)],
            pedals: vec![
                Pedal {
                    time_secs: 0.3,
                    down: true,
                    track: 0,
                },
                Pedal {
                    time_secs: 1.5,
                    down: false,
                    track: 0,
                },
            ],
            tracks: vec![String::new()],
        };
        assert_eq!(parse_score(&midi_bytes(&score)).unwrap(), score);
    }

    #[test]
    fn tracks_keep_their_names_and_notes() {
        let score = Score {
            notes: vec![note(0.25, 1.0, 60, 80, 0), note(0.5, 2.125, 64, 1, 1)],
            pedals: Vec::new(),
            tracks: vec!["piano".to_owned(), "organ".to_owned()],
        };
        assert_eq!(parse_score(&midi_bytes(&score)).unwrap(), score);
    }

    #[test]
    fn the_tempo_map_holds_for_every_track() {
        // Format 1, 100 ticks a quarter: a track of tempi (120, then 60 from tick 100), and a track of notes.
        let mut bytes = b"MThd\0\0\0\x06\0\x01\0\x02\0\x64".to_vec();
        let tempi = b"\0\xff\x51\x03\x07\xa1\x20\x64\xff\x51\x03\x0f\x42\x40\0\xff\x2f\0";
        let notes = b"\0\x90\x3c\x40\x64\x80\x3c\x40\0\x90\x3e\x40\x64\x80\x3e\x40\0\xff\x2f\0";
        for track in [&tempi[..], &notes[..]] {
            bytes.extend(b"MTrk");
            bytes.extend((track.len() as u32).to_be_bytes());
            bytes.extend(track);
        }
        let score = parse_score(&bytes).unwrap();
        let times: Vec<(f64, f64)> = score
            .notes
            .iter()
            .map(|note| (note.onset_secs, note.offset_secs))
            .collect();
        assert_eq!(times, [(0.0, 0.5), (0.5, 1.5)]);
    }

    #[test]
    fn what_is_no_midi_is_refused() {
        for bytes in [
            &b""[..],
            b"MThd",
            b"dear diary",
            b"MThd\0\0\0\x06\0\x01\0\x01\0\x00MTrk\0\0\0\x04\0\xff\x2f\0",
        ] {
            assert!(parse_score(bytes).is_err(), "{bytes:?}");
        }
    }
}
