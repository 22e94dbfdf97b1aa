//! A file with the pitch of a singer comes in, a melody goes out; and the pitch that was heard the other way.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use unbraid::knowledge::{Melody, Pitch};

use crate::Error;
use crate::atomic::write_file;
use crate::error::reading;

/// Read a pitch track, as Sonic Visualiser, Tony, pYIN (by Sonic Annotator) and CREPE write them, and
/// [`write_melody_csv`] too: lines of seconds, Hz and perhaps a confidence from 0 to 1, between commas, semicolons, tabs
/// or spaces.
///
/// A first line of words is taken as a heading, a first column in quotes as a file's name. Where nothing is sung, Hz are
/// 0, negative (as pYIN writes its guesses), or the line is missing.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::Melody`] if a line is no such thing, or there is none.
pub fn read_melody(path: &Path) -> Result<Melody, Error> {
    let refuse = |reason: String| Error::Melody {
        path: path.to_owned(),
        reason,
    };
    let bytes = fs::read(path).map_err(reading(path))?;
    let text = String::from_utf8(bytes).map_err(|_| refuse("it is not text".to_owned()))?;
    parse_melody(&text).map_err(refuse)
}

pub(super) fn parse_melody(text: &str) -> Result<Melody, String> {
    let mut points = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_end();
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let mut fields = fields(line);
        // Sonic Annotator: the file's name, on its first line only.
        if fields
            .first()
            .is_some_and(|first| first.is_empty() || first.starts_with('"'))
        {
            fields.remove(0);
        }
        let value = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok());
        let (Some(time_secs), Some(hz)) = (value(0), value(1)) else {
            if points.is_empty() && value(0).is_none() {
                // A heading.
                continue;
            }
            return Err(format!("line {number} is `{line}`, not seconds and Hz"));
        };
        if !(hz <= 5000.0 && (hz <= 0.0 || hz >= 20.0)) {
            return Err(format!(
                "line {number} says {hz} Hz, but a voice has 20 to 5000, or 0 where nothing is sung"
            ));
        }
        let confidence = match value(2) {
            Some(confidence) if (0.0..=1.0).contains(&confidence) => confidence as f32,
            _ => 1.0,
        };
        points.push(Pitch {
            time_secs,
            hz: hz.max(0.0),
            confidence,
        });
    }
    if !points.iter().any(|point| point.hz > 0.0) {
        return Err("no line of it has a pitch".to_owned());
    }
    Melody::new(points).map_err(|error| error.to_string())
}

/// The fields of a line; a comma is only a separator where there is no other, a point being decimal.
fn fields(line: &str) -> Vec<&str> {
    let by = |separator: char| line.split(separator).map(str::trim).collect();
    match line {
        _ if line.contains('\t') => by('\t'),
        _ if line.contains(';') => by(';'),
        _ if line.contains(',') => by(','),
        _ => line.split_whitespace().collect(),
    }
}

/// Write a pitch track as CSV: `time_secs,hz,confidence`, 0 Hz where nothing is sung.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_melody_csv(path: &Path, melody: &Melody) -> Result<(), Error> {
    let mut text = "time_secs,hz,confidence\n".to_owned();
    for point in melody.points() {
        let Pitch {
            time_secs,
            hz,
            confidence,
        } = point;
        writeln!(text, "{time_secs:.6},{hz:.3},{confidence:.3}").expect("a string does not refuse");
    }
    write_file(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_s_form_is_read() {
        // CREPE, Sonic Visualiser, Tony, Sonic Annotator with pYIN.
        for text in [
            "time,frequency,confidence\n0.00,220.0,0.9\n0.01,221.0,0.2\n",
            "0.00,220.0\n0.01,221.0\n",
            "0.00\t220.0\n0.01\t221.0\n",
            "\"song.wav\",0.00,220.0\n,0.01,221.0\n",
            "# made by hand\n0.00 220.0 0.9\r\n0.01 221.0 0.2\r\n",
        ] {
            let melody = parse_melody(text).unwrap();
            let points: Vec<(f64, f64)> = melody
                .points()
                .iter()
                .map(|p| (p.time_secs, p.hz))
                .collect();
            assert_eq!(points, [(0.0, 220.0), (0.01, 221.0)], "{text}");
        }
        let melody = parse_melody("0,220,0.5\n0.01,-221\n").unwrap();
        assert!((melody.points()[0].confidence - 0.5).abs() < 1e-6);
        assert!(melody.points()[1].hz == 0.0);
    }

    #[test]
    fn what_is_no_melody_is_refused_with_its_line() {
        for (text, said) in [
            ("", "no line"),
            ("0.0,0.0\n", "no line"),
            ("0.0,220\n0.1,high\n", "line 2"),
            ("0.0,220\n0.1,7\n", "7 Hz"),
            ("0.1,220\n0.0,220\n", "time_secs"),
        ] {
            let error = parse_melody(text).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let melody = parse_melody("0,220.5,0.5\n0.5,0,1\n").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f0.csv");
        write_melody_csv(&path, &melody).unwrap();
        assert_eq!(read_melody(&path).unwrap(), melody);
    }
}
