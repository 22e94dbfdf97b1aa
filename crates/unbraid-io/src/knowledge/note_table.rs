//! A table of notes comes in, a score goes out; and the notes that were heard the other way.

use std::fmt::Write;
use std::path::Path;

use unbraid::knowledge::{Note, Score, midi_of_hz};

use crate::Error;
use crate::atomic::write_file;

/// Where the columns of a table are.
struct Columns {
    onset: usize,
    offset: usize,
    note: usize,
    /// Whether notes are given in Hz.
    hz: bool,
    velocity: Option<usize>,
    confidence: Option<usize>,
    track: Option<usize>,
}

impl Columns {
    /// Those that a heading names: `onset`, `offset` and `note`, `midi` or `hz`, perhaps with `_secs` behind it, and what else
    /// is known.
    fn named(heading: &[&str]) -> Result<Self, String> {
        let find = |names: &[&str]| {
            heading.iter().position(|cell| {
                let cell = cell.trim_matches('"').to_ascii_lowercase();
                let cell = cell.strip_suffix("_secs").unwrap_or(&cell);
                names.contains(&cell)
            })
        };
        let need = |names: &[&str]| {
            find(names).ok_or_else(|| {
                format!(
                    "its heading `{}` has no {}",
                    heading.join(","),
                    names.join(" or ")
                )
            })
        };
        let note = find(&["midi", "key", "pitch", "note"]);
        Ok(Self {
            onset: need(&["onset", "start", "time"])?,
            offset: need(&["offset", "end"])?,
            note: note.map_or_else(|| need(&["midi", "note", "hz"]), Ok)?,
            hz: note.is_none(),
            velocity: find(&["velocity"]),
            confidence: find(&["confidence"]),
            track: find(&["track"]),
        })
    }

    /// Those of a table without a heading, as `mir_eval` reads it: onset, offset, Hz.
    const BARE: Self = Self {
        onset: 0,
        offset: 1,
        note: 2,
        hz: true,
        velocity: None,
        confidence: None,
        track: None,
    };
}

/// Read a table of notes: a line each, between commas, semicolons, tabs or spaces, the columns named by a heading; without one
/// they are onset and offset in seconds and pitch in Hz, as `mir_eval` reads notes.
pub(super) fn parse_notes(text: &str) -> Result<Score, String> {
    const MOST_SECS: f64 = 1e6;
    let mut columns = None;
    let mut score = Score::default();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let cells = cells(line);
        let number = |column: usize| cells.get(column).and_then(|cell| cell.parse::<f64>().ok());
        let columns = match &columns {
            Some(columns) => columns,
            None if number(0).is_none() => {
                columns = Some(Columns::named(&cells)?);
                continue;
            }
            None => columns.insert(Columns::BARE),
        };
        let wrong = || format!("line {} is `{line}`, not a note", index + 1);
        let (Some(onset_secs), Some(offset_secs), Some(pitch)) = (
            number(columns.onset),
            number(columns.offset),
            number(columns.note),
        ) else {
            return Err(wrong());
        };
        let pitch = if columns.hz {
            f64::from(midi_of_hz(pitch))
        } else {
            pitch
        };
        if !(0.0..=127.5).contains(&pitch) || !(onset_secs..MOST_SECS).contains(&offset_secs) {
            return Err(wrong());
        }
        let name = columns.track.and_then(|column| cells.get(column)).copied();
        let name = name.unwrap_or_default();
        let track = score.tracks.iter().position(|track| track == name);
        let track = track.unwrap_or_else(|| {
            score.tracks.push(name.to_owned());
            score.tracks.len() - 1
        });
        score.notes.push(Note {
            onset_secs,
            offset_secs,
            key: pitch.round().min(127.0) as u8,
            velocity: columns
                .velocity
                .and_then(number)
                .map_or(64, |velocity| velocity.round().clamp(1.0, 127.0) as u8),
            track,
            confidence: columns
                .confidence
                .and_then(number)
                .map_or(1.0, |confidence| confidence.clamp(0.0, 1.0) as f32),
        });
    }
    if score.notes.is_empty() {
        return Err("it is neither MIDI nor a table of notes".to_owned());
    }
    score.notes.sort_by(|a, b| {
        a.onset_secs
            .total_cmp(&b.onset_secs)
            .then(a.key.cmp(&b.key))
    });
    Ok(score)
}

/// The cells of a line; a comma is only a separator where there is no other, a point being decimal.
fn cells(line: &str) -> Vec<&str> {
    let by = |separator: char| line.split(separator).map(str::trim).collect();
    match line {
        _ if line.contains('\t') => by('\t'),
        _ if line.contains(';') => by(';'),
        _ if line.contains(',') => by(','),
        _ => line.split_whitespace().collect(),
    }
}

/// Write notes that were heard as CSV: `onset_secs,offset_secs,note,velocity,confidence`, and `track` where there are
/// several.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_notes_csv(path: &Path, score: &Score) -> Result<(), Error> {
    let several = score.tracks.len() > 1;
    let mut text = "onset_secs,offset_secs,note,velocity,confidence".to_owned();
    text += if several { ",track\n" } else { "\n" };
    for note in &score.notes {
        let Note {
            onset_secs,
            offset_secs,
            key,
            velocity,
            confidence,
            track,
        } = note;
        write!(
            text,
            "{onset_secs:.4},{offset_secs:.4},{key},{velocity},{confidence:.3}"
        )
        .expect("a string does not refuse");
        if several {
            let name = score.tracks.get(*track).map_or("", String::as_str);
            write!(text, ",{}", name.replace([',', '\n'], " ")).expect("a string does not refuse");
        }
        text.push('\n');
    }
    write_file(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_by_their_heading_or_as_mir_eval_does() {
        let named = "onset,offset,midi,velocity_layer\n0.5,1.0,60,7\n0.25,1.5,64,7\n";
        let score = parse_notes(named).unwrap();
        let notes: Vec<(f64, u8)> = score.notes.iter().map(|n| (n.onset_secs, n.key)).collect();
        assert_eq!(notes, [(0.25, 64), (0.5, 60)]);
        let bare = parse_notes("0.5\t1.0\t261.63\n").unwrap();
        assert_eq!((bare.notes[0].key, bare.notes[0].velocity), (60, 64));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let note = |onset_secs, track| Note {
            onset_secs,
            offset_secs: onset_secs + 1.0,
            key: 60,
            velocity: 90,
            track,
            confidence: 0.5,
        };
        let score = Score {
            notes: vec![note(0.0, 0), note(0.5, 1)],
            pedals: Vec::new(),
            tracks: vec!["piano".to_owned(), "organ".to_owned()],
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.csv");
        write_notes_csv(&path, &score).unwrap();
        assert_eq!(super::super::read_score(&path).unwrap(), score);
    }

    #[test]
    fn what_is_no_table_is_refused_by_line() {
        for (text, words) in [
            ("dear diary\ntoday\n", "has no onset"),
            ("onset,offset,note\n0,1,60\n0,x,60\n", "line 3"),
            ("onset,offset,note\n2,1,60\n", "line 2"),
            ("0 1 1e9\n", "line 1"),
            ("onset,offset,note\n", "neither"),
        ] {
            let said = parse_notes(text).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
