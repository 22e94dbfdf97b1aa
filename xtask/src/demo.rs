//! Two packages of recordings come in; the files of `demo/` go out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::python::{call, interpreter, script};
use crate::{root, scratch};

/// The Debian packages the clip is made of.
const PACKAGES: [&str; 2] = ["fretsonfire-songs-sectoid", "sonic-pi-samples"];

/// The Debian packages that are used here and there, and a file by which each is known to be there.
const KNOWN: [(&str, &str); 3] = [
    (
        "fretsonfire-songs-sectoid",
        "usr/share/games/fretsonfire/data/songs/sectoid/Feelings/guitar.ogg",
    ),
    (
        "sonic-pi-samples",
        "usr/share/sonic-pi/samples/drum_snare_hard.flac",
    ),
    ("fluid-soundfont-gm", "usr/share/sounds/sf2/FluidR3_GM.sf2"),
];

/// What to make the demo of, and where.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A folder that holds `usr/share/…` of both packages; without it they are taken from this
    /// system, or else fetched by `apt-get download`
    #[arg(long, value_name = "DIR")]
    packages: Option<PathBuf>,
    /// Where to write the clip and its stems
    #[arg(short, long, value_name = "DIR", default_value_os_t = root().join("demo"))]
    output: PathBuf,
}

/// Find or fetch the packages, and make the clip; it fails if the samples are not the known ones.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let packages = packages(arguments.packages.as_deref(), &PACKAGES)?;
    let python = interpreter("demo")?;
    call(
        Command::new(python)
            .arg(script("demo.py"))
            .arg(packages)
            .arg(&arguments.output),
    )
}

/// A folder that holds `usr/share/…` of some packages: the given one, this system, or one they are fetched to.
pub(crate) fn packages(given: Option<&Path>, names: &[&str]) -> Result<PathBuf> {
    match given {
        Some(given) => match missing(given, names).first() {
            Some(name) => bail!(
                "there is no unpacked package `{name}` in {}",
                given.display()
            ),
            None => Ok(given.to_owned()),
        },
        None if missing(Path::new("/"), names).is_empty() => Ok(PathBuf::from("/")),
        None => fetch(names),
    }
}

/// The packages of some names that are not unpacked in `folder`.
fn missing(folder: &Path, names: &[&str]) -> Vec<&'static str> {
    let absent = KNOWN
        .iter()
        .filter(|(name, file)| names.contains(name) && !folder.join(file).is_file());
    absent.map(|&(name, _)| name).collect()
}

/// Download and unpack what is not there from an earlier run.
fn fetch(names: &[&str]) -> Result<PathBuf> {
    let folder = scratch().join("packages");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for name in missing(&folder, names) {
        call(Command::new("apt-get").args(["download", "--quiet", name]).current_dir(&folder))
            .with_context(|| format!("cannot fetch the Debian package `{name}`; unpack it yourself and say where by --packages"))?;
        call(
            Command::new("dpkg-deb")
                .arg("--extract")
                .arg(archive(&folder, name)?)
                .arg(&folder),
        )?;
    }
    Ok(folder)
}

/// The downloaded archive of a package.
fn archive(folder: &Path, name: &str) -> Result<PathBuf> {
    let start = format!("{name}_");
    let mut found: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .filter(|path| {
            path.file_name()
                .is_some_and(|file| file.to_string_lossy().starts_with(&start))
        })
        .collect();
    found.sort();
    found
        .pop()
        .with_context(|| format!("no archive of `{name}` came to {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use flac_codec::decode::FlacSampleReader;
    use flac_codec::metadata::Metadata;

    use super::*;

    /// The interleaved samples of a file of the demo.
    fn samples(name: &str) -> Vec<i32> {
        let mut reader = FlacSampleReader::open(root().join("demo").join(name)).unwrap();
        let metadata = reader.metadata();
        let format = (
            metadata.sample_rate(),
            metadata.bits_per_sample(),
            metadata.channel_count(),
        );
        assert_eq!(format, (44_100, 16, 2), "{name}");
        let mut samples = Vec::new();
        reader.read_to_end(&mut samples).unwrap();
        samples
    }

    #[test]
    fn the_mixture_of_the_demo_is_exactly_the_sum_of_its_stems() {
        let mixture = samples("mixture.flac");
        let drums = samples("stems/drums.flac");
        let guitar = samples("stems/guitar.flac");
        assert_eq!((drums.len(), guitar.len()), (mixture.len(), mixture.len()));

        let secs = mixture.len() as f64 / 2.0 / 44_100.0;
        assert!((12.0..15.0).contains(&secs), "{secs} s");
        for (index, sample) in mixture.iter().enumerate() {
            assert_eq!(drums[index] + guitar[index], *sample, "at sample {index}");
        }
        // Full scale would be the sign of a sum that was clipped.
        assert!(mixture.iter().all(|sample| sample.abs() < 32_767));
    }

    #[test]
    fn the_stems_of_the_demo_are_about_equally_loud() {
        let level = |name: &str| {
            let samples = samples(name);
            let energy: f64 = samples
                .iter()
                .map(|&sample| f64::from(sample).powi(2))
                .sum();
            10.0 * (energy / samples.len() as f64).log10()
        };
        let difference = level("stems/drums.flac") - level("stems/guitar.flac");
        assert!(difference.abs() < 3.0, "{difference} dB");
    }

    #[test]
    fn a_folder_without_the_packages_lacks_both() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            missing(folder.path(), &PACKAGES),
            ["fretsonfire-songs-sectoid", "sonic-pi-samples"]
        );
    }
}
