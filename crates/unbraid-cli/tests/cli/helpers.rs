//! Recordings made in code, and the program run on them.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use ndarray::Array2;
use unbraid::Audio;
use unbraid::testsignals::{drums_and_guitar, mix};
use unbraid_io::audio::{OutputFormat, Span, StemSet, read_audio};

/// The program, run in a folder.
pub(crate) fn unbraid(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("unbraid").unwrap();
    command.current_dir(folder);
    command
}

pub(crate) fn write(path: &Path, audio: &Audio, format: OutputFormat) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let paths = [path.to_owned()];
    let (channels, len) = (audio.channels(), audio.len_samples());
    let mut set = StemSet::create(&paths, format, audio.sample_rate(), channels, len, 1.0).unwrap();
    set.write(audio.samples().insert_axis(ndarray::Axis(0)))
        .unwrap();
    set.finish().unwrap();
}

/// Two seconds of drums and guitar at 8 kHz, mono, 16 bit.
pub(crate) fn write_mixture(path: &Path) -> Audio {
    let (drums, guitar) = drums_and_guitar(2.0, 8000);
    write(path, &mix(&[&drums, &guitar]), OutputFormat::Wav16);
    read(path)
}

/// The same in stereo, drums to the left, guitar to the right.
pub(crate) fn write_stereo(path: &Path) -> Audio {
    let (drums, guitar) = drums_and_guitar(2.0, 8000);
    let samples = Array2::from_shape_fn((2, drums.len_samples()), |(channel, n)| {
        let (near, far) = if channel == 0 { (0.9, 0.3) } else { (0.3, 0.9) };
        near * drums.channel(0)[n] + far * guitar.channel(0)[n]
    });
    write(
        path,
        &Audio::new(samples, 8000).unwrap(),
        OutputFormat::Wav16,
    );
    read(path)
}

pub(crate) fn read(path: &Path) -> Audio {
    read_audio(path, Span::default()).unwrap().audio
}

/// The largest difference between a recording and the sum of stems.
pub(crate) fn worst_difference(audio: &Audio, stems: &[PathBuf]) -> f32 {
    let mut rest = audio.samples().to_owned();
    for stem in stems {
        rest -= &read(stem).samples();
    }
    rest.iter().fold(0.0, |worst, x| worst.max(x.abs()))
}

/// Every file below a folder, sorted, hidden ones too.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}
