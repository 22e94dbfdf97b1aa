//! A file of timed words comes in, lyrics go out.

use std::fs;
use std::path::Path;

use unbraid::knowledge::{Grain, Lyrics, Sung};

use crate::Error;
use crate::atomic::write_file;
use crate::error::reading;

/// Where a line that nothing follows ends.
const LAST_LINE_SECS: f64 = 10.0;

/// Read lyrics, told by their content: LRC (lines, or words between `<mm:ss.xx>`), UltraStar (syllables with pitches),
/// Praat's TextGrid (long or short form), HTS labels (units of 100 ns), and Audacity labels (seconds between tabs).
///
/// Of a TextGrid, the tier of the most intervals is taken. Labels and tiers whose texts are mostly no longer than three letters are
/// taken for phonemes.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::Lyrics`] if it is damaged, or has no times.
pub fn read_lyrics(path: &Path) -> Result<Lyrics, Error> {
    let refuse = |reason: String| Error::Lyrics {
        path: path.to_owned(),
        reason,
    };
    let bytes = fs::read(path).map_err(reading(path))?;
    let text = match bytes.get(..2) {
        Some([0xff, 0xfe]) => utf16(&bytes[2..], u16::from_le_bytes),
        Some([0xfe, 0xff]) => utf16(&bytes[2..], u16::from_be_bytes),
        // Old UltraStar files are in Latin-1, whose bytes are code points.
        _ => String::from_utf8(bytes)
            .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect()),
    };
    parse_lyrics(&text).map_err(refuse)
}

/// Write words as Audacity labels: begin, end and text between tabs.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_labels(path: &Path, words: &[Sung]) -> Result<(), Error> {
    let line = |word: &Sung| {
        let text = word.text.replace(['\t', '\n', '\r'], " ");
        format!("{:.6}\t{:.6}\t{text}\n", word.onset_secs, word.offset_secs)
    };
    let text: String = words.iter().map(line).collect();
    write_file(path, text.as_bytes())
}

