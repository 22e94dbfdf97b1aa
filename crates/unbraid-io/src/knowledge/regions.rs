//! Audacity's spectral labels, or JSON, come in; regions where sources are go out.

use std::fs;
use std::path::Path;

use unbraid::knowledge::hints::{Area, REGION_STRENGTH, Regions};

use crate::Error;
use crate::atomic::write_file;
use crate::error::reading;

/// More than any recording holds: a label without frequencies means all of them.
const ALL_HZ: [f64; 2] = [0.0, 1e9];

/// Read regions from a file, told by its content.
///
/// Labels as Audacity exports them, one per line: begin, end, and the source's name, separated by tabs, and a strength
/// (0 to 1) behind the name if wanted; a line that begins with a backslash gives the frequencies of the label before it:
///
/// ```text
/// 1.5     2.25    voice
/// \       200     3000
/// 3       4       piano 0.5
/// ```
///
/// JSON has boxes and strokes, in seconds and Hz:
///
/// ```text
/// {"boxes":   [{"source": "voice", "strength": 0.9, "secs": [1.5, 2.25], "hz": [200, 3000]}],
///  "strokes": [{"source": "piano", "points": [[3, 440], [4, 450]], "width": [0.05, 60]}]}
/// ```
///
/// # Errors
///
/// - [`Error::Read`] if it cannot be read.
/// - [`Error::Regions`] that names the line and what is wrong with it.
pub fn read_regions(path: &Path) -> Result<Regions, Error> {
    let bytes = fs::read(path).map_err(reading(path))?;
    let text = String::from_utf8(bytes).map_err(|error| Error::Regions {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    parse_regions(&text).map_err(|reason| Error::Regions {
        path: path.to_owned(),
        reason,
    })
}

/// Write regions as JSON.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_regions(path: &Path, regions: &Regions) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(regions).map_err(|error| Error::Regions {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    text.push('\n');
    write_file(path, text.as_bytes())
}

/// Read regions from text; see [`read_regions`].
///
/// # Errors
///
/// What is wrong, with the line.
pub fn parse_regions(text: &str) -> Result<Regions, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let mut boxes: Vec<Area> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let refuse = |what: &str| format!("line {}: {what}: `{line}`", number + 1);
        if line.trim().is_empty() {
            continue;
        }
        let mut fields = line.split('\t').map(str::trim);
        let mut second = |what: &str| -> Result<f64, String> {
            let field = fields.next().ok_or_else(|| refuse(what))?;
            let value: f64 = field.parse().map_err(|_| refuse(what))?;
            if value.is_finite() {
                Ok(value)
            } else {
                Err(refuse(what))
            }
        };
        if let Some(rest) = line.strip_prefix('\\') {
            let label = boxes
                .last_mut()
                .ok_or_else(|| refuse("frequencies without a label before them"))?;
            let mut fields = rest.split('\t').map(str::trim).filter(|f| !f.is_empty());
            let mut hz = |open: f64| -> Result<f64, String> {
                let what = "no frequency in Hz";
                let field = fields.next().ok_or_else(|| refuse(what))?;
                let value: f64 = field.parse().map_err(|_| refuse(what))?;
                match value {
                    // What Audacity writes for a side that was left open.
                    value if value < 0.0 => Ok(open),
                    value if value.is_finite() => Ok(value),
                    _ => Err(refuse(what)),
                }
            };
            label.hz = [hz(ALL_HZ[0])?, hz(ALL_HZ[1])?];
        } else {
            let secs = [second("no time in seconds")?, second("no time in seconds")?];
            let name = fields.next().unwrap_or_default();
            let (source, strength) = match name.rsplit_once(' ') {
                Some((source, last)) => match last.parse() {
                    Ok(strength) => (source.trim(), strength),
                    Err(_) => (name, REGION_STRENGTH),
                },
                None => (name, REGION_STRENGTH),
            };
            if source.is_empty() {
                return Err(refuse("a label that names no source"));
            }
            boxes.push(Area {
                source: source.to_owned(),
                strength,
                secs,
                hz: ALL_HZ,
            });
        }
        let area = boxes.last().expect("a label was just read");
        if area.secs[0] > area.secs[1] || area.hz[0] > area.hz[1] {
            return Err(refuse("it ends before it begins"));
        }
    }
    Ok(Regions {
        boxes,
        strokes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_json_say_the_same() {
        let labels = "1.5\t2.25\tvoice\n\\\t200\t3000\n3\t4\tgrand piano 0.5\r\n\\\t-1.0\t-1.0\n";
        let json = r#"{"boxes": [
            {"source": "voice", "secs": [1.5, 2.25], "hz": [200, 3000]},
            {"source": "grand piano", "strength": 0.5, "secs": [3, 4], "hz": [0, 1e9]}]}"#;
        let regions = parse_regions(labels).unwrap();
        assert_eq!(regions, parse_regions(json).unwrap());
        assert_eq!(regions.boxes.len(), 2);
        assert!(parse_regions("").unwrap().is_empty());
    }

    #[test]
    fn damaged_files_are_refused_with_the_line() {
        for (text, word) in [
            ("1\t2\tvoice\nx\t2\tvoice", "line 2"),
            ("\\\t100\t200", "without a label"),
            ("1\t2\t", "names no source"),
            ("2\t1\tvoice", "ends before"),
            ("1\t2\tvoice\n\\\t100", "no frequency"),
            ("1\tinf\tvoice", "no time"),
            ("{\"boxes\": [{\"source\": 3}]}", "line 1"),
            ("{\"circles\": []}", "circles"),
        ] {
            let message = parse_regions(text).unwrap_err();
            assert!(message.contains(word), "{text}: {message}");
        }
    }
}
