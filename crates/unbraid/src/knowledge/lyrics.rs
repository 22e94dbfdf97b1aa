//! Words in time come in; when a voice sounds, and whether on a vowel or a consonant, goes out.

use serde::{Deserialize, Serialize};

use crate::Error;

/// A piece of text that is sung: a line, a word, a syllable or a phoneme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sung {
    /// Where it begins, in seconds.
    pub onset_secs: f64,
    /// Where it ends, in seconds.
    pub offset_secs: f64,
    /// The text.
    pub text: String,
    /// The MIDI note it is sung on, if it is known, in some octave.
    pub note: Option<f32>,
}

/// How finely lyrics are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grain {
    /// Lines, words or syllables: they say when a voice may sound, and what a syllable begins with.
    Syllables,
    /// Phonemes: each says how it sounds.
    Phonemes,
}

/// The lyrics of one singer.
///
/// # Examples
///
/// ```
/// use unbraid::knowledge::{Grain, Lyrics, Sound, Sung};
///
/// let sung = Sung { onset_secs: 1.0, offset_secs: 2.0, text: "sing".into(), note: None };
/// let lyrics = Lyrics::new(vec![sung], Grain::Syllables)?;
/// assert_eq!(lyrics.at(0.0), Sound::Silence);
/// assert_eq!(lyrics.at(1.02), Sound::Unvoiced); // the s
/// assert_eq!(lyrics.at(1.5), Sound::Any);
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lyrics {
    sung: Vec<Sung>,
    grain: Grain,
}

/// How the voice sounds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// Not at all.
    Silence,
    /// Noise without a pitch.
    Unvoiced,
    /// A pitch.
    Voiced,
    /// Nothing more is known than that it may sound.
    Any,
}

/// Words are rarely timed better than this.
const SLACK_SECS: f64 = 0.08;

/// An unvoiced consonant at the beginning of a syllable lasts about so long.
const CONSONANT_SECS: f64 = 0.08;

/// Labels of pauses, as HTS, TextGrid and Praat name them.
const PAUSES: [&str; 9] = ["", "sil", "pau", "sp", "spn", "#", "_", "-", "xx"];

/// Phonemes without a pitch, in the alphabets of HTS (Japanese), ARPAbet and SAMPA: stops, fricatives, affricates,
/// breath and closures.
const UNVOICED: [&str; 26] = [
    "p", "t", "k", "f", "s", "h", "hh", "sh", "ch", "ts", "th", "ky", "py", "hy", "cl", "br", "q",
    "x", "ssh", "ty", "c", "pf", "C", "S", "T", "tS",
];

impl Lyrics {
    /// From pieces in the order of time.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a piece ends before it begins, or begins before the one before it.
    pub fn new(sung: Vec<Sung>, grain: Grain) -> Result<Self, Error> {
        let mut before = f64::NEG_INFINITY;
        for piece in &sung {
            let (onset, offset) = (piece.onset_secs, piece.offset_secs);
            if !(onset.is_finite() && onset >= before) {
                let requirement = format!("at or after the piece before it ({before} s)");
                return Err(Error::config("lyrics.onset_secs", onset, requirement));
            }
            if !(offset.is_finite() && offset >= onset) {
                let requirement = format!("at or after its onset ({onset} s)");
                return Err(Error::config("lyrics.offset_secs", offset, requirement));
            }
            before = onset;
        }
        Ok(Self { sung, grain })
    }

    /// The pieces, in the order of time.
    #[must_use]
    pub fn sung(&self) -> &[Sung] {
        &self.sung
    }

    /// How finely they are timed.
    #[must_use]
    pub fn grain(&self) -> Grain {
        self.grain
    }

    /// What is sung from one moment to another, in seconds, with times counted from the first.
    #[must_use]
    pub fn between(&self, start_secs: f64, end_secs: f64) -> Self {
        let inside = |sung: &&Sung| {
            sung.offset_secs > start_secs - SLACK_SECS && sung.onset_secs < end_secs + SLACK_SECS
        };
        let shifted = |sung: &Sung| Sung {
            onset_secs: sung.onset_secs - start_secs,
            offset_secs: sung.offset_secs - start_secs,
            ..sung.clone()
        };
        Self {
            sung: self.sung.iter().filter(inside).map(shifted).collect(),
            grain: self.grain,
        }
    }

    /// The piece that sounds at a moment, if one does.
    fn piece(&self, secs: f64) -> Option<&Sung> {
        let after = self.sung.partition_point(|piece| piece.onset_secs <= secs);
        self.sung[..after]
            .iter()
            .rev()
            .take(4)
            .find(|piece| secs < piece.offset_secs && !is_pause(&piece.text))
    }