fn utf16(bytes: &[u8], value: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| value([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

pub(super) fn parse_lyrics(text: &str) -> Result<Lyrics, String> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = || {
        text.lines()
            .map(str::trim_end)
            .filter(|line| !line.trim().is_empty())
    };
    let (mut sung, phonemes) = if text.contains("ooTextFile") || text.contains("TextGrid") {
        (text_grid(text)?, None)
    } else if lines().any(|line| line.starts_with('#') && line.to_uppercase().starts_with("#BPM")) {
        (ultra_star(text)?, Some(false))
    } else if lines().any(|line| lrc_stamp(line).is_some()) {
        (lrc(text), Some(false))
    } else if lines().next().is_some_and(|line| label(line).is_some()) {
        (labels(text)?, None)
    } else if lines().next().is_none() {
        return Err("it is empty".to_owned());
    } else {
        return Err("no line of it has a time".to_owned());
    };
    sung.sort_by(|a, b| a.onset_secs.total_cmp(&b.onset_secs));
    let words = sung.iter().filter(|piece| !piece.text.trim().is_empty());
    let (short, all) = words.fold((0, 0), |(short, all), piece| {
        (
            short + usize::from(piece.text.trim().chars().count() <= 3),
            all + 1,
        )
    });
    if all == 0 {
        return Err("it has no words".to_owned());
    }
    let grain = if phonemes.unwrap_or(10 * short >= 9 * all) {
        Grain::Phonemes
    } else {
        Grain::Syllables
    };
    Lyrics::new(sung, grain).map_err(|error| error.to_string())
}

fn sung(onset_secs: f64, offset_secs: f64, text: &str) -> Sung {
    Sung {
        onset_secs,
        offset_secs,
        text: text.trim().to_owned(),
        note: None,
    }
}

/// `mm:ss.xx` as seconds.
fn minutes(text: &str) -> Option<f64> {
    let (minutes, seconds) = text.split_once(':')?;
    let minutes: f64 = minutes.trim().parse().ok()?;
    // Some programs write mm:ss:xx.
    let seconds: f64 = seconds.replacen(':', ".", 1).trim().parse().ok()?;
    let valid = minutes >= 0.0 && (0.0..60.0).contains(&seconds);
    valid.then_some(60.0 * minutes + seconds)
}

/// The time at the beginning of a line of LRC, and the rest of the line.
fn lrc_stamp(line: &str) -> Option<(f64, &str)> {
    let (stamp, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    Some((minutes(stamp)?, rest))
}

fn lrc(text: &str) -> Vec<Sung> {
    let offset = text
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix("[offset:")?
                .strip_suffix(']')?
                .trim()
                .parse::<f64>()
                .ok()
        })
        .unwrap_or(0.0)
        / 1000.0;
    // (time, words): a positive offset makes them appear earlier.
    let mut starts: Vec<(f64, String)> = Vec::new();
    for line in text.lines() {
        let (mut stamps, mut rest) = (Vec::new(), line);
        while let Some((secs, after)) = lrc_stamp(rest) {
            stamps.push(secs);
            rest = after;
        }
        for (index, &line_secs) in stamps.iter().enumerate() {
            let mut now = line_secs;
            for (part, piece) in rest.split('<').enumerate() {
                let (stamp, words) = match piece.split_once('>') {
                    Some((stamp, words)) if part > 0 => (minutes(stamp), words),
                    _ => (None, piece),
                };
                // A line that is sung again has its words' times from its first singing.
                now = stamp.map_or(now, |secs| secs + line_secs - stamps[0]);
                let only_stamp = part == 0 && words.trim().is_empty() && rest.contains('<');
                if !only_stamp || index > 0 && stamp.is_some() {
                    starts.push(((now - offset).max(0.0), words.trim().to_owned()));
                }
            }
        }
    }
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ends: Vec<f64> = (0..starts.len())
        .map(|k| {
            starts
                .get(k + 1)
                .map_or(starts[k].0 + LAST_LINE_SECS, |next| next.0)
        })
        .collect();
    let timed = starts.iter().zip(ends);
    timed
        .filter(|((_, words), _)| !words.is_empty())
        .map(|((onset, words), end)| sung(*onset, end, words))
        .collect()
}

fn ultra_star(text: &str) -> Result<Vec<Sung>, String> {
    let header = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.trim().strip_prefix('#')?.split_once(':')?;
            (key.trim().eq_ignore_ascii_case(name)).then(|| value.trim().replace(',', "."))
        })
    };
    let number = |name: &str| header(name).and_then(|value| value.parse::<f64>().ok());
    let bpm = number("BPM")
        .filter(|bpm| *bpm > 0.0)
        .ok_or("its #BPM is no number")?;
    let gap = number("GAP").unwrap_or(0.0) / 1000.0;
    let relative = header("RELATIVE").is_some_and(|value| value.eq_ignore_ascii_case("yes"));
    // A beat of the file is a quarter of a beat of the song.
    let secs = |beat: f64| gap + beat * 15.0 / bpm;
    let (mut out, mut base) = (Vec::new(), 0.0);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches(['\r', '\n']);
        let bad = || format!("line {} is `{line}`, not a note", index + 1);
        let mut words = line.split_whitespace();
        match words.next() {
            Some(":" | "*" | "F" | "R" | "G") => {
                let mut number = || words.next().and_then(|word| word.parse::<f64>().ok());
                let (Some(start), Some(len), Some(pitch)) = (number(), number(), number()) else {
                    return Err(bad());
                };
                if len < 0.0 {
                    return Err(bad());
                }
                let syllable = words.collect::<Vec<_>>().join(" ");
                let pitched = line.starts_with([':', '*']);
                out.push(Sung {
                    // 0 is the C in the middle.
                    note: pitched.then_some(60.0 + pitch as f32),
                    ..sung(
                        secs(base + start),
                        secs(base + start + len),
                        if syllable.is_empty() { "~" } else { &syllable },
                    )
                });
            }
            Some("-") if relative => {
                let last = words.last().and_then(|word| word.parse::<f64>().ok());
                base += last.ok_or_else(bad)?;
            }
            Some("E") => break,
            _ => {}
        }
    }
    Ok(out)
}

