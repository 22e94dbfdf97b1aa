//! The name of a file comes in; the note and the loudness it tells go out.

use std::path::Path;

/// What a file's name says of the sound in it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NoteName {
    /// The MIDI note number.
    pub note: Option<u8>,
    /// The MIDI velocity, if the name tells one.
    pub velocity: Option<u8>,
    /// The number of a layer of loudness, if the name tells one.
    pub layer: Option<u8>,
}

/// Read note and loudness off a file's name.
///
/// | name | note | loudness |
/// |---|---|---|
/// | `A4v10.ogg`, `D#2v16`, `Bb3-v4`, `Fs5_L2` | A4, D♯2, … (C4 is 60) | layer 10, 16, … |
/// | `060-080.wav`, `60_100` | 60 | velocity 80, 100 |
/// | `n060v080`, `note60` | 60 | velocity 80 |
/// | `Piano.ff.C4`, `C4_pp` | C4 | fortissimo, pianissimo |
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use unbraid_io::knowledge::note_name;
///
/// let name = note_name(Path::new("piano/A4v10.ogg"));
/// assert_eq!((name.note, name.layer), (Some(69), Some(10)));
/// ```
#[must_use]
pub fn note_name(path: &Path) -> NoteName {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut name = NoteName::default();
    let numbers = pair_of_numbers(&stem);
    if let Some((note, velocity)) = numbers {
        return NoteName {
            note: Some(note),
            velocity: Some(velocity),
            layer: None,
        };
    }
    let words =
        stem.split(|c: char| !(c.is_ascii_alphanumeric() || c == '#' || c == '♯' || c == '♭'));
    for word in words.filter(|word| !word.is_empty()) {
        let (note, rest) = match spelled(word).or_else(|| numbered(word)) {
            Some(found) if name.note.is_none() => found,
            _ => {
                loudness(word, &mut name);
                continue;
            }
        };
        name.note = Some(note);
        if !rest.is_empty() {
            loudness(rest, &mut name);
        }
    }
    name
}

/// `060-080`: a note and a velocity.
fn pair_of_numbers(stem: &str) -> Option<(u8, u8)> {
    let mut parts = stem.split(['-', '_', ' ']);
    let (note, velocity) = (parts.next()?, parts.next()?);
    let number = |text: &str| text.parse::<u8>().ok().filter(|&value| value < 128);
    match parts.next() {
        None => Some((number(note)?, number(velocity)?)),
        Some(_) => None,
    }
}

/// `A4…`, `D#2…`, `Bb3…`, `Fs5…`: the note, and what follows.
fn spelled(word: &str) -> Option<(u8, &str)> {
    let mut chars = word.char_indices().peekable();
    let (_, letter) = chars.next()?;
    let tone = match letter.to_ascii_uppercase() {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let shift = match chars.peek().map(|&(_, c)| c) {
        Some('#' | '♯' | 's') => 1,
        Some('b' | '♭') => -1,
        _ => 0,
    };
    if shift != 0 {
        chars.next();
    }
    let begin = chars.peek().map_or(word.len(), |&(at, _)| at);
    let digits = word[begin..]
        .chars()
        .take_while(char::is_ascii_digit)
        .count();
    if digits != 1 {
        return None;
    }
    let octave: i32 = word[begin..=begin].parse().ok()?;
    let note = 12 * (octave + 1) + tone + shift;
    let rest = &word[begin + 1..];
    // `Attack2` is no note: what follows a note is a digit, a mark of loudness, or nothing.
    let known = rest.is_empty() || rest.starts_with(['v', 'V', 'l', 'L', 'p', 'f', 'm', 'r']);
    u8::try_from(note)
        .ok()
        .filter(|_| known)
        .map(|note| (note, rest))
}

/// `n060…`, `note60`, `midi60`, `060`.
fn numbered(word: &str) -> Option<(u8, &str)> {
    let letters = word.chars().take_while(char::is_ascii_alphabetic).count();
    let prefix = word[..letters].to_ascii_lowercase();
    let known = ["", "n", "note", "midi", "key", "k"].contains(&prefix.as_str());
    let digits = word[letters..]
        .chars()
        .take_while(char::is_ascii_digit)
        .count();
    if !known || digits < 2 {
        return None;
    }
    let (number, rest) = word[letters..].split_at(digits);
    let note: u8 = number.parse().ok()?;
    (12..=127).contains(&note).then_some((note, rest))
}

fn loudness(word: &str, name: &mut NoteName) {
    let lower = word.to_ascii_lowercase();
    let dynamics = ["ppp", "pp", "p", "mp", "mf", "f", "ff", "fff"];
    if let Some(step) = dynamics.iter().position(|&mark| mark == lower) {
        // The usual rendering of dynamics in notation programs: sixteen apart.
        name.velocity = Some(16 * (step as u8 + 1) - u8::from(step == 7));
        return;
    }
    let letters = lower.chars().take_while(char::is_ascii_alphabetic).count();
    let Ok(number) = lower[letters..].parse::<u8>() else {
        return;
    };
    match &lower[..letters] {
        "v" | "vel" | "velocity" if lower.len() - letters >= 3 || number > 32 => {
            name.velocity = Some(number.min(127));
        }
        "v" | "l" | "layer" | "vel" | "velocity" => name.layer = Some(number),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_loudness_are_read_off_the_usual_names() {
        for (file, note, velocity, layer) in [
            ("A4v10.ogg", Some(69), None, Some(10)),
            ("D#2v16.ogg", Some(39), None, Some(16)),
            ("Bb3-v4.wav", Some(58), None, Some(4)),
            ("Fs5_L2.wav", Some(78), None, Some(2)),
            ("As0.ogg", Some(22), None, None),
            ("060-080.wav", Some(60), Some(80), None),
            ("60_100.wav", Some(60), Some(100), None),
            ("n060v080.flac", Some(60), Some(80), None),
            ("note60.wav", Some(60), None, None),
            ("Piano.ff.C4.aiff", Some(60), Some(112), None),
            ("C4_pp.wav", Some(60), Some(32), None),
            ("kick.wav", None, None, None),
            ("A very quiet day.wav", None, None, None),
            ("take 1.wav", None, None, None),
        ] {
            let name = note_name(Path::new(file));
            assert_eq!(
                (name.note, name.velocity, name.layer),
                (note, velocity, layer),
                "{file}"
            );
        }
    }
}
