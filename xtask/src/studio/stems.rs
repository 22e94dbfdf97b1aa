//! Stems that the studio wrote come in; whether the command line writes the same, and how good they are, go out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use unbraid::Audio;
use unbraid_io::audio::{Span, read_audio};

use super::Exported;
use crate::python::call;
use crate::root;
use crate::score::{downmix, each_mono};

/// What the studio calls the demo's drums and guitar as long as nobody names them.
const SOURCES: [&str; 2] = ["drums", "rest"];

fn read(path: &Path) -> Result<Audio> {
    Ok(read_audio(path, Span::default())?.audio)
}

fn truths() -> Result<Vec<Audio>> {
    let stems = root().join("demo/stems");
    (["drums.flac", "guitar.flac"].iter())
        .map(|stem| read(&stems.join(stem)))
        .collect()
}

/// What a listener hears in each of the demo's components: the source whose true stem it goes along with more.
pub(super) fn heard(binary: &Path, demo: &Path, work: &Path) -> Result<Vec<String>> {
    let project = work.join("heard.unbraid");
    call(
        Command::new(binary)
            .args(["factorize", "--quiet", "--format", "wav32f", "-o"])
            .args([&project, demo]),
    )?;
    let truths = downmix(&truths()?);
    let mut files: Vec<PathBuf> = fs::read_dir(project.join("components"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    ensure!(files.len() == 16, "{} components", files.len());
    let source = |file: &PathBuf| {
        let component = downmix(&[read(file)?]);
        let along = truths.dot(&component.row(0));
        Ok(SOURCES[usize::from(along[1] > along[0])].to_owned())
    };
    files.iter().map(source).collect()
}

/// Run every way that the page names as a person would, in a shell; the number of ways that wrote the same bytes, which has
/// to be all of them.
pub(super) fn same(binary: &Path, work: &Path, exported: &Exported) -> Result<usize> {
    let programs = binary.parent().context("the program lies in a folder")?;
    let path = std::env::var("PATH").unwrap_or_default();
    for (number, way) in exported.commands.iter().enumerate() {
        let cwd = work.join(format!("way-{number}"));
        fs::create_dir_all(&cwd)?;
        call(
            Command::new("sh")
                .args(["-e", "-c", &format!("{way} --quiet -o out")])
                .env("PATH", format!("{}:{path}", programs.display()))
                .stdout(Stdio::null())
                .current_dir(&cwd),
        )?;
        let mut out = cwd.join("out");
        if way.starts_with("unbraid separate") {
            let track = fs::read_dir(&out)?.next().context("nothing was written")?;
            out = track?.path();
        }
        for file in &exported.files {
            let (ours, theirs) = (exported.folder.join(file), out.join(file));
            ensure!(
                fs::read(ours)? == fs::read(theirs)?,
                "{way}: {file} differs"
            );
        }
        fs::remove_dir_all(&cwd)?;
    }
    Ok(exported.commands.len())
}

/// The SDR of the demo's drums and guitar: as the components group themselves, as the person grouped them, and as `separate`
/// makes them with everything it has.
pub(super) fn scores(
    binary: &Path,
    demo: &Path,
    work: &Path,
    exported: &Exported,
) -> Result<[Vec<f64>; 3]> {
    let truths = downmix(&truths()?);
    let score = |folder: &Path| {
        let stems = SOURCES.map(|source| read(&folder.join(source).with_extension("wav")));
        let stems: Vec<Audio> = stems.into_iter().collect::<Result<_>>()?;
        each_mono(&truths, &downmix(&stems))
    };
    let (grouped, separated) = (work.join("grouped"), work.join("separated"));
    let run = |words: [&str; 2], input: &Path, out: &Path| {
        let mut command = Command::new(binary);
        command.args(words).arg(input).arg("-o").arg(out);
        call(&mut command)
    };
    run(["group", "--quiet"], &work.join("heard.unbraid"), &grouped)?;
    run(["separate", "--quiet"], demo, &separated)?;
    Ok([
        score(&grouped)?,
        score(&exported.folder)?,
        score(&separated.join("mixture"))?,
    ])
}