/// The quoted strings and bare numbers of a TextGrid, in their order: what the long form has beyond the short one is left out.
fn text_grid(text: &str) -> Result<Vec<Sung>, String> {
    enum Token {
        Number(f64),
        Text(String),
    }
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c == '"' || c.is_ascii_digit() || c == '-') {
        let before = rest[..start].chars().last();
        rest = &rest[start..];
        if let Some(inner) = rest.strip_prefix('"') {
            let mut value = String::new();
            let mut inner = inner;
            loop {
                let end = inner.find('"').ok_or("a text of it has no end")?;
                value.push_str(&inner[..end]);
                inner = &inner[end + 1..];
                // Two quotation marks stand for one.
                let Some(again) = inner.strip_prefix('"') else {
                    break;
                };
                value.push('"');
                inner = again;
            }
            rest = inner;
            tokens.push(Token::Text(value));
        } else {
            let end = rest
                .find(|c: char| !(c.is_ascii_digit() || ".-eE+".contains(c)))
                .unwrap_or(rest.len());
            let end = end.max(1);
            let named = before.is_some_and(|c| c == '[' || c.is_alphanumeric());
            if let (false, Ok(number)) = (named, rest[..end].parse()) {
                tokens.push(Token::Number(number));
            }
            rest = &rest[end..];
        }
    }
    let mut best: Vec<Sung> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_tier = matches!(&tokens[at], Token::Text(class) if class == "IntervalTier");
        at += 1;
        if !is_tier {
            continue;
        }
        // Its name, from, to, and the number of intervals.
        at += 4;
        let mut tier = Vec::new();
        while let (Some(Token::Number(from)), Some(Token::Number(to)), Some(Token::Text(words))) =
            (tokens.get(at), tokens.get(at + 1), tokens.get(at + 2))
        {
            tier.push(sung(*from, *to, words));
            at += 3;
        }
        let words = |tier: &[Sung]| tier.iter().filter(|piece| !piece.text.is_empty()).count();
        if words(&tier) > words(&best) {
            best = tier;
        }
    }
    if best.is_empty() {
        return Err("it has no tier of intervals".to_owned());
    }
    Ok(best)
}

/// A line of labels: from, to and the text; whole numbers are units of 100 ns, as HTS counts.
fn label(line: &str) -> Option<Sung> {
    let mut words = line.trim_start().splitn(3, char::is_whitespace);
    let (from, to) = (words.next()?, words.next()?);
    let text = words.next().unwrap_or_default();
    let unit = if from.contains(['.', ',']) || to.contains(['.', ',']) {
        1.0
    } else {
        1e-7
    };
    let number = |text: &str| {
        text.replace(',', ".")
            .parse::<f64>()
            .ok()
            .filter(|x| *x >= 0.0)
    };
    // A full-context label of HTS has its phoneme between - and +.
    let phoneme = text
        .split_once('-')
        .and_then(|(_, rest)| rest.split_once('+'))
        .map(|(phoneme, _)| phoneme);
    let text = if unit < 1.0 {
        phoneme.unwrap_or(text)
    } else {
        text
    };
    Some(sung(number(from)? * unit, number(to)? * unit, text))
}

