//! A folder comes in; the recordings with drums in it whose stems are known go out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use unbraid::Audio;
use unbraid::group::{Source, parse_sources};
use unbraid_io::audio::{Span, read_audio};

use crate::root;

/// A mixture of drums and something else, and both as they were before.
#[derive(Debug)]
pub(super) struct Clip {
    pub(super) name: String,
    pub(super) mixture: Audio,
    /// Drums, and the sum of everything else.
    pub(super) truths: [Audio; 2],
    /// What a person would ask for.
    pub(super) sources: Vec<Source>,
}

/// The names a stem of drums goes by.
const DRUMS: [&str; 2] = ["drums", "drums_rest"];

/// The folder of clips that the variable `UNBRAID_CLIPS` names, or the usual one.
pub(super) fn folder() -> PathBuf {
    let named = std::env::var_os("UNBRAID_CLIPS");
    named.map_or_else(|| root().join("../shared/clips"), PathBuf::from)
}

/// The demo, and every clip with drums that is in `folder`, if there is such a folder.
pub(super) fn find(folder: &Path) -> Result<Vec<Clip>> {
    let demo = root().join("demo");
    let stems =
        ["drums", "guitar"].map(|stem| demo.join("stems").join(stem).with_extension("flac"));
    let mut clips = vec![Clip::read("demo", &demo.join("mixture.flac"), &stems)?];
    if !folder.is_dir() {
        println!(
            "no clips but the demo: there is no folder {}",
            folder.display()
        );
        return Ok(clips);
    }
    for below in entries(folder)? {
        let mixture = below.join("mixture.flac");
        if !mixture.is_file() {
            continue;
        }
        let mut stems = entries(&below)?;
        stems.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "flac")
                && *path != mixture
        });
        if stems.len() > 1 && stems.iter().any(|path| is_drums(path)) {
            let name = below.file_name().unwrap_or_default().to_string_lossy();
            clips.push(Clip::read(&name, &mixture, &stems)?);
        }
    }
    Ok(clips)
}

/// What is in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = read.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn is_drums(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| DRUMS.iter().any(|drums| stem == *drums))
}

fn read(path: &Path) -> Result<Audio> {
    Ok(read_audio(path, Span::default())?.audio)
}

impl Clip {
    fn read(name: &str, mixture: &Path, stems: &[PathBuf]) -> Result<Self> {
        let mixture = read(mixture)?;
        let (drums, others): (Vec<_>, Vec<_>) = stems.iter().partition(|path| is_drums(path));
        let sum = |paths: &[&PathBuf]| -> Result<Audio> {
            let mut samples = ndarray::Array2::zeros(mixture.samples().dim());
            for path in paths {
                let stem = read(path)?;
                ensure!(
                    stem.samples().dim() == samples.dim()
                        && stem.sample_rate() == mixture.sample_rate(),
                    "{}: not the shape of its mixture",
                    path.display()
                );
                samples += &stem.samples();
            }
            Ok(Audio::new(samples, mixture.sample_rate())?)
        };
        let guitar = others.len() == 1 && others[0].file_stem().is_some_and(|it| it == "guitar");
        let wanted = if guitar { "drums,guitar" } else { "drums,rest" };
        Ok(Self {
            name: name.to_owned(),
            truths: [sum(&drums)?, sum(&others)?],
            mixture,
            sources: parse_sources(wanted, &[])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_found_where_there_are_no_other_clips() {
        let clips = find(Path::new("there/is/no/such/folder")).unwrap();
        assert_eq!(clips.len(), 1);
        let Clip {
            mixture, truths, ..
        } = &clips[0];
        let sum = &truths[0].samples() + &truths[1].samples();
        assert!(truths[0] != truths[1]);
        assert_eq!(sum, mixture.samples());
    }
}
