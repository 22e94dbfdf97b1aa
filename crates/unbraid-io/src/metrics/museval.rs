//! The scores of a track come in; museval's JSON goes out, and back in.

use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use super::json::with_standard_numbers;
use crate::Error;
use crate::atomic::OutputFile;
use crate::error::{reading, writing};

/// The scores of one track, frame by frame, as museval keeps them: a list of targets.
///
/// Written by [`to_museval`](Self::to_museval) these are museval's own files, with the bare word `NaN` for
/// what has no score. That is not JSON as the standard has it; serde writes `null` instead.
/// [`parse`](Self::parse) reads both.
///
/// # Examples
///
/// ```
/// use unbraid_io::metrics::TrackScores;
///
/// let text = r#"{"targets": [{"name": "drums", "frames": [
///     {"time": 0.0, "duration": 1.0, "metrics": {"SDR": 4.5, "SIR": NaN, "SAR": 5.25, "ISR": 9.0}}
/// ]}]}"#;
/// let scores = TrackScores::parse(text)?;
/// let metrics = scores.targets[0].frames[0].metrics;
/// assert_eq!((metrics.sdr_db, metrics.sir_db), (Some(4.5), None));
/// assert!(scores.to_museval().contains("\"SIR\": NaN"));
/// assert_eq!(TrackScores::parse(&scores.to_museval())?, scores);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TrackScores {
    /// One entry per source.
    pub targets: Vec<Target>,
}

/// The scores of one source of a track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The source's name.
    pub name: String,
    /// All frames in their order, those without scores included.
    #[serde(default)]
    pub frames: Vec<Frame>,
}

/// The scores of one source in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Where the frame begins, in seconds.
    #[serde(rename = "time", default)]
    pub time_secs: f64,
    /// How long it is, in seconds.
    #[serde(rename = "duration", default)]
    pub duration_secs: f64,
    /// The ratios.
    #[serde(default)]
    pub metrics: FrameMetrics,
}

/// The ratios of BSS Eval in dB; nothing where the frame has no score, and where the ratio is infinite,
/// which museval does not tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct FrameMetrics {
    /// Source to distortion.
    #[serde(rename = "SDR", default, deserialize_with = "tolerant")]
    pub sdr_db: Option<f64>,
    /// Source to interference.
    #[serde(rename = "SIR", default, deserialize_with = "tolerant")]
    pub sir_db: Option<f64>,
    /// Sources to artifacts.
    #[serde(rename = "SAR", default, deserialize_with = "tolerant")]
    pub sar_db: Option<f64>,
    /// Source image to spatial distortion.
    #[serde(rename = "ISR", default, deserialize_with = "tolerant")]
    pub isr_db: Option<f64>,
}

/// A number, also as a word in quotes, as some tools write it; nothing if it is not finite.
fn tolerant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(f64),
        Word(String),
    }
    let value = match Option::<Given>::deserialize(deserializer)? {
        None => None,
        Some(Given::Number(value)) => Some(value),
        Some(Given::Word(word)) => Some(
            word.trim()
                .parse()
                .map_err(|_| serde::de::Error::custom(format!("`{word}` is not a number")))?,
        ),
    };
    Ok(value.filter(|value| value.is_finite()))
}

impl TrackScores {
    /// Read museval's JSON: bare `NaN` and `Infinity`, `null`, missing ratios and anything that is there
    /// besides are taken as they come.
    ///
    /// # Errors
    ///
    /// If the text is not JSON otherwise, or has no list `targets` of named targets.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&with_standard_numbers(text))
    }

    /// Read a file of scores.
    ///
    /// # Errors
    ///
    /// - [`Error::Read`] if it cannot be read.
    /// - [`Error::Scores`] if it does not hold scores.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(reading(path))?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).map_err(|error| Error::Scores {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The text museval would write: five decimals, and bare `NaN` for what has no score.
    #[must_use]
    pub fn to_museval(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write_text(&mut text).ok();
        text
    }

    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        text.push_str("{\n  \"targets\": [");
        for (number, target) in self.targets.iter().enumerate() {
            let name = serde_json::Value::from(target.name.as_str());
            let comma = if number == 0 { "" } else { "," };
            write!(
                text,
                "{comma}\n    {{\n      \"name\": {name},\n      \"frames\": ["
            )?;
            for (number, frame) in target.frames.iter().enumerate() {
                let comma = if number == 0 { "" } else { "," };
                let Frame {
                    time_secs,
                    duration_secs,
                    metrics,
                } = frame;
                write!(
                    text,
                    "{comma}\n        {{\n          \"time\": {time_secs:?},\n          \
                     \"duration\": {duration_secs:?},\n          \"metrics\": {{"
                )?;
                let ratios = [
                    ("SDR", metrics.sdr_db),
                    ("SIR", metrics.sir_db),
                    ("SAR", metrics.sar_db),
                    ("ISR", metrics.isr_db),
                ];
                for (number, (name, ratio)) in ratios.into_iter().enumerate() {
                    let comma = if number == 0 { "" } else { "," };
                    let ratio = match ratio.filter(|ratio| ratio.is_finite()) {
                        Some(ratio) => format!("{ratio:.5}"),
                        None => "NaN".to_owned(),
                    };
                    write!(text, "{comma}\n            \"{name}\": {ratio}")?;
                }
                text.push_str("\n          }\n        }");
            }
            text.push_str("\n      ]\n    }");
        }
        text.push_str("\n  ]\n}\n");
        Ok(())
    }

    /// Write a file as museval would.
    ///
    /// # Errors
    ///
    /// - [`Error::Exists`] if the file is there and `overwrite` is not set.
    /// - [`Error::Write`] if the system refuses.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), Error> {
        let file = OutputFile::create(path, overwrite)?;
        std::fs::write(file.path(), self.to_museval()).map_err(writing(path))?;
        file.commit()
    }
}

