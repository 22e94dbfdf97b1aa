//! Files that tools write come in; notes, pitch and words, as the page shows them and a person corrects them, go out.

use std::path::Path;

use serde::{Deserialize, Serialize};
use unbraid::knowledge::{Grain, Lyrics, Melody, Note, Pitch, Score, Sung};
use unbraid_io::knowledge::{read_lyrics, read_melody, read_score};

use crate::failure::Failure;

/// The most notes, points of a pitch, or pieces of text.
const MOST: usize = 100_000;

/// Music that was given, heard, or corrected by hand.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Music {
    /// The notes of an instrument.
    pub(crate) notes: Vec<Note>,
    /// The pitch of a singer.
    pub(crate) pitches: Vec<Pitch>,
    /// What is sung.
    pub(crate) words: Vec<Sung>,
}

impl Music {
    /// Read a file, told by its content: MIDI, a pitch track, or timed words.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(path).map_err(Failure::system("cannot read what was given"))?;
        let mut music = Self::default();
        if bytes.starts_with(b"MThd") || bytes.starts_with(b"RIFF") {
            music.notes = read_score(path)?.notes;
        } else if let Ok(melody) = read_melody(path) {
            music.pitches = melody.points().to_vec();
        } else {
            music.words = read_lyrics(path)?.sung().to_vec();
        }
        music.check()?;
        Ok(music)
    }

    /// Check what came from outside.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let lens = [self.notes.len(), self.pitches.len(), self.words.len()];
        if lens.iter().any(|&len| len > MOST) {
            return Err(Failure::Refused(format!(
                "more than {MOST} notes, pitches or words"
            )));
        }
        let wrong = |note: &&Note| {
            let times = [note.onset_secs, note.offset_secs];
            note.key > 127
                || times.iter().any(|secs| !secs.is_finite())
                || note.offset_secs <= note.onset_secs
        };
        if let Some(note) = self.notes.iter().find(wrong) {
            return Err(Failure::Refused(format!(
                "a note of key {} from {} to {} s, but keys go to 127 and notes end after they begin",
                note.key, note.onset_secs, note.offset_secs
            )));
        }
        self.melody()?;
        if !self.words.is_empty() {
            Lyrics::new(self.words.clone(), Grain::Syllables)?;
        }
        Ok(())
    }

    /// The pitch, if there is one.
    pub(crate) fn melody(&self) -> Result<Option<Melody>, Failure> {
        if self.pitches.is_empty() {
            return Ok(None);
        }
        Ok(Some(Melody::new(self.pitches.clone())?))
    }

    /// The notes, if there are some.
    pub(crate) fn score(&self) -> Option<Score> {
        (!self.notes.is_empty()).then(|| Score {
            notes: self.notes.clone(),
            ..Score::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_is_told_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("given");
        let note = Note {
            onset_secs: 0.5,
            offset_secs: 1.0,
            key: 60,
            velocity: 100,
            track: 0,
            confidence: 1.0,
        };
        let score = Score {
            notes: vec![note],
            ..Score::default()
        };
        unbraid_io::knowledge::write_midi(&file, &score).unwrap();
        assert_eq!(Music::read(&file).unwrap().notes, [note]);
        std::fs::write(&file, "time,hz\n0.0,220\n0.1,0\n").unwrap();
        assert_eq!(Music::read(&file).unwrap().pitches.len(), 2);
        std::fs::write(&file, "[00:01.00]all you\n[00:02.50]need\n").unwrap();
        assert_eq!(Music::read(&file).unwrap().words[1].text, "need");
        std::fs::write(&file, "MThd and nothing more").unwrap();
        assert!(Music::read(&file).is_err());
    }
}
