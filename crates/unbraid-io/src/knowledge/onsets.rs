//! A table of strokes comes in, or goes out: CSV.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use unbraid::knowledge::onsets::Onset;

use crate::Error;
use crate::atomic::write_file;
use crate::error::reading;

/// Read onsets: a line each, with seconds, what is struck, and how hard if that is known.
///
/// Fields are separated by commas, semicolons or tabs; a first line that begins with no number is a header. What is struck
/// is a source's name, or a note of General MIDI's percussion; how hard is a number up to 1, or a MIDI velocity up to 127.
///
/// ```text
/// secs,source,strength
/// 0.003,kick,0.8
/// 0.350,38,112
/// ```
///
/// # Errors
///
/// - [`Error::Read`] if it cannot be read.
/// - [`Error::Onsets`] that names the line and what is wrong with it.
pub fn read_onsets(path: &Path) -> Result<Vec<Onset>, Error> {
    let bytes = fs::read(path).map_err(reading(path))?;
    let refuse = |reason: String| Error::Onsets {
        path: path.to_owned(),
        reason,
    };
    let text = String::from_utf8(bytes).map_err(|error| refuse(error.to_string()))?;
    parse_onsets(&text).map_err(refuse)
}

/// Read onsets from text; see [`read_onsets`].
///
/// # Errors
///
/// What is wrong, with the line.
pub fn parse_onsets(text: &str) -> Result<Vec<Onset>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut onsets = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let refuse = |what: &str| format!("line {}: {what}: `{line}`", number + 1);
        let mut fields = line.split([',', ';', '\t']).map(str::trim);
        let first = fields.next().unwrap_or_default();
        let Ok(secs) = first.parse::<f64>() else {
            if onsets.is_empty() && number == 0 {
                continue;
            }
            return Err(refuse("no time in seconds"));
        };
        if !(secs.is_finite() && secs >= 0.0) {
            return Err(refuse("no time in seconds"));
        }
        let struck = fields.next().filter(|field| !field.is_empty());
        let struck = struck.ok_or_else(|| refuse("it says not what is struck"))?;
        let source = match struck.parse::<u8>() {
            Ok(note) => drum(note).to_owned(),
            Err(_) => struck.to_owned(),
        };
        let strength = match fields.next().filter(|field| !field.is_empty()) {
            None => 1.0,
            Some(field) => match field.parse::<f32>() {
                Ok(strength) if (0.0..=1.0).contains(&strength) => strength,
                Ok(velocity) if (1.0..=127.0).contains(&velocity) => velocity / 127.0,
                _ => {
                    return Err(refuse(
                        "neither a strength up to 1 nor a velocity up to 127",
                    ));
                }
            },
        };
        onsets.push(Onset {
            secs,
            source,
            strength,
        });
    }
    Ok(onsets)
}

/// What a note of General MIDI's percussion is.
fn drum(note: u8) -> &'static str {
    match note {
        35 | 36 => "kick",
        37..=40 => "snare",
        42 | 44 | 46 => "hihat",
        49 | 51..=53 | 55 | 57 | 59 => "cymbals",
        _ => "percussion",
    }
}

/// Write onsets in the form that [`read_onsets`] reads.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_onsets(path: &Path, onsets: &[Onset]) -> Result<(), Error> {
    let mut text = String::from("secs,source,strength\n");
    for onset in onsets {
        let Onset {
            secs,
            source,
            strength,
        } = onset;
        writeln!(text, "{secs:.4},{source},{strength:.3}").expect("a string takes everything");
    }
    write_file(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_midi_notes_are_read_and_written_again() {
        let text = "time,gm_note,velocity\n0.0027,55,60\n0.5;36;127\n\n1\tsnare\n1.5,hihat,0.25\n";
        let onsets = parse_onsets(text).unwrap();
        let named: Vec<&str> = onsets.iter().map(|onset| onset.source.as_str()).collect();
        assert_eq!(named, ["cymbals", "kick", "snare", "hihat"]);
        assert!((onsets[1].strength - 1.0).abs() < 1e-6);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("onsets.csv");
        write_onsets(&path, &onsets).unwrap();
        let again = read_onsets(&path).unwrap();
        for (a, b) in onsets.iter().zip(&again) {
            assert!(
                (a.secs - b.secs).abs() < 1e-4 && a.source == b.source,
                "{b:?}"
            );
            assert!((a.strength - b.strength).abs() < 1e-3, "{b:?}");
        }
        assert!(parse_onsets("").unwrap().is_empty());
    }

    #[test]
    fn damaged_tables_are_refused_with_the_line() {
        for (text, word) in [
            ("secs,source\nlater,kick", "line 2"),
            ("-1,kick", "no time"),
            ("inf,kick", "no time"),
            ("1.0", "what is struck"),
            ("1.0,kick,loud", "strength"),
            ("1.0,kick,400", "strength"),
        ] {
            let message = parse_onsets(text).unwrap_err();
            assert!(message.contains(word), "{text}: {message}");
        }
    }
}