/// Read all scores below a folder, as museval writes them: `<subset>/<track>.json`.
///
/// Tracks come sorted, each with its path below the folder without the ending. JSON that has no `targets` is
/// something else and left out.
///
/// # Errors
///
/// - [`Error::Read`] if a file or folder cannot be read.
/// - [`Error::Scores`] if a file is not JSON, or its targets are damaged.
pub fn read_scores_folder(folder: &Path) -> Result<Vec<(String, TrackScores)>, Error> {
    let mut tracks = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for path in super::layout::entries(&next)? {
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let is_json = path
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
            if !is_json || !has_targets(&path)? {
                continue;
            }
            let below = path.strip_prefix(folder).unwrap_or(&path);
            let name = below.with_extension("").display().to_string();
            tracks.push((name, TrackScores::read(&path)?));
        }
    }
    tracks.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(tracks)
}

/// Whether a JSON file has the key by which museval's files are told.
fn has_targets(path: &Path) -> Result<bool, Error> {
    let bytes = std::fs::read(path).map_err(reading(path))?;
    let text = String::from_utf8_lossy(&bytes);
    let value: serde_json::Value =
        serde_json::from_str(&with_standard_numbers(&text)).map_err(|error| Error::Scores {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    Ok(value.get("targets").is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(ratios: [Option<f64>; 4]) -> TrackScores {
        let [sdr_db, sir_db, sar_db, isr_db] = ratios;
        let frame = Frame {
            time_secs: 0.0,
            duration_secs: 1.0,
            metrics: FrameMetrics {
                sdr_db,
                sir_db,
                sar_db,
                isr_db,
            },
        };
        TrackScores {
            targets: vec![Target {
                name: "a \"b\"".to_owned(),
                frames: vec![frame],
            }],
        }
    }

    #[test]
    fn the_text_is_museval_s_to_the_letter() {
        let text = scores([Some(1.0), Some(-0.123_456_7), None, Some(30.0)]).to_museval();
        let expected = r#"{
  "targets": [
    {
      "name": "a \"b\"",
      "frames": [
        {
          "time": 0.0,
          "duration": 1.0,
          "metrics": {
            "SDR": 1.00000,
            "SIR": -0.12346,
            "SAR": NaN,
            "ISR": 30.00000
          }
        }
      ]
    }
  ]
}
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn infinite_ratios_are_written_as_no_score() {
        let text = scores([Some(f64::INFINITY), Some(f64::NAN), None, Some(0.0)]).to_museval();
        assert_eq!(text.matches("NaN").count(), 3, "{text}");
    }

    #[test]
    fn what_museval_and_others_write_is_read() {
        let text = r#"{"museval_version": "0.4.1", "targets": [{"name": "vocals", "more": [1],
            "frames": [{"time": 0, "duration": 1,
                        "metrics": {"SDR": NaN, "SIR": -Infinity, "SAR": "2.5", "XYZ": 1}},
                       {"metrics": {"SDR": null}}, {}]}]}"#;
        let read = TrackScores::parse(text).unwrap();
        let frames = &read.targets[0].frames;
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[0].metrics.sar_db, Some(2.5));
        assert_eq!(frames[0].metrics.sdr_db, None);
        assert_eq!(frames[0].metrics.sir_db, None);
        assert_eq!(frames[1].metrics, FrameMetrics::default());
    }

    #[test]
    fn damaged_scores_are_refused_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        for (text, words) in [
            ("{", "EOF"),
            ("[]", "targets"),
            (r#"{"targets": [{"frames": []}]}"#, "name"),
            (
                r#"{"targets": [{"name": "a", "frames": [{"metrics": {"SDR": "loud"}}]}]}"#,
                "loud",
            ),
            (r#"{"targets": 3}"#, "sequence"),
        ] {
            let path = dir.path().join("track.json");
            std::fs::write(&path, text).unwrap();
            let error = TrackScores::read(&path).unwrap_err().to_string();
            let named = error.contains("track.json");
            assert!(
                named && (error.contains(words) || text == "[]"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_folder_of_scores_is_read_sorted_and_other_json_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let scores = scores([Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
        for name in ["test/b.json", "test/a.json", "train/c.d.json"] {
            scores.write(&dir.path().join(name), false).unwrap();
        }
        std::fs::write(dir.path().join("unbraid.json"), r#"{"x": NaN}"#).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "{").unwrap();
        let read = read_scores_folder(dir.path()).unwrap();
        let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["test/a", "test/b", "train/c.d"]);
        assert_eq!(read[2].1, scores);

        let again = scores.write(&dir.path().join("test/a.json"), false);
        assert!(matches!(again, Err(Error::Exists { .. })));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".*") {
            TrackScores::parse(&text).ok();
        }

        #[test]
        fn what_is_written_is_read_to_five_decimals(
            ratios in proptest::array::uniform4(proptest::option::of(-300.0..300.0_f64))
        ) {
            let read = TrackScores::parse(&scores(ratios).to_museval()).unwrap();
            let metrics = read.targets[0].frames[0].metrics;
            let read = [metrics.sdr_db, metrics.sir_db, metrics.sar_db, metrics.isr_db];
            for (read, given) in read.into_iter().zip(ratios) {
                prop_assert_eq!(read.is_some(), given.is_some());
                if let (Some(read), Some(given)) = (read, given) {
                    prop_assert!((read - given).abs() <= 0.500_001e-5, "{} for {}", read, given);
                }
            }
        }
    }
}
