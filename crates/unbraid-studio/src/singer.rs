//! A recording of one singer and one piano comes in; how it is shared out between them, and what was heard of their music, goes out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use unbraid::group::{Kind, Source};
use unbraid::observe::Observer;
use unbraid::recipe::Instrument;
use unbraid::recipe::voice_piano::VoicePianoConfig;
use unbraid::sharing::Sharing;
use unbraid::{SeparateConfig, Separation, separate};
use unbraid_io::knowledge::{
    read_lyrics, read_melody, read_score, write_labels, write_melody_csv, write_midi,
};

use crate::failure::Failure;
use crate::music::Music;
use crate::project::Project;

/// How to listen, as the page asks for it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    /// Quickly, for a first listen.
    fast: bool,
    /// By the notes, the pitch and the words as they stand.
    pub(crate) keep: bool,
}

/// One singer and one piano, each with a model of its own.
#[derive(Debug, Clone)]
pub(crate) struct Singer {
    /// The voice, then the piano.
    pub(crate) sharing: Arc<dyn Sharing>,
    /// What the command line is told to do the same.
    pub(crate) options: Vec<String>,
    notes: Vec<String>,
}

/// The names of their stems.
pub(crate) const NAMES: [&str; 2] = ["voice", "piano"];

/// The folder of a project that keeps what they were known to sing and play.
const KNOWN: &str = "singer";

impl Singer {
    /// Listen for them, by what is known.
    pub(crate) fn listen(
        project: &Project,
        order: Listen,
        known: Option<&Music>,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Music), Failure> {
        let mut config = SeparateConfig {
            sources: [Kind::Voice, Kind::Piano].map(Source::of).to_vec(),
            ..SeparateConfig::default()
        };
        let mut options = vec!["--sources".to_owned(), NAMES.join(",")];
        if order.fast {
            config.voice_piano = VoicePianoConfig::fast();
            options.push("--fast".to_owned());
        }
        if let Some(known) = known {
            options.extend(tell(&project.folder.join(KNOWN), known, &mut config)?);
        }
        let Separation {
            sharing,
            heard,
            notes,
            ..
        } = separate(&project.audio, &config, observer)?;
        let heard = Music {
            notes: heard.score.map(|score| score.notes).unwrap_or_default(),
            pitches: (heard.melody.map(|melody| melody.points().to_vec())).unwrap_or_default(),
            words: known.map(|known| known.words.clone()).unwrap_or_default(),
        };
        let singer = Self {
            sharing: Arc::from(sharing),
            options,
            notes,
        };
        Ok((singer, heard))
    }

    pub(crate) fn describe(&self) -> Value {
        json!({ "sources": NAMES, "notes": self.notes })
    }
}

/// Write what is known as files, and take it from there, as the command line will.
fn tell(folder: &Path, known: &Music, config: &mut SeparateConfig) -> Result<Vec<String>, Failure> {
    std::fs::create_dir_all(folder)
        .map_err(Failure::system(format!("cannot make {}", folder.display())))?;
    let mut options = Vec::new();
    let mut option = |flag: &str, path: &PathBuf| {
        options.extend([flag.to_owned(), path.display().to_string()]);
    };
    if let Some(score) = known.score() {
        let path = folder.join("notes.mid");
        write_midi(&path, &score)?;
        config.instruments.push(Instrument {
            source: NAMES[1].to_owned(),
            dictionary: None,
            score: Some(read_score(&path)?),
        });
        option("--score", &path);
    }
    if let Some(melody) = known.melody()? {
        let path = folder.join("f0.csv");
        write_melody_csv(&path, &melody)?;
        config.melody = Some(read_melody(&path)?);
        option("--melody", &path);
    }
    if !known.words.is_empty() {
        let path = folder.join("words.txt");
        write_labels(&path, &known.words)?;
        config.lyrics = Some(read_lyrics(&path)?);
        option("--lyrics", &path);
    }
    Ok(options)
}