fn labels(text: &str) -> Result<Vec<Sung>, String> {
    text.lines()
        .enumerate()
        // Audacity's lines of frequencies begin with a backslash.
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('\\'))
        .map(|(index, line)| {
            label(line)
                .ok_or_else(|| format!("line {} is `{line}`, not from, to and a text", index + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str) -> Vec<(f64, f64, String)> {
        let lyrics = parse_lyrics(text).unwrap();
        let round = |secs: f64| (1000.0 * secs).round() / 1000.0;
        let pieces = lyrics.sung().iter();
        pieces
            .map(|p| (round(p.onset_secs), round(p.offset_secs), p.text.clone()))
            .collect()
    }

    fn piece(from: f64, to: f64, text: &str) -> (f64, f64, String) {
        (from, to, text.to_owned())
    }

    #[test]
    fn lrc_is_read_by_lines_and_by_words() {
        let lines = "[ti:Song]\n[00:01.50]Hello there\n[00:03.00]\n[01:00.25]Again\n";
        assert_eq!(
            times(lines),
            [piece(1.5, 3.0, "Hello there"), piece(60.25, 70.25, "Again")]
        );
        let words = "[00:01.00]<00:01.00>Hel <00:01.40>lo <00:02.00>\n[00:05.00]you\n[00:06.00]";
        assert_eq!(
            times(words),
            [
                piece(1.0, 1.4, "Hel"),
                piece(1.4, 2.0, "lo"),
                piece(5.0, 6.0, "you")
            ]
        );
    }

    #[test]
    fn ultra_star_has_beats_and_pitches() {
        let text = "#TITLE:Song\n#BPM:300\n#GAP:1000\n: 0 10 5 La\n* 20 4 -3 li\n- 30\nE\n";
        assert_eq!(times(text), [piece(1.0, 1.5, "La"), piece(2.0, 2.2, "li")]);
        let lyrics = parse_lyrics(text).unwrap();
        assert_eq!(
            (lyrics.note_at(1.2), lyrics.note_at(2.1)),
            (Some(65.0), Some(57.0))
        );
        assert_eq!(lyrics.grain(), Grain::Syllables);
    }

    #[test]
    fn text_grids_of_both_forms_are_the_same() {
        let long = "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = 2\ntiers? <exists>\nsize = 1\n\
            item []:\n    item [1]:\n        class = \"IntervalTier\"\n        name = \"phones\"\n        xmin = 0\n        \
            xmax = 2\n        intervals: size = 2\n        intervals [1]:\n            xmin = 0\n            xmax = 1.5\n            \
            text = \"a\"\n        intervals [2]:\n            xmin = 1.5\n            xmax = 2\n            text = \"\"\n";
        let short = "File type = \"ooTextFile\"\n\"TextGrid\"\n\n0\n2\n<exists>\n1\n\"IntervalTier\"\n\"phones\"\n0\n2\n2\n0\n1.5\n\"a\"\n1.5\n2\n\"\"\n";
        let expected = [piece(0.0, 1.5, "a"), piece(1.5, 2.0, "")];
        assert_eq!(times(long), expected);
        assert_eq!(times(short), expected);
        assert_eq!(parse_lyrics(long).unwrap().grain(), Grain::Phonemes);
    }

    #[test]
    fn labels_are_seconds_or_hts_units() {
        assert_eq!(
            times("0.5\t1.25\thello you\n1.5\t2.0\tgood\n"),
            [piece(0.5, 1.25, "hello you"), piece(1.5, 2.0, "good")]
        );
        let hts = "0 5000000 xx^xx-sil+a=b/A:1\n5000000 12500000 xx^sil-a+b=c/A:1\n";
        assert_eq!(times(hts), [piece(0.0, 0.5, "sil"), piece(0.5, 1.25, "a")]);
    }

    #[test]
    fn lyrics_without_times_are_refused_with_what_is_missing() {
        for (text, said) in [
            ("", "empty"),
            (
                "Twinkle, twinkle, little star\nhow I wonder\n",
                "no line of it has a time",
            ),
            ("#BPM:abc\n: 0 1 2 la\n", "#BPM"),
            ("#BPM:100\n: 0 x 2 la\n", "line 2"),
            ("0.5\t1.0\ta\nnonsense\n", "line 2"),
            ("\"ooTextFile\" \"TextGrid\" 0 1", "no tier"),
        ] {
            let error = parse_lyrics(text).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}
