//! A folder of stems that `separate` wrote into a project comes in; what the page shows and plays of it goes out.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ndarray::s;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use unbraid::Audio;
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::{read_melody, read_score};
use unbraid_io::project::{Input, MANIFEST, Manifest, read_manifest};

use crate::failure::Failure;
use crate::job::NO_PANIC;
use crate::music::Music;
use crate::program::Given;

/// The folder of a project that holds them.
pub(crate) const SEPARATED: &str = "separated";

/// The file in it that says what was asked for.
const ASKED: &str = "asked.json";

/// Stems that are heard beside the components.
#[derive(Debug)]
pub(crate) struct Separated {
    folder: PathBuf,
    manifest: Manifest,
    asked: Asked,
    /// Read when they are first played.
    stems: Mutex<Option<Arc<Vec<Audio>>>>,
}

/// What was asked for, in the page's terms and in the command line's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) given: Vec<Given>,
    pub(crate) command: String,
}

impl Asked {
    /// Write it beside the stems.
    pub(crate) fn write(&self, project: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::Refused(format!("cannot say what was asked for: {error}")))?;
        let file = project.join(SEPARATED).join(ASKED);
        Ok(unbraid_io::atomic::write_file(&file, &text)?)
    }
}

impl Separated {
    /// The stems of a project, if there are some and they are of its recording.
    pub(crate) fn read(project: &Path, input: &Input) -> Option<Self> {
        let folder = project.join(SEPARATED);
        if !folder.join(MANIFEST).is_file() {
            return None;
        }
        let manifest = read_manifest(&folder).ok()?;
        let there = |path: &String| folder.join(path).is_file();
        let of = |input: &Input| (input.sha256.clone(), input.len_samples, input.channels);
        let ours = of(&manifest.input) == of(input);
        if !ours || !manifest.outputs.iter().all(|output| there(&output.path)) {
            return None;
        }
        let asked = fs::read(folder.join(ASKED)).ok();
        let asked = asked.and_then(|text| serde_json::from_slice(&text).ok());
        Some(Self {
            folder,
            manifest,
            asked: asked.unwrap_or_default(),
            stems: Mutex::new(None),
        })
    }

    fn files(&self) -> impl Iterator<Item = &String> {
        self.manifest.outputs.iter().map(|output| &output.path)
    }

    pub(crate) fn describe(&self) -> Value {
        let grouping = self.manifest.grouping.as_ref();
        let why = grouping.map(|grouping| {
            let each = 0..grouping.components.len();
            each.map(|k| grouping.why(k)).collect::<Vec<_>>()
        });
        let name = |file: &String| {
            let stem = Path::new(file).file_stem().unwrap_or_default();
            stem.to_string_lossy().into_owned()
        };
        let music = ["notes.mid", "notes.csv", "f0.csv", "onsets.csv"].map(str::to_owned);
        let music = music.iter().filter(|file| self.folder.join(file).is_file());
        json!({
            "sources": self.files().map(name).collect::<Vec<_>>(),
            "files": self.files().chain(music).map(|file| format!("{SEPARATED}/{file}")).collect::<Vec<_>>(),
            "notes": self.manifest.notes,
            "why": why.unwrap_or_default(),
            "given": self.asked.given,
            "command": self.asked.command,
        })
    }

    /// The notes and the pitch that were heard.
    pub(crate) fn heard(&self) -> Music {
        let notes = read_score(&self.folder.join("notes.csv")).ok();
        let pitches = read_melody(&self.folder.join("f0.csv")).ok();
        Music {
            notes: notes.map(|score| score.notes).unwrap_or_default(),
            pitches: pitches.map_or_else(Vec::new, |melody| melody.points().to_vec()),
            words: Vec::new(),
        }
    }

    /// A span of every stem, stem by stem, channel by channel.
    pub(crate) fn span(&self, span: Range<usize>) -> Result<Vec<f32>, Failure> {
        let mut kept = self.stems.lock().expect(NO_PANIC);
        let stems = if let Some(stems) = &*kept {
            stems.clone()
        } else {
            let read = |file: &String| {
                let stem = read_audio(&self.folder.join(file), Span::default())?.audio;
                if stem.len_samples() != self.manifest.input.len_samples
                    || stem.channels() != self.manifest.input.channels
                {
                    return Err(Failure::Missing(format!(
                        "{file} was changed since it was separated: separate again"
                    )));
                }
                Ok(stem)
            };
            let stems: Vec<Audio> = self.files().map(read).collect::<Result<_, Failure>>()?;
            kept.insert(Arc::new(stems)).clone()
        };
        drop(kept);
        let part = |stem: &Audio| stem.samples().slice(s![.., span.clone()]).to_owned();
        Ok(stems.iter().flat_map(part).collect())
    }
}