    /// How the voice sounds at a moment, with some slack around silence.
    #[must_use]
    pub fn at(&self, secs: f64) -> Sound {
        let Some(piece) = self.piece(secs) else {
            let near = self
                .piece(secs - SLACK_SECS)
                .or_else(|| self.piece(secs + SLACK_SECS));
            return if near.is_some() {
                Sound::Any
            } else {
                Sound::Silence
            };
        };
        match self.grain {
            Grain::Phonemes if is_unvoiced(&piece.text) => Sound::Unvoiced,
            Grain::Phonemes => Sound::Voiced,
            Grain::Syllables => {
                let into = secs - piece.onset_secs;
                if into < CONSONANT_SECS.min(0.3 * (piece.offset_secs - piece.onset_secs))
                    && begins_unvoiced(&piece.text)
                {
                    Sound::Unvoiced
                } else {
                    Sound::Any
                }
            }
        }
    }

    /// The phoneme that sounds at a moment, without digits of stress, if the lyrics are so fine.
    #[must_use]
    pub fn phoneme(&self, secs: f64) -> Option<&str> {
        if self.grain != Grain::Phonemes {
            return None;
        }
        let piece = self.piece(secs)?;
        Some(plain(&piece.text))
    }

    /// The MIDI note that is sung at a moment, if the lyrics say so; its octave is not to be relied on.
    #[must_use]
    pub fn note_at(&self, secs: f64) -> Option<f32> {
        self.piece(secs).and_then(|piece| piece.note)
    }
}

/// Whether a label stands for a pause.
fn is_pause(text: &str) -> bool {
    let text = text.trim();
    PAUSES.contains(&text.to_lowercase().as_str())
}

/// A phoneme without digits of stress.
fn plain(phoneme: &str) -> &str {
    phoneme
        .trim()
        .trim_end_matches(|c: char| c.is_ascii_digit())
}

/// Whether a phoneme has no pitch.
fn is_unvoiced(phoneme: &str) -> bool {
    let plain = plain(phoneme);
    UNVOICED.contains(&plain) || UNVOICED.contains(&plain.to_lowercase().as_str())
}

/// Whether a word of a language in Latin letters begins without a pitch: letter to sound for English, German, Italian,
/// Spanish, French (whose h is silent but rare) and Japanese in rōmaji. Other scripts say nothing.
fn begins_unvoiced(word: &str) -> bool {
    let letters: String = word
        .chars()
        .filter(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    !letters.starts_with("kn") && letters.starts_with(['p', 't', 'k', 'c', 'q', 'f', 's', 'h', 'x'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sung(onset_secs: f64, offset_secs: f64, text: &str) -> Sung {
        Sung {
            onset_secs,
            offset_secs,
            text: text.to_owned(),
            note: None,
        }
    }

    #[test]
    fn phonemes_say_how_they_sound_and_pauses_that_nothing_does() {
        let pieces = vec![
            sung(0.0, 1.0, "pau"),
            sung(1.0, 1.1, "s"),
            sung(1.1, 2.0, "a"),
            sung(2.0, 3.0, "sil"),
        ];
        let lyrics = Lyrics::new(pieces, Grain::Phonemes).unwrap();
        assert_eq!(lyrics.at(0.5), Sound::Silence);
        assert_eq!(lyrics.at(0.95), Sound::Any);
        assert_eq!(lyrics.at(1.05), Sound::Unvoiced);
        assert_eq!(lyrics.at(1.5), Sound::Voiced);
        assert_eq!(lyrics.at(2.5), Sound::Silence);
        assert_eq!(lyrics.at(9.0), Sound::Silence);
    }

    #[test]
    fn only_words_that_begin_without_a_pitch_begin_without_one() {
        assert!(begins_unvoiced("Sing") && begins_unvoiced("ka") && begins_unvoiced("(hello)"));
        assert!(!begins_unvoiced("know") && !begins_unvoiced("away") && !begins_unvoiced("愛"));
    }

    #[test]
    fn pieces_out_of_order_are_refused() {
        let error = Lyrics::new(
            vec![sung(2.0, 3.0, "a"), sung(1.0, 1.5, "b")],
            Grain::Syllables,
        );
        assert!(error.unwrap_err().to_string().contains("lyrics.onset_secs"));
        let error = Lyrics::new(vec![sung(2.0, 1.0, "a")], Grain::Syllables);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("lyrics.offset_secs")
        );
    }
}
