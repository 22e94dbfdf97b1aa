//! A folder comes in; the recordings in it whose stems are known go out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use unbraid::Audio;
use unbraid::group::{Source, parse_sources};
use unbraid_io::audio::{Span, read_audio};

use crate::root;

/// A mixture and its true stems.
#[derive(Debug)]
pub(crate) struct Clip {
    pub(crate) name: String,
    pub(crate) mixture: Audio,
    /// In the order of `sources`.
    pub(crate) truths: Vec<Audio>,
    /// What a person would ask for.
    pub(crate) sources: Vec<Source>,
    /// The folder it lies in, with what else is known of it.
    pub(crate) folder: PathBuf,
}

/// The names a stem of drums goes by.
const DRUMS: [&str; 2] = ["drums", "drums_rest"];

/// The folder of clips that the variable `UNBRAID_CLIPS` names, or the usual one.
pub(crate) fn folder() -> PathBuf {
    let named = std::env::var_os("UNBRAID_CLIPS");
    named.map_or_else(|| root().join("../shared/clips"), PathBuf::from)
}

/// The demo, and every clip that is in `folder`, if there is such a folder, each with all its stems.
pub(crate) fn find(folder: &Path) -> Result<Vec<Clip>> {
    read_all(folder, Clip::read)
}

/// The demo, and every clip with drums: drums against the sum of everything else.
pub(crate) fn find_drums(folder: &Path) -> Result<Vec<Clip>> {
    let mut clips = read_all(folder, Clip::read_drums)?;
    clips.retain(|clip| clip.truths.len() == 2);
    Ok(clips)
}

fn read_all(
    folder: &Path,
    read: fn(&str, &Path, &Path, &[PathBuf]) -> Result<Clip>,
) -> Result<Vec<Clip>> {
    let demo = root().join("demo");
    let stems =
        ["drums", "guitar"].map(|stem| demo.join("stems").join(stem).with_extension("flac"));
    let mut clips = vec![read("demo", &demo, &demo.join("mixture.flac"), &stems)?];
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
        if stems.len() > 1 {
            let name = below.file_name().unwrap_or_default().to_string_lossy();
            clips.push(read(&name, &below, &mixture, &stems)?);
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

/// The sum of some files that have the shape of the mixture.
fn sum(mixture: &Audio, paths: &[PathBuf]) -> Result<Audio> {
    let mut samples = ndarray::Array2::zeros(mixture.samples().dim());
    for path in paths {
        let stem = read(path)?;
        ensure!(
            stem.samples().dim() == samples.dim() && stem.sample_rate() == mixture.sample_rate(),
            "{}: not the shape of its mixture",
            path.display()
        );
        samples += &stem.samples();
    }
    Ok(Audio::new(samples, mixture.sample_rate())?)
}

/// What a person would call the source in a file: its kind where there is one of that name, drums for
/// `drums_rest`, else a name of its own that takes what nothing else claims.
fn source_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    if is_drums(path) {
        "drums".to_owned()
    } else if parse_sources(&name, &[]).is_ok() {
        name.into_owned()
    } else {
        format!("{name}=rest")
    }
}

impl Clip {
    fn read(name: &str, folder: &Path, mixture: &Path, stems: &[PathBuf]) -> Result<Self> {
        let mixture = read(mixture)?;
        let wanted: Vec<String> = stems.iter().map(|path| source_of(path)).collect();
        let truth = |path: &PathBuf| sum(&mixture, std::slice::from_ref(path));
        Ok(Self {
            name: name.to_owned(),
            truths: stems.iter().map(truth).collect::<Result<_>>()?,
            sources: parse_sources(&wanted.join(","), &[])?,
            folder: folder.to_owned(),
            mixture,
        })
    }

    fn read_drums(name: &str, folder: &Path, mixture: &Path, stems: &[PathBuf]) -> Result<Self> {
        let mixture = read(mixture)?;
        let (drums, others): (Vec<_>, Vec<_>) =
            stems.iter().cloned().partition(|path| is_drums(path));
        let guitar = others.len() == 1 && others[0].file_stem().is_some_and(|it| it == "guitar");
        let wanted = if guitar { "drums,guitar" } else { "drums,rest" };
        let truths = if drums.is_empty() {
            Vec::new()
        } else {
            vec![sum(&mixture, &drums)?, sum(&mixture, &others)?]
        };
        Ok(Self {
            name: name.to_owned(),
            truths,
            sources: parse_sources(wanted, &[])?,
            folder: folder.to_owned(),
            mixture,
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
